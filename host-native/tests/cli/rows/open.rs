//! Rows in which Syncline is known to differ from stock: each is run all the same, and named when it comes out equal, so that
//! it can be taken off this list.

/// Names of rows.
pub const OPEN: &[&str] = &[];
