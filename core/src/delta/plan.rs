//! How a basis is cut into blocks, and the sum head that announces it (spec 3.4).

use crate::limits::STRONG_BYTES_MAX;
use crate::{Error, Exit};
use alloc::format;

/// Blocks of files up to the square of this have this length.
const BLOCK_BYTES_DEFAULT: u32 = 700;
/// Bits of strong sum wanted beyond what the file's length asks for.
const STRONG_BITS_BIAS: i32 = 10;
/// Strong sums are never cut shorter than this, unless the digest itself is.
const STRONG_BYTES_MIN: i32 = 2;

/// The four numbers in front of a signature. All zero: there is no basis, send everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SumHead {
    /// Blocks in the basis.
    pub count: u32,
    /// Length of all blocks but possibly the last.
    pub block_bytes: u32,
    /// Leading bytes of each strong sum that travel.
    pub strong_bytes: u32,
    /// Length of the last block if it is shorter, else 0.
    pub remainder: u32,
}

/// What decides how a basis is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// Length of a block if the user chose one.
    pub block_bytes: Option<u32>,
    /// Longest block that the protocol allows: `BLOCK_BYTES_MAX` or `BLOCK_BYTES_MAX_OLD` of [`crate::limits`].
    pub block_max: u32,
    /// Length of the transfer checksum.
    pub digest_bytes: usize,
    /// The first attempt failed to verify: send the strong sums in full.
    pub redo: bool,
}

impl SumHead {
    /// No basis.
    pub const NULL: SumHead = SumHead { count: 0, block_bytes: 0, strong_bytes: 0, remainder: 0 };
    /// Bytes on the wire.
    pub const WIRE_BYTES: usize = 16;

    /// Cuts a basis of `len` bytes the way stock rsync does. `None` if it has more blocks than a head can count; such a
    /// file travels whole.
    pub fn for_basis(len: u64, options: &PlanOptions) -> Option<SumHead> {
        if len == 0 {
            return Some(SumHead::NULL);
        }
        let block_bytes = match options.block_bytes {
            Some(chosen) if chosen > 0 => chosen,
            _ => block_bytes(len, options.block_max),
        };
        let count =
            u32::try_from(len.div_ceil(u64::from(block_bytes))).ok().filter(|&count| i32::try_from(count).is_ok())?;
        Some(SumHead {
            count,
            block_bytes,
            strong_bytes: strong_bytes(len, block_bytes, options),
            remainder: (len % u64::from(block_bytes)) as u32,
        })
    }

    /// Length of the basis.
    pub fn basis_bytes(&self) -> u64 {
        let whole = u64::from(self.count) * u64::from(self.block_bytes);
        let missing = if self.remainder == 0 { 0 } else { self.block_bytes.saturating_sub(self.remainder) };
        whole.saturating_sub(u64::from(missing))
    }

    /// Where block `index` starts in the basis.
    pub fn block_offset(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.block_bytes)
    }

    /// Length of block `index`.
    pub fn block_len(&self, index: u32) -> u32 {
        if self.remainder != 0 && index.checked_add(1) == Some(self.count) { self.remainder } else { self.block_bytes }
    }

    /// Blocks of full length: all but a short last one.
    pub fn full_blocks(&self) -> u32 {
        if self.count > 0 && self.block_len(self.count - 1) < self.block_bytes { self.count - 1 } else { self.count }
    }

    /// Bytes that one block's sums take on the wire.
    pub fn entry_bytes(&self) -> usize {
        4 + self.strong_bytes as usize
    }

    /// The head as it travels.
    pub fn encode(&self) -> [u8; SumHead::WIRE_BYTES] {
        let mut wire = [0; SumHead::WIRE_BYTES];
        let fields = [self.count, self.block_bytes, self.strong_bytes, self.remainder];
        for (place, field) in wire.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        wire
    }

    /// Checks and takes a head off the wire. `who` is the role that reads it, for the texts: `sender` or `receiver`.
    /// Texts and order of the checks are those of stock rsync.
    pub fn decode(
        wire: &[u8; SumHead::WIRE_BYTES],
        block_max: u32,
        digest_bytes: usize,
        who: &str,
    ) -> Result<SumHead, Error> {
        let field = |at: usize| i32::from_le_bytes([wire[at], wire[at + 1], wire[at + 2], wire[at + 3]]);
        let bad = |text: alloc::string::String| Error::peer(Exit::PROTOCOL, text);
        let (count, block, strong, remainder) = (field(0), field(4), field(8), field(12));
        if count < 0 {
            return Err(bad(format!("Invalid checksum count {count} [{who}]")));
        }
        if block < 0 || block as u32 > block_max {
            return Err(bad(format!("Invalid block length {block} [{who}]")));
        }
        if block == 0 && count > 0 {
            return Err(bad(format!("Invalid zero block length [{who}]")));
        }
        if strong < 0 || strong as usize > digest_bytes {
            return Err(bad(format!("Invalid checksum length {strong} [{who}]")));
        }
        if remainder < 0 || remainder > block {
            return Err(bad(format!("Invalid remainder length {remainder} [{who}]")));
        }
        Ok(SumHead {
            count: count as u32,
            block_bytes: block as u32,
            strong_bytes: strong as u32,
            remainder: remainder as u32,
        })
    }
}

