//! Encoding and decoding against each other, and what a decoder has to refuse.

use super::*;
use crate::flist::entry::{Digest, Entry, Flags};
use crate::flist::list::FileList;
use crate::wire::item::{Reader, Stop};
use crate::{Error, Exit};
use alloc::string::String;
use alloc::vec;
use proptest::prelude::*;

/// Entries as a sender could have them: names share prefixes, attributes repeat.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let mode =
        prop::sample::select(vec![0o100644, 0o100755, 0o040755, 0o120777, 0o020600, 0o060600, 0o010644, 0o140644]);
    let entry = (
        (
            "[ab]{1,4}(/[abc]{1,3}){0,3}",
            mode,
            0..3u64,
            prop::sample::select(vec![0i64, 1, -1, 1 << 33, i64::MIN]),
            0..3u32,
        ),
        (
            0..3u32,
            prop::sample::select(vec![0i64, 7, -1]),
            (0..3u32, prop::sample::select(vec![0u32, 255, 256, 1 << 19])),
        ),
        ("[a-z/]{1,20}", 0..4i64, prop::option::of(0..3i64), 0..32u8, any::<u8>(), 0..400usize),
    );
    let entry = entry.prop_map(
        |((name, mode, size, mtime, nsec), (id, atime, rdev), (target, dev, inode, flags, sum, long))| {
            let name = if long > 390 { [name.into_bytes(), b"/x".repeat(long)].concat() } else { name.into_bytes() };
            Entry {
                size: size << 31,
                mtime,
                nsec: nsec * 499_999_999,
                uid: id,
                gid: id / 2,
                flags: dir_flags(flags),
                atime: Some(atime),
                crtime: Some(mtime / 2),
                rdev: Some(rdev),
                target: Some(target.into_bytes()),
                inode: inode.map(|inode| (dev, inode)),
                digest: Some(Digest::new(&[sum; 16])),
                ..Entry::new(&name, mode)
            }
        },
    );
    prop::collection::vec(entry, 0..12)
}

fn dir_flags(choice: u8) -> Flags {
    [Flags::NONE, Flags::CONTENT_DIR, Flags::TOP_DIR.with(Flags::CONTENT_DIR), Flags::IMPLIED][usize::from(choice % 4)]
}

fn any_caps() -> impl Strategy<Value = Caps> {
    (27..=32u32, any::<u16>()).prop_map(|(protocol, bits)| {
        let bit = |n: u16| bits >> n & 1 != 0;
        let varint_flags = protocol >= 30 && bit(0);
        Caps {
            varint_flags,
            safe_list: protocol >= 31 || (protocol == 30 && bit(1)),
            inc: protocol >= 30 && bit(2),
            recurse: true,
            relative: true,
            owner: bit(3),
            group: bit(4),
            links: bit(5),
            devices: bit(6),
            specials: bit(7),
            hard_links: bit(8),
            atimes: bit(9) && protocol >= 28,
            crtimes: bit(10) && varint_flags,
            numeric_ids: bit(11),
            digest_bytes: if bit(12) { 16 } else { 0 },
            ..Caps::new(protocol)
        }
    })
}

/// What is left of an entry after it travelled.
fn travelled(caps: &Caps, entry: &Entry, first: Option<&Entry>) -> Entry {
    // Abbreviated entries have the attributes of the first of their group.
    let source = first.filter(|_| caps.protocol >= 30).unwrap_or(entry);
    let kind = source.kind();
    let is_node = matches!(kind, Kind::Device | Kind::Special);
    let is_dir = kind == Kind::Dir;
    Entry {
        name: entry.name.clone(),
        mode: source.mode,
        size: if is_node { 0 } else { source.size },
        mtime: if caps.protocol >= 30 { source.mtime } else { i64::from(source.mtime as u32) },
        nsec: if caps.protocol >= 31 { source.nsec } else { 0 },
        uid: if caps.owner { source.uid } else { 0 },
        gid: if caps.group { source.gid } else { 0 },
        flags: Flags::NONE,
        atime: source.atime.filter(|_| caps.atimes && !is_dir),
        crtime: source.crtime.filter(|_| caps.crtimes),
        rdev: source.rdev.filter(|_| kind == Kind::Device && caps.devices),
        target: source.target.clone().filter(|_| kind == Kind::Symlink && caps.links),
        group: None,
        inode: None,
        digest: source.digest.filter(|_| kind == Kind::Regular && caps.digest_bytes > 0),
        acls: None,
        xattrs: None,
    }
}

