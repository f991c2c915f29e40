//! The rolling sum of a block: cheap to slide by one byte, weak on its own (spec 3.5.1).
//!
//! ```text
//! a = Σ x[i]        b = Σ (n - i)·x[i]        weak = a mod 2^16 | (b mod 2^16) << 16
//! ```
//!
//! Bytes count as signed. All arithmetic wraps, so a and b may be kept in wider words and masked at the end.

/// The sum of a block.
pub fn weak(block: &[u8]) -> u32 {
    let (a, b) = halves(block);
    (a & 0xffff) | (b << 16)
}

/// The two halves of the sum, not masked.
pub fn halves(block: &[u8]) -> (u32, u32) {
    const LANES: usize = 32;
    let (mut a, mut b) = (0u32, 0u32);
    let mut chunks = block.chunks_exact(LANES);
    for chunk in &mut chunks {
        let (mut sum, mut weighted) = (0i32, 0i32);
        for (i, &byte) in chunk.iter().enumerate() {
            let x = i32::from(byte as i8);
            sum += x;
            weighted += (LANES - i) as i32 * x;
        }
        b = b.wrapping_add(a.wrapping_mul(LANES as u32)).wrapping_add(weighted as u32);
        a = a.wrapping_add(sum as u32);
    }
    for &byte in chunks.remainder() {
        a = a.wrapping_add(byte as i8 as u32);
        b = b.wrapping_add(a);
    }
    (a, b)
}

/// A sum that slides over a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rolling {
    /// Plain sum, wider than it is used.
    pub a: u32,
    /// Sum of sums, wider than it is used.
    pub b: u32,
}

impl Rolling {
    /// The sum of a window.
    pub fn of(window: &[u8]) -> Rolling {
        let (a, b) = halves(window);
        Rolling { a, b }
    }

    /// Slides a window of `len` bytes by one: `old` leaves, `new` enters.
    #[inline(always)]
    pub fn roll(&mut self, len: u32, old: u8, new: u8) {
        let (old, new) = (old as i8 as u32, new as i8 as u32);
        self.a = self.a.wrapping_add(new).wrapping_sub(old);
        self.b = self.b.wrapping_sub(len.wrapping_mul(old)).wrapping_add(self.a);
    }

    /// Shrinks a window of `len` bytes at the end of a file: `old` leaves and nothing enters.
    pub fn shrink(&mut self, len: u32, old: u8) {
        let old = old as i8 as u32;
        self.a = self.a.wrapping_sub(old);
        self.b = self.b.wrapping_sub(len.wrapping_mul(old));
    }

    /// The sum as it travels.
    #[inline(always)]
    pub fn value(self) -> u32 {
        (self.a & 0xffff) | (self.b << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(block: &[u8]) -> u32 {
        let (mut a, mut b) = (0u32, 0u32);
        for &byte in block {
            a = a.wrapping_add(byte as i8 as u32);
            b = b.wrapping_add(a);
        }
        (a & 0xffff) | (b << 16)
    }

    #[test]
    fn examples() {
        for (data, expect) in
            [(&b""[..], 0), (b"abc", 0x024a0126), (b"\x80\xff\x7f\x01", 0xfefcffff), (b"0123456789abcdef", 0x1f5b0462)]
        {
            assert_eq!(weak(data), expect);
        }
    }

    proptest! {
        #[test]
        fn fast_equals_naive(data in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(weak(&data), naive(&data));
        }

        #[test]
        fn rolling_equals_fresh(data in proptest::collection::vec(any::<u8>(), 2..300), len in 1usize..100) {
            let len = len.min(data.len() - 1);
            let mut sum = Rolling::of(&data[..len]);
            for at in 1..=data.len() - len {
                sum.roll(len as u32, data[at - 1], data[at + len - 1]);
                prop_assert_eq!(sum.value(), naive(&data[at..at + len]));
            }
            let mut at = data.len() - len;
            while at < data.len() {
                sum.shrink((data.len() - at) as u32, data[at]);
                at += 1;
                prop_assert_eq!(sum.value(), naive(&data[at..]));
            }
        }
    }
}
