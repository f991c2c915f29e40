//! Temporary: the parts that the session needs.
pub mod chmod;
pub mod data;
mod env;
pub mod levels;
mod number;
pub mod stop;
pub use data::*;
pub use env::Env;
pub use levels::{Debug, Info, Levels};

impl Options {
    /// x
    pub fn compresses(&self) -> bool { self.compress > 0 || self.compress_choice.as_deref().is_some_and(|c| c != b"none") || self.compress_level.is_some() }
    /// x
    pub fn compressor(&self) -> Result<Option<crate::wire::Compressor>, crate::Error> { Ok(self.compress_choice.as_deref().and_then(crate::wire::Compressor::from_name)) }
    /// x
    #[allow(clippy::type_complexity)]
    pub fn checksums(&self) -> Result<Option<(Option<crate::checksum::Algorithm>, Option<crate::checksum::Algorithm>)>, crate::Error> {
        let Some(text) = &self.checksum_choice else { return Ok(None) };
        let mut parts = text.splitn(2, |&b| b == b',');
        let one = |n: &[u8]| crate::checksum::Algorithm::from_name(n);
        let a = one(parts.next().unwrap_or_default());
        Ok(Some((a, parts.next().map_or(a, one))))
    }
}
