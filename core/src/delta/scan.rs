//! The hot loop: the weak sum at every offset of the data, until a block has it.
//!
//! Rolling the sum byte by byte is one chain of dependent additions. But 16 consecutive sums are prefix sums of what enters
//! and leaves the window, and prefix sums take four steps for 16 lanes:
//!
//! ```text
//!   d[j] = new[j] - old[j]                       a[j] = a + d[0] + .. + d[j]
//!   e[j] = a[j] - n * old[j]                     b[j] = b + e[0] + .. + e[j]
//! ```
//!
//! all modulo 2^16, in plain arrays that compilers turn into vectors. The only scalar part left is a look into the filter
//! per offset. A host may compile [`scan`] anew for what its processor has and hand it in as a [`ScanFn`].

use super::table::{Table, filter_bit, filter_word};
use crate::checksum::rolling::{pack, signed};

/// Offsets examined together.
const LANES: usize = 16;

/// Moves a window of `window` bytes over `data`, from offset `*at`, whose weak sum is `*sum`.
///
/// Offsets behind `*at` are examined one after the other. Returns true at the first whose sum some block of the table has;
/// false at the last offset where the window fits. In both cases `*at` and `*sum` are then those of that offset. If the
/// window does not fit at `*at` nothing happens.
pub type ScanFn =
    fn(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool;

/// The portable [`ScanFn`].
#[inline(always)]
pub fn scan(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    let (Some(leaving), Some(entering)) = (
        data.get(*at..),
        data.get(*at..).and_then(|rest| rest.get(window..)),
    ) else {
        return false;
    };
    let filter = table.filter();
    let leaving = &leaving[..entering.len()];
    let (mut a, mut b) = (*sum as u16, (*sum >> 16) as u16);
    let (old_rows, old_tail) = leaving.as_chunks::<LANES>();
    let (new_rows, new_tail) = entering.as_chunks::<LANES>();
    for (row, (old, new)) in old_rows.iter().zip(new_rows).enumerate() {
        let (sums_a, sums_b) = roll(old, new, window as u16, a, b);
        if touches(filter, &sums_a, &sums_b) {
            if let Some(lane) = (0..LANES).find(|&lane| hits(table, sums_a[lane], sums_b[lane])) {
                *at += row * LANES + lane + 1;
                *sum = pack(sums_a[lane], sums_b[lane]);
                return true;
            }
        }
        (a, b) = (sums_a[LANES - 1], sums_b[LANES - 1]);
    }
    *at += old_rows.len() * LANES;
    for (&old, &new) in old_tail.iter().zip(new_tail) {
        a = a.wrapping_add(signed(new)).wrapping_sub(signed(old));
        b = b
            .wrapping_add(a)
            .wrapping_sub((window as u16).wrapping_mul(signed(old)));
        *at += 1;
        if hits(table, a, b) {
            *sum = pack(a, b);
            return true;
        }
    }
    *sum = pack(a, b);
    false
}

/// The halves of the sums at the 16 offsets behind the one with `a` and `b`.
#[inline(always)]
fn roll(
    old: &[u8; LANES],
    new: &[u8; LANES],
    window: u16,
    a: u16,
    b: u16,
) -> ([u16; LANES], [u16; LANES]) {
    let mut entered = [0u16; LANES];
    let mut left = [0u16; LANES];
    for j in 0..LANES {
        let gone = signed(old[j]);
        entered[j] = signed(new[j]).wrapping_sub(gone);
        left[j] = gone.wrapping_mul(window);
    }
    let mut sums_a = prefix_sums(entered);
    for sum in &mut sums_a {
        *sum = sum.wrapping_add(a);
    }
    for j in 0..LANES {
        left[j] = sums_a[j].wrapping_sub(left[j]);
    }
    let mut sums_b = prefix_sums(left);
    for sum in &mut sums_b {
        *sum = sum.wrapping_add(b);
    }
    (sums_a, sums_b)
}

#[inline(always)]
fn prefix_sums(x: [u16; LANES]) -> [u16; LANES] {
    add_shifted::<8>(add_shifted::<4>(add_shifted::<2>(add_shifted::<1>(x))))
}

/// Adds to each lane the one `BY` lanes before it.
#[inline(always)]
fn add_shifted<const BY: usize>(x: [u16; LANES]) -> [u16; LANES] {
    let mut shifted = [0u16; LANES];
    shifted[BY..].copy_from_slice(&x[..LANES - BY]);
    let mut sum = [0u16; LANES];
    for j in 0..LANES {
        sum[j] = x[j].wrapping_add(shifted[j]);
    }
    sum
}

/// Whether the filter lets any of the sums through. Looks at all of them, since stopping early costs more than it saves.
#[inline(always)]
fn touches(filter: &[u64], sums_a: &[u16; LANES], sums_b: &[u16; LANES]) -> bool {
    if filter.is_empty() {
        return false;
    }
    let mask = filter.len() - 1;
    let mut words = [0u16; LANES];
    for j in 0..LANES {
        words[j] = filter_word(sums_a[j], sums_b[j]);
    }
    let mut any = 0;
    for j in 0..LANES {
        any |= filter[usize::from(words[j]) & mask] >> filter_bit(sums_a[j]);
    }
    any & 1 != 0
}

#[inline(always)]
fn hits(table: &Table, a: u16, b: u16) -> bool {
    let filter = table.filter();
    let word = filter.get(usize::from(filter_word(a, b)) & filter.len().wrapping_sub(1));
    word.is_some_and(|word| word >> filter_bit(a) & 1 == 1) && table.contains(pack(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::weak;
    use crate::delta::{Signature, SumHead};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn table(weak: Vec<u32>, block_bytes: u32) -> Table {
        let head = SumHead {
            count: weak.len() as u32,
            block_bytes,
            strong_bytes: 0,
            remainder: 0,
        };
        let mut signature = Signature::without_sums(head);
        signature.weak = weak;
        Table::new(&signature)
    }

    proptest! {
        #[test]
        fn stops_where_a_byte_by_byte_scan_stops(
            data in proptest::collection::vec(any::<u8>(), 1..400),
            window in 1usize..70,
            from in 0usize..100,
            blocks in proptest::collection::vec(0usize..400, 0..4),
        ) {
            let window = window.min(data.len());
            let sum_at = |at: usize| weak(&data[at..at + window]);
            let last = data.len() - window;
            let blocks: Vec<u32> = blocks.iter().map(|&at| sum_at(at.min(last))).collect();
            let from = from.min(last);
            let naive = (from + 1..=last).find(|&at| blocks.contains(&sum_at(at)));

            let (mut at, mut sum) = (from, sum_at(from));
            let found = scan(&data, window, &table(blocks, window as u32), &mut at, &mut sum);
            prop_assert_eq!(found, naive.is_some());
            prop_assert_eq!(at, naive.unwrap_or(last));
            prop_assert_eq!(sum, sum_at(at));
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
