//! The compressors of file data (spec 3.7): their names, and what each needs to work.
//!
//! Deflate and LZ4 are pure Rust and live here. Zstd is a C library in most hosts, so a host that has one hands it in as
//! [`Codecs`]; without it zstd is not offered.

pub mod deflate;
pub mod lz4;

use crate::Error;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How literals travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compressor {
    /// One continuous stream per session.
    Zstd,
    /// Each record an independent block.
    Lz4,
    /// Deflate, one stream per file, without matched data in its history.
    Zlibx,
    /// Deflate, one stream per file, with matched data in its history.
    Zlib,
    /// The plain token format.
    None,
}

impl Compressor {
    /// All, in the canonical order of preference (spec 1.5.3).
    pub const ALL: [Compressor; 5] =
        [Compressor::Zstd, Compressor::Lz4, Compressor::Zlibx, Compressor::Zlib, Compressor::None];

    /// The name in options and negotiation lists.
    pub const fn name(self) -> &'static str {
        match self {
            Compressor::Zstd => "zstd",
            Compressor::Lz4 => "lz4",
            Compressor::Zlibx => "zlibx",
            Compressor::Zlib => "zlib",
            Compressor::None => "none",
        }
    }

    /// The compressor of a name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Compressor> {
        Compressor::ALL.into_iter().find(|compressor| compressor.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Those that a host with these codecs can do, in canonical order.
    pub fn supported(codecs: &Codecs) -> Vec<Compressor> {
        let has = |compressor: &Compressor| *compressor != Compressor::Zstd || codecs.zstd.is_some();
        Compressor::ALL.into_iter().filter(has).collect()
    }
}

/// What the host adds to the compressors of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codecs {
    /// Zstd, if the host has it.
    pub zstd: Option<ZstdFactory>,
}

/// Makes zstd contexts.
#[derive(Clone, Copy, Debug)]
pub struct ZstdFactory {
    /// A compression context for a whole session.
    pub encoder: fn(ZstdSettings) -> Result<Box<dyn ZstdEncoder>, Error>,
    /// A decompression context for a whole session.
    pub decoder: fn() -> Result<Box<dyn ZstdDecoder>, Error>,
}

/// How hard zstd should try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZstdSettings {
    /// The level as the user gave it, 3 if he did not; the host clamps it to what its library can do.
    pub level: i32,
    /// Worker threads, 0 for none.
    pub threads: u32,
}

/// A zstd compression context.
pub trait ZstdEncoder: Send {
    /// Compresses all of `input` and appends what comes out to `out`. With `flush`, a decoder that gets it can produce
    /// all input so far (`ZSTD_e_flush`, never `ZSTD_e_end`).
    fn compress(&mut self, input: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error>;
}

/// A zstd decompression context, which goes on with the next frame when one ends.
pub trait ZstdDecoder: Send {
    /// Decompresses from `input` into `output` until either is used up.
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Error>;
}

/// How far a call of a decompressor came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that were used.
    pub consumed: usize,
    /// Bytes of the output that were written. If they fill it, there may be more.
    pub produced: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names = Compressor::ALL.map(Compressor::name).join(" ");
        assert_eq!(names, "zstd lz4 zlibx zlib none");
        for compressor in Compressor::ALL {
            assert_eq!(Compressor::from_name(compressor.name().as_bytes()), Some(compressor));
        }
        assert_eq!(Compressor::from_name(b"ZLibX"), Some(Compressor::Zlibx));
        assert_eq!(Compressor::from_name(b"gzip"), None);
    }

    #[test]
    fn zstd_only_with_a_codec() {
        assert!(!Compressor::supported(&Codecs::default()).contains(&Compressor::Zstd));
    }
}
