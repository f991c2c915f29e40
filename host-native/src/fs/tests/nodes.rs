//! Asks for what has no contents, and attributes of paths.

use std::os::unix::fs::{PermissionsExt, symlink};

use syncline_core::session::{SetErrors, SetMeta};

use super::*;

#[test]
fn directories_come_and_go() {
    let mut here = Here::new();
    here.unit(Ask::Mkdir { at: here.at("d"), mode: 0o750 }).unwrap();
    here.unit(Ask::Mkdir { at: here.at("d/e"), mode: 0o700 }).unwrap();
    assert_eq!(here.mode("d") & 0o700, 0o700);
    assert_eq!(code(here.unit(Ask::Mkdir { at: here.at("d"), mode: 0o700 })), Errno::EEXIST);
    assert_eq!(code(here.unit(Ask::Rmdir { at: here.at("d") })), Errno::ENOTEMPTY);
    here.unit(Ask::Rmdir { at: here.at("d/e") }).unwrap();
    here.unit(Ask::Rmdir { at: here.at("d") }).unwrap();
    assert!(here.names(".").is_empty());
}

#[test]
fn a_directory_made_again_is_not_the_one_kept_open() {
    let mut here = Here::new();
    for _ in 0..2 {
        here.unit(Ask::Mkdir { at: here.at("d"), mode: 0o700 }).unwrap();
        here.unit(Ask::Mkdir { at: here.at("d/e"), mode: 0o700 }).unwrap();
        here.unit(Ask::Rmdir { at: here.at("d/e") }).unwrap();
        here.unit(Ask::Rmdir { at: here.at("d") }).unwrap();
    }
    here.put("a/x", "old");
    here.stat("a/x").unwrap();
    here.unit(Ask::Rename { from: here.at("a"), to: here.at("b") }).unwrap();
    here.put("a/x", "new one");
    assert_eq!(here.stat("a/x").unwrap().size, 7);
    assert_eq!(here.stat("b/x").unwrap().size, 3);
}

#[test]
fn links_and_nodes_replace_what_is_there() {
    let mut here = Here::new();
    here.put("file", "data");
    let link = |here: &Here, name: &str, replace| Ask::Symlink { at: here.at(name), target: b"t".to_vec(), replace };
    here.unit(link(&here, "new", false)).unwrap();
    assert_eq!(code(here.unit(link(&here, "file", false))), Errno::EEXIST);
    here.put("other", "");
    here.unit(link(&here, "other", true)).unwrap();
    assert_eq!(std::fs::read_link(here.path("other")).unwrap().to_str(), Some("t"));
    let fifo = Ask::Mknod { at: here.at("other"), mode: 0o010640, rdev: (0, 0), replace: true };
    here.unit(fifo).unwrap();
    assert_eq!(here.stat("other").unwrap().mode & 0o170000, 0o010000);
    let hard = |here: &Here, name: &str, replace| Ask::Link { from: here.at("file"), to: here.at(name), replace };
    here.unit(hard(&here, "hard", false)).unwrap();
    here.unit(hard(&here, "other", true)).unwrap();
    // Already the same file: nothing must be left over.
    here.unit(hard(&here, "other", true)).unwrap();
    assert_eq!(here.stat("other").unwrap().nlink, 3);
    here.put("dir/x", "");
    assert!(here.unit(link(&here, "dir", true)).is_err());
    assert_eq!(here.names("."), ["dir", "file", "hard", "new", "other"]);
}

#[test]
fn names_are_taken_away() {
    let mut here = Here::new();
    here.put("a", "1");
    symlink("a", here.path("l")).unwrap();
    here.unit(Ask::Rename { from: here.at("a"), to: here.at("b") }).unwrap();
    here.unit(Ask::Unlink { at: here.at("l") }).unwrap();
    assert_eq!(here.names("."), ["b"]);
    assert!(here.unit(Ask::Unlink { at: here.at("a") }).unwrap_err().is_not_found());
    here.put("dir/x", "");
    assert!(here.unit(Ask::Unlink { at: here.at("dir") }).is_err());
}

#[test]
fn a_source_that_changed_is_not_removed() {
    let mut here = Here::new();
    here.put("f", "12345");
    let meta = here.stat("f").unwrap();
    let nsec = meta.mtime_nsec;
    let at = here.at("f");
    let ask = |size, mtime, mtime_nsec| Ask::RemoveSource { at: at.clone(), size, mtime, mtime_nsec };
    for (size, mtime, nsec) in [(4, meta.mtime, 0), (5, meta.mtime - 1, 0), (5, meta.mtime, nsec % 999_999_999 + 1)] {
        assert_eq!(here.fs.execute(ask(size, mtime, nsec)), Reply::Changed);
    }
    assert_eq!(here.fs.execute(ask(5, meta.mtime, nsec)), Reply::Unit(Ok(())));
    assert!(here.stat("f").unwrap_err().is_not_found());
    assert!(matches!(here.fs.execute(ask(5, meta.mtime, 0)), Reply::Unit(Err(error)) if error.is_not_found()));
}

