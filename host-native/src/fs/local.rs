//! Copying a whole file on this machine, without the wire: what a transfer would do, in as few system calls as it takes.

use syncline_core::session::{At, CopyLocal, CopySource, KeepMode, OutputError, SetErrors};

use super::Fs;
use super::clone::Way;
use super::commit::{Ending, regular_mode};
use super::{create, read};

impl Fs {
    pub(super) fn copy_local(&mut self, ask: CopyLocal) -> Result<(SetErrors, u64), OutputError> {
        let CopyLocal { from, mut create, keep_mode, mut meta, backup, sync } = ask;
        let from = self.source_path(from)?;
        let (source, found) = read::open(&mut self.roots, &from, false).map_err(OutputError::Source)?;
        if let Some(mode) = self.kept_mode(&create.at, keep_mode) {
            meta.mode = Some(mode);
        }
        create.basis = None;
        let buffer = self.buffer();
        let (mut output, _) = create::create(&mut self.roots, &mut self.random, &create, buffer)?;
        let way = Way {
            devs: (found.dev, output.spot.dir.dev()),
            size: found.size,
            clone: !create.preallocate && !create.sparse,
            sparse: create.sparse,
        };
        let bytes = match self.cloning.copy(&source, &mut output.sink, way) {
            Ok(bytes) => bytes,
            Err(error) => {
                // The copy failed; that the rest can't be removed either would only hide why.
                let _ = self.discard(output);
                return Err(error);
            }
        };
        let ending = Ending { to: create.at, meta, backup, sync };
        self.settle(output, &ending).map(|errors| (errors, bytes))
    }

    fn source_path(&mut self, from: CopySource) -> Result<At, OutputError> {
        match from {
            CopySource::Beneath(at) => Ok(at),
            CopySource::Named { root, path } => {
                if let Some(&root) = self.sources.get(&root) {
                    return Ok(At { root, path });
                }
                let id = self.roots.open_source(&root).map_err(OutputError::Source)?;
                self.sources.insert(root, id);
                Ok(At { root: id, path })
            }
        }
    }

    /// The permission bits that a replaced file keeps (spec 3.9.2).
    fn kept_mode(&mut self, at: &At, keep: KeepMode) -> Option<u32> {
        if keep == KeepMode::No {
            return None;
        }
        let spot = self.roots.spot(at).ok()?;
        let mode = regular_mode(&spot)? & 0o7777;
        Some(match keep {
            KeepMode::Executability(source) => executable_like(mode, source),
            KeepMode::No | KeepMode::Yes => mode,
        })
    }
}

/// `mode`, executable if `source` is: wherever it is readable, unless it is executable for somebody already.
fn executable_like(mode: u32, source: u32) -> u32 {
    match (source & 0o111 != 0, mode & 0o111 != 0) {
        (false, _) => mode & !0o111,
        (true, false) => mode | (mode & 0o444) >> 2,
        (true, true) => mode,
    }
}

#[cfg(test)]
mod tests {
    use super::executable_like;

    #[test]
    fn executability_follows_the_source() {
        for (mode, source, expect) in [
            (0o644, 0o755, 0o755),
            (0o640, 0o100, 0o750),
            (0o744, 0o755, 0o744),
            (0o755, 0o644, 0o644),
            (0o600, 0o600, 0o600),
        ] {
            assert_eq!(executable_like(mode, source), expect, "{mode:o} {source:o}");
        }
    }
}
