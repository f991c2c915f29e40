//! Making, filling and committing outputs.

use std::os::unix::fs::{PermissionsExt, symlink};

use syncline_core::checksum::{Digest, DigestValue};
use syncline_core::session::{Commit, SetErrors, SetMeta};

use super::*;

impl Here {
    fn finish(&mut self, file: FileId) -> Result<DigestValue, OutputError> {
        match self.fs.execute(Ask::Finish { file }) {
            Reply::Finished(finished) => finished,
            reply => panic!("{reply:?}"),
        }
    }

    fn commit(
        &mut self,
        file: FileId,
        to: &str,
        meta: SetMeta,
        backup: Option<&str>,
    ) -> Result<SetErrors, OutputError> {
        let backup = backup.map(|path| self.at(path));
        let commit = Commit { file, to: self.at(to), meta, backup, sync: false };
        match self.fs.execute(Ask::Commit(Box::new(commit))) {
            Reply::Committed(committed) => committed.map(|(errors, _)| errors),
            reply => panic!("{reply:?}"),
        }
    }
}

fn md5(data: &[u8]) -> DigestValue {
    let mut digest = Digest::whole_file(Algorithm::Md5, 0);
    digest.update(data);
    digest.finish()
}

#[test]
fn a_file_is_rebuilt_beside_the_old_one_and_takes_its_place() {
    let mut here = Here::new();
    let old = noise(500_000);
    here.put("d/f", &old);
    let head = SumHead { count: 500, block_bytes: 1000, strong_bytes: 2, remainder: 0 };
    let plan = Create { basis: Some(here.at("d/f")), head, ..here.plan("d/f") };
    let (file, basis) = here.create(plan).unwrap();
    assert_eq!(basis.unwrap().size, 500_000);
    let temp = here.names("d").remove(0);
    assert!(temp.starts_with(".f.") && temp.len() == 9, "{temp}");
    assert_eq!(here.mode(&format!("d/{temp}")), 0o600);
    let mut expect = Vec::new();
    for block in [3, 4, 5, 400, 0, 499] {
        let from = block * 1000;
        here.fs.write(file, b"literal");
        here.fs.copy(file, from as u64, 1000);
        expect.extend_from_slice(b"literal");
        expect.extend_from_slice(&old[from..from + 1000]);
    }
    here.fs.copy(file, 0, 500_000);
    expect.extend_from_slice(&old);
    assert_eq!(here.bytes(Ask::ReadFile { file, at: 1000, len: 500 }).unwrap(), old[1000..1500]);
    assert_eq!(here.finish(file).unwrap(), md5(&expect));
    assert_eq!(here.data("d/f"), old);
    let meta = SetMeta { mtime: Some((1_234_567_890, 9)), mode: Some(0o640), ..SetMeta::default() };
    assert_eq!(here.commit(file, "d/f", meta, None), Ok(SetErrors::default()));
    assert!(here.data("d/f") == expect);
    let meta = here.stat("d/f").unwrap();
    assert_eq!((meta.mtime, meta.mtime_nsec, meta.mode & 0o7777), (1_234_567_890, 9, 0o640));
    assert_eq!(here.names("d"), ["f"]);
    assert!(here.finish(file).is_err());
}

#[test]
fn outputs_that_are_given_up_leave_nothing() {
    let mut here = Here::new();
    let (first, _) = here.create(here.plan("a")).unwrap();
    here.create(here.plan("b")).unwrap();
    assert_eq!(here.names(".").len(), 2);
    here.unit(Ask::Discard { file: first }).unwrap();
    assert_eq!(here.names(".").len(), 1);
    here.fs = Fs::new();
    assert!(here.names(".").is_empty());
}

#[test]
fn a_basis_is_a_regular_file_or_none() {
    let mut here = Here::new();
    here.put("real", "x");
    here.put("dir/x", "");
    symlink("real", here.path("link")).unwrap();
    for basis in ["link", "dir", "none", "../x"] {
        let plan = Create { basis: Some(here.at(basis)), ..here.plan("f") };
        assert_eq!(here.create(plan).unwrap().1, None, "{basis}");
    }
}

