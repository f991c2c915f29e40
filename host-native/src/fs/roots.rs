//! Roots and the way from a root to a file: every path is resolved beneath an open directory, never by the string alone.
//!
//! The parent of a path is opened once and kept (`O_PATH`), since asks come in the order of the file list and neighbours
//! share it; the last component is then used relative to that descriptor, without following it. A symlink on the way to
//! the parent is followed as long as it stays beneath the root (spec 3.12.2): `openat2` sees to that in the kernel, where
//! nobody can swap a component between check and use.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2, readlinkat, statat};
use rustix::io::Errno as Code;
use rustix::process::{getegid, geteuid};
use syncline_core::session::{At, Errno, HostResult, RootId};

use super::ahead::Ahead;
use super::extended::Wants;
use crate::errno::errno;

/// Parent directories that are kept open.
const KEPT_MAX: usize = 32;
/// Roots that may be open; a session needs a handful.
const ROOTS_MAX: usize = 4096;
/// How a directory is held that is only walked through.
pub const DIR: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How far a path may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Not out of the root.
    Beneath,
    /// Out of the root, but not out of the working directory, which is the daemon's module.
    Module,
    /// Wherever its symlinks point, as the user who asked for `-L` and its kin wants it.
    Anywhere,
}

/// `--confine-root`: what no path of the operator's may lead out of.
#[derive(Clone, Debug)]
struct Fence {
    root: Vec<u8>,
    /// What lies beneath the roots counts too: the operator's list names it.
    beneath: bool,
}

impl Fence {
    fn check(&self, fd: impl AsFd) -> HostResult<()> {
        let link = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
        let path = readlinkat(CWD, link.as_str(), Vec::new()).map_err(errno)?.into_bytes();
        if self.root == b"/" || is_within(&path, &self.root) { Ok(()) } else { Err(errno(Code::LOOP)) }
    }
}

/// A directory held open.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    facts: OnceLock<Facts>,
}

/// What one look at a directory tells about files made in it.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    dev: u64,
    new_uid: u32,
    new_gid: Option<u32>,
    shapes_modes: bool,
}

impl Dir {
    fn new(fd: OwnedFd) -> Arc<Dir> {
        Arc::new(Dir { fd, facts: OnceLock::new() })
    }

    /// The owner that a file made here gets: whoever we are.
    pub fn new_uid(&self) -> u32 {
        self.facts().new_uid
    }

    /// The group that a file made here gets, if that is certain. Where the directory is not setgid, a mount option may
    /// still decide between its group and ours.
    pub fn new_gid(&self) -> Option<u32> {
        self.facts().new_gid
    }

    /// Whether a default ACL has a say in the modes of what is made here.
    pub fn shapes_modes(&self) -> bool {
        self.facts().shapes_modes
    }

    /// The device that files made here are on.
    pub fn dev(&self) -> u64 {
        self.facts().dev
    }

    fn facts(&self) -> Facts {
        *self.facts.get_or_init(|| {
            let new_uid = geteuid().as_raw();
            let Ok(dir) = fstat(&self.fd) else { return Facts { new_uid, ..Facts::default() } };
            let certain = dir.st_mode & 0o2000 != 0 || dir.st_gid == getegid().as_raw();
            let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
            let default = rustix::fs::getxattr(path, "system.posix_acl_default", &mut [0u8; 64]);
            let shapes_modes = match default {
                Ok(length) => length > 0,
                Err(code) => code == Code::RANGE,
            };
            Facts { dev: dir.st_dev, new_uid, new_gid: certain.then_some(dir.st_gid), shapes_modes }
        })
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Where a path ends: an open directory and a name in it.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The parent.
    pub dir: Arc<Dir>,
    /// The last component; `.` for a root itself.
    pub name: Vec<u8>,
}

#[derive(Clone)]
struct Root {
    dir: Arc<Dir>,
    path: Vec<u8>,
}

struct Kept {
    root: RootId,
    path: Vec<u8>,
    reach: Reach,
    dir: Arc<Dir>,
}

/// All roots, and the parents kept open beneath them, the one used last in front.
#[derive(Default)]
pub struct Roots {
    roots: Vec<Root>,
    kept: Vec<Kept>,
    confined: bool,
    wary: bool,
    fence: Option<Fence>,
    walks: bool,
    version: u64,
    /// Directories may be listed that links lead to, wherever that is: the sender has replaced those links (`--copy-unsafe-links`).
    pub lists_anywhere: bool,
    /// What is looked at besides what `stat` tells.
    pub wants: Wants,
    /// Digests begun early, in a local copy.
    pub ahead: Option<Ahead>,
}

impl Roots {
    /// From now on no path leads out of the working directory, not even one that the operator gives, and no symlink that
    /// is to be followed.
    pub fn confine(&mut self) {
        self.confined = true;
        self.kept.clear();
    }

    /// From now on no directory is entered through a symlink that belongs to somebody whom we don't trust.
    pub fn beware(&mut self) {
        self.wary = true;
    }

