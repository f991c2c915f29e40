//! File lists that stock rsync sent: each is decoded, and encoded again to the same bytes.

use syncline_core::flist::codec::{self, Rules, put_end, put_io_error, read_io_error};
use syncline_core::flist::ids::{NameTable, SentTable};
use syncline_core::flist::lists::Numbering;
use syncline_core::flist::{Caps, Decoded, Decoder, Encoder, Entry, FileList, Flags, Kind, Lists, Order};
use syncline_core::wire::item::{Reader, Stop};

/// A recorded stream: name, protocol, compat flags, the letters of the server's options, the bytes.
type Stream = (&'static str, u32, u32, &'static str, &'static [u8]);

macro_rules! streams {
    ($(($name:literal, $protocol:literal, $compat:literal, $letters:literal)),* $(,)?) => {
        &[$(($name, $protocol, $compat, $letters, include_bytes!(concat!("fixtures/flist/", $name, ".bin")))),*]
    };
}

const STREAMS: &[Stream] = streams![
    ("p27-checksum", 27, 0x0, "nlrc"),
    ("p27-devices", 27, 0x0, "nlHogDtpr"),
    ("p27-push", 27, 0x0, "nlHogDtpr"),
    ("p28-devices", 28, 0x0, "nlHogDtpr"),
    ("p28-push", 28, 0x0, "nlHogDtpr"),
    ("p29-checksum", 29, 0x0, "nrc"),
    ("p29-devices", 29, 0x0, "nlHogDtpr"),
    ("p29-filesfrom-pull", 29, 0x0, "nR"),
    ("p29-ioerr", 29, 0x0, "nr"),
    ("p29-odd", 29, 0x0, "ntr"),
    ("p29-push", 29, 0x0, "nlHogDtpr"),
    ("p29-relative", 29, 0x0, "nrR"),
    ("p30-devices", 30, 0x1fe, "nlHogDtpr"),
    ("p30-inc-push-2byteflags", 30, 0x17f, "nlHogDtpr"),
    ("p30-ioerr-2byteflags", 30, 0x17f, "nr"),
    ("p30-ioerr-nosafe", 30, 0x177, "nr"),
    ("p30-push-2byteflags", 30, 0x76, "nlHogDtpr"),
    ("p31-push-2byteflags", 31, 0x17e, "nlHogDtpr"),
    ("p32-atimes", 32, 0x1fe, "ntUr"),
    ("p32-checksum", 32, 0x1fe, "nrc"),
    ("p32-delete", 32, 0x1ff, "tr"),
    ("p32-devices", 32, 0x1fe, "nlHogDtpr"),
    ("p32-dups", 32, 0x1fe, "ntr"),
    ("p32-emptylist-pull", 32, 0x1ff, "nr"),
    ("p32-filesfrom-pull", 32, 0x1fe, "nR"),
    ("p32-hlink-inc-full", 32, 0x1ff, "lHogDtpr"),
    ("p32-iconv-inc", 32, 0x1ff, "nltr"),
    ("p32-inc-dups", 32, 0x1ff, "ntr"),
    ("p32-inc-pull", 32, 0x1ff, "nlHogDtpr"),
    ("p32-inc-push-dir", 32, 0x1ff, "nlHogDtpr"),
    ("p32-inc-push", 32, 0x1ff, "nlHogDtpr"),
    ("p32-ioerr-inc", 32, 0x1ff, "nr"),
    ("p32-ioerr", 32, 0x1fe, "nr"),
    ("p32-missing", 32, 0x1ff, "nr"),
    ("p32-odd", 32, 0x1fe, "ntr"),
    ("p32-push-full", 32, 0x1fe, "lHogDtpr"),
    ("p32-push", 32, 0x1fe, "nlHogDtpr"),
    ("p32-relative", 32, 0x1ff, "nrR"),
];

fn caps(&(name, protocol, compat, letters, _): &Stream) -> Caps {
    let has = |letter: char| letters.contains(letter);
    Caps {
        varint_flags: compat & 0x80 != 0,
        id0_names: compat & 0x100 != 0,
        safe_list: protocol >= 31 || compat & 8 != 0,
        inc: compat & 1 != 0,
        recurse: has('r'),
        relative: has('R'),
        owner: has('o'),
        group: has('g'),
        links: has('l'),
        devices: has('D'),
        specials: has('D'),
        hard_links: has('H'),
        atimes: has('U'),
        missing_args: name.contains("missing"),
        digest_bytes: if has('c') { 16 } else { 0 },
        ..Caps::new(protocol)
    }
}

/// One list of a stream.
struct Part {
    marker: Option<i32>,
    entries: Vec<Entry>,
    io_error: u32,
}

/// A whole stream, decoded.
struct Session {
    parts: Vec<Part>,
    users: NameTable,
    groups: NameTable,
    last_io_error: u32,
    lists: Lists,
}

/// The coded index that announces a list; there are only negative ones here.
fn read_ndx(r: &mut Reader<'_>, previous: &mut i32) -> Result<i32, Stop> {
    assert_eq!(r.u8()?, 0xff);
    let magnitude = match r.u8()? {
        0xfe => {
            let first = i32::from(r.u8()?);
            if first & 0x80 != 0 {
                let rest = r.bytes(3)?;
                (first & 0x7f) << 24 | i32::from(rest[2]) << 16 | i32::from(rest[1]) << 8 | i32::from(rest[0])
            } else {
                *previous + (first << 8) + i32::from(r.u8()?)
            }
        }
        delta => *previous + i32::from(delta),
    };
    *previous = magnitude;
    Ok(-magnitude)
}

fn put_ndx(ndx: i32, previous: &mut i32, out: &mut Vec<u8>) {
    let delta = -ndx - *previous;
    *previous = -ndx;
    out.push(0xff);
    if (1..=253).contains(&delta) {
        out.push(delta as u8);
    } else {
        let bytes = (-ndx).to_le_bytes();
        out.extend_from_slice(&[0xfe, 0x80 | bytes[3], bytes[0], bytes[1], bytes[2]]);
    }
}

/// Decodes the next item, giving the decoder every shorter piece of it before: all of them must be too short.
fn step<T>(bytes: &[u8], at: &mut usize, mut decode: impl FnMut(&mut Reader<'_>) -> Result<T, Stop>) -> T {
    for end in *at..=bytes.len() {
        let mut reader = Reader::new(&bytes[*at..end]);
        match decode(&mut reader) {
            Err(Stop::Short) => continue,
            Err(Stop::Bad(error)) => panic!("at {at}: {error}"),
            Ok(item) => {
                *at += reader.position();
                assert_eq!(*at, end, "an item was complete before its last byte");
                return item;
            }
        }
    }
    panic!("the stream ends within an item at {at}");
}

fn decode_list(decoder: &mut Decoder, bytes: &[u8], at: &mut usize, list: &mut FileList) -> (Vec<Entry>, u32) {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    loop {
        let mut rules = Rules {
            judge: &mut codec::trust,
            chmod: &|mode| mode,
            xattr_name: &|name| Some(name.to_vec()),
            convert: None,
        };
        match step(bytes, at, |r| decoder.decode(r, list, &mut entry, &mut rules)) {
            Decoded::End { io_error } => return (entries, io_error),
            Decoded::Entry => {
                list.push(&entry).unwrap();
                entries.push(entry.clone());
            }
        }
    }
}

fn decode_all(stream: &Stream) -> Session {
    let (name, protocol, _, _, bytes) = *stream;
    let caps = caps(stream);
    let mut decoder = Decoder::new(caps);
    let by_arrival = name.contains("iconv");
    let numbering = Numbering { inc: caps.inc, by_arrival, order: Order::of(protocol), receiving: true };
    let mut lists = Lists::new(numbering);
    let (mut at, mut previous, mut marker, mut dir) = (0, 1, None, None);
    let mut parts = Vec::new();
    loop {
        let mut list = lists.begin(dir);
        let (entries, io_error) = decode_list(&mut decoder, bytes, &mut at, &mut list);
        lists.complete(list).unwrap();
        parts.push(Part { marker, entries, io_error });
        if !caps.inc {
            break;
        }
        let mut before = previous;
        let ndx = step(bytes, &mut at, |r| {
            before = previous;
            read_ndx(r, &mut before)
        });
        previous = before;
        if ndx == -2 {
            break;
        }
        marker = Some(ndx);
        dir = Some(lists.accept_marker(ndx, "receiver").unwrap());
    }
    let mut names = std::mem::take(&mut decoder.names);
    if caps.has_id_lists() {
        for (on, table) in [(caps.owner, &mut names.users), (caps.group, &mut names.groups)] {
            while on && !step(bytes, &mut at, |r| table.read_item(r, &caps)) {}
        }
    }
    let last_io_error = if protocol < 30 { step(bytes, &mut at, read_io_error) } else { 0 };
    assert_eq!(at, bytes.len(), "{name}");
    Session { parts, users: names.users, groups: names.groups, last_io_error, lists }
}

fn encode_all(stream: &Stream, session: &Session) -> Vec<u8> {
    let caps = caps(stream);
    let mut encoder = Encoder::new(caps);
    let mut out = Vec::new();
    let mut previous = 1;
    let mut start = u32::from(caps.inc);
    let learn = |table: &mut SentTable, id: u32, names: &NameTable| {
        if table.note(id) {
            table.learn(id, names.name(id));
        }
    };
    for part in &session.parts {
        if let Some(ndx) = part.marker {
            put_ndx(ndx, &mut previous, &mut out);
        }
        let mut list = FileList::new(start, None);
        for entry in &part.entries {
            learn(&mut encoder.ids.users, entry.uid, &session.users);
            learn(&mut encoder.ids.groups, entry.gid, &session.groups);
            let mut entry = entry.clone();
            if caps.protocol >= 30 {
                // Whatever is the same for the files of a group will do as their inode.
                entry.inode = entry.group.map(|group| (0, i64::from(group)));
            }
            encoder.encode(&list, &entry, &mut out);
            list.push(&entry).unwrap();
        }
        put_end(&caps, part.io_error, &mut out);
        start += list.len() as u32 + 1;
    }
    if caps.inc {
        put_ndx(-2, &mut previous, &mut out);
    }
    if caps.has_id_lists() && caps.owner {
        encoder.ids.users.put_list(&caps, &mut out);
    }
    if caps.has_id_lists() && caps.group {
        encoder.ids.groups.put_list(&caps, &mut out);
    }
    put_io_error(&caps, session.last_io_error, &mut out);
    out
}

#[test]
fn recorded_lists_are_encoded_to_the_same_bytes() {
    let mut entries = 0;
    for stream in STREAMS {
        let session = decode_all(stream);
        entries += session.parts.iter().map(|part| part.entries.len()).sum::<usize>();
        let encoded = encode_all(stream, &session);
        assert_eq!(encoded, stream.4, "{}", stream.0);
    }
    assert!(entries > 200, "{entries}");
}

fn stream(name: &str) -> &'static Stream {
    STREAMS.iter().find(|stream| stream.0 == name).unwrap()
}

fn sorted_names(list: &FileList) -> Vec<String> {
    list.iter_sorted().map(|view| String::from_utf8(view.name()).unwrap()).collect()
}

/// The values of the annotated list of spec 2.19.1.
#[test]
fn the_fields_of_a_list() {
    let session = decode_all(stream("p32-push"));
    let list = session.lists.list(0).unwrap();
    assert_eq!(sorted_names(list), [".", "file1", "file2", "hard", "link", "sub", "sub/a", "sub/b"]);
    let entries = &session.parts[0].entries;
    let root = &entries[0];
    assert_eq!((root.mode, root.size, root.mtime, root.uid), (0o040755, 4096, 1_600_000_000, 0));
    assert_eq!(root.flags, Flags::TOP_DIR.with(Flags::CONTENT_DIR));
    let file2 = &entries[1];
    assert_eq!((file2.mtime, file2.nsec, file2.uid, file2.gid), (1_600_000_001, 123_456_789, 65534, 100));
    assert_eq!((entries[2].kind(), entries[2].target.as_deref()), (Kind::Symlink, Some(&b"file1"[..])));
    assert_eq!(entries[3].flags, Flags::CONTENT_DIR);
    for (at, name) in [(4, &b"hard"[..]), (5, b"file1"), (6, b"sub/b")] {
        let entry = &entries[at];
        assert_eq!((&entry.name[..], entry.group, entry.size, entry.mode), (name, Some(4), 6, 0o100644));
        assert_eq!(entry.flags.has(Flags::LINK_FIRST), at == 4);
    }
    assert_eq!((session.users.name(65534), session.users.name(0)), (Some(&b"nobody"[..]), Some(&b"root"[..])));
    assert_eq!(session.groups.name(100), Some(&b"users"[..]));
}

/// Below protocol 30 hard links are told by device and inode, and the groups are the same.
#[test]
fn hard_links_form_the_same_groups_at_every_protocol() {
    for name in ["p27-push", "p28-push", "p29-push", "p30-push-2byteflags", "p31-push-2byteflags", "p32-push"] {
        let session = decode_all(stream(name));
        let group = |wanted: &str| {
            let entries = &session.parts[0].entries;
            entries.iter().find(|entry| entry.name == wanted.as_bytes()).unwrap().group
        };
        assert!(
            group("hard").is_some() && group("hard") == group("file1") && group("hard") == group("sub/b"),
            "{name}"
        );
        assert_ne!(group("file2"), group("hard"));
    }
}

#[test]
fn lists_of_incremental_recursion() {
    let session = decode_all(stream("p32-inc-push"));
    let starts: Vec<u32> = session.lists.iter().map(FileList::start).collect();
    assert_eq!(starts, [1, 8]);
    let sub_b = &session.parts[1].entries[0];
    assert_eq!((&sub_b.name[..], sub_b.group, sub_b.size), (&b"sub/b"[..], Some(5), 6));
    for (ndx, name) in
        [(0, "."), (2, "file1"), (3, "file2"), (4, "hard"), (5, "link"), (7, "sub"), (8, "sub/a"), (9, "sub/b")]
    {
        assert_eq!(session.lists.lookup(ndx).unwrap().view().name(), name.as_bytes(), "{ndx}");
    }
    let session = decode_all(stream("p32-iconv-inc"));
    for (ndx, name) in
        [(4, &b"a\xc3\xbf"[..]), (3, b"b"), (5, b"l\xc3\xaa"), (2, b"z\xc3\xa9"), (7, b"sub"), (8, b"sub/\xc3\xa8x")]
    {
        assert_eq!(session.lists.lookup(ndx).unwrap().view().name(), name, "{ndx}");
    }
}

/// A sender that has the entries in the order of the recording visits directories in its order.
#[test]
fn the_sender_visits_directories_as_stock_does() {
    for name in ["p32-inc-dups", "p32-inc-push", "p32-relative", "p30-ioerr-nosafe", "p32-inc-push-dir"] {
        let session = decode_all(stream(name));
        let numbering = Numbering { inc: true, by_arrival: false, order: Order::FilesFirst, receiving: false };
        let mut lists = Lists::new(numbering);
        let mut dir = None;
        for part in &session.parts {
            let expect = part.marker.map(|ndx| (-101 - ndx) as u32);
            assert_eq!(dir, expect, "{name}");
            let mut list = lists.begin(dir);
            part.entries.iter().for_each(|entry| list.push(entry).unwrap());
            lists.complete(list).unwrap();
            dir = lists.next_dirs().map(|dirs| dirs.start);
        }
        assert_eq!(dir, None, "{name}");
    }
}

#[test]
fn directories_and_what_they_are_to_the_transfer() {
    let flags = |name: &str| -> Vec<(String, Flags)> {
        let session = decode_all(stream(name));
        let dirs = session.parts.iter().flat_map(|part| &part.entries).filter(|entry| entry.is_dir());
        dirs.map(|entry| (String::from_utf8(entry.name.clone()).unwrap(), entry.flags)).collect()
    };
    let top = Flags::TOP_DIR.with(Flags::CONTENT_DIR);
    let named =
        |list: &[(&str, Flags)]| list.iter().map(|(name, flags)| (name.to_string(), *flags)).collect::<Vec<_>>();
    assert_eq!(
        flags("p32-relative"),
        named(&[("src", Flags::IMPLIED), (".", Flags::IMPLIED), ("src/sub", Flags::IMPLIED)])
    );
    assert_eq!(flags("p29-relative"), named(&[("src", Flags::NONE), ("src/sub", Flags::NONE), (".", Flags::NONE)]));
    assert_eq!(flags("p29-push"), named(&[(".", top), ("sub", Flags::CONTENT_DIR)]));
    assert_eq!(flags("p32-delete"), named(&[(".", top), ("k", Flags::CONTENT_DIR)]));
}

#[test]
fn errors_of_the_sender_arrive() {
    let errors = |name: &str| decode_all(stream(name)).parts.iter().map(|part| part.io_error).collect::<Vec<_>>();
    assert_eq!(errors("p32-ioerr"), [1]);
    assert_eq!(errors("p30-ioerr-2byteflags"), [0, 1, 1]);
    assert_eq!(errors("p30-ioerr-nosafe"), [0, 0, 0]);
    assert_eq!(decode_all(stream("p29-ioerr")).last_io_error, 1);
}
