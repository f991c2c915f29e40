//! Scratch directories that can be removed whatever modes a test left in them.

use std::env;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::XattrFlags;

/// A directory of its own, removed at the end, unless `SYNCLINE_KEEP` is set.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty directory with `label` in its name, in `SYNCLINE_TEST_DIR` if that is set, else in memory if there is
    /// room, which halves the time that a run takes.
    pub fn new(label: &str) -> Self {
        Self::below(label, &env::var_os("SYNCLINE_TEST_DIR").map_or_else(roomy_memory, PathBuf::from))
    }

    /// The same on the disk, for trees too large for memory.
    pub fn on_disk(label: &str) -> Self {
        Self::below(label, &env::var_os("SYNCLINE_TEST_DIR").map_or_else(env::temp_dir, PathBuf::from))
    }

    fn below(label: &str, parent: &Path) -> Self {
        let dir = tempfile::Builder::new()
            .prefix(&format!("syncline-{}-", label.replace(' ', "-")))
            .tempdir_in(parent)
            .expect("a scratch directory");
        // Other users must be able to reach it: some tests drop privileges.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("chmod of the scratch directory");
        Self(dir.keep())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if env::var_os("SYNCLINE_KEEP").is_some() {
            eprintln!("kept {}", self.0.display());
        } else if let Err(error) = remove(&self.0) {
            eprintln!("{}: not removed: {error}", self.0.display());
        }
    }
}

/// The file system in memory, if it can hold what the tests write and keeps extended attributes; else the disk.
fn roomy_memory() -> PathBuf {
    const ROOM: u64 = 4 << 30;
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
    let keeps_xattrs = || {
        let probe = tempfile::NamedTempFile::new_in(memory);
        probe.is_ok_and(|file| rustix::fs::fsetxattr(&file, "user.probe", b"1", XattrFlags::empty()).is_ok())
    };
    if free > ROOM && keeps_xattrs() { memory.to_owned() } else { env::temp_dir() }
}

/// Removes a tree, read-only and unsearchable directories included. That it does not exist is fine, and so is a daemon's
/// process that still puts the last of its files there.
pub fn remove(path: &Path) -> io::Result<()> {
    for _ in 0..20 {
        match remove_now(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => sleep(Duration::from_millis(50)),
            done => return done,
        }
    }
    remove_now(path)
}

fn remove_now(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_dir() => return fs::remove_file(path),
        Ok(meta) => {
            if meta.permissions().mode() & 0o700 != 0o700 {
                fs::set_permissions(path, Permissions::from_mode(0o700))?;
            }
        }
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { remove_now(&entry.path())? } else { fs::remove_file(entry.path())? }
    }
    fs::remove_dir(path)
}