    /// From now on directories that options name must lie within `root`, and with `beneath` all that is looked at too. Where
    /// the transfer itself begins is free.
    pub fn fence(&mut self, root: &[u8], beneath: bool) {
        let real = std::fs::canonicalize(std::ffi::OsStr::from_bytes(root));
        let root = real.map_or_else(|_| trim(root).to_vec(), |real| real.into_os_string().into_vec());
        self.fence = Some(Fence { root, beneath });
    }

    /// How far a path may lead whose symlinks are to be followed.
    pub fn following(&self, follow: bool) -> Reach {
        match follow {
            false => Reach::Beneath,
            true if self.confined => Reach::Module,
            true => Reach::Anywhere,
        }
    }

    /// Opens a path that the operator gave.
    pub fn open_operator(&self, path: &[u8], flags: OFlags) -> HostResult<OwnedFd> {
        let path = if path.is_empty() { b".".as_slice() } else { path };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
        if self.confined {
            return open_beneath(CWD, path, flags, self.walks).map_err(errno);
        }
        openat(CWD, path, flags, Mode::empty()).map_err(errno)
    }

    /// Makes a directory by a path that the operator gave.
    pub fn make_operator_dir(&self, path: &[u8], umask: u32) -> HostResult<()> {
        let mode = Mode::from_bits_truncate(0o777 & !umask);
        if !self.confined {
            return mkdirat(CWD, path, mode).map_err(errno);
        }
        let (parent, name) = split(path);
        mkdirat(self.open_operator(parent, DIR)?, name, mode).map_err(errno)
    }

    /// Opens a directory that the operator named, as a root.
    pub fn open_root(&mut self, path: &[u8]) -> HostResult<RootId> {
        let fd = if self.wary && !self.confined && !path.is_empty() {
            crate::trusted::open_aloud(path, DIR).map_err(|error| crate::errno::of_io(&error))?
        } else {
            self.open_operator(path, DIR)?
        };
        // A handle of this kind is had of any directory; one that can't be entered is told now, as changing to it would.
        statat(&fd, ".", AtFlags::empty()).map_err(errno)?;
        if let Some(fence) = self.fence.as_ref().filter(|fence| !fence.beneath && !self.roots.is_empty()) {
            fence.check(&fd)?;
        }
        self.add(Dir::new(fd), path.to_vec())
    }

    /// Opens a directory that the sending half of a local copy has entered before.
    pub fn open_source(&mut self, path: &[u8]) -> HostResult<RootId> {
        let fd = self.open_operator(path, DIR)?;
        self.add(Dir::new(fd), path.to_vec())
    }

    /// Makes a directory beneath a root a root of its own.
    pub fn open_sub_root(&mut self, at: &At) -> HostResult<RootId> {
        let dir = self.dir(at.root, trim(&at.path), Reach::Beneath)?;
        let path = self.shown(at);
        self.add(dir, path)
    }

    fn add(&mut self, dir: Arc<Dir>, path: Vec<u8>) -> HostResult<RootId> {
        if self.roots.len() >= ROOTS_MAX {
            return Err(errno(Code::MFILE));
        }
        self.version += 1;
        self.roots.push(Root { dir, path });
        Ok(RootId((self.roots.len() - 1) as u32))
    }

    /// A path as the user would write it: the root's as it was given, then the path beneath.
    pub fn shown(&self, at: &At) -> Vec<u8> {
        let root = self.roots.get(at.root.0 as usize).map_or(&b"."[..], |root| &root.path);
        match (root, trim(&at.path)) {
            (root, b".") => root.to_vec(),
            (b"" | b".", path) => path.to_vec(),
            (root, path) if root.ends_with(b"/") => [root, path].concat(),
            (root, path) => [root, b"/", path].concat(),
        }
    }

    /// The parent of a path, opened, and its last component.
    pub fn spot(&mut self, at: &At) -> HostResult<Spot> {
        self.spot_within(at, Reach::Beneath)
    }

    /// [`Roots::spot`], with symlinks on the way followed as far as `reach` says.
    pub fn spot_within(&mut self, at: &At, reach: Reach) -> HostResult<Spot> {
        let (parent, name) = split(&at.path);
        if name == b".." {
            return Err(errno(Code::LOOP));
        }
        let dir = self.dir(at.root, parent, reach)?;
        Ok(Spot { dir, name: name.to_vec() })
    }

