//! Delta files of either format, applied to a basis: however they arrive in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::format::{FormatError, PatchLimits, PatchStep, Patcher};

const OUTPUT_MAX: usize = 1 << 16;

fn patch(basis: &[u8], delta: &[u8], piece: usize) -> Result<Vec<u8>, FormatError> {
    let limits = PatchLimits { basis_bytes: basis.len() as u64, output_max: OUTPUT_MAX as u64 };
    let mut patcher = Patcher::new(limits);
    let mut out = Vec::new();
    for mut piece in delta.chunks(piece) {
        loop {
            match patcher.step(&mut piece)? {
                PatchStep::More | PatchStep::Done => break,
                PatchStep::Write(bytes) => out.extend_from_slice(bytes),
                PatchStep::Copy { from, len } => {
                    let bytes = &basis[from as usize..][..len as usize];
                    patcher.copied(bytes)?;
                    out.extend_from_slice(bytes);
                }
            }
            assert!(out.len() <= OUTPUT_MAX);
        }
    }
    patcher.finish().map(|()| out)
}

fuzz_target!(|input: &[u8]| {
    let [piece, basis_bytes, rest @ ..] = input else { return };
    let (basis, delta) = rest.split_at(rest.len().min(usize::from(*basis_bytes)));
    let (whole, pieces) = (patch(basis, delta, usize::MAX), patch(basis, delta, 1 + usize::from(*piece)));
    assert_eq!(whole.as_ref().ok(), pieces.as_ref().ok());
    assert_eq!(whole.is_ok(), pieces.is_ok());
});
