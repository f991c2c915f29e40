//! The hot loop: slides the weak sum over bytes that match nothing.
//!
//! A bitmap in front of the table of sums lets nearly every position pass with one bit test. Sixteen positions are summed at
//! once, from prefix sums in lanes of 16 bits, in a form that compilers turn into vector code:
//!
//! ```text
//! d[j] = x[j+n] - x[j]          A[k] = a + Σ d[0..k]
//! e[j] = A[j+1] - n·x[j]        B[k] = b + Σ e[0..k]
//! ```

use alloc::vec;
use alloc::vec::Vec;

use crate::checksum::rolling::Rolling;

/// Positions summed at once.
const LANES: usize = 16;

/// Which weak sums there are, with few false yeses.
#[derive(Clone, Debug)]
pub struct Filter {
    bits: Vec<u64>,
    mask: u32,
}

impl Filter {
    /// A filter for `sums`, of 2^20 bits or more.
    pub fn new(sums: &[u32]) -> Filter {
        let wanted = (sums.len() as u64 * 32).next_power_of_two().clamp(1 << 20, 1 << 26) as u32;
        let mut filter = Filter { bits: vec![0; wanted as usize / 64], mask: wanted - 1 };
        for &sum in sums {
            let at = filter.at(sum);
            filter.bits[at as usize / 64] |= 1 << (at % 64);
        }
        filter
    }

    /// All of b and the low bits of a: both are spread evenly.
    #[inline(always)]
    fn at(&self, sum: u32) -> u32 {
        sum.rotate_left(16) & self.mask
    }

    /// Whether there may be such a sum.
    #[inline(always)]
    pub fn has(&self, sum: u32) -> bool {
        let at = self.at(sum);
        self.bits[at as usize / 64] >> (at % 64) & 1 != 0
    }
}

/// A [`scan`], perhaps compiled for a better processor.
pub type ScanFn = fn(data: &[u8], len: usize, end: usize, sum: &mut Rolling, filter: &Filter) -> usize;

/// Slides a window of `len` bytes over `data` from its start until the filter says yes, at most to position `end`. `sum` is
/// that of the window at position 0, and in the end that of the position returned. `data` holds `end + len` bytes.
#[inline(always)]
pub fn scan(data: &[u8], len: usize, end: usize, sum: &mut Rolling, filter: &Filter) -> usize {
    let mut at = 0;
    let n = len as u16;
    let (mut a, mut b) = (sum.a as u16, sum.b as u16);
    while at + LANES <= end {
        let (Some(old), Some(new)) = (data[at..].first_chunk::<LANES>(), data[at + len..].first_chunk::<LANES>())
        else {
            break;
        };
        let (sums_a, sums_b) = sums(a, b, n, old, new);
        let hits = hits(a, b, &sums_a, &sums_b, filter);
        if hits != 0 {
            let k = hits.trailing_zeros() as usize;
            if k > 0 {
                (a, b) = (sums_a[k - 1], sums_b[k - 1]);
            }
            *sum = Rolling { a: a.into(), b: b.into() };
            return at + k;
        }
        (a, b) = (sums_a[LANES - 1], sums_b[LANES - 1]);
        at += LANES;
    }
    *sum = Rolling { a: a.into(), b: b.into() };
    while at < end && !filter.has(sum.value()) {
        sum.roll(len as u32, data[at], data[at + len]);
        at += 1;
    }
    at
}

/// The halves of the sums of the positions 1 to 16 beyond one whose halves are `a` and `b`.
#[inline(always)]
fn sums(a: u16, b: u16, n: u16, old: &[u8; LANES], new: &[u8; LANES]) -> ([u16; LANES], [u16; LANES]) {
    let mut sums_a = [0u16; LANES];
    let mut scaled = [0u16; LANES];
    for k in 0..LANES {
        let x = old[k] as i8 as u16;
        sums_a[k] = (new[k] as i8 as u16).wrapping_sub(x);
        scaled[k] = x.wrapping_mul(n);
    }
    prefix(&mut sums_a);
    let mut sums_b = [0u16; LANES];
    for k in 0..LANES {
        sums_a[k] = sums_a[k].wrapping_add(a);
        sums_b[k] = sums_a[k].wrapping_sub(scaled[k]);
    }
    prefix(&mut sums_b);
    for sum in &mut sums_b {
        *sum = sum.wrapping_add(b);
    }
    (sums_a, sums_b)
}

/// Inclusive prefix sums by doubling.
#[inline(always)]
fn prefix(v: &mut [u16; LANES]) {
    let mut step = 1;
    while step < LANES {
        let mut moved = [0u16; LANES];
        moved[step..].copy_from_slice(&v[..LANES - step]);
        for k in 0..LANES {
            v[k] = v[k].wrapping_add(moved[k]);
        }
        step *= 2;
    }
}

/// A bit for each of the positions 0 to 15 whose sum the filter may know.
#[inline(always)]
fn hits(a: u16, b: u16, sums_a: &[u16; LANES], sums_b: &[u16; LANES], filter: &Filter) -> u32 {
    let mut at = [0u32; LANES];
    at[0] = (u32::from(a) << 16 | u32::from(b)) & filter.mask;
    for k in 1..LANES {
        at[k] = (u32::from(sums_a[k - 1]) << 16 | u32::from(sums_b[k - 1])) & filter.mask;
    }
    let mut hits = 0u32;
    for (k, at) in at.iter().enumerate() {
        let word = filter.bits[*at as usize / 64];
        hits |= ((word >> (at % 64)) as u32 & 1) << k;
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fast_equals_naive(
            data in proptest::collection::vec(any::<u8>(), 40..600),
            len in 1usize..40,
            sums in proptest::collection::vec(any::<u32>(), 0..4),
            pick in any::<usize>(),
        ) {
            let end = data.len() - len;
            let pick = pick % (end + 1);
            let known = crate::checksum::rolling::weak(&data[pick..pick + len]);
            let filter = Filter::new(&[&sums[..], &[known]].concat());
            let mut fast = Rolling::of(&data[..len]);
            let found = scan(&data, len, end, &mut fast, &filter);
            let naive = (0..end).find(|&at| filter.has(crate::checksum::rolling::weak(&data[at..at + len]))).unwrap_or(end);
            prop_assert_eq!(found, naive);
            prop_assert_eq!(fast.value(), crate::checksum::rolling::weak(&data[found..found + len]));
        }
    }
}
