//! The names of algorithms that options may choose (spec 1.5.3). Only names: what they do is elsewhere.

/// Checksums in the order in which they are offered.
pub const CHECKSUMS: [&str; 7] = ["xxh128", "xxh3", "xxh64", "md5", "md4", "sha1", "none"];
/// Compressors in the order in which they are offered.
pub const COMPRESSORS: [&str; 5] = ["zstd", "lz4", "zlibx", "zlib", "none"];
/// Digests of a daemon's authentication, best first.
pub const AUTH_DIGESTS: [&str; 5] = ["sha512", "sha256", "sha1", "md5", "md4"];

/// The canonical name of a checksum; case does not matter and `xxhash` is an alias.
pub fn checksum(name: &[u8]) -> Option<&'static str> {
    if name.eq_ignore_ascii_case(b"xxhash") {
        return Some("xxh64");
    }
    CHECKSUMS.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// The canonical name of a compressor.
pub fn compressor(name: &[u8]) -> Option<&'static str> {
    COMPRESSORS.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Leaves the choice to the negotiation.
pub fn is_auto(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"auto")
}
