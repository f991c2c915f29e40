//! The bound on what a hostile signature can cost.

/// What may be spent on strong sums that turn out wrong, in bytes summed.
///
/// A signature can be made so that every offset of a file has the weak sum of some block and none its strong sum. Summing
/// a whole block per offset would then take time in the length of the file times that of a block. So false alarms are paid
/// for by bytes passed, and without credit a candidate is passed over. Honest data never comes near the limit: of
/// random sums about one in `2^32 / count` is a false alarm.
#[derive(Debug)]
pub(super) struct Credit {
    bytes: i64,
}

impl Credit {
    /// Bytes that may be summed in vain per byte of the file.
    const PER_BYTE: i64 = 8;
    /// Most that can be saved up, and what a search starts with.
    const MAX: i64 = 16 << 20;

    pub(super) fn new() -> Credit {
        Credit { bytes: Credit::MAX }
    }

    pub(super) fn is_left(&self) -> bool {
        self.bytes > 0
    }

    pub(super) fn earn(&mut self, passed: usize) {
        self.bytes = (self.bytes + passed as i64 * Credit::PER_BYTE).min(Credit::MAX);
    }

    pub(super) fn spend(&mut self, len: usize) {
        self.bytes -= len as i64;
    }
}
