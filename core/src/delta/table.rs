//! Which blocks have a given weak sum?
//!
//! ```text
//!   weak sum ──► filter (bits) ── no ──► next offset         almost always
//!                     │ perhaps
//!                     ▼
//!               second filter, by mixed sum
//!                     ▼
//!               directory: top bits of the mixed sum ──► a few neighbours in
//!               keys  [ mixed sums, sorted              ]
//!               order [ their blocks; equal keys sorted by strong sum, then by number ]
//! ```
//!
//! The search asks this once per byte of the file, so the filter has to answer from the nearest cache. What is behind it is
//! sorted rather than hashed: whatever sums a peer sends, building takes `n log n` and a lookup `log n` steps. Blocks that
//! are equal in both sums lie side by side, so that a thousand equal blocks cost no more than one.

use super::signature::Signature;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

/// Words that the filter has per block: one in 256 sums or more that no block has gets through.
const FILTER_WORDS_PER_BLOCK: usize = 8;
/// Largest filter: 256 KiB, which a core's own cache bears, and all that 16 bits number.
const FILTER_WORDS_MAX: usize = 1 << 16;
/// Bits per block, as a power of two, of the second filter, which takes what the first lets through by chance.
const MIXED_BITS_LOG2: u32 = 5;

/// The full-length blocks of a signature, found by weak sum.
#[derive(Debug)]
pub struct Table {
    filter: Vec<u32>,
    mixed: Vec<u64>,
    mixed_shift: u32,
    directory: Vec<u32>,
    directory_shift: u32,
    keys: Vec<u32>,
    order: Vec<u32>,
}

impl Table {
    /// Indexes all blocks of `signature` but a short last one, which only the end of a file can match.
    pub fn new(signature: &Signature) -> Table {
        let count = (signature.head.full_blocks() as usize).min(signature.weak.len());
        let weak = &signature.weak[..count];
        let mut sorted: Vec<u64> =
            weak.iter().zip(0u64..).map(|(&weak, index)| u64::from(mix(weak)) << 32 | index).collect();
        sorted.sort_unstable();
        let keys: Vec<u32> = sorted.iter().map(|&pair| (pair >> 32) as u32).collect();
        let mut order: Vec<u32> = sorted.iter().map(|&pair| pair as u32).collect();
        sort_equal_keys(&keys, &mut order, signature);
        let directory_bits = count.max(2).ilog2();
        let mixed_bits = (directory_bits + MIXED_BITS_LOG2).min(32);
        Table {
            filter: filter(weak),
            mixed: mixed(&keys, mixed_bits),
            mixed_shift: 32 - mixed_bits,
            directory: directory(&keys, directory_bits),
            directory_shift: 32 - directory_bits,
            keys,
            order,
        }
    }

    /// Whether there are no blocks.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The filter: a power of two of words. See [`filter_word`] and [`filter_bit`].
    pub fn filter(&self) -> &[u32] {
        &self.filter
    }

    /// Whether some block has this weak sum.
    #[inline]
    pub fn contains(&self, weak: u32) -> bool {
        let key = mix(weak);
        let bit = (key >> self.mixed_shift) as usize;
        let may_be = self.mixed.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
        may_be && self.keys[self.near(key)].binary_search(&key).is_ok()
    }

    /// The blocks with this weak sum and this strong sum, in ascending order.
    pub fn find(&self, weak: u32, strong: &[u8], signature: &Signature) -> &[u32] {
        let key = mix(weak);
        let near = self.near(key);
        let keys = &self.keys[near.clone()];
        let blocks = &self.order[near];
        let blocks = &blocks[keys.partition_point(|&k| k < key)..keys.partition_point(|&k| k <= key)];
        let start = blocks.partition_point(|&block| signature.strong_of(block) < strong);
        let end = blocks.partition_point(|&block| signature.strong_of(block) <= strong);
        &blocks[start..end]
    }

    /// The part of `keys` where `key` would be.
    #[inline]
    fn near(&self, key: u32) -> Range<usize> {
        let bucket = (key >> self.directory_shift) as usize;
        let at = |bucket: usize| self.directory.get(bucket).map_or(0, |&at| at as usize);
        at(bucket)..at(bucket + 1)
    }
}

/// Spreads weak sums evenly over 32 bits. One to one, so that equal results mean equal sums.
#[inline]
fn mix(weak: u32) -> u32 {
    weak.wrapping_mul(0x9e37_79b1)
}

/// By this a lower half is multiplied before it is added to the upper one: see [`filter_word`].
pub const FILTER_FACTOR: u16 = 0x2d35;

