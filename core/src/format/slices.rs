//! Signatures, deltas and patches of what is in memory as a whole.

use super::{
    DeltaOptions, DeltaWriter, FormatError, MEMORY_MAX, PatchLimits, PatchStep, Patcher, SignatureOptions,
    SignatureReader, SignatureWriter,
};
use alloc::vec::Vec;

/// The signature of `basis`.
pub fn sign(basis: &[u8], options: SignatureOptions) -> Result<Vec<u8>, FormatError> {
    let mut writer = SignatureWriter::new(options)?;
    writer.push(basis);
    writer.finish();
    Ok(writer.output().to_vec())
}

/// What is new in `new`, beside what the signature knows; of the same kind as the signature.
pub fn delta(signature: &[u8], new: &[u8]) -> Result<Vec<u8>, FormatError> {
    let mut reader = SignatureReader::new(MEMORY_MAX);
    reader.push(signature)?;
    let basis = reader.finish()?;
    let options = DeltaOptions { format: basis.format, corrects: true, ..DeltaOptions::default() };
    let mut writer = DeltaWriter::new(basis, options)?;
    writer.push(new);
    writer.finish();
    // Nothing was taken before, so there is nothing to correct.
    Ok(writer.output().to_vec())
}

/// The new file, if it is at most `output_max` bytes long.
pub fn patch(basis: &[u8], mut delta: &[u8], output_max: u64) -> Result<Vec<u8>, FormatError> {
    let mut patcher = Patcher::new(PatchLimits { basis_bytes: basis.len() as u64, output_max });
    let mut new = Vec::new();
    loop {
        match patcher.step(&mut delta)? {
            PatchStep::Write(bytes) => new.extend_from_slice(bytes),
            PatchStep::Copy { from, len } => {
                // The patcher has checked that this lies within the basis.
                let bytes = basis.get(from as usize..(from + len) as usize).unwrap_or_default();
                patcher.copied(bytes)?;
                new.extend_from_slice(bytes);
            }
            PatchStep::More | PatchStep::Done => break,
        }
    }
    patcher.finish()?;
    Ok(new)
}
