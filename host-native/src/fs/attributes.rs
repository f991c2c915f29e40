//! Setting owner, group, times and mode: of an open output before it gets its name, and of a path without following it.
//! The order is that of spec 3.9.1: the owner first, since that may clear setuid bits, the mode last.

use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::fs::{chmodat, chownat, fchmod, fchown, fstat, futimens, openat, utimensat};
use rustix::io::Errno as Code;
use syncline_core::session::{HostResult, SetErrors, SetMeta};

use super::extended::{Part, set_name, set_open};
use super::fake;
use super::fchmodat2::fchmodat2;
use super::look::{SYMLINK, TYPE, lstat};
use super::output::Output;
use super::roots::Spot;
use crate::errno::errno;

/// Sets what is to be set on the file of an output, skipping what it has already.
pub fn set_output(output: &mut Output, meta: &SetMeta, fake: bool) -> SetErrors {
    if fake {
        return set_fake_output(output, meta);
    }
    let mut errors = SetErrors::default();
    let file = output.sink.file();
    let uid = meta.uid.filter(|&uid| output.uid != Some(uid));
    let gid = meta.gid.filter(|&gid| output.gid != Some(gid));
    if uid.is_some() || gid.is_some() {
        match fchown(file, uid.map(Uid::from_raw), gid.map(Gid::from_raw)) {
            Ok(()) => {
                output.uid = uid.or(output.uid);
                output.gid = gid.or(output.gid);
                output.mode &= !0o6000;
            }
            Err(code) => {
                // As with stock, nothing more is set on what can't be given to its owner, or has no right to its time.
                errors.owner = Some(errno(code));
                return errors;
            }
        }
    }
    set_open(file, Part::Xattrs, meta.extended.as_deref(), &mut errors.extended);
    if let Some(times) = times_of(meta) {
        errors.times = futimens(file, &times).err().map(errno);
        if errors.times.is_some() {
            return errors;
        }
    }
    if let Some(extended) = &meta.extended {
        set_open(file, Part::Acls { fake: false }, Some(extended), &mut errors.extended);
        if extended.access.is_some() {
            // That may have changed the mode.
            output.mode = fstat(file).map_or(u32::MAX, |stat| stat.st_mode);
        }
    }
    if let Some(mode) = meta.mode.map(|mode| mode & 0o7777).filter(|&mode| mode != output.mode & 0o7777) {
        match fchmod(file, Mode::from_bits_truncate(mode)) {
            Ok(()) => output.mode = output.mode & TYPE | mode,
            Err(code) => errors.mode = Some(errno(code)),
        }
    }
    errors
}

/// With `--fake-super`: what only root could set is written down.
fn set_fake_output(output: &Output, meta: &SetMeta) -> SetErrors {
    let file = output.sink.file();
    let mut errors = fake::set_open(file, meta);
    set_open(file, Part::Xattrs, meta.extended.as_deref(), &mut errors.extended);
    if let Some(times) = times_of(meta) {
        errors.times = futimens(file, &times).err().map(errno);
    }
    set_open(file, Part::Acls { fake: true }, meta.extended.as_deref(), &mut errors.extended);
    errors
}

