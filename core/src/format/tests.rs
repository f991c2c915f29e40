//! There and back, in any pieces; files of either format as they are written down; and everything that can be wrong.

use super::*;
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;

const BASIS: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOPghijklmnopqrstuvQRSTUVWXYZ!?.,:;tail42";
const NEW: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOP<new ABCDEFGHIJKL>QRSTUVWXYZ!?.,:;tail42";

fn sign(options: SignatureOptions, basis: &[u8], piece: usize) -> Vec<u8> {
    let mut writer = SignatureWriter::new(options).unwrap();
    let mut out = Vec::new();
    for piece in basis.chunks(piece) {
        writer.push(piece);
        let taken = writer.output().len() / 2;
        out.extend_from_slice(&writer.output()[..taken]);
        writer.consume(taken);
    }
    writer.finish();
    out.extend_from_slice(writer.output());
    out
}

fn load(file: &[u8], piece: usize) -> Result<BasisSignature, FormatError> {
    let mut reader = SignatureReader::new(1 << 30);
    file.chunks(piece).try_for_each(|piece| reader.push(piece))?;
    reader.finish()
}

fn delta(basis: BasisSignature, format: Format, new: &[u8], piece: usize) -> Vec<u8> {
    let mut writer = DeltaWriter::new(basis, DeltaOptions { format, ..DeltaOptions::default() }).unwrap();
    let mut out = Vec::new();
    for piece in new.chunks(piece) {
        writer.push(piece);
        let taken = writer.output().len();
        out.extend_from_slice(writer.output());
        writer.consume(taken);
    }
    writer.finish();
    out.extend_from_slice(writer.output());
    out
}

fn patch(basis: &[u8], delta: &[u8], piece: usize) -> Result<Vec<u8>, FormatError> {
    let mut patcher = Patcher::new(PatchLimits { basis_bytes: basis.len() as u64, output_max: 1 << 23 });
    let mut out = Vec::new();
    for mut piece in delta.chunks(piece) {
        loop {
            match patcher.step(&mut piece)? {
                PatchStep::More | PatchStep::Done => break,
                PatchStep::Write(bytes) => out.extend_from_slice(bytes),
                PatchStep::Copy { from, len } => {
                    let bytes = &basis[from as usize..][..len as usize];
                    bytes.chunks(7).try_for_each(|bytes| patcher.copied(bytes))?;
                    out.extend_from_slice(bytes);
                }
            }
        }
        assert!(piece.is_empty());
    }
    patcher.finish()?;
    assert_eq!(patcher.output_bytes(), out.len() as u64);
    Ok(out)
}

fn options(format: Format, block_bytes: u32) -> SignatureOptions {
    SignatureOptions { block_bytes, ..SignatureOptions::new(format, None) }
}

fn ours() -> (Vec<u8>, Vec<u8>) {
    let signature = sign(options(Format::Syncline, 16), BASIS, 1000);
    let delta = delta(load(&signature, 1000).unwrap(), Format::Syncline, NEW, 1000);
    (signature, delta)
}

