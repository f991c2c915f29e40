//! How a basis is cut into blocks, and how much of each strong sum travels (spec 3.4).

use alloc::format;
use alloc::vec::Vec;

use crate::limits::STRONG_BYTES_MAX;
use crate::wire::item::{Reader, Stop, put_i32};
use crate::{Error, Exit};

/// Smallest block that is chosen.
const BLOCK_BYTES_MIN: u64 = 700;

/// The head of a list of block sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SumHead {
    /// Number of blocks.
    pub count: u32,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// Bytes of each strong sum that travel.
    pub strong_bytes: u32,
    /// Bytes of the last block if it is shorter, else 0.
    pub remainder: u32,
}

/// What a plan depends on besides the length of the basis.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// `--block-size`.
    pub block_bytes: Option<u32>,
    /// Largest block that the protocol allows.
    pub block_max: u32,
    /// Bytes of a digest of the transfer's checksum.
    pub digest_bytes: usize,
    /// The file failed verification once: strong sums go at full length.
    pub redo: bool,
}

impl SumHead {
    /// No basis: everything is sent.
    pub const NULL: SumHead = SumHead { count: 0, block_bytes: 0, strong_bytes: 0, remainder: 0 };

    /// The plan for a basis. `None` if there would be more blocks than can be counted.
    pub fn for_basis(len: u64, options: &PlanOptions) -> Option<SumHead> {
        if len == 0 {
            return Some(SumHead::NULL);
        }
        let block = options
            .block_bytes
            .filter(|&n| n > 0)
            .map_or_else(|| block_bytes(len, options.block_max.into()), u64::from);
        let count = len.div_ceil(block);
        if count > i32::MAX as u64 {
            return None;
        }
        Some(SumHead {
            count: count as u32,
            block_bytes: block as u32,
            strong_bytes: strong_bytes(len, block, options),
            remainder: (len % block) as u32,
        })
    }

    /// Length of the basis.
    pub fn basis_bytes(&self) -> u64 {
        let whole = u64::from(self.count) * u64::from(self.block_bytes);
        if self.remainder == 0 { whole } else { whole - u64::from(self.block_bytes) + u64::from(self.remainder) }
    }

    /// Length of a block.
    pub fn block_len(&self, index: u32) -> u32 {
        if self.remainder != 0 && index + 1 == self.count { self.remainder } else { self.block_bytes }
    }

    /// Appends the head as it travels.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for value in [self.count, self.block_bytes, self.strong_bytes, self.remainder] {
            put_i32(out, value as i32);
        }
    }

    /// Reads a head and checks its limits.
    pub fn decode(r: &mut Reader<'_>, block_max: u32, digest_bytes: usize) -> Result<SumHead, Stop> {
        let [count, block, strong, remainder] = [r.i32()?, r.i32()?, r.i32()?, r.i32()?];
        let refuse = |what: &str, value: i32| Stop::Bad(Error::peer(Exit::PROTOCOL, format!("Invalid {what} {value}")));
        if count < 0 {
            return Err(refuse("checksum count", count));
        }
        if block < 0 || block as u32 > block_max || (block == 0 && count != 0) {
            return Err(refuse("block length", block));
        }
        if strong < 0 || strong as usize > digest_bytes.min(64) {
            return Err(refuse("checksum length", strong));
        }
        if remainder < 0 || remainder > block {
            return Err(refuse("remainder length", remainder));
        }
        Ok(SumHead {
            count: count as u32,
            block_bytes: block as u32,
            strong_bytes: strong as u32,
            remainder: if remainder == block { 0 } else { remainder as u32 },
        })
    }
}

/// About the square root of the length, a multiple of 8 (3.4.1).
fn block_bytes(len: u64, max: u64) -> u64 {
    if len <= BLOCK_BYTES_MIN * BLOCK_BYTES_MIN {
        return BLOCK_BYTES_MIN;
    }
    let mut bit = 1u64;
    let mut rest = len >> 2;
    while rest != 0 {
        bit <<= 1;
        rest >>= 2;
    }
    if bit >= max {
        return max;
    }
    let mut block = 0u64;
    while bit >= 8 {
        block |= bit;
        if len < block * block {
            block &= !bit;
        }
        bit >>= 1;
    }
    block.max(BLOCK_BYTES_MIN)
}

/// Enough that a false match in the whole file is unlikely (3.4.2).
fn strong_bytes(len: u64, block: u64, options: &PlanOptions) -> u32 {
    let limit = STRONG_BYTES_MAX.min(options.digest_bytes) as i64;
    if options.redo {
        return limit as u32;
    }
    let bits = 10 + 2 * i64::from(len.ilog2()) - i64::from(block.max(1).ilog2());
    let bytes = (bits.max(0) + 1 - 32 + 7) / 8;
    bytes.max(2).min(limit) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of spec 3.4.2.
    #[test]
    fn plans() {
        for (len, new, count, block, strong, remainder) in [
            (1u64, true, 1, 700, 2, 1),
            (700, true, 1, 700, 2, 0),
            (490_000, true, 700, 700, 2, 0),
            (490_001, true, 701, 700, 2, 1),
            (500_000, true, 711, 704, 2, 160),
            (999_999, true, 1009, 992, 2, 63),
            (5_000_000, true, 2241, 2232, 2, 320),
            (16_777_215, true, 4105, 4088, 2, 63),
            (100_000_000, true, 10000, 10000, 3, 0),
            (2_147_483_647, true, 46346, 46336, 3, 41727),
            (2_147_483_648, true, 46346, 46336, 4, 41728),
            (17_179_869_183, true, 131_081, 131_064, 4, 63),
            (17_179_869_185, true, 131_073, 131_072, 4, 1),
            (100_000_000_000, true, 762_940, 131_072, 5, 59392),
            (100_000_000_000, false, 316_232, 316_224, 5, 168_256),
            (1 << 40, true, 8_388_608, 131_072, 6, 0),
            (1 << 40, false, 1_048_576, 1_048_576, 5, 0),
        ] {
            let block_max = if new { 131_072 } else { 1 << 29 };
            let options = PlanOptions { block_bytes: None, block_max, digest_bytes: 16, redo: false };
            let head = SumHead::for_basis(len, &options).unwrap();
            let expect = SumHead { count, block_bytes: block, strong_bytes: strong, remainder };
            assert_eq!(head, expect, "{len} {new}");
            assert_eq!(head.basis_bytes(), len);
            let mut bytes = Vec::new();
            head.encode(&mut bytes);
            assert_eq!(SumHead::decode(&mut Reader::new(&bytes), block_max, 16), Ok(head));
        }
        let tiny = PlanOptions { block_bytes: Some(1), block_max: 131_072, digest_bytes: 8, redo: true };
        assert_eq!(SumHead::for_basis(1 << 40, &tiny), None);
        assert_eq!(SumHead::for_basis(9, &tiny).unwrap().strong_bytes, 8);
        assert_eq!(SumHead::for_basis(0, &tiny), Some(SumHead::NULL));
    }

    #[test]
    fn heads_out_of_bounds() {
        for values in
            [[-1, 700, 2, 0], [1, 0, 2, 0], [1, 131_073, 2, 0], [1, 700, 17, 0], [1, 700, 2, 701], [1, 700, -2, 0]]
        {
            let mut bytes = Vec::new();
            values.iter().for_each(|&v| put_i32(&mut bytes, v));
            let result = SumHead::decode(&mut Reader::new(&bytes), 131_072, 16);
            assert!(matches!(result, Err(Stop::Bad(Error { exit: Exit::PROTOCOL, .. }))), "{values:?}");
        }
    }
}
