//! One file list in memory: what is left of 200,000 entries after they were decoded.
//!
//! ```text
//! records   [ size mtime nsec mode uid gid | name dir name_len flags extras ]   48 bytes each, arrival order
//!                                             │    │               │
//! arena     …"file1" tail "file2" tail …  <───┘    │   tail = the rare fields, in the order of the bits in `extras`
//! dirs      [ (start, len), … ]           <────────┘   runs of entries share a directory; its text is in the arena too
//! sorted    [ arrival position, … ]                    filled when the list is complete
//! ```
//!
//! A list belongs to a session's [`super::Lists`], which gives it its numbers.

use alloc::format;
use alloc::vec::Vec;

use super::entry::{Digest, Entry, Flags, Kind, split_path};
use crate::{Error, Exit, limits};

const ATIME: u8 = 1;
const CRTIME: u8 = 1 << 1;
const RDEV: u8 = 1 << 2;
const GROUP: u8 = 1 << 3;
const DIGEST: u8 = 1 << 4;
const TARGET: u8 = 1 << 5;

#[derive(Clone, Copy, Debug)]
struct Record {
    size: u64,
    mtime: i64,
    nsec: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    name: u32,
    dir: u32,
    name_len: u16,
    flags: Flags,
    extras: u8,
}

/// A stretch of the arena.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u16,
}

/// A list of files in arrival order, and once it is complete in sorted order too.
#[derive(Debug, Default)]
pub struct FileList {
    start: u32,
    dir: Option<u32>,
    records: Vec<Record>,
    arena: Vec<u8>,
    dirs: Vec<Span>,
    sorted: Vec<u32>,
    bytes_max: u64,
}

/// Grows by a quarter, not by doubling: a long list then has little air in it, and moving it stays linear.
fn reserve<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more.max(items.len() / 4).max(16));
    }
}

impl FileList {
    /// An empty list whose first number is `start`, with the contents of directory number `dir` (`None`: the first list).
    pub fn new(start: u32, dir: Option<u32>) -> FileList {
        FileList {
            start,
            dir,
            bytes_max: limits::ALLOC_MAX,
            ..FileList::default()
        }
    }

    /// Bounds the memory that the list may take (`--max-alloc`).
    pub fn limit_bytes(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// Number of the first entry.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// Number of the directory that this list has the contents of, in the directory table.
    pub fn dir(&self) -> Option<u32> {
        self.dir
    }

    /// Number of entries, inactive ones included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of memory in use.
    pub fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.arena.capacity()
            + self.dirs.capacity() * size_of::<Span>()
            + self.sorted.capacity() * size_of::<u32>()
    }

    /// Gives back what growing left over; for a complete list.
    pub fn shrink(&mut self) {
        self.records.shrink_to_fit();
        self.arena.shrink_to_fit();
        self.dirs.shrink_to_fit();
        self.sorted.shrink_to_fit();
    }

    /// Appends an entry. Fails with exit 22 where the list would take more memory than allowed, or a name or symlink target
    /// is longer than a path can be.
    pub fn push(&mut self, entry: &Entry) -> Result<(), Error> {
        let (dir, base) = split_path(&entry.name);
        let target = entry.target.as_deref().unwrap_or_default();
        if entry.name.len().max(target.len()) > limits::PATH_BYTES_MAX {
            return Err(Error::peer(Exit::MALLOC, "over-long name in the file list"));
        }
        // The most that one entry adds, its digest and all.
        let room = entry.name.len() + target.len() + 80;
        let bytes = self.records.len() * size_of::<Record>() + self.arena.len() + room;
        if bytes as u64 > self.bytes_max.min(u64::from(u32::MAX)) {
            return Err(Error::peer(
                Exit::MALLOC,
                format!("exceeded --max-alloc={} setting", self.bytes_max),
            ));
        }
        reserve(&mut self.arena, room);
        reserve(&mut self.records, 1);
        let dir = self.place_dir(dir);
        let name = self.arena.len() as u32;
        self.arena.extend_from_slice(base);
        let extras = put_tail(&mut self.arena, entry);
        self.records.push(Record {
            size: entry.size,
            mtime: entry.mtime,
            nsec: entry.nsec,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            name,
            dir,
            name_len: base.len() as u16,
            flags: entry.flags,
            extras,
        });
        Ok(())
    }

    /// The number of a directory name, which is new unless the entry before has the same.
    fn place_dir(&mut self, dir: &[u8]) -> u32 {
        let last = self.dirs.len().wrapping_sub(1);
        if self.dirs.last().is_none_or(|&span| self.text(span) != dir) {
            let span = Span {
                start: self.arena.len() as u32,
                len: dir.len() as u16,
            };
            self.arena.extend_from_slice(dir);
            reserve(&mut self.dirs, 1);
            self.dirs.push(span);
            return last.wrapping_add(1) as u32;
        }
        last as u32
    }

    fn text(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.arena
            .get(start..start + usize::from(span.len))
            .unwrap_or_default()
    }

