//! Checksums: the rolling sum that finds candidates, the strong sums that confirm them, and the digests of whole files
//! (spec 3.5).
//!
//! [`ALGORITHMS`] is the one table: negotiation, options and benches go through it.

mod auth;
mod digest;
pub mod rolling;

pub use auth::AuthDigest;
pub use digest::{Digest, DigestValue, Strong};

/// A strong checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// XXH3, 128 bits.
    Xxh128,
    /// XXH3, 64 bits.
    Xxh3,
    /// XXH64.
    Xxh64,
    /// MD5.
    Md5,
    /// MD4, chosen by name.
    Md4,
    /// SHA-1.
    Sha1,
    /// No checksum: whole files, verified by nothing.
    None,
    /// The implicit MD4 of protocols 27 to 29, which hashes the seed before a whole file.
    Md4Old,
}

/// One checksum of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which.
    pub algorithm: Algorithm,
    /// The name in negotiation and options.
    pub name: &'static str,
    /// Another name for it.
    pub alias: Option<&'static str>,
    /// Bytes of a digest.
    pub digest_bytes: usize,
}

const fn row(algorithm: Algorithm, name: &'static str, alias: Option<&'static str>, digest_bytes: usize) -> Row {
    Row { algorithm, name, alias, digest_bytes }
}

/// The checksums that can be chosen by name, in canonical order.
pub const ALGORITHMS: &[Row] = &[
    row(Algorithm::Xxh128, "xxh128", None, 16),
    row(Algorithm::Xxh3, "xxh3", None, 8),
    row(Algorithm::Xxh64, "xxh64", Some("xxhash"), 8),
    row(Algorithm::Md5, "md5", None, 16),
    row(Algorithm::Md4, "md4", None, 16),
    row(Algorithm::Sha1, "sha1", None, 20),
    row(Algorithm::None, "none", None, 1),
];

impl Algorithm {
    /// The checksum of this name, whatever its case.
    pub fn from_name(name: &[u8]) -> Option<Algorithm> {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        ALGORITHMS.iter().find(|row| is(row.name) || row.alias.is_some_and(is)).map(|row| row.algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ALGORITHMS.iter().find(|row| row.algorithm == self).map_or("md4", |row| row.name)
    }

    /// Bytes of a digest.
    pub fn digest_bytes(self) -> usize {
        ALGORITHMS.iter().find(|row| row.algorithm == self).map_or(16, |row| row.digest_bytes)
    }

    /// Whether digests are little-endian on the wire, while `%C` shows the most significant byte first.
    pub fn is_little_endian(self) -> bool {
        matches!(self, Algorithm::Xxh128 | Algorithm::Xxh3 | Algorithm::Xxh64)
    }
}
