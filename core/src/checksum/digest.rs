//! Strong sums of blocks and digests of whole files, with their seed rules (spec 3.5.3).

use alloc::boxed::Box;
#[cfg(test)]
use alloc::vec::Vec;

use md4::Md4;
use md5::Md5;
use sha1::Sha1;
use sha1::digest::Digest as _;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed, xxh3_128_with_seed};
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::Algorithm;

/// Longest digest.
const DIGEST_BYTES_MAX: usize = 20;

/// The value of a digest, as its bytes travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DigestValue {
    bytes: [u8; DIGEST_BYTES_MAX],
    len: u8,
}

impl DigestValue {
    /// From bytes; what exceeds the longest digest is cut.
    pub fn from_bytes(bytes: &[u8]) -> DigestValue {
        let mut value = DigestValue::zero(bytes.len());
        let len = usize::from(value.len);
        value.bytes[..len].copy_from_slice(&bytes[..len]);
        value
    }

    /// All zero: what stands for the digest of a file that can't be read.
    pub fn zero(len: usize) -> DigestValue {
        DigestValue { bytes: [0; DIGEST_BYTES_MAX], len: len.min(DIGEST_BYTES_MAX) as u8 }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The strong sum of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strong {
    /// The checksum.
    pub algorithm: Algorithm,
    /// The session's seed.
    pub seed: i32,
    /// Whether MD5 hashes the seed before the data rather than after it.
    pub seed_first: bool,
}

impl Strong {
    /// The sum of one block; its leading bytes travel. Bytes past the digest's length are zero.
    pub fn block(&self, data: &[u8], out: &mut [u8; 20]) {
        let seed = self.seed.to_le_bytes();
        // Seed 0 counts as no seed at all.
        let seed: &[u8] = if self.seed == 0 { &[] } else { &seed };
        let wide = i64::from(self.seed) as u64;
        *out = [0; 20];
        match self.algorithm {
            Algorithm::Xxh128 => out[..16].copy_from_slice(&xxh3_128_with_seed(data, wide).to_le_bytes()),
            Algorithm::Xxh3 => out[..8].copy_from_slice(&xxh3_64_with_seed(data, wide).to_le_bytes()),
            Algorithm::Xxh64 => out[..8].copy_from_slice(&xxh64(data, wide).to_le_bytes()),
            Algorithm::Md5 if self.seed_first => put(out, &Md5::new().chain_update(seed).chain_update(data).finalize()),
            Algorithm::Md5 => put(out, &Md5::new().chain_update(data).chain_update(seed).finalize()),
            Algorithm::Md4 | Algorithm::Md4Old => {
                put(out, &Md4::new().chain_update(data).chain_update(seed).finalize())
            }
            Algorithm::Sha1 => put(out, &Sha1::new().chain_update(seed).chain_update(data).finalize()),
            Algorithm::None => {}
        }
    }
}

fn put(out: &mut [u8; 20], digest: &[u8]) {
    out[..digest.len()].copy_from_slice(digest);
}

/// The digest of a file, fed piece by piece.
pub struct Digest(State);

enum State {
    Xxh128(Box<Xxh3>),
    Xxh3(Box<Xxh3>),
    Xxh64(Box<Xxh64>),
    Md5(Md5),
    Md4(Md4),
    Sha1(Sha1),
    None,
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Digest")
    }
}

impl Digest {
    /// The digest that verifies a transfer. Only the old MD4 knows the seed.
    pub fn whole_file(algorithm: Algorithm, seed: i32) -> Digest {
        let mut digest = Digest::list(algorithm);
        if algorithm == Algorithm::Md4Old {
            digest.update(&seed.to_le_bytes());
        }
        digest
    }

    /// The digest of `--checksum`, never seeded.
    pub fn list(algorithm: Algorithm) -> Digest {
        Digest(match algorithm {
            Algorithm::Xxh128 => State::Xxh128(Box::new(Xxh3::new())),
            Algorithm::Xxh3 => State::Xxh3(Box::new(Xxh3::new())),
            Algorithm::Xxh64 => State::Xxh64(Box::new(Xxh64::new(0))),
            Algorithm::Md5 => State::Md5(Md5::new()),
            Algorithm::Md4 | Algorithm::Md4Old => State::Md4(Md4::new()),
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::None => State::None,
        })
    }

