//! The end of a file's transfer: is it what the sender has, and if so its attributes, its backup, its name (spec 3.8.7). It runs
//! beside the receiver, which is at the next file by then.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::ask::{Ask, At, Commit, FileId, Meta, OutputError, Reply};
use super::decide::{self, Item};
use super::files::basis;
use super::partial::{make_partial_dir, partial_path, place_for_partial, remove_partial};
use super::receiving::Rx;
use super::say::Class;
use super::show::{self, ItemRecord};
use crate::checksum::DigestValue;
use crate::options::Info;
use crate::{Error, Exit, report};

/// An output that is complete, on its way to its name.
pub(crate) struct Finishing {
    pub(crate) rx: Rx,
    pub(crate) item: Item,
    pub(crate) record: ItemRecord,
    pub(crate) file: FileId,
    pub(crate) in_place: bool,
    pub(crate) existing: Option<Meta>,
    pub(crate) expected: DigestValue,
}

impl Finishing {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let cx = self.rx.cx.clone();
        let digest = match cx.ask(Ask::Finish { file: self.file }).await {
            Reply::Finished(Ok(digest)) => digest,
            Reply::Finished(Err(error)) => {
                show::output_error(&cx, "receiver", &self.item.path, None, &error);
                return Err(Error::host(Exit::FILE_IO, Vec::new()));
            }
            _ => return Err(Error::host(Exit::FILE_IO, super::context::wrong_kind().text.into_bytes())),
        };
        let ok = digest == self.expected;
        let o = &cx.config.options;
        let delayed = ok && o.delay_updates;
        let keep = ok || self.in_place || o.partial;
        if !keep {
            let _ = cx.unit(Ask::Discard { file: self.file }).await;
        } else {
            let aside = (!ok && !self.in_place) || delayed;
            let partial = if aside { place_for_partial(&self.rx, &self.item.path).await } else { None };
            if let Some(partial) = &partial
                && !make_partial_dir(&cx, &self.rx, partial).await
            {
                let _ = cx.unit(Ask::Discard { file: self.file }).await;
                self.no_partial_dir(ok);
                return Ok(());
            }
            let to_partial = partial.is_some();
            if !self.commit(ok, partial).await? {
                self.rx.settled(self.item.ndx);
                return Ok(());
            }
            if !to_partial
                && self.record.basis == basis::PARTIAL_DIR
                && let Some(partial) = partial_path(&self.rx, &self.item.path)
            {
                remove_partial(&cx, &self.rx, partial).await;
            }
        }
        if delayed {
            self.rx.delayed.borrow_mut().insert(self.item.ndx);
            self.rx.settled(self.item.ndx);
        } else if !ok {
            self.failed_verification();
        }
        Ok(())
    }

    /// Sets attributes and renames. False if that failed, which was said.
    async fn commit(&self, ok: bool, partial: Option<At>) -> Result<bool, Error> {
        let cx = &self.rx.cx;
        let o = &cx.config.options;
        let (rx, item) = (&self.rx, &self.item);
        let mode = decide::wanted_mode(o, &rx.powers, item, self.existing.as_ref());
        let (uid, gid) = cx.config.ids;
        let current = match (&self.existing, self.in_place) {
            (Some(meta), true) => Meta { mtime: i64::MIN, ..meta.clone() },
            _ => Meta { uid, gid, mtime: i64::MIN, mode: !mode, ..Meta::default() },
        };
        let mut meta = decide::to_set(o, &rx.powers, item, &current, mode, true);
        super::xattrs::add(&rx.powers, item, self.existing.as_ref().filter(|_| self.in_place), &mut meta);
        if !ok {
            meta.mtime = None;
            meta.atime = None;
        }
        let final_path = At { root: rx.dest(), path: item.path.clone() };
        let backup = if partial.is_none() && o.backup && !self.in_place {
            match super::backup::prepare(rx, &item.path).await {
                Ok(backup) => backup,
                Err(errno) => {
                    let _ = cx.unit(Ask::Discard { file: self.file }).await;
                    show::output_error(cx, "receiver", &item.path, None, &OutputError::Backup(errno));
                    return Err(Error::host(Exit::FILE_IO, Vec::new()));
                }
            }
        } else {
            None
        };
        let installs = partial.is_none();
        let backed_up = backup.clone();
        let chowns = meta.uid.is_some();
        let commit = Commit { file: self.file, to: partial.unwrap_or(final_path), meta, backup, sync: o.fsync };
        let (temp, reply) = cx.make(Ask::Commit(Box::new(commit))).await;
        match reply {
            Reply::Committed(Ok((errors, _))) => {
                if let Some(to) = &backed_up {
                    super::backup::say_backed_up(rx, &item.path, to);
                }
                show::set_errors(cx, "receiver", temp.as_deref().unwrap_or(&item.path), chowns, errors);
                if ok && installs {
                    stored(rx, item);
                }
                Ok(true)
            }
            Reply::Committed(Err(error)) => {
                if show::output_error(cx, "receiver", &item.path, None, &error) {
                    return Err(Error::host(Exit::FILE_IO, Vec::new()));
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Stock only says so; a file that is lost should show in the exit code too.
    fn no_partial_dir(&self, ok: bool) {
        let what: &[u8] = if ok { b"completed file." } else { b"partial file." };
        let text =
            [b"Unable to create partial-dir for ".as_slice(), &self.item.path, b" -- discarding ", what].concat();
        self.rx.cx.say(Class::Transfer, text);
        self.rx.settled(self.item.ndx);
    }

    fn failed_verification(&self) {
        let cx = &self.rx.cx;
        let o = &cx.config.options;
        let again = self.rx.fail(self.item.ndx);
        let fate = if self.in_place { report::text::Fate::Retained } else { report::text::Fate::Discarded };
        if again {
            if o.levels.info(Info::Name) >= 1 || show::itemizes(cx) {
                cx.say(Class::Warning, report::text::failed_verification(&self.item.name, fate, true));
            }
        } else {
            cx.say(Class::Transfer, report::text::failed_verification(&self.item.name, fate, false));
        }
        self.rx.settled(self.item.ndx);
    }
}

/// A file is complete and in place.
pub(crate) fn stored(rx: &Rx, item: &Item) {
    show::success_if_wanted(&rx.cx, item.ndx);
    rx.transfer_ended(item.ndx, true);
    rx.settled(item.ndx);
}
