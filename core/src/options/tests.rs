//! Command lines and what they mean.
