//! Signatures and deltas: whole, cut, damaged, swapped, and of another basis.

use crate::damage::Chance;
use crate::sandbox::{Code, Outcome, PIECE_BYTES, Sandbox, Seen};

/// What the new file may be.
const OUTPUT_MAX: u64 = 1 << 20;
/// Memory limits: tight, and less so.
const LIMITS: [u64; 3] = [4 << 20, 8 << 20, 32 << 20];

/// One round.
pub fn attack(code: &Code, chance: &mut Chance, seen: &mut Seen) -> Outcome<()> {
    let limit = chance.one(&LIMITS);
    let sandbox = &mut Sandbox::new(code, limit, seen)?;
    let basis_bytes = chance.below(60_000);
    let basis = chance.bytes(basis_bytes);
    let new = chance.damage(&basis);
    let format = chance.below(2) as u32;
    let Some(signature) = sign(sandbox, chance, &basis, format)? else { return Ok(()) };
    let Some(delta) = delta_of(sandbox, chance, &signature, &new, format)? else { return Ok(()) };
    if patch(sandbox, chance, &basis, &delta)?.as_deref() != Ok(&new) {
        return Err("an intact delta does not make the new file".into());
    }
    // Of another basis, of which only the length may be the same.
    let other = chance.bytes(basis.len());
    patch(sandbox, chance, &other, &delta)?.ok();
    patch(sandbox, chance, &basis[basis.len() / 2..], &delta)?.ok();
    for _ in 0..8 {
        let (bad_signature, bad_delta) = match chance.below(6) {
            0 => (delta.clone(), signature.clone()),
            1 => (chance.bytes(300), chance.bytes(300)),
            2 => (endless_signature(chance), endless_delta(chance)),
            _ => (chance.damage(&signature), chance.damage(&delta)),
        };
        let format = chance.below(2) as u32;
        delta_of(sandbox, chance, &bad_signature, &new, format)?;
        if let Ok(made) = patch(sandbox, chance, &basis, &bad_delta)?
            && made.len() as u64 > OUTPUT_MAX
        {
            return Err("a new file longer than allowed".into());
        }
    }
    Ok(())
}

/// Two builds make the same deltas of files that have pieces in common, at any distance.
pub fn compare(code: &Code, other: Option<&Code>, chance: &mut Chance, seen: &mut Seen) -> Outcome<()> {
    let Some(other) = other else { return attack(code, chance, seen) };
    let basis = chance.bytes(200_000);
    let mut new = Vec::new();
    while new.len() < 300_000 {
        let (from, len) = (chance.below(basis.len()), chance.below(9000));
        new.extend(basis.iter().skip(from).take(len));
        let len = chance.below(3000);
        new.extend(chance.bytes(len));
    }
    let (format, block) = (chance.below(2) as u32, chance.one(&[16u32, 100, 700, 4000]));
    let mut made = Vec::new();
    for code in [code, other] {
        let sandbox = &mut Sandbox::new(code, LIMITS[2], seen)?;
        let handle = sandbox.count("signature_new", (format, 0u32, 0u32, block, 0u32, 0i32, u64::MAX))?;
        let handle = handle.map_err(|status| format!("no signature: {status}"))?;
        let signature = sandbox.stream(handle, &basis, PIECE_BYTES, true)?.map_err(|status| status.to_string())?;
        made.push(delta_of(sandbox, &mut Chance::new(0), &signature, &new, format)?.ok_or("no delta")?);
    }
    match made.as_slice() {
        [one, other] if one != other => Err("two builds make two deltas".into()),
        [one, _] if one.len() >= new.len() => Err(format!("a delta of {} bytes for {}", one.len(), new.len()).into()),
        _ => Ok(()),
    }
}

fn sign(sandbox: &mut Sandbox<'_>, chance: &mut Chance, basis: &[u8], format: u32) -> Outcome<Option<Vec<u8>>> {
    let algorithm = if format == 0 { 1 + chance.below(7) as u32 } else { chance.one(&[5, 7]) };
    let block = chance.one(&[0, 1, 7, 64, 700, 5000, 1 << 20, u32::MAX]);
    let strong = chance.one(&[0, 0, 1, 4, 9]);
    let words = (format, algorithm, 0u32, block, strong, 0i32, basis.len() as u64);
    let Ok(handle) = sandbox.count("signature_new", words)? else { return Ok(None) };
    let piece = chance.one(&[1000, PIECE_BYTES]);
    Ok(sandbox.stream(handle, basis, piece, true)?.ok().filter(|_| block == 0 || block >= 64))
}

