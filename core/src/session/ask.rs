//! The contract with the host, as values: what a session asks for, and what it is answered.
//!
//! A session never touches a file. It asks, by an [`Ask`] with an [`AskId`], and the host answers with the [`Reply`] that
//! the doc of that ask names; answers may come in any order. Paths are relative to a *root*, an open directory that the
//! host keeps, so that a host can resolve every path beneath a directory descriptor and nowhere else.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::checksum::{Algorithm, DigestValue, Strong};
use crate::delta::SumHead;
use crate::flist::acl::{Acl, Acls};
use crate::flist::xattr::Pair;

/// Names an ask until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AskId(pub u32);

/// A directory that the host holds open; every path of an ask is relative to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RootId(pub u32);

/// A file that the host holds open: a source, a basis, or an output with its basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FileId(pub u32);

/// A path beneath a root. `.` is the root itself; there is no leading slash and no `..` component.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct At {
    /// The root.
    pub root: RootId,
    /// The path, `/`-separated.
    pub path: Vec<u8>,
}

/// A failed system call, or a host's equivalent of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Errno {
    /// The error number, as Linux numbers them.
    pub code: i32,
    /// What `strerror` says.
    pub text: String,
}

impl Errno {
    /// Operation not permitted.
    pub const EPERM: i32 = 1;
    /// No such file or directory.
    pub const ENOENT: i32 = 2;
    /// Permission denied.
    pub const EACCES: i32 = 13;
    /// File exists.
    pub const EEXIST: i32 = 17;
    /// Not a directory.
    pub const ENOTDIR: i32 = 20;
    /// Directory not empty.
    pub const ENOTEMPTY: i32 = 39;

    /// Whether this is "no such file or directory".
    pub fn is_not_found(&self) -> bool {
        self.code == Self::ENOENT
    }
}

/// What a host answers where an operating system would set `errno`.
pub type HostResult<T> = Result<T, Errno>;

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
    /// The whole-file digest, where [`Ask::List`] wanted one and the file is regular; all zero when it can't be read.
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

