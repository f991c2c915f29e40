//! The scan for the Rabin-Karp hash of librsync's signatures.
//!
//! One hash depends on the one before through a multiplication and an addition. Since the multiplier is odd it has an
//! inverse modulo 2^32, and hashes scaled by its powers are prefix sums, as the additive sums are:
//!
//! ```text
//!   h[k] = m h[k-1] + c[k]                    c[k] = new[k] - m^n (old[k] + m - 1)
//!   g[k] = h[k] m^-k        so        g[k] = g[k-1] + c[k] m^-k
//! ```
//!
//! What remains one after the other is an addition; the multiplications are loops without dependences.

use super::{GROUP, Kernel, Sums, TILE, filter_word, probe};
use crate::checksum::weak_sum::{MULTIPLIER, power};

/// The inverse of [`MULTIPLIER`] modulo 2^32.
const INVERSE: u32 = inverse();

const fn inverse() -> u32 {
    // Newton: each step doubles the number of right bits, and an odd number is its own inverse modulo 8.
    let mut inverse = MULTIPLIER;
    let mut step = 0;
    while step < 4 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(MULTIPLIER.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

const fn powers(of: u32) -> [u32; TILE] {
    let mut powers = [0; TILE];
    let (mut k, mut power) = (0, 1u32);
    while k < TILE {
        power = power.wrapping_mul(of);
        powers[k] = power;
        k += 1;
    }
    powers
}

/// m^1, m^2, ..
static UP: [u32; TILE] = powers(MULTIPLIER);
/// m^-1, m^-2, ..
static DOWN: [u32; TILE] = powers(INVERSE);

/// The kernel for windows of one length.
#[derive(Clone, Copy, Debug)]
pub struct Hash {
    /// m^n.
    leaving: u32,
}

impl Hash {
    /// For windows of `window` bytes.
    #[inline(always)]
    pub fn new(window: usize) -> Hash {
        Hash { leaving: power(window) }
    }

    #[inline(always)]
    fn change(self, old: u8, new: u8) -> u32 {
        let old = u32::from(old).wrapping_add(MULTIPLIER - 1);
        u32::from(new).wrapping_sub(self.leaving.wrapping_mul(old))
    }
}

impl Kernel for Hash {
    #[inline(always)]
    fn step(&self, old: u8, new: u8, _window: usize, sum: u32) -> u32 {
        sum.wrapping_mul(MULTIPLIER).wrapping_add(self.change(old, new))
    }

    #[inline(always)]
    fn roll(&mut self, old: &[u8; TILE], new: &[u8; TILE], _window: usize, sum: u32, sums: &mut Sums) {
        let mut scaled = [0u32; TILE];
        for k in 0..TILE {
            scaled[k] = self.change(old[k], new[k]).wrapping_mul(DOWN[k]);
        }
        let mut running = sum;
        for change in &mut scaled {
            running = running.wrapping_add(*change);
            *change = running;
        }
        for k in 0..TILE {
            let hash = scaled[k].wrapping_mul(UP[k]);
            (sums.a[k], sums.b[k]) = (hash as u16, (hash >> 16) as u16);
            sums.words[k] = filter_word(sums.a[k], sums.b[k]);
        }
    }

    #[inline(always)]
    fn probe(&self, filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
        probe(filter, sums)
    }
}
