//! `--fake-super`: what only root could give a file is written down in an attribute of it (spec 2.13.4, 3.9.4). Whoever looks
//! through here sees the owner, the device, the set-id bits that are written there; on the disk is a plain file of the user.

use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fstat, openat, statat, unlinkat};
use rustix::io::{Errno as Code, pread, write};
use syncline_core::session::{HostResult, Meta, SetErrors, SetMeta};

use super::attributes::chmod;
use super::extended::{File, with_name};
use super::look::{DIRECTORY, REGULAR, SYMLINK, TYPE, meta_of};
use super::roots::{Dir, Spot};
use crate::errno::errno;

/// The attribute.
const NAME: &[u8] = b"user.rsync.%stat";
/// Longest text that it can have.
const TEXT_BYTES_MAX: usize = 128;
/// Longest symlink target that is read from a file.
const TARGET_BYTES_MAX: u64 = 4096;

/// What is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    mode: u32,
    rdev: (u32, u32),
    uid: u32,
    gid: u32,
}

impl Stat {
    fn of(meta: &Meta) -> Stat {
        Stat { mode: meta.mode, rdev: meta.rdev, uid: meta.uid, gid: meta.gid }
    }

    /// `MODE MAJOR,MINOR UID:GID`, the mode octal with its type.
    fn parse(text: &[u8]) -> Option<Stat> {
        let text = std::str::from_utf8(text).ok()?.trim_end_matches('\0');
        let mut parts = text.split_ascii_whitespace();
        let (mode, rdev, ids) = (parts.next()?, parts.next()?, parts.next()?);
        let ((major, minor), (uid, gid)) = (rdev.split_once(',')?, ids.split_once(':')?);
        let number = |text: &str| text.parse().ok();
        Some(Stat {
            mode: u32::from_str_radix(mode, 8).ok()?,
            rdev: (number(major)?, number(minor)?),
            uid: number(uid)?,
            gid: number(gid)?,
        })
    }

    fn text(&self) -> String {
        format!("{:o} {},{} {}:{}", self.mode, self.rdev.0, self.rdev.1, self.uid, self.gid)
    }

    /// The bits that the file itself has.
    fn real_bits(&self) -> u32 {
        self.mode & 0o777 | if self.mode & TYPE == DIRECTORY { 0o700 } else { 0o600 }
    }
}

fn may_carry(mode: u32) -> bool {
    matches!(mode & TYPE, REGULAR | DIRECTORY)
}

fn read(file: File<'_>) -> Option<Stat> {
    let mut text = [0; TEXT_BYTES_MAX];
    let len = file.get(NAME, &mut text).ok()?;
    Stat::parse(&text[..len])
}

fn see(meta: &mut Meta, stat: Stat) {
    // A symlink's file holds the target, a device's nothing.
    (meta.mode, meta.rdev, meta.uid, meta.gid) = (stat.mode, stat.rdev, stat.uid, stat.gid);
}

/// Shows what is written down for a name in a directory.
pub fn apply(meta: &mut Meta, dir: &Dir, name: &[u8]) {
    if !may_carry(meta.mode) {
        return;
    }
    if let Ok(Some(stat)) = with_name(dir, name, |file| Ok(read(file))) {
        see(meta, stat);
        if stat.mode & TYPE == SYMLINK {
            meta.target = target(dir, name, meta.size);
        }
    }
}

/// Shows what is written down for an open file.
pub fn apply_open(meta: &mut Meta, file: File<'_>) {
    if may_carry(meta.mode)
        && let Some(stat) = read(file)
    {
        see(meta, stat);
    }
}

fn target(dir: &Dir, name: &[u8], size: u64) -> Option<Box<[u8]>> {
    let file = openat(dir, name, super::read::READ | OFlags::NOFOLLOW, Mode::empty()).ok()?;
    let mut text = vec![0; size.min(TARGET_BYTES_MAX) as usize];
    let len = pread(&file, &mut text, 0).ok()?;
    text.truncate(len);
    Some(text.into_boxed_slice())
}

