//! A row's folders: `src` to send, `basis` to start from, `dst` to write into.

use crate::Outcome;
use crate::data::{self, Noise};
use crate::rows::{Basis, Row, Source};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The folders; they are removed when the row is over.
pub struct Scene {
    pub root: PathBuf,
    basis: Basis,
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Nothing can be done about a failure here that the next run would not tell.
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Scene {
    /// Makes the source and what the destination starts from.
    pub fn create(row: &Row, dir: &Path, scale: f64) -> Outcome<Scene> {
        let scene = Scene { root: dir.join(format!("versus.{}", std::process::id())), basis: row.basis };
        scene.fill(row.source, scale).map_err(|error| format!("{}: {error}", scene.root.display()))?;
        Ok(scene)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn fill(&self, source: Source, scale: f64) -> io::Result<()> {
        let scaled = |count: u64| ((count as f64 * scale) as u64).max(1);
        let (src, basis) = (self.path("src"), self.path("basis"));
        for dir in [&src, &basis, &self.path("dst")] {
            fs::create_dir_all(dir)?;
        }
        let (from, to) = (src.join("file"), basis.join("file"));
        let len = match source {
            Source::Noise(mib) => scaled(mib << 20),
            Source::Text(mib) => scaled(mib << 20),
            Source::Files(..) => 0,
        };
        match source {
            Source::Noise(_) => data::noise(&from, len, 1)?,
            Source::Text(_) => data::text(&from, len)?,
            Source::Files(count, max) => data::files(&src, scaled(count), max)?,
        }
        match self.basis {
            Basis::Nothing => return Ok(()),
            Basis::Same => return copy(&src, &self.path("dst")),
            Basis::Edits => edit(&from, &to, len)?,
            Basis::Shift => shift(&from, &to)?,
            Basis::Other => data::noise(&to, len, 2)?,
        }
        // An older time, or a file of the same size would pass for unchanged.
        let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
        File::options().write(true).open(&to)?.set_modified(an_hour_ago)
    }

    /// Puts the destination into the state that each run starts from.
    pub fn prepare(&self) -> Outcome<()> {
        let dst = self.path("dst");
        let renew = || {
            if self.basis == Basis::Same {
                return Ok(());
            }
            fs::remove_dir_all(&dst)?;
            fs::create_dir(&dst)?;
            if self.basis == Basis::Nothing { Ok(()) } else { copy(&self.path("basis"), &dst) }
        };
        renew().map_err(|error: io::Error| format!("{}: {error}", dst.display()))
    }

    /// Fails unless the destination is what `-a` makes of the source.
    pub fn check(&self) -> Outcome<()> {
        same(&self.path("src"), &self.path("dst"))
    }
}

/// By another program than either of those compared.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cp: {status}"))) }
}

fn edit(from: &Path, to: &Path, len: u64) -> io::Result<()> {
    fs::copy(from, to)?;
    let file = File::options().write(true).open(to)?;
    let mut noise = Noise::new(5);
    let mut bytes = [0; 32];
    for _ in 0..500 {
        noise.fill(&mut bytes);
        file.write_all_at(&bytes, noise.below(len.saturating_sub(32).max(1)))?;
    }
    file.set_len(len)
}

fn shift(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    from.read_exact(&mut [0])?;
    io::copy(&mut from, &mut to).map(|_| ())
}

fn same(a: &Path, b: &Path) -> Outcome<()> {
    let of = |path: &Path| fs::symlink_metadata(path).map_err(|error| format!("{}: {error}", path.display()));
    let (x, y) = (of(a)?, of(b)?);
    // Whole seconds: rsync leaves a time alone that differs by less.
    let facts = |m: &fs::Metadata| (m.mode(), m.mtime(), m.uid(), m.gid());
    if facts(&x) != facts(&y) {
        return Err(format!("{}: attributes differ", b.display()));
    }
    if !x.is_dir() {
        return same_bytes(a, b, x.len(), y.len());
    }
    let names = names(a)?;
    if names != self::names(b)? {
        return Err(format!("{}: names differ", b.display()));
    }
    names.iter().try_for_each(|name| same(&a.join(name), &b.join(name)))
}

fn names(dir: &Path) -> Outcome<Vec<std::ffi::OsString>> {
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
