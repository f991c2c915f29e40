//! Looking: what files are, what is in directories, and the digests of files.

use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno as Code;
use syncline_core::checksum::{Algorithm, Digest, DigestValue};
use syncline_core::flist::verify::unsafe_symlink;
use syncline_core::session::{At, Dirent, Follow, HostResult, Meta, RootId};

use super::extended;
use super::read::{READ, digest_whole};
use super::roots::{Roots, not_regular};
use crate::errno::errno;

/// The bits of a mode that say what a file is.
pub const TYPE: u32 = 0o170000;
/// A regular file.
pub const REGULAR: u32 = 0o100000;
/// A directory.
pub const DIRECTORY: u32 = 0o040000;
/// A symlink.
pub const SYMLINK: u32 = 0o120000;
/// A block device.
pub const BLOCK: u32 = 0o060000;
/// A character device.
pub const CHARACTER: u32 = 0o020000;
/// Bytes of names that are read from a directory at once.
const NAMES_BYTES: usize = 64 << 10;

/// What the kernel knows of a file, as the engine wants it.
#[allow(clippy::unnecessary_cast, reason = "the width of some fields depends on the architecture")]
pub fn meta_of(stat: &Stat) -> Meta {
    let rdev = stat.st_rdev;
    Meta {
        mode: stat.st_mode,
        size: stat.st_size as u64,
        mtime: stat.st_mtime,
        mtime_nsec: stat.st_mtime_nsec as u32,
        atime: stat.st_atime,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: (rustix::fs::major(rdev), rustix::fs::minor(rdev)),
        dev: stat.st_dev,
        ino: stat.st_ino,
        nlink: stat.st_nlink as u64,
        target: None,
        extended: None,
    }
}

/// Looks at a name in a directory, not following a symlink there.
pub fn lstat(dir: impl AsFd, name: &[u8]) -> HostResult<Meta> {
    let stat = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(errno)?;
    let mut meta = meta_of(&stat);
    if meta.mode & TYPE == SYMLINK {
        let target = readlinkat(&dir, name, Vec::new()).map_err(errno)?;
        meta.target = Some(target.into_bytes().into_boxed_slice());
    }
    Ok(meta)
}

/// [`syncline_core::session::Ask::StatPath`].
pub fn stat_path(roots: &Roots, path: &[u8]) -> HostResult<Meta> {
    let file = roots.open_operator(path, OFlags::PATH)?;
    fstat(&file).map(|stat| meta_of(&stat)).map_err(errno)
}

/// [`syncline_core::session::Ask::Stat`].
pub fn stat(roots: &mut Roots, at: &At, follow: Follow) -> HostResult<Meta> {
    let reach = roots.following(follow != Follow::No);
    let spot = roots.spot_within(at, reach)?;
    let meta = lstat(&*spot.dir, &spot.name)?;
    let mut meta = followed(roots, at, meta, follow)?;
    if meta.extended.is_none() {
        extended::add(&mut meta, &spot.dir, &spot.name, roots.wants);
    }
    Ok(meta)
}

/// [`syncline_core::session::Ask::StatMany`].
pub fn stat_many(roots: &mut Roots, root: RootId, paths: Vec<Vec<u8>>) -> Vec<HostResult<Meta>> {
    let one = |path| {
        let spot = roots.spot(&At { root, path })?;
        let mut meta = lstat(&*spot.dir, &spot.name)?;
        extended::add(&mut meta, &spot.dir, &spot.name, roots.wants);
        Ok(meta)
    };
    paths.into_iter().map(one).collect()
}

/// What stands for `meta`, which is what is at `at`, if symlinks are treated as `follow` says.
fn followed(roots: &mut Roots, at: &At, meta: Meta, follow: Follow) -> HostResult<Meta> {
    let Some(target) = &meta.target else { return Ok(meta) };
    match follow {
        Follow::No => Ok(meta),
        Follow::All => referent(roots, at),
        Follow::Directories => Ok(referent(roots, at).ok().filter(|to| to.mode & TYPE == DIRECTORY).unwrap_or(meta)),
        Follow::Unsafe if unsafe_symlink(target, &at.path) => referent(roots, at),
        Follow::Unsafe => Ok(meta),
    }
}

fn referent(roots: &mut Roots, at: &At) -> HostResult<Meta> {
    let reach = roots.following(true);
    let file = roots.open_following(at, OFlags::PATH, reach)?;
    let mut meta = fstat(&file).map(|stat| meta_of(&stat)).map_err(errno)?;
    extended::add_open(&mut meta, &file, roots.wants);
    Ok(meta)
}

