//! The wildcard matcher (spec 4.18): `?`, `*`, `**`, `[sets]` and `\` over bytes.
//!
//! A pattern may come from a peer, so it must not be able to take exponential time. Stars are tried from the left, each as
//! short as possible, going back only to the last one: that decides nearly everything in one pass. Where it takes too long,
//! all ways through the pattern are followed at once instead, which takes length times length and no more.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// One byte of a set is one bit.
type ByteSet = [u64; 4];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    /// `?`
    Any,
    Set(Box<ByteSet>),
    /// `*`
    Star,
    /// `**`
    DeepStar,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// `None`: malformed, so that it matches nothing.
    elements: Option<Vec<Element>>,
    folds_case: bool,
}

/// Whether `text` matches `pattern`.
pub fn wildmatch(pattern: &[u8], text: &[u8]) -> bool {
    Glob::new(pattern).matches(text)
}

/// Whether `text` matches `pattern`, ASCII letters of either case being the same.
pub fn wildmatch_fold(pattern: &[u8], text: &[u8]) -> bool {
    Glob::new_fold(pattern).matches(text)
}

impl Glob {
    /// Compiles a pattern.
    pub fn new(pattern: &[u8]) -> Glob {
        Glob {
            elements: compile(pattern),
            folds_case: false,
        }
    }

    /// Compiles a pattern that ignores the case of ASCII letters.
    pub fn new_fold(pattern: &[u8]) -> Glob {
        Glob {
            elements: compile(&pattern.to_ascii_lowercase()),
            folds_case: true,
        }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let Some(elements) = &self.elements else {
            return false;
        };
        if self.folds_case {
            return matches(elements, &text.to_ascii_lowercase());
        }
        matches(elements, text)
    }

    /// The literal that a text must end in, if the pattern is `*` and a literal: such patterns can be looked up.
    pub(super) fn literal_suffix(&self) -> Option<Vec<u8>> {
        match self.elements.as_deref()? {
            [Element::Star, rest @ ..] if !self.folds_case => literal(rest),
            _ => None,
        }
    }

    /// The literal that a text must start with, if the pattern is a literal and `*`.
    pub(super) fn literal_prefix(&self) -> Option<Vec<u8>> {
        match self.elements.as_deref()? {
            [rest @ .., Element::Star] if !self.folds_case => literal(rest),
            _ => None,
        }
    }
}

fn literal(elements: &[Element]) -> Option<Vec<u8>> {
    elements
        .iter()
        .map(|element| {
            if let Element::Byte(byte) = element {
                Some(*byte)
            } else {
                None
            }
        })
        .collect()
}

impl Element {
    fn matches_byte(&self, byte: u8) -> bool {
        match self {
            Element::Byte(wanted) => *wanted == byte,
            Element::Any => byte != b'/',
            Element::Set(set) => has(set, byte),
            Element::Star | Element::DeepStar => false,
        }
    }
}

fn matches(elements: &[Element], text: &[u8]) -> bool {
    let steps_max = 256 + 8 * (elements.len() + text.len());
    match_greedily(elements, text, steps_max).unwrap_or_else(|| match_all_ways(elements, text))
}

/// Goes back to the last star only. A match of what stands between two stars that ends earlier leaves the second star at
/// least as much to choose from, so trying later ones is pointless. `None`: took more than `steps_max` comparisons.
fn match_greedily(elements: &[Element], text: &[u8], steps_max: usize) -> Option<bool> {
    let (mut at, mut byte_at) = (0, 0);
    // Where to go on if what follows the last `*` or `**` does not match: element, and text that the star has not taken.
    let mut star: Option<(usize, usize)> = None;
    let mut deep_star: Option<(usize, usize)> = None;
    let mut steps = 0;
    while steps < steps_max {
        while let Some(&byte) = text.get(byte_at) {
            steps += 1;
            match elements.get(at) {
                Some(Element::Star) => {
                    at += 1;
                    star = Some((at, byte_at));
                }
                Some(Element::DeepStar) => {
                    at += 1;
                    if at == elements.len() {
                        return Some(true);
                    }
                    star = None;
                    deep_star = Some((at, byte_at));
                }
                Some(element) if element.matches_byte(byte) => {
                    at += 1;
                    byte_at += 1;
                }
                _ => break,
            }
        }
        if byte_at == text.len() {
            // Starting any later would leave even less text for what is left of the pattern.
            let rest = elements.get(at..).unwrap_or_default();
            return Some(
                rest.iter()
                    .all(|element| matches!(element, Element::Star | Element::DeepStar)),
            );
        }
        match (&mut star, &mut deep_star) {
            (Some((after, taken)), _) if text.get(*taken).is_some_and(|&byte| byte != b'/') => {
                *taken += 1;
                (at, byte_at) = (*after, *taken);
            }
            (_, Some((after, taken))) => {
                *taken += 1;
                (at, byte_at) = (*after, *taken);
                star = None;
            }
            _ => return Some(false),
        }
    }
    None
}