/// The bytes as the module's doc says, taken apart by hand.
#[test]
fn our_files_are_as_written_down() {
    let (signature, delta) = ours();
    let (head, rest) = signature.split_at(16);
    assert_eq!(head, [0x89, b'S', b'L', b'S', 1, 1, 16, 0, 16, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(rest[..2], [5, 0]);
    assert_eq!(rest[2..6], crate::checksum::weak(&BASIS[..16]).to_le_bytes());
    let tail = &rest[2 + 5 * 20..];
    assert_eq!(tail[..2], [0, 0]);
    assert_eq!(tail[2..10], (BASIS.len() as u64).to_le_bytes());
    assert_eq!(tail[10..26], xxhash_rust::xxh3::xxh3_128(BASIS).to_le_bytes());
    let (checked, check) = signature.split_at(signature.len() - 8);
    assert_eq!(check, xxhash_rust::xxh3::xxh3_64(checked).to_le_bytes());

    let (head, rest) = delta.split_at(32);
    assert_eq!(head[..8], [0x89, b'S', b'L', b'D', 1, 1, 0, 0]);
    assert_eq!(head[8..16], (BASIS.len() as u64).to_le_bytes());
    assert_eq!(head[16..], tail[10..26]);
    // Two blocks from the start, eighteen new bytes, and the last two blocks: one block further on.
    let commands = [&[2 * 32 + 1, 0, 2 * 18], &NEW[32..50], &[2 * 22 + 1, 2 * 16, 0]].concat();
    assert_eq!(rest[..commands.len()], commands);
    let tail = &rest[commands.len()..];
    assert_eq!(tail[..8], (NEW.len() as u64).to_le_bytes());
    assert_eq!(tail[8..24], xxhash_rust::xxh3::xxh3_128(NEW).to_le_bytes());
    let check = &delta[delta.len() - 8..];
    let checked = [&delta[..34], &NEW[32..50], &[2 * 18], &delta[53..delta.len() - 8]].concat();
    assert_eq!(check, xxhash_rust::xxh3::xxh3_64(&checked).to_le_bytes());
}

/// As `rdiff -b 16 -S 8` writes them.
#[test]
fn librsyncs_files_are_those_of_rdiff() {
    let options = SignatureOptions { strong_bytes: Some(8), ..options(Format::Librsync, 16) };
    let signature = sign(options, BASIS, 3);
    assert_eq!(signature[..12], [0x72, 0x73, 0x01, 0x47, 0, 0, 0, 16, 0, 0, 0, 8]);
    assert_eq!(signature.len(), 12 + 5 * 12);
    let delta = delta(load(&signature, 5).unwrap(), Format::Librsync, NEW, 4);
    let expect = [&[0x72, 0x73, 0x02, 0x36, 0x45, 0, 32, 18], &NEW[32..50], &[0x45, 48, 22, 0]].concat();
    assert_eq!(delta, expect);
}

#[test]
fn what_is_wrong_is_told_apart() {
    let (signature, delta) = ours();
    let librsync = sign(options(Format::Librsync, 16), BASIS, 1000);
    let with = |at: usize, byte: u8| {
        let mut file = signature.clone();
        file[at] = byte;
        load(&file, 9).unwrap_err().to_string()
    };
    assert_eq!(load(&delta, 9).unwrap_err().to_string(), "this is a delta, not a signature");
    assert_eq!(load(b"Hello", 9).unwrap_err().to_string(), "this is no signature: it begins with 48 65 6c 6c");
    assert_eq!(with(4, 2), "version 2 of the format is newer than this program, which knows version 1");
    assert_eq!(with(5, 99), "checksum algorithm 99 is unknown");
    assert_eq!(with(6, 17), "the length of a strong sum is 17, which is not in 1 to 16");
    assert_eq!(with(8 + 3, 0x7f), "the length of a block is 2130706448, which is not in 1 to 268435456");
    assert_eq!(with(17, 9), "the length of a group of sums is 2309, which is not in 1 to 1024");
    assert_eq!(with(20, 9), "the signature is damaged: its check does not fit what it holds");
    for len in 0..signature.len() {
        let error = load(&signature[..len], 9).unwrap_err();
        assert_eq!(error, FormatError::Truncated { wanted: "signature", bytes: len as u64 });
    }
    assert!(matches!(load(&librsync[..50], 9), Err(FormatError::Truncated { bytes: 50, .. })));
    let longer = [&signature[..], b"x"].concat();
    assert!(matches!(load(&longer, 9), Err(FormatError::Malformed { .. })));

    let patched = |delta: &[u8]| patch(BASIS, delta, 9).unwrap_err();
    assert_eq!(patched(&signature).to_string(), "this is a signature, not a delta");
    assert_eq!(patched(&librsync).to_string(), "this is a signature, not a delta");
    for len in 0..delta.len() {
        assert_eq!(patched(&delta[..len]), FormatError::Truncated { wanted: "delta", bytes: len as u64 });
    }
    let mut damaged = delta.clone();
    damaged[40] ^= 1;
    assert_eq!(patched(&damaged), FormatError::Damaged { what: "delta" });
    let mut other = BASIS.to_vec();
    other[3] ^= 1;
    assert_eq!(patch(&other, &delta, 9), Err(FormatError::WrongBasis { wanted: None, found: None }));
    assert_eq!(patch(&BASIS[1..], &delta, 9), Err(FormatError::WrongBasis { wanted: Some(70), found: Some(69) }));
    let writer = DeltaWriter::new(load(&librsync, 9).unwrap(), DeltaOptions::default());
    assert!(matches!(writer, Err(FormatError::Usage { .. })));
}

#[test]
fn limits_hold() {
    let signature = sign(options(Format::Librsync, 16), &[7; 20_000], 1000);
    let mut reader = SignatureReader::new(50_000);
    assert_eq!(reader.push(&signature), Err(FormatError::Memory { needed: 50_048, max: 50_000 }));
    // A copy of a whole mebibyte, and then another one.
    let bomb = [0x72, 0x73, 0x02, 0x36, 0x47, 0, 0, 0x10, 0, 0, 0x47, 0, 0, 0x10, 0, 0];
    let mut patcher = Patcher::new(PatchLimits { basis_bytes: 1 << 20, output_max: 1 << 20 });
    let mut piece = &bomb[..];
    assert!(matches!(patcher.step(&mut piece), Ok(PatchStep::Copy { from: 0, len: 0x10_0000 })));
    assert!(matches!(patcher.step(&mut piece), Err(FormatError::Usage { .. })), "the copy is owed");
    patcher.copied(&alloc::vec![0; 1 << 20]).unwrap();
    assert_eq!(patcher.step(&mut piece), Err(FormatError::Output { max: 1 << 20 }));
}

/// A basis, and a new file made of pieces of it and of something else.
fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let basis = proptest::collection::vec(0u8..4, 0..3000);
    let cuts = proptest::collection::vec((any::<bool>(), 0usize..3000, 0usize..900), 0..6);
    (basis, cuts).prop_map(|(basis, cuts)| {
        let mut new = Vec::new();
        for (old, at, len) in cuts {
            let at = at.min(basis.len());
            if old {
                new.extend_from_slice(&basis[at..(at + len).min(basis.len())]);
            } else {
                new.extend((0..len).map(|k| ((k * at) >> 3) as u8));
            }
        }
        (basis, new)
    })
}

proptest! {
    #[test]
    fn there_and_back(
        (basis, new) in pair(),
        block_bytes in 1u32..300,
        piece in 1usize..400,
        kind in 0usize..11,
        short in any::<bool>(),
    ) {
        let options = match kind {
            0..7 => SignatureOptions { algorithm: ALGORITHMS[kind].1, seed: 7, ..options(Format::Syncline, block_bytes) },
            _ => SignatureOptions {
                weak: if kind & 1 == 0 { WeakSum::Rollsum } else { WeakSum::RabinKarp },
                algorithm: if kind & 2 == 0 { Algorithm::Md4 } else { Algorithm::Blake2 },
                ..options(Format::Librsync, block_bytes)
            },
        };
        let options = SignatureOptions { strong_bytes: short.then_some(8), ..options };
        let signature = sign(options, &basis, piece);
        prop_assert_eq!(&signature, &sign(options, &basis, usize::MAX));
        let loaded = load(&signature, piece).unwrap();
        prop_assert_eq!(loaded.signature.weak.len(), basis.len().div_ceil(block_bytes as usize));
        for format in [Format::Syncline, Format::Librsync] {
            if format == Format::Syncline && options.format == Format::Librsync {
                continue;
            }
            let delta = delta(loaded.clone(), format, &new, piece);
            prop_assert_eq!(&delta, &self::delta(loaded.clone(), format, &new, usize::MAX));
            prop_assert_eq!(&patch(&basis, &delta, piece).unwrap(), &new);
            // A copy of a block of a few bytes is longer than these are.
            prop_assert!(block_bytes < 16 || delta.len() < new.len() + 140 + new.len() / 8);
        }
        // What is the basis costs nothing, the short last block included. (Where blocks are equal the copy may jump.)
        let distinct: alloc::collections::BTreeSet<_> = loaded.signature.weak.iter().collect();
        if distinct.len() == loaded.signature.weak.len() {
            let same = delta(loaded, options.format, &basis, piece);
            prop_assert!(same.len() <= 140, "{} bytes", same.len());
        }
    }

    #[test]
    fn no_byte_goes_unnoticed(at in any::<proptest::sample::Index>(), bit in 0u8..8, piece in 1usize..60) {
        let (mut signature, mut delta) = ours();
        let place = at.index(signature.len());
        signature[place] ^= 1 << bit;
        prop_assert!(load(&signature, piece).is_err());
        let at = at.index(delta.len());
        delta[at] ^= 1 << bit;
        // The digest of the basis is covered by the check like all the rest.
        prop_assert!(patch(BASIS, &delta, piece).is_err());
    }

    #[test]
    fn garbage_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0usize..5) {
        let heads: [&[u8]; 5] = [b"", &SIGNATURE_MAGIC, &DELTA_MAGIC, &[0x72, 0x73, 2, 0x36], &[0x72, 0x73, 1, 0x47]];
        let file = [heads[kind], &bytes].concat();
        let _ = load(&file, 9);
        let _ = patch(BASIS, &file, 9);
    }
}