    /// The entry that arrived as the `position`-th.
    pub fn arrival(&self, position: usize) -> Option<View<'_>> {
        let record = self.records.get(position)?;
        Some(View {
            list: self,
            record,
            position: position as u32,
        })
    }

    /// The entry at `position` in sorted order; of a complete list.
    pub fn sorted(&self, position: usize) -> Option<View<'_>> {
        self.arrival(*self.sorted.get(position)? as usize)
    }

    /// All entries in arrival order.
    pub fn iter(&self) -> impl Iterator<Item = View<'_>> {
        (0..self.records.len()).filter_map(|position| self.arrival(position))
    }

    /// All entries in sorted order, inactive ones included; nothing until the list was sorted.
    pub fn iter_sorted(&self) -> impl Iterator<Item = View<'_>> {
        self.sorted
            .iter()
            .filter_map(|&position| self.arrival(position as usize))
    }

    /// Sorted order as arrival positions.
    pub(super) fn order(&self) -> &[u32] {
        &self.sorted
    }

    /// Sets the sorted order; `sorted` is a permutation of the arrival positions.
    pub(super) fn set_order(&mut self, sorted: Vec<u32>) {
        self.sorted = sorted;
    }

    /// Changes the flags of the entry that arrived as the `position`-th.
    pub fn set_flags(&mut self, position: usize, flags: Flags, on: bool) {
        if let Some(record) = self.records.get_mut(position) {
            record.flags.set(flags, on);
        }
    }

    /// Changes owner and group of every entry.
    pub fn map_owners(&mut self, mut map: impl FnMut(u32, u32) -> (u32, u32)) {
        for record in &mut self.records {
            (record.uid, record.gid) = map(record.uid, record.gid);
        }
    }

    /// Removes the leading slash that names have with `--relative` and an absolute argument (spec 2.9.1), after sorting.
    pub fn strip_leading_slash(&mut self) {
        for index in 0..self.dirs.len() {
            let span = self.dirs[index];
            if self.text(span).first() == Some(&b'/') {
                self.dirs[index] = Span {
                    start: span.start + 1,
                    len: span.len - 1,
                };
            }
        }
    }
}

/// Appends the fields that few entries have, and says which they are.
fn put_tail(arena: &mut Vec<u8>, entry: &Entry) -> u8 {
    let mut extras = 0;
    if let Some(atime) = entry.atime {
        extras |= ATIME;
        arena.extend_from_slice(&atime.to_le_bytes());
    }
    if let Some(crtime) = entry.crtime {
        extras |= CRTIME;
        arena.extend_from_slice(&crtime.to_le_bytes());
    }
    if let Some((major, minor)) = entry.rdev {
        extras |= RDEV;
        arena.extend_from_slice(&major.to_le_bytes());
        arena.extend_from_slice(&minor.to_le_bytes());
    }
    if let Some(group) = entry.group {
        extras |= GROUP;
        arena.extend_from_slice(&group.to_le_bytes());
    }
    if let Some(digest) = &entry.digest {
        extras |= DIGEST;
        arena.push(digest.as_bytes().len() as u8);
        arena.extend_from_slice(digest.as_bytes());
    }
    if let Some(target) = &entry.target {
        extras |= TARGET;
        arena.extend_from_slice(&(target.len() as u16).to_le_bytes());
        arena.extend_from_slice(target);
    }
    extras
}

/// An entry of a [`FileList`].
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    list: &'a FileList,
    record: &'a Record,
    position: u32,
}

