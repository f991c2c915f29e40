//! Numbers, directories and markers.

use super::*;
use crate::flist::entry::{Entry, Flags};
use alloc::vec;

const INC: Numbering = Numbering { inc: true, by_arrival: false, order: Order::FilesFirst, receiving: false };

fn add(lists: &mut Lists, dir: Option<u32>, names: &[&str]) {
    let mut list = lists.begin(dir);
    for name in names {
        let mode = if name.ends_with('/') { 0o040755 } else { 0o100644 };
        list.push(&Entry::new(name.trim_end_matches('/').as_bytes(), mode)).unwrap();
    }
    lists.complete(list).unwrap();
}

fn dirs(lists: &Lists) -> Vec<Vec<u8>> {
    (0..lists.dir_count()).map(|number| lists.dir(number).unwrap().name()).collect()
}

/// The example of spec 2.10.2.
#[test]
fn directories_are_numbered_in_sorted_order() {
    let mut lists = Lists::new(INC);
    add(&mut lists, None, &["a/", "./", "top"]);
    add(&mut lists, Some(1), &["a/z/", "a/b/"]);
    assert_eq!(dirs(&lists), [&b"."[..], b"a", b"a/b", b"a/z"]);
}

#[test]
fn indexes_name_entries_and_the_directories_of_lists() {
    let mut lists = Lists::new(INC);
    add(&mut lists, None, &["./", "f", "a/"]);
    add(&mut lists, Some(1), &["a/x", "a/y"]);
    let name = |ndx| lists.lookup(ndx).map(|found| (matches!(found, Found::Dir(..)), found.view().name()));
    let expect: [(u32, bool, &[u8]); 7] = [
        (0, true, b"."),
        (1, false, b"."),
        (2, false, b"f"),
        (3, false, b"a"),
        (4, true, b"a"),
        (5, false, b"a/x"),
        (6, false, b"a/y"),
    ];
    for (ndx, is_dir, text) in expect {
        assert_eq!(name(ndx), Ok((is_dir, text.to_vec())), "{ndx}");
    }
    let error = name(7).unwrap_err();
    assert_eq!((error.text_lossy().as_str(), error.exit), ("File-list index 7 not in 0 - 6", Exit::PROTOCOL));
    assert!(name(u32::MAX).is_err());
    assert_eq!(lists.list_of(4), Some(1));
    lists.free_oldest();
    assert!(lists.lookup(3).is_err());
    assert_eq!(lists.lookup(4).unwrap().view().name(), b"a");
    lists.free_oldest();
    assert!(lists.is_empty() && lists.lookup(5).is_err() && lists.free_oldest().is_none());
}

#[test]
fn without_a_dot_the_first_list_has_no_directory() {
    let mut lists = Lists::new(INC);
    add(&mut lists, None, &["a/"]);
    assert!(lists.lookup(0).is_err());
}

#[test]
fn without_incremental_recursion_numbers_start_at_0() {
    let mut lists = Lists::new(Numbering { inc: false, receiving: true, ..INC });
    add(&mut lists, None, &["a/", "b", "a/c"]);
    assert_eq!(lists.lookup(0).unwrap().view().name(), b"b");
    assert_eq!(lists.index(lists.list(0).unwrap(), 2), Some(2));
    assert!(lists.accept_marker(-102, "receiver").is_err());
}

#[test]
fn by_arrival_numbers_do_not_follow_the_order() {
    let mut lists = Lists::new(Numbering { by_arrival: true, ..INC });
    add(&mut lists, None, &["z", "a"]);
    assert_eq!(lists.lookup(1).unwrap().view().name(), b"z");
    assert_eq!(lists.index(lists.list(0).unwrap(), 0), Some(2));
}

#[test]
fn the_sender_goes_depth_first_and_merges_duplicates() {
    let mut lists = Lists::new(INC);
    add(&mut lists, None, &["./", "./", "a/", "b/", "a/"]);
    assert_eq!(lists.next_dirs(), Some(2..4));
    add(&mut lists, Some(2), &["a/x/", "a/f"]);
    assert_eq!(lists.next_dirs(), Some(5..6));
    add(&mut lists, Some(5), &[]);
    assert_eq!(lists.next_dirs(), Some(4..5));
    add(&mut lists, Some(4), &["b/f"]);
    assert_eq!(lists.next_dirs(), None);
    let starts: Vec<u32> = lists.iter().map(FileList::start).collect();
    assert_eq!(starts, [1, 7, 10, 11]);
}

#[test]
fn the_receiving_side_refuses_odd_markers() {
    let mut lists = Lists::new(Numbering { receiving: true, ..INC });
    add(&mut lists, None, &["a/", "a/", "b/"]);
    let cases = vec![
        (-101, Ok(0)),
        (-101, Err("rsync: refusing malicious duplicate flist for dir 0")),
        (-102, Err("rsync: refusing flist for cleared dir_ndx 1")),
        (-103, Ok(2)),
        (-104, Err("Invalid dir index: -104 (-101 - -103) [receiver]")),
        (-50, Err("Invalid dir index: -50 (-101 - -103) [receiver]")),
        (i32::MIN, Err("Invalid dir index: -2147483648 (-101 - -103) [receiver]")),
    ];
    for (ndx, expect) in cases {
        let found = lists.accept_marker(ndx, "receiver").map_err(|error| error.text_lossy());
        assert_eq!(found, expect.map_err(Into::into), "{ndx}");
    }
}

#[test]
fn all_lists_together_are_bounded() {
    let mut lists = Lists::new(INC);
    lists.limit_bytes(5_000);
    let mut refused = false;
    for _ in 0..100 {
        let mut list = lists.begin(None);
        refused |= list.push(&Entry { flags: Flags::NONE, ..Entry::new(b"file", 0o100644) }).is_err();
        lists.complete(list).unwrap();
    }
    assert!(refused);
}
