//! The token stream (spec 3.7): a file as literal bytes and numbers of blocks that the receiver has already.
//!
//! Plain tokens are ints: positive, the length of a literal that follows; negative, a block; zero, the end. With a
//! compressor, flag bytes take their place, and runs of blocks need one token:
//!
//! | flag | followed by |
//! |---|---|
//! | `00` | nothing: the end |
//! | `40 + n/256`, `n%256` | `n` bytes of compressed literals |
//! | `80 + r` | nothing: block last + `r` |
//! | `c0 + r` | shortint `k`: blocks last + `r` to last + `r` + `k` |
//! | `20` | int `b`: block `b` |
//! | `21` | int `b`, shortint `k`: blocks `b` to `b` + `k` |

mod decode;
mod encode;

pub use decode::TokenDecoder;
pub use encode::TokenEncoder;

use super::Outbox;
use super::compress::deflate::History;
use super::compress::{Compressor, ZstdSettings};
use alloc::vec::Vec;

const FLAG_END: u8 = 0x00;
const FLAG_LONG: u8 = 0x20;
const FLAG_RUN_LONG: u8 = 0x21;
const FLAG_DATA: u8 = 0x40;
const FLAG_REL: u8 = 0x80;
const FLAG_RUN_REL: u8 = 0xc0;
/// Bits of a flag byte that tell the relative tokens and data apart.
const FLAG_KIND: u8 = 0xc0;
/// The other bits.
const FLAG_VALUE: u8 = 0x3f;
/// Most blocks in one token.
const RUN_BLOCKS_MAX: u32 = 0x1_0000;
/// Largest block number.
const BLOCK_MAX: u32 = 0x7fff_fffe;

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Bytes of the file; never empty, but possibly only a part of what was sent as one literal.
    Literal(&'a [u8]),
    /// Consecutive blocks of the basis. Whether it has that many is for the owner to check.
    Block {
        /// The first one.
        first: u32,
        /// How many, at least one.
        count: u32,
    },
    /// The file is complete.
    End,
}

/// How both ends of a session agreed to send tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenFormat {
    /// The compressor.
    pub compressor: Compressor,
    /// The level, if the user chose one. Level 0 turns zlib and zlibx off, on both sides.
    pub level: Option<i32>,
    /// The protocol, which decides how long blocks enter zlib's history.
    pub protocol: u32,
    /// Deflate without compressing: a daemon with `dont compress = *`.
    pub stored: bool,
    /// Threads for zstd, 0 for none.
    pub threads: u32,
}

impl TokenFormat {
    /// The plain format.
    pub const PLAIN: TokenFormat =
        TokenFormat { compressor: Compressor::None, level: None, protocol: 32, stored: false, threads: 0 };

    /// Whether tokens are plain ints and literals.
    pub fn is_plain(&self) -> bool {
        match self.compressor {
            Compressor::None => true,
            Compressor::Zlib | Compressor::Zlibx => self.level == Some(0),
            Compressor::Lz4 | Compressor::Zstd => false,
        }
    }

    fn deflate_level(&self) -> i32 {
        match self.level {
            _ if self.stored => 0,
            None | Some(-1) => 6,
            Some(level) => level.clamp(1, 9),
        }
    }

    fn history(&self) -> History {
        match self.compressor {
            Compressor::Zlib if self.protocol < 31 => History::BlockStarts,
            Compressor::Zlib => History::Blocks,
            _ => History::Nothing,
        }
    }

    fn zstd_settings(&self) -> ZstdSettings {
        let level = self.level.filter(|&level| level != 0).unwrap_or(3);
        ZstdSettings { level, threads: self.threads }
    }
}

/// Where an encoder writes: the outbox, or a plain buffer.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Outbox {
    fn put(&mut self, bytes: &[u8]) {
        self.data(bytes);
    }
}

#[cfg(test)]
mod tests;
