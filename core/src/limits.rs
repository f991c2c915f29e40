//! Every bound on what a peer may ask for, in one place (spec 1.2.5, 2.18, 3.4, 3.12.1).

/// Longest path, without the terminator that C programs need.
pub const PATH_BYTES_MAX: usize = 4095;
/// Longest text message, filter rule or daemon line.
pub const LINE_BYTES_MAX: usize = 5119;
/// Longest negotiation string.
pub const NEGOTIATION_BYTES_MAX: usize = 255;
/// Largest payload of a frame (24-bit length).
pub const FRAME_BYTES_MAX: usize = 0x00ff_ffff;
/// Largest block, protocol 30 and later.
pub const BLOCK_BYTES_MAX: u32 = 131_072;
/// Largest block below protocol 30.
pub const BLOCK_BYTES_MAX_OLD: u32 = 1 << 29;
/// Strong sum bytes ever sent per block.
pub const STRONG_BYTES_MAX: usize = 16;
/// Largest value in a deletion statistic.
pub const DELETED_MAX: u32 = 1 << 28;
/// Words that a daemon accepts from a client.
pub const DAEMON_ARGS_MAX: usize = 16_000;
/// Longest literal that we put into one token.
pub const LITERAL_BYTES: usize = 32 * 1024;
/// Largest compressed record of the token stream.
pub const COMPRESSED_BYTES_MAX: usize = 16_383;
/// Longest user or group name on the wire.
pub const ID_NAME_BYTES_MAX: usize = 255;
/// Default of `--max-alloc`.
pub const ALLOC_MAX: u64 = 1 << 30;