/// Follows all ways at once: `reached[n]` says whether the text so far can be matched by the first `n` elements.
fn match_all_ways(elements: &[Element], text: &[u8]) -> bool {
    let mut reached = vec![false; elements.len() + 1];
    let mut next = reached.clone();
    reached[0] = true;
    skip_stars(elements, &mut reached);
    for &byte in text {
        next.fill(false);
        for (at, element) in elements.iter().enumerate().filter(|&(at, _)| reached[at]) {
            match element {
                Element::Star => next[at] |= byte != b'/',
                Element::DeepStar => next[at] = true,
                element => next[at + 1] |= element.matches_byte(byte),
            }
        }
        skip_stars(elements, &mut next);
        core::mem::swap(&mut reached, &mut next);
    }
    reached[elements.len()]
}

/// A star may match nothing.
fn skip_stars(elements: &[Element], reached: &mut [bool]) {
    for (at, element) in elements.iter().enumerate() {
        if reached[at] && matches!(element, Element::Star | Element::DeepStar) {
            reached[at + 1] = true;
        }
    }
}

fn compile(pattern: &[u8]) -> Option<Vec<Element>> {
    let mut elements = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        elements.push(match byte {
            b'?' => Element::Any,
            b'*' => {
                let stars = rest.iter().take_while(|&&byte| byte == b'*').count();
                rest = &rest[stars..];
                if stars > 0 {
                    Element::DeepStar
                } else {
                    Element::Star
                }
            }
            b'[' => {
                let (set, after) = compile_set(rest)?;
                rest = after;
                Element::Set(Box::new(set))
            }
            b'\\' => {
                let (&quoted, after) = rest.split_first()?;
                rest = after;
                Element::Byte(quoted)
            }
            byte => Element::Byte(byte),
        });
    }
    Some(elements)
}

fn has(set: &ByteSet, byte: u8) -> bool {
    set[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
}

fn add(set: &mut ByteSet, byte: u8) {
    set[usize::from(byte >> 6)] |= 1 << (byte & 63);
}

/// A set from behind its opening bracket; returns it and what follows its closing one.
fn compile_set(pattern: &[u8]) -> Option<(ByteSet, &[u8])> {
    let mut set = ByteSet::default();
    let (is_negated, mut rest) = match pattern.first() {
        Some(b'!' | b'^') => (true, &pattern[1..]),
        _ => (false, pattern),
    };
    let mut is_first = true;
    // The byte that a range would start at; after a range or class there is none.
    let mut low: Option<u8> = None;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match (byte, low) {
            (b']', _) if !is_first => break,
            (b'-', Some(start)) if rest.first().is_some_and(|&next| next != b']') => {
                let (end, after) = set_byte(rest)?;
                rest = after;
                (start..=end).for_each(|byte| add(&mut set, byte));
                low = None;
            }
            (b'[', _) if rest.first() == Some(&b':') => match class(&rest[1..]) {
                Class::Known(members, after) => {
                    (0..=255)
                        .filter(members)
                        .for_each(|byte| add(&mut set, byte));
                    rest = after;
                    low = None;
                }
                Class::Unknown => return None,
                Class::Not => {
                    add(&mut set, b'[');
                    low = Some(b'[');
                }
            },
            _ => {
                let (byte, after) = if byte == b'\\' {
                    rest.split_first().map(|(&byte, after)| (byte, after))?
                } else {
                    (byte, rest)
                };
                rest = after;
                add(&mut set, byte);
                low = Some(byte);
            }
        }
        is_first = false;
    }
    if is_negated {
        set = set.map(|bits| !bits);
    }
    // A slash is never matched by a set.
    set[0] &= !(1 << b'/');
    Some((set, rest))
}

/// The end of a range, which may be quoted.
fn set_byte(rest: &[u8]) -> Option<(u8, &[u8])> {
    match rest {
        [b'\\', byte, after @ ..] => Some((*byte, after)),
        [b'\\'] | [] => None,
        [byte, after @ ..] => Some((*byte, after)),
    }
}

enum Class<'a> {
    Known(fn(&u8) -> bool, &'a [u8]),
    Unknown,
    /// No `:]` follows, so the bracket stands for itself.
    Not,
}