/// Written as to a file: what was taken can be overwritten.
fn corrected(basis: BasisSignature, format: Format, new: &[u8], piece: usize) -> Vec<u8> {
    let options = DeltaOptions { format, corrects: true, ..DeltaOptions::default() };
    let mut writer = DeltaWriter::new(basis, options).unwrap();
    let mut file = Vec::new();
    let mut take = |writer: &mut DeltaWriter, all: bool| {
        let len = writer.output().len() / if all { 1 } else { 3 };
        file.extend_from_slice(&writer.output()[..len]);
        writer.consume(len);
        while let Some(Correction { at, bytes }) = writer.correction() {
            file.resize(file.len().max(at as usize + bytes.len()), 0);
            file[at as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
    };
    for (turn, piece) in new.chunks(piece).enumerate() {
        writer.push(piece);
        take(&mut writer, turn % 2 == 0);
    }
    writer.finish();
    take(&mut writer, true);
    file
}

#[test]
fn a_long_literal_has_one_command_where_that_can_be_put_in_later() {
    let random = |seed: u32, len: u32| -> Vec<u8> {
        (0..len).map(|n| ((n ^ seed).wrapping_mul(0x9e37_79b1) >> 23) as u8).collect()
    };
    let (basis, other) = (random(1, 100_000), random(77_777, 3_500_000));
    // All new; new before, between and behind what is known.
    let mixed = [&other[..1_200_000], &basis[..50_000], &other[..2_100_000], &basis[60_000..], &other[..5000]].concat();
    for (new, literals, copies) in [(&other, 1, 0), (&mixed, 3, 2)] {
        for (format, heads) in [(Format::Librsync, 4 + 1), (Format::Syncline, 32 + 33)] {
            let loaded = load(&sign(options(format, 1000), &basis, 1000), 1000).unwrap();
            let file = corrected(loaded.clone(), format, new, 70_000);
            assert_eq!(patch(&basis, &file, 100_000), Ok(new.clone()));
            let matched = if copies == 0 { 0 } else { 90_000 };
            assert!(file.len() <= new.len() - matched + heads + 5 * literals + 7 * copies, "{}", file.len());
            let mut damaged = file.clone();
            damaged[heads] ^= 1;
            assert!(patch(&basis, &damaged, 100_000).is_err());
            // To what can't be overwritten.
            let stream = delta(loaded, format, new, 70_000);
            assert_eq!(patch(&basis, &stream, 100_000), Ok(new.clone()));
            assert!(stream.len() <= file.len() + 5 * (new.len() >> 20));
        }
    }
}
