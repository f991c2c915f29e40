//! The tables of spec 1.2, and roundtrips.

use super::*;
use alloc::vec;
use proptest::prelude::*;

fn put(f: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    f(&mut out);
    out
}

/// Decoding takes exactly the encoding, and every shorter prefix is `Short`.
fn check<T: PartialEq + core::fmt::Debug>(
    bytes: &[u8],
    expect: T,
    read: impl for<'a> Fn(&mut Reader<'a>) -> Result<T, Stop>,
) {
    for cut in 0..bytes.len() {
        assert_eq!(read(&mut Reader::new(&bytes[..cut])), Err(Stop::Short), "{bytes:02x?} cut at {cut}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0xaa);
    let mut reader = Reader::new(&longer);
    assert_eq!(read(&mut reader), Ok(expect), "{bytes:02x?}");
    assert_eq!(reader.position(), bytes.len());
}

#[test]
fn varint_table() {
    let table: &[(i32, &[u8])] = &[
        (0, &[0x00]),
        (127, &[0x7f]),
        (128, &[0x80, 0x80]),
        (255, &[0x80, 0xff]),
        (256, &[0x81, 0x00]),
        (510, &[0x81, 0xfe]),
        (16383, &[0xbf, 0xff]),
        (16384, &[0xc0, 0x00, 0x40]),
        (65535, &[0xc0, 0xff, 0xff]),
        (65536, &[0xc1, 0x00, 0x00]),
        (2097151, &[0xdf, 0xff, 0xff]),
        (2097152, &[0xe0, 0x00, 0x00, 0x20]),
        (268435455, &[0xef, 0xff, 0xff, 0xff]),
        (268435456, &[0xf0, 0x00, 0x00, 0x00, 0x10]),
        (2147483647, &[0xf0, 0xff, 0xff, 0xff, 0x7f]),
        (-1, &[0xf0, 0xff, 0xff, 0xff, 0xff]),
        (-2, &[0xf0, 0xfe, 0xff, 0xff, 0xff]),
        (-2147483648, &[0xf0, 0x00, 0x00, 0x00, 0x80]),
    ];
    for &(value, bytes) in table {
        assert_eq!(put(|out| put_varint(out, value)), bytes, "{value}");
        check(bytes, value, |r| r.varint());
    }
}

#[test]
fn varint_bits_beyond_32_fall_off_and_longer_forms_fail() {
    check(&[0xf7, 1, 0, 0, 0], 1, |r| r.varint());
    for first in 0xf8..=0xffu8 {
        let bytes = [first, 0, 0, 0, 0, 0, 0, 0];
        let stop = Reader::new(&bytes).varint().unwrap_err();
        assert_eq!(stop, Stop::Bad(Error::peer(Exit::STREAM, "Overflow in read_varint()")));
    }
}

#[test]
fn varlong_table() {
    let table: &[(i64, &[u8], &[u8])] = &[
        (0, &[0; 3], &[0; 4]),
        (12, &[0x00, 0x0c, 0x00], &[0x00, 0x0c, 0x00, 0x00]),
        (65535, &[0x00, 0xff, 0xff], &[0x00, 0xff, 0xff, 0x00]),
        (65536, &[0x01, 0x00, 0x00], &[0x00, 0x00, 0x00, 0x01]),
        (8388607, &[0x7f, 0xff, 0xff], &[0x00, 0xff, 0xff, 0x7f]),
        (8388608, &[0x80, 0x00, 0x00, 0x80], &[0x00, 0x00, 0x00, 0x80]),
        (16777216, &[0x81, 0x00, 0x00, 0x00], &[0x01, 0x00, 0x00, 0x00]),
        (1704164645, &[0xc0, 0x25, 0x7d, 0x93, 0x65], &[0x65, 0x25, 0x7d, 0x93]),
        (2147483647, &[0xc0, 0xff, 0xff, 0xff, 0x7f], &[0x7f, 0xff, 0xff, 0xff]),
        (2147483648, &[0xc0, 0x00, 0x00, 0x00, 0x80], &[0x80, 0x00, 0x00, 0x00, 0x80]),
        (4294967296, &[0xc1, 0, 0, 0, 0], &[0x81, 0, 0, 0, 0]),
        ((1 << 40) - 1, &[0xe0, 0xff, 0xff, 0xff, 0xff, 0xff], &[0xc0, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (1 << 40, &[0xe1, 0, 0, 0, 0, 0], &[0xc1, 0, 0, 0, 0, 0]),
        (1 << 45, &[0xf0, 0, 0, 0, 0, 0, 0x20], &[0xe0, 0, 0, 0, 0, 0, 0x20]),
        (1 << 48, &[0xf1, 0, 0, 0, 0, 0, 0], &[0xe1, 0, 0, 0, 0, 0, 0]),
        (1 << 55, &[0xf8, 0, 0, 0, 0, 0, 0, 0x80], &[0xf0, 0, 0, 0, 0, 0, 0, 0x80]),
        (
            i64::MAX,
            &[0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ),
        (-1, &[0xfc, 255, 255, 255, 255, 255, 255, 255, 255], &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]),
    ];
    for &(value, three, four) in table {
        assert_eq!(put(|out| put_varlong(out, value, 3)), three, "{value}");
        assert_eq!(put(|out| put_varlong(out, value, 4)), four, "{value}");
        check(three, value, |r| r.varlong(3));
        check(four, value, |r| r.varlong(4));
    }
}

#[test]
fn varlong_longer_than_nine_bytes_fails() {
    let bytes = [0xfc; 12];
    let overflow = Stop::Bad(Error::peer(Exit::STREAM, "Overflow in read_varlong()"));
    assert_eq!(Reader::new(&bytes).varlong(4), Err(overflow.clone()));
    assert_eq!(Reader::new(&[0xff; 12]).varlong(8), Err(overflow));
    assert!(Reader::new(&bytes).varlong(3).is_ok());
}

#[test]
fn longint_forms() {
    assert_eq!(put(|out| put_longint(out, 0x7fff_ffff)), [0xff, 0xff, 0xff, 0x7f]);
    let long = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80, 0, 0, 0, 0];
    assert_eq!(put(|out| put_longint(out, 2147483648)), long);
    check(&long, 2147483648, |r| r.longint());
    assert_eq!(put(|out| put_longint(out, -1)), [0xff; 12]);
    check(&[0xfe, 0xff, 0xff, 0xff], -2, |r| r.longint());
}

#[test]
fn vstring_lengths() {
    for (length, prefix) in [(0usize, vec![0]), (127, vec![0x7f]), (128, vec![0x80, 0x80]), (256, vec![0x81, 0x00])] {
        let text = vec![b'x'; length];
        let mut bytes = prefix;
        bytes.extend_from_slice(&text);
        assert_eq!(put(|out| put_vstring(out, &text).unwrap()), bytes);
        check(&bytes, text, |r| r.vstring(256).map(<[u8]>::to_vec));
    }
    assert!(put_vstring(&mut Vec::new(), &[0; VSTRING_BYTES_MAX]).is_ok());
    assert!(put_vstring(&mut Vec::new(), &[0; VSTRING_BYTES_MAX + 1]).is_err());
    // The length alone is enough to refuse: nothing needs to be waited for.
    assert!(matches!(Reader::new(&[0x81, 0x00]).vstring(255), Err(Stop::Bad(_))));
}

proptest! {
    #[test]
    fn integers_roundtrip(small: i32, wide: i64, shift in 0u32..64, min in 3usize..9) {
        let wide = wide >> shift;
        let small = small >> (shift % 32);
        check(&put(|out| put_varint(out, small)), small, |r| r.varint());
        check(&put(|out| put_varlong(out, wide, min)), wide, |r| r.varlong(min));
        check(&put(|out| put_longint(out, wide)), wide, |r| r.longint());
        for protocol in [29, 30] {
            check(&put(|out| put_varint30(out, protocol, small)), small, |r| r.varint30(protocol));
            check(&put(|out| put_varlong30(out, protocol, wide, 3)), wide, |r| r.varlong30(protocol, 3));
        }
    }

    #[test]
    fn any_bytes_decode_or_stop(bytes in proptest::collection::vec(any::<u8>(), 0..14), min in 0usize..12) {
        let _ = Reader::new(&bytes).varint();
        let _ = Reader::new(&bytes).varlong(min);
        let _ = Reader::new(&bytes).longint();
        let _ = Reader::new(&bytes).vstring(4);
    }
}
