//! Names and sizes of the checksum algorithms, in the order in which both sides rank them (spec 1.5.3, 3.5.3).

/// A checksum algorithm for block sums and whole files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Algorithm {
    /// XXH3 with 128 bits: what two current programs agree on.
    Xxh128,
    /// XXH3 with 64 bits.
    Xxh3,
    /// The older 64-bit XXH.
    Xxh64,
    /// MD5: without negotiation, the default since protocol 30.
    Md5,
    /// MD4 chosen by name.
    Md4,
    /// SHA-1.
    Sha1,
    /// No checksum at all: files travel whole and unverified.
    None,
    /// MD4 as protocols 27 to 29 use it unasked: like [`Algorithm::Md4`], but the digest of a file starts with the seed.
    Md4Old,
    /// BLAKE2b with 256 bits. Not rsync's: only signature files know it (see [`crate::format`]).
    #[cfg(feature = "format")]
    Blake2,
}

/// What negotiation and options need to know about an algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The name that travels.
    pub name: &'static str,
    /// Other names that users may type.
    pub aliases: &'static [&'static str],
    /// Length of a whole-file digest.
    pub digest_bytes: usize,
}

/// The algorithms that have a name, best first. Always send names in this order (spec 1.5.3).
pub const ALGORITHMS: &[Row] = &[
    row(Algorithm::Xxh128, "xxh128", &[], 16),
    row(Algorithm::Xxh3, "xxh3", &[], 8),
    row(Algorithm::Xxh64, "xxh64", &["xxhash"], 8),
    row(Algorithm::Md5, "md5", &[], 16),
    row(Algorithm::Md4, "md4", &[], 16),
    row(Algorithm::Sha1, "sha1", &[], 20),
    row(Algorithm::None, "none", &[], 1),
];

/// The algorithm that is never negotiated.
#[cfg(feature = "format")]
const BLAKE2: Row = row(Algorithm::Blake2, "blake2", &["blake2b"], 32);

const fn row(algorithm: Algorithm, name: &'static str, aliases: &'static [&'static str], digest_bytes: usize) -> Row {
    Row { algorithm, name, aliases, digest_bytes }
}

impl Algorithm {
    /// Whether digests are little-endian on the wire, while `%C` shows the most significant byte first.
    pub fn is_little_endian(self) -> bool {
        matches!(self, Algorithm::Xxh128 | Algorithm::Xxh3 | Algorithm::Xxh64)
    }

    /// The algorithm called `name`, or known under that alias, whatever the case.
    pub fn from_name(name: &[u8]) -> Option<Algorithm> {
        let same = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
        ALGORITHMS
            .iter()
            .find(|row| same(row.name) || row.aliases.iter().any(|alias| same(alias)))
            .map(|row| row.algorithm)
    }

    /// The name that travels. The implicit MD4 has no name of its own: stock rsync calls it `md4` too.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Length of a whole-file digest.
    pub fn digest_bytes(self) -> usize {
        self.row().digest_bytes
    }

    fn row(self) -> &'static Row {
        #[cfg(feature = "format")]
        if self == Algorithm::Blake2 {
            return &BLAKE2;
        }
        let listed = if self == Algorithm::Md4Old { Algorithm::Md4 } else { self };
        ALGORITHMS.iter().find(|row| row.algorithm == listed).expect("every other algorithm has a row")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_know_the_alias() {
        assert_eq!(Algorithm::from_name(b"XXH128"), Some(Algorithm::Xxh128));
        assert_eq!(Algorithm::from_name(b"xxhash"), Some(Algorithm::Xxh64));
        assert_eq!(Algorithm::from_name(b"XxHash"), Some(Algorithm::Xxh64));
        assert_eq!(Algorithm::from_name(b"none"), Some(Algorithm::None));
        assert_eq!(Algorithm::from_name(b""), None);
        assert_eq!(Algorithm::from_name(b"xxh"), None);
        assert_eq!(Algorithm::from_name(b"md4 old"), None);
    }

    #[test]
    fn order_is_the_canonical_one() {
        let names: alloc::vec::Vec<&str> = ALGORITHMS.iter().map(|row| row.name).collect();
        assert_eq!(names, ["xxh128", "xxh3", "xxh64", "md5", "md4", "sha1", "none"]);
    }

    #[test]
    fn md4_old_borrows_the_row_of_md4() {
        assert_eq!(Algorithm::Md4Old.name(), "md4");
        assert_eq!(Algorithm::Md4Old.digest_bytes(), 16);
        assert_eq!(Algorithm::None.digest_bytes(), 1);
    }
}
