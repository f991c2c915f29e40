//! The hot loop: the weak sum at every offset of the data, until a block has it.
//!
//! Rolling the sum byte by byte is one long chain of dependent additions. But with `d[k] = new[k] - old[k]` and
//! `e[k] = a[k] - n * old[k]` the halves of consecutive sums are prefix sums,
//!
//! ```text
//!   a[k] = a + d[0] + .. + d[k]                  b[k] = b + e[0] + .. + e[k]
//! ```
//!
//! all modulo 2^16, and eight chains are as good as one: `a[k] = a[k-8] + (d[k-7] + .. + d[k])`, where the sum of eight
//! neighbours takes three steps of adding an array to itself, shifted:
//!
//! ```text
//!   d     [ d0  d1     d2         d3      ..      each step a loop without dependences
//!   by 1  [ d0  d0+d1  d1+d2      d2+d3   ..
//!   by 2  [ d0  d0+d1  d0+d1+d2   d0+..d3 ..
//!   by 4  ..
//! ```
//!
//! So a tile of offsets is computed stage by stage, in plain loops that compilers turn into vectors. Only the look into the
//! filter stays scalar. A host may compile [`scan`] anew for what its processor has and hand it in as a [`ScanFn`].

mod hash;

pub use self::hash::Hash as HashKernel;
use self::hash::Hash;
use super::table::{Table, filter_bit, filter_word};
use crate::checksum::WeakSum;
use crate::checksum::rolling::pack;
use crate::checksum::weak_sum::{ByteValue, Raised, Signed};
use core::marker::PhantomData;

/// Offsets computed together. Long enough that a stage does not read what is still on its way to the cache.
pub const TILE: usize = 512;
/// Chains of sums: 16-bit lanes of the shortest vectors in use.
const LANES: usize = 8;
/// Offsets looked up in the filter between two branches.
pub const GROUP: usize = 16;

