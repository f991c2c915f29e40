//! The tree that the interop matrix transfers, in three versions: the first, one with changes of every kind, and one with much
//! of it deleted. Building is deterministic, so each version is built from nothing and shared by all cells.

use std::path::Path;

use rustix::fs::FileType;

use super::maker::{Maker, Time, USUAL};
use super::programs::privileged;
use super::random::Random;

/// Which state of the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// What is copied first.
    First,
    /// Contents, attributes and kinds of entries changed; some new; none gone, but for entries replaced by another kind.
    Changed,
    /// As changed, less entries and subtrees, and with a full directory replaced by a file.
    Shrunk,
}

/// How large a tree.
#[derive(Clone, Copy)]
pub struct Size {
    /// Bytes of the largest file.
    pub large: usize,
    /// How many small files.
    pub small: usize,
}

/// Later than `USUAL`: the time of what was changed.
const LATER: Time = (1_650_000_000, 987_654_321);

/// The smallest extent of holes that the sparse file has, and its length.
pub const SPARSE_LEN: u64 = 4 << 20;

/// Builds a version of the tree at `root`.
pub fn build(root: &Path, version: Version, size: Size) {
    let changed = version >= Version::Changed;
    let shrunk = version == Version::Shrunk;
    let mut m = Maker::new(root);
    plain(&mut m, changed, size);
    small(&mut m, version, size.small);
    deep(&mut m, shrunk);
    names(&mut m, changed, shrunk);
    links(&mut m, changed, shrunk);
    hard_links(&mut m, changed, shrunk);
    special(&mut m, changed, shrunk);
    modes(&mut m, changed, shrunk);
    times(&mut m, changed);
    kinds(&mut m, version);
    attributes(&mut m, changed);
    m.finish();
}

fn time(changed: bool) -> Time {
    if changed { LATER } else { USUAL }
}

/// Empty, one byte, and files that are edited, inserted into and truncated: one large, and one of each kind small.
fn plain(m: &mut Maker, changed: bool, size: Size) {
    m.file("empty", b"");
    m.file("one", b"1");
    m.file_with("was-empty", if changed { b"no more" } else { b"" }, 0o644, time(changed));
    m.file_with("becomes-empty", if changed { b"" } else { b"still full" }, 0o644, time(changed));
    // Half of the large file is text, so that compression has work to do.
    let mut random = Random(1);
    let mut large = random.bytes(size.large / 2);
    large.extend(random.text(size.large - size.large / 2));
    let (mut edited, mut longer, mut shorter) = (random.bytes(200_000), random.text(150_000), random.bytes(150_000));
    if changed {
        edit(&mut large, 20, &mut random);
        insert(&mut large, 5, &mut random);
        large.truncate(size.large - size.large / 10);
        edit(&mut edited, 5, &mut random);
        insert(&mut longer, 3, &mut random);
        shorter.truncate(70_001);
    }
    m.dir("data");
    for (name, bytes) in [("large", large), ("edited", edited), ("inserted", longer), ("truncated", shorter)] {
        m.file_with(format!("data/{name}"), &bytes, 0o644, time(changed));
    }
    m.file_with("data/appended", &random.text(if changed { 90_000 } else { 40_000 }), 0o644, time(changed));
    let more: &[(u64, &[u8])] = &[(0, b"head"), (1 << 20, b"middle"), (3 << 20, b"a new piece")];
    m.sparse("data/sparse", SPARSE_LEN, &more[..if changed { 3 } else { 2 }], time(changed));
}

/// Overwrites bytes at random places.
fn edit(bytes: &mut [u8], places: usize, random: &mut Random) {
    for _ in 0..places {
        let at = random.below(bytes.len() - 16);
        let new = random.bytes(16);
        bytes[at..at + 16].copy_from_slice(&new);
    }
}

/// Inserts a few bytes at random places.
fn insert(bytes: &mut Vec<u8>, places: usize, random: &mut Random) {
    for _ in 0..places {
        let at = random.below(bytes.len());
        let len = 1 + random.below(40);
        let new = random.bytes(len);
        bytes.splice(at..at, new);
    }
}

/// Many small files, a hundred to a directory. Every seventh changes, others change only in time, mode or not at all.
fn small(m: &mut Maker, version: Version, count: usize) {
    let (changed, shrunk) = (version >= Version::Changed, version == Version::Shrunk);
    m.dir("small");
    for index in 0..count {
        let mut random = Random(1000 + index as u64);
        let dir = format!("small/{:03}", index / 100);
        // A directory that is gone as a whole.
        if shrunk && index / 100 == 1 {
            continue;
        }
        if index % 100 == 0 {
            m.dir(&dir);
        }
        if shrunk && index % 5 == 0 {
            continue;
        }
        let len = random.below(2000);
        let mut bytes = random.text(len);
        if changed && index % 7 == 0 {
            bytes.extend_from_slice(b"changed");
        }
        let later = changed && (index % 7 == 0 || index % 11 == 0);
        let mode = if changed && index % 13 == 0 { 0o600 } else { 0o644 };
        m.file_with(format!("{dir}/f{index}"), &bytes, mode, time(later));
    }
    if changed {
        m.dir("small/new");
        m.file("small/new/file", b"not there before");
    }
}