/// About the square root of `len`, rounded down to a multiple of 8 (spec 3.4.1): then a signature and the literals that one
/// changed byte costs grow alike.
fn block_bytes(len: u64, block_max: u32) -> u32 {
    let default = u64::from(BLOCK_BYTES_DEFAULT);
    if len <= default * default {
        return BLOCK_BYTES_DEFAULT;
    }
    // The power of two at or below the square root; from there on, keep each lower bit that does not overshoot.
    let top = 1u64 << (len.ilog2() / 2);
    if top >= u64::from(block_max) {
        return block_max;
    }
    let (mut root, mut bit) = (0u64, top);
    while bit >= 8 {
        let tried = root | bit;
        if tried * tried <= len {
            root = tried;
        }
        bit >>= 1;
    }
    (root as u32).max(BLOCK_BYTES_DEFAULT)
}

/// As many bytes as keep the odds of a false match low: twice the bits of the file's length (pairs of offset and block)
/// less the bits that long blocks save and the 32 of the weak sum (spec 3.4.2).
fn strong_bytes(len: u64, block_bytes: u32, options: &PlanOptions) -> u32 {
    let limit = options.digest_bytes.min(STRONG_BYTES_MAX) as u32;
    if options.redo {
        return limit;
    }
    let bits = STRONG_BITS_BIAS + 2 * len.ilog2() as i32;
    let bits = (bits - block_bytes.ilog2() as i32).max(0);
    let bytes = (bits + 1 - 32 + 7) / 8;
    (bytes.max(STRONG_BYTES_MIN) as u32).min(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BLOCK_BYTES_MAX, BLOCK_BYTES_MAX_OLD};

    const NEW: PlanOptions =
        PlanOptions { block_bytes: None, block_max: BLOCK_BYTES_MAX, digest_bytes: 16, redo: false };
    const OLD: PlanOptions = PlanOptions { block_max: BLOCK_BYTES_MAX_OLD, ..NEW };

    fn check(len: u64, options: PlanOptions, expect: [u32; 4]) {
        let head = SumHead::for_basis(len, &options).unwrap();
        assert_eq!([head.count, head.block_bytes, head.strong_bytes, head.remainder], expect, "{len}");
        assert_eq!(head.basis_bytes(), len);
        let who = if options.block_max == BLOCK_BYTES_MAX { "sender" } else { "receiver" };
        assert_eq!(SumHead::decode(&head.encode(), options.block_max, 16, who), Ok(head));
    }

    #[test]
    fn table_of_the_spec() {
        for (len, expect) in [
            (1, [1, 700, 2, 1]),
            (700, [1, 700, 2, 0]),
            (490_000, [700, 700, 2, 0]),
            (490_001, [701, 700, 2, 1]),
            (500_000, [711, 704, 2, 160]),
            (999_999, [1009, 992, 2, 63]),
            (5_000_000, [2241, 2232, 2, 320]),
            (16_777_215, [4105, 4088, 2, 63]),
            (100_000_000, [10_000, 10_000, 3, 0]),
            ((1 << 31) - 1, [46_346, 46_336, 3, 41_727]),
            (1 << 31, [46_346, 46_336, 4, 41_728]),
            (17_179_869_185, [131_073, 131_072, 4, 1]),
        ] {
            check(len, NEW, expect);
            check(len, OLD, expect);
        }
        check(17_179_869_183, NEW, [131_081, 131_064, 4, 63]);
        check(100_000_000_000, NEW, [762_940, 131_072, 5, 59_392]);
        check(100_000_000_000, OLD, [316_232, 316_224, 5, 168_256]);
        check(1 << 40, NEW, [8_388_608, 131_072, 6, 0]);
        check(1 << 40, OLD, [1_048_576, 1_048_576, 5, 0]);
    }

    #[test]
    fn choices_of_the_user_and_of_a_redo() {
        let chosen = PlanOptions { block_bytes: Some(16), ..NEW };
        check(70, chosen, [5, 16, 2, 6]);
        check(70, PlanOptions { redo: true, ..chosen }, [5, 16, 16, 6]);
        check(70, PlanOptions { redo: true, digest_bytes: 20, ..chosen }, [5, 16, 16, 6]);
        check(70, PlanOptions { redo: true, digest_bytes: 8, ..chosen }, [5, 16, 8, 6]);
        check(70, PlanOptions { block_bytes: Some(0), ..NEW }, [1, 700, 2, 70]);
    }

    #[test]
    fn extremes() {
        assert_eq!(SumHead::for_basis(0, &NEW), Some(SumHead::NULL));
        let tiny = PlanOptions { block_bytes: Some(1), ..NEW };
        assert_eq!(SumHead::for_basis((1 << 31) - 1, &tiny).map(|head| head.count), Some((1 << 31) - 1));
        assert_eq!(SumHead::for_basis(1 << 31, &tiny), None);
        assert_eq!(SumHead::for_basis(u64::MAX, &NEW), None);
        assert!(SumHead::for_basis(u64::MAX >> 33, &OLD).is_some());
        assert_eq!(SumHead::NULL.basis_bytes(), 0);
        assert_eq!(SumHead::NULL.full_blocks(), 0);
    }

    #[test]
    fn blocks_lie_behind_each_other() {
        let head = SumHead { count: 3, block_bytes: 10, strong_bytes: 2, remainder: 4 };
        assert_eq!([0, 1, 2].map(|i| (head.block_offset(i), head.block_len(i))), [(0, 10), (10, 10), (20, 4)]);
        assert_eq!((head.full_blocks(), head.basis_bytes()), (2, 24));
        let even = SumHead { remainder: 10, ..head };
        assert_eq!((even.full_blocks(), even.basis_bytes()), (3, 30));
    }

    /// The texts were taken from a stock sender that was fed these heads.
    #[test]
    fn bad_heads_are_refused_as_stock_does() {
        for (fields, text) in [
            ([-1, 16, 2, 6], "Invalid checksum count -1 [sender]"),
            ([5, 131_073, 2, 6], "Invalid block length 131073 [sender]"),
            ([5, -1, 2, 0], "Invalid block length -1 [sender]"),
            ([5, 0, 2, 0], "Invalid zero block length [sender]"),
            ([5, 16, 17, 6], "Invalid checksum length 17 [sender]"),
            ([5, 16, 2, 17], "Invalid remainder length 17 [sender]"),
            ([5, 16, 2, -1], "Invalid remainder length -1 [sender]"),
        ] {
            let mut wire = [0; 16];
            fields.iter().zip(wire.chunks_exact_mut(4)).for_each(|(f, w)| w.copy_from_slice(&i32::to_le_bytes(*f)));
            let error = SumHead::decode(&wire, BLOCK_BYTES_MAX, 16, "sender").unwrap_err();
            assert_eq!((error.text_lossy().as_str(), error.exit), (text, Exit::PROTOCOL));
        }
        assert_eq!(SumHead::decode(&[0; 16], BLOCK_BYTES_MAX, 16, "sender"), Ok(SumHead::NULL));
    }
}
