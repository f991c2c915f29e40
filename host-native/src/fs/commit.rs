//! Finishing an output: attributes, backup of what it replaces, and its name (spec 3.8.7). Until the rename the old file is
//! untouched; after it the new one is complete.

use rustix::fs::{AtFlags, fstat, fsync, linkat, renameat, unlinkat};
use rustix::io::Errno as Code;
use syncline_core::checksum::{Algorithm, Digest};
use syncline_core::session::{At, HostResult, OutputError, SetErrors, SetMeta};

use super::Fs;
use super::attributes::set_output;
use super::clone::Way;
use super::create::{Temp, make_temp};
use super::look::{REGULAR, TYPE, lstat, meta_of};
use super::output::Output;
use super::read;
use super::roots::Spot;
use super::sink::{Sink, retry};
use crate::errno::errno;

/// What is to become of an output that is complete.
pub struct Ending {
    /// Its final path.
    pub to: At,
    /// Attributes.
    pub meta: SetMeta,
    /// Where what is replaced is saved.
    pub backup: Option<At>,
    /// Whether it is flushed to the disk.
    pub sync: bool,
}

impl Fs {
    /// Gives an output its attributes and its name. If that fails, the temporary file is removed.
    pub(super) fn settle(&mut self, mut output: Output, ending: &Ending) -> Result<SetErrors, OutputError> {
        let settled = self.try_to_settle(&mut output, ending);
        if settled.as_ref().is_ok_and(|errors| *errors != SetErrors::default()) && !output.in_place {
            self.failed_temp = Some(output.shown.clone());
        }
        if settled.is_err() {
            // The first failure is the one to report.
            let _ = self.discard(output);
        } else {
            self.keep_buffer(output);
        }
        settled
    }

    fn try_to_settle(&mut self, output: &mut Output, ending: &Ending) -> Result<SetErrors, OutputError> {
        if output.digest.is_some() {
            output.finish().map_err(OutputError::Write)?;
        }
        let mut errors = set_output(output, &ending.meta, self.roots.wants.fake);
        if ending.sync {
            retry(|| fsync(output.sink.file())).map_err(|code| OutputError::Sync(errno(code)))?;
        }
        if output.in_place && output.at == ending.to {
            return Ok(errors);
        }
        let rename_error = |output: &Output, error| OutputError::Rename(output.shown.clone(), error);
        let to = self.roots.spot(&ending.to).map_err(|error| rename_error(output, error))?;
        if let Some(backup) = &ending.backup {
            self.back_up(&ending.to, &to, backup)?;
        }
        match renameat(&*output.spot.dir, output.spot.name.as_slice(), &*to.dir, to.name.as_slice()) {
            Ok(()) => {}
            Err(Code::XDEV) => errors = self.move_over(output, &to, ending)?,
            Err(code) => return Err(rename_error(output, errno(code))),
        }
        self.roots.forget(&ending.to);
        Ok(errors)
    }

    /// The temporary directory is on another file system: the bytes are copied beside the final place first, so that the
    /// last step is a rename all the same.
    fn move_over(&mut self, output: &Output, to: &Spot, ending: &Ending) -> Result<SetErrors, OutputError> {
        let mode = output.mode & 0o700 | 0o200;
        let Temp { file, spot, shown } = make_temp(&mut self.roots, &mut self.random, &ending.to, None, mode)?;
        let mut copy = Output {
            at: ending.to.clone(),
            gid: spot.dir.new_gid(),
            uid: Some(spot.dir.new_uid()),
            spot,
            shown,
            in_place: false,
            mode: REGULAR | mode,
            sink: Sink::new(file, 0, 0, false, self.buffer()),
            basis: None,
            digest: Some(Digest::whole_file(Algorithm::None, 0)),
            error: None,
        };
        let moved = self.fill_and_rename(output, &mut copy, to, ending);
        if moved.is_err() {
            let _ = self.discard(copy);
        } else {
            self.keep_buffer(copy);
            // The copy is in place; a temporary file left over is not worth failing for.
            let _ = unlinkat(&*output.spot.dir, output.spot.name.as_slice(), AtFlags::empty());
        }
        moved
    }

