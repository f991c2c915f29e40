//! Makes entries with every attribute chosen. Times of directories are set last, when nothing is added to them any more.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dev, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, mknodat, utimensat};

/// Seconds and nanoseconds since 1970.
pub type Time = (i64, u32);

/// The time of entries whose time does not matter: fixed, and with a fraction.
pub const USUAL: Time = (1_600_000_000, 123_456_789);

/// Builds one tree.
pub struct Maker {
    root: PathBuf,
    dirs: Vec<(PathBuf, u32, Time)>,
    /// Whether this file system keeps user xattrs.
    pub xattrs: bool,
}

impl Maker {
    /// Makes the root, an empty directory.
    pub fn new(root: &Path) -> Self {
        fs::create_dir_all(root).expect("the root of a tree");
        let xattrs = lsetxattr(root, "user.probe", b"1", XattrFlags::empty()).is_ok();
        if xattrs {
            rustix::fs::lremovexattr(root, "user.probe").expect("removing an xattr just set");
        }
        Self { root: root.to_owned(), dirs: vec![(root.to_owned(), 0o755, USUAL)], xattrs }
    }

    /// Sets what could not be set before: times and modes of directories, innermost first.
    pub fn finish(mut self) {
        self.dirs.sort_by(|a, b| b.0.cmp(&a.0));
        for (path, mode, time) in &self.dirs {
            fs::set_permissions(path, Permissions::from_mode(*mode)).expect("chmod of a directory");
            set_time(path, *time);
        }
    }

    /// The path of a name in this tree.
    pub fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.root.join(OsStr::from_bytes(name.as_ref()))
    }

    pub fn dir(&mut self, name: impl AsRef<[u8]>) {
        self.dir_with(name, 0o755, USUAL);
    }

    pub fn dir_with(&mut self, name: impl AsRef<[u8]>, mode: u32, time: Time) {
        let path = self.path(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        self.dirs.push((path, mode, time));
    }

    pub fn file(&mut self, name: impl AsRef<[u8]>, contents: &[u8]) {
        self.file_with(name, contents, 0o644, USUAL);
    }

    pub fn file_with(&mut self, name: impl AsRef<[u8]>, contents: &[u8], mode: u32, time: Time) {
        let path = self.path(name);
        fs::write(&path, contents).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod of a file");
        set_time(&path, time);
    }

    /// A file of `len` bytes with nothing but the given pieces on the disk.
    pub fn sparse(&mut self, name: impl AsRef<[u8]>, len: u64, pieces: &[(u64, &[u8])], time: Time) {
        let path = self.path(name);
        let mut file = File::create(&path).expect("a sparse file");
        file.set_len(len).expect("the length of a sparse file");
        for (offset, bytes) in pieces {
            file.seek(SeekFrom::Start(*offset)).expect("seeking");
            file.write_all(bytes).expect("writing");
        }
        drop(file);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("chmod of a file");
        set_time(&path, time);
    }

    pub fn symlink(&mut self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) {
        let path = self.path(name);
        symlink(OsStr::from_bytes(target.as_ref()), &path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        set_time(&path, USUAL);
    }

    pub fn hard_link(&mut self, name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) {
        fs::hard_link(self.path(to), self.path(name)).expect("a hard link");
    }

    pub fn fifo(&mut self, name: impl AsRef<[u8]>, mode: u32) {
        self.node(name, FileType::Fifo, mode, 0);
    }

    pub fn node(&mut self, name: impl AsRef<[u8]>, kind: FileType, mode: u32, dev: Dev) {
        let path = self.path(name);
        mknodat(CWD, &path, kind, Mode::from_raw_mode(mode), dev).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod of a node");
        set_time(&path, USUAL);
    }

    pub fn socket(&mut self, name: impl AsRef<[u8]>) {
        let path = self.path(name);
        // A socket's address is short, so it is made where the path is short and moved.
        let short =
            tempfile::tempdir_in(self.root.parent().expect("a root has a parent")).expect("a directory for a socket");
        let bound = short.path().join("s");
        drop(UnixListener::bind(&bound).expect("a socket"));
        fs::rename(&bound, &path).expect("moving a socket");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("chmod of a socket");
        set_time(&path, USUAL);
    }

    pub fn owner(&mut self, name: impl AsRef<[u8]>, uid: u32, gid: u32) {
        lchown(self.path(name), Some(uid), Some(gid)).expect("chown");
    }

    pub fn xattr(&mut self, name: impl AsRef<[u8]>, key: &str, value: &[u8]) {
        if self.xattrs {
            lsetxattr(self.path(name), key, value, XattrFlags::empty()).expect("setting an xattr");
        }
    }
}

/// Sets the modification time of a name, not of what it may point to.
pub fn set_time(path: &Path, (tv_sec, tv_nsec): Time) {
    let time = Timespec { tv_sec, tv_nsec: tv_nsec.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("setting times");
}
