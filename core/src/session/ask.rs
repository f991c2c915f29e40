//! The contract with the host, as values: what a session asks for, and what it is answered.
//!
//! A session never touches a file. It asks, by an [`Ask`] with an [`AskId`], and the host answers with the [`Reply`] that
//! the doc of that ask names; answers may come in any order. Paths are relative to a *root*, an open directory that the
//! host keeps, so that a host can resolve every path beneath a directory descriptor and nowhere else.

mod data;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::checksum::{Algorithm, DigestValue, Strong};
use crate::delta::SumHead;
pub use data::*;

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

    /// "Directory not empty", where no host was asked to remove it.
    pub fn not_empty() -> Errno {
        Errno { code: Errno::ENOTEMPTY, text: "Directory not empty".into() }
    }

    /// Whether this is "no such file or directory".
    pub fn is_not_found(&self) -> bool {
        self.code == Self::ENOENT
    }
}

/// What a host answers where an operating system would set `errno`.
pub type HostResult<T> = Result<T, Errno>;

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
    /// The other half of a local copy will ask for a [`CopyLocal`] of this file soon: look whether it can be read, and keep at
    /// hand what is in it, if that saves time: [`Reply::Unit`].
    ReadAhead {
        /// The file.
        at: At,
        /// The path of its root, as [`CopySource::Named`] will give it.
        root: Vec<u8>,
        /// Its size as listed.
        size: u64,
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
    /// What was asked for is made under a temporary name first, and that is what the failures in the answer are about: its
    /// path beneath the root, or as the user would write it, and the answer.
    OfTemp(Vec<u8>, Box<Reply>),
}
