//! Backslashes in front of what a remote shell would act on (spec 1.4.6), and taking them away again.

use alloc::vec::Vec;

/// Escaped everywhere.
const ACTIVE: &[u8] = b" \t\n\r!#$&;|<>(){}\"'`\\";
/// Wildcards: escaped in option values, left to the remote side in paths.
const WILD: &[u8] = b"*?[]";

/// An option's value: everything active, wildcards too.
pub fn escape_value(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if ACTIVE.contains(&byte) || WILD.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}

/// A path: wildcards stay, and so does a backslash in front of one, which makes it literal.
pub fn escape_path(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        let guards_wildcard = byte == b'\\' && text.get(at + 1).is_some_and(|next| WILD.contains(next));
        if ACTIVE.contains(&byte) && !guards_wildcard {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}

/// What a daemon does to every word in front of the `.`: one level of backslashes goes, a lone final one stays.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        let literal = if byte == b'\\' { bytes.next().copied() } else { None };
        out.push(literal.unwrap_or(byte));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_specification() {
        for (path, sent) in [
            ("a b", r"a\ b"),
            (r"a\b", r"a\\b"),
            (r"a\*b", r"a\*b"),
            (r"a\\*b", r"a\\\*b"),
            ("*.c", "*.c"),
            ("a{b,c}", r"a\{b,c\}"),
            ("$HOME", r"\$HOME"),
            ("x\\", r"x\\"),
            ("a%b^c=d+e~f", "a%b^c=d+e~f"),
            ("a\tb\nc\rd", "a\\\tb\\\nc\\\rd"),
        ] {
            assert_eq!(escape_path(path.as_bytes()), sent.as_bytes(), "{path:?}");
        }
        for (value, sent) in [(r"a\*", r"a\\\*"), ("*:x", r"\*:x"), ("~/x*", r"~/x\*"), ("c?[d]", r"c\?\[d\]")] {
            assert_eq!(escape_value(value.as_bytes()), sent.as_bytes(), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_survives_the_way_to_a_daemon(text: Vec<u8>) {
            prop_assert_eq!(unescape(&escape_value(&text)), text);
        }
    }

    #[test]
    fn a_lone_final_backslash_stays() {
        assert_eq!(unescape(br"a\ b\\c\"), br"a b\c\");
    }
}
