//! Id lists and maps.

use super::*;
use alloc::vec;

fn received(names: &[(u32, &str)]) -> NameTable {
    let mut table = NameTable::default();
    for (id, name) in names {
        table.learn(*id, name.as_bytes()).unwrap();
    }
    table
}

/// Maps with `alice` = 1 and `bob` = 2 as the local users.
fn check(rules: &str, id: u32, name: Option<&str>, expect: u32) {
    let mut map = if rules.is_empty() { IdMap::new() } else { IdMap::parse("usermap", rules.as_bytes()).unwrap() };
    let table = received(&name.map(|name| (id, name)).into_iter().collect::<Vec<_>>());
    let wanted = map.names_wanted(&table);
    let ids: Vec<Option<u32>> = wanted
        .iter()
        .map(|name| match &name[..] {
            b"alice" => Some(1),
            b"bob" => Some(2),
            _ => None,
        })
        .collect();
    map.learn(&wanted, &ids);
    assert!(map.names_wanted(&table).is_empty());
    assert_eq!(map.map(id, &table), expect, "{rules} {id} {name:?}");
}

#[test]
fn mapping() {
    check("", 500, Some("alice"), 1);
    check("", 500, Some("nobody-here"), 500);
    check("", 500, None, 500);
    check("", 0, Some("alice"), 0);
    check("500:7", 500, Some("alice"), 7);
    check("400-600:bob", 500, Some("x"), 2);
    check("600-400:bob", 500, Some("x"), 500);
    check("al*:9,alice:10", 500, Some("alice"), 9);
    check("*:9", 500, None, 9);
    check(":9", 500, None, 9);
    check(":9", 500, Some("alice"), 1);
    check("alice:nobody-here,500:8", 500, Some("alice"), 8);
    check("alice:bob", 0, Some("alice"), 2);
}

#[test]
fn mistakes() {
    for (rules, text) in [
        ("abc", "No colon found in --usermap: abc"),
        ("1:2,", "No colon found in --usermap: "),
        ("a:", "No name found after colon --usermap: a:"),
        ("1-:3", "Invalid number in --usermap: 1-"),
        ("1-2-3:4", "Invalid number in --usermap: 1-2-3"),
        ("1*:4", "Invalid number in --usermap: 1*"),
        ("99999999999:4", "Invalid ID number: 99999999999"),
        ("1:99999999999", "Invalid ID number: 99999999999"),
    ] {
        let error = IdMap::parse("usermap", rules.as_bytes()).unwrap_err();
        assert_eq!((error.text_lossy().as_str(), error.exit), (text, Exit::SYNTAX), "{rules}");
    }
}

#[test]
fn an_unknown_target_is_a_warning() {
    let mut map = IdMap::parse("groupmap", b"*:nosuch").unwrap();
    let wanted = map.names_wanted(&NameTable::default());
    assert_eq!(wanted, vec![b"nosuch".to_vec()]);
    assert_eq!(map.learn(&wanted, &[None]), vec![b"Unknown --groupmap name on receiver: nosuch".to_vec()]);
    assert_eq!(map.map(5, &NameTable::default()), 5);
}

#[test]
fn id_lists_roundtrip() {
    for (protocol, id0_names) in [(29, false), (30, false), (32, true)] {
        let caps = Caps { id0_names, ..Caps::new(protocol) };
        let mut sent = SentTable::default();
        for (id, name) in [(0, Some("root")), (65534, Some("nobody")), (7, None), (100, Some("users"))] {
            assert!(sent.note(id));
            sent.learn(id, name.map(str::as_bytes));
        }
        let mut bytes = Vec::new();
        sent.put_list(&caps, &mut bytes);
        let mut table = NameTable::default();
        let mut reader = Reader::new(&bytes);
        while !table.read_item(&mut reader, &caps).unwrap() {}
        assert_eq!(reader.position(), bytes.len());
        assert_eq!(table.name(65534), Some(&b"nobody"[..]));
        assert_eq!(table.name(0), Some(&b"root"[..]));
        assert_eq!(table.name(7), None);
    }
}

#[test]
fn names_are_bounded() {
    let mut table = NameTable::default();
    let failed = (0..1_000_000).find_map(|id| table.learn(id, &[b'x'; 255]).err()).unwrap();
    assert_eq!(failed.exit, Exit::MALLOC);
}
