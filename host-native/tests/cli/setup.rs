//! The directories that rows begin with. Times are fixed and in the past, so that what a program writes can be told apart.

use std::path::Path;

use crate::support::maker::{Maker, Time, USUAL};
use crate::support::programs::privileged;
use crate::support::random::Random;

const EARLIER: Time = (1_500_000_000, 0);
const LATER: Time = (1_700_000_000, 0);

/// Nothing.
pub fn empty(_: &mut Maker) {}

/// `src` with a few files, directories and a link.
pub fn basic(m: &mut Maker) {
    small_tree(m, "src");
}

fn small_tree(m: &mut Maker, root: &str) {
    m.dir(root);
    m.file(format!("{root}/a"), b"alpha\n");
    m.file_with(format!("{root}/b"), b"bravo bravo\n", 0o600, EARLIER);
    m.file_with(format!("{root}/run"), b"#!/bin/sh\n", 0o755, USUAL);
    m.symlink(format!("{root}/link"), "a");
    m.dir(format!("{root}/sub"));
    m.file(format!("{root}/sub/c"), b"charlie\n");
    m.dir(format!("{root}/sub/deep"));
    m.file(format!("{root}/sub/deep/d"), b"delta\n");
}

/// `src`, and `dst` equal to it.
pub fn synced(m: &mut Maker) {
    small_tree(m, "src");
    small_tree(m, "dst");
}

/// `src`, and a `dst` that differs from it in every way.
pub fn stale(m: &mut Maker) {
    small_tree(m, "src");
    m.file_with("src/newer-here", b"source\n", 0o644, LATER);
    m.file_with("src/older-here", b"source\n", 0o644, EARLIER);
    m.file("src/same-time", b"contents 1\n");
    m.dir("dst");
    m.file("dst/a", b"alpha\n");
    m.file_with("dst/b", b"an old bravo\n", 0o644, USUAL);
    m.file_with("dst/run", b"#!/bin/sh\n", 0o644, USUAL);
    m.symlink("dst/link", "elsewhere");
    m.file_with("dst/newer-here", b"destination\n", 0o644, USUAL);
    m.file_with("dst/older-here", b"destination\n", 0o644, USUAL);
    m.file("dst/same-time", b"contents 2\n");
    m.dir("dst/sub");
    m.file_with("dst/sub/c", b"charlie\n", 0o644, EARLIER);
    m.file("dst/sub/extra", b"not in src\n");
    m.file("dst/old", b"not in src\n");
    m.dir("dst/olddir");
    m.file("dst/olddir/x", b"not in src\n");
    m.dir("dst/olddir/y");
    m.file("dst/olddir/y/z", b"not in src\n");
}

/// Links of every kind, a fifo, and as root a device.
pub fn kinds(m: &mut Maker) {
    m.dir("src");
    m.file("src/file", b"x");
    m.hard_link("src/hard", "src/file");
    m.fifo("src/fifo", 0o644);
    m.symlink("src/inside", "file");
    m.symlink("src/dangling", "nowhere");
    m.symlink("src/outside", "../other");
    m.symlink("src/absolute", "/etc");
    m.dir("src/real");
    m.file("src/real/inner", b"inner");
    m.symlink("src/dirlink", "real");
    m.file("other", b"outside of src");
    if privileged() {
        m.node("src/null", rustix::fs::FileType::CharacterDevice, 0o666, rustix::fs::makedev(1, 3));
    }
}

