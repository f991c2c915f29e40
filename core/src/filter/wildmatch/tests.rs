//! The wildcard matcher, element by element and against its naive twin.

use super::*;
use proptest::prelude::*;

fn check(pattern: &str, matching: &[&str], other: &[&str]) {
    for text in matching {
        assert!(wildmatch(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
    }
    for text in other {
        assert!(!wildmatch(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
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
    check("[[:space:]][[:punct:]][[:upper:]]", &[" !A", "\t~Z"], &["x!A"]);
}

#[test]
fn case_folding() {
    for (pattern, text, expect) in [("FOO*", "foobar", true), ("[A-C]x", "bX", true), ("[[:upper:]]", "a", false)] {
        assert_eq!(wildmatch_fold(pattern.as_bytes(), text.as_bytes()), expect, "{pattern}");
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
