//! The digest of a whole file, fed piece by piece (spec 3.5.4 for transfers, 2.3.10 for `--checksum`).

use super::algorithm::Algorithm;
use alloc::boxed::Box;
use md5::Digest as _;
use xxhash_rust::{xxh3::Xxh3, xxh64::Xxh64};

/// Length of the longest digest, that of BLAKE2.
pub const DIGEST_BYTES_MAX: usize = 32;

/// A finished digest, in the byte order of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DigestValue {
    bytes: [u8; DIGEST_BYTES_MAX],
    len: u8,
}

impl DigestValue {
    /// Takes a digest off the wire; the bytes beyond [`DIGEST_BYTES_MAX`] are ignored.
    pub fn from_bytes(digest: &[u8]) -> DigestValue {
        let mut bytes = [0; DIGEST_BYTES_MAX];
        let len = digest.len().min(DIGEST_BYTES_MAX);
        bytes[..len].copy_from_slice(&digest[..len]);
        DigestValue { bytes, len: len as u8 }
    }

    /// All zero: what stands for the digest of a file that can't be read.
    pub fn zero(len: usize) -> DigestValue {
        DigestValue { bytes: [0; DIGEST_BYTES_MAX], len: len.min(DIGEST_BYTES_MAX) as u8 }
    }

    /// As many bytes as the algorithm has.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// What a sender reports after it failed to read its file, so that the receiver can not take the result for good:
    /// zeros, or something else should the true digest be zeros (spec 3.3.4).
    pub fn falsified(&self) -> DigestValue {
        let mut bytes = [0; DIGEST_BYTES_MAX];
        if self.as_bytes().iter().all(|&byte| byte == 0) {
            bytes[usize::from(self.len).saturating_sub(1)] = 1;
        }
        DigestValue { bytes, len: self.len }
    }
}

impl core::fmt::Debug for DigestValue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// As a sequence of bytes, so that a length that can't be can't come in.
#[cfg(feature = "serde")]
impl serde::Serialize for DigestValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DigestValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<DigestValue, D::Error> {
        let bytes = alloc::vec::Vec::<u8>::deserialize(deserializer)?;
        Ok(DigestValue::from_bytes(&bytes))
    }
}

/// A digest in the making.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Xxh128(Box<Xxh3>),
    Xxh3(Box<Xxh3>),
    Xxh64(Xxh64),
    Md5(md5::Md5),
    Md4(md4::Md4),
    Sha1(sha1::Sha1),
    #[cfg(feature = "format")]
    Blake2(Box<blake2b_simd::State>),
    None,
}

/// BLAKE2b with 256 bits, as librsync has it.
#[cfg(feature = "format")]
pub(super) fn blake2_params() -> blake2b_simd::Params {
    let mut params = blake2b_simd::Params::new();
    params.hash_length(DIGEST_BYTES_MAX);
    params
}

impl Digest {
    /// The digest that follows the data of a transferred file. Only the implicit MD4 of old protocols takes the seed.
    pub fn whole_file(algorithm: Algorithm, seed: i32) -> Digest {
        let mut digest = Digest::list(algorithm);
        if algorithm == Algorithm::Md4Old {
            digest.update(&seed.to_le_bytes());
        }
        digest
    }

    /// The digest that stands in the file list with `--checksum`: never seeded.
    pub fn list(algorithm: Algorithm) -> Digest {
        Digest(match algorithm {
            Algorithm::Xxh128 => State::Xxh128(Box::new(Xxh3::new())),
            Algorithm::Xxh3 => State::Xxh3(Box::new(Xxh3::new())),
            Algorithm::Xxh64 => State::Xxh64(Xxh64::new(0)),
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Md4 | Algorithm::Md4Old => State::Md4(md4::Md4::new()),
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            #[cfg(feature = "format")]
            Algorithm::Blake2 => State::Blake2(Box::new(blake2_params().to_state())),
            Algorithm::None => State::None,
        })
    }

