//! Everything that has a name but no contents to transfer: directories, symlinks, devices, hard links; and taking names
//! away.

use rustix::fs::{AtFlags, FileType, Mode, linkat, makedev, mkdirat, mknodat, renameat, symlinkat, unlinkat};
use rustix::io::Errno as Code;
use syncline_core::session::{At, HostResult, Reply};

use super::Fs;
use super::create::parent;
use super::fake;
use super::look::{SYMLINK, join, lstat};
use super::roots::{Dir, Spot};
use super::temp::TRIES;
use crate::errno::errno;

/// A non-directory that is to go.
pub struct Doomed(Spot);

impl Doomed {
    /// Removes it.
    pub fn unlink(self) -> HostResult<()> {
        unlinkat(&*self.0.dir, self.0.name.as_slice(), AtFlags::empty()).map_err(errno)
    }
}

impl Fs {
    pub(super) fn mkdir(&mut self, at: &At, mode: u32) -> HostResult<()> {
        let spot = self.roots.spot(at)?;
        let mode = if self.roots.wants.fake { mode & 0o777 | 0o700 } else { mode };
        mkdirat(&*spot.dir, spot.name.as_slice(), Mode::from_bits_truncate(mode)).map_err(errno)
    }

    pub(super) fn symlink(&mut self, at: &At, target: &[u8], replace: bool) -> HostResult<()> {
        let fake = self.roots.wants.fake;
        self.make(at, replace, |dir, name| {
            if fake { fake::make(dir, name, SYMLINK | 0o777, (0, 0), target) } else { symlinkat(target, dir, name) }
        })
    }

    pub(super) fn mknod(&mut self, at: &At, mode: u32, rdev: (u32, u32), replace: bool) -> HostResult<()> {
        let (kind, bits) = (FileType::from_raw_mode(mode), Mode::from_bits_truncate(mode & 0o7777));
        let fake = self.roots.wants.fake;
        self.make(at, replace, |dir, name| match fake {
            true => fake::make(dir, name, mode, rdev, b""),
            false => mknodat(dir, name, kind, bits, makedev(rdev.0, rdev.1)),
        })
    }

    pub(super) fn link(&mut self, from: &At, to: &At, replace: bool) -> HostResult<()> {
        let from = self.roots.spot(from)?;
        self.make(to, replace, |dir, name| linkat(&*from.dir, from.name.as_slice(), dir, name, AtFlags::empty()))
    }

    /// Makes something under its name, or under a temporary one that is then renamed over what is there.
    fn make(&mut self, at: &At, replace: bool, make: impl Fn(&Dir, &[u8]) -> Result<(), Code>) -> HostResult<()> {
        let spot = self.roots.spot(at)?;
        if !replace {
            return make(&spot.dir, &spot.name).map_err(errno);
        }
        for _ in 0..TRIES {
            let temp = self.random.temp_number(&spot.name);
            match make(&spot.dir, &temp) {
                Err(Code::EXIST) => continue,
                Err(code) => {
                    self.failed_temp = Some(join(parent(&at.path), &temp));
                    return Err(errno(code));
                }
                Ok(()) => {}
            }
            let renamed = renameat(&*spot.dir, temp.as_slice(), &*spot.dir, spot.name.as_slice());
            // Left behind not only by a failure: renaming over another link of the same file does nothing at all.
            let _ = unlinkat(&*spot.dir, temp.as_slice(), AtFlags::empty());
            self.roots.forget(at);
            return renamed.map_err(errno);
        }
        Err(errno(Code::EXIST))
    }

    pub(super) fn rename(&mut self, from: &At, to: &At) -> HostResult<()> {
        let (old, new) = (self.roots.spot(from)?, self.roots.spot(to)?);
        let renamed = renameat(&*old.dir, old.name.as_slice(), &*new.dir, new.name.as_slice());
        self.roots.forget_dir(from);
        self.roots.forget_dir(to);
        renamed.map_err(errno)
    }

    pub(super) fn unlink(&mut self, at: &At) -> HostResult<()> {
        self.doomed(at)?.unlink()
    }

    /// What is to be removed, found: any thread can do the rest.
    pub fn doomed(&mut self, at: &At) -> HostResult<Doomed> {
        let spot = self.roots.spot(at)?;
        self.roots.forget(at);
        Ok(Doomed(spot))
    }

    pub(super) fn rmdir(&mut self, at: &At) -> HostResult<()> {
        let spot = self.roots.spot(at)?;
        let removed = unlinkat(&*spot.dir, spot.name.as_slice(), AtFlags::REMOVEDIR);
        if removed.is_ok() {
            self.roots.forget_dir(at);
        }
        removed.map_err(errno)
    }

    pub(super) fn remove_source(&mut self, at: &At, size: u64, mtime: i64, mtime_nsec: u32) -> Reply {
        let spot = match self.roots.spot(at) {
            Ok(spot) => spot,
            Err(error) => return Reply::Unit(Err(error)),
        };
        match lstat(&*spot.dir, &spot.name) {
            Err(error) => Reply::Unit(Err(error)),
            Ok(meta) => {
                let same_time = meta.mtime == mtime && (mtime_nsec == 0 || meta.mtime_nsec == mtime_nsec);
                if meta.size != size || !same_time {
                    return Reply::Changed;
                }
                self.roots.forget(at);
                Reply::Unit(Doomed(spot).unlink())
            }
        }
    }
}
