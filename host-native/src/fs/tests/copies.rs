//! Whole files copied on this machine.

use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};

use syncline_core::session::{CopyLocal, CopySource, KeepMode, SetErrors, SetMeta};

use super::*;
use crate::fs::Handover;

impl Here {
    fn copy_of(&self, from: &str, to: &str) -> CopyLocal {
        CopyLocal {
            from: CopySource::Beneath(self.at(from)),
            create: self.plan(to),
            keep_mode: KeepMode::No,
            meta: SetMeta { mtime: Some((1_000_000, 7)), mode: Some(0o640), ..SetMeta::default() },
            backup: None,
            sync: false,
        }
    }

    fn copy(&mut self, copy: CopyLocal) -> Result<u64, OutputError> {
        match self.fs.execute(Ask::CopyLocal(Box::new(copy))) {
            Reply::Committed(Ok((errors, bytes))) => {
                assert_eq!(errors, SetErrors::default());
                Ok(bytes)
            }
            Reply::Committed(Err(error)) => Err(error),
            reply => panic!("{reply:?}"),
        }
    }
}

#[test]
fn files_of_all_sizes_are_copied_in_all_ways() {
    let mut here = Here::new();
    for len in [0, 1, 4095, 4096, 65_535, 65_536, 65_537, 262_144, 262_145, 1_500_000] {
        here.put("from", noise(len));
        for (sparse, preallocate, in_place) in [
            (false, false, false),
            (true, false, false),
            (false, true, false),
            (false, false, true),
            (true, false, true),
        ] {
            here.put("to", noise(900_000));
            let mut copy = here.copy_of("from", "to");
            copy.create = Create { sparse, preallocate, size: len as u64, ..copy.create };
            if in_place {
                copy.create.output = Output::InPlace;
            }
            assert_eq!(here.copy(copy), Ok(len as u64));
            assert!(here.data("to") == noise(len), "{len} {sparse} {preallocate} {in_place}");
            let meta = here.stat("to").unwrap();
            assert_eq!((meta.mtime, meta.mtime_nsec, meta.mode & 0o7777), (1_000_000, 7, 0o640));
        }
    }
    assert_eq!(here.names("."), ["from", "to"]);
}

#[test]
fn holes_of_a_source_stay_holes_and_what_was_there_does_not_show_through() {
    let mut here = Here::new();
    // A hole in front, one between, zeros that were written, and a hole at the end.
    let pieces = [(1 << 20, noise(70_000)), (3 << 20, vec![0; 1 << 20]), (5 << 20, noise(9))];
    let (mut wanted, file) = (vec![0; 7 << 20], std::fs::File::create(here.path("from")).unwrap());
    for (at, piece) in &pieces {
        file.write_all_at(piece, *at as u64).unwrap();
        wanted[*at..*at + piece.len()].copy_from_slice(piece);
    }
    file.set_len(wanted.len() as u64).unwrap();
    for in_place in [false, true] {
        here.put("to", noise(8 << 20));
        let mut copy = here.copy_of("from", "to");
        copy.create = Create { sparse: true, size: wanted.len() as u64, ..copy.create };
        if in_place {
            copy.create.output = Output::InPlace;
        }
        assert_eq!(here.copy(copy), Ok(wanted.len() as u64));
        assert!(here.data("to") == wanted, "in place: {in_place}");
        let blocks = std::fs::metadata(here.path("to")).unwrap().blocks();
        assert!(blocks * 512 < 200_000, "in place: {in_place}, {blocks} blocks");
    }
}

