//! Integers and strings of the data stream (spec 1.2).
//!
//! A [`Reader`] walks over bytes that have arrived. Running out of them is no error: the caller drops the reader, consumes
//! nothing, and decodes the whole item again when there is more. Each `put_*` function is the inverse of a `Reader` method.

use crate::{Error, Exit};
use alloc::format;
use alloc::vec::Vec;

/// Why a decoder stopped before the end of its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The item is not complete yet: try again from its start with more bytes.
    Short,
    /// The item is malformed.
    Bad(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Bad(error)
    }
}

/// First protocol with varints, delta coded indexes and two-way framing.
const COMPACT_INTS: u32 = 30;

/// Number of bytes that follow the first byte of a varint or varlong, by its upper bits (spec 1.2.1, 1.2.2).
fn extra_bytes(first: u8) -> usize {
    match first {
        0x00..=0x7f => 0,
        0x80..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        0xf8..=0xfb => 5,
        0xfc..=0xff => 6,
    }
}

/// Little-endian value of at most eight bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// A cursor over received bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `data`.
    pub fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, position: 0 }
    }

    /// Bytes taken so far: what to consume once the item is complete.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What has not been taken yet.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.position..).unwrap_or_default()
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], Stop> {
        let taken = self.rest().get(..n).ok_or(Stop::Short)?;
        self.position += n;
        Ok(taken)
    }

    /// The next `N` bytes, by value.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.bytes(N)?.try_into().map_err(|_| Stop::Short)
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, Stop> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// A shortint.
    pub fn u16(&mut self) -> Result<u16, Stop> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// An int.
    pub fn i32(&mut self) -> Result<i32, Stop> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// A varint: 1 to 5 bytes.
    pub fn varint(&mut self) -> Result<i32, Stop> {
        let first = self.u8()?;
        let extra = extra_bytes(first);
        if extra > 4 {
            return Err(Error::peer(Exit::STREAM, "Overflow in read_varint()").into());
        }
        let low = little_endian(self.bytes(extra)?);
        let high = u64::from(first) & ((1 << (8 - extra)) - 1);
        // Four extra bytes fill all 32 bits; what the first byte holds then falls off, as in stock.
        Ok((high << (8 * extra) | low) as u32 as i32)
    }

    /// A varlong of at least `min` bytes (3 for sizes, 4 for times).
    pub fn varlong(&mut self, min: usize) -> Result<i64, Stop> {
        let first = self.u8()?;
        let extra = extra_bytes(first);
        let after = min.saturating_sub(1) + extra;
        if after > 8 {
            return Err(Error::peer(Exit::STREAM, "Overflow in read_varlong()").into());
        }
        let low = little_endian(self.bytes(after)?);
        let high = u64::from(first) & ((1 << (8 - extra)) - 1);
        Ok((high.checked_shl(8 * after as u32).unwrap_or(0) | low) as i64)
    }

    /// The 64-bit number of protocols below 30: 4 or 12 bytes.
    pub fn longint(&mut self) -> Result<i64, Stop> {
        match self.i32()? {
            -1 => Ok(i64::from_le_bytes(self.array()?)),
            small => Ok(i64::from(small)),
        }
    }

    /// An int below protocol 30, else a varint.
    pub fn varint30(&mut self, protocol: u32) -> Result<i32, Stop> {
        if protocol < COMPACT_INTS {
            self.i32()
        } else {
            self.varint()
        }
    }

    /// A longint below protocol 30, else a varlong.
    pub fn varlong30(&mut self, protocol: u32, min: usize) -> Result<i64, Stop> {
        if protocol < COMPACT_INTS {
            self.longint()
        } else {
            self.varlong(min)
        }
    }

    /// A length-prefixed string of at most `max` bytes.
    pub fn vstring(&mut self, max: usize) -> Result<&'a [u8], Stop> {
        let mut length = usize::from(self.u8()?);
        if length & 0x80 != 0 {
            length = (length & 0x7f) << 8 | usize::from(self.u8()?);
        }
        if length > max {
            let text = format!("over-long vstring received ({length} > {max})");
            return Err(Error::peer(Exit::PROTOCOL, text).into());
        }
        self.bytes(length)
    }
}

