//! The table of spec 1.9.3, and both ways.

use super::*;
use crate::filter::FilterList;
use crate::filter::build::{Missing, NeedFile};
use crate::filter::list::{Check, Verdict};
use crate::filter::{PerDir, Subject};
use alloc::string::String;
use proptest::prelude::*;

const PULL: Transit = Transit { protocol: 32, push: false, delete_excluded: false, deletes: true, prune: false };
const PUSH: Transit = Transit { push: true, ..PULL };
const PULL28: Transit = Transit { protocol: 28, ..PULL };

fn built(add: impl FnOnce(&mut Builder)) -> FilterList {
    let mut builder = Builder::new();
    add(&mut builder);
    while let Some(need) = builder.run().unwrap() {
        assert_eq!(need, NeedFile::HomeCvsIgnore);
        builder.supply(Err(Missing { text: Vec::new(), code: 2 })).unwrap();
    }
    builder.finish()
}

/// The texts that are sent, or `None` for a list that can't be.
fn sent(transit: &Transit, list: &FilterList) -> Option<Vec<String>> {
    let mut bytes = Vec::new();
    put_list(transit, list.rules(), &mut bytes).ok()?;
    let mut reader = Reader::new(&bytes);
    let mut texts = Vec::new();
    while let Some(text) = read_rule(&mut reader).unwrap() {
        texts.push(String::from_utf8(text.to_vec()).unwrap());
    }
    assert_eq!(reader.position(), bytes.len());
    Some(texts)
}

#[test]
fn the_examples_of_the_specification() {
    type Texts<'a> = Option<&'a [&'a str]>;
    let check = |add: &dyn Fn(&mut Builder), pull: Texts, push: Texts, old: Texts| {
        let list = built(add);
        for (transit, expect) in [(PULL, pull), (PUSH, push), (PULL28, old)] {
            let expect = expect.map(|texts| texts.iter().map(|text| String::from(*text)).collect::<Vec<_>>());
            assert_eq!(sent(&transit, &list), expect, "{transit:?}");
        }
    };
    let filter = |rule: &'static str, pull: Texts, push: Texts, old: Texts| {
        check(&|builder| builder.filter(rule.as_bytes()), pull, push, old);
    };
    let exclude = |text: &'static str, pull: Texts, push: Texts, old: Texts| {
        check(&|builder| builder.pattern(Choice::Exclude, text.as_bytes()), pull, push, old);
    };
    exclude("foo", Some(&["- foo"]), Some(&["- foo"]), Some(&["foo"]));
    exclude("/foo/", Some(&["- /foo/"]), Some(&["- /foo/"]), Some(&["/foo/"]));
    exclude("+ foo", Some(&["+ foo"]), Some(&["+ foo"]), Some(&["+ foo"]));
    filter("+ */", Some(&["+ */"]), Some(&["+ */"]), Some(&["+ */"]));
    filter("- + x", Some(&["- + x"]), Some(&["- + x"]), Some(&["- + x"]));
    filter("P foo", Some(&[]), Some(&["-r foo"]), Some(&[]));
    filter("H foo", Some(&["-s foo"]), Some(&[]), Some(&["foo"]));
    filter("hide,! foo", Some(&["-!s foo"]), Some(&[]), None);
    filter(": .rf", Some(&[": .rf"]), Some(&[": .rf"]), None);
    filter(":n- .rf", Some(&[":n- .rf"]), Some(&[":n- .rf"]), None);
    filter(":e .rf", Some(&["- .rf", ": .rf"]), Some(&["- .rf", ": .rf"]), None);
    filter("-x user.*", Some(&["-x user.*"]), Some(&["-x user.*"]), None);
    filter("-p foo", Some(&["-p foo"]), Some(&["-p foo"]), Some(&["foo"]));
    filter("-rs foo", Some(&["-sr foo"]), Some(&["-sr foo"]), Some(&["foo"]));
    filter(":C", Some(&[":C .cvsignore"]), Some(&[":C .cvsignore"]), None);
    filter(": /.rsync-filter", Some(&[": /.rsync-filter"]), Some(&[": /.rsync-filter"]), None);
    check(
        &|builder| builder.rule(Rule::partial_dir(b"pd", true)),
        Some(&["-p pd/"]),
        Some(&["-p pd/"]),
        Some(&["pd/"]),
    );
    check(&|builder| builder.rule(Rule::protect_backups(b"~")), Some(&[]), Some(&["-r *~"]), Some(&[]));
}

