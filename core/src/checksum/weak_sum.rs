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
/// Bytes hashed side by side.
const LANES: usize = 16;

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

/// Every lane is a polynomial in the sixteenth power, so that none waits for another.
fn rabin_karp(block: &[u8]) -> u32 {
    let (rows, tail) = block.as_chunks::<LANES>();
    let step = power(LANES);
    let mut lanes = [0u32; LANES];
    for row in rows {
        for j in 0..LANES {
            lanes[j] = lanes[j].wrapping_mul(step).wrapping_add(u32::from(row[j]));
        }
    }
    let mut hash = power(rows.len() * LANES);
    for (j, lane) in lanes.iter().enumerate() {
        hash = hash.wrapping_add(lane.wrapping_mul(power(LANES - 1 - j)));
    }
    tail.iter().fold(hash, |hash, &byte| hash.wrapping_mul(MULTIPLIER).wrapping_add(u32::from(byte)))
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
