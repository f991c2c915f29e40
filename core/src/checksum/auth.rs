//! The digests with which a daemon and its clients prove that they share a password (spec 1.6.5).

use alloc::vec::Vec;

/// A digest for daemon logins, strongest first as in [`AuthDigest::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthDigest {
    /// SHA-512.
    Sha512,
    /// SHA-256.
    Sha256,
    /// SHA-1.
    Sha1,
    /// MD5: what peers that list no digests use since protocol 30.
    Md5,
    /// MD4: what peers that list no digests use below protocol 30.
    Md4,
}

impl AuthDigest {
    /// All digests in the canonical order: send names in this order.
    pub const ALL: [AuthDigest; 5] =
        [AuthDigest::Sha512, AuthDigest::Sha256, AuthDigest::Sha1, AuthDigest::Md5, AuthDigest::Md4];

    /// The digest called `name`, whatever the case.
    pub fn from_name(name: &[u8]) -> Option<AuthDigest> {
        AuthDigest::ALL.into_iter().find(|digest| digest.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The name that travels.
    pub fn name(self) -> &'static str {
        match self {
            AuthDigest::Sha512 => "sha512",
            AuthDigest::Sha256 => "sha256",
            AuthDigest::Sha1 => "sha1",
            AuthDigest::Md5 => "md5",
            AuthDigest::Md4 => "md4",
        }
    }

    /// The digest of `parts` joined.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            AuthDigest::Sha512 => joined::<sha2::Sha512>(parts),
            AuthDigest::Sha256 => joined::<sha2::Sha256>(parts),
            AuthDigest::Sha1 => joined::<sha1::Sha1>(parts),
            AuthDigest::Md5 => joined::<md5::Md5>(parts),
            AuthDigest::Md4 => joined::<md4::Md4>(parts),
        }
    }
}

impl AuthDigest {
    /// The text that answers `challenge`. `zeros`: the peer sent no list of digests and the protocol is below 30, where the
    /// digest starts with four zero bytes.
    pub fn respond(self, password: &[u8], challenge: &[u8], zeros: bool) -> Vec<u8> {
        let seed: &[u8] = if zeros { &[0; 4] } else { &[] };
        base64_nopad(&self.digest(&[seed, password, challenge]))
    }
}

/// A challenge out of what the host offers as `entropy`; it is as long as the digest is wide.
pub fn challenge(digest: AuthDigest, entropy: &[&[u8]]) -> Vec<u8> {
    base64_nopad(&digest.digest(entropy))
}

/// Base64 with the usual alphabet and no padding.
pub fn base64_nopad(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for triple in bytes.chunks(3) {
        let byte = |at: usize| u32::from(triple.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=triple.len() {
            text.push(ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63]);
        }
    }
    text
}

fn joined<D: md5::Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_the_spec() {
        for (digest, zeros, expect) in [
            (AuthDigest::Sha1, false, "M4EnVA3MvkhYmg/zCHVUj8JMdMg"),
            (AuthDigest::Md5, false, "xCuToaw7OC6IBxUQKWqWzg"),
            (AuthDigest::Md4, false, "Jm6l1mauvOrkY/TRtDSpQA"),
            (AuthDigest::Md4, true, "alX9szSGkPFF0PHICLMjkw"),
        ] {
            assert_eq!(
                AuthDigest::respond(digest, b"secret", b"abc", zeros),
                expect.as_bytes(),
                "{digest:?} zeros {zeros}"
            );
        }
    }

    #[test]
    fn base64_of_every_length() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64_nopad(bytes.as_bytes()), text.as_bytes());
        }
        assert_eq!(base64_nopad(&[0xfb, 0xff]), b"+/8");
    }

    #[test]
    fn challenges_have_the_length_of_their_digest() {
        let lengths = AuthDigest::ALL.map(|digest| challenge(digest, &[b"random", b"bytes"]).len());
        assert_eq!(lengths, [86, 43, 27, 22, 22]);
    }

    #[test]
    fn names_are_canonical_and_ignore_case() {
        assert_eq!(AuthDigest::ALL.map(AuthDigest::name), ["sha512", "sha256", "sha1", "md5", "md4"]);
        assert_eq!(AuthDigest::from_name(b"SHA256"), Some(AuthDigest::Sha256));
        assert_eq!(AuthDigest::from_name(b"sha224"), None);
    }
}
