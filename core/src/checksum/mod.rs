//! Every sum and digest of the protocol: the weak sum that rolls, the strong sums of blocks and files, and the digests
//! that log a client in to a daemon.
//!
//! [`ALGORITHMS`] is the one table behind negotiation, `--checksum-choice`, the version text and the benchmarks. To add an
//! algorithm: a variant and a row in `algorithm.rs`, an arm in `strong.rs` and one in `digest.rs`; the compiler finds them.

pub mod algorithm;
pub mod auth;
pub mod digest;
pub mod md4_many;
pub mod rolling;
pub mod strong;
pub mod weak_sum;

pub use algorithm::{ALGORITHMS, Algorithm, Row};
pub use auth::AuthDigest;
pub use digest::{DIGEST_BYTES_MAX, Digest, DigestValue};
pub use md4_many::{Md4Many, md4_many, md4_rows};
pub use rolling::{Rolling, weak};
pub use strong::{BLOCKS_AT_ONCE, Strong};
pub use weak_sum::{ByteValue, WeakSum};