/// Thirty directories, one in the other.
fn deep(m: &mut Maker, shrunk: bool) {
    let mut path = "deep".to_owned();
    m.dir(&path);
    for level in 0..if shrunk { 12 } else { 30 } {
        path.push_str(&format!("/d{level}"));
        m.dir(&path);
    }
    m.file(format!("{path}/leaf"), b"at the bottom");
}

/// Names that some program, somewhere, gets wrong.
fn names(m: &mut Maker, changed: bool, shrunk: bool) {
    m.dir("names");
    m.dir("names/dir with space");
    m.file("names/dir with space/inner file", b"inner");
    let (long, long_bytes) = ([b'n'; 255], [0xe9; 255]);
    let names: &[&[u8]] = &[
        b"with space",
        b" leading",
        b"trailing ",
        b"new\nline",
        b"\nfirst",
        b"single'quote",
        b"double\"quote",
        b"back\\slash",
        b"\\#012",
        b"star*",
        b"quest?",
        b"[set]",
        b"tab\there",
        b"$dollar",
        b"`tick`",
        b"~tilde",
        b"{a,b}",
        b"-dash",
        b"#hash",
        b";semi",
        b"!bang",
        b"a:colon",
        b"..dots",
        b".hidden",
        b"\xff\xfe\x80",
        b"\x01\x02\x7f",
        b"caf\xc3\xa9",
        b"\xc3\x28",
        &long,
        &long_bytes,
    ];
    for (index, name) in names.iter().enumerate() {
        if !(shrunk && index % 3 == 0) {
            let later = changed && index % 2 == 0;
            let contents: &[u8] = if later { b"new contents" } else { b"contents" };
            m.file_with([b"names/", *name].concat(), contents, 0o644, time(later));
        }
    }
    m.dir(b"names/\xf0dir\n");
    m.file(b"names/\xf0dir\n/\xf1", b"x");
}

/// Symlinks of every kind; they are data, wherever they point.
fn links(m: &mut Maker, changed: bool, shrunk: bool) {
    m.dir("links");
    m.symlink("links/dangling", "no/such/file");
    m.symlink("links/absolute", "/no/such/absolute/path");
    m.symlink("links/root", "/");
    m.symlink("links/up", "../../..");
    m.symlink("links/dir", "../deep");
    m.symlink(b"links/\xffname", b"\xfe\xffbytes \n");
    m.symlink("links/long", "l".repeat(1000));
    m.symlink("links/retargeted", if changed { "new-target" } else { "old-target" });
    if !shrunk {
        m.symlink("links/gone", "gone");
    }
}

/// Groups of hard links that split, grow and lose members.
fn hard_links(m: &mut Maker, changed: bool, shrunk: bool) {
    m.dir("hard");
    m.dir("hard/sub");
    m.file("hard/a", b"linked three times");
    m.hard_link("hard/b", "hard/a");
    if changed {
        m.file("hard/sub/c", b"on its own now");
        m.hard_link("hard/sub/d", "hard/a");
    } else {
        m.hard_link("hard/sub/c", "hard/a");
    }
    m.file_with("hard/x", if changed { b"the pair, changed" } else { b"the pair" }, 0o644, time(changed));
    if !shrunk {
        m.hard_link("hard/y", "hard/x");
    }
}

/// Fifos and sockets, and devices where we may make them.
fn special(m: &mut Maker, changed: bool, shrunk: bool) {
    m.dir("special");
    m.fifo("special/fifo", if changed { 0o600 } else { 0o640 });
    m.socket("special/socket");
    if privileged() {
        m.node("special/null", FileType::CharacterDevice, 0o666, rustix::fs::makedev(1, 3));
        let minor = if changed { 70_001 } else { 70_000 };
        m.node("special/disk", FileType::BlockDevice, 0o660, rustix::fs::makedev(259, minor));
        m.node("special/disk2", FileType::BlockDevice, 0o660, rustix::fs::makedev(259, 3));
        if !shrunk {
            m.node("special/gone", FileType::CharacterDevice, 0o600, rustix::fs::makedev(5, 1));
        }
    }
}