/// Moves a window of `window` bytes over `data`, from offset `*at`, whose weak sum is `*sum`.
///
/// Offsets behind `*at` are examined one after the other. Returns true at the first whose sum some block of the table has;
/// false at the last offset where the window fits. In both cases `*at` and `*sum` are then those of that offset. If the
/// window does not fit at `*at` nothing happens.
pub type ScanFn = fn(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool;

/// The steps that a host may have written for its processor, and what they sum.
pub trait Kernel {
    /// Moves the window on by one byte.
    fn step(&self, old: u8, new: u8, window: usize, sum: u32) -> u32;

    /// Puts the sums at the offsets behind the one that has `sum` into `sums`: `old` are the bytes that leave the window,
    /// `new` those that enter it.
    fn roll(&mut self, old: &[u8; TILE], new: &[u8; TILE], window: usize, sum: u32, sums: &mut Sums);

    /// Looks into the filter: bit `j` of element `i` says whether it lets through the sum at offset `i * GROUP + j`.
    fn probe(&self, filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP];
}

/// The halves of the sums at the offsets of a tile.
pub struct Sums {
    /// The lower halves.
    pub a: [u16; TILE],
    /// The upper halves.
    pub b: [u16; TILE],
    /// [`filter_word`] of both.
    pub words: [u16; TILE],
}

impl Sums {
    #[inline(always)]
    fn at(&self, k: usize) -> u32 {
        pack(self.a[k], self.b[k])
    }
}

/// One step of the additive sums.
#[inline(always)]
pub fn step_by<V: ByteValue>(old: u8, new: u8, window: usize, sum: u32) -> u32 {
    let a = (sum as u16).wrapping_add(V::value(new)).wrapping_sub(V::value(old));
    let b = ((sum >> 16) as u16).wrapping_add(a).wrapping_sub((window as u16).wrapping_mul(V::value(old)));
    pack(a, b)
}

/// The portable [`ScanFn`] for a weak sum.
pub fn scan_for(sum: WeakSum) -> ScanFn {
    match sum {
        WeakSum::Rsync => scan,
        WeakSum::Rollsum => scan_raised,
        WeakSum::RabinKarp => scan_hash,
    }
}

fn scan_raised(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan_with(Portable::<Raised>::new(), data, window, table, at, sum)
}

fn scan_hash(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan_with(Hash::new(window), data, window, table, at, sum)
}

/// The portable [`ScanFn`] for rsync's sum.
#[inline(always)]
pub fn scan(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan_with(Portable::<Signed>::new(), data, window, table, at, sum)
}

/// [`scan`] by another kernel.
#[inline(always)]
pub fn scan_with(
    kernel: impl Kernel,
    data: &[u8],
    window: usize,
    table: &Table,
    at: &mut usize,
    sum: &mut u32,
) -> bool {
    let mut kernel = kernel;
    let Some(last) = data.len().checked_sub(window) else { return false };
    // A few offsets one by one: should every offset be a hit, no tile is computed for nothing.
    let first = last.min(at.saturating_add(GROUP));
    scan_bytes(&kernel, data, window, table, first, at, sum)
        || scan_tiles(&mut kernel, data, window, table, at, sum)
        || scan_bytes(&kernel, data, window, table, last, at, sum)
}

/// Scans up to and including offset `last`, byte by byte.
#[inline(always)]
fn scan_bytes(
    kernel: &impl Kernel,
    data: &[u8],
    window: usize,
    table: &Table,
    last: usize,
    at: &mut usize,
    sum: &mut u32,
) -> bool {
    let Some(leaving) = data.get(*at..last) else { return false };
    let Some(entering) = data.get(*at + window..last + window) else { return false };
    for (&old, &new) in leaving.iter().zip(entering) {
        *sum = kernel.step(old, new, window, *sum);
        *at += 1;
        let (a, b) = (*sum as u16, (*sum >> 16) as u16);
        if may_hit(table.filter(), filter_word(a, b), a) && table.contains(*sum) {
            return true;
        }
    }
    false
}

/// Scans all offsets but the last few that make no whole tile.
#[inline(always)]
fn scan_tiles(
    kernel: &mut impl Kernel,
    data: &[u8],
    window: usize,
    table: &Table,
    at: &mut usize,
    sum: &mut u32,
) -> bool {
    let Some(leaving) = data.get(*at..) else { return false };
    let Some(entering) = leaving.get(window..) else { return false };
    let (old_tiles, _) = leaving.as_chunks::<TILE>();
    let (new_tiles, _) = entering.as_chunks::<TILE>();
    if new_tiles.is_empty() {
        return false;
    }
    let mut sums = Sums { a: [0; TILE], b: [0; TILE], words: [0; TILE] };
    for (old, new) in old_tiles.iter().zip(new_tiles) {
        kernel.roll(old, new, window, *sum, &mut sums);
        if let Some(k) = find(kernel, &sums, table) {
            *at += k + 1;
            *sum = sums.at(k);
            return true;
        }
        *at += TILE;
        *sum = sums.at(TILE - 1);
    }
    false
}

/// The first offset of the tile whose sum some block has.
#[inline(always)]
fn find(kernel: &impl Kernel, sums: &Sums, table: &Table) -> Option<usize> {
    let hits = kernel.probe(table.filter(), sums);
    for (group, mut hits) in hits.into_iter().enumerate() {
        while hits != 0 {
            let k = group * GROUP + hits.trailing_zeros() as usize % GROUP;
            if table.contains(sums.at(k)) {
                return Some(k);
            }
            hits &= hits - 1;
        }
    }
    None
}

/// The portable [`Kernel::probe`].
#[inline(always)]
pub fn probe(filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
    let mut hits = [0; TILE / GROUP];
    // Compilers drop the bounds check of `filter[i & mask]` once they know that there is a last word.
    let Some(mask) = filter.len().checked_sub(1) else { return hits };
    let (a, _) = sums.a.as_chunks::<GROUP>();
    let (words, _) = sums.words.as_chunks::<GROUP>();
    for ((words, a), hits) in words.iter().zip(a).zip(&mut hits) {
        let bit = |j: usize| filter[usize::from(words[j]) & mask] >> filter_bit(a[j]) & 1;
        // Looking at the whole group costs less than a branch for each.
        let mut any = 0;
        for j in 0..GROUP {
            any |= bit(j);
        }
        if any != 0 {
            for j in 0..GROUP {
                *hits |= (bit(j) as u16) << j;
            }
        }
    }
    hits
}

/// Room in front of an array, always zero, so that it can be added to itself shifted.
type Padded = [u16; LANES + TILE];

/// The kernel for the additive sums that runs everywhere, and its room.
struct Portable<V> {
    left: [u16; TILE],
    even: Padded,
    odd: Padded,
    value: PhantomData<V>,
}

impl<V: ByteValue> Portable<V> {
    #[inline(always)]
    fn new() -> Portable<V> {
        Portable { left: [0; TILE], even: [0; LANES + TILE], odd: [0; LANES + TILE], value: PhantomData }
    }

    /// From `even` to `odd`: each element becomes the sum of itself and the seven before it.
    #[inline(always)]
    fn add_up_eight(&mut self) {
        add_shifted::<1>(&self.even, &mut self.odd);
        add_shifted::<2>(&self.odd, &mut self.even);
        add_shifted::<4>(&self.even, &mut self.odd);
    }
}

impl<V: ByteValue> Kernel for Portable<V> {
    #[inline(always)]
    fn step(&self, old: u8, new: u8, window: usize, sum: u32) -> u32 {
        step_by::<V>(old, new, window, sum)
    }

    #[inline(always)]
    fn roll(&mut self, old: &[u8; TILE], new: &[u8; TILE], window: usize, sum: u32, sums: &mut Sums) {
        for k in 0..TILE {
            let gone = V::value(old[k]);
            self.even[LANES + k] = V::value(new[k]).wrapping_sub(gone);
            self.left[k] = gone.wrapping_mul(window as u16);
        }
        self.add_up_eight();
        prefix_sums(&self.odd, sum as u16, &mut sums.a);
        for k in 0..TILE {
            self.even[LANES + k] = sums.a[k].wrapping_sub(self.left[k]);
        }
        self.add_up_eight();
        prefix_sums(&self.odd, (sum >> 16) as u16, &mut sums.b);
        for k in 0..TILE {
            sums.words[k] = filter_word(sums.a[k], sums.b[k]);
        }
    }

    #[inline(always)]
    fn probe(&self, filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
        probe(filter, sums)
    }
}

/// Adds to each element the one `BY` before it.
#[inline(always)]
fn add_shifted<const BY: usize>(from: &Padded, to: &mut Padded) {
    for k in LANES..LANES + TILE {
        to[k] = from[k].wrapping_add(from[k - BY]);
    }
}

/// Eight chains that start at `first`: each element of `to` is the one eight before it plus the one of `eights`.
#[inline(always)]
fn prefix_sums(eights: &Padded, first: u16, to: &mut [u16; TILE]) {
    let mut chains = [first; LANES];
    let (rows, _) = eights[LANES..].as_chunks::<LANES>();
    let (to, _) = to.as_chunks_mut::<LANES>();
    for (row, to) in rows.iter().zip(to) {
        for j in 0..LANES {
            chains[j] = chains[j].wrapping_add(row[j]);
            to[j] = chains[j];
        }
    }
}

/// Whether the filter lets a sum through.
#[inline(always)]
fn may_hit(filter: &[u32], word: u16, a: u16) -> bool {
    let mask = filter.len().wrapping_sub(1);
    filter.get(usize::from(word) & mask).is_some_and(|word| word >> filter_bit(a) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::{Signature, SumHead};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn table(weak: Vec<u32>, block_bytes: u32) -> Table {
        let head = SumHead { count: weak.len() as u32, block_bytes, strong_bytes: 0, remainder: 0 };
        let mut signature = Signature::without_sums(head);
        signature.weak = weak;
        Table::new(&signature)
    }

    proptest! {
        #[test]
        fn stops_where_a_byte_by_byte_scan_stops(
            data in proptest::collection::vec(any::<u8>(), 1..3000),
            window in 1usize..70,
            from in 0usize..1000,
            blocks in proptest::collection::vec(0usize..3000, 0..4),
        ) {
            let window = window.min(data.len());
            for weak in [WeakSum::Rsync, WeakSum::Rollsum, WeakSum::RabinKarp] {
                let sum_at = |at: usize| weak.of(&data[at..at + window]);
                let last = data.len() - window;
                let blocks: Vec<u32> = blocks.iter().map(|&at| sum_at(at.min(last))).collect();
                let from = from.min(last);
                let naive = (from + 1..=last).find(|&at| blocks.contains(&sum_at(at)));

                let (mut at, mut sum) = (from, sum_at(from));
                let found = scan_for(weak)(&data, window, &table(blocks, window as u32), &mut at, &mut sum);
                prop_assert_eq!(found, naive.is_some());
                prop_assert_eq!(at, naive.unwrap_or(last));
                prop_assert_eq!(sum, sum_at(at));
            }
        }
    }

    #[test]
    fn a_window_that_does_not_fit_stays_where_it_is() {
        let table = table(alloc::vec![1], 8);
        let (mut at, mut sum) = (3, 1);
        assert!(!scan(&[1, 2, 3, 4], 8, &table, &mut at, &mut sum));
        assert!(!scan(&[1, 2], 8, &table, &mut at, &mut sum));
        assert_eq!((at, sum), (3, 1));
    }
}
