//! Names that are refused, requested, made safe.

use super::*;
use crate::flist::codec::Wanted;
use crate::flist::entry::Entry;

#[test]
fn received_names_are_cleaned() {
    let check = |name: &str, relative: bool, expect: Option<&str>| {
        let mut cleaned = name.as_bytes().to_vec();
        match clean_received(&mut cleaned, relative) {
            Ok(()) => assert_eq!(Some(&cleaned[..]), expect.map(str::as_bytes), "{name}"),
            Err(error) => {
                assert_eq!(expect, None, "{name}");
                assert_eq!(error.exit, Exit::UNSUPPORTED);
                assert_eq!(error.text_lossy(), ["ABORTING due to unsafe pathname from sender: ", name].concat());
            }
        }
    };
    check("a", false, Some("a"));
    check("a//b/./c/", false, Some("a/b/c"));
    check(".", false, Some("."));
    check("./", false, Some("."));
    check("./a", false, Some("a"));
    check("", false, Some(""));
    check("..", false, None);
    check("a/../b", true, None);
    check("a/..b", false, Some("a/..b"));
    check("/a", false, None);
    check("/a", true, Some("/a"));
    check("//a/.", true, Some("/a"));
    check("/.", true, Some("/."));
}

#[test]
fn the_root_is_a_directory() {
    assert!(check_root_is_dir(b".", true).is_ok() && check_root_is_dir(b"a", false).is_ok());
    let error = check_root_is_dir(b".", false).unwrap_err();
    assert_eq!(error.text_lossy(), "ERROR: rejecting non-directory transfer-root entry: .");
    assert_eq!(error.exit, Exit::PROTOCOL);
}

#[test]
fn entries_lie_in_the_directory_of_their_list() {
    assert!(check_in_dir(b"a/b", b"a", false).is_ok());
    assert!(check_in_dir(b"b", b"", false).is_ok());
    assert!(check_in_dir(b"/s/a", b"s", true).is_ok());
    assert!(check_in_dir(b"/s", b"", true).is_ok());
    for (name, dir) in [(&b"a/b/c"[..], &b"a"[..]), (b"b", b"a"), (b"a/b", b"")] {
        let error = check_in_dir(name, dir, false).unwrap_err();
        assert!(
            error.text.starts_with(b"ABORTING due to invalid path from sender: ") && error.exit == Exit::UNSUPPORTED
        );
    }
}

#[test]
fn parents_are_in_the_list_as_directories() {
    let mut list = FileList::new(0, None);
    for (name, mode) in [("d", 0o040755), ("d/f", 0o100644), ("d/f/x", 0o100644), ("e/x", 0o100644)] {
        list.push(&Entry::new(name.as_bytes(), mode)).unwrap();
    }
    order::sort(&mut list, Order::FilesFirst);
    let parent = |name: &[u8]| check_has_parent(&list, Order::FilesFirst, name).map_err(|error| error.exit);
    assert_eq!((parent(b"d"), parent(b"d/f")), (Ok(()), Ok(())));
    assert_eq!((parent(b"d/f/x"), parent(b"e/x")), (Err(Exit::PROTOCOL), Err(Exit::PROTOCOL)));
}

fn judge(arguments: &[&str], mode: RequestMode, name: &str) -> Option<Wanted> {
    let mut requested = Requested::new();
    arguments.iter().for_each(|argument| requested.add(argument.as_bytes(), mode));
    let is_dir = name.ends_with('/');
    match requested.judge(name.trim_end_matches('/').as_bytes(), is_dir) {
        Ok(wanted) => Some(wanted),
        Err(error) => {
            assert_eq!(error.exit, Exit::UNSUPPORTED);
            assert!(error.text.starts_with(b"ERROR: rejecting unrequested file-list name: "));
            None
        }
    }
}

