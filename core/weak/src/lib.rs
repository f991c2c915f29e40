//! The weak sum of a block. Every byte of a basis passes through here, so it is compiled for speed even where the engine is
//! compiled for size, and that is chosen by package. What the sum is and how it rolls is told in `syncline-core`.

#![no_std]
#![forbid(unsafe_code)]

/// Bytes summed side by side. A multiple of the 8 and 16 lanes of 16 bits that current vector units have.
const LANES: usize = 32;

/// What a byte counts in a sum of the additive kind.
pub trait ByteValue {
    /// The value, modulo 2^16.
    fn value(byte: u8) -> u16;
}

/// Bytes as rsync counts them: -128 to 127.
#[derive(Clone, Copy, Debug)]
pub struct Signed;

/// Bytes as librsync counts them: 31 to 286.
#[derive(Clone, Copy, Debug)]
pub struct Raised;

impl ByteValue for Signed {
    #[inline(always)]
    fn value(byte: u8) -> u16 {
        i16::from(byte as i8) as u16
    }
}

impl ByteValue for Raised {
    #[inline(always)]
    fn value(byte: u8) -> u16 {
        u16::from(byte) + 31
    }
}

/// The weak sum of `block`.
// A copy of it in a caller that is compiled for size would be as slow as that.
#[inline(never)]
pub fn weak(block: &[u8]) -> u32 {
    weak_by::<Signed>(block)
}

/// [`weak`] with the values that librsync's older sum gives to bytes.
#[inline(never)]
pub fn raised(block: &[u8]) -> u32 {
    weak_by::<Raised>(block)
}

/// Row k of 32 bytes adds to 32 running sums, and these in turn to running sums of running sums. With `m` rows, lane j
/// ends with `s = sum of x[k,j]` and `t = sum of (m - k) * x[k,j]`, and since the byte at row k, lane j carries the factor
/// `n - 32k - j = 32(m - k) - j`, the lanes add up to `b = sum of (32 t - j s)`. No row depends on a horizontal sum.
#[inline(always)]
fn weak_by<V: ByteValue>(block: &[u8]) -> u32 {
    let (rows, tail) = block.as_chunks::<LANES>();
    let mut s = [0u16; LANES];
    let mut t = [0u16; LANES];
    for row in rows {
        for j in 0..LANES {
            s[j] = s[j].wrapping_add(V::value(row[j]));
            t[j] = t[j].wrapping_add(s[j]);
        }
    }
    let (mut a, mut b) = (0u16, 0u16);
    for j in 0..LANES {
        a = a.wrapping_add(s[j]);
        b = b.wrapping_add(t[j].wrapping_mul(LANES as u16).wrapping_sub(s[j].wrapping_mul(j as u16)));
    }
    for &byte in tail {
        a = a.wrapping_add(V::value(byte));
        b = b.wrapping_add(a);
    }
    pack(a, b)
}

/// Joins the halves of a weak sum.
#[inline(always)]
pub fn pack(a: u16, b: u16) -> u32 {
    u32::from(a) | u32::from(b) << 16
}
