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
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
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
        if protocol < COMPACT_INTS { self.i32() } else { self.varint() }
    }

    /// A longint below protocol 30, else a varlong.
    pub fn varlong30(&mut self, protocol: u32, min: usize) -> Result<i64, Stop> {
        if protocol < COMPACT_INTS { self.longint() } else { self.varlong(min) }
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
    if protocol < COMPACT_INTS { put_i32(out, value) } else { put_varint(out, value) }
}

/// Appends a longint below protocol 30, else a varlong.
pub fn put_varlong30(out: &mut Vec<u8>, protocol: u32, value: i64, min: usize) {
    if protocol < COMPACT_INTS { put_longint(out, value) } else { put_varlong(out, value, min) }
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
mod tests;