/// A delta, if the signature is good for one.
fn delta_of(
    sandbox: &mut Sandbox<'_>,
    chance: &mut Chance,
    signature: &[u8],
    new: &[u8],
    format: u32,
) -> Outcome<Option<Vec<u8>>> {
    let Ok(basis) = sandbox.count("basis_new", ())? else { return Ok(None) };
    let piece = chance.one(&[1, 100, PIECE_BYTES]);
    let mut made = None;
    if sandbox.stream(basis, signature, piece, false)?.is_ok()
        && let Ok(handle) = sandbox.count("delta_new", (basis, format))?
    {
        made = sandbox.stream(handle, new, PIECE_BYTES, true)?.ok();
        let _ = sandbox.count("close", handle)?;
    }
    let _ = sandbox.count("close", basis)?;
    Ok(made)
}

/// The new file, or the first status.
fn patch(sandbox: &mut Sandbox<'_>, chance: &mut Chance, basis: &[u8], delta: &[u8]) -> Outcome<Result<Vec<u8>, i32>> {
    let handle = match sandbox.count("patch_new", (basis.len() as u64, OUTPUT_MAX))? {
        Ok(handle) => handle,
        Err(status) => return Ok(Err(status)),
    };
    let piece = chance.one(&[7, 4000, PIECE_BYTES]);
    let made = apply(sandbox, handle, basis, delta, piece);
    let _ = sandbox.count("close", handle)?;
    made
}

fn apply(
    sandbox: &mut Sandbox<'_>,
    handle: u32,
    basis: &[u8],
    delta: &[u8],
    piece: usize,
) -> Outcome<Result<Vec<u8>, i32>> {
    let spare: u32 = sandbox.call("alloc", PIECE_BYTES as u32)?;
    if spare == 0 {
        return Ok(Err(-22));
    }
    let mut made = Vec::new();
    let mut failed = None;
    'pieces: for piece in delta.chunks(piece) {
        let (at, len) = sandbox.lend(piece)?;
        if let Err(status) = sandbox.count("push", (handle, at, len))? {
            failed = Some(status);
            break;
        }
        loop {
            match sandbox.count("patch_step", handle)? {
                Err(status) => {
                    failed = Some(status);
                    break 'pieces;
                }
                Ok(1) => {
                    let Ok(len) = sandbox.count("output_len", handle)? else { return Err("no output".into()) };
                    let at: u32 = sandbox.call("output_ptr", handle)?;
                    made.extend(sandbox.bytes(at, len)?);
                }
                Ok(2) => {
                    let (from, len): (u64, u64) =
                        (sandbox.call("patch_copy_from", handle)?, sandbox.call("patch_copy_len", handle)?);
                    let bytes = basis.get(from as usize..).and_then(|rest| rest.get(..len as usize));
                    for bytes in bytes.ok_or("a copy outside the basis")?.chunks(PIECE_BYTES) {
                        sandbox.put(spare, bytes)?;
                        if let Err(status) = sandbox.count("patch_copied", (handle, spare, bytes.len() as u32))? {
                            failed = Some(status);
                            break 'pieces;
                        }
                        made.extend(bytes);
                    }
                }
                Ok(_) => break,
            }
        }
        if made.len() as u64 > OUTPUT_MAX {
            return Err("more output than allowed".into());
        }
    }
    let _ = sandbox.count("free", spare)?;
    let end = match failed {
        Some(status) => Err(status),
        None => sandbox.count("finish", handle)?.map(drop),
    };
    Ok(end.map(|()| made))
}

/// A head that is right, and sums until no reader can hold them.
fn endless_signature(chance: &mut Chance) -> Vec<u8> {
    let mut file = vec![0x72, 0x73, 0x01, chance.one(&[0x36, 0x46, 0x37, 0x47]), 0, 0, 2, 0, 0, 0, 0, 8];
    file.extend(chance.bytes(12 << 20));
    file
}

/// Copies of the whole basis, again and again.
fn endless_delta(chance: &mut Chance) -> Vec<u8> {
    let mut file = vec![0x72, 0x73, 0x02, 0x36];
    let length = chance.one(&[1u8, 200]);
    (0..100_000).for_each(|_| file.extend([0x45, 0, length]));
    file
}
