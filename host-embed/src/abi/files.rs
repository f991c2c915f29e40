//! Checksums, signatures, deltas and patches.

use syncline_core::checksum::{Algorithm, Digest, WeakSum};
use syncline_core::format::{
    DeltaOptions, DeltaWriter, Format, PatchLimits, PatchStep, Patcher, SignatureOptions, SignatureReader,
    SignatureWriter,
};

use super::state::{Buffers, Object, allow, with};
use super::status::{Status, code, count};
use crate::memory;
use crate::simd::best_scan_for;

/// A digest in the making, and then the digest.
pub struct Checksum {
    digest: Option<Digest>,
    value: Vec<u8>,
}

/// A delta in the making.
pub struct Delta {
    writer: DeltaWriter,
}

/// A delta that is being applied: the piece at hand is still the caller's.
pub struct Patch {
    patcher: Patcher,
    /// Address and length of what is left of the piece.
    piece: (usize, usize),
    write: (usize, usize),
    copy: (u64, u64),
}

/// "Not known" where a length is given.
const UNKNOWN: u64 = u64::MAX;

fn algorithm(number: u32) -> Result<Algorithm, Status> {
    let known = [
        Algorithm::Xxh128,
        Algorithm::Xxh3,
        Algorithm::Xxh64,
        Algorithm::Md5,
        Algorithm::Md4,
        Algorithm::Sha1,
        Algorithm::Blake2,
    ];
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    index.and_then(|index| known.get(index).copied()).ok_or(Status::BadArgument)
}

fn format(number: u32) -> Result<Format, Status> {
    match number {
        0 => Ok(Format::Syncline),
        1 => Ok(Format::Librsync),
        _ => Err(Status::BadArgument),
    }
}

/// Begins the digest of bytes: the algorithm by its number in files.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_checksum_new(number: u32) -> i32 {
    count(with(|state| {
        let digest = Some(Digest::list(algorithm(number)?));
        state.insert(Object::Checksum(Checksum { digest, value: Vec::new() }))
    }))
}

/// Begins a signature. `algorithm` 0, `block_bytes` 0 and `strong_bytes` 0 stand for what suits; `weak` is 0 for Rabin-Karp
/// and 1 for the older sum in librsync's format; `basis_bytes` is all ones if it is not known.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_signature_new(
    format_number: u32,
    algorithm_number: u32,
    weak: u32,
    block_bytes: u32,
    strong_bytes: u32,
    seed: i32,
    basis_bytes: u64,
) -> i32 {
    count(with(|state| {
        let format = format(format_number)?;
        let mut options = SignatureOptions::new(format, (basis_bytes != UNKNOWN).then_some(basis_bytes));
        if algorithm_number != 0 {
            options.algorithm = algorithm(algorithm_number)?;
        }
        options.weak = match (format, weak) {
            (_, 0) => options.weak,
            (Format::Librsync, 1) => WeakSum::Rollsum,
            _ => return Err(Status::BadArgument),
        };
        if block_bytes != 0 {
            options.block_bytes = block_bytes;
        }
        if strong_bytes != 0 {
            options.strong_bytes = Some(u8::try_from(strong_bytes).map_err(|_| Status::BadArgument)?);
        }
        options.seed = seed;
        allow(options.block_bytes as usize)?;
        state.insert(Object::Signature(SignatureWriter::new(options)?))
    }))
}

/// Begins to read a signature of either format.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_basis_new() -> i32 {
    count(with(|state| {
        // Half for the sums, half for the search that uses them.
        state.insert(Object::Loading(SignatureReader::new(memory::left() / 2)))
    }))
}

/// Begins a delta against a signature that was read to its end; the signature can be used again.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_delta_new(basis: i32, format_number: u32) -> i32 {
    count(with(|state| {
        let format = format(format_number)?;
        let Object::Loaded(signature) = state.object(basis)?.0 else { return Err(Status::BadHandle) };
        if !memory::allows(signature.search_bytes()) {
            return Err(Status::Memory);
        }
        let scan = Some(best_scan_for(signature.weak));
        let options = DeltaOptions { format, scan, ..DeltaOptions::default() };
        let writer = DeltaWriter::new(signature.as_ref().clone(), options)?;
        state.insert(Object::Delta(Box::new(Delta { writer })))
    }))
}

/// Begins to apply a delta to a basis of that length; the new file may be `output_max` bytes long.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_patch_new(basis_bytes: u64, output_max: u64) -> i32 {
    count(with(|state| {
        let patcher = Patcher::new(PatchLimits { basis_bytes, output_max });
        state.insert(Object::Patch(Box::new(Patch { patcher, piece: (0, 0), write: (0, 0), copy: (0, 0) })))
    }))
}

