//! File list entries in every form that options and protocols give them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::flist::codec::{Rules, trust};
use syncline_core::flist::{Caps, Decoded, Decoder, Entry, FileList};
use syncline_core::wire::Reader;

fuzz_target!(|input: &[u8]| {
    let [protocol, a, b, bytes @ ..] = input else { return };
    let (bits, caps) = (u16::from_le_bytes([*a, *b]), Caps::new(27 + u32::from(protocol % 6)));
    let on = |bit: u16| bits >> bit & 1 == 1;
    let caps = Caps {
        inc: on(0) && caps.protocol >= 30,
        recurse: on(1),
        relative: on(2),
        owner: on(3),
        group: on(4),
        links: on(5),
        devices: on(6),
        specials: on(7),
        hard_links: on(8),
        atimes: on(9),
        crtimes: on(10),
        numeric_ids: on(11),
        missing_args: on(12),
        digest_bytes: if on(13) { 16 } else { 0 },
        acls: on(15) && caps.protocol >= 30,
        xattrs: on(15) && caps.protocol >= 30,
        ..caps
    };
    let mut decoder = Decoder::new(caps);
    let mut list = FileList::new(u32::from(on(14)), None);
    let (mut entry, mut rest) = (Entry::default(), bytes);
    loop {
        let mut reader = Reader::new(rest);
        let mut rules =
            Rules { judge: &mut trust, chmod: &|mode| mode, xattr_name: &|name| Some(name.to_vec()), convert: None };
        match decoder.decode(&mut reader, &list, &mut entry, &mut rules) {
            Ok(Decoded::Entry) if list.push(&entry).is_ok() => {}
            Ok(Decoded::End { .. }) => {}
            _ => break,
        }
        assert!(reader.position() > 0, "an entry takes bytes");
        rest = &rest[reader.position()..];
    }
});
