//! LZ4 as rsync uses it (spec 3.7.5): each record is one block of its own.

use crate::limits::COMPRESSED_BYTES_MAX;
use crate::{Error, Exit};
use alloc::boxed::Box;
use alloc::vec::Vec;
use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};

/// Most input that stock compresses into one record.
pub const INPUT_BYTES_MAX: usize = COMPRESSED_BYTES_MAX;
/// Most output that stock accepts from one record.
pub const OUTPUT_BYTES_MAX: usize = 32_912;

/// The sender's side: a hash table to reuse.
pub struct Lz4Packer {
    table: Box<CompressTable>,
    packed: Vec<u8>,
}

impl Default for Lz4Packer {
    fn default() -> Self {
        Lz4Packer { table: Box::new(CompressTable::small()), packed: Vec::new() }
    }
}

impl Lz4Packer {
    /// Compresses `literal`, at most [`INPUT_BYTES_MAX`] bytes, and hands each record to `put`. What does not fit into one
    /// record is halved.
    pub fn pack(&mut self, literal: &[u8], put: &mut impl FnMut(&[u8])) -> Result<(), Error> {
        if literal.is_empty() {
            return Ok(());
        }
        self.packed.resize(get_maximum_output_size(INPUT_BYTES_MAX), 0);
        let length = compress_into_with_table(literal, &mut self.packed, &mut self.table)
            .map_err(|_| Error::host(Exit::STREAM, "compress returned 0"))?;
        if length <= COMPRESSED_BYTES_MAX {
            put(&self.packed[..length]);
            return Ok(());
        }
        let (first, second) = literal.split_at(literal.len() / 2);
        self.pack(first, put)?;
        self.pack(second, put)
    }
}

/// Decompresses a whole record into `output`, which has [`OUTPUT_BYTES_MAX`] bytes, and returns the length.
pub fn unpack(record: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    decompress_into(record, output).map_err(|_| Error::peer(Exit::STREAM, "uncompress failed: -1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn roundtrip(literal: &[u8]) -> usize {
        let (mut output, mut whole, mut records) = (vec![0; OUTPUT_BYTES_MAX], Vec::new(), 0);
        Lz4Packer::default()
            .pack(literal, &mut |record| {
                assert!(!record.is_empty() && record.len() <= COMPRESSED_BYTES_MAX);
                let length = unpack(record, &mut output).unwrap();
                whole.extend_from_slice(&output[..length]);
                records += 1;
            })
            .unwrap();
        assert_eq!(whole, literal);
        records
    }

    #[test]
    fn incompressible_pieces_are_halved() {
        let mut state = 1u32;
        let noise: Vec<u8> = core::iter::repeat_with(|| {
            state = state.wrapping_mul(1103515245).wrapping_add(12345);
            (state >> 16) as u8
        })
        .take(INPUT_BYTES_MAX)
        .collect();
        assert_eq!(roundtrip(&noise), 2);
        assert_eq!(roundtrip(&vec![7; INPUT_BYTES_MAX]), 1);
    }

    #[test]
    fn garbage_and_bombs_are_refused() {
        let mut output = vec![0; OUTPUT_BYTES_MAX];
        assert!(unpack(&[], &mut output).is_err());
        assert!(unpack(&[0x10], &mut output).is_err());
        assert!(unpack(&[0x10, 7, 9, 0, 0x00], &mut output).is_err());
        let bomb = [&[0x1f, 7, 1, 0][..], &[255; 200], &[0, 0]].concat();
        assert_eq!(unpack(&bomb, &mut output).unwrap_err().exit, Exit::STREAM);
    }

    proptest! {
        #[test]
        fn any_literal(literal in proptest::collection::vec(0u8..5, 1..3000)) {
            roundtrip(&literal);
        }
    }
}
