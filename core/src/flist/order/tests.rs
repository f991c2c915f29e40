//! The order against its definition as a sort key (spec 2.9.1), and what happens to duplicates.

use super::*;
use crate::flist::Entry;
use alloc::vec;
use proptest::prelude::*;

const FILE: u32 = 0o100644;
const DIR: u32 = 0o040755;

/// The key of spec 2.9.1, word for word: `(2, comp + "/")` for each component, and something else for the last one.
fn naive_key(path: &[u8], is_dir: bool) -> Vec<(u8, Vec<u8>)> {
    let mut components: Vec<(u8, Vec<u8>)> =
        path.split(|&byte| byte == b'/').map(|part| (2, [part, b"/"].concat())).collect();
    let last = components.last_mut().unwrap();
    if !is_dir {
        *last = (1, path.rsplit(|&byte| byte == b'/').next().unwrap().to_vec());
    } else if last.1 == b"./" {
        *last = (0, vec![]);
    }
    components
}

fn path() -> impl Strategy<Value = (Vec<u8>, bool)> {
    ("/?([ab.+-]{1,2}/){0,3}([ab.+-]{1,3}|\\.)", any::<bool>()).prop_map(|(path, is_dir)| (path.into_bytes(), is_dir))
}

/// Paths as they are after cleaning: a `.` is a directory, and the root.
fn clean_path() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let names =
        ("/?([ab+-]{1,2}/){0,3}[ab+-]{1,3}", any::<bool>()).prop_map(|(path, is_dir)| (path.into_bytes(), is_dir));
    prop_oneof![9 => names, 1 => Just((b".".to_vec(), true))]
}

fn list_of(entries: &[(Vec<u8>, bool)]) -> FileList {
    let mut list = FileList::new(0, None);
    for (name, is_dir) in entries {
        list.push(&Entry::new(name, if *is_dir { DIR } else { FILE })).unwrap();
    }
    list
}

proptest! {
    #[test]
    fn comparison_agrees_with_the_key(a in path(), b in path()) {
        let expect = naive_key(&a.0, a.1).cmp(&naive_key(&b.0, b.1));
        let found = compare(Order::FilesFirst, &Key::new(&a.0, a.1), &Key::new(&b.0, b.1));
        prop_assert_eq!(found, expect, "{:?} {:?}", a, b);
        let found = compare(Order::Bytes, &Key::new(&a.0, a.1), &Key::new(&b.0, b.1));
        prop_assert_eq!(found, a.0.cmp(&b.0));
    }

    #[test]
    fn sorting_agrees_with_the_key(paths in proptest::collection::vec(path(), 0..40)) {
        let mut list = list_of(&paths);
        sort(&mut list, Order::FilesFirst);
        let mut expect: Vec<u32> = (0..paths.len() as u32).collect();
        expect.sort_by_key(|&at| naive_key(&paths[at as usize].0, paths[at as usize].1));
        prop_assert_eq!(list.order(), expect);
    }

    #[test]
    fn after_dropping_each_name_is_found_once(paths in proptest::collection::vec(clean_path(), 0..40), old: bool) {
        let order = if old { Order::Bytes } else { Order::FilesFirst };
        let mut list = list_of(&paths);
        sort(&mut list, order);
        drop_duplicates(&mut list, order);
        for (name, _) in &paths {
            let same = list.iter().filter(|view| view.is_active() && view.name() == *name);
            prop_assert_eq!(same.count(), 1, "{:?}", name);
            let found = list.sorted(find_either(&list, order, name, true).unwrap()).unwrap();
            prop_assert!(found.is_active() && found.name() == *name);
            let any_dir = paths.iter().any(|(other, is_dir)| other == name && *is_dir);
            prop_assert_eq!(found.is_dir(), any_dir);
        }
    }

    #[test]
    fn pruning_keeps_what_leads_to_something(paths in proptest::collection::vec(clean_path(), 0..40)) {
        let mut list = list_of(&paths);
        sort(&mut list, Order::FilesFirst);
        drop_duplicates(&mut list, Order::FilesFirst);
        let before: Vec<(Vec<u8>, bool)> = active(&list);
        prune_empty_dirs(&mut list, |name| name.ends_with(b"+"));
        let kept: Vec<(Vec<u8>, bool)> = before.iter().filter(|(name, is_dir)| {
            let is_content = |name: &[u8], is_dir: bool| !is_dir || name.ends_with(b"+");
            let inside = if name == b"/" { b"/".to_vec() } else { [name, &b"/"[..]].concat() };
            name == b"." || name == b"/." || is_content(name, *is_dir)
                || before.iter().any(|(other, is_dir)| other.starts_with(&inside) && is_content(other, *is_dir))
        }).cloned().collect();
        prop_assert_eq!(active(&list), kept);
    }
}

fn active(list: &FileList) -> Vec<(Vec<u8>, bool)> {
    list.iter_sorted().filter(|view| view.is_active()).map(|view| (view.name(), view.is_dir())).collect()
}

/// The tree of spec 2.9.1's rules: files before directories, `a-b` before `a`, a directory before its contents.
#[test]
fn a_small_tree() {
    let paths = [
        ("b", false),
        ("a", true),
        ("a/z", false),
        ("a/b", true),
        ("a/b/c", false),
        ("a-b", true),
        (".", true),
        ("0", true),
    ];
    let mut list = list_of(&paths.map(|(name, is_dir)| (name.as_bytes().to_vec(), is_dir)));
    sort(&mut list, Order::FilesFirst);
    let names: Vec<_> = list.iter_sorted().map(|view| view.name()).collect();
    assert_eq!(names, [&b"."[..], b"b", b"0", b"a-b", b"a", b"a/z", b"a/b", b"a/b/c"]);
    sort(&mut list, Order::Bytes);
    let names: Vec<_> = list.iter_sorted().map(|view| view.name()).collect();
    assert_eq!(names, [&b"."[..], b"0", b"a", b"a-b", b"a/b", b"a/b/c", b"a/z", b"b"]);
}

#[test]
fn of_two_directories_the_first_gains_the_flags_of_the_other() {
    let mut list = FileList::new(0, None);
    for flags in [Flags::IMPLIED, Flags::TOP_DIR.with(Flags::CONTENT_DIR)] {
        list.push(&Entry { flags, ..Entry::new(b"d", DIR) }).unwrap();
    }
    sort(&mut list, Order::FilesFirst);
    drop_duplicates(&mut list, Order::FilesFirst);
    assert_eq!(list.arrival(0).unwrap().flags(), Flags::TOP_DIR.with(Flags::CONTENT_DIR));
    assert!(!list.arrival(1).unwrap().is_active());
}

#[test]
fn the_sender_marks_equal_directories_only() {
    let mut list =
        list_of(&[(b"d".to_vec(), true), (b"f".to_vec(), false), (b"d".to_vec(), true), (b"f".to_vec(), false)]);
    sort(&mut list, Order::FilesFirst);
    mark_duplicates(&mut list, Order::FilesFirst);
    let marked: Vec<bool> = list.iter().map(|view| view.flags().has(Flags::DUPLICATE)).collect();
    assert_eq!(marked, [false, false, true, false]);
}
