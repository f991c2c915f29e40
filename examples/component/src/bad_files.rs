//! Signatures and deltas that are not what they should be, the same that the engine's own tests have: each is refused with a fault
//! that says what is wrong, and nothing traps.

use super::{Guest, MEMORY_BYTES, Outcome, Refusal, Sandbox, delta, patch, sign};
use crate::bindings::exports::syncline::engine::files::Format;

#[path = "../../../core/tests/bad_files/mod.rs"]
mod cases;

use cases::{BASIS, BLOCK_BYTES, Intact, NEW, OUTPUT_MAX};

/// Tries all of them; how many.
pub fn check(store: &mut Sandbox, files: &Guest) -> Outcome<usize> {
    let intact = intact(store, files)?;
    let (signatures, deltas) = (cases::signatures(&intact), cases::deltas(&intact));
    for case in &signatures {
        match read(store, files, &case.file)? {
            Err(refusal) => case.check(number(&refusal), &refusal.text),
            Ok(()) => return Err(format!("a signature was taken: {}", case.name).into()),
        }
    }
    for case in &deltas {
        match patch(store, files, &case.basis, &case.file, OUTPUT_MAX)? {
            Err(refusal) => case.check(number(&refusal), &refusal.text),
            Ok(_) => return Err(format!("a delta was applied: {}", case.name).into()),
        }
    }
    Ok(signatures.len() + deltas.len())
}

/// Faults stand in the order of the engine's error numbers, which begin with 1.
fn number(refusal: &Refusal) -> i32 {
    refusal.fault as i32 + 1
}

fn intact(store: &mut Sandbox, files: &Guest) -> Outcome<Intact> {
    let mut of = |format| -> Outcome<_> {
        let signature = sign(store, files, BASIS, format, Some(BLOCK_BYTES))?;
        let delta = delta(store, files, &signature, NEW, format)?;
        match patch(store, files, BASIS, &delta, OUTPUT_MAX)? {
            Ok(made) if made == NEW => Ok((signature, delta)),
            other => Err(format!("an intact delta: {other:?}").into()),
        }
    };
    let (signature, delta) = of(Format::Syncline)?;
    let (librsync_signature, librsync_delta) = of(Format::Librsync)?;
    Ok(Intact { signature, delta, librsync_signature, librsync_delta })
}

fn read(store: &mut Sandbox, files: &Guest, file: &[u8]) -> Outcome<Result<(), Refusal>> {
    let reader = files.signature_reader().call_constructor(&mut *store, MEMORY_BYTES)?;
    if let Err(refusal) = files.signature_reader().call_push(&mut *store, reader, file)? {
        reader.resource_drop(store)?;
        return Ok(Err(refusal));
    }
    match files.signature_reader().call_finish(&mut *store, reader)? {
        Err(refusal) => Ok(Err(refusal)),
        Ok(signature) => Ok(Ok(signature.resource_drop(store)?)),
    }
}