/// The word of the filter that knows about the sum `a | b << 16`; to be taken modulo the number of words.
#[inline(always)]
pub fn filter_word(a: u16, b: u16) -> u16 {
    // For short blocks and for text only few bits of a vary; b varies well.
    b.wrapping_add(a.wrapping_mul(FILTER_FACTOR))
}

/// The bit within that word.
#[inline(always)]
pub fn filter_bit(a: u16) -> u32 {
    u32::from(a & 31)
}

/// A second filter, of `1 << bits` bits, by the mixed sums.
fn mixed(keys: &[u32], bits: u32) -> Vec<u64> {
    let mut mixed = vec![0u64; 1 << (bits - 6)];
    for key in keys {
        let bit = (key >> (32 - bits)) as usize;
        mixed[bit / 64] |= 1 << (bit % 64);
    }
    mixed
}

fn filter(weak: &[u32]) -> Vec<u32> {
    let words = (weak.len() * FILTER_WORDS_PER_BLOCK).next_power_of_two().min(FILTER_WORDS_MAX);
    let mut filter = vec![0u32; words];
    for &weak in weak {
        let (a, b) = (weak as u16, (weak >> 16) as u16);
        filter[usize::from(filter_word(a, b)) & (words - 1)] |= 1 << filter_bit(a);
    }
    filter
}

/// Where the keys with each value of their top `bits` start, and one end behind the last.
fn directory(keys: &[u32], bits: u32) -> Vec<u32> {
    let buckets = 1usize << bits;
    let mut directory = vec![0u32; buckets + 1];
    for &key in keys {
        directory[(key >> (32 - bits)) as usize + 1] += 1;
    }
    for bucket in 1..directory.len() {
        directory[bucket] += directory[bucket - 1];
    }
    directory
}

fn sort_equal_keys(keys: &[u32], order: &mut [u32], signature: &Signature) {
    let by_sum = |left: &u32, right: &u32| -> Ordering {
        signature.strong_of(*left).cmp(signature.strong_of(*right)).then(left.cmp(right))
    };
    let mut start = 0;
    for equal in keys.chunk_by(|left, right| left == right) {
        let end = start + equal.len();
        if equal.len() > 1 {
            order[start..end].sort_unstable_by(by_sum);
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::SumHead;
    use proptest::prelude::*;

    fn signature(sums: &[(u32, u8)], remainder: u32) -> Signature {
        let head = SumHead { count: sums.len() as u32, block_bytes: 8, strong_bytes: 1, remainder };
        let mut signature = Signature::without_sums(head);
        signature.weak = sums.iter().map(|sum| sum.0).collect();
        signature.strong = sums.iter().map(|sum| sum.1).collect();
        signature
    }

    #[test]
    fn a_short_last_block_is_left_out() {
        let sums = [(7, 1), (7, 2), (9, 1)];
        let table = Table::new(&signature(&sums, 0));
        assert!(table.contains(9));
        let short = Table::new(&signature(&sums, 3));
        assert!(!short.contains(9));
        assert_eq!(short.find(7, &[2], &signature(&sums, 3)), [1]);
        let none = Table::new(&Signature::without_sums(SumHead::NULL));
        assert!(none.is_empty() && !none.contains(0));
    }

    proptest! {
        #[test]
        fn finds_what_a_walk_over_all_blocks_finds(
            sums in proptest::collection::vec((0u32..20, 0u8..4), 0..60),
            high in any::<u32>(),
            ask in (0u32..22, 0u8..5),
        ) {
            let sums: Vec<(u32, u8)> = sums.iter().map(|&(weak, strong)| (weak.wrapping_mul(high), strong)).collect();
            let ask = (ask.0.wrapping_mul(high), ask.1);
            let signature = signature(&sums, 0);
            let table = Table::new(&signature);
            let naive: Vec<u32> = (0..sums.len() as u32).filter(|&i| sums[i as usize] == ask).collect();
            prop_assert_eq!(table.find(ask.0, &[ask.1], &signature), &naive[..]);
            let there = sums.iter().any(|sum| sum.0 == ask.0);
            prop_assert_eq!(table.contains(ask.0), there);
            let (a, b) = (ask.0 as u16, (ask.0 >> 16) as u16);
            let word = table.filter()[usize::from(filter_word(a, b)) & (table.filter().len() - 1)];
            prop_assert!(!there || word >> filter_bit(a) & 1 == 1, "the filter never misses a sum");
        }
    }
}
