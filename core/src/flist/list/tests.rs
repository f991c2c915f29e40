//! What is stored, and how much room it takes.

use super::*;
use crate::flist::entry::Digest;
use proptest::prelude::*;

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (
        ("[ab]{1,3}(/[ab]{1,2}){0,3}", any::<u32>(), any::<u64>(), any::<i64>(), any::<u32>()),
        (any::<Option<i64>>(), any::<Option<i64>>(), any::<Option<(u32, u32)>>(), any::<Option<u32>>()),
        (any::<Option<(u32, u32)>>(), any::<Option<u32>>()),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..=32)),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
    );
    let entry = entry.prop_map(
        |((name, mode, size, mtime, id), (atime, crtime, rdev, group), (acls, xattrs), digest, target)| Entry {
            name: name.into_bytes(),
            mode,
            size,
            mtime,
            nsec: id / 5,
            uid: id,
            gid: id / 2,
            flags: Flags::free(id % 8),
            atime,
            crtime,
            rdev,
            group,
            acls,
            xattrs,
            target,
            inode: None,
            digest: digest.map(|bytes| Digest::new(&bytes)),
        },
    );
    proptest::collection::vec(entry, 0..20)
}

proptest! {
    #[test]
    fn what_is_stored_comes_back(entries in entries()) {
        let mut list = FileList::new(1, None);
        for entry in &entries {
            list.push(entry).unwrap();
        }
        list.shrink();
        let back: Vec<Entry> = list.iter().map(|view| view.to_entry()).collect();
        prop_assert_eq!(back, entries);
    }
}

#[test]
fn a_large_list_is_small() {
    let mut list = FileList::new(0, None);
    let mut entry = Entry::new(b"", 0o100644);
    for n in 0..200_000u32 {
        entry.name = format!("some/directory/number{}/file{n:06}.c", n / 100).into_bytes();
        list.push(&entry).unwrap();
    }
    assert!(list.bytes() / list.len() < 80, "{} bytes per entry", list.bytes() / list.len());
}

#[test]
fn memory_is_bounded() {
    let mut list = FileList::new(0, None);
    list.limit_bytes(10_000);
    let entry = Entry::new(b"dir/name", 0o100644);
    let stopped = (0..1000).find_map(|_| list.push(&entry).err()).unwrap();
    assert_eq!(stopped.exit, Exit::MALLOC);
    assert!(list.bytes() < 20_000);
    let long = Entry::new(&[b'x'; 4096], 0o100644);
    assert_eq!(FileList::new(0, None).push(&long).unwrap_err().exit, Exit::MALLOC);
}

#[test]
fn leading_slashes_vanish() {
    let mut list = FileList::new(0, None);
    for name in ["/s", "/s/a", "/s/a/b", "top"] {
        list.push(&Entry::new(name.as_bytes(), 0o040755)).unwrap();
    }
    list.strip_leading_slash();
    let names: Vec<_> = list.iter().map(|view| view.name()).collect();
    assert_eq!(names, [&b"s"[..], b"s/a", b"s/a/b", b"top"]);
}