/// A request to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ask {
    /// Open a directory by a path that the operator gave (relative to where the program runs): [`Reply::Root`].
    Root {
        /// The path as it was given.
        path: Vec<u8>,
    },
    /// Open a directory beneath a root as a root of its own, following no symlink that leads out: [`Reply::Root`].
    SubRoot {
        /// The directory.
        at: At,
    },
    /// Look at a path that the operator gave, following symlinks: [`Reply::Stat`].
    StatPath {
        /// The path as it was given.
        path: Vec<u8>,
    },
    /// Make a directory by a path that the operator gave, 0777 less the umask: [`Reply::Unit`].
    MkdirPath {
        /// The path as it was given.
        path: Vec<u8>,
    },
    /// Read a whole file that the operator named (a filter or list file; `-` is standard input), at most `max` bytes:
    /// [`Reply::Bytes`].
    ReadPath {
        /// The path as it was given.
        path: Vec<u8>,
        /// Bytes at most; a larger file is an error.
        max: u64,
    },
    /// Read a small file beneath a root, such as a per-directory filter file: [`Reply::Bytes`].
    ReadAt {
        /// The file.
        at: At,
        /// Bytes at most.
        max: u64,
    },
    /// Look at one path: [`Reply::Stat`].
    Stat {
        /// The path.
        at: At,
        /// Symlinks in the last place.
        follow: Follow,
    },
    /// Look at many paths, not following symlinks in the last place: [`Reply::Stats`], in the order asked.
    StatMany {
        /// The root of all.
        root: RootId,
        /// The paths; usually neighbours, so that a host can keep the parent open.
        paths: Vec<Vec<u8>>,
    },
    /// The names in a directory and what they are, in the order the system gives, without `.` and `..`:
    /// [`Reply::Listing`].
    List {
        /// The directory.
        at: At,
        /// Symlinks among the names.
        follow: Follow,
        /// Digest each regular file too (`--checksum`).
        digest: Option<Algorithm>,
        /// Of what is no directory only the type counts: a host that knows it already may leave the rest at zero.
        brief: bool,
    },
    /// The digest of a regular file: [`Reply::Digest`].
    Digest {
        /// The file.
        at: At,
        /// The algorithm; without seed.
        algorithm: Algorithm,
    },
    /// Names for ids, `None` where there is none: [`Reply::Names`].
    Names {
        /// User ids.
        uids: Vec<u32>,
        /// Group ids.
        gids: Vec<u32>,
    },
    /// Ids for names, `None` where there is none: [`Reply::Ids`].
    Ids {
        /// User names.
        users: Vec<Vec<u8>>,
        /// Group names.
        groups: Vec<Vec<u8>>,
    },
    /// Open a regular file for reading: [`Reply::Opened`]. Not followed if the last component is a symlink, unless `follow`.
    Open {
        /// The file.
        at: At,
        /// Follow symlinks (`-L` and its kin).
        follow: bool,
    },
    /// Close what [`Ask::Open`] opened: [`Reply::Unit`].
    Close {
        /// The file.
        file: FileId,
    },
    /// The sums of some blocks of an open basis, as they go over the wire: [`Reply::Bytes`].
    Sign {
        /// The basis.
        file: FileId,
        /// Its block plan.
        head: SumHead,
        /// First block.
        first: u32,
        /// Number of blocks.
        count: u32,
        /// The strong sum.
        strong: Strong,
    },
    /// Read bytes of an open file (a matched block for zlib's history): [`Reply::Bytes`]; short at the end of the file.
    ReadFile {
        /// The file: a basis opened by [`Ask::Open`], or the output whose basis is meant.
        file: FileId,
        /// Where.
        at: u64,
        /// How many bytes.
        len: u32,
    },
    /// Make the output of a transfer: [`Reply::Created`].
    Create(Box<Create>),
    /// Write out everything that is buffered for an output, and set its exact length: [`Reply::Finished`].
    Finish {
        /// The output.
        file: FileId,
    },
    /// Set the attributes of a finished output and give it its name: [`Reply::Committed`]. Closes it.
    Commit(Box<Commit>),
    /// Remove the temporary file of an output and close it (an in-place output is just closed): [`Reply::Unit`].
    Discard {
        /// The output.
        file: FileId,
    },
    /// Copy a whole file on this machine: [`Reply::Committed`].
    CopyLocal(Box<CopyLocal>),
    /// Make a directory: [`Reply::Unit`].
    Mkdir {
        /// The directory.
        at: At,
        /// Its permission bits, less the umask only if the caller applied it.
        mode: u32,
    },
    /// Make a symlink; with `replace`, under a temporary name that is then renamed over what is there: [`Reply::Unit`].
    Symlink {
        /// The link.
        at: At,
        /// Its text.
        target: Vec<u8>,
        /// Replace a non-directory atomically.
        replace: bool,
    },
    /// Make a device, fifo or socket; `replace` as for [`Ask::Symlink`]: [`Reply::Unit`].
    Mknod {
        /// The node.
        at: At,
        /// Type and permission bits.
        mode: u32,
        /// Device number.
        rdev: (u32, u32),
        /// Replace a non-directory atomically.
        replace: bool,
    },
    /// Make a hard link; `replace` as for [`Ask::Symlink`]: [`Reply::Unit`].
    Link {
        /// The existing file.
        from: At,
        /// The new name.
        to: At,
        /// Replace a non-directory atomically.
        replace: bool,
    },
    /// Set attributes of a path, not following symlinks: [`Reply::Set`].
    SetMeta {
        /// The path.
        at: At,
        /// What to set.
        meta: SetMeta,
    },
    /// Rename: [`Reply::Unit`].
    Rename {
        /// The old path.
        from: At,
        /// The new path, replaced if it is there.
        to: At,
    },
    /// Remove a non-directory: [`Reply::Unit`].
    Unlink {
        /// The path.
        at: At,
    },
    /// Remove an empty directory: [`Reply::Unit`].
    Rmdir {
        /// The path.
        at: At,
    },
    /// Remove a source file after a transfer if it is still as listed: [`Reply::Unit`], or [`Reply::Changed`].
    RemoveSource {
        /// The file.
        at: At,
        /// Size as listed.
        size: u64,
        /// Mtime as listed.
        mtime: i64,
        /// Nanoseconds as listed; 0 means any.
        mtime_nsec: u32,
    },
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reply {
    /// Done, or why not.
    Unit(HostResult<()>),
    /// A new root.
    Root(HostResult<RootId>),
    /// One file.
    Stat(HostResult<Meta>),
    /// Many files.
    Stats(Vec<HostResult<Meta>>),
    /// A directory.
    Listing(HostResult<Vec<Dirent>>),
    /// Bytes.
    Bytes(HostResult<Vec<u8>>),
    /// A digest.
    Digest(HostResult<DigestValue>),
    /// User names, then group names.
    Names(Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>),
    /// User ids, then group ids.
    Ids(Vec<Option<u32>>, Vec<Option<u32>>),
    /// An open file and what it is.
    Opened(HostResult<(FileId, Meta)>),
    /// An open output, and the basis that was found, if it could be opened.
    Created(Result<(FileId, Option<Meta>), OutputError>),
    /// The digest of the whole output.
    Finished(Result<DigestValue, OutputError>),
    /// In place under its final name; what could not be set; and for [`Ask::CopyLocal`] the bytes copied.
    Committed(Result<(SetErrors, u64), OutputError>),
    /// Which attributes could not be set.
    Set(SetErrors),
    /// Not removed: size or mtime are not as listed.
    Changed,
}