/// A class from behind `[:`.
fn class(rest: &[u8]) -> Class<'_> {
    let Some(end) = rest.iter().position(|&byte| byte == b']') else {
        return Class::Unknown;
    };
    let Some(name) = rest[..end].strip_suffix(b":") else {
        return Class::Not;
    };
    let members: fn(&u8) -> bool = match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return Class::Unknown,
    };
    Class::Known(members, &rest[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        for text in matching {
            assert!(
                wildmatch(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
        for text in other {
            assert!(
                !wildmatch(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn elements() {
        check("foo", &["foo"], &["foo2", "xfoo", "", "FOO"]);
        check("f?o", &["foo", "f.o"], &["f/o", "fo", "fooo"]);
        check("*", &["", "a", ".a"], &["a/b", "/"]);
        check("*.c", &[".c", "x.c", "x.c.c"], &["a/x.c", "x.h"]);
        check("a*b*c", &["abc", "axbxc", "abbcbc"], &["ab/c", "acb"]);
        check("**", &["", "a/b", "/"], &[]);
        check("a**c", &["ac", "a/b/c", "axc"], &["a/b"]);
        check("***c", &["c", "a/c"], &["a"]);
        check("**a*b", &["ab", "x/a/x/axb", "aa/ab"], &["a/b", "ab/"]);
        check("\\*\\a", &["*a"], &["xa", "\\*a"]);
        check("ab?\\", &[], &["abx", "abx\\"]);
    }

    #[test]
    fn sets() {
        check("[abc]", &["a", "c"], &["d", "", "ab"]);
        check("[!abc]", &["d", "]"], &["a", "/", ""]);
        check("[^a-c]", &["d"], &["b", "/"]);
        check("[]x]", &["]", "x"], &["y"]);
        check("[!]x]", &["y"], &["]", "x"]);
        check("[a-c-e]", &["b", "-", "e"], &["d"]);
        check("[-a]", &["-", "a"], &["b"]);
        check("[a-]", &["-", "a"], &["b"]);
        check("[+--]", &["+", ",", "-"], &["."]);
        check("[\\]]", &["]"], &["\\"]);
        check("[a-\\c]", &["b", "c"], &["\\", "d"]);
        check("[z-a]", &["z"], &["a", "b", "-"]);
        check("[.-0]", &[".", "0"], &["/"]);
        check("[[:digit:]x]", &["5", "x"], &["a", ":"]);
        check("[[:alpha:]-z]", &["q", "-", "Q"], &["5"]);
        check("[[:nope:]]", &[], &["n", ":"]);
        check("[[:digit]", &["[", ":", "d"], &["5", "x"]);
        check("[[]", &["["], &["a"]);
        check("[abc", &[], &["a", "[abc"]);
        check("[", &[], &["["]);
        check("x[a\\", &[], &["xa", "x\\"]);
        check(
            "[[:space:]][[:punct:]][[:upper:]]",
            &[" !A", "\t~Z"],
            &["x!A"],
        );
    }

    #[test]
    fn case_folding() {
        for (pattern, text, expect) in [
            ("FOO*", "foobar", true),
            ("[A-C]x", "bX", true),
            ("[[:upper:]]", "a", false),
        ] {
            assert_eq!(
                wildmatch_fold(pattern.as_bytes(), text.as_bytes()),
                expect,
                "{pattern}"
            );
        }
    }

    #[test]
    fn literal_ends() {
        assert_eq!(Glob::new(b"*.o").literal_suffix(), Some(b".o".to_vec()));
        assert_eq!(Glob::new(b"a\\*b*").literal_prefix(), Some(b"a*b".to_vec()));
        assert_eq!(Glob::new(b"*.o*").literal_suffix(), None);
        assert_eq!(Glob::new(b"**.o").literal_suffix(), None);
    }

    #[test]
    fn hostile_patterns_are_not_exponential() {
        let text = vec![b'a'; 4000];
        let hostile = [b"*a".repeat(1000), b"b".to_vec()].concat();
        assert!(!wildmatch(&hostile, &text));
        let deep = [b"**a".repeat(800), b"b".to_vec()].concat();
        assert!(!wildmatch(&deep, &text));
        let mixed = [&b"**"[..], &b"*a".repeat(500), b"/b"].concat();
        assert!(!wildmatch(&mixed, &[&text[..], b"/c"].concat()));
        let long = [b"**a*", &b"a".repeat(1500)[..], b"b/"].concat();
        assert!(!wildmatch(&long, &text));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn the_fast_way_agrees_with_all_ways(pattern in "([ab/]|[ab]|\\*|\\*\\*|\\?|\\[a/\\]){0,9}", text in "[ab/]{0,10}") {
            let elements = compile(pattern.as_bytes()).unwrap();
            let expect = match_all_ways(&elements, text.as_bytes());
            if let Some(found) = match_greedily(&elements, text.as_bytes(), 1000) {
                prop_assert_eq!(found, expect, "{} {}", pattern, text);
            }
            prop_assert_eq!(wildmatch(pattern.as_bytes(), text.as_bytes()), expect);
        }

        #[test]
        fn any_bytes_compile(pattern in proptest::collection::vec(any::<u8>(), 0..30), text in proptest::collection::vec(any::<u8>(), 0..30)) {
            let _ = wildmatch(&pattern, &text);
            let _ = wildmatch_fold(&pattern, &text);
        }
    }
}
