//! Looking at an entry of a list.

use alloc::vec::Vec;

use super::{ACLS, ATIME, CRTIME, DIGEST, FileList, GROUP, RDEV, Record, Span, TARGET, XATTRS};
use crate::flist::entry::{Digest, Entry, Flags, Kind};

/// An entry of a [`FileList`].
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) list: &'a FileList,
    pub(super) record: &'a Record,
    pub(super) position: u32,
}

impl<'a> View<'a> {
    /// The directory part of the name; empty at the top, `/` directly beneath an absolute root.
    pub fn dir(&self) -> &'a [u8] {
        self.list.dirs.get(self.record.dir as usize).map_or(&[], |&span| self.list.text(span))
    }

    /// The last component of the name.
    pub fn base(&self) -> &'a [u8] {
        self.list.text(Span { start: self.record.name, len: self.record.name_len })
    }

    /// Whether both are in one run of entries of the same directory: if not, the directories may still be equal.
    pub(in crate::flist) fn shares_dir(&self, other: &View<'_>) -> bool {
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
        self.field(DIGEST)?.get(1..1 + usize::from(len)).map(Digest::new)
    }

    /// Where a symlink points.
    pub fn target(&self) -> Option<&'a [u8]> {
        let len = u16::from_le_bytes(self.fixed(TARGET, 0)?);
        self.field(TARGET)?.get(2..2 + usize::from(len))
    }

    /// Places of its ACLs: access, default.
    pub fn acls(&self) -> Option<(u32, u32)> {
        let access = self.fixed(ACLS, 0).map(u32::from_le_bytes)?;
        let default = self.fixed(ACLS, 4).map(u32::from_le_bytes)?;
        Some((access, default))
    }

    /// Place of its extended attributes.
    pub fn xattrs(&self) -> Option<u32> {
        self.fixed(XATTRS, 0).map(u32::from_le_bytes)
    }

    /// The arena from the start of a rare field on, if the entry has that field.
    fn field(&self, bit: u8) -> Option<&'a [u8]> {
        let extras = self.record.extras;
        if extras & bit == 0 {
            return None;
        }
        let mut at = self.record.name as usize + usize::from(self.record.name_len);
        // In the order in which they were put; only the digest has a length of its own, and only the target comes after it.
        for (before, len) in [(ACLS, 8), (XATTRS, 4), (ATIME, 8), (CRTIME, 8), (RDEV, 8), (GROUP, 4)] {
            if before == bit {
                return self.list.arena.get(at..);
            }
            if extras & before != 0 {
                at += len;
            }
        }
        if bit == TARGET && extras & DIGEST != 0 {
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
        entry.acls = self.acls();
        entry.xattrs = self.xattrs();
    }

    /// A wide copy.
    pub fn to_entry(&self) -> Entry {
        let mut entry = Entry::default();
        self.put_entry(&mut entry);
        entry
    }
}