#[test]
fn the_cvs_list_is_expanded_where_the_server_does_not() {
    let list = built(|builder| builder.filter(b"-C"));
    assert_eq!(sent(&PULL, &list).unwrap(), ["-C "]);
    let push = sent(&PUSH, &list).unwrap();
    assert_eq!((push.len(), &push[0][..], &push[35][..]), (36, "-p RCS", "-p .bzr/"));
    assert_eq!(sent(&PULL28, &list).unwrap()[0], "RCS");
}

#[test]
fn perishable_rules_at_protocol_29() {
    let list = built(|builder| builder.filter(b"-p foo"));
    assert_eq!(sent(&Transit { protocol: 29, ..PULL }, &list).unwrap(), ["- foo"]);
    assert_eq!(sent(&Transit { protocol: 29, ..PUSH }, &list), None);
}

#[test]
fn delete_excluded_keeps_rules_from_a_receiving_server() {
    let mut builder = Builder::new();
    builder.filter(b"- late");
    builder.filter(b": merge");
    builder.delete_excluded = true;
    builder.filter(b"- early");
    builder.run().unwrap();
    let list = builder.finish();
    assert_eq!(sent(&Transit { delete_excluded: true, ..PULL }, &list).unwrap(), ["- late", ": merge", "-s early"]);
    assert_eq!(sent(&Transit { delete_excluded: true, ..PUSH }, &list).unwrap(), [": merge"]);
}

#[test]
fn a_list_is_sent_only_where_it_is_needed() {
    let sent = |transit: Transit| transit.is_sent();
    assert!(sent(PULL) && sent(PUSH));
    assert!(!sent(Transit { deletes: false, ..PUSH }));
    assert!(sent(Transit { deletes: false, prune: true, ..PUSH }));
    assert!(sent(Transit { delete_excluded: true, ..PUSH }));
    assert!(!sent(Transit { delete_excluded: true, protocol: 28, ..PUSH }));
    let mut out = Vec::new();
    put_list(&Transit { deletes: false, ..PUSH }, &[], &mut out).unwrap();
    assert!(out.is_empty());
    // Not sent, and still it must be possible to.
    let modern = built(|builder| builder.filter(b": m"));
    assert!(put_list(&Transit { deletes: false, protocol: 28, ..PUSH }, modern.rules(), &mut out).is_err());
}

#[test]
fn lengths_are_checked() {
    for length in [-1, 5120, i32::MAX] {
        assert!(matches!(read_rule(&mut Reader::new(&length.to_le_bytes())), Err(Stop::Bad(_))), "{length}");
    }
    assert_eq!(read_rule(&mut Reader::new(&[3, 0, 0, 0, b'-'])), Err(Stop::Short));
}

#[test]
fn the_rules_of_a_client_are_bounded() {
    let mut builder = Builder::new();
    let refused = (0..1 << 20).find_map(|_| accept(&PULL, &mut builder, b"- x").err());
    assert_eq!(refused.map(|error| error.exit), Some(Exit::MALLOC));
}

proptest! {
    #[test]
    fn the_server_has_the_same_rules(patterns in proptest::collection::vec(("[-+HSPR]", "[/ab*_ -]{1,4}/?"), 0..6), old: bool, name in "[ab]{1,2}(/[ab])?") {
        let list = built(|builder| patterns.iter().for_each(|(kind, pattern)| builder.filter(alloc::format!("{kind} {pattern}").as_bytes())));
        let transit = Transit { protocol: if old { 28 } else { 31 }, ..PULL };
        let server = built(|builder| {
            for text in sent(&transit, &list).unwrap() {
                accept(&transit, builder, text.as_bytes()).unwrap();
            }
        });
        for is_dir in [false, true] {
            let subject = Subject::new(name.as_bytes(), is_dir);
            let verdict = |list: &FilterList| list.check(&subject, Check::SENDER, &PerDir::default());
            // A pattern that is `!` alone would clear the list of an old server, as it does for stock; none is made here.
            prop_assert_eq!(verdict(&server), verdict(&list));
            prop_assert!(verdict(&list) == Verdict::Default || !list.is_empty());
        }
    }
}
