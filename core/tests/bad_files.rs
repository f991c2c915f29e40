//! Bad signatures and deltas: the typed error says which.
#![cfg(feature = "format")]

#[path = "bad_files/mod.rs"]
mod cases;

use cases::{BASIS, BLOCK_BYTES, Intact, NEW, OUTPUT_MAX};
use syncline_core::format::*;

fn sign(format: Format) -> Vec<u8> {
    slices::sign(BASIS, SignatureOptions { block_bytes: BLOCK_BYTES, ..SignatureOptions::new(format, None) }).unwrap()
}

fn intact() -> Intact {
    let (signature, librsync_signature) = (sign(Format::Syncline), sign(Format::Librsync));
    let delta = slices::delta(&signature, NEW).unwrap();
    let librsync_delta = slices::delta(&librsync_signature, NEW).unwrap();
    for delta in [&delta, &librsync_delta] {
        assert_eq!(slices::patch(BASIS, delta, OUTPUT_MAX).unwrap(), NEW);
    }
    Intact { signature, delta, librsync_signature, librsync_delta }
}

fn read(file: &[u8], piece: usize) -> Result<BasisSignature, FormatError> {
    let mut reader = SignatureReader::new(MEMORY_MAX);
    file.chunks(piece).try_for_each(|piece| reader.push(piece))?;
    reader.finish()
}

#[test]
fn signatures() {
    for case in cases::signatures(&intact()) {
        for piece in [1, 7, 1000] {
            let error = read(&case.file, piece).map(drop).expect_err(case.name);
            case.check(error.code(), &error.to_string());
        }
    }
}

#[test]
fn deltas() {
    for case in cases::deltas(&intact()) {
        let error = slices::patch(&case.basis, &case.file, OUTPUT_MAX).expect_err(case.name);
        case.check(error.code(), &error.to_string());
    }
}

/// Each kind of error that a file can be the cause of is met; the others need a limit, or a caller's mistake.
#[test]
fn every_kind_is_met() {
    let cases = cases::signatures(&intact()).into_iter().chain(cases::deltas(&intact()));
    let mut codes: Vec<i32> = cases.map(|case| case.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8, 10]);
}