    /// Appends `data`.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Xxh128(state) | State::Xxh3(state) => state.update(data),
            State::Xxh64(state) => state.update(data),
            State::Md5(state) => state.update(data),
            State::Md4(state) => state.update(data),
            State::Sha1(state) => state.update(data),
            #[cfg(feature = "format")]
            State::Blake2(state) => drop(state.update(data)),
            State::None => {}
        }
    }

    /// The digest of everything appended.
    pub fn finish(self) -> DigestValue {
        match self.0 {
            State::Xxh128(state) => DigestValue::from_bytes(&state.digest128().to_le_bytes()),
            State::Xxh3(state) => DigestValue::from_bytes(&state.digest().to_le_bytes()),
            State::Xxh64(state) => DigestValue::from_bytes(&state.digest().to_le_bytes()),
            State::Md5(state) => DigestValue::from_bytes(&state.finalize()),
            State::Md4(state) => DigestValue::from_bytes(&state.finalize()),
            State::Sha1(state) => DigestValue::from_bytes(&state.finalize()),
            #[cfg(feature = "format")]
            State::Blake2(state) => DigestValue::from_bytes(state.finalize().as_bytes()),
            State::None => DigestValue::from_bytes(&[0]),
        }
    }
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self.0 {
            State::Xxh128(_) => "Digest(xxh128)",
            State::Xxh3(_) => "Digest(xxh3)",
            State::Xxh64(_) => "Digest(xxh64)",
            State::Md5(_) => "Digest(md5)",
            State::Md4(_) => "Digest(md4)",
            State::Sha1(_) => "Digest(sha1)",
            #[cfg(feature = "format")]
            State::Blake2(_) => "Digest(blake2)",
            State::None => "Digest(none)",
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::{format, string::String};

    pub(crate) fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The small source file of the spec's captures.
    const SMALL: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOP<new ABCDEFGHIJKL>QRSTUVWXYZ!?.,:;tail42";

    fn check(mut digest: Digest, data: &[u8], expect: &str) {
        let mut pieces = digest.clone();
        digest.update(data);
        assert_eq!(hex(digest.finish().as_bytes()), expect);
        data.chunks(5).for_each(|piece| pieces.update(piece));
        assert_eq!(hex(pieces.finish().as_bytes()), expect, "in pieces");
    }

    #[test]
    fn whole_files_of_the_spec() {
        for (algorithm, expect) in [
            (Algorithm::Xxh128, "6a0220a36dbcd1a28a1eb9f911f7351c"),
            (Algorithm::Xxh3, "7e3d0552fa8e26c0"),
            (Algorithm::Xxh64, "04d406a9f1ba6174"),
            (Algorithm::Md5, "f1db253733a9246da41e9d44b5260ea0"),
            (Algorithm::Sha1, "b79cd23cd201194820aadb0dd2493217e164f9b9"),
            (Algorithm::Md4, "b30701d5d03a4aa71b1a4c44e4f6d08a"),
            (Algorithm::Md4Old, "142cc109849e373d95175001d80c328d"),
            (Algorithm::None, "00"),
        ] {
            check(Digest::whole_file(algorithm, 12345), SMALL, expect);
        }
        check(Digest::whole_file(Algorithm::Xxh128, 12345), b"", "7f498d4624c30160d8984701d306aa99");
    }

    #[test]
    fn list_digests_of_abc() {
        for (algorithm, expect) in [
            (Algorithm::Md4, "a448017aaf21d8525fc10ae87aa6729d"),
            (Algorithm::Md4Old, "a448017aaf21d8525fc10ae87aa6729d"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Xxh64, "990977adf52cbc44"),
            (Algorithm::Xxh3, "50392f89945faf78"),
            (Algorithm::Xxh128, "50392f89945faf7885613a73b65ab006"),
        ] {
            check(Digest::list(algorithm), b"abc", expect);
        }
    }

    #[test]
    fn a_falsified_digest_never_verifies() {
        let zero = DigestValue::from_bytes(&[0; 8]);
        assert_eq!(zero.falsified().as_bytes(), [0, 0, 0, 0, 0, 0, 0, 1]);
        let real = DigestValue::from_bytes(&[1, 2, 3, 4]);
        assert_eq!(real.falsified().as_bytes(), [0; 4]);
    }
}
