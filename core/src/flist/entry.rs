//! One file of a list, in the wide form that is built, encoded and decoded.
//!
//! An [`Entry`] is scratch space: one is reused for a whole list, and a [`super::FileList`] keeps what it is given in a
//! compact form of its own. So nothing here is laid out for size, and nothing there is laid out for convenience.

use alloc::vec::Vec;

/// Type bits of a mode (`S_IFMT`).
pub const TYPE_MASK: u32 = 0o170000;
/// Regular file.
pub const TYPE_REGULAR: u32 = 0o100000;
/// Directory.
pub const TYPE_DIR: u32 = 0o040000;
/// Symbolic link.
pub const TYPE_SYMLINK: u32 = 0o120000;
/// Character device.
pub const TYPE_CHAR: u32 = 0o020000;
/// Block device.
pub const TYPE_BLOCK: u32 = 0o060000;
/// Named pipe.
pub const TYPE_FIFO: u32 = 0o010000;
/// Socket.
pub const TYPE_SOCKET: u32 = 0o140000;

/// Longest digest that any file checksum has.
pub const DIGEST_BYTES_MAX: usize = 32;

/// What kind of file a mode denotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A character or block device.
    Device,
    /// A fifo or socket.
    Special,
    /// Mode 0: the sender says that this file is gone (`--delete-missing-args`).
    Missing,
    /// None of the types that rsync knows.
    Unknown,
}

impl Kind {
    /// The kind of file that `mode` denotes.
    pub fn of(mode: u32) -> Kind {
        match mode & TYPE_MASK {
            TYPE_REGULAR => Kind::Regular,
            TYPE_DIR => Kind::Dir,
            TYPE_SYMLINK => Kind::Symlink,
            TYPE_CHAR | TYPE_BLOCK => Kind::Device,
            TYPE_FIFO | TYPE_SOCKET => Kind::Special,
            _ if mode == 0 => Kind::Missing,
            _ => Kind::Unknown,
        }
    }
}

/// A set of facts about an entry that are no attributes of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// A directory named by an argument.
    pub const TOP_DIR: Flags = Flags(1);
    /// A directory whose contents are part of the transfer: `--delete` acts in it.
    pub const CONTENT_DIR: Flags = Flags(1 << 1);
    /// A directory that is listed only since something below it is (`-R`).
    pub const IMPLIED: Flags = Flags(1 << 2);
    /// Dropped as a duplicate or pruned: keeps its index, but may not be used.
    pub const INACTIVE: Flags = Flags(1 << 3);
    /// A directory equal to the one before it (sender, incremental recursion).
    pub const DUPLICATE: Flags = Flags(1 << 4);
    /// The first entry of its hard-link group in the session.
    pub const LINK_FIRST: Flags = Flags(1 << 5);
    /// Free for the session: the bits from here up are never set in a list.
    pub const FIRST_FREE_BIT: u32 = 8;

    /// Whether every flag of `other` is set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets or clears the flags of `other`.
    pub fn set(&mut self, other: Flags, on: bool) {
        self.0 = if on { self.0 | other.0 } else { self.0 & !other.0 };
    }

    /// These flags and those of `other`.
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// A flag that the session uses as it likes: `n` counts from 0 to 7.
    pub const fn free(n: u32) -> Flags {
        Flags(1 << (Flags::FIRST_FREE_BIT + (n & 7)))
    }
}

/// A whole-file digest of any algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; DIGEST_BYTES_MAX],
    len: u8,
}

impl Digest {
    /// A digest from its bytes; what exceeds [`DIGEST_BYTES_MAX`] is cut.
    pub fn new(bytes: &[u8]) -> Digest {
        let len = bytes.len().min(DIGEST_BYTES_MAX);
        let mut digest = Digest { bytes: [0; DIGEST_BYTES_MAX], len: len as u8 };
        digest.bytes[..len].copy_from_slice(&bytes[..len]);
        digest
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A file of the list: name and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the transfer root; `.` is the root itself.
    pub name: Vec<u8>,
    /// File type and permission bits.
    pub mode: u32,
    /// Bytes; for a directory or symlink what `lstat` says; 0 for devices and specials.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds of the mtime.
    pub nsec: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Facts that are no attributes.
    pub flags: Flags,
    /// Access time in seconds, where it is preserved.
    pub atime: Option<i64>,
    /// Creation time in seconds, where it is preserved.
    pub crtime: Option<i64>,
    /// Device number of a device: major, minor.
    pub rdev: Option<(u32, u32)>,
    /// Where a symlink points.
    pub target: Option<Vec<u8>>,
    /// Hard-link group: the arrival index of its first entry. Set by the decoder, not read by the encoder.
    pub group: Option<u32>,
    /// Device and inode of a file that may have hard links: what the encoder forms groups from. Decoded below protocol 30.
    pub inode: Option<(i64, i64)>,
    /// Whole-file digest (`--checksum`).
    pub digest: Option<Digest>,
    /// Places of its ACLs, access and default, in the tables of [`super::acl`].
    pub acls: Option<(u32, u32)>,
    /// Place of its extended attributes in the table of [`super::xattr`].
    pub xattrs: Option<u32>,
}

impl Entry {
    /// An entry with a name and a mode.
    pub fn new(name: &[u8], mode: u32) -> Entry {
        Entry { name: name.to_vec(), mode, ..Entry::default() }
    }

    /// What kind of file it is.
    pub fn kind(&self) -> Kind {
        Kind::of(self.mode)
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind() == Kind::Dir
    }

    /// Makes it as new, but keeps the allocation of the name.
    pub fn clear(&mut self) {
        let mut name = core::mem::take(&mut self.name);
        name.clear();
        *self = Entry { name, ..Entry::default() };
    }
}

/// Splits a path at its last slash: directory (empty if there is none) and last component. `/x` has the directory `/`.
pub fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) if path.len() > 1 => (&path[..1], &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (mode, kind) in [
            (0o100644, Kind::Regular),
            (0o040755, Kind::Dir),
            (0o120777, Kind::Symlink),
            (0o020600, Kind::Device),
            (0o060600, Kind::Device),
            (0o010600, Kind::Special),
            (0o140600, Kind::Special),
            (0, Kind::Missing),
            (0o644, Kind::Unknown),
            (0o170644, Kind::Unknown),
        ] {
            assert_eq!(Kind::of(mode), kind, "{mode:o}");
        }
    }

    #[test]
    fn paths_split_at_the_last_slash() {
        let check = |path: &str, dir: &str, base: &str| {
            assert_eq!(split_path(path.as_bytes()), (dir.as_bytes(), base.as_bytes()), "{path}");
        };
        check("a", "", "a");
        check("a/b/c", "a/b", "c");
        check("/a", "/", "a");
        check("/a/b", "/a", "b");
        check(".", "", ".");
        check("/.", "/", ".");
    }

    #[test]
    fn flags_are_a_set() {
        let mut flags = Flags::TOP_DIR.with(Flags::CONTENT_DIR);
        assert!(flags.has(Flags::TOP_DIR) && !flags.has(Flags::IMPLIED));
        flags.set(Flags::TOP_DIR, false);
        flags.set(Flags::free(7), true);
        assert!(!flags.has(Flags::TOP_DIR.with(Flags::CONTENT_DIR)) && flags.has(Flags::CONTENT_DIR));
        assert!(flags.has(Flags::free(7)));
    }
}
