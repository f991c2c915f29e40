//! Signatures and deltas as files, for those who want the algorithm without a session.
//!
//! ```text
//!   basis ──► SignatureWriter ──► signature ──► SignatureReader ──┐
//!                                                                 ▼
//!                                         new file ──► DeltaWriter ──► delta ──► Patcher ──► new file
//!                                                                                  ▲
//!                                                                       basis ─────┘
//! ```
//!
//! All four are fed pieces of any size and hold no more than the limit that the caller sets. Two formats are known: our
//! own, which checks itself, and librsync's, which the program `rdiff` reads and writes.
//!
//! A delta is made as it is sent, so the length of a literal stands in it before the literal has ended. A stream has a command for
//! each mebibyte of it therefore; a file, which can be written to again, has one for all of it ([`DeltaOptions::corrects`]).
//!
//! # The signature file, version 1
//!
//! Numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic `89 53 4c 53` |
//! | 1 | version, 1 |
//! | 1 | algorithm: 1 xxh128, 2 xxh3, 3 xxh64, 4 md5, 5 md4, 6 sha1, 7 blake2 |
//! | 1 | bytes of each strong sum, 1 to the algorithm's length |
//! | 1 | 0 |
//! | 4 | bytes of a block |
//! | 4 | seed of the strong sums |
//! | | groups: 2 bytes, how many entries follow, 1024 but in the last group; then these |
//! | 4, n | an entry: the block's weak sum as rsync has it, then its strong sum |
//! | 2 | 0: no more groups |
//! | 8 | bytes of the basis; the last block is shorter if they say so |
//! | d | digest of the basis, by the same algorithm |
//! | 8 | XXH3, 64 bits, of everything before |
//!
//! # The delta file, version 1
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic `89 53 4c 44` |
//! | 1 | version, 1 |
//! | 1 | algorithm, as above |
//! | 2 | 0 |
//! | 8 | bytes of the basis |
//! | d | digest of the basis |
//! | | commands, each beginning with a number of up to ten bytes, seven bits each, the lowest first (LEB128): |
//! | | 0: no more commands |
//! | | 2n: a literal of n bytes, which follow |
//! | | 2n + 1: copy n bytes of the basis; a second number says where: the distance from the end of the copy before (at first from 0), 2d if it is d ahead, 2d - 1 if it is d back |
//! | 8 | bytes of the new file |
//! | d | digest of the new file |
//! | 8 | XXH3, 64 bits, of everything before, but of each literal's command behind the literal's bytes |
//!
//! A delta that is intact and yields another digest than it says was applied to the wrong basis: that is how
//! [`FormatError::WrongBasis`] is told from [`FormatError::Damaged`]. The digests protect from accidents; only with
//! `blake2` do they protect from people who make files that collide.

mod delta;
mod error;
mod librsync;
mod outlet;
mod patch;
mod read;
mod sign;
pub mod slices;
mod small;

pub use delta::{Correction, DeltaOptions, DeltaWriter};
pub use error::FormatError;
pub use patch::{PatchLimits, PatchStep, Patcher};
pub use read::{BasisSignature, SignatureReader};
pub use sign::{BlockSums, SignatureOptions, SignatureWriter, recommended_block_bytes};

use crate::checksum::{Algorithm, DigestValue, WeakSum};

/// A kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Our own.
    #[default]
    Syncline,
    /// That of librsync and its program `rdiff`.
    Librsync,
}

/// What memory a reader of a signature may take when the caller has no opinion: 1 GiB.
pub const MEMORY_MAX: u64 = 1 << 30;

/// How a basis is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasisId {
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub digest: DigestValue,
}

pub(crate) const SIGNATURE_MAGIC: [u8; 4] = [0x89, b'S', b'L', b'S'];
pub(crate) const DELTA_MAGIC: [u8; 4] = [0x89, b'S', b'L', b'D'];
const VERSION: u8 = 1;
/// Entries of a full group.
const GROUP_ENTRIES: usize = 1024;
/// Bytes of what checks a file.
const CHECK_BYTES: usize = 8;

/// Algorithms that files may name, by their numbers.
const ALGORITHMS: [(u8, Algorithm); 7] = [
    (1, Algorithm::Xxh128),
    (2, Algorithm::Xxh3),
    (3, Algorithm::Xxh64),
    (4, Algorithm::Md5),
    (5, Algorithm::Md4),
    (6, Algorithm::Sha1),
    (7, Algorithm::Blake2),
];

impl Format {
    /// The format called `syncline` or `librsync`.
    pub fn from_name(name: &str) -> Option<Format> {
        match name {
            "syncline" => Some(Format::Syncline),
            "librsync" | "rdiff" => Some(Format::Librsync),
            _ => None,
        }
    }
}

/// The number of an algorithm in files; none for what files may not have.
fn number_of(algorithm: Algorithm) -> Option<u8> {
    ALGORITHMS.iter().find(|row| row.1 == algorithm).map(|row| row.0)
}

fn algorithm_of(number: u8) -> Result<Algorithm, FormatError> {
    let row = ALGORITHMS.iter().find(|row| row.0 == number);
    row.map(|row| row.1).ok_or(FormatError::UnknownAlgorithm { number })
}

/// The algorithm for a signature file by the name that a user types.
pub fn algorithm_from_name(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().map(|row| row.1).find(|algorithm| algorithm.name() == name)
}

/// The names that [`algorithm_from_name`] knows.
pub fn algorithm_names() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().map(|row| row.1.name())
}

/// The weak sum that goes with a format by default.
pub fn default_weak(format: Format) -> WeakSum {
    match format {
        Format::Syncline => WeakSum::Rsync,
        Format::Librsync => WeakSum::RabinKarp,
    }
}

#[cfg(test)]
mod tests;
