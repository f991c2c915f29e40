//! Rows in which Syncline is known to differ from stock. `SYNCLINE_OPEN=1 cargo test --release --test cli` runs them, so that
//! those that come out equal can be taken off this list.

/// Names of rows.
pub const OPEN: &[&str] = &[];