#[test]
fn what_the_other_half_has_read_is_not_read_again() {
    let mut here = Here::new();
    let handover = Handover::default();
    here.fs = std::mem::take(&mut here.fs).with_handover(Some(handover.clone()));
    let source = tempfile::tempdir().unwrap();
    let mut other = Fs::new().with_handover(Some(handover));
    let root = open_root(&mut other, source.path());
    let path = source.path().as_os_str().as_bytes().to_vec();
    let mut ahead = |name: &str, size: usize| {
        let at = At { root, path: name.into() };
        other.execute(Ask::ReadAhead { at, root: path.clone(), size: size as u64 })
    };
    for (size, kept) in [(0, true), (5, true), (65_536, true), (65_537, false)] {
        std::fs::write(source.path().join("f"), noise(size)).unwrap();
        assert_eq!(ahead("f", size), Reply::Unit(Ok(())));
        std::fs::remove_file(source.path().join("f")).unwrap();
        let from = CopySource::Named { root: path.clone(), path: b"f".to_vec() };
        let copied = here.copy(CopyLocal { from, ..here.copy_of("", "to") });
        if kept {
            assert_eq!(copied, Ok(size as u64));
            assert!(here.data("to") == noise(size));
        } else {
            assert!(matches!(copied, Err(OutputError::Source(error)) if error.is_not_found()), "{size}");
        }
    }
    assert!(matches!(ahead("none", 1), Reply::Unit(Err(error)) if error.is_not_found()));
}

#[test]
fn a_source_is_named_by_the_path_of_its_root() {
    let mut here = Here::new();
    let source = tempfile::tempdir().unwrap();
    std::fs::create_dir(source.path().join("d")).unwrap();
    std::fs::write(source.path().join("d/f"), "data").unwrap();
    symlink("f", source.path().join("d/link")).unwrap();
    let root = source.path().as_os_str().as_bytes().to_vec();
    let mut copy = |path: &[u8]| {
        let from = CopySource::Named { root: root.clone(), path: path.to_vec() };
        here.copy(CopyLocal { from, ..here.copy_of("", "to") })
    };
    assert_eq!(copy(b"d/f"), Ok(4));
    assert_eq!(copy(b"./d/f"), Ok(4));
    assert!(matches!(copy(b"d/link"), Err(OutputError::Source(error)) if error.code == 40));
    assert!(matches!(copy(b"d/none"), Err(OutputError::Source(error)) if error.is_not_found()));
    assert!(matches!(copy(b"d"), Err(OutputError::Source(error)) if error.code == 6));
    assert_eq!(here.names("."), ["to"]);
}

#[test]
fn a_replaced_file_keeps_its_mode_where_that_is_wanted() {
    let mut here = Here::new();
    here.put("from", "x");
    for (keep, expect) in [(KeepMode::No, 0o640), (KeepMode::Yes, 0o604), (KeepMode::Executability(0o755), 0o705)] {
        here.put("to", "old");
        std::fs::set_permissions(here.path("to"), std::fs::Permissions::from_mode(0o604)).unwrap();
        let copy = CopyLocal { keep_mode: keep, ..here.copy_of("from", "to") };
        here.copy(copy).unwrap();
        assert_eq!(here.mode("to"), expect, "{keep:?}");
    }
    let copy = CopyLocal { keep_mode: KeepMode::Yes, ..here.copy_of("from", "new") };
    here.copy(copy).unwrap();
    assert_eq!(here.mode("new"), 0o640);
}

#[test]
fn a_copy_backs_up_and_cleans_up() {
    let mut here = Here::new();
    here.put("from", "new");
    here.put("to", "old");
    let copy = CopyLocal { backup: Some(here.at("to~")), sync: true, ..here.copy_of("from", "to") };
    here.copy(copy).unwrap();
    assert_eq!((here.data("to"), here.data("to~")), (b"new".to_vec(), b"old".to_vec()));
    here.put("dir/x", "");
    assert!(matches!(here.copy(here.copy_of("from", "dir")), Err(OutputError::Rename(..))));
    assert!(matches!(here.copy(here.copy_of("from", "none/x")), Err(OutputError::Temp(..))));
    assert_eq!(here.names("."), ["dir", "from", "to", "to~"]);
}

#[test]
fn holes_of_a_large_source_become_holes() {
    let mut here = Here::new();
    let data = [noise(100_000), vec![0; 4 << 20], noise(10)].concat();
    here.put("from", &data);
    let mut copy = here.copy_of("from", "to");
    copy.create.sparse = true;
    here.copy(copy).unwrap();
    assert!(here.data("to") == data);
    assert!(here.path("to").metadata().unwrap().blocks() * 512 < 400_000);
}
