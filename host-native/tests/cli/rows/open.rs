//! Rows in which Syncline is known to differ from stock. `SYNCLINE_OPEN=1 cargo test --release --test cli` runs them, so that
//! those that come out equal can be taken off this list.

/// Names of rows.
pub const OPEN: &[&str] = &[
    "batch missing",
    "conflict batch files from",
    "conflict batch remote dest",
    "conflict batch remove source",
    "conflict batches",
    "conflict insecure confine",
    "daemon dparam alone",
    "daemon push secluded",
    "delete max zero",
    "dirs only",
    "files from entry missing",
    "ignore existing",
    "list remote home",
    "only write batch",
    "option bad copy as",
    "option bad iconv",
    "option checksum none",
    "option confine root relative",
    "pull only missing",
    "pull protocol 27",
    "push protocol 27",
    "remove source told",
    "shell cut pull",
    "unreadable delete",
    "write batch",
];
