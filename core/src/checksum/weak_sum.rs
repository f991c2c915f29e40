//! The three weak sums that are in use: rsync's own, and the two of librsync's signature files.
//!
//! librsync's older sum is rsync's with other values for the bytes, so that zeros count too. Its newer one is a hash after
//! Rabin and Karp, a polynomial in the bytes modulo 2^32:
//!
//! ```text
//!   h = m^n + x[0] m^(n-1) + .. + x[n-1]                      h' = m h + new - m^n (old + m - 1)
//! ```

use super::rolling::pack;
pub use syncline_weak::{ByteValue, Raised, Signed};

/// Which weak sum a signature has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WeakSum {
    /// rsync's (spec 3.5.1).
    #[default]
    Rsync,
    /// The older one of librsync.
    Rollsum,
    /// The newer one of librsync.
    RabinKarp,
}

/// What the polynomial is in.
pub const MULTIPLIER: u32 = 0x0810_4225;

impl WeakSum {
    /// The sum of `block`.
    pub fn of(self, block: &[u8]) -> u32 {
        match self {
            WeakSum::Rsync => super::weak(block),
            WeakSum::Rollsum => syncline_weak::raised(block),
            WeakSum::RabinKarp => rabin_karp(block),
        }
    }

    /// Calls `found` with the sum of every suffix of `data` that is at most `longest` long, the shortest first, until it
    /// says true; returns the length of that one.
    pub fn suffix(self, data: &[u8], longest: usize, mut found: impl FnMut(u32, usize) -> bool) -> Option<usize> {
        let (mut a, mut b, mut hash, mut power) = (0u16, 0u16, 1u32, 1u32);
        for (at, &byte) in data.iter().rev().take(longest).enumerate() {
            let len = at + 1;
            let value = if self == WeakSum::Rsync { Signed::value(byte) } else { Raised::value(byte) };
            a = a.wrapping_add(value);
            b = b.wrapping_add(value.wrapping_mul(len as u16));
            // The seed moves up by a power, and the byte takes its place.
            let next = power.wrapping_mul(MULTIPLIER);
            hash = hash.wrapping_sub(power).wrapping_add(power.wrapping_mul(u32::from(byte))).wrapping_add(next);
            power = next;
            let sum = if self == WeakSum::RabinKarp { hash } else { pack(a, b) };
            if found(sum, len) {
                return Some(len);
            }
        }
        None
    }
}

/// [`MULTIPLIER`] to the power of `n`.
pub(crate) fn power(mut n: usize) -> u32 {
    let (mut result, mut square) = (1u32, MULTIPLIER);
    while n > 0 {
        if n & 1 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        n >>= 1;
    }
    result
}

/// Bytes that are multiplied by powers from a table.
const ROW: usize = 64;

/// The powers that belong to the bytes of a row, in signed halves: processors multiply those eight at a time and add them up.
static POWERS: [[i16; ROW]; 2] = powers();

const fn powers() -> [[i16; ROW]; 2] {
    let mut halves = [[0; ROW]; 2];
    let (mut k, mut power) = (ROW, 1u32);
    while k > 0 {
        k -= 1;
        let low = power as i16;
        halves[0][k] = low;
        halves[1][k] = (power.wrapping_sub(low as u32) >> 16) as i16;
        power = power.wrapping_mul(MULTIPLIER);
    }
    halves
}

/// A row at a time: the hash so far goes up by the power of a row, and what the row adds does not depend on it.
fn rabin_karp(block: &[u8]) -> u32 {
    let (rows, tail) = block.as_chunks::<ROW>();
    let step = power(ROW);
    let hash = rows.iter().fold(1u32, |hash, row| {
        let [low, high] = [dot(row, &POWERS[0]), dot(row, &POWERS[1])];
        hash.wrapping_mul(step).wrapping_add(low as u32).wrapping_add((high as u32) << 16)
    });
    tail.iter().fold(hash, |hash, &byte| hash.wrapping_mul(MULTIPLIER).wrapping_add(u32::from(byte)))
}

/// At most 64 times 255 times 2^15, so that nothing overflows.
#[inline(always)]
fn dot(row: &[u8; ROW], powers: &[i16; ROW]) -> i32 {
    let mut sum = 0;
    for k in 0..ROW {
        sum += i32::from(i16::from(row[k])) * i32::from(powers[k]);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definitions, word for word.
    fn naive(sum: WeakSum, block: &[u8]) -> u32 {
        let additive = |value: fn(u8) -> u16| {
            let (mut a, mut b) = (0u16, 0u16);
            for &byte in block {
                a = a.wrapping_add(value(byte));
                b = b.wrapping_add(a);
            }
            pack(a, b)
        };
        match sum {
            WeakSum::Rsync => additive(Signed::value),
            WeakSum::Rollsum => additive(Raised::value),
            WeakSum::RabinKarp => {
                block.iter().fold(1u32, |h, &byte| h.wrapping_mul(MULTIPLIER).wrapping_add(u32::from(byte)))
            }
        }
    }

    const ALL: [WeakSum; 3] = [WeakSum::Rsync, WeakSum::Rollsum, WeakSum::RabinKarp];

    proptest! {
        #[test]
        fn fast_is_naive(block in proptest::collection::vec(any::<u8>(), 0..700)) {
            for sum in ALL {
                prop_assert_eq!(sum.of(&block), naive(sum, &block));
            }
        }

        #[test]
        fn suffixes_are_summed_from_the_end(data in proptest::collection::vec(any::<u8>(), 0..100), longest in 0usize..120) {
            for sum in ALL {
                let mut seen = 0;
                let found = sum.suffix(&data, longest, |value, len| {
                    seen = len;
                    value != naive(sum, &data[data.len() - len..])
                });
                prop_assert_eq!(found, None);
                prop_assert_eq!(seen, data.len().min(longest));
            }
        }
    }
}
