//! What requests and answers carry: what a file is, what is to become of it, how that can fail.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{At, Errno, FileId, HostResult, RootId};
use crate::checksum::{Algorithm, DigestValue};
use crate::delta::SumHead;
use crate::flist::acl::{Acl, Acls};
use crate::flist::xattr::Pair;

/// How symlinks are treated when a path's last component is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Follow {
    /// Look at the link itself.
    #[default]
    No,
    /// Follow a link that leads to a directory; look at others themselves (`-k`, `-K`, a trailing slash).
    Directories,
    /// Follow every link (`-L`); one without a referent is an error.
    All,
    /// Follow links that lead out of the tree (`--copy-unsafe-links`).
    Unsafe,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Meta {
    /// File type and permission bits, as `st_mode` on Linux.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds of the mtime.
    pub mtime_nsec: u32,
    /// Last access, seconds since 1970.
    pub atime: i64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number of a device node.
    pub rdev: (u32, u32),
    /// Device of the file system.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Number of hard links.
    pub nlink: u64,
    /// Where a symlink points; absent for anything else.
    pub target: Option<Box<[u8]>>,
    /// ACLs and extended attributes, if the host was told to look for them.
    pub extended: Option<Box<Extended>>,
}

/// ACLs and extended attributes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extended {
    /// The ACLs; empty for a symlink, and where the file system has none.
    pub acls: Acls,
    /// Attributes of all namespaces but `system`, ordered by name.
    pub xattrs: Vec<Pair>,
    /// Why they could not be read.
    pub error: Option<Errno>,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dirent {
    /// The name, one component.
    pub name: Vec<u8>,
    /// What it is, or why that is not known.
    pub meta: HostResult<Meta>,
    /// The whole-file digest, where [`super::Ask::List`] wanted one and the file is regular; all zero when it can't be read.
    pub digest: Option<DigestValue>,
}

/// Attributes to set; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SetMeta {
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New mtime, seconds and nanoseconds.
    pub mtime: Option<(i64, u32)>,
    /// New atime, seconds.
    pub atime: Option<i64>,
    /// New permission bits, applied last and exactly (07777).
    pub mode: Option<u32>,
    /// ACLs and extended attributes.
    pub extended: Option<Box<SetExtended>>,
}

impl SetMeta {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == SetMeta::default()
    }
}

/// ACLs and extended attributes to set: attributes after the owner, ACLs just before the mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SetExtended {
    /// Attributes to remove.
    pub remove: Vec<Vec<u8>>,
    /// Attributes to set.
    pub set: Vec<Pair>,
    /// The access ACL, complete.
    pub access: Option<Acl>,
    /// The default ACL; an empty one removes it.
    pub default: Option<Acl>,
}

/// What went wrong while setting attributes; each step is tried whatever became of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SetErrors {
    /// Of changing owner or group.
    pub owner: Option<Errno>,
    /// Of setting times.
    pub times: Option<Errno>,
    /// Of setting the mode.
    pub mode: Option<Errno>,
    /// Of ACLs and extended attributes.
    pub extended: Vec<(ExtendedStep, Errno)>,
}

/// A step of setting ACLs and extended attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ExtendedStep {
    /// Setting the attribute of this name.
    Set(Vec<u8>),
    /// Removing the attribute of this name.
    Remove(Vec<u8>),
    /// Setting the access ACL.
    Access,
    /// Setting the default ACL.
    Default,
}

/// Where the bytes of a new file go until it is complete (spec 3.8.3, 3.8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Output {
    /// A temporary file with rsync's naming, beside the final path or in another directory.
    Temp {
        /// Another directory for temporary files (`--temp-dir`): names there have no leading dot.
        dir: Option<RootId>,
    },
    /// The file itself is overwritten (`--inplace`), created with 0600 if missing.
    InPlace,
}

/// How to make the output of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Create {
    /// The path that the file shall have in the end.
    pub at: At,
    /// Where its bytes go meanwhile.
    pub output: Output,
    /// The file to take matched blocks from; `None` when there is none. Opened without following a symlink in the last
    /// place; what is not a regular file counts as none.
    pub basis: Option<At>,
    /// The blocks of the basis.
    pub head: SumHead,
    /// Permission bits of the temporary file, as few as the transfer needs.
    pub mode: u32,
    /// Bytes that the list promised; a hint for the allocator, needed with `preallocate`.
    pub size: u64,
    /// Reserve `size` bytes before writing.
    pub preallocate: bool,
    /// Leave runs of zeros as holes.
    pub sparse: bool,
    /// Bytes at the start that stay as they are (`--append`): writing begins there.
    pub skip: u64,
    /// Whether the skipped bytes count for the digest (`--append-verify`).
    pub skip_in_digest: bool,
    /// The digest of the whole output, and its seed (for the old md4 only).
    pub digest: (Algorithm, i32),
}

/// What to do with an output that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Commit {
    /// The output.
    pub file: FileId,
    /// Its final path; the same as that of its [`Create`] unless it is kept aside.
    pub to: At,
    /// Attributes, set before the rename.
    pub meta: SetMeta,
    /// Save what is replaced under this path first (`--backup`).
    pub backup: Option<At>,
    /// Flush to the disk first (`--fsync`).
    pub sync: bool,
}

/// A whole file copied on this machine without the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CopyLocal {
    /// The source.
    pub from: CopySource,
    /// As for a transfer; `basis` and `head` are not used.
    pub create: Create,
    /// Keep the permission bits of a file that is replaced; with `Some(mode)` of the source, as `--executability` says when
    /// that is wanted (see [`KeepMode`]).
    pub keep_mode: KeepMode,
    /// Attributes, set before the rename.
    pub meta: SetMeta,
    /// As in [`Commit`].
    pub backup: Option<At>,
    /// Flush to the disk first (`--fsync`).
    pub sync: bool,
}

/// Where a local copy reads from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CopySource {
    /// A file of the sending half: the path of its root as the operator gave it, and the path beneath.
    Named {
        /// The root's path.
        root: Vec<u8>,
        /// The file beneath it.
        path: Vec<u8>,
    },
    /// A file beneath a root of this session.
    Beneath(At),
}

/// What becomes of the permission bits of a file that is replaced, without `--perms` (spec 3.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum KeepMode {
    /// They give way to those of the copy.
    No,
    /// They stay.
    Yes,
    /// They stay, but whether the file is executable follows the source, whose mode this is.
    Executability(u32),
}

/// At which step making or finishing an output failed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OutputError {
    /// Making the temporary file; with the path that was tried, as the user would write it.
    Temp(Vec<u8>, Errno),
    /// Opening the file in place.
    Open(Errno),
    /// Opening the source of a local copy.
    Source(Errno),
    /// Reading the source of a local copy.
    Read(Errno),
    /// Writing.
    Write(Errno),
    /// Flushing to the disk.
    Sync(Errno),
    /// Making the backup.
    Backup(Errno),
    /// Renaming; with the temporary path.
    Rename(Vec<u8>, Errno),
}