    /// A directory beneath a root, kept open for the next time.
    pub fn dir(&mut self, root: RootId, path: &[u8], reach: Reach) -> HostResult<Arc<Dir>> {
        let top = &self.roots.get(root.0 as usize).ok_or_else(|| errno(Code::BADF))?.dir;
        let fence = self.fence.as_ref().filter(|fence| fence.beneath);
        if let Some(fence) = fence.filter(|_| path.is_empty() || path == b".") {
            fence.check(&**top)?;
        }
        if path.is_empty() || path == b"." {
            return Ok(top.clone());
        }
        let found = self.kept.iter().position(|kept| kept.root == root && kept.reach == reach && kept.path == path);
        if let Some(at) = found {
            self.kept[..=at].rotate_right(1);
            return Ok(self.kept[0].dir.clone());
        }
        let fd = match reach {
            Reach::Beneath => open_beneath(top, path, DIR, self.walks),
            Reach::Module => open_beneath(CWD, &self.shown(&At { root, path: path.to_vec() }), DIR, self.walks),
            Reach::Anywhere => openat(top, path, DIR, Mode::empty()),
        };
        let fd = fd.map_err(errno)?;
        if let Some(fence) = fence {
            fence.check(&fd)?;
        }
        let dir = Dir::new(fd);
        self.kept.truncate(KEPT_MAX - 1);
        self.kept.insert(0, Kept { root, path: path.to_vec(), reach, dir: dir.clone() });
        Ok(dir)
    }

    /// Opens a file by its whole path, following symlinks in the last place too as far as `reach` says.
    pub fn open_following(&mut self, at: &At, flags: OFlags, reach: Reach) -> HostResult<OwnedFd> {
        let top = self.dir(at.root, b".", reach)?;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
        match reach {
            Reach::Beneath => open_beneath(&*top, trim(&at.path), flags, self.walks),
            Reach::Module => open_beneath(CWD, &self.shown(at), flags, self.walks),
            Reach::Anywhere => openat(&*top, trim(&at.path), flags, Mode::empty()),
        }
        .map_err(errno)
    }

    /// Something at this path was removed, renamed or replaced, so that directories at it and below it are no longer what
    /// the path means.
    pub fn forget(&mut self, at: &At) {
        let path = trim(&at.path);
        self.kept.retain(|kept| kept.root != at.root || !is_within(&kept.path, path));
    }

    /// The same roots, for another thread.
    pub fn fork(&self) -> Roots {
        let roots = self.roots.clone();
        let fence = self.fence.clone();
        Roots {
            roots,
            confined: self.confined,
            fence,
            lists_anywhere: self.lists_anywhere,
            walks: self.walks,
            wants: self.wants,
            ahead: self.ahead.clone(),
            ..Roots::default()
        }
    }

    /// Counts the events after which a fork is out of date: new roots, and directories that were removed or renamed.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// As [`Roots::forget`], for a directory: roots may lie within each other, so what other roots keep is in doubt too.
    pub fn forget_dir(&mut self, at: &At) {
        let path = trim(&at.path);
        self.version += 1;
        self.kept.retain(|kept| kept.root == at.root && !is_within(&kept.path, path));
    }

    #[cfg(test)]
    pub(super) fn walk_always(&mut self) {
        self.walks = true;
    }
}

fn is_within(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Without slashes at the end; what is empty then is the root itself.
fn trim(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    if end == 0 { b"." } else { &path[..end] }
}

/// The parent and the last component.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let path = trim(path);
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(cut) => (&path[..cut], &path[cut + 1..]),
        None => (b".", path),
    }
}

fn open_beneath(top: impl AsFd, path: &[u8], flags: OFlags, walks: bool) -> Result<OwnedFd, Code> {
    if walks {
        return walk(top, path, flags);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // `openat2` takes no other flags beside O_PATH than those that mean something for it.
    let flags = if flags.contains(OFlags::PATH) { flags.difference(OFlags::NOCTTY) } else { flags };
    // The kernel answers EAGAIN when a rename elsewhere keeps it from being certain; that passes.
    for _ in 0..64 {
        match openat2(&top, path, flags, Mode::empty(), resolve) {
            Err(Code::AGAIN | Code::INTR) => continue,
            // Climbing out is told as a loop, as in stock rsync (spec 3.12.2).
            Err(Code::XDEV) => return Err(Code::LOOP),
            Err(Code::NOSYS | Code::PERM) => return walk(top, path, flags),
            done => return done,
        }
    }
    Err(Code::AGAIN)
}

/// For kernels and sandboxes without `openat2`: component by component, through no symlink at all.
fn walk(top: impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Code> {
    if path.starts_with(b"/") {
        return Err(Code::LOOP);
    }
    let mut at = openat(top, ".", DIR, Mode::empty())?;
    let mut components = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty() && *name != b".").peekable();
    while let Some(name) = components.next() {
        if name == b".." {
            return Err(Code::LOOP);
        }
        let flags = if components.peek().is_some() { DIR } else { flags };
        at = openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(|code| match code {
            // O_DIRECTORY with O_NOFOLLOW says ENOTDIR of a symlink; a caller who may follow should hear ELOOP.
            Code::NOTDIR if is_symlink(&at, name) => Code::LOOP,
            code => code,
        })?;
    }
    if path.iter().all(|&byte| matches!(byte, b'/' | b'.')) {
        return openat(&at, ".", flags, Mode::empty());
    }
    Ok(at)
}

fn is_symlink(dir: &OwnedFd, name: &[u8]) -> bool {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| stat.st_mode & 0o170000 == 0o120000)
}

/// What a file is that should have been a regular one but is not.
pub fn not_regular() -> Errno {
    errno(Code::NXIO)
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