/// Writes down owner and mode, and gives the file the bits that it can have. `real` is what the system says of it.
fn store(file: File<'_>, real: &Meta, set: &SetMeta, chmod: impl Fn(u32) -> HostResult<()>) -> SetErrors {
    let mut errors = SetErrors::default();
    let known = read(file);
    let now = known.unwrap_or(Stat::of(real));
    let wanted = Stat {
        mode: now.mode & TYPE | set.mode.map_or(now.mode & 0o7777, |mode| mode & 0o7777),
        uid: set.uid.unwrap_or(now.uid),
        gid: set.gid.unwrap_or(now.gid),
        ..now
    };
    let bits = wanted.real_bits();
    if bits != real.mode & 0o7777 {
        errors.mode = chmod(bits).err();
    }
    let needless = wanted == Stat { mode: real.mode & TYPE | bits, rdev: wanted.rdev, uid: real.uid, gid: real.gid };
    let done = match known {
        _ if known == Some(wanted) && !needless => Ok(()),
        None if needless => Ok(()),
        Some(_) if needless => file.remove(NAME),
        _ => file.set(NAME, wanted.text().as_bytes()),
    };
    errors.owner = done.err().map(errno);
    errors
}

fn concerns(set: &SetMeta) -> bool {
    set.uid.is_some() || set.gid.is_some() || set.mode.is_some()
}

/// In place of chown and chmod for a name in a directory; `None` if that has to be done by them.
pub fn set_name(spot: &Spot, set: &SetMeta) -> Option<SetErrors> {
    let (dir, name) = (&*spot.dir, spot.name.as_slice());
    let real = meta_of(&statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?);
    if !may_carry(real.mode) {
        return None;
    }
    if !concerns(set) {
        return Some(SetErrors::default());
    }
    with_name(dir, name, |file| Ok(store(file, &real, set, |bits| chmod(dir, name, bits)))).ok()
}

/// In place of chown and chmod for an open file.
pub fn set_open(file: &std::os::fd::OwnedFd, set: &SetMeta) -> SetErrors {
    use std::os::fd::AsFd;
    match fstat(file) {
        Ok(real) if concerns(set) => store(File::Open(file.as_fd()), &meta_of(&real), set, |bits| {
            fchmod(file, Mode::from_bits_truncate(bits)).map_err(errno)
        }),
        Ok(_) => SetErrors::default(),
        Err(code) => SetErrors { owner: Some(errno(code)), ..SetErrors::default() },
    }
}

/// Makes a file that stands for a symlink, device, fifo or socket.
pub fn make(dir: &Dir, name: &[u8], mode: u32, rdev: (u32, u32), content: &[u8]) -> Result<(), Code> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, name, flags, Mode::from_bits_truncate(0o600))?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let stat = Stat { mode, rdev, uid, gid };
    let fill = || {
        let mut rest = content;
        while !rest.is_empty() {
            rest = &rest[write(&file, rest)?..];
        }
        use std::os::fd::AsFd;
        fchmod(&file, Mode::from_bits_truncate(stat.real_bits()))?;
        File::Open(file.as_fd()).set(NAME, stat.text().as_bytes())
    };
    fill().inspect_err(|_| {
        // A file that stands for nothing would be taken for one.
        let _ = unlinkat(dir, name, AtFlags::empty());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let stat = Stat { mode: 0o104755, rdev: (0, 0), uid: 1, gid: 2 };
        assert_eq!(stat.text(), "104755 0,0 1:2");
        assert_eq!(Stat::parse(b"104755 0,0 1:2"), Some(stat));
        assert_eq!(Stat::parse(b"20644 1,300 0:0").map(|stat| stat.rdev), Some((1, 300)));
        for text in ["", "644", "644 0,0", "8 0,0 0:0", "644 0 0:0", "644 0,0 0"] {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!((stat.real_bits(), Stat { mode: 0o040000, ..stat }.real_bits()), (0o755, 0o700));
    }
}
