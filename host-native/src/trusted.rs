//! Opening what the operator named: a symlink on the way is followed only if it belongs to root or to the user that we are, so
//! that nobody else can redirect it (spec 3.12.2, 5.9.5). `--insecure-links` does without.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, readlinkat, statat};

use crate::daemon::sys;

const LINKS_MAX: u32 = 40;
/// What is said before the error.
const REFUSED: &str = "refusing to follow a symlink owned by an untrusted user; use --insecure-links locally or \
    \"insecure links = yes\" in a daemon module ONLY if every path component is trusted";

/// Opens a path for a user who sees standard error, and says there if it is refused for a link on the way.
pub fn open_aloud(path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let mut refused = false;
    let opened = walk(path, flags, Mode::empty(), &mut refused);
    if refused {
        eprintln!("{REFUSED}");
    }
    opened
}

/// Reads a whole file; as [`open_aloud`].
pub fn read_aloud(path: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::from(open_aloud(path, OFlags::RDONLY)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file.
pub fn open(path: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    walk(path, flags, mode, &mut false)
}

fn walk(path: &[u8], flags: OFlags, mode: Mode, refused: &mut bool) -> io::Result<OwnedFd> {
    if path.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut dir: Option<OwnedFd> = None;
    let mut parts = VecDeque::new();
    let mut links = 0;
    push_front(&mut parts, path);
    loop {
        let part = parts.pop_front().ok_or(io::ErrorKind::NotFound)?;
        let is_last = parts.is_empty();
        if is_last && dir.as_ref().is_some_and(is_magic) {
            // What such a link shows is no path: the kernel alone can follow it.
            return Ok(openat(
                dir.as_ref().expect("it was just looked at"),
                part.as_slice(),
                flags | OFlags::CLOEXEC,
                mode,
            )?);
        }
        if let Some(target) = link_target(&dir, &part, refused)? {
            links += 1;
            if links > LINKS_MAX {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            push_front(&mut parts, &target);
            continue;
        }
        let how = if is_last { flags } else { OFlags::DIRECTORY | OFlags::PATH };
        let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match &dir {
            Some(dir) => openat(dir, part.as_slice(), how, mode),
            None => openat(CWD, part.as_slice(), how, mode),
        }?;
        if is_last {
            return Ok(opened);
        }
        dir = Some(opened);
    }
}

/// Whether links in this directory are the kernel's own (`/proc/self/fd`).
fn is_magic(dir: &OwnedFd) -> bool {
    const PROC_SUPER_MAGIC: u64 = 0x9fa0;
    rustix::fs::fstatfs(dir).is_ok_and(|stat| stat.f_type as u64 == PROC_SUPER_MAGIC)
}

/// Where a symlink leads, if `part` is one; an error if it belongs to somebody whom we don't trust.
fn link_target(dir: &Option<OwnedFd>, part: &[u8], refused: &mut bool) -> io::Result<Option<Vec<u8>>> {
    let found = match dir {
        Some(dir) => statat(dir, part, AtFlags::SYMLINK_NOFOLLOW),
        None => statat(CWD, part, AtFlags::SYMLINK_NOFOLLOW),
    };
    let Ok(stat) = found else {
        return Ok(None); // opening it says what is wrong, or creates it
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Ok(None);
    }
    if stat.st_uid != 0 && stat.st_uid != sys::euid() {
        *refused = true;
        return Err(io::Error::from_raw_os_error(libc::ELOOP));
    }
    let target = match dir {
        Some(dir) => readlinkat(dir, part, Vec::new()),
        None => readlinkat(CWD, part, Vec::new()),
    }?;
    Ok(Some(target.into_bytes()))
}

/// Puts the components of a path in front; a leading slash becomes a component of its own, which restarts the walk.
fn push_front(parts: &mut VecDeque<Vec<u8>>, path: &[u8]) {
    for part in path.split(|&byte| byte == b'/').rev() {
        if !part.is_empty() {
            parts.push_front(part.to_vec());
        }
    }
    if path.first() == Some(&b'/') {
        parts.push_front(b"/".to_vec());
    }
}

/// Reads a whole file.
pub fn read(path: &[u8]) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::from(open(path, OFlags::RDONLY, Mode::empty())?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{lchown, symlink};

    #[test]
    fn follows_our_own_links() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(at("d/file"), "text").unwrap();
        symlink(at("d"), at("absolute")).unwrap();
        symlink("../d/file", at("d/relative")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let bytes = |name: &str| read(at(name).as_os_str().as_bytes());
        assert_eq!(bytes("d/file").unwrap(), b"text");
        assert_eq!(bytes("absolute/relative").unwrap(), b"text");
        assert_eq!(bytes("loop").unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert_eq!(bytes("d/none").unwrap_err().kind(), io::ErrorKind::NotFound);
        // Only root can give a link away, so only root can see it refused.
        if sys::euid() == 0 {
            lchown(at("absolute"), Some(12345), None).unwrap();
            assert_eq!(bytes("absolute/file").unwrap_err().raw_os_error(), Some(libc::ELOOP));
        }
    }
}
