//! Tests of path resolution: what is kept, what is forgotten, and that no symlink leads out.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn at(root: RootId, path: &str) -> At {
    At { root, path: path.into() }
}

fn both_ways(test: impl Fn(&mut Roots, &std::path::Path)) {
    for walks in [false, true] {
        let tmp = tempfile::tempdir().unwrap();
        let mut roots = Roots::default();
        if walks {
            roots.walk_always();
        }
        test(&mut roots, tmp.path());
    }
}

fn bytes(path: &std::path::Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[test]
fn symlinks_do_not_lead_out() {
    both_ways(|roots, tmp| {
        fs::create_dir_all(tmp.join("root/in/deep")).unwrap();
        fs::create_dir(tmp.join("outside")).unwrap();
        symlink("../outside", tmp.join("root/climb")).unwrap();
        symlink(tmp.join("outside"), tmp.join("root/absolute")).unwrap();
        let root = roots.open_root(bytes(&tmp.join("root"))).unwrap();
        for path in ["climb/x", "absolute/x", "../outside/x", "in/../../outside/x", "/etc/x", "in/.."] {
            let code = roots.spot(&at(root, path)).unwrap_err().code;
            assert_eq!(code, Code::LOOP.raw_os_error(), "{path}");
        }
        for path in ["in/deep/x", ".", "", "x", "in/deep/"] {
            assert!(roots.spot(&at(root, path)).is_ok(), "{path}");
        }
    });
}

#[test]
fn symlinks_that_stay_beneath_are_followed() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("real")).unwrap();
    symlink("real", tmp.path().join("link")).unwrap();
    let mut roots = Roots::default();
    let root = roots.open_root(bytes(tmp.path())).unwrap();
    assert!(roots.spot(&at(root, "link/x")).is_ok());
    roots.walk_always();
    roots.forget(&at(root, "link"));
    assert_eq!(roots.spot(&at(root, "link/x")).unwrap_err().code, Code::LOOP.raw_os_error());
}

#[test]
fn only_a_confined_host_refuses_what_the_operator_may_do() {
    let tmp = tempfile::tempdir().unwrap();
    symlink("/", tmp.path().join("out")).unwrap();
    let mut roots = Roots::default();
    let root = roots.open_root(bytes(tmp.path())).unwrap();
    let reach = roots.following(true);
    assert!(roots.spot_within(&at(root, "out/etc"), reach).is_ok());
    assert!(roots.spot_within(&at(root, "out/etc"), roots.following(false)).is_err());
    roots.confine();
    assert!(roots.spot_within(&at(root, "out/etc"), roots.following(true)).is_err());
    assert!(roots.open_root(b"/").is_err());
}

#[test]
fn neighbours_share_a_parent_until_it_is_forgotten() {
    both_ways(|roots, tmp| {
        fs::create_dir_all(tmp.join("a/b")).unwrap();
        let root = roots.open_root(bytes(tmp)).unwrap();
        let first = roots.spot(&at(root, "a/b/1")).unwrap().dir;
        let second = roots.spot(&at(root, "a/b/2")).unwrap().dir;
        assert!(Arc::ptr_eq(&first, &second));
        roots.forget(&at(root, "ab"));
        roots.forget(&at(root, "a/b/1"));
        assert!(Arc::ptr_eq(&first, &roots.spot(&at(root, "a/b/3")).unwrap().dir));
        roots.forget(&at(root, "a"));
        assert!(!Arc::ptr_eq(&first, &roots.spot(&at(root, "a/b/3")).unwrap().dir));
    });
}

#[test]
fn few_parents_are_kept() {
    let tmp = tempfile::tempdir().unwrap();
    let mut roots = Roots::default();
    let root = roots.open_root(bytes(tmp.path())).unwrap();
    for dir in 0..KEPT_MAX + 5 {
        fs::create_dir(tmp.path().join(dir.to_string())).unwrap();
        roots.spot(&at(root, &format!("{dir}/x"))).unwrap();
    }
    assert_eq!(roots.kept.len(), KEPT_MAX);
}

#[test]
fn a_sub_root_is_shown_with_the_path_that_was_given() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("a/b")).unwrap();
    let mut roots = Roots::default();
    let root = roots.open_root(bytes(tmp.path())).unwrap();
    let sub = roots.open_sub_root(&at(root, "a/b")).unwrap();
    assert_eq!(roots.shown(&at(sub, "x")), bytes(&tmp.path().join("a/b/x")));
    assert!(roots.open_sub_root(&at(root, "a/c")).unwrap_err().is_not_found());
}