/// Appends a shortint.
pub fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends an int.
pub fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_variable(out, u64::from(value as u32), 1);
}

/// Appends a varlong of at least `min` bytes, 3 to 8: a smaller minimum could not announce eight of them.
pub fn put_varlong(out: &mut Vec<u8>, value: i64, min: usize) {
    put_variable(out, value as u64, min.clamp(3, 8));
}

/// Varint and varlong are one code: a varint is the 32-bit pattern with at least one byte.
fn put_variable(out: &mut Vec<u8>, value: u64, min: usize) {
    let bytes = value.to_le_bytes();
    let needed = (8 - value.leading_zeros() as usize / 8).max(min);
    let (low, top) = (&bytes[..needed - 1], bytes[needed - 1]);
    // The unary prefix takes one bit for each byte above the minimum, and its closing zero takes one more.
    let extra = needed - min;
    let limit = 1u16 << (7 - extra);
    if u16::from(top) >= limit {
        out.push(!(limit - 1) as u8);
        out.extend_from_slice(&bytes[..needed]);
    } else {
        let prefix = if extra > 0 { !(2 * limit - 1) as u8 } else { 0 };
        out.push(top | prefix);
        out.extend_from_slice(low);
    }
}

/// Appends the 64-bit number of protocols below 30.
pub fn put_longint(out: &mut Vec<u8>, value: i64) {
    match i32::try_from(value) {
        Ok(small) if small >= 0 => put_i32(out, small),
        _ => {
            put_i32(out, -1);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Appends an int below protocol 30, else a varint.
pub fn put_varint30(out: &mut Vec<u8>, protocol: u32, value: i32) {
    if protocol < COMPACT_INTS {
        put_i32(out, value)
    } else {
        put_varint(out, value)
    }
}

/// Appends a longint below protocol 30, else a varlong.
pub fn put_varlong30(out: &mut Vec<u8>, protocol: u32, value: i64, min: usize) {
    if protocol < COMPACT_INTS {
        put_longint(out, value)
    } else {
        put_varlong(out, value, min)
    }
}

/// Longest string that a vstring can hold.
pub const VSTRING_BYTES_MAX: usize = 0x7fff;

/// Appends a length-prefixed string; one longer than [`VSTRING_BYTES_MAX`] is an error, since it has no encoding.
pub fn put_vstring(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    let length = bytes.len();
    if length > VSTRING_BYTES_MAX {
        let text = format!("attempting to send over-long vstring ({length} > {VSTRING_BYTES_MAX})");
        return Err(Error::host(Exit::PROTOCOL, text));
    }
    if length > 0x7f {
        out.push(0x80 | (length >> 8) as u8);
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn put(f: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        f(&mut out);
        out
    }

    /// Decoding takes exactly the encoding, and every shorter prefix is `Short`.
    fn check<T: PartialEq + core::fmt::Debug>(
        bytes: &[u8],
        expect: T,
        read: impl for<'a> Fn(&mut Reader<'a>) -> Result<T, Stop>,
    ) {
        for cut in 0..bytes.len() {
            assert_eq!(
                read(&mut Reader::new(&bytes[..cut])),
                Err(Stop::Short),
                "{bytes:02x?} cut at {cut}"
            );
        }
        let mut longer = bytes.to_vec();
        longer.push(0xaa);
        let mut reader = Reader::new(&longer);
        assert_eq!(read(&mut reader), Ok(expect), "{bytes:02x?}");
        assert_eq!(reader.position(), bytes.len());
    }

    #[test]
    fn varint_table() {
        let table: &[(i32, &[u8])] = &[
            (0, &[0x00]),
            (127, &[0x7f]),
            (128, &[0x80, 0x80]),
            (255, &[0x80, 0xff]),
            (256, &[0x81, 0x00]),
            (510, &[0x81, 0xfe]),
            (16383, &[0xbf, 0xff]),
            (16384, &[0xc0, 0x00, 0x40]),
            (65535, &[0xc0, 0xff, 0xff]),
            (65536, &[0xc1, 0x00, 0x00]),
            (2097151, &[0xdf, 0xff, 0xff]),
            (2097152, &[0xe0, 0x00, 0x00, 0x20]),
            (268435455, &[0xef, 0xff, 0xff, 0xff]),
            (268435456, &[0xf0, 0x00, 0x00, 0x00, 0x10]),
            (2147483647, &[0xf0, 0xff, 0xff, 0xff, 0x7f]),
            (-1, &[0xf0, 0xff, 0xff, 0xff, 0xff]),
            (-2, &[0xf0, 0xfe, 0xff, 0xff, 0xff]),
            (-2147483648, &[0xf0, 0x00, 0x00, 0x00, 0x80]),
        ];
        for &(value, bytes) in table {
            assert_eq!(put(|out| put_varint(out, value)), bytes, "{value}");
            check(bytes, value, |r| r.varint());
        }
    }

    #[test]
    fn varint_bits_beyond_32_fall_off_and_longer_forms_fail() {
        check(&[0xf7, 1, 0, 0, 0], 1, |r| r.varint());
        for first in 0xf8..=0xffu8 {
            let bytes = [first, 0, 0, 0, 0, 0, 0, 0];
            let stop = Reader::new(&bytes).varint().unwrap_err();
            assert_eq!(
                stop,
                Stop::Bad(Error::peer(Exit::STREAM, "Overflow in read_varint()"))
            );
        }
    }

    #[test]
    fn varlong_table() {
        let table: &[(i64, &[u8], &[u8])] = &[
            (0, &[0; 3], &[0; 4]),
            (12, &[0x00, 0x0c, 0x00], &[0x00, 0x0c, 0x00, 0x00]),
            (65535, &[0x00, 0xff, 0xff], &[0x00, 0xff, 0xff, 0x00]),
            (65536, &[0x01, 0x00, 0x00], &[0x00, 0x00, 0x00, 0x01]),
            (8388607, &[0x7f, 0xff, 0xff], &[0x00, 0xff, 0xff, 0x7f]),
            (
                8388608,
                &[0x80, 0x00, 0x00, 0x80],
                &[0x00, 0x00, 0x00, 0x80],
            ),
            (
                16777216,
                &[0x81, 0x00, 0x00, 0x00],
                &[0x01, 0x00, 0x00, 0x00],
            ),
            (
                1704164645,
                &[0xc0, 0x25, 0x7d, 0x93, 0x65],
                &[0x65, 0x25, 0x7d, 0x93],
            ),
            (
                2147483647,
                &[0xc0, 0xff, 0xff, 0xff, 0x7f],
                &[0x7f, 0xff, 0xff, 0xff],
            ),
            (
                2147483648,
                &[0xc0, 0x00, 0x00, 0x00, 0x80],
                &[0x80, 0x00, 0x00, 0x00, 0x80],
            ),
            (4294967296, &[0xc1, 0, 0, 0, 0], &[0x81, 0, 0, 0, 0]),
            (
                (1 << 40) - 1,
                &[0xe0, 0xff, 0xff, 0xff, 0xff, 0xff],
                &[0xc0, 0xff, 0xff, 0xff, 0xff, 0xff],
            ),
            (1 << 40, &[0xe1, 0, 0, 0, 0, 0], &[0xc1, 0, 0, 0, 0, 0]),
            (
                1 << 45,
                &[0xf0, 0, 0, 0, 0, 0, 0x20],
                &[0xe0, 0, 0, 0, 0, 0, 0x20],
            ),
            (
                1 << 48,
                &[0xf1, 0, 0, 0, 0, 0, 0],
                &[0xe1, 0, 0, 0, 0, 0, 0],
            ),
            (
                1 << 55,
                &[0xf8, 0, 0, 0, 0, 0, 0, 0x80],
                &[0xf0, 0, 0, 0, 0, 0, 0, 0x80],
            ),
            (
                i64::MAX,
                &[0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                &[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            ),
            (
                -1,
                &[0xfc, 255, 255, 255, 255, 255, 255, 255, 255],
                &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255],
            ),
        ];
        for &(value, three, four) in table {
            assert_eq!(put(|out| put_varlong(out, value, 3)), three, "{value}");
            assert_eq!(put(|out| put_varlong(out, value, 4)), four, "{value}");
            check(three, value, |r| r.varlong(3));
            check(four, value, |r| r.varlong(4));
        }
    }

    #[test]
    fn varlong_longer_than_nine_bytes_fails() {
        let bytes = [0xfc; 12];
        let overflow = Stop::Bad(Error::peer(Exit::STREAM, "Overflow in read_varlong()"));
        assert_eq!(Reader::new(&bytes).varlong(4), Err(overflow.clone()));
        assert_eq!(Reader::new(&[0xff; 12]).varlong(8), Err(overflow));
        assert!(Reader::new(&bytes).varlong(3).is_ok());
    }

    #[test]
    fn longint_forms() {
        assert_eq!(
            put(|out| put_longint(out, 0x7fff_ffff)),
            [0xff, 0xff, 0xff, 0x7f]
        );
        let long = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80, 0, 0, 0, 0];
        assert_eq!(put(|out| put_longint(out, 2147483648)), long);
        check(&long, 2147483648, |r| r.longint());
        assert_eq!(put(|out| put_longint(out, -1)), [0xff; 12]);
        check(&[0xfe, 0xff, 0xff, 0xff], -2, |r| r.longint());
    }

    #[test]
    fn vstring_lengths() {
        for (length, prefix) in [
            (0usize, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x80, 0x80]),
            (256, vec![0x81, 0x00]),
        ] {
            let text = vec![b'x'; length];
            let mut bytes = prefix;
            bytes.extend_from_slice(&text);
            assert_eq!(put(|out| put_vstring(out, &text).unwrap()), bytes);
            check(&bytes, text, |r| r.vstring(256).map(<[u8]>::to_vec));
        }
        assert!(put_vstring(&mut Vec::new(), &[0; VSTRING_BYTES_MAX]).is_ok());
        assert!(put_vstring(&mut Vec::new(), &[0; VSTRING_BYTES_MAX + 1]).is_err());
        // The length alone is enough to refuse: nothing needs to be waited for.
        assert!(matches!(
            Reader::new(&[0x81, 0x00]).vstring(255),
            Err(Stop::Bad(_))
        ));
    }

    proptest! {
        #[test]
        fn integers_roundtrip(small: i32, wide: i64, shift in 0u32..64, min in 3usize..9) {
            let wide = wide >> shift;
            let small = small >> (shift % 32);
            check(&put(|out| put_varint(out, small)), small, |r| r.varint());
            check(&put(|out| put_varlong(out, wide, min)), wide, |r| r.varlong(min));
            check(&put(|out| put_longint(out, wide)), wide, |r| r.longint());
            for protocol in [29, 30] {
                check(&put(|out| put_varint30(out, protocol, small)), small, |r| r.varint30(protocol));
                check(&put(|out| put_varlong30(out, protocol, wide, 3)), wide, |r| r.varlong30(protocol, 3));
            }
        }

        #[test]
        fn any_bytes_decode_or_stop(bytes in proptest::collection::vec(any::<u8>(), 0..14), min in 0usize..12) {
            let _ = Reader::new(&bytes).varint();
            let _ = Reader::new(&bytes).varlong(min);
            let _ = Reader::new(&bytes).longint();
            let _ = Reader::new(&bytes).vstring(4);
        }
    }
}