    fn fill_and_rename(
        &mut self,
        from: &Output,
        copy: &mut Output,
        to: &Spot,
        ending: &Ending,
    ) -> Result<SetErrors, OutputError> {
        let stat = fstat(from.sink.file()).map_err(|code| OutputError::Read(errno(code)))?;
        let size = stat.st_size as u64;
        let way = Way { devs: (stat.st_dev, copy.spot.dir.dev()), size, clone: false, sparse: false };
        self.cloning.copy(from.sink.file(), &mut copy.sink, way)?;
        copy.finish().map_err(OutputError::Write)?;
        // What the first file got, and what it had before: its mode may have been meant to stay.
        let mode = ending.meta.mode.or(Some(from.mode & 0o7777));
        let errors = set_output(copy, &SetMeta { mode, ..ending.meta.clone() }, self.roots.wants.fake);
        if ending.sync {
            retry(|| fsync(copy.sink.file())).map_err(|code| OutputError::Sync(errno(code)))?;
        }
        renameat(&*copy.spot.dir, copy.spot.name.as_slice(), &*to.dir, to.name.as_slice())
            .map_err(|code| OutputError::Rename(copy.shown.clone(), errno(code)))?;
        Ok(errors)
    }

    /// Saves what is about to be replaced: by a second link, so that its name never disappears; else by a rename; else by a
    /// copy (spec 3.8.9). Nothing there is nothing to save.
    fn back_up(&mut self, old_at: &At, old: &Spot, backup: &At) -> Result<(), OutputError> {
        let to = self.roots.spot(backup).map_err(OutputError::Backup)?;
        let link = || linkat(&*old.dir, old.name.as_slice(), &*to.dir, to.name.as_slice(), AtFlags::empty());
        let linked = match link() {
            Err(Code::EXIST) => {
                // Whatever that failed for, the second attempt says it better.
                let _ = unlinkat(&*to.dir, to.name.as_slice(), AtFlags::empty());
                link()
            }
            linked => linked,
        };
        if matches!(linked, Ok(()) | Err(Code::NOENT)) && (linked.is_ok() || lstat(&*old.dir, &old.name).is_err()) {
            return Ok(());
        }
        match renameat(&*old.dir, old.name.as_slice(), &*to.dir, to.name.as_slice()) {
            Ok(()) => Ok(()),
            Err(Code::XDEV) => self.copy_aside(old_at, backup),
            Err(code) => Err(OutputError::Backup(errno(code))),
        }
    }

    /// A backup on another file system.
    fn copy_aside(&mut self, old: &At, backup: &At) -> Result<(), OutputError> {
        let (source, meta) = read::open(&mut self.roots, old, false).map_err(OutputError::Backup)?;
        let of_backup = |error| match error {
            OutputError::Temp(_, error) | OutputError::Read(error) | OutputError::Write(error) => {
                OutputError::Backup(error)
            }
            error => error,
        };
        let mode = meta.mode & 0o700 | 0o200;
        let temp = make_temp(&mut self.roots, &mut self.random, backup, None, mode).map_err(of_backup)?;
        let mut output = Output {
            at: backup.clone(),
            gid: None,
            uid: None,
            shown: temp.shown,
            in_place: false,
            mode: REGULAR | mode,
            sink: Sink::new(temp.file, 0, 0, false, self.buffer()),
            spot: temp.spot,
            basis: None,
            digest: Some(Digest::whole_file(Algorithm::None, 0)),
            error: None,
        };
        let way = Way { devs: (meta.dev, output.spot.dir.dev()), size: meta.size, clone: true, sparse: false };
        if let Err(error) = self.cloning.copy(&source, &mut output.sink, way) {
            let _ = self.discard(output);
            return Err(of_backup(error));
        }
        let meta = SetMeta {
            uid: Some(meta.uid),
            gid: Some(meta.gid),
            mtime: Some((meta.mtime, meta.mtime_nsec)),
            atime: Some(meta.atime),
            mode: Some(meta.mode & 0o7777),
            extended: None,
        };
        let ending = Ending { to: backup.clone(), meta, backup: None, sync: false };
        self.settle(output, &ending).map(drop).map_err(of_backup)
    }

    /// Removes the temporary file of an output; one in place is left as it is.
    pub(super) fn discard(&mut self, mut output: Output) -> HostResult<()> {
        if output.in_place {
            // What arrived before the transfer broke off belongs in the file.
            let done = output.sink.flush();
            self.keep_buffer(output);
            return done.map_err(errno);
        }
        let removed = unlinkat(&*output.spot.dir, output.spot.name.as_slice(), AtFlags::empty());
        self.keep_buffer(output);
        removed.map_err(errno)
    }

    fn keep_buffer(&mut self, output: Output) {
        let (file, buffer) = output.sink.into_parts();
        drop(file);
        self.give_back(buffer);
    }
}

/// Type and mode of what is at a path, if it is a regular file.
pub fn regular_mode(spot: &Spot) -> Option<u32> {
    let stat = rustix::fs::statat(&*spot.dir, spot.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(meta_of(&stat).mode).filter(|mode| mode & TYPE == REGULAR)
}
