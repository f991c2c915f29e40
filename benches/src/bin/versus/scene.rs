//! A row's folders: `src` to send, `basis` to start from, `dst` to write into.

use crate::Outcome;
use crate::check;
use crate::data::{self, Noise};
use crate::rows::{Basis, Row, Source};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
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
            Source::Image(mib, _) => scaled(mib << 20),
            Source::Files(..) | Source::Links(..) | Source::Tagged(..) => 0,
        };
        match source {
            Source::Noise(_) => data::noise(&from, len, 1)?,
            Source::Text(_) => data::text(&from, len)?,
            Source::Image(_, mib) => data::image(&from, len, scaled(mib << 20))?,
            Source::Files(count, max) => data::files(&src, scaled(count), max)?,
            Source::Links(names, of_each) => data::links(&src, scaled(names), of_each)?,
            Source::Tagged(count, max) => data::tagged(&src, scaled(count), max)?,
        }
        match self.basis {
            Basis::Nothing => return Ok(()),
            Basis::Same => return copy(&src, &self.path("dst")),
            Basis::Ruled => {
                data::rules(&self.path("rules"))?;
                copy(&src, &self.path("dst"))?;
                return thin_out(&self.path("dst"));
            }
            Basis::Beside => return copy(&src, &basis),
            Basis::More(count) => {
                // Half of them beside files that stay, half in folders that go.
                data::named(&basis, "more", scaled(count / 2), 256)?;
                data::named(&basis.join("more"), "more", scaled(count / 2), 256)?;
                return copy(&src, &basis);
            }
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
            if matches!(self.basis, Basis::Same | Basis::Ruled) {
                return Ok(());
            }
            fs::remove_dir_all(&dst)?;
            fs::create_dir(&dst)?;
            if matches!(self.basis, Basis::Nothing | Basis::Beside) { Ok(()) } else { copy(&self.path("basis"), &dst) }
        };
        renew().map_err(|error: io::Error| format!("{}: {error}", dst.display()))
    }

    /// Fails unless the destination is what the row's options make of the source.
    pub fn check(&self) -> Outcome<()> {
        let (src, dst) = (self.path("src"), self.path("dst"));
        check::same(&src, &dst, self.basis == Basis::Ruled)?;
        if self.basis == Basis::Beside { check::linked(&self.path("basis"), &dst) } else { Ok(()) }
    }
}

/// By another program than either of those compared.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cp: {status}"))) }
}

fn thin_out(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            thin_out(&entry.path())?;
        } else if data::is_left_out(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    // Its time is the source's, as it was before.
    Ok(())
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
