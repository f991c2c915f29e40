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

use super::entry::{Entry, Flags, split_path};
use crate::{Error, Exit, limits};

mod view;

pub use view::View;

const ATIME: u8 = 1;
const CRTIME: u8 = 1 << 1;
const RDEV: u8 = 1 << 2;
const GROUP: u8 = 1 << 3;
const DIGEST: u8 = 1 << 4;
const TARGET: u8 = 1 << 5;
/// These two stand before the others: a tail ends with what has a length of its own.
const ACLS: u8 = 1 << 6;
const XATTRS: u8 = 1 << 7;

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
        FileList { start, dir, bytes_max: limits::ALLOC_MAX, ..FileList::default() }
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
        let room = entry.name.len() + target.len() + 96;
        let bytes = self.records.len() * size_of::<Record>() + self.arena.len() + room;
        if bytes as u64 > self.bytes_max.min(u64::from(u32::MAX)) {
            return Err(Error::peer(Exit::MALLOC, format!("exceeded --max-alloc={} setting", self.bytes_max)));
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
            let span = Span { start: self.arena.len() as u32, len: dir.len() as u16 };
            self.arena.extend_from_slice(dir);
            reserve(&mut self.dirs, 1);
            self.dirs.push(span);
            return last.wrapping_add(1) as u32;
        }
        last as u32
    }

    fn text(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.arena.get(start..start + usize::from(span.len)).unwrap_or_default()
    }

    /// The entry that arrived as the `position`-th.
    pub fn arrival(&self, position: usize) -> Option<View<'_>> {
        let record = self.records.get(position)?;
        Some(View { list: self, record, position: position as u32 })
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
        self.sorted.iter().filter_map(|&position| self.arrival(position as usize))
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
                self.dirs[index] = Span { start: span.start + 1, len: span.len - 1 };
            }
        }
    }
}

/// Appends the fields that few entries have, and says which they are.
fn put_tail(arena: &mut Vec<u8>, entry: &Entry) -> u8 {
    let mut extras = 0;
    if let Some((access, default)) = entry.acls {
        extras |= ACLS;
        arena.extend_from_slice(&access.to_le_bytes());
        arena.extend_from_slice(&default.to_le_bytes());
    }
    if let Some(xattrs) = entry.xattrs {
        extras |= XATTRS;
        arena.extend_from_slice(&xattrs.to_le_bytes());
    }
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

#[cfg(test)]
mod tests;
