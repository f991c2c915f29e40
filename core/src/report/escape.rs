//! What a terminal or a log file may not see raw is shown as `\#ooo`, three octal digits (spec 4.9.4).
//!
//! Names come from peers, and a control character in one could command a terminal or forge a line of a log. A backslash is
//! only escaped where it would read as such an escape.

use alloc::vec::Vec;

/// Which bytes above 0x7f the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// None (the C locale).
    Ascii,
    /// Those of valid UTF-8.
    Utf8,
    /// All: `-8`, or a locale with a letter for every byte.
    EightBit,
}

/// Appends one message for standard output or standard error.
///
/// A newline or return at the very end, and a return at the very start, are the message's own and stay raw. So this takes
/// one line at a time: of a newline further inside nobody could say whether it belongs to a name.
pub fn console(text: &[u8], charset: Charset, out: &mut Vec<u8>) {
    let (start, text) = match text {
        [b'\r', rest @ ..] => (&b"\r"[..], rest),
        _ => (&b""[..], text),
    };
    let (text, end) = match text {
        [rest @ .., last @ (b'\n' | b'\r')] => (rest, Some(*last)),
        _ => (text, None),
    };
    out.extend_from_slice(start);
    escape(text, out, |rest| match charset {
        _ if rest[0] < 0x80 => usize::from(rest[0] >= 0x20 || rest[0] == b'\t'),
        Charset::Ascii => 0,
        Charset::Utf8 => sequence(rest),
        Charset::EightBit => 1,
    });
    out.extend(end);
}

/// Appends one line for a log file, which must not hold a newline of its own. Logs show C1 controls escaped too, whatever
/// the locale.
pub fn log(text: &[u8], out: &mut Vec<u8>) {
    escape(text, out, |rest| usize::from(rest[0] == b'\t' || !matches!(rest[0], 0..0x20 | 0x80..0xa0)));
}

/// Copies `text`. `shown` tells how many of the next bytes may be copied as they are; where none, one is escaped.
fn escape(text: &[u8], out: &mut Vec<u8>, shown: impl Fn(&[u8]) -> usize) {
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let raw = if looks_escaped(rest) { 0 } else { shown(rest).min(rest.len()) };
        if raw == 0 {
            let digit = |shift: u8| b'0' + (byte >> shift & 7);
            out.extend_from_slice(&[b'\\', b'#', digit(6), digit(3), digit(0)]);
        } else {
            out.extend_from_slice(&rest[..raw]);
        }
        rest = &rest[raw.max(1)..];
    }
}

/// Whether an escape stands here already, as a part of the text.
fn looks_escaped(text: &[u8]) -> bool {
    matches!(text, [b'\\', b'#', a, b, c, ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()))
}