#[test]
fn only_what_was_asked_for_is_accepted() {
    let recurse = RequestMode { recurse: true, ..RequestMode::default() };
    let (yes, parent) = (Some(Wanted::Yes), Some(Wanted::AsParent));
    assert_eq!(judge(&["x/a"], recurse, "a/"), yes);
    assert_eq!(judge(&["x/a"], recurse, "a/b/c"), yes);
    assert_eq!(judge(&["x/a"], recurse, "b"), None);
    assert_eq!(judge(&["x/a"], recurse, "x/a"), None);
    assert_eq!(judge(&["x/"], recurse, "any/thing"), yes);
    assert_eq!(judge(&["x/"], recurse, "./"), yes);
    assert_eq!(judge(&["x/.."], recurse, "any"), yes);
    assert_eq!(judge(&["x"], recurse, "./"), parent);
    assert_eq!(judge(&["mod"], RequestMode { daemon: true, ..recurse }, "any"), yes);
    assert_eq!(judge(&["mod/x"], RequestMode { daemon: true, ..recurse }, "x"), yes);
    assert_eq!(judge(&["x"], RequestMode::default(), "x/y"), None);
    let dirs = RequestMode { dirs: true, ..RequestMode::default() };
    assert_eq!(judge(&["x/"], dirs, "y"), yes);
    assert_eq!(judge(&["x/"], dirs, "y/z"), None);
}

#[test]
fn parents_are_accepted_as_such() {
    let relative = RequestMode { relative: true, recurse: true, ..RequestMode::default() };
    let (yes, parent) = (Some(Wanted::Yes), Some(Wanted::AsParent));
    assert_eq!(judge(&["a/b/c"], relative, "a/"), parent);
    assert_eq!(judge(&["a/b/c"], relative, "a/b/"), parent);
    assert_eq!(judge(&["a/b/c"], relative, "a/b"), None);
    assert_eq!(judge(&["a/b/c"], relative, "a/b/c"), yes);
    assert_eq!(judge(&["a/./b/c"], relative, "b/"), parent);
    assert_eq!(judge(&["a/./b/c"], relative, "a/"), None);
    assert_eq!(judge(&["/s/a"], relative, "/s/"), parent);
    assert_eq!(judge(&["/s/a"], relative, "/s/a/x"), yes);
}

#[test]
fn arguments_may_be_wildcards() {
    let mode = RequestMode::default();
    assert_eq!(judge(&["*.c"], mode, "x.c"), Some(Wanted::Yes));
    assert_eq!(judge(&["*.c"], mode, "x.h"), None);
    assert_eq!(judge(&["a[b]c"], mode, "abc"), Some(Wanted::Yes));
    assert_eq!(judge(&["a[b]c"], mode, "a[b]c"), Some(Wanted::Yes));
    assert_eq!(judge(&["a\\*"], mode, "a*"), Some(Wanted::Yes));
    assert_eq!(judge(&["a\\*"], mode, "ab"), None);
    assert_eq!(judge(&["a\\b"], RequestMode { recurse: true, ..mode }, "a\\b/x"), Some(Wanted::Yes));
}

#[test]
fn paths_are_sanitised() {
    let check = |path: &str, depth: usize, keep_dots: bool, expect: &str| {
        assert_eq!(sanitize(path.as_bytes(), Sanitize { depth, keep_dots }), expect.as_bytes(), "{path}");
    };
    check("/top", 0, false, "top");
    check("../x", 0, false, "x");
    check("a//b/", 0, false, "a/b");
    check("a/../../b", 0, false, "b");
    check("a/b/../c", 0, false, "a/c");
    check("./a/./b", 0, false, "a/b");
    check("./a/./b", 0, true, "./a/./b");
    check("..", 0, false, ".");
    check("", 0, false, ".");
    check("../../x", 1, false, "../x");
    check("../../x", 5, false, "../../x");
    check("a/../../x", 1, false, "../x");
}

#[test]
fn unsafe_symlinks() {
    for (target, path, expect) in [
        ("", "a", true),
        ("/etc", "a", true),
        ("b", "a", false),
        ("../b", "a", true),
        ("../b", "d/a", false),
        ("../../b", "d/a", true),
        ("..", "a", true),
        ("..", "d/a", false),
        ("x/..", "d/a", true),
        ("x/../y", "d/a", true),
        ("..//..//x", "d/e/a", false),
        ("../x", "d/../a", true),
        ("./b", "a", false),
        ("x/y", "./a", false),
    ] {
        assert_eq!(unsafe_symlink(target.as_bytes(), path.as_bytes()), expect, "{target} {path}");
    }
}