/// Holes, extended attributes, ACLs, and other owners as far as we may set them.
pub fn attributed(m: &mut Maker) {
    m.dir("src");
    m.file("src/plain", b"plain\n");
    m.sparse("src/holes", 2 << 20, &[(0, b"head"), (1 << 20, b"middle")], USUAL);
    m.file("src/tagged", b"tagged\n");
    m.xattr("src/tagged", "user.short", b"value");
    m.xattr("src/tagged", "user.long", &Random(3).bytes(300));
    m.file("src/listed", b"listed\n");
    m.xattr("src/listed", "system.posix_acl_access", &acl(&[(1, 6), (2, 6), (4, 4), (0x10, 6), (0x20, 4)]));
    m.dir("src/dir");
    m.xattr("src/dir", "user.dir", b"x");
    m.xattr("src/dir", "system.posix_acl_default", &acl(&[(1, 7), (2, 5), (4, 5), (0x10, 7), (0x20, 0)]));
    m.file_with("src/dir/inner", b"inner\n", 0o640, EARLIER);
    if privileged() {
        m.owner("src/plain", 1, 65_534);
        m.owner("src/dir/inner", 61_234, 61_235);
    }
    m.dir("dst");
    m.sparse("dst/holes", 2 << 20, &[(0, b"HEAD"), (1 << 19, b"gone"), (1 << 20, b"middle")], EARLIER);
    m.file("dst/tagged", b"tagged\n");
    m.xattr("dst/tagged", "user.stale", b"old");
}

/// An ACL as Linux stores it: version 2, then (tag, permissions, id); a named user is 61234.
fn acl(entries: &[(u16, u16)]) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for &(tag, bits) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&bits.to_le_bytes());
        bytes.extend_from_slice(&if tag == 2 { 61_234 } else { u32::MAX }.to_le_bytes());
    }
    bytes
}

/// Names that need escaping when they are printed.
pub fn odd(m: &mut Maker) {
    m.dir("src");
    for name in [
        &b"new\nline"[..],
        b"tab\there",
        b"bell\x07",
        b"\xff\xfe",
        b"caf\xc3\xa9",
        b"back\\slash",
        b"\\#012",
        b" blank ",
    ] {
        m.file([b"src/", name].concat(), b"x");
    }
    m.symlink(b"src/odd-link", b"to\xff\n");
}

/// Names in UTF-8, one that Latin-1 has not, and one that is no UTF-8.
pub fn charsets(m: &mut Maker) {
    m.dir("src");
    for name in [&b"plain"[..], "caf\u{e9}".as_bytes(), "only-here-\u{65e5}".as_bytes(), b"only-here-\xff"] {
        m.file([b"src/", name].concat(), b"x");
    }
    m.symlink("src/link", "caf\u{e9}");
    m.dir("src/d\u{e9}");
    m.file("src/d\u{e9}/\u{f1}", b"y");
}

/// What a user without privileges can not read or write; rows use it with `nobody`.
pub fn locked(m: &mut Maker) {
    small_tree(m, "src");
    m.file_with("src/secret", b"x", 0, USUAL);
    m.dir_with("src/closed", 0, USUAL);
    m.file("src/closed/inner", b"x");
    m.file_with("src/b", b"bravo bravo\n", 0o644, EARLIER);
    m.dir_with("sealed", 0o555, USUAL);
    m.dir_with("open", 0o777, USUAL);
}

/// Files for filters of every kind.
pub fn filters(m: &mut Maker) {
    m.dir("src");
    for name in ["src/keep.c", "src/drop.o", "src/core", "src/x~", "src/.rsync-filter", "src/.cvsignore"] {
        let contents: &[u8] = match name {
            "src/.rsync-filter" => b"- *.tmp\n+ special.log\n- *.log\n",
            "src/.cvsignore" => b"ignored.txt\n",
            _ => b"x",
        };
        m.file(name, contents);
    }
    for name in ["src/a.tmp", "src/special.log", "src/other.log", "src/ignored.txt"] {
        m.file(name, b"x");
    }
    m.dir("src/sub");
    m.file("src/sub/b.tmp", b"x");
    m.file("src/sub/keep.c", b"x");
    m.file("src/sub/drop.o", b"x");
    m.file("src/sub/.rsync-filter", b"+ b.tmp\n");
    m.dir("src/empty");
    m.dir("src/onlyobj");
    m.file("src/onlyobj/x.o", b"x");
    m.dir("dst");
    m.file("dst/drop.o", b"old");
    m.file("dst/extra.c", b"old");
    m.file("rules", b"# a comment\n- *.o\n+ keep.*\n\n- core\n");
    m.file("patterns", b"*.o\n; comment\ncore\n");
}

