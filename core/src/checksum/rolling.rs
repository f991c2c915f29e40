//! The weak sum of a block and how it rolls: the idea that makes rsync possible (spec 3.5.1).
//!
//! ```text
//! a = sum of x[i]             b = sum of (n - i) * x[i]          weak = a | b << 16
//!
//!     old [ . . . window of n bytes . . . ] new                  a += new - old
//!         [ moves one byte to the right --> ]                    b += a - n * old
//! ```
//!
//! Bytes count as signed, and both halves are taken modulo 2^16, so 16-bit lanes hold everything that matters.

use super::weak_sum::{ByteValue, Signed};
pub(crate) use syncline_weak::pack;
pub use syncline_weak::weak;

/// A byte as the weak sum counts it: -128 to 127, modulo 2^16.
#[inline(always)]
pub(crate) fn signed(byte: u8) -> u16 {
    Signed::value(byte)
}

/// The weak sum of a window that moves over the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rolling {
    a: u16,
    b: u16,
    len: usize,
}

impl Rolling {
    /// Starts with `window`.
    pub fn new(window: &[u8]) -> Rolling {
        let sum = weak(window);
        Rolling { a: sum as u16, b: (sum >> 16) as u16, len: window.len() }
    }

    /// The weak sum of the bytes now in the window.
    pub fn value(&self) -> u32 {
        pack(self.a, self.b)
    }

    /// Bytes in the window.
    pub fn window_bytes(&self) -> usize {
        self.len
    }

    /// Lets `new` in at the right: the window grows.
    pub fn roll(&mut self, new: u8) {
        self.a = self.a.wrapping_add(signed(new));
        self.b = self.b.wrapping_add(self.a);
        self.len = self.len.wrapping_add(1);
    }

    /// Moves one byte to the right: `old` leaves, `new` enters.
    pub fn rotate(&mut self, old: u8, new: u8) {
        let old = signed(old);
        self.a = self.a.wrapping_add(signed(new)).wrapping_sub(old);
        self.b = self.b.wrapping_add(self.a).wrapping_sub((self.len as u16).wrapping_mul(old));
    }

    /// Lets `old` out at the left: the window shrinks, as it does at the end of a file.
    pub fn shrink(&mut self, old: u8) {
        let old = signed(old);
        self.a = self.a.wrapping_sub(old);
        self.b = self.b.wrapping_sub((self.len as u16).wrapping_mul(old));
        self.len = self.len.wrapping_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word.
    fn naive(block: &[u8]) -> u32 {
        let n = block.len() as i64;
        let a: i64 = block.iter().map(|&byte| i64::from(byte as i8)).sum();
        let b: i64 = block.iter().enumerate().map(|(i, &byte)| (n - i as i64) * i64::from(byte as i8)).sum();
        (a & 0xffff) as u32 | ((b & 0xffff) as u32) << 16
    }

    #[test]
    fn values_of_the_spec() {
        assert_eq!(weak(b""), 0);
        assert_eq!(weak(b"abc"), 0x024a_0126);
        assert_eq!(weak(&[0x80, 0xff, 0x7f, 0x01]), 0xfefc_ffff);
        assert_eq!(weak(b"0123456789abcdef"), 0x1f5b_0462);
    }

    #[test]
    fn long_blocks_wrap() {
        let block: alloc::vec::Vec<u8> = (0..131_072u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
        assert_eq!(weak(&block), naive(&block));
        assert_eq!(weak(&block[..131_071]), naive(&block[..131_071]));
    }

    proptest! {
        #[test]
        fn fast_is_naive(block in proptest::collection::vec(any::<u8>(), 0..700)) {
            prop_assert_eq!(weak(&block), naive(&block));
        }

        #[test]
        fn rolling_is_summing_anew(data in proptest::collection::vec(any::<u8>(), 1..300), window in 1usize..100) {
            let window = window.min(data.len());
            let mut rolling = Rolling::new(&data[..window]);
            for at in 1..=data.len() - window {
                rolling.rotate(data[at - 1], data[at + window - 1]);
                prop_assert_eq!(rolling.value(), naive(&data[at..at + window]));
            }
            for at in data.len() - window + 1..data.len() {
                rolling.shrink(data[at - 1]);
                prop_assert_eq!(rolling.value(), naive(&data[at..]));
                prop_assert_eq!(rolling.window_bytes(), data.len() - at);
            }
        }

        #[test]
        fn growing_is_summing_anew(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut rolling = Rolling::default();
            data.iter().for_each(|&byte| rolling.roll(byte));
            prop_assert_eq!(rolling.value(), naive(&data));
        }
    }
}
