//! Copying a whole file on this machine, without the wire: what a transfer would do, in as few system calls as it takes.

use std::os::fd::OwnedFd;

use syncline_core::session::{At, CopyLocal, CopySource, Create, KeepMode, Meta, OutputError, SetErrors};

use super::Fs;
use super::clone::Way;
use super::commit::{Ending, regular_mode};
use super::output::Output;
use super::{create, read};
use crate::errno::errno;

/// What a file is copied from.
enum Source {
    /// A file, and what it was when it was opened.
    Open(OwnedFd, Meta),
    /// What the sending half has read already.
    Read(Vec<u8>),
}

impl Fs {
    pub(super) fn copy_local(&mut self, ask: CopyLocal) -> Result<(SetErrors, u64), OutputError> {
        let CopyLocal { from, mut create, keep_mode, mut meta, backup, sync } = ask;
        let source = self.source(from)?;
        if let Some(mode) = self.kept_mode(&create.at, keep_mode) {
            meta.mode = Some(mode);
        }
        create.basis = None;
        let buffer = self.buffer();
        let (mut output, _) = create::create(&mut self.roots, &mut self.random, &create, buffer)?;
        let bytes = match self.fill(source, &mut output, &create) {
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

    fn source(&mut self, from: CopySource) -> Result<Source, OutputError> {
        if let (CopySource::Named { root, path }, Some(handover)) = (&from, &self.handover)
            && let Some(bytes) = handover.take(root, path)
        {
            return Ok(Source::Read(bytes));
        }
        let from = self.source_path(from)?;
        let (file, found) = read::open(&mut self.roots, &from, false).map_err(OutputError::Source)?;
        Ok(Source::Open(file, found))
    }

    /// Puts all that the source has into an output; the number of bytes.
    fn fill(&mut self, source: Source, output: &mut Output, create: &Create) -> Result<u64, OutputError> {
        match source {
            Source::Read(bytes) => {
                output.sink.write(&bytes).map_err(|code| OutputError::Write(errno(code)))?;
                Ok(bytes.len() as u64)
            }
            Source::Open(file, found) => {
                let way = Way {
                    devs: (found.dev, output.spot.dir.dev()),
                    size: found.size,
                    clone: !create.preallocate && !create.sparse,
                    sparse: create.sparse,
                };
                self.cloning.copy(&file, &mut output.sink, way)
            }
        }
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