/// A file of some hundred blocks, and an old version of it.
pub fn delta(m: &mut Maker) {
    let mut bytes = Random(5).bytes(400_000);
    m.dir("dst");
    m.file_with("dst/data", &bytes, 0o644, EARLIER);
    m.file_with("dst/grows", &bytes[..100_000], 0o644, EARLIER);
    m.dir("src");
    m.file("src/grows", &bytes[..150_000]);
    bytes[123_456] ^= 1;
    bytes.splice(300_000..300_000, *b"inserted");
    m.file("src/data", &bytes);
}

/// `src`, and reference trees for the alternate destinations.
pub fn references(m: &mut Maker) {
    small_tree(m, "src");
    small_tree(m, "ref");
    m.file_with("ref/sub/c", b"something else\n", 0o644, EARLIER);
    m.dir("ref2");
    m.file("ref2/newname", b"x");
    m.dir("dst");
}

/// Kinds that stand in each other's way.
pub fn obstacles(m: &mut Maker) {
    m.dir("src");
    m.file("src/file-over-dir", b"x");
    m.dir("src/dir-over-file");
    m.file("src/dir-over-file/inner", b"x");
    m.symlink("src/link-over-file", "target");
    m.file("src/zz", b"x");
    m.dir("dst");
    m.dir("dst/file-over-dir");
    m.file("dst/file-over-dir/full", b"x");
    m.file("dst/dir-over-file", b"x");
    m.file("dst/link-over-file", b"x");
    m.file("plain", b"a file, not a directory");
}

/// Passwords, right and wrong, and a file that everybody may read.
pub fn passwords(m: &mut Maker) {
    m.file_with("right", b"open sesame\n", 0o600, USUAL);
    m.file_with("wrong", b"open barley\n", 0o600, USUAL);
    m.file_with("shown", b"open sesame\n", 0o644, USUAL);
    small_tree(m, "src");
}

/// What the daemons' modules publish.
pub fn published(m: &mut Maker) {
    small_tree(m, ".x");
    m.file("hello.txt", b"hello world\n");
    m.dir("sub");
    m.file("sub/one", b"1");
    m.file_with("unreadable", b"x", 0, USUAL);
    m.symlink("link", "hello.txt");
}

/// The modules of both daemons.
pub fn modules(base: &Path) -> String {
    let (rows, published) = (base.join("rows"), base.join("pub"));
    let secrets = base.join("secrets");
    std::fs::write(&secrets, "alice:open sesame\nbob:swordfish\n").expect("the secrets file");
    std::fs::set_permissions(&secrets, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    let (rows, published, secrets) = (rows.display(), published.display(), secrets.display());
    format!(
        "[rows]\npath = {rows}\ncomment = the rows' directories\n\
         [pub]\npath = {published}\nread only = yes\ncomment = for all to read\n\
         [hidden]\npath = {published}\nlist = no\nread only = yes\n\
         [nobody]\npath = {published}\nread only = yes\nuid = 65534\ngid = 65534\n\
         [auth]\npath = {published}\nauth users = alice, carol\nsecrets file = {secrets}\nread only = yes\n\
         [denied]\npath = {published}\nhosts deny = *\n\
         [wo]\npath = {rows}\nwrite only = yes\n\
         [lost]\npath = {published}/no/such/path\n\
         [refuse]\npath = {rows}\nrefuse options = delete compress\n\
         [filtered]\npath = {published}\nexclude = hello.txt\nread only = yes\n\
         [full]\npath = {published}\nmax connections = -1\n"
    )
}
