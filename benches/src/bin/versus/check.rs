//! Whether a destination is what it should be.

use crate::Outcome;
use crate::data;
use crate::xattr;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Fails unless `b` has the entries of `a` (without those that the rules leave out, if it is `ruled`), with their bytes,
/// attributes, links among each other, and holes.
pub fn same(a: &Path, b: &Path, ruled: bool) -> Outcome<()> {
    Compare { ruled, twins: HashMap::new() }.entry(a, b)
}

/// Fails unless each file in `b` is the one in `a`.
pub fn linked(a: &Path, b: &Path) -> Outcome<()> {
    let (x, y) = (of(a)?, of(b)?);
    if x.is_dir() {
        return names(a)?.iter().try_for_each(|name| linked(&a.join(name), &b.join(name)));
    }
    if x.ino() == y.ino() { Ok(()) } else { Err(format!("{}: is a file of its own", b.display())) }
}

struct Compare {
    ruled: bool,
    /// Which file of `b` a file of `a` is that has several names.
    twins: HashMap<u64, u64>,
}

impl Compare {
    fn entry(&mut self, a: &Path, b: &Path) -> Outcome<()> {
        let (x, y) = (of(a)?, of(b)?);
        // Whole seconds: rsync leaves a time alone that differs by less.
        let facts = |m: &Metadata| (m.mode(), m.mtime(), m.uid(), m.gid());
        if facts(&x) != facts(&y) || xattrs(a)? != xattrs(b)? {
            return Err(format!("{}: attributes differ", b.display()));
        }
        if !x.is_dir() {
            return self.file(a, b, &x, &y);
        }
        let mut names = names(a)?;
        if self.ruled {
            names.retain(|name| !data::is_left_out(name));
        }
        if names != self::names(b)? {
            return Err(format!("{}: names differ", b.display()));
        }
        names.iter().try_for_each(|name| self.entry(&a.join(name), &b.join(name)))
    }

    fn file(&mut self, a: &Path, b: &Path, x: &Metadata, y: &Metadata) -> Outcome<()> {
        if x.nlink() > 1 {
            let twin = *self.twins.entry(x.ino()).or_insert(y.ino());
            // A row with --link-dest has links to the outside as well.
            if twin != y.ino() || x.nlink() != y.nlink() {
                return Err(format!("{}: links differ", b.display()));
            }
        }
        // Only a file with holes tells whether holes were kept, and file systems do not cut them at the same places.
        if x.blocks() * 512 < x.len() / 2 && y.blocks() > x.blocks() + x.blocks() / 4 {
            return Err(format!("{}: holes are filled", b.display()));
        }
        same_bytes(a, b, x.len(), y.len())
    }
}

fn of(path: &Path) -> Outcome<Metadata> {
    fs::symlink_metadata(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn xattrs(path: &Path) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    xattr::all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn names(dir: &Path) -> Outcome<Vec<OsString>> {
    let read = || fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    let mut names = read().map_err(|error| format!("{}: {error}", dir.display()))?;
    names.sort();
    Ok(names)
}

fn same_bytes(a: &Path, b: &Path, a_len: u64, b_len: u64) -> Outcome<()> {
    let compare = || -> io::Result<bool> {
        let (mut x, mut y) = (File::open(a)?, File::open(b)?);
        let size = a_len.clamp(1, 1 << 20) as usize;
        let (mut left, mut right) = (vec![0; size], vec![0; size]);
        let mut at = 0;
        while at < a_len {
            let now = size.min((a_len - at) as usize);
            x.read_exact(&mut left[..now])?;
            y.read_exact(&mut right[..now])?;
            if left[..now] != right[..now] {
                return Ok(false);
            }
            at += now as u64;
        }
        Ok(true)
    };
    match compare() {
        Ok(true) if a_len == b_len => Ok(()),
        Ok(_) => Err(format!("{}: bytes differ", b.display())),
        Err(error) => Err(format!("{}: {error}", b.display())),
    }
}
