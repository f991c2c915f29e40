//! Placeholder.
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// x
    Xxh128,
}
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestValue;
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strong {
    /// a
    pub algorithm: Algorithm,
    /// s
    pub seed: i32,
    /// f
    pub seed_first: bool,
}
