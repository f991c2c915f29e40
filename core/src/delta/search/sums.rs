//! Strong sums of a window, and of the blocks behind it that were made together with its.

use super::Signature;
use crate::checksum::{BLOCKS_AT_ONCE, DIGEST_BYTES_MAX};

/// Strong sums of blocks from an offset of the file on.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) offset: u64,
    pub(super) count: usize,
    pub(super) sums: [[u8; DIGEST_BYTES_MAX]; BLOCKS_AT_ONCE],
}

impl Ahead {
    /// Whether the last one was the one before this offset.
    pub(super) fn ends_at(&self, offset: u64, block_bytes: usize) -> bool {
        self.offset + (self.count * block_bytes) as u64 == offset
    }

    /// The one at this offset.
    pub(super) fn at(&self, offset: u64, block_bytes: usize) -> Option<[u8; DIGEST_BYTES_MAX]> {
        let (from, block_bytes) = (offset.checked_sub(self.offset)?, block_bytes as u64);
        let index = usize::try_from(from.checked_div(block_bytes)?).ok()?;
        (from.is_multiple_of(block_bytes) && index < self.count).then(|| self.sums[index])
    }
}

/// The strong sum of a window, as far as the signature has it.
pub(super) struct StrongSum {
    pub(super) bytes: [u8; DIGEST_BYTES_MAX],
    pub(super) len: usize,
}

impl StrongSum {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn matches(&self, signature: &Signature, block: u32) -> bool {
        signature.strong_of(block) == self.as_bytes()
    }
}