/// Sets attributes of a path; a symlink in the last place has them itself.
pub fn set_path(spot: HostResult<Spot>, meta: &SetMeta, fake: bool) -> SetErrors {
    let wanted = |wanted: bool, error: &syncline_core::session::Errno| wanted.then(|| error.clone());
    let spot = match spot {
        Ok(spot) => spot,
        Err(error) => {
            return SetErrors {
                owner: wanted(meta.uid.is_some() || meta.gid.is_some(), &error),
                times: wanted(meta.mtime.is_some() || meta.atime.is_some(), &error),
                mode: wanted(meta.mode.is_some(), &error),
                extended: Vec::new(),
            };
        }
    };
    let (dir, name) = (&*spot.dir, spot.name.as_slice());
    let faked = if fake { fake::set_name(&spot, meta) } else { None };
    let real = faked.is_none();
    let mut errors = faked.unwrap_or_default();
    if real && (meta.uid.is_some() || meta.gid.is_some()) {
        let (uid, gid) = (meta.uid.map(Uid::from_raw), meta.gid.map(Gid::from_raw));
        errors.owner = chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW).err().map(errno);
        if errors.owner.is_some() {
            return errors;
        }
    }
    let extended = meta.extended.as_deref();
    set_name(dir, name, Part::Xattrs, extended, &mut errors.extended);
    if let Some(times) = times_of(meta) {
        errors.times = utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW).err().map(errno);
        if errors.times.is_some() {
            // With `--fake-super` the mode was tried before; for stock that comes last, and so is not told.
            return SetErrors { mode: None, ..errors };
        }
    }
    set_name(dir, name, Part::Acls { fake }, extended, &mut errors.extended);
    if let Some(mode) = meta.mode.filter(|_| real) {
        errors.mode = chmod(dir, name, mode & 0o7777).err();
    }
    errors
}

fn times_of(meta: &SetMeta) -> Option<Timestamps> {
    if meta.mtime.is_none() && meta.atime.is_none() {
        return None;
    }
    let omitted = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    // The nanoseconds come from a peer; a whole second or more would be refused.
    let mtime = |(tv_sec, nsec): (i64, u32)| Timespec { tv_sec, tv_nsec: nsec.min(999_999_999).into() };
    Some(Timestamps {
        last_access: meta.atime.map_or(omitted, |tv_sec| Timespec { tv_sec, tv_nsec: 0 }),
        last_modification: meta.mtime.map_or(omitted, mtime),
    })
}

/// Sets the mode of a name in a directory, never that of what a symlink points to. A symlink has no mode on Linux: nothing
/// is done then.
pub fn chmod(dir: impl AsFd, name: &[u8], mode: u32) -> HostResult<()> {
    match fchmodat2(dir.as_fd(), name, mode) {
        Ok(()) => return Ok(()),
        Err(Code::OPNOTSUPP) if is_symlink(&dir, name) => return Ok(()),
        // A kernel before 6.6, a sandbox that doesn't know the call, or a file system without it.
        Err(Code::NOSYS | Code::PERM | Code::OPNOTSUPP) => {}
        Err(code) => return Err(errno(code)),
    }
    chmod_pinned(dir, name, mode)
}

/// Without `fchmodat2`: the file is pinned by a descriptor first, and then changed through that.
fn chmod_pinned(dir: impl AsFd, name: &[u8], mode: u32) -> HostResult<()> {
    let file = openat(&dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
    if fstat(&file).map_err(errno)?.st_mode & TYPE == SYMLINK {
        return Ok(());
    }
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let bits = Mode::from_bits_truncate(mode);
    match chmodat(CWD, link.as_str(), bits, AtFlags::empty()) {
        // No /proc here, as in a chroot. Someone would have to win a race inside the root to misuse what is left.
        Err(Code::NOENT) => chmodat(&dir, name, bits, AtFlags::empty()).map_err(errno),
        done => done.map_err(errno),
    }
}

fn is_symlink(dir: impl AsFd, name: &[u8]) -> bool {
    lstat(dir, name).is_ok_and(|meta| meta.mode & TYPE == SYMLINK)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn both_ways_of_chmod_leave_symlinks_alone() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("f"), "").unwrap();
        symlink("f", tmp.path().join("l")).unwrap();
        let dir = openat(CWD, tmp.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mode = || tmp.path().join("f").metadata().unwrap().mode() & 0o7777;
        chmod(&dir, b"f", 0o4640).unwrap();
        chmod(&dir, b"l", 0o777).unwrap();
        assert_eq!(mode(), 0o4640);
        chmod_pinned(&dir, b"f", 0o711).unwrap();
        chmod_pinned(&dir, b"l", 0o777).unwrap();
        assert_eq!(mode(), 0o711);
        assert!(chmod(&dir, b"none", 0).unwrap_err().is_not_found());
        assert!(chmod_pinned(&dir, b"none", 0).unwrap_err().is_not_found());
    }
}