#[test]
fn temporary_files_may_be_elsewhere() {
    let mut here = Here::new();
    std::fs::create_dir(here.path("tmp")).unwrap();
    let tmp = here.path("tmp");
    let dir = Some(open_root(&mut here.fs, &tmp));
    let plan = Create { output: Output::Temp { dir }, ..here.plan("f") };
    let (file, _) = here.create(plan).unwrap();
    here.fs.write(file, b"data");
    assert!(here.names("tmp")[0].starts_with("f."));
    here.finish(file).unwrap();
    here.commit(file, "f", SetMeta::default(), None).unwrap();
    assert_eq!(here.data("f"), b"data");
    assert!(here.names("tmp").is_empty());
}

#[test]
fn a_temporary_file_on_another_file_system_is_moved_by_copying() {
    let mut here = Here::new();
    let Ok(far) = tempfile::tempdir_in("/dev/shm") else { return };
    if far.path().metadata().unwrap().dev() == here.dir.path().metadata().unwrap().dev() {
        return;
    }
    let dir = Some(open_root(&mut here.fs, far.path()));
    let plan = Create { output: Output::Temp { dir }, ..here.plan("f") };
    let (file, _) = here.create(plan).unwrap();
    here.fs.write(file, &noise(300_000));
    here.finish(file).unwrap();
    let meta = SetMeta { mtime: Some((5, 6)), mode: Some(0o4755), ..SetMeta::default() };
    here.commit(file, "f", meta, None).unwrap();
    assert!(here.data("f") == noise(300_000));
    assert_eq!((here.stat("f").unwrap().mtime, here.mode("f")), (5, 0o4755));
    assert_eq!(here.names("."), ["f"]);
    assert_eq!(std::fs::read_dir(far.path()).unwrap().count(), 0);
}

