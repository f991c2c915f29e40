//! The files by which daemons keep out of each other's way: the pid file (spec 5.1.6) and the connection slots in a lock
//! file (spec 5.4.3).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, ftruncate, openat, statat, unlinkat};

use super::log::strerror;
use super::sys;
use crate::trusted;

/// The pid file of the listener. It goes away with this value, unless another process took over.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    owner: u32,
    _file: File,
}

/// An existing file with more than this in it is none of ours.
const PID_BYTES_MAX: i64 = 32;

impl PidFile {
    /// Writes the pid file; the error is rsync's text.
    pub fn create(path: &[u8]) -> Result<PidFile, String> {
        let shown = String::from_utf8_lossy(path).into_owned();
        let path = PathBuf::from(OsStr::from_bytes(path));
        let dir = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let failed = |action: &str, error: io::Error| {
            format!("rsync: [Receiver] failed to {action} pid file {shown}: {}", strerror(&error))
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, dir, flags, Mode::empty()).map_err(|error| {
            let error = strerror(&error.into());
            format!("rsync: [Receiver] failed to open pid-file directory \"{}\": {error}", dir.display())
        })?;
        let name = path.file_name().unwrap_or_default();
        let existed = match statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
                unlinkat(&dir, name, AtFlags::empty()).map_err(|error| failed("unlink", error.into()))?;
                false
            }
            Ok(_) => true,
            Err(_) => false,
        };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&dir, name, flags, Mode::from_raw_mode(0o664));
        let file: OwnedFd = opened.map_err(|error| failed(if existed { "open" } else { "create" }, error.into()))?;
        sys::lock(file.as_fd(), 0, 4).map_err(|error| failed("lock", error))?;
        let stat = fstat(&file).map_err(|error| failed("fstat opened", error.into()))?;
        if stat.st_size > PID_BYTES_MAX {
            return Err(failed("find small", io::Error::from_raw_os_error(libc::EFBIG)));
        }
        ftruncate(&file, 0).map_err(|error| failed("truncate", error.into()))?;
        let mut file = File::from(file);
        let owner = std::process::id();
        writeln!(file, "{owner}").map_err(|error| failed("write", error))?;
        Ok(PidFile { path, owner, _file: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A worker inherits this value, but not the duty.
        if self.owner == std::process::id() {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Why there is no slot.
#[derive(Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// All are taken.
    Full,
    /// The lock file can't be opened; the line for the log.
    Unopened(String),
}

/// Takes one of `max` slots, which is held as long as the returned file is open.
pub fn take_slot(path: &[u8], max: i64) -> Result<OwnedFd, NoSlot> {
    let flags = OFlags::RDWR | OFlags::CREATE;
    let file = trusted::open(path, flags, Mode::from_raw_mode(0o600)).map_err(|error| {
        let path = String::from_utf8_lossy(path);
        NoSlot::Unopened(format!("rsync: [Receiver] failed to open lock file {path}: {}", strerror(&error)))
    })?;
    let free = (0..max).any(|slot| sys::lock(file.as_fd(), 4 * slot, 4).is_ok());
    if free { Ok(file) } else { Err(NoSlot::Full) }
}

/// The content of the message of the day; empty if it can't be read.
pub fn motd(path: &[u8]) -> Vec<u8> {
    trusted::read(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dir: &tempfile::TempDir, name: &str) -> Vec<u8> {
        dir.path().join(name).as_os_str().as_bytes().to_vec()
    }

    #[test]
    fn pid_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("pid");
        std::os::unix::fs::symlink("elsewhere", &at).unwrap();
        let file = PidFile::create(&path(&dir, "pid")).unwrap();
        assert_eq!(std::fs::read_to_string(&at).unwrap(), format!("{}\n", std::process::id()));
        assert!(!dir.path().join("elsewhere").exists(), "the link was replaced, not followed");
        drop(file);
        assert!(!at.exists());
    }

    #[test]
    fn pid_file_errors() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("big"), [b'x'; 100]).unwrap();
        let error = PidFile::create(&path(&dir, "big")).unwrap_err();
        assert!(error.starts_with("rsync: [Receiver] failed to find small pid file "), "{error}");
        let error = PidFile::create(b"/nonexistent/pid").unwrap_err();
        let expect =
            "rsync: [Receiver] failed to open pid-file directory \"/nonexistent\": No such file or directory (2)";
        assert_eq!(error, expect);
    }

    #[test]
    fn slots() {
        let dir = tempfile::tempdir().unwrap();
        let lock = path(&dir, "lock");
        assert!(take_slot(&lock, 1).is_ok());
        assert_eq!(take_slot(&lock, 0).unwrap_err(), NoSlot::Full);
        assert_eq!(take_slot(&lock, -1).unwrap_err(), NoSlot::Full);
        assert!(matches!(take_slot(b"/nonexistent/lock", 1), Err(NoSlot::Unopened(_))));
        // Locks count between processes, so another one has to find the slot taken.
        let held = take_slot(&lock, 1).unwrap();
        let script = "import fcntl,sys\nf=open(sys.argv[1],'r+')\ntry: fcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB,4,0)\nexcept OSError: sys.exit(9)";
        let lock = std::str::from_utf8(&lock).unwrap();
        let mut python = std::process::Command::new("python3");
        let status = python.args(["-c", script, lock]).status().unwrap();
        assert_eq!(status.code(), Some(9));
        drop(held);
    }
}
