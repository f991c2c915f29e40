//! The digests of a daemon's challenge and response (spec 1.6.5, 5.8).

use alloc::vec::Vec;

use md4::Md4;
use md5::Md5;
use sha1::Sha1;

use sha2::{Sha256, Sha512};

/// A digest for passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthDigest {
    /// SHA-512.
    Sha512,
    /// SHA-256.
    Sha256,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
    /// MD4.
    Md4,
}

impl AuthDigest {
    /// Strongest first: the order in which greetings name them.
    pub const ALL: [AuthDigest; 5] =
        [AuthDigest::Sha512, AuthDigest::Sha256, AuthDigest::Sha1, AuthDigest::Md5, AuthDigest::Md4];

    /// Its name in greetings.
    pub fn name(self) -> &'static str {
        match self {
            AuthDigest::Sha512 => "sha512",
            AuthDigest::Sha256 => "sha256",
            AuthDigest::Sha1 => "sha1",
            AuthDigest::Md5 => "md5",
            AuthDigest::Md4 => "md4",
        }
    }

    /// The digest of the parts in a row, as base64 without padding.
    fn base64(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: sha1::digest::Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        let digest = match self {
            AuthDigest::Sha512 => of::<Sha512>(parts),
            AuthDigest::Sha256 => of::<Sha256>(parts),
            AuthDigest::Sha1 => of::<Sha1>(parts),
            AuthDigest::Md5 => of::<Md5>(parts),
            AuthDigest::Md4 => of::<Md4>(parts),
        };
        base64_nopad(&digest)
    }

    /// The response to a challenge. `zeros`: four zero bytes go first, as the implicit MD4 of protocols below 30 wants.
    pub fn respond(self, password: &[u8], challenge: &[u8], zeros: bool) -> Vec<u8> {
        let zeros: &[u8] = if zeros { &[0; 4] } else { &[] };
        self.base64(&[zeros, password, challenge])
    }
}

/// Base64 in the standard alphabet without padding.
fn base64_nopad(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = 0u32;
        for at in 0..3 {
            word = word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        let digits = chunk.len() + 1;
        out.extend((0..digits).map(|at| ALPHABET[(word >> (18 - 6 * at) & 63) as usize]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 1.6.5.
    #[test]
    fn responses() {
        for (digest, zeros, expect) in [
            (AuthDigest::Sha1, false, "M4EnVA3MvkhYmg/zCHVUj8JMdMg"),
            (AuthDigest::Md5, false, "xCuToaw7OC6IBxUQKWqWzg"),
            (AuthDigest::Md4, false, "Jm6l1mauvOrkY/TRtDSpQA"),
            (AuthDigest::Md4, true, "alX9szSGkPFF0PHICLMjkw"),
        ] {
            assert_eq!(digest.respond(b"secret", b"abc", zeros), expect.as_bytes(), "{digest:?} {zeros}");
        }
    }
}