/// Gives the next piece of the input. A patch takes it only when the piece before is used up, and needs it until it is.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_push(handle: i32, pointer: usize, len: usize) -> i32 {
    code(with(|state| {
        let (object, buffers) = state.object(handle)?;
        let bytes = buffers.get(pointer, len)?;
        allow(len)?;
        match object {
            Object::Checksum(checksum) => checksum.digest.as_mut().ok_or(Status::State)?.update(bytes),
            Object::Signature(writer) if !memory::allows(writer.needs(len)) => return Err(Status::Memory),
            Object::Signature(writer) => writer.push(bytes),
            Object::Loading(reader) => reader.push(bytes)?,
            Object::Delta(delta) => delta.writer.push(bytes),
            Object::Patch(patch) if patch.piece.1 == 0 => patch.piece = (pointer, len),
            Object::Patch(_) => return Err(Status::State),
            Object::Loaded(_) | Object::Session(..) => return Err(Status::BadHandle),
        }
        Ok(())
    }))
}

/// There is no more input. For a patch: whether all is well.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_finish(handle: i32) -> i32 {
    code(with(|state| {
        let (object, _) = state.object(handle)?;
        match object {
            Object::Checksum(checksum) => {
                let digest = checksum.digest.take().ok_or(Status::State)?;
                checksum.value = digest.finish().as_bytes().to_vec();
            }
            Object::Signature(writer) => writer.finish(),
            Object::Loading(reader) => {
                let signature = std::mem::replace(reader, SignatureReader::new(0)).finish()?;
                *object = Object::Loaded(Box::new(signature));
            }
            Object::Delta(delta) => delta.writer.finish(),
            Object::Patch(patch) if patch.piece.1 > 0 => return Err(Status::State),
            Object::Patch(patch) => patch.patcher.finish()?,
            Object::Loaded(_) | Object::Session(..) => return Err(Status::BadHandle),
        }
        Ok(())
    }))
}

/// Where the output is that is ready. It stays there until the next call but those about output.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_output_ptr(handle: i32) -> usize {
    with(|state| output(state.object(handle)?).map(|bytes| bytes.as_ptr() as usize)).unwrap_or(0)
}

/// How long it is, or what is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_output_len(handle: i32) -> i32 {
    count(with(|state| output(state.object(handle)?).map(<[u8]>::len)))
}

fn output<'a>((object, buffers): (&'a mut Object, &'a mut Buffers)) -> Result<&'a [u8], Status> {
    match object {
        Object::Checksum(checksum) => Ok(&checksum.value),
        Object::Signature(writer) => Ok(writer.output()),
        Object::Delta(delta) => Ok(delta.writer.output()),
        Object::Patch(patch) => buffers.get(patch.write.0, patch.write.1),
        Object::Session(session, _) => Ok(session.output()),
        Object::Loading(_) | Object::Loaded(_) => Err(Status::BadHandle),
    }
}

/// The first `len` bytes of the output were taken.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_consume(handle: i32, len: usize) -> i32 {
    code(with(|state| {
        match state.object(handle)?.0 {
            Object::Signature(writer) => writer.consume(len),
            Object::Delta(delta) => delta.writer.consume(len),
            Object::Session(session, _) => session.consume(len),
            _ => return Err(Status::BadHandle),
        }
        Ok(())
    }))
}

/// Goes on with a patch: 0 wants the next piece, 1 has output to write, 2 wants a copy, 3 is at its end.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_patch_step(handle: i32) -> i32 {
    count(with(|state| {
        let (object, buffers) = state.object(handle)?;
        let Object::Patch(patch) = object else { return Err(Status::BadHandle) };
        let (pointer, len) = patch.piece;
        let mut piece = buffers.get(pointer, len)?;
        patch.write = (0, 0);
        let step = patch.patcher.step(&mut piece)?;
        let taken = len - piece.len();
        patch.piece = (pointer + taken, piece.len());
        Ok(match step {
            PatchStep::More => 0,
            PatchStep::Write(bytes) => {
                patch.write = (pointer + taken - bytes.len(), bytes.len());
                1
            }
            PatchStep::Copy { from, len } => {
                patch.copy = (from, len);
                2
            }
            PatchStep::Done => 3,
        })
    }))
}

/// Where in the basis the copy is.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_patch_copy_from(handle: i32) -> u64 {
    copy(handle).0
}

/// How long it is.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_patch_copy_len(handle: i32) -> u64 {
    copy(handle).1
}

fn copy(handle: i32) -> (u64, u64) {
    let copy = with(|state| match state.object(handle)?.0 {
        Object::Patch(patch) => Ok(patch.copy),
        _ => Err(Status::BadHandle),
    });
    copy.unwrap_or_default()
}

/// Bytes of a copy were read and written: all of them have to be shown, in order, before the next step.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_patch_copied(handle: i32, pointer: usize, len: usize) -> i32 {
    code(with(|state| {
        let (object, buffers) = state.object(handle)?;
        let Object::Patch(patch) = object else { return Err(Status::BadHandle) };
        Ok(patch.patcher.copied(buffers.get(pointer, len)?)?)
    }))
}
