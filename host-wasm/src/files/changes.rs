//! What changes files: new versions, directories, names, times. Each is checked against the tree, and then an operation.

use syncline_core::checksum::Digest;
use syncline_core::session::{AskId, At, Commit, Create, HostResult, Output as Place, OutputError, SetErrors, SetMeta};

use super::doing::{Change, Doing};
use super::{Files, Open};
use crate::errno::{EBADF, EILSEQ, ENOTSUP, errno};
use crate::ops::What;
use crate::outputs::Output;

fn mtime_ms(mtime: (i64, u32)) -> f64 {
    mtime.0 as f64 * 1000.0 + f64::from(mtime.1 / 1_000_000)
}

impl Files {
    pub(super) fn create(&mut self, ask: AskId, create: &Create) -> Result<(), OutputError> {
        let path = self.path(&create.at).map_err(OutputError::Open)?;
        // Overwriting and appending are not offered: a browser's new version replaces the old one as a whole.
        if create.output == Place::InPlace || create.skip > 0 {
            return Err(OutputError::Open(errno(ENOTSUP)));
        }
        self.tree.find(crate::tree::split(&path).0).map_err(OutputError::Open)?;
        let basis = create.basis.as_ref().and_then(|at| self.path(at).ok()).and_then(|at| self.open_path(at).ok());
        let digest = Digest::whole_file(create.digest.0, create.digest.1);
        let output = Output::new(path.clone(), basis, create.size, digest);
        let file = self.insert(Open::Output(Box::new(output)));
        self.start(&path, What::Create { output: file }, Doing::Create { ask, file });
        Ok(())
    }

    pub(super) fn commit(&mut self, ask: AskId, commit: Commit) -> Result<(), OutputError> {
        let file = commit.file.0;
        let path = self.path(&commit.to).map_err(OutputError::Open)?;
        let Some(Open::Output(output)) = self.open.get(&file) else { return Err(OutputError::Open(errno(EBADF))) };
        if commit.backup.is_some() {
            return Err(OutputError::Backup(errno(ENOTSUP)));
        }
        let size = output.len();
        let what = What::Commit { output: file, size, mtime_ms: mtime_ms(commit.meta.mtime.unwrap_or_default()) };
        self.start(&path.clone(), what, Doing::Commit { ask, file, path, size, meta: commit.meta });
        Ok(())
    }

    pub(super) fn mkdir(&mut self, ask: AskId, path: Vec<u8>) -> HostResult<()> {
        self.tree.can_make(&path)?;
        self.start(&path.clone(), What::Mkdir, Doing::Unit { ask, change: Change::Made(path) });
        Ok(())
    }

    pub(super) fn remove(&mut self, ask: AskId, path: Vec<u8>, is_dir: bool) -> HostResult<()> {
        self.tree.can_remove(&path, is_dir)?;
        let what = if is_dir { What::Rmdir } else { What::Unlink };
        self.start(&path.clone(), what, Doing::Unit { ask, change: Change::Removed(path) });
        Ok(())
    }

    pub(super) fn rename(&mut self, ask: AskId, from: &At, to: &At) -> HostResult<()> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        self.tree.find(&from)?;
        let name = String::from_utf8(to.clone()).map_err(|_| errno(EILSEQ))?;
        let change = Change::Renamed(from.clone(), to);
        self.start(&from, What::Rename { to: name }, Doing::Unit { ask, change });
        Ok(())
    }

    /// Times are remembered; a browser has no modes and no owners.
    pub(super) fn set(&mut self, at: &At, meta: &SetMeta) -> SetErrors {
        let Ok(path) = self.path(at) else { return SetErrors::default() };
        self.tree.set(&path, meta);
        let is_file = self.tree.find(&path).is_ok_and(|node| !node.is_dir());
        if let Some(mtime) = meta.mtime.filter(|_| is_file) {
            self.start(&path, What::Stamp { mtime_ms: mtime_ms(mtime) }, Doing::Quiet);
        }
        SetErrors::default()
    }
}