impl<'a> View<'a> {
    /// The directory part of the name; empty at the top, `/` directly beneath an absolute root.
    pub fn dir(&self) -> &'a [u8] {
        self.list
            .dirs
            .get(self.record.dir as usize)
            .map_or(&[], |&span| self.list.text(span))
    }

    /// The last component of the name.
    pub fn base(&self) -> &'a [u8] {
        self.list.text(Span {
            start: self.record.name,
            len: self.record.name_len,
        })
    }

    /// Whether both are in one run of entries of the same directory: if not, the directories may still be equal.
    pub(super) fn shares_dir(&self, other: &View<'_>) -> bool {
        self.record.dir == other.record.dir && core::ptr::eq(self.list, other.list)
    }

    /// Appends the whole name.
    pub fn put_name(&self, out: &mut Vec<u8>) {
        let dir = self.dir();
        out.extend_from_slice(dir);
        if !dir.is_empty() && dir != b"/" {
            out.push(b'/');
        }
        out.extend_from_slice(self.base());
    }

    /// The whole name.
    pub fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.dir().len() + 1 + self.base().len());
        self.put_name(&mut name);
        name
    }

    /// Position in arrival order.
    pub fn position(&self) -> usize {
        self.position as usize
    }

    /// File type and permission bits.
    pub fn mode(&self) -> u32 {
        self.record.mode
    }

    /// What kind of file it is.
    pub fn kind(&self) -> Kind {
        Kind::of(self.record.mode)
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind() == Kind::Dir
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> bool {
        self.kind() == Kind::Regular
    }

    /// Whether it is a symlink.
    pub fn is_symlink(&self) -> bool {
        self.kind() == Kind::Symlink
    }

    /// Whether it is a device.
    pub fn is_device(&self) -> bool {
        self.kind() == Kind::Device
    }

    /// Whether it is a fifo or socket.
    pub fn is_special(&self) -> bool {
        self.kind() == Kind::Special
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.record.size
    }

    /// Seconds since 1970.
    pub fn mtime(&self) -> i64 {
        self.record.mtime
    }

    /// Nanoseconds of the mtime.
    pub fn nsec(&self) -> u32 {
        self.record.nsec
    }

    /// Owner.
    pub fn uid(&self) -> u32 {
        self.record.uid
    }

    /// Group.
    pub fn gid(&self) -> u32 {
        self.record.gid
    }

    /// Facts that are no attributes.
    pub fn flags(&self) -> Flags {
        self.record.flags
    }

    /// Whether it may be used: neither a duplicate nor pruned.
    pub fn is_active(&self) -> bool {
        !self.record.flags.has(Flags::INACTIVE)
    }

    /// Access time in seconds.
    pub fn atime(&self) -> Option<i64> {
        self.fixed(ATIME, 0).map(i64::from_le_bytes)
    }

    /// Creation time in seconds.
    pub fn crtime(&self) -> Option<i64> {
        self.fixed(CRTIME, 0).map(i64::from_le_bytes)
    }

    /// Device number: major, minor.
    pub fn rdev(&self) -> Option<(u32, u32)> {
        let major = self.fixed(RDEV, 0).map(u32::from_le_bytes)?;
        let minor = self.fixed(RDEV, 4).map(u32::from_le_bytes)?;
        Some((major, minor))
    }

    /// Hard-link group.
    pub fn group(&self) -> Option<u32> {
        self.fixed(GROUP, 0).map(u32::from_le_bytes)
    }

    /// Whole-file digest.
    pub fn digest(&self) -> Option<Digest> {
        let [len] = self.fixed(DIGEST, 0)?;
        self.field(DIGEST)?
            .get(1..1 + usize::from(len))
            .map(Digest::new)
    }

    /// Where a symlink points.
    pub fn target(&self) -> Option<&'a [u8]> {
        let len = u16::from_le_bytes(self.fixed(TARGET, 0)?);
        self.field(TARGET)?.get(2..2 + usize::from(len))
    }

    /// The arena from the start of a rare field on, if the entry has that field.
    fn field(&self, bit: u8) -> Option<&'a [u8]> {
        let extras = self.record.extras;
        if extras & bit == 0 {
            return None;
        }
        let mut at = self.record.name as usize + usize::from(self.record.name_len);
        // Bits below `bit` stand before it; only the digest among them has a length of its own.
        for (before, len) in [(ATIME, 8), (CRTIME, 8), (RDEV, 8), (GROUP, 4)] {
            if before < bit && extras & before != 0 {
                at += len;
            }
        }
        if DIGEST < bit && extras & DIGEST != 0 {
            at += 1 + usize::from(*self.list.arena.get(at)?);
        }
        self.list.arena.get(at..)
    }

    fn fixed<const N: usize>(&self, bit: u8, at: usize) -> Option<[u8; N]> {
        self.field(bit)?.get(at..at + N)?.try_into().ok()
    }

    /// Copies everything but the inode to `entry`.
    pub fn put_entry(&self, entry: &mut Entry) {
        entry.clear();
        self.put_name(&mut entry.name);
        self.put_attributes(entry);
        entry.flags = self.flags();
    }

    /// Copies everything but name, flags and inode to `entry`.
    pub fn put_attributes(&self, entry: &mut Entry) {
        entry.mode = self.mode();
        entry.size = self.size();
        entry.mtime = self.mtime();
        entry.nsec = self.nsec();
        entry.uid = self.uid();
        entry.gid = self.gid();
        entry.atime = self.atime();
        entry.crtime = self.crtime();
        entry.rdev = self.rdev();
        entry.target = self.target().map(<[u8]>::to_vec);
        entry.group = self.group();
        entry.digest = self.digest();
    }

    /// A wide copy.
    pub fn to_entry(&self) -> Entry {
        let mut entry = Entry::default();
        self.put_entry(&mut entry);
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = (
            (
                "[ab]{1,3}(/[ab]{1,2}){0,3}",
                any::<u32>(),
                any::<u64>(),
                any::<i64>(),
                any::<u32>(),
            ),
            (
                any::<Option<i64>>(),
                any::<Option<i64>>(),
                any::<Option<(u32, u32)>>(),
                any::<Option<u32>>(),
            ),
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..=32)),
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        );
        let entry = entry.prop_map(
            |((name, mode, size, mtime, id), (atime, crtime, rdev, group), digest, target)| Entry {
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
        assert!(
            list.bytes() / list.len() < 80,
            "{} bytes per entry",
            list.bytes() / list.len()
        );
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
        assert_eq!(
            FileList::new(0, None).push(&long).unwrap_err().exit,
            Exit::MALLOC
        );
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
}
