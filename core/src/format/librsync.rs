//! The numbers of librsync's formats, which are public: magics, and the commands of a delta. Big-endian, all of them.
//!
//! A signature is a magic, the bytes of a block, the bytes of a strong sum, and then for each block its weak and its strong
//! sum. Neither the length of the basis nor the number of blocks is written down.

use crate::checksum::{Algorithm, WeakSum};
use alloc::vec::Vec;

/// What a delta begins with.
pub const DELTA_MAGIC: u32 = 0x7273_0236;
/// No more commands.
pub const END: u8 = 0;
/// A literal of one byte; up to 64 have commands of their own.
pub const LITERAL_1: u8 = 1;
/// The longest literal whose length is in the command.
pub const LITERAL_SHORT_MAX: u64 = 64;
/// A literal with its length in one byte; the next three commands have two, four and eight.
pub const LITERAL_N1: u8 = 0x41;
/// A copy with place and length in a byte each; the length's width varies fastest.
pub const COPY_N1_N1: u8 = 0x45;
/// The last command in use.
pub const COPY_LAST: u8 = 0x54;

/// The signature's magic for its sums.
pub fn magic_of(weak: WeakSum, strong: Algorithm) -> Option<u32> {
    match (weak, strong) {
        (WeakSum::Rollsum, Algorithm::Md4) => Some(0x7273_0136),
        (WeakSum::Rollsum, Algorithm::Blake2) => Some(0x7273_0137),
        (WeakSum::RabinKarp, Algorithm::Md4) => Some(0x7273_0146),
        (WeakSum::RabinKarp, Algorithm::Blake2) => Some(0x7273_0147),
        _ => None,
    }
}

/// The sums that a signature's magic stands for.
pub fn sums_of(magic: u32) -> Option<(WeakSum, Algorithm)> {
    let all = [WeakSum::Rollsum, WeakSum::RabinKarp].map(|weak| [(weak, Algorithm::Md4), (weak, Algorithm::Blake2)]);
    all.into_iter().flatten().find(|&(weak, strong)| magic_of(weak, strong) == Some(magic))
}

/// How wide a number is, as a power of two of bytes.
fn width(number: u64) -> u8 {
    match number {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xffff_ffff => 2,
        _ => 3,
    }
}

fn put(number: u64, width: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes()[8 - (1 << width)..]);
}

/// The command for a literal of `len` bytes.
pub fn put_literal(len: u64, out: &mut Vec<u8>) {
    if (1..=LITERAL_SHORT_MAX).contains(&len) {
        out.push(LITERAL_1 + (len - 1) as u8);
    } else {
        out.push(LITERAL_N1 + width(len));
        put(len, width(len), out);
    }
}

/// The command for a literal whose length was not known when its place was left free.
pub fn long_literal(len: u32) -> [u8; 5] {
    let [a, b, c, d] = len.to_be_bytes();
    [LITERAL_N1 + 2, a, b, c, d]
}

/// The command for a copy.
pub fn put_copy(from: u64, len: u64, out: &mut Vec<u8>) {
    let (wide, long) = (width(from), width(len));
    out.push(COPY_N1_N1 + 4 * wide + long);
    put(from, wide, out);
    put(len, long, out);
}

/// A command, as its first byte announces it: the widths of the numbers that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// No more.
    End,
    /// A literal of this many bytes.
    Short(u64),
    /// A literal whose length takes this many bytes.
    Literal(usize),
    /// A copy whose place and length take these many bytes.
    Copy(usize, usize),
}

/// Reads a command's first byte.
pub fn command(byte: u8) -> Option<Command> {
    match byte {
        END => Some(Command::End),
        LITERAL_1..=0x40 => Some(Command::Short(u64::from(byte))),
        LITERAL_N1..COPY_N1_N1 => Some(Command::Literal(1 << (byte - LITERAL_N1))),
        COPY_N1_N1..=COPY_LAST => {
            let index = byte - COPY_N1_N1;
            Some(Command::Copy(1 << (index / 4), 1 << (index % 4)))
        }
        _ => None,
    }
}

/// A big-endian number of up to eight bytes.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
