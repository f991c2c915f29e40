//! Every text that a user reads.
pub mod itemize;
pub mod number;
pub mod time;