#[test]
fn failures_name_the_step() {
    let mut here = Here::new();
    here.put("dir/x", "");
    match here.create(here.plan("none/f")) {
        Err(OutputError::Temp(path, error)) => assert!(path.starts_with(b"none/.f.") && error.is_not_found()),
        other => panic!("{other:?}"),
    }
    let (file, _) = here.create(here.plan("dir")).unwrap();
    here.finish(file).unwrap();
    match here.commit(file, "dir", SetMeta::default(), None) {
        Err(OutputError::Rename(path, error)) => assert!(path.starts_with(b".dir.") && error.code == 21, "{error:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(here.names("."), ["dir"]);
    let plan = Create { output: Output::InPlace, ..here.plan("dir") };
    assert!(matches!(here.create(plan), Err(OutputError::Open(_))));
}

#[test]
fn a_failed_write_is_told_at_once_and_when_the_output_is_finished() {
    let mut here = Here::new();
    let (file, _) = here.create(here.plan("f")).unwrap();
    assert_eq!(here.fs.take_write_error(), None);
    here.fs.copy(file, 0, 10);
    let (path, error) = here.fs.take_write_error().unwrap();
    assert_eq!(path, b"f");
    assert_eq!(here.fs.take_write_error(), None);
    here.fs.write(file, b"more");
    assert_eq!(here.fs.take_write_error(), None);
    assert_eq!(here.finish(file), Err(OutputError::Write(error)));
    here.unit(Ask::Discard { file }).unwrap();
    assert!(here.names(".").is_empty());
}

#[test]
fn backups_are_links_and_replace_older_ones() {
    let mut here = Here::new();
    here.put("f", "0");
    for (data, backup) in [("1", "0"), ("2", "1")] {
        let (file, _) = here.create(here.plan("f")).unwrap();
        here.fs.write(file, data.as_bytes());
        here.finish(file).unwrap();
        here.commit(file, "f", SetMeta::default(), Some("f~")).unwrap();
        assert_eq!((here.data("f"), here.data("f~")), (data.into(), backup.into()));
    }
    let (file, _) = here.create(here.plan("new")).unwrap();
    here.commit(file, "new", SetMeta::default(), Some("new~")).unwrap();
    assert_eq!(here.names("."), ["f", "f~", "new"]);
    let (file, _) = here.create(here.plan("f")).unwrap();
    let failed = here.commit(file, "f", SetMeta::default(), Some("none/f"));
    assert!(matches!(failed, Err(OutputError::Backup(_))), "{failed:?}");
    assert_eq!(here.names("."), ["f", "f~", "new"]);
}

#[test]
fn a_partial_file_goes_to_another_directory() {
    let mut here = Here::new();
    here.put("d/f", "old");
    std::fs::create_dir(here.path("d/.part")).unwrap();
    let (file, _) = here.create(here.plan("d/f")).unwrap();
    here.fs.write(file, b"half");
    here.commit(file, "d/.part/f", SetMeta { mtime: Some((0, 0)), ..SetMeta::default() }, None).unwrap();
    assert_eq!((here.data("d/f"), here.data("d/.part/f")), (b"old".to_vec(), b"half".to_vec()));
    assert_eq!(here.stat("d/.part/f").unwrap().mtime, 0);
    // And from there, updated in place, to its name.
    let plan = Create { output: Output::InPlace, skip: 4, ..here.plan("d/.part/f") };
    let (file, existing) = here.create(plan).unwrap();
    assert_eq!(existing.unwrap().size, 4);
    here.fs.write(file, b"way");
    here.commit(file, "d/f", SetMeta::default(), None).unwrap();
    assert_eq!(here.data("d/f"), b"halfway");
    assert!(here.names("d/.part").is_empty());
}

#[test]
fn in_place_blocks_that_stay_are_not_written() {
    let mut here = Here::new();
    let old = noise(400_000);
    here.put("f", &old);
    let head = SumHead { count: 400, block_bytes: 1000, strong_bytes: 2, remainder: 0 };
    let plan = Create { output: Output::InPlace, basis: Some(here.at("f")), head, ..here.plan("f") };
    let (file, existing) = here.create(plan).unwrap();
    assert_eq!(existing.unwrap().size, 400_000);
    let inode = here.stat("f").unwrap().ino;
    here.fs.copy(file, 0, 100_000);
    here.fs.write(file, &[7; 1000]);
    here.fs.copy(file, 101_000, 9000);
    here.fs.copy(file, 200_000, 100_000);
    let expect = [&old[..100_000], &[7; 1000], &old[101_000..110_000], &old[200_000..300_000]].concat();
    assert_eq!(here.finish(file).unwrap(), md5(&expect));
    here.commit(file, "f", SetMeta::default(), None).unwrap();
    assert!(here.data("f") == expect);
    assert_eq!(here.stat("f").unwrap().ino, inode);
    let plan = Create { output: Output::InPlace, ..here.plan("new") };
    let (file, existing) = here.create(plan).unwrap();
    assert_eq!(existing, None);
    here.fs.write(file, b"x");
    here.unit(Ask::Discard { file }).unwrap();
    assert_eq!((here.data("new"), here.mode("new")), (b"x".to_vec(), 0o600));
    symlink("f", here.path("link")).unwrap();
    let plan = Create { output: Output::InPlace, ..here.plan("link") };
    assert!(matches!(here.create(plan), Err(OutputError::Open(error)) if error.code == 40));
}

#[test]
fn appending_leaves_the_start_alone() {
    let mut here = Here::new();
    for in_digest in [false, true] {
        here.put("f", noise(300_000));
        let plan = Create { output: Output::InPlace, skip: 300_000, skip_in_digest: in_digest, ..here.plan("f") };
        let (file, _) = here.create(plan).unwrap();
        here.fs.write(file, b"tail");
        let whole = [noise(300_000), b"tail".to_vec()].concat();
        assert_eq!(here.finish(file).unwrap(), md5(if in_digest { &whole } else { b"tail" }));
        here.commit(file, "f", SetMeta::default(), None).unwrap();
        assert!(here.data("f") == whole);
    }
}

#[test]
fn sparse_and_reserved_outputs_have_the_right_bytes() {
    let mut here = Here::new();
    let data = [noise(5000), vec![0; 3 << 20], noise(5000), vec![0; 100_000]].concat();
    for (sparse, preallocate) in [(true, false), (true, true), (false, true)] {
        let plan = Create { sparse, preallocate, size: data.len() as u64 + 5000, ..here.plan("f") };
        let (file, _) = here.create(plan).unwrap();
        data.chunks(32_768).for_each(|piece| here.fs.write(file, piece));
        assert_eq!(here.finish(file).unwrap(), md5(&data));
        here.commit(file, "f", SetMeta::default(), None).unwrap();
        assert!(here.data("f") == data);
        let blocks = here.path("f").metadata().unwrap().blocks() * 512;
        assert!(!sparse || blocks < 200_000, "{blocks}");
    }
}

#[test]
fn a_basis_that_shrank_gives_zeros_and_another_digest() {
    let mut here = Here::new();
    here.put("f", noise(10_000));
    let head = SumHead { count: 10, block_bytes: 1000, strong_bytes: 2, remainder: 0 };
    let plan = Create { basis: Some(here.at("f")), head, ..here.plan("f") };
    let (file, _) = here.create(plan).unwrap();
    std::fs::OpenOptions::new().write(true).open(here.path("f")).unwrap().set_len(500).unwrap();
    here.fs.copy(file, 0, 10_000);
    let expect = [noise(10_000)[..500].to_vec(), vec![0; 9500]].concat();
    assert_eq!(here.finish(file).unwrap(), md5(&expect));
}

#[test]
fn owner_and_mode_are_set_exactly() {
    let mut here = Here::new();
    let root = rustix::process::geteuid().is_root();
    let (file, _) = here.create(here.plan("f")).unwrap();
    let (uid, gid) = if root { (Some(12), Some(34)) } else { (None, None) };
    let meta = SetMeta { uid, gid, mode: Some(0o6755), ..SetMeta::default() };
    assert_eq!(here.commit(file, "f", meta, None), Ok(SetErrors::default()));
    let meta = here.stat("f").unwrap();
    assert_eq!(meta.mode & 0o7777, 0o6755);
    assert!(!root || (meta.uid, meta.gid) == (12, 34));
}

#[test]
fn a_setgid_directory_decides_the_group_unless_told_otherwise() {
    let mut here = Here::new();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    here.put("d/x", "");
    std::os::unix::fs::chown(here.path("d"), None, Some(55)).unwrap();
    std::fs::set_permissions(here.path("d"), std::fs::Permissions::from_mode(0o2755)).unwrap();
    for (wanted, expect) in [(None, 55), (Some(0), 0), (Some(55), 55)] {
        let (file, _) = here.create(here.plan("d/f")).unwrap();
        here.commit(file, "d/f", SetMeta { gid: wanted, ..SetMeta::default() }, None).unwrap();
        assert_eq!(here.stat("d/f").unwrap().gid, expect);
    }
}

#[test]
fn no_output_is_made_outside_the_root() {
    let outside = tempfile::tempdir().unwrap();
    let mut here = Here::new();
    symlink(outside.path(), here.path("out")).unwrap();
    for output in [Output::Temp { dir: None }, Output::InPlace] {
        let plan = Create { output, ..here.plan("out/f") };
        let error = match here.create(plan) {
            Err(OutputError::Temp(_, error) | OutputError::Open(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(error.code, 40);
    }
    // Swapped in after the output was made: the file stays where its directory is.
    std::fs::create_dir(here.path("d")).unwrap();
    let (file, _) = here.create(here.plan("d/f")).unwrap();
    std::fs::rename(here.path("d"), here.path("moved")).unwrap();
    symlink(outside.path(), here.path("d")).unwrap();
    here.commit(file, "d/f", SetMeta::default(), None).unwrap();
    assert_eq!(here.names("moved"), ["f"]);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_read_only_is_overwritten_in_place_and_stays_so() {
    let mut here = Here::new();
    here.put("f", "old");
    std::fs::set_permissions(here.path("f"), std::fs::Permissions::from_mode(0o444)).unwrap();
    let (file, _) = here.create(Create { output: Output::InPlace, ..here.plan("f") }).unwrap();
    assert_eq!(here.mode("f"), 0o444);
    here.fs.write(file, b"new!");
    here.finish(file).unwrap();
    here.commit(file, "f", SetMeta::default(), None).unwrap();
    assert_eq!((here.data("f"), here.mode("f")), (b"new!".to_vec(), 0o444));
}

#[test]
fn a_backup_on_another_file_system_is_a_copy() {
    let mut here = Here::new();
    let Ok(far) = tempfile::tempdir_in("/dev/shm") else { return };
    let root = open_root(&mut here.fs, far.path());
    here.put("f", "old");
    std::fs::set_permissions(here.path("f"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let (file, _) = here.create(here.plan("f")).unwrap();
    here.fs.write(file, b"new");
    here.finish(file).unwrap();
    let backup = Some(At { root, path: b"f".to_vec() });
    let commit = Commit { file, to: here.at("f"), meta: SetMeta::default(), backup, sync: true };
    let reply = here.fs.execute(Ask::Commit(Box::new(commit)));
    assert_eq!(reply, Reply::Committed(Ok((SetErrors::default(), 0))));
    assert_eq!((here.data("f"), std::fs::read(far.path().join("f")).unwrap()), (b"new".to_vec(), b"old".to_vec()));
    assert_eq!(std::fs::read_dir(far.path()).unwrap().count(), 1);
}
