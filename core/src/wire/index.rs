//! File indexes (spec 1.2.5): plain ints below protocol 30, afterwards deltas against the index before.
//!
//! Each direction of a connection has its own [`NdxCoder`], which lives as long as the session and is never reset.

use super::item::{Reader, Stop, put_i32};
use crate::{Error, Exit};
use alloc::format;
use alloc::vec::Vec;

/// End of a phase, or of one incremental list.
pub const NDX_DONE: i32 = -1;
/// No more incremental file lists.
pub const NDX_FLIST_EOF: i32 = -2;
/// Deletion statistics follow.
pub const NDX_DEL_STATS: i32 = -3;
/// A list for directory `d` follows: the index is this minus `d`.
pub const NDX_FLIST_OFFSET: i32 = -101;

/// First byte: the index is `NDX_DONE`.
const DONE: u8 = 0x00;
/// First byte: two or four more bytes follow.
const WIDE: u8 = 0xfe;
/// First byte: the magnitude of a negative index follows.
const NEGATIVE: u8 = 0xff;
/// Bit in the byte after `WIDE`: an absolute value, not a delta.
const ABSOLUTE: u8 = 0x80;

/// Writes or reads the indexes of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdxCoder {
    delta: bool,
    previous: Memory,
}

/// What the next delta is relative to, for either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    positive: i32,
    negative: i32,
}

impl NdxCoder {
    /// A coder with fresh memories.
    pub fn new(protocol: u32) -> NdxCoder {
        NdxCoder { delta: protocol >= 30, previous: Memory { positive: -1, negative: 1 } }
    }

    /// Appends `ndx` to `out`.
    pub fn encode(&mut self, ndx: i32, out: &mut Vec<u8>) {
        if !self.delta {
            return put_i32(out, ndx);
        }
        if ndx == NDX_DONE {
            return out.push(DONE);
        }
        let magnitude = ndx.checked_abs().unwrap_or(i32::MAX);
        let memory = if ndx >= 0 {
            &mut self.previous.positive
        } else {
            out.push(NEGATIVE);
            &mut self.previous.negative
        };
        let delta = i64::from(magnitude) - i64::from(*memory);
        *memory = magnitude;
        match delta {
            1..=253 => out.push(delta as u8),
            0 | 254..=0x7fff => out.extend_from_slice(&[WIDE, (delta >> 8) as u8, delta as u8]),
            _ => {
                let [low, mid, high, top] = magnitude.to_le_bytes();
                out.extend_from_slice(&[WIDE, top | ABSOLUTE, low, mid, high]);
            }
        }
    }

    /// Takes an index; the memories change only when it is complete and valid.
    pub fn decode(&mut self, reader: &mut Reader<'_>) -> Result<i32, Stop> {
        if !self.delta {
            return reader.i32();
        }
        let first = reader.u8()?;
        match first {
            DONE => Ok(NDX_DONE),
            NEGATIVE => {
                let first = reader.u8()?;
                let magnitude = decode_magnitude(reader, first, self.previous.negative)?;
                self.previous.negative = magnitude;
                Ok(-magnitude)
            }
            _ => {
                let magnitude = decode_magnitude(reader, first, self.previous.positive)?;
                self.previous.positive = magnitude;
                Ok(magnitude)
            }
        }
    }
}

