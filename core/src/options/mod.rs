//! Placeholder.
/// s
#[derive(Clone, Debug, Default)]
pub struct Options {}