/// Length of the UTF-8 sequence that `bytes` start with, 0 if there is none.
///
/// Sequences of the original definition, up to six bytes, count as valid, as they do for the C library; overlong ones and
/// surrogates don't.
fn sequence(bytes: &[u8]) -> usize {
    let (length, lead_bits) = match bytes[0] {
        0..0x80 => return 1,
        0xc2..0xe0 => (2, 0x1f),
        0xe0..0xf0 => (3, 0x0f),
        0xf0..0xf8 => (4, 0x07),
        0xf8..0xfc => (5, 0x03),
        0xfc..0xfe => (6, 0x01),
        _ => return 0,
    };
    let Some(tail) = bytes.get(1..length) else {
        return 0;
    };
    let mut code = u32::from(bytes[0] & lead_bits);
    for byte in tail {
        if byte & 0xc0 != 0x80 {
            return 0;
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    let smallest = [0, 0, 0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000][length];
    if code < smallest || (0xd800..0xe000).contains(&code) { 0 } else { length }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &[u8], charset: Charset) -> Vec<u8> {
        let mut out = Vec::new();
        console(text, charset, &mut out);
        out
    }

    fn logged(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        log(text, &mut out);
        out
    }

    /// Names, and how stock rsync shows them in the C locale, in UTF-8, and in a log file.
    const NAMES: &[[&[u8]; 4]] = &[
        [b"tab\tx", b"tab\tx", b"tab\tx", b"tab\tx"],
        [b"nl\nx", b"nl\\#012x", b"nl\\#012x", b"nl\\#012x"],
        [b"cr\rx", b"cr\\#015x", b"cr\\#015x", b"cr\\#015x"],
        [b"esc\x1bx", b"esc\\#033x", b"esc\\#033x", b"esc\\#033x"],
        [b"del\x7fx", b"del\x7fx", b"del\x7fx", b"del\x7fx"],
        [b"hi\x80x", b"hi\\#200x", b"hi\\#200x", b"hi\\#200x"],
        [b"u\xc3\xa9x", b"u\\#303\\#251x", b"u\xc3\xa9x", b"u\xc3\xa9x"],
        [b"bad\xc3x", b"bad\\#303x", b"bad\\#303x", b"bad\xc3x"],
        [b"bs\\x", b"bs\\x", b"bs\\x", b"bs\\x"],
        [b"bs\\#12", b"bs\\#12", b"bs\\#12", b"bs\\#12"],
        [b"bs\\#123", b"bs\\#134#123", b"bs\\#134#123", b"bs\\#134#123"],
        [b"bs\\#888", b"bs\\#134#888", b"bs\\#134#888", b"bs\\#134#888"],
        [b"bs\\\\#123", b"bs\\\\#134#123", b"bs\\\\#134#123", b"bs\\\\#134#123"],
        [b"l\xe2\x80\xa8x", b"l\\#342\\#200\\#250x", b"l\xe2\x80\xa8x", b"l\xe2\\#200\xa8x"],
        [b"c1\xc2\x85x", b"c1\\#302\\#205x", b"c1\xc2\x85x", b"c1\xc2\\#205x"],
        [b"sur\xed\xa0\x80x", b"sur\\#355\\#240\\#200x", b"sur\\#355\\#240\\#200x", b"sur\xed\xa0\\#200x"],
        [b"ovl\xc0\xafx", b"ovl\\#300\\#257x", b"ovl\\#300\\#257x", b"ovl\xc0\xafx"],
        [b"trunc\xe2\x82", b"trunc\\#342\\#202", b"trunc\\#342\\#202", b"trunc\xe2\\#202"],
    ];

    #[test]
    fn names_as_stock_shows_them() {
        for [name, ascii, utf8, in_log] in NAMES {
            assert_eq!(shown(name, Charset::Ascii), *ascii);
            assert_eq!(shown(name, Charset::Utf8), *utf8);
            assert_eq!(logged(name), *in_log);
        }
    }

    #[test]
    fn utf8_as_the_c_library_reads_it() {
        let valid: [&[u8]; 6] = [
            b"\xed\x9f\xbf",
            b"\xf0\x9f\x98\x80",
            b"\xf4\x90\x80\x80",
            b"\xf7\xbf\xbf\xbf",
            b"\xf8\x88\x80\x80\x80",
            b"\xfc\x84\x80\x80\x80\x80",
        ];
        for text in valid {
            assert_eq!(shown(text, Charset::Utf8), text);
        }
        assert_eq!(shown(b"\xe2\x28\xa1", Charset::Utf8), b"\\#342(\\#241");
        assert_eq!(shown(b"\xf0\x80\x80\xaf", Charset::Utf8), b"\\#360\\#200\\#200\\#257");
        assert_eq!(shown(b"\xe0\x80\xaf", Charset::Utf8), b"\\#340\\#200\\#257");
        assert_eq!(shown(b"\xfe\x82", Charset::Utf8), b"\\#376\\#202");
        assert_eq!(shown(b"\xc3\xc3\xa9", Charset::Utf8), b"\\#303\xc3\xa9");
        assert_eq!(shown(b"\xc3\x1b", Charset::EightBit), b"\xc3\\#033");
    }

    #[test]
    fn ends_of_messages_stay_raw() {
        assert_eq!(shown(b"endnl\n\n", Charset::Ascii), b"endnl\\#012\n");
        assert_eq!(shown(b"endcr\r\n", Charset::Ascii), b"endcr\\#015\n");
        assert_eq!(shown(b"\rlead\n", Charset::Ascii), b"\rlead\n");
        assert_eq!(shown(b" 0 files...\r", Charset::Ascii), b" 0 files...\r");
        assert_eq!(shown(b"\n", Charset::Ascii), b"\n");
        assert_eq!(shown(b"\r", Charset::Ascii), b"\r");
        assert_eq!(logged(b"\rlead"), b"\\#015lead");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_passes(text: Vec<u8>) {
            let harmless = |bytes: &[u8]| bytes.iter().all(|&byte| byte >= 0x20 || byte == b'\t');
            prop_assert!(harmless(&logged(&text)));
            for charset in [Charset::Ascii, Charset::Utf8, Charset::EightBit] {
                let line = [b"name ", &text[..], b"\n"].concat();
                let out = shown(&line, charset);
                prop_assert!(harmless(&out[..out.len() - 1]));
                prop_assert!(charset != Charset::Ascii || out.is_ascii());
                prop_assert!(out.len() <= line.len() * 5);
            }
        }

        #[test]
        fn valid_utf8_without_controls_is_unchanged(text in "[^\\p{Cc}\\\\]{0,40}") {
            prop_assert_eq!(shown(text.as_bytes(), Charset::Utf8), text.as_bytes());
        }

        #[test]
        fn escapes_can_be_undone(text in proptest::collection::vec(prop_oneof![
            Just(b'\\'), Just(b'#'), Just(b'1'), Just(b'3'), any::<u8>(),
        ], 0..30)) {
            let mut undone = Vec::new();
            let escaped = logged(&text);
            let mut rest = &escaped[..];
            while let Some(&byte) = rest.first() {
                if looks_escaped(rest) {
                    undone.push(rest[2..5].iter().fold(0, |value: u32, digit| value * 8 + u32::from(digit - b'0')) as u8);
                    rest = &rest[5..];
                } else {
                    undone.push(byte);
                    rest = &rest[1..];
                }
            }
            prop_assert_eq!(undone, text);
        }
    }
}