fn decode_magnitude(reader: &mut Reader<'_>, first: u8, previous: i32) -> Result<i32, Stop> {
    let delta = match first {
        WIDE => {
            let [high, low] = reader.array()?;
            if high & ABSOLUTE != 0 {
                let [mid, third] = reader.array()?;
                return Ok(i32::from_le_bytes([low, mid, third, high & !ABSOLUTE]));
            }
            i32::from(u16::from_be_bytes([high, low]))
        }
        narrow => i32::from(narrow),
    };
    previous.checked_add(delta).ok_or_else(|| {
        let sum = i64::from(previous) + i64::from(delta);
        Error::peer(Exit::PROTOCOL, format!("Invalid file index: {sum}")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(coder: &mut NdxCoder, ndx: i32) -> Vec<u8> {
        let mut out = Vec::new();
        coder.encode(ndx, &mut out);
        out
    }

    #[test]
    fn worked_sequence() {
        let table: &[(i32, &[u8])] = &[
            (0, &[0x01]),
            (1, &[0x01]),
            (5, &[0x04]),
            (258, &[0xfd]),
            (512, &[0xfe, 0x00, 0xfe]),
            (766, &[0xfe, 0x00, 0xfe]),
            (766, &[0xfe, 0x00, 0x00]),
            (767, &[0x01]),
            (100000, &[0xfe, 0x80, 0xa0, 0x86, 0x01]),
            (100001, &[0x01]),
            (99999, &[0xfe, 0x80, 0x9f, 0x86, 0x01]),
            (NDX_FLIST_EOF, &[0xff, 0x01]),
            (NDX_DEL_STATS, &[0xff, 0x01]),
            (NDX_FLIST_OFFSET, &[0xff, 0x62]),
            (NDX_FLIST_OFFSET - 1, &[0xff, 0x01]),
            (NDX_FLIST_OFFSET, &[0xff, 0xfe, 0x80, 0x65, 0x00, 0x00]),
            (NDX_DONE, &[0x00]),
        ];
        let (mut writer, mut reader) = (NdxCoder::new(30), NdxCoder::new(32));
        for &(ndx, bytes) in table {
            assert_eq!(encoded(&mut writer, ndx), bytes, "{ndx}");
            for cut in 0..bytes.len() {
                let before = reader.clone();
                assert_eq!(reader.decode(&mut Reader::new(&bytes[..cut])), Err(Stop::Short));
                assert_eq!(reader, before);
            }
            assert_eq!(reader.decode(&mut Reader::new(bytes)), Ok(ndx));
        }
    }

    #[test]
    fn first_negatives() {
        assert_eq!(encoded(&mut NdxCoder::new(32), NDX_DEL_STATS), [0xff, 0x02]);
        assert_eq!(encoded(&mut NdxCoder::new(32), -102), [0xff, 0x65]);
    }

    #[test]
    fn old_protocols_send_ints() {
        let mut coder = NdxCoder::new(29);
        assert_eq!(encoded(&mut coder, 7), [7, 0, 0, 0]);
        assert_eq!(encoded(&mut coder, NDX_DONE), [0xff; 4]);
        assert_eq!(coder.decode(&mut Reader::new(&[0xff; 4])), Ok(NDX_DONE));
    }

    #[test]
    fn overflow_is_fatal_and_keeps_the_memory() {
        let mut coder = NdxCoder::new(32);
        assert_eq!(coder.decode(&mut Reader::new(&[0xfe, 0xff, 0xff, 0xff, 0xff])), Ok(i32::MAX));
        let before = coder.clone();
        let overflow = Error::peer(Exit::PROTOCOL, "Invalid file index: 2147483648");
        assert_eq!(coder.decode(&mut Reader::new(&[0x01])), Err(Stop::Bad(overflow)));
        assert_eq!(coder, before);
    }

    proptest! {
        #[test]
        fn sequences_roundtrip(indexes in proptest::collection::vec(
            prop_oneof![-500i32..70_000, any::<i32>().prop_filter("no magnitude", |&n| n != i32::MIN)], 0..40)
        ) {
            for protocol in [29, 30] {
                let (mut writer, mut bytes) = (NdxCoder::new(protocol), Vec::new());
                for &ndx in &indexes {
                    writer.encode(ndx, &mut bytes);
                }
                let (mut coder, mut reader) = (NdxCoder::new(protocol), Reader::new(&bytes));
                for &ndx in &indexes {
                    prop_assert_eq!(coder.decode(&mut reader), Ok(ndx));
                }
                prop_assert_eq!(reader.rest(), &[] as &[u8]);
                prop_assert_eq!(coder, writer);
            }
        }
    }
}