/// [`syncline_core::session::Ask::List`].
pub fn list(roots: &mut Roots, at: &At, follow: Follow, algorithm: Option<Algorithm>) -> HostResult<Vec<Dirent>> {
    let reach = roots.following(follow != Follow::No || roots.lists_anywhere);
    let path = if at.path.is_empty() { b".".as_slice() } else { &at.path };
    let dir = roots.dir(at.root, path, reach)?;
    let mut entries = Vec::new();
    for (name, _) in names(&*dir)? {
        let mut meta = lstat(&*dir, &name);
        let mut opened_through_link = false;
        if follow != Follow::No && meta.as_ref().is_ok_and(|meta| meta.target.is_some()) {
            let child = At { root: at.root, path: join(path, &name) };
            meta = meta.and_then(|meta| followed(roots, &child, meta, follow));
            opened_through_link = true;
        }
        if let Ok(meta) = &mut meta
            && meta.extended.is_none()
        {
            extended::add(meta, &dir, &name, roots.wants);
        }
        let digest =
            algorithm.filter(|_| meta.as_ref().is_ok_and(|meta| meta.mode & TYPE == REGULAR)).map(|algorithm| {
                let digest = if opened_through_link {
                    let child = At { root: at.root, path: join(path, &name) };
                    roots
                        .open_following(&child, READ, reach)
                        .and_then(|file| digest_whole(&file, Digest::list(algorithm)))
                } else {
                    digest_in(roots, &*dir, &name, &join(path, &name), algorithm)
                };
                digest.unwrap_or_else(|_| DigestValue::zero(algorithm.digest_bytes()))
            });
        entries.push(Dirent { name, meta, digest });
    }
    Ok(entries)
}

/// [`syncline_core::session::Ask::List`], where types are enough: most file systems tell them with the names.
pub fn list_briefly(roots: &mut Roots, at: &At) -> HostResult<Vec<Dirent>> {
    let reach = roots.following(roots.lists_anywhere);
    let dir = roots.dir(at.root, if at.path.is_empty() { b"." } else { &at.path }, reach)?;
    let one = |(name, kind): (Vec<u8>, FileType)| {
        let told = !matches!(kind, FileType::Directory | FileType::Unknown) && !roots.wants.fake;
        let meta = if told {
            Ok(Meta { mode: kind.as_raw_mode(), ..Meta::default() })
        } else {
            lstat(&*dir, &name).map(|mut meta| {
                extended::add(&mut meta, &dir, &name, roots.wants);
                meta
            })
        };
        Dirent { name, meta, digest: None }
    };
    Ok(names(&*dir)?.into_iter().map(one).collect())
}

/// The names in a directory and what the system says they are, in the order that it gives. All are read before any is looked at, so that the kernel works
/// through the directory in one go.
fn names(dir: impl AsFd) -> HostResult<Vec<(Vec<u8>, FileType)>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(dir, ".", flags, Mode::empty()).map_err(errno)?;
    let mut buffer = vec![MaybeUninit::uninit(); NAMES_BYTES];
    let mut entries = RawDir::new(dir, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push((name.to_vec(), entry.file_type())),
            },
            Err(Code::INTR) => {}
            Err(code) => return Err(errno(code)),
        }
    }
    Ok(names)
}

/// [`syncline_core::session::Ask::Digest`].
pub fn digest(roots: &mut Roots, at: &At, algorithm: Algorithm) -> HostResult<DigestValue> {
    let spot = roots.spot(at)?;
    digest_in(roots, &*spot.dir, &spot.name, &at.path, algorithm)
}

/// The digest of the file `name` in an open directory, whose whole path is `path`.
fn digest_in(roots: &Roots, dir: impl AsFd, name: &[u8], path: &[u8], algorithm: Algorithm) -> HostResult<DigestValue> {
    let file = openat(dir, name, READ | OFlags::NOFOLLOW, Mode::empty()).map_err(errno)?;
    let stat = fstat(&file).map_err(errno)?;
    if stat.st_mode & TYPE != REGULAR {
        return Err(not_regular());
    }
    if let Some(known) = roots.ahead.as_ref().and_then(|ahead| ahead.digest(path, &stat, algorithm)) {
        return Ok(known);
    }
    digest_whole(&file, Digest::list(algorithm))
}

/// The path of a name in a directory.
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() || dir == b"." { name.to_vec() } else { [dir, b"/", name].concat() }
}