/// Decodes a list that comes in pieces of the given sizes, over and over.
fn decode_in_pieces(decoder: &mut Decoder, bytes: &[u8], pieces: &[usize], list: &mut FileList) -> Vec<Entry> {
    let (mut at, mut end) = (0, 0);
    let mut pieces = pieces.iter().cycle();
    let mut decoded = Vec::new();
    let mut entry = Entry::default();
    loop {
        let mut reader = Reader::new(&bytes[at..end]);
        let mut rules =
            Rules { judge: &mut trust, chmod: &|mode| mode, xattr_name: &|name| Some(name.to_vec()), convert: None };
        match decoder.decode(&mut reader, list, &mut entry, &mut rules) {
            Err(Stop::Short) => {
                assert!(end < bytes.len(), "short of bytes that are not there");
                end = (end + pieces.next().unwrap()).min(bytes.len());
            }
            Err(Stop::Bad(error)) => panic!("{error}"),
            Ok(Decoded::End { io_error }) => {
                assert_eq!((at + reader.position(), io_error), (bytes.len(), 0));
                return decoded;
            }
            Ok(Decoded::Entry) => {
                at += reader.position();
                list.push(&entry).unwrap();
                decoded.push(entry.clone());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn lists_travel_in_any_pieces(
        caps in any_caps(), lists in prop::collection::vec(entries(), 1..4), pieces in prop::collection::vec(1..50usize, 1..5),
    ) {
        let mut encoder = Encoder::new(caps);
        for id in 0..3 {
            encoder.ids.users.learn(id, Some(b"somebody"));
            encoder.ids.groups.learn(id, (id == 1).then_some(b"some"));
        }
        let mut decoder = Decoder::new(caps);
        let mut start = 1;
        let mut groups: Vec<((i64, i64), u32)> = Vec::new();
        for entries in &lists {
            let mut sent = FileList::new(start, None);
            let mut bytes = Vec::new();
            for entry in entries {
                encoder.encode(&sent, entry, &mut bytes);
                sent.push(entry).unwrap();
            }
            put_end(&caps, 0, &mut bytes);
            let mut list = FileList::new(start, None);
            let decoded = decode_in_pieces(&mut decoder, &bytes, &pieces, &mut list);
            prop_assert_eq!(decoded.len(), entries.len());
            for (at, (found, entry)) in decoded.iter().zip(entries).enumerate() {
                let tracked = if caps.protocol >= 28 { !entry.is_dir() } else { entry.kind() == Kind::Regular };
                let inode = entry.inode.or((caps.protocol < 28).then_some((0, 0))).filter(|_| tracked && caps.hard_links);
                let group = inode.map(|inode| match groups.iter().find(|(known, _)| *known == inode) {
                    Some((_, group)) => *group,
                    None => {
                        groups.push((inode, start + at as u32));
                        start + at as u32
                    }
                });
                let first = group.and_then(|group| group.checked_sub(start)).map(|at| &entries[at as usize]);
                let expect = travelled(&caps, entry, first);
                let plain = Entry { flags: Flags::NONE, group: None, inode: None, ..found.clone() };
                prop_assert_eq!(plain, expect);
                prop_assert_eq!(found.group, group);
                if entry.is_dir() && caps.protocol >= 30 {
                    prop_assert_eq!(found.flags, entry.flags);
                }
            }
            start += entries.len() as u32 + 1;
        }
        if caps.has_inline_names() && caps.owner {
            for entry in lists.iter().flatten().filter(|entry| entry.inode.is_none()) {
                prop_assert_eq!(decoder.names.users.name(entry.uid), Some(&b"somebody"[..]));
            }
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(caps in any_caps(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::new(caps);
        let mut list = FileList::new(0, None);
        let mut entry = Entry::default();
        let mut at = 0;
        loop {
            let mut reader = Reader::new(&bytes[at..]);
            let mut rules = Rules { judge: &mut trust, chmod: &|mode| mode, xattr_name: &|name| Some(name.to_vec()), convert: None };
            match decoder.decode(&mut reader, &list, &mut entry, &mut rules) {
                Ok(Decoded::Entry) => list.push(&entry).unwrap(),
                Ok(Decoded::End { .. }) => {}
                Err(_) => break,
            }
            prop_assert!(reader.position() > 0);
            at += reader.position();
        }
    }
}

fn refused(caps: Caps, bytes: &[u8]) -> (i32, String) {
    let mut decoder = Decoder::new(caps);
    let mut rules =
        Rules { judge: &mut trust, chmod: &|mode| mode, xattr_name: &|name| Some(name.to_vec()), convert: None };
    let mut entry = Entry::default();
    match decoder.decode(&mut Reader::new(bytes), &FileList::new(0, None), &mut entry, &mut rules) {
        Err(Stop::Bad(Error { exit: Exit(code), text, .. })) => (code, String::from_utf8_lossy(&text).into_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_refused() {
    let old = Caps::new(29);
    let new = Caps { links: true, hard_links: true, ..Caps::new(32) };
    let check = |caps, bytes: &[u8], code, text: &str| assert_eq!(refused(caps, bytes), (code, text.into()));
    check(old, &[0x04, 0x10], 2, "Invalid flist flag: 1004");
    check(new, &[0x20, 1, 0], 12, "malformed name in the file list");
    check(new, &[0x40, 0x90, 0x00], 22, "overflow: xflags=0x40 l1=0 l2=4096 lastname= [Receiver]");
    check(new, &[0x80, 0x80, 1, 0], 12, "malformed name in the file list");
    check(new, &[0x82, 0x00, 1, b'a', 3], 2, "hard-link reference out of range: 3 (0)");
    check(new, &[0x01, 1, b'a', 0xfc, 0, 0, 0, 0, 0, 0, 0, 0x80], 4, "Offset underflow: file-length is negative");
    check(new, &[0x80, 0x80, 1, b'a', 0, 0, 0, 0, 0, 0, 0], 2, "invalid file mode 00 for a [Receiver]");
    check(new, &[0x80, 0x80, 1, b'a', 0, 0, 0, 0xa4, 1, 0, 0], 2, "invalid file mode 0644 for a [Receiver]");
    let moment = [0xa0, 0x80, 1, b'a', 0, 0, 0, 0xf0, 0x00, 0xca, 0x9a, 0x3b];
    check(new, &moment, 2, "invalid modification-time nanoseconds: 1000000000");
    let link = [0x80, 0x80, 1, b'a', 0, 0, 0, 0xff, 0xa1, 0, 0, 0];
    check(new, &link, 22, "overflow: linkname_len=0");
    check(new, &[&link[..11], &[0x90, 0x00]].concat(), 22, "overflow: linkname_len=4096");
    check(
        new,
        &[0x80, 0x80, 2, b'.', b'.', 0, 0, 0, 0xed, 0x41, 0, 0],
        4,
        "ABORTING due to unsafe pathname from sender: ..",
    );
    let root = [0x80, 0x80, 1, b'.', 0, 0, 0, 0xa4, 0x81, 0, 0];
    check(new, &root, 2, "ERROR: rejecting non-directory transfer-root entry: .");
}

#[test]
fn modes_are_changed_and_inherited_changed() {
    let caps = Caps::new(32);
    let mut encoder = Encoder::new(caps);
    let mut bytes = Vec::new();
    for name in [b"a", b"b"] {
        encoder.encode(&FileList::new(0, None), &Entry::new(name, 0o100644), &mut bytes);
    }
    let mut decoder = Decoder::new(caps);
    let mut reader = Reader::new(&bytes);
    let mut entry = Entry::default();
    for expect in [0o100645, 0o100646] {
        let mut rules = Rules {
            judge: &mut trust,
            chmod: &|mode| mode + 1,
            xattr_name: &|name| Some(name.to_vec()),
            convert: None,
        };
        decoder.decode(&mut reader, &FileList::new(0, None), &mut entry, &mut rules).unwrap();
        assert_eq!(entry.mode, expect);
    }
}

#[test]
fn a_parent_that_was_only_implied_is_never_content() {
    for protocol in [29, 32] {
        let caps = Caps { recurse: true, relative: true, ..Caps::new(protocol) };
        let mut bytes = Vec::new();
        let top = Entry { flags: dir_flags(2), ..Entry::new(b"a", 0o040755) };
        Encoder::new(caps).encode(&FileList::new(0, None), &top, &mut bytes);
        let mut judge = |_: &[u8], _: bool| Ok(Wanted::AsParent);
        let mut rules =
            Rules { judge: &mut judge, chmod: &|mode| mode, xattr_name: &|name| Some(name.to_vec()), convert: None };
        let mut entry = Entry::default();
        Decoder::new(caps).decode(&mut Reader::new(&bytes), &FileList::new(0, None), &mut entry, &mut rules).unwrap();
        assert_eq!(entry.flags, Flags::IMPLIED);
    }
}

/// Examples of spec 2.3.8.
#[test]
fn device_numbers_of_linux() {
    assert_eq!(pack_rdev((1, 300)).to_le_bytes(), [0x2c, 0x01, 0x10, 0x00]);
    assert_eq!(pack_rdev((259, 70000)).to_le_bytes(), [0x70, 0x03, 0x11, 0x11]);
    assert_eq!(unpack_rdev(pack_rdev((259, 70000))), (259, 70000));
}

#[test]
fn ends_of_lists() {
    let end = |caps: &Caps, io_error| {
        let mut out = Vec::new();
        put_end(caps, io_error, &mut out);
        out
    };
    let two_byte = Caps { varint_flags: false, ..Caps::new(32) };
    assert_eq!(end(&Caps::new(32), 0), [0, 0]);
    assert_eq!(end(&Caps::new(32), 9), [0, 1]);
    assert_eq!((end(&two_byte, 0), end(&two_byte, 3)), (vec![0], vec![4, 0x10, 3]));
    assert_eq!(end(&Caps::new(29), 1), [0]);
}
