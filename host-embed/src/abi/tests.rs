//! The interface as a caller sees it: there and back, and calls that make no sense.

use super::files::*;
use super::sessions::*;
use super::*;
use proptest::prelude::*;
use syncline_core::format::{Format, SignatureOptions, slices};

#[path = "../../../core/tests/bad_files/mod.rs"]
mod bad_files;

/// A buffer of the module's with these bytes in it.
fn lend(bytes: &[u8]) -> (usize, usize) {
    let pointer = syncline_alloc(bytes.len().max(1));
    assert_ne!(pointer, 0);
    with(|state| {
        state.buffers.get_mut(pointer, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    (pointer, bytes.len())
}

/// Pushes bytes and gives the buffer back.
fn push(handle: i32, bytes: &[u8]) -> i32 {
    let (pointer, len) = lend(bytes);
    let status = syncline_push(handle, pointer, len);
    assert_eq!(syncline_free(pointer), 0);
    status
}

/// All output of a handle. What a module would have in its memory lies in ours.
fn output(handle: i32) -> Vec<u8> {
    let len = syncline_output_len(handle);
    assert!(len >= 0);
    let bytes = with(|state| match state.object(handle)?.0 {
        state::Object::Signature(writer) => Ok(writer.output().to_vec()),
        state::Object::Delta(_) | state::Object::Checksum(_) | state::Object::Patch(_) => Ok(Vec::new()),
        _ => Err(Status::BadHandle),
    });
    let bytes = bytes.unwrap();
    if !bytes.is_empty() {
        assert_eq!(bytes.len(), len as usize);
    }
    bytes
}

fn error() -> String {
    with(|state| Ok(state.error.clone())).unwrap()
}

#[test]
fn a_signature_is_that_of_the_engine() {
    let handle = syncline_signature_new(0, 0, 0, 16, 0, 0, u64::MAX);
    assert!(handle > 0);
    assert_eq!(push(handle, b"some bytes that are longer than a block"), 0);
    assert_eq!(syncline_finish(handle), 0);
    let signature = output(handle);
    assert_eq!(signature[..4], [0x89, b'S', b'L', b'S']);
    assert_eq!(syncline_close(handle), 0);

    let basis = syncline_basis_new();
    assert_eq!(push(basis, &signature), 0);
    assert_eq!(syncline_delta_new(basis, 0), -20, "it isn't finished");
    assert_eq!(syncline_finish(basis), 0);
    assert!(syncline_delta_new(basis, 0) > 0);
    assert_eq!(syncline_delta_new(basis, 7), -25);
    let short = syncline_basis_new();
    assert_eq!(push(short, &signature[..50]), 0);
    assert_eq!(syncline_finish(short), -4);
    assert_eq!(error(), "the signature breaks off after 50 bytes");
    let wrong = syncline_basis_new();
    assert_eq!(push(wrong, b"garbage"), -1);
    assert_eq!(error(), "this is no signature: it begins with 67 61 72 62");
}

fn intact() -> bad_files::Intact {
    let sign = |format| {
        let options = SignatureOptions { block_bytes: bad_files::BLOCK_BYTES, ..SignatureOptions::new(format, None) };
        slices::sign(bad_files::BASIS, options).unwrap()
    };
    let (signature, librsync_signature) = (sign(Format::Syncline), sign(Format::Librsync));
    let delta = slices::delta(&signature, bad_files::NEW).unwrap();
    let librsync_delta = slices::delta(&librsync_signature, bad_files::NEW).unwrap();
    bad_files::Intact { signature, delta, librsync_signature, librsync_delta }
}

/// Applies a delta as a host does; the last status.
fn apply(basis: &[u8], delta: &[u8]) -> i32 {
    let patch = syncline_patch_new(basis.len() as u64, bad_files::OUTPUT_MAX);
    assert!(patch > 0);
    let (pointer, len) = lend(delta);
    let mut status = syncline_push(patch, pointer, len);
    while status >= 0 {
        status = syncline_patch_step(patch);
        if status == 2 {
            let (from, len) = (syncline_patch_copy_from(patch) as usize, syncline_patch_copy_len(patch) as usize);
            let (bytes, len) = lend(&basis[from..from + len]);
            assert_eq!(syncline_patch_copied(patch, bytes, len), 0);
            assert_eq!(syncline_free(bytes), 0);
        } else if status != 1 {
            break;
        }
    }
    let status = if status < 0 { status } else { syncline_finish(patch) };
    assert_eq!((syncline_free(pointer), syncline_close(patch)), (0, 0));
    status
}

#[test]
fn bad_files_are_told_apart() {
    let intact = intact();
    assert_eq!(apply(bad_files::BASIS, &intact.delta), 0);
    assert_eq!(apply(bad_files::BASIS, &intact.librsync_delta), 0);
    for case in bad_files::signatures(&intact) {
        let basis = syncline_basis_new();
        let status = match push(basis, &case.file) {
            0 => syncline_finish(basis),
            status => status,
        };
        case.check(-status, &error());
        assert_eq!(syncline_close(basis), 0);
    }
    for case in bad_files::deltas(&intact) {
        case.check(-apply(&case.basis, &case.file), &error());
    }
}

#[test]
fn what_makes_no_sense_has_a_status() {
    assert_eq!(syncline_close(77), -20);
    assert_eq!(syncline_push(-1, 0, 0), -20);
    assert_eq!(syncline_free(12), -21);
    assert_eq!(syncline_alloc(0), 0);
    assert_eq!(syncline_alloc(usize::MAX), 0);
    let handle = syncline_checksum_new(1);
    let (pointer, len) = lend(b"abc");
    assert_eq!(syncline_push(handle, pointer, len + 1), -21);
    assert_eq!(syncline_push(handle, pointer, usize::MAX), -21);
    assert_eq!(syncline_push(handle, pointer - 1, 1), -21);
    assert_eq!(syncline_push(handle, pointer + len, 1), -21);
    assert_eq!(syncline_push(handle, pointer, len), 0);
    assert_eq!(syncline_patch_step(handle), -20);
    assert_eq!(syncline_session_next(handle), -20);
    assert_eq!(syncline_finish(handle), 0);
    assert_eq!(syncline_finish(handle), -23);
    assert_eq!(syncline_output_len(handle), 16);
    assert_eq!(syncline_checksum_new(0), -25);
    assert_eq!(syncline_checksum_new(8), -25);
    assert_eq!(syncline_signature_new(2, 0, 0, 0, 0, 0, 0), -25);
    assert_eq!(syncline_signature_new(0, 0, 1, 0, 0, 0, 0), -25);
    assert_eq!(syncline_signature_new(0, 1, 0, 0, 17, 0, 0), -11);
    assert_eq!(syncline_signature_new(0, 1, 0, u32::MAX, 0, 0, 0), -22);
    // A patch whose piece is gone.
    let patch = syncline_patch_new(10, 10);
    assert_eq!(syncline_push(patch, pointer, len), 0);
    assert_eq!(syncline_push(patch, pointer, len), -23);
    assert_eq!(syncline_free(pointer), 0);
    assert_eq!(syncline_patch_step(patch), -21);
}

#[test]
fn command_lines_that_make_no_sense() {
    let open = |words: &[&str]| {
        let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let (pointer, len) = lend(&crate::document::encode(&crate::document::Start { words, ..Default::default() }));
        syncline_session_new(pointer, len)
    };
    assert_eq!(open(&["-a", "here/", "there/"]), -26);
    assert_eq!(error(), "both ends are here: one of them must be a peer's");
    assert_eq!(open(&["--no-such-option", "h::m/", "d"]), -26);
    let (pointer, len) = lend(b"\x02anything");
    assert_eq!(syncline_session_new(pointer, len), -24);
    let handle = open(&["-a", "rsync://host:1234/m/", "d"]);
    assert!(handle > 0);
    assert!(syncline_session_next(handle) > 0);
    assert_eq!(syncline_session_answer(handle, 1, 0, 0), -24);
    assert_eq!(syncline_session_fill(handle, 0, 0), -23);
    assert_eq!(syncline_session_password(handle, 0, 0), -23);
    assert!(syncline_output_len(handle) > 10, "our greeting");
}

proptest! {
    /// Any calls in any order return.
    #[test]
    fn nothing_traps(calls in proptest::collection::vec((0u8..24, 0i32..6, 0usize..80, any::<u64>()), 0..60)) {
        let (pointer, _) = lend(&[0x72, 0x73, 2, 0x36, 0x41, 2, 1, 2, 0x45, 0, 3, 0, 1, 1, 1, 1]);
        let at = |n: u64| pointer.wrapping_add(n as usize % 17);
        for (call, handle, len, number) in calls {
            match call {
                0 => drop(syncline_checksum_new(number as u32 % 9)),
                1 => drop(syncline_signature_new(number as u32 % 3, len as u32 % 9, 0, number as u32 % 70, 0, 0, number)),
                2 => drop(syncline_basis_new()),
                3 => drop(syncline_delta_new(handle, number as u32 % 3)),
                4 => drop(syncline_patch_new(number % 20, 100)),
                5..=8 => drop(syncline_push(handle, at(number), len % 20)),
                9 => drop(syncline_finish(handle)),
                10 => drop(syncline_output_len(handle)),
                11 => drop(syncline_output_ptr(handle)),
                12 => drop(syncline_consume(handle, len)),
                13..=15 => drop(syncline_patch_step(handle)),
                16 => drop((syncline_patch_copy_from(handle), syncline_patch_copy_len(handle))),
                17 => drop(syncline_patch_copied(handle, at(number), len % 20)),
                18 => drop(syncline_close(handle)),
                19 => drop(syncline_session_next(handle)),
                20 => drop(syncline_session_feed(handle, at(number), len)),
                21 => drop(syncline_session_answer(handle, number as u32, at(number), len)),
                22 => drop(syncline_session_feed_end(handle)),
                _ => drop(syncline_session_tick(handle, number)),
            }
        }
    }
}
