//! Signature files of either format: however they arrive in pieces, and whatever is searched with them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::format::{BasisSignature, DeltaOptions, DeltaWriter, Format, FormatError, SignatureReader};

/// Bytes that a reader may take.
const MEMORY_MAX: u64 = 4 << 20;

fn read(file: &[u8], piece: usize) -> Result<BasisSignature, FormatError> {
    let mut reader = SignatureReader::new(MEMORY_MAX);
    file.chunks(piece).try_for_each(|piece| reader.push(piece))?;
    reader.finish()
}

fuzz_target!(|input: &[u8]| {
    let [piece, file @ ..] = input else { return };
    let (whole, pieces) = (read(file, usize::MAX), read(file, 1 + usize::from(*piece)));
    let whole = match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!((&whole.signature.weak, &whole.signature.strong), (&pieces.signature.weak, &pieces.signature.strong));
            whole
        }
        (Err(_), Err(_)) => return,
        (whole, pieces) => panic!("{whole:?} but in pieces {pieces:?}"),
    };
    // The signature itself is as good a file as any.
    let options = DeltaOptions { format: Format::Librsync, ..DeltaOptions::default() };
    let mut writer = DeltaWriter::new(whole, options).expect("any signature serves for a librsync delta");
    file.chunks(1 + usize::from(*piece)).for_each(|piece| writer.push(piece));
    writer.finish();
    assert!(writer.output().len() <= 2 * file.len() + 64);
});