/// Modes with special bits and without permission, read-only directories, and other owners.
fn modes(m: &mut Maker, changed: bool, shrunk: bool) {
    m.dir("modes");
    for mode in [0o4755, 0o2755, 0o6711, 0o444, 0o400, 0o777, 0o640] {
        m.file_with(format!("modes/{mode:o}"), b"x", if changed { mode ^ 0o011 } else { mode }, USUAL);
    }
    m.dir_with("modes/sticky", 0o1777, USUAL);
    m.dir_with("modes/setgid", if changed { 0o750 } else { 0o2750 }, USUAL);
    m.dir_with("modes/readonly", 0o555, USUAL);
    m.file_with("modes/readonly/file", if changed { b"2" } else { b"1" }, 0o444, time(changed));
    if !shrunk {
        m.dir_with("modes/readonly/sub", 0o555, USUAL);
        m.file("modes/readonly/sub/file", b"x");
    }
    if privileged() {
        m.file_with("modes/none", b"nobody may read this", 0, USUAL);
        m.dir_with("modes/closed", 0, USUAL);
        m.file_with("modes/closed/file", if changed { b"2" } else { b"1" }, 0, time(changed));
        m.file("modes/owned", b"x");
        m.owner("modes/owned", 61_234, if changed { 65_001 } else { 65_000 });
        m.symlink("modes/owned-link", "owned");
        m.owner("modes/owned-link", 3_000_000_000, 61_000);
    }
}

/// Times before 1970, after 2038, and with fractions.
fn times(m: &mut Maker, changed: bool) {
    m.dir("times");
    let moments: [(&str, Time); 8] = [
        ("1965", (-157_766_400, 5)),
        ("1969", (-1, 999_999_999)),
        ("1970", (0, 0)),
        ("2038", (0x7fff_ffff, 0)),
        ("2038-after", (0x8000_0000, 1)),
        ("2100", (4_102_444_800, 500_000_000)),
        ("2242", (8_600_000_000, 0)),
        ("1902", (-2_140_000_000, 0)),
    ];
    for (index, (name, moment)) in moments.into_iter().enumerate() {
        let moment = if changed && index % 2 == 0 { (moment.0 + 1, moment.1) } else { moment };
        m.file_with(format!("times/{name}"), name.as_bytes(), 0o644, moment);
        m.dir_with(format!("times/dir-{name}"), 0o755, moment);
    }
}

/// Entries that turn into another kind.
fn kinds(m: &mut Maker, version: Version) {
    m.dir("kinds");
    if version == Version::First {
        m.file("kinds/file-link", b"a file");
        m.symlink("kinds/link-file", "target");
        m.dir("kinds/dir-file");
        m.file("kinds/file-dir", b"a file");
        m.symlink("kinds/link-dir", "../deep");
        m.file("kinds/file-fifo", b"a file");
    } else {
        m.symlink("kinds/file-link", "target");
        m.file("kinds/link-file", b"a file");
        m.file("kinds/dir-file", b"a file");
        m.dir("kinds/file-dir");
        m.file("kinds/file-dir/inner", b"inner");
        m.dir("kinds/link-dir");
        m.file("kinds/link-dir/inner", b"inner");
        m.fifo("kinds/file-fifo", 0o644);
    }
    if version == Version::Shrunk {
        m.file("kinds/full-dir-file", b"a file");
    } else {
        m.dir("kinds/full-dir-file");
        m.file("kinds/full-dir-file/inner", b"inner");
    }
}

/// Extended attributes, long ones too, and ACLs in the form in which Linux stores them.
fn attributes(m: &mut Maker, changed: bool) {
    m.dir("xattrs");
    m.file("xattrs/file", b"x");
    m.xattr("xattrs/file", "user.short", if changed { b"new" } else { b"old" });
    m.xattr("xattrs/file", "user.long", &Random(7).bytes(700));
    m.file("xattrs/second", b"x");
    m.xattr("xattrs/second", "user.long", &Random(if changed { 8 } else { 9 }).bytes(500));
    if changed {
        m.xattr("xattrs/second", "user.added", b"");
    } else {
        m.xattr("xattrs/second", "user.dropped", b"soon gone");
    }
    m.dir("xattrs/dir");
    m.xattr("xattrs/dir", "user.on-a-dir", b"value");
    m.file("xattrs/acl", b"x");
    m.xattr("xattrs/acl", "system.posix_acl_access", &acl(if changed { 7 } else { 6 }, 61_234));
    m.dir("xattrs/acl-dir");
    m.xattr("xattrs/acl-dir", "system.posix_acl_default", &acl(5, 61_235));
}

/// An ACL with one named user: version 2, then (tag, permissions, id) in ascending order.
fn acl(permissions: u16, user: u32) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, bits, id) in
        [(1u16, 6u16, NOBODY), (2, permissions, user), (4, 4, NOBODY), (0x10, 7, NOBODY), (0x20, 4, NOBODY)]
    {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&bits.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}
