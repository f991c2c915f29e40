//! Every text that a user reads.
pub mod itemize;
pub mod number;
pub mod time;
pub mod format;
pub mod listing;
pub mod stats;
pub mod progress;
pub mod escape;
