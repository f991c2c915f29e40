//! Removing one entry, a directory with all that it holds.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::{Outcome, Removing};
use super::{join, sort_for_removal};
use crate::Error;
use crate::session::ask::{Ask, Errno, HostResult, Meta, SetMeta};
use crate::session::decide::{DIRECTORY, SYMLINK, TYPE};
use crate::session::generator::Generator;
use crate::session::say::Class;
use crate::session::task;

/// Files that are removed together at most.
const AT_ONCE: usize = 128;

impl Generator {
    /// Removes an entry, a directory with all that it holds. `counted`: it counts and is shown; what makes way for a new
    /// entry doesn't, but what lies in it does.
    pub(super) fn remove<'a>(&'a mut self, path: &'a [u8], meta: &'a Meta, counted: bool) -> Removing<'a> {
        Box::pin(async move {
            if meta.mode & TYPE != DIRECTORY {
                return self.remove_leaf(path, meta, counted).await;
            }
            self.make_writable(path, meta).await;
            match self.empty_directory(path).await? {
                Outcome::Removed => self.remove_leaf(path, meta, counted).await,
                stays => {
                    self.say_not_empty(path);
                    if self.removal.depth > 0 {
                        // As stock does: such a directory is tried all the same, unless it is the outermost, which says so once
                        // more, counts at the limit, and looks deleted in a dry run.
                        self.remove_leaf(path, meta, counted).await?;
                    }
                    Ok(stays)
                }
            }
        })
    }

    pub(super) fn say_not_empty(&self, path: &[u8]) {
        self.cx.say(Class::Info, [b"cannot delete non-empty directory: ".as_slice(), path].concat());
    }

    pub(super) fn say_not_backed_up(&self, path: &[u8], errno: &Errno) {
        let what = [b"delete_file: make_backup(".as_slice(), path, b") failed"].concat();
        self.cx.say_errno(Class::Transfer, "generator", &what, errno);
    }

    /// A directory without the owner's write bit could not be emptied by its owner. If that can't be helped, the deletions
    /// in it will say so.
    pub(super) async fn make_writable(&self, path: &[u8], meta: &Meta) {
        if self.rx.powers.root || meta.mode & 0o200 != 0 || self.cx.config.options.dry_run {
            return;
        }
        let set = SetMeta { mode: Some((meta.mode | 0o200) & 0o7777), ..SetMeta::default() };
        let _ = self.cx.ask(Ask::SetMeta { at: self.at(path), meta: set }).await;
    }

    /// Empties a directory that is to go.
    pub(super) async fn empty_directory(&mut self, path: &[u8]) -> Result<Outcome, Error> {
        let entries = match self.list_dir(path).await {
            Ok(entries) => entries,
            Err(errno) => {
                // It may be empty, so removing it is tried all the same.
                self.unreadable(path, &errno);
                return Ok(Outcome::Removed);
            }
        };
        self.enter_filters(path).await?;
        let mut outcome = Outcome::Removed;
        let mut inside: Vec<(Vec<u8>, Meta)> = Vec::new();
        for entry in entries {
            let Ok(meta) = entry.meta else { continue };
            let path = join(path, &entry.name);
            if self.protected(&path, meta.mode & TYPE == DIRECTORY, true) {
                outcome = Outcome::Stays;
            } else {
                inside.push((path, meta));
            }
        }
        sort_for_removal(&mut inside, self.cx.protocol());
        self.removal.depth += 1;
        let removed = self.remove_all(&inside).await?;
        self.removal.depth -= 1;
        Ok(if removed == Outcome::Removed { outcome } else { removed })
    }

    /// Removes entries in their order. Files that follow each other are asked for together, so that a host with several
    /// processors can use them.
    pub(super) async fn remove_all(&mut self, entries: &[(Vec<u8>, Meta)]) -> Result<Outcome, Error> {
        let o = &self.cx.config.options;
        let together = !o.dry_run && !o.backup && o.max_delete.is_none();
        let mut outcome = Outcome::Removed;
        let mut rest = entries;
        while let [(path, meta), behind @ ..] = rest {
            let run = rest.iter().take(AT_ONCE).take_while(|(_, meta)| meta.mode & TYPE != DIRECTORY).count();
            let one = if together && run > 1 {
                let (now, later) = rest.split_at(run);
                rest = later;
                self.unlink_all(now).await
            } else {
                rest = behind;
                self.remove(path, meta, true).await?
            };
            if one != Outcome::Removed && outcome != Outcome::Limit {
                outcome = one;
            }
        }
        Ok(outcome)
    }

    async fn unlink_all(&mut self, files: &[(Vec<u8>, Meta)]) -> Outcome {
        let cx = self.cx.clone();
        let unlink = |(path, _): &(Vec<u8>, Meta)| cx.unit(Ask::Unlink { at: self.at(path) });
        let results = task::all(files.iter().map(unlink)).await;
        let mut outcome = Outcome::Removed;
        for ((path, meta), result) in files.iter().zip(results) {
            if self.conclude(path, meta, true, result) != Outcome::Removed {
                outcome = Outcome::Stays;
            }
        }
        outcome
    }

    pub(super) fn is_at_limit(&self) -> bool {
        self.cx.config.options.max_delete.is_some_and(|max| self.removal.done >= max.max(0) as u64)
    }

    pub(super) async fn remove_leaf(&mut self, path: &[u8], meta: &Meta, counted: bool) -> Result<Outcome, Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        if counted && self.is_at_limit() {
            self.removal.skipped += 1;
            return Ok(Outcome::Limit);
        }
        let is_dir = meta.mode & TYPE == DIRECTORY;
        if !o.dry_run {
            let result = if is_dir {
                cx.unit(Ask::Rmdir { at: self.at(path) }).await
            } else if o.backup && !self.is_backup_name(path) {
                if let Err(errno) = self.backup(path, meta).await {
                    self.say_not_backed_up(path, &errno);
                    return Ok(Outcome::Stays);
                }
                match cx.unit(Ask::Unlink { at: self.at(path) }).await {
                    Err(errno) if errno.is_not_found() => Ok(()),
                    result => result,
                }
            } else {
                cx.unit(Ask::Unlink { at: self.at(path) }).await
            };
            return Ok(self.conclude(path, meta, counted, result));
        }
        Ok(self.conclude(path, meta, counted, Ok(())))
    }

    /// Tells how a removal ended.
    fn conclude(&mut self, path: &[u8], meta: &Meta, counted: bool, result: HostResult<()>) -> Outcome {
        let is_dir = meta.mode & TYPE == DIRECTORY;
        match result {
            Ok(()) => {}
            Err(errno) if is_dir && errno.code == Errno::ENOTEMPTY => {
                self.say_not_empty(path);
                return Outcome::Stays;
            }
            Err(errno) if errno.is_not_found() => return Outcome::Removed,
            Err(errno) => {
                let call = if is_dir { "rmdir" } else { "unlink" };
                let mut what = format!("delete_file: {call}(").into_bytes();
                what.extend_from_slice(path);
                what.extend_from_slice(b") failed");
                self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
                return Outcome::Stays;
            }
        }
        if counted {
            self.removal.done += 1;
            self.count(meta);
            crate::session::show::deleted(&self.cx, path, is_dir);
        }
        Outcome::Removed
    }

    pub(super) fn count(&self, meta: &Meta) {
        let mut stats = self.cx.stats.borrow_mut();
        match meta.mode & TYPE {
            DIRECTORY => stats.deleted.dirs += 1,
            SYMLINK => stats.deleted.links += 1,
            0o020000 | 0o060000 => stats.deleted.devices += 1,
            0o010000 | 0o140000 => stats.deleted.specials += 1,
            _ => stats.deleted.files += 1,
        }
    }
}
