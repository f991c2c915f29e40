//! Placeholder.
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumHead {
    /// c
    pub count: u32,
    /// b
    pub block_bytes: u32,
    /// s
    pub strong_bytes: u32,
    /// r
    pub remainder: u32,
}