#[test]
fn attributes_of_paths_and_of_symlinks_themselves() {
    let mut here = Here::new();
    here.put("f", "");
    symlink("f", here.path("l")).unwrap();
    std::fs::set_permissions(here.path("f"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = here.stat("f").unwrap();
    let meta = SetMeta { mtime: Some((1_000_000_000, 5)), atime: Some(77), mode: Some(0o4751), ..SetMeta::default() };
    let reply = here.fs.execute(Ask::SetMeta { at: here.at("l"), meta: meta.clone() });
    assert_eq!(reply, Reply::Set(SetErrors::default()));
    assert_eq!(here.stat("f").unwrap(), before);
    assert_eq!(here.stat("l").unwrap().mtime, 1_000_000_000);
    assert_eq!(here.fs.execute(Ask::SetMeta { at: here.at("f"), meta }), Reply::Set(SetErrors::default()));
    let after = here.stat("f").unwrap();
    assert_eq!((after.mtime, after.mtime_nsec, after.atime, after.mode & 0o7777), (1_000_000_000, 5, 77, 0o4751));
    let only = SetMeta { mtime: Some((5, u32::MAX)), ..SetMeta::default() };
    assert_eq!(here.fs.execute(Ask::SetMeta { at: here.at("f"), meta: only }), Reply::Set(SetErrors::default()));
    let after = here.stat("f").unwrap();
    assert_eq!((after.mtime, after.mtime_nsec, after.atime), (5, 999_999_999, 77));
    let meta = SetMeta { mode: Some(0o700), mtime: Some((1, 1)), ..SetMeta::default() };
    let Reply::Set(errors) = here.fs.execute(Ask::SetMeta { at: here.at("none/x"), meta }) else { panic!() };
    assert!(errors.owner.is_none() && errors.mode.is_some_and(|error| error.is_not_found()) && errors.times.is_some());
}

#[test]
fn owners_are_changed_by_root_only() {
    let mut here = Here::new();
    here.put("f", "");
    let meta = SetMeta { uid: Some(12), gid: Some(34), mode: Some(0o4755), ..SetMeta::default() };
    let Reply::Set(errors) = here.fs.execute(Ask::SetMeta { at: here.at("f"), meta }) else { panic!() };
    let after = here.stat("f").unwrap();
    if rustix::process::geteuid().is_root() {
        assert_eq!(errors, SetErrors::default());
        // The mode comes last, or the change of owner would have cleared its setuid bit.
        assert_eq!((after.uid, after.gid, after.mode & 0o7777), (12, 34, 0o4755));
    } else {
        assert_eq!(errors.owner.unwrap().code, 1);
        assert_eq!(after.mode & 0o7777, 0o4755);
    }
}

#[test]
fn nothing_is_changed_outside_the_root() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("victim"), "safe").unwrap();
    let mut here = Here::new();
    here.put("f", "evil");
    symlink(outside.path(), here.path("out")).unwrap();
    let meta = SetMeta { mode: Some(0o777), ..SetMeta::default() };
    let root = here.root;
    let at = |name: &str| At { root, path: name.into() };
    let asks = [
        Ask::Unlink { at: at("out/victim") },
        Ask::Rmdir { at: at("out/victim") },
        Ask::Mkdir { at: at("out/new"), mode: 0o700 },
        Ask::Rename { from: at("f"), to: at("out/victim") },
        Ask::Rename { from: at("out/victim"), to: at("g") },
        Ask::Link { from: at("out/victim"), to: at("g"), replace: false },
        Ask::Symlink { at: at("out/new"), target: b"x".to_vec(), replace: true },
        Ask::RemoveSource { at: at("out/victim"), size: 4, mtime: 0, mtime_nsec: 0 },
    ];
    for ask in asks {
        let what = format!("{ask:?}");
        assert_eq!(code(here.unit(ask)), 40, "{what}");
    }
    let Reply::Set(errors) = here.fs.execute(Ask::SetMeta { at: at("out/victim"), meta }) else { panic!() };
    assert_eq!(errors.mode.unwrap().code, 40);
    let names: Vec<_> = std::fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
    assert_eq!(std::fs::read(outside.path().join("victim")).unwrap(), b"safe");
    assert_ne!(outside.path().join("victim").metadata().unwrap().mode() & 0o777, 0o777);
}