    /// More bytes of the file.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Xxh128(state) | State::Xxh3(state) => state.update(data),
            State::Xxh64(state) => state.update(data),
            State::Md5(state) => state.update(data),
            State::Md4(state) => state.update(data),
            State::Sha1(state) => state.update(data),
            State::None => {}
        }
    }

    /// The digest of all bytes so far.
    pub fn finish(self) -> DigestValue {
        match self.0 {
            State::Xxh128(state) => DigestValue::from_bytes(&state.digest128().to_le_bytes()),
            State::Xxh3(state) => DigestValue::from_bytes(&state.digest().to_le_bytes()),
            State::Xxh64(state) => DigestValue::from_bytes(&state.digest().to_le_bytes()),
            State::Md5(state) => DigestValue::from_bytes(&state.finalize()),
            State::Md4(state) => DigestValue::from_bytes(&state.finalize()),
            State::Sha1(state) => DigestValue::from_bytes(&state.finalize()),
            State::None => DigestValue::zero(1),
        }
    }
}

/// Lower-case hexadecimal.
#[cfg(test)]
fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|b| [b"0123456789abcdef"[usize::from(b >> 4)], b"0123456789abcdef"[usize::from(b & 15)]])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(hex(bytes)).unwrap()
    }

    /// Spec 3.5.5.
    #[test]
    fn blocks() {
        for (algorithm, seed, seed_first, expect) in [
            (Algorithm::Xxh128, 12345, true, "e580c6789674a3aae271b3066857858a"),
            (Algorithm::Xxh3, 12345, true, "a94e7f379ce497b2"),
            (Algorithm::Xxh64, 12345, true, "340f28c21a3597a0"),
            (Algorithm::Md5, 12345, true, "f31ded067ffe2245e70e2db9c0d157fd"),
            (Algorithm::Md5, 12345, false, "071da9155f1dfda50fbbc46feff6a756"),
            (Algorithm::Sha1, 12345, true, "2d0440c555307a6514ea7386fd71d5c75cd774bb"),
            (Algorithm::Md4, 12345, true, "23d17bfacbffed326697308ca025602f"),
            (Algorithm::Md4Old, 12345, true, "23d17bfacbffed326697308ca025602f"),
            (Algorithm::Xxh128, -7, true, "48ca3f3aca30912acc8b3ca994ddc274"),
            (Algorithm::Xxh3, -7, true, "c7cb8fa609a1eaf9"),
            (Algorithm::Xxh64, -7, true, "785edd449343dc9b"),
            (Algorithm::Md5, -7, true, "ca793848abe233c40e3890d36b70f226"),
            (Algorithm::Md5, -7, false, "71ec9ce9c86c4013f833974cc52a7c00"),
            (Algorithm::Sha1, -7, true, "689c395b91dc4c8c917554d4bc9cbe06dff0d79a"),
            (Algorithm::Md4, -7, true, "5b2b82f5a7c770ee4c9e1dfb9904deea"),
        ] {
            let mut out = [0; 20];
            Strong { algorithm, seed, seed_first }.block(b"0123456789abcdef", &mut out);
            assert_eq!(text(&out[..expect.len() / 2]), expect, "{algorithm:?} {seed}");
        }
    }

    /// Spec 2.3.10.
    #[test]
    fn whole_files() {
        for (algorithm, expect) in [
            (Algorithm::Md4, "a448017aaf21d8525fc10ae87aa6729d"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Xxh64, "990977adf52cbc44"),
            (Algorithm::Xxh3, "50392f89945faf78"),
            (Algorithm::Xxh128, "50392f89945faf7885613a73b65ab006"),
            (Algorithm::None, "00"),
        ] {
            let mut digest = Digest::whole_file(algorithm, 12345);
            digest.update(b"a");
            digest.update(b"bc");
            let value = digest.finish();
            assert_eq!(text(value.as_bytes()), expect, "{algorithm:?}");
            assert_eq!(value.as_bytes().len(), algorithm.digest_bytes());
        }
    }
}
