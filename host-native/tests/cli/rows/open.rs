//! Rows in which Syncline is known to differ from stock. `SYNCLINE_OPEN=1 cargo test --release --test cli` runs them, so that
//! those that come out equal can be taken off this list.

/// Names of rows.
pub const OPEN: &[&str] = &[
    "conflict insecure confine",
    "daemon dparam alone",
    "daemon push secluded",
    "dirs only",
    "files from entry missing",
    "list remote home",
    "option bad copy as",
    "option bad iconv",
    "option checksum none",
    "option confine root relative",
    "protocol 19 remote",
    "protocol pull 27 in place",
    "protocol pull 28 in place",
    "protocol too old for acls",
    "protocol too old for xattrs",
    "protocol too old for fuzzy",
    "protocol too old for prune",
    "protocol too old for link dest in place",
    "protocol too old for two copy dest",
    "pull only missing",
    "push with -ai --backup-dir_bak --delete",
    "remove source told",
    "shell cut pull",
    "unreadable delete",
];
