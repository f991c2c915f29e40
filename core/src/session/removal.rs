//! Deletion: what the list doesn't hold is removed from the destination, and what stands in the way of a new entry
//! (spec 2.16, 3.11.1, 4.20).

mod remove;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

use super::ask::{Ask, Dirent, Errno, Follow, Meta, Reply};
use super::context::{Context, io_error};
use super::decide::{DIRECTORY, Item, TYPE};
use super::generator::Generator;
use super::receiving::Rx;
use super::say::Class;
use crate::Error;
use crate::filter::Check;
use crate::flist::order::{Key, Order, compare};
use crate::options::{Debug, Delete, Info};

/// What deletions have to remember.
#[derive(Default)]
pub(crate) struct Removal {
    /// Deletions done, for `--max-delete`.
    done: u64,
    /// Deletions left undone because of `--max-delete`.
    skipped: u64,
    /// How many directories that are to go the walk is in.
    depth: u32,
    /// That an I/O error stopped deletions was said.
    said_guard: bool,
    /// Found during the transfer, removed after it (`--delete-delay`).
    delayed: Vec<(Vec<u8>, Meta)>,
}

/// How removing something ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Removed,
    /// It, or something in it, stays.
    Stays,
    /// `--max-delete` is reached.
    Limit,
}

type Removing<'a> = Pin<Box<dyn Future<Output = Result<Outcome, Error>> + 'a>>;

impl Removal {
    /// Whether a daemon's own rules hide this name.
    pub(crate) fn hidden_by_daemon(&self, rx: &Rx, path: &[u8], is_dir: bool) -> bool {
        rx.cx.daemon_hides(&rx.dest_path.borrow(), path, is_dir)
    }

    /// Says at the end that `--max-delete` stopped deletions.
    pub(crate) fn report_limit(&self, cx: &Context) {
        if self.skipped > 0 {
            let text = format!("Deletions stopped due to --max-delete limit ({} skipped)", self.skipped);
            cx.say(Class::Warning, text);
            cx.add_io_error(io_error::DEL_LIMIT);
        }
    }
}

impl Generator {
    /// Whether a pass over the whole destination makes sense.
    pub(crate) fn may_delete_everywhere(&self) -> bool {
        let empty = self.rx.lists.borrow().is_empty();
        !empty
            && !self.rx.dest_missing.get()
            && !self.cx.config.options.listing
            && self.rx.local_name.borrow().is_none()
    }

    /// An error at the sender makes its list incomplete: then nothing may be deleted.
    pub(crate) fn guarded(&mut self, list: usize) -> bool {
        let o = &self.cx.config.options;
        let ignore = o.ignore_errors || self.cx.config.module.as_ref().is_some_and(|m| m.ignore_errors);
        // What is wrong with later lists is not known yet.
        let known = self.cx.own_errors.get() & io_error::GENERAL != 0
            || self.rx.bad_list.get() <= list && self.rx.bad_list.get() < usize::MAX;
        if !known || ignore {
            return false;
        }
        if !self.removal.said_guard {
            self.removal.said_guard = true;
            self.cx.say(Class::Info, "IO error encountered -- skipping file deletion");
        }
        true
    }

    /// The pass of `--delete-before` and `--delete-after`.
    pub(crate) async fn delete_everywhere(&mut self) -> Result<(), Error> {
        let tells = self.cx.config.options.levels.debug(Debug::Del) >= 1;
        let (_, len) = self.rx.bounds(0);
        for at in 0..len {
            if let Some(item) = self.item(self.rx.ndx_at(0, at))
                && item.is_dir()
                && item.content_dir
            {
                if tells && item.top_dir {
                    self.cx.say(Class::Info, [b"deleting in ".as_slice(), &item.path].concat());
                }
                if self.is_directory_here(&item).await {
                    self.delete_in(&item, 0).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the destination has a directory there. Before the transfer it may have nothing, or something else. What can't
    /// be looked at counts as one: that it can't be read either will be said.
    async fn is_directory_here(&self, item: &Item) -> bool {
        if self.is_missing_below(&item.path) {
            return false;
        }
        match self.look(item).await {
            Ok(meta) => meta.mode & TYPE == DIRECTORY,
            Err(errno) => !errno.is_not_found() && errno.code != Errno::ENOTDIR,
        }
    }

    /// Deletes what one directory holds and the list doesn't.
    pub(crate) async fn delete_in(&mut self, dir: &Item, list: usize) -> Result<(), Error> {
        if self.rx.local_name.borrow().is_some() || self.is_missing_below(&dir.path) || self.guarded(list) {
            return Ok(());
        }
        let found = self.extraneous(dir, list).await?;
        if self.delete_when() == Delete::Delay {
            self.removal.delayed.extend(found);
        } else {
            self.remove_all(&found).await?;
        }
        Ok(())
    }

    /// What was found by `--delete-delay`.
    pub(crate) async fn delete_delayed(&mut self) -> Result<(), Error> {
        let delayed = core::mem::take(&mut self.removal.delayed);
        self.remove_all(&delayed).await.map(drop)
    }

    /// The entries of a directory at the destination that the list has not, in the order in which they go.
    async fn extraneous(&mut self, dir: &Item, list: usize) -> Result<Vec<(Vec<u8>, Meta)>, Error> {
        let entries = match self.list_dir(&dir.path).await {
            Ok(entries) => entries,
            Err(errno) => {
                self.unreadable(&dir.path, &errno);
                return Ok(Vec::new());
            }
        };
        self.enter_filters(&dir.path).await?;
        let one_fs = self.cx.config.options.one_file_system > 0;
        let dev = if one_fs { self.look(dir).await.ok().map(|m| m.dev) } else { None };
        let tells_rules = self.cx.config.options.levels.debug(Debug::Filter) >= 1;
        let mut found = Vec::new();
        for entry in entries {
            let Ok(meta) = entry.meta else { continue };
            let path = join(&dir.path, &entry.name);
            let is_dir = meta.mode & TYPE == DIRECTORY;
            // Rules are asked first where the user wants to hear what they say of names that stay anyway.
            let stays = match tells_rules {
                true => self.protected(&path, is_dir, false) || self.rx.holds(list, &path),
                false => self.rx.holds(list, &path) || self.protected(&path, is_dir, false),
            };
            if stays {
                continue;
            }
            if is_dir && dev.is_some_and(|dev| dev != meta.dev) {
                if self.cx.config.options.levels.info(Info::Mount) >= 1 {
                    self.cx.say(Class::Info, [b"cannot delete mount point: ".as_slice(), &path].concat());
                }
                continue;
            }
            found.push((path, meta));
        }
        sort_for_removal(&mut found, self.cx.protocol());
        Ok(found)
    }

    /// Says that a directory can't be read. After that nothing more is deleted.
    fn unreadable(&self, path: &[u8], errno: &Errno) {
        if !errno.is_not_found() && errno.code != Errno::ENOTDIR {
            let what = super::show::quoted(&self.cx, b"opendir ", path, b" failed");
            self.cx.say_errno(Class::Transfer, "generator", &what, errno);
            self.cx.add_io_error(io_error::GENERAL);
        }
    }

    async fn list_dir(&self, path: &[u8]) -> Result<Vec<Dirent>, Errno> {
        // A backup needs to know more of a file than that it goes.
        let brief = !self.cx.config.options.backup;
        let ask = Ask::List { at: self.at(path), follow: Follow::No, digest: None, brief };
        match self.cx.ask(ask).await {
            Reply::Listing(listing) => listing,
            _ => Err(super::context::wrong_kind()),
        }
    }

    /// Whether the receiving side's rules keep this name.
    fn protected(&self, path: &[u8], is_dir: bool, inside_doomed: bool) -> bool {
        let check = Check { in_deletion: inside_doomed, ..Check::RECEIVER };
        self.rx.filters.excludes(&self.cx, path, is_dir, check) || self.removal.hidden_by_daemon(&self.rx, path, is_dir)
    }

    /// Removes what stands in the way of a new entry: a directory with contents only when deleting is allowed.
    pub(crate) async fn remove_obstacle(&mut self, path: &[u8], there: &Meta) -> Result<bool, Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        if there.mode & TYPE == DIRECTORY && !o.force && o.delete == Delete::Off {
            let removed = match self.holds_something(path).await? {
                true => Err(Errno::not_empty()),
                false if o.dry_run => Ok(()),
                false => cx.unit(Ask::Rmdir { at: self.at(path) }).await,
            };
            return match removed {
                Ok(()) => Ok(true),
                Err(errno) if errno.code == Errno::ENOTEMPTY => {
                    self.say_not_empty(path);
                    Ok(false)
                }
                Err(errno) => {
                    let what = [b"delete_file: rmdir(".as_slice(), path, b") failed"].concat();
                    cx.say_errno(Class::Transfer, "generator", &what, &errno);
                    Ok(false)
                }
            };
        }
        if there.mode & TYPE == DIRECTORY {
            return Ok(self.remove(path, there, false).await? == Outcome::Removed);
        }
        if o.dry_run {
            return Ok(true);
        }
        if let Err(errno) = self.backup(path, there).await {
            self.say_not_backed_up(path, &errno);
            return Ok(false);
        }
        match cx.unit(Ask::Unlink { at: self.at(path) }).await {
            Err(errno) if !errno.is_not_found() => {
                let what = [b"delete_file: unlink(".as_slice(), path, b") failed"].concat();
                cx.say_errno(Class::Transfer, "generator", &what, &errno);
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// Whether a directory in the way is not empty. Rules may have something to say of what it holds.
    async fn holds_something(&mut self, path: &[u8]) -> Result<bool, Error> {
        let Ok(entries) = self.list_dir(path).await else { return Ok(false) };
        if self.cx.config.options.levels.debug(Debug::Filter) >= 1 {
            self.enter_filters(path).await?;
            for entry in &entries {
                let is_dir = entry.meta.as_ref().is_ok_and(|meta| meta.mode & TYPE == DIRECTORY);
                self.protected(&join(path, &entry.name), is_dir, true);
            }
        }
        Ok(!entries.is_empty())
    }

    /// `--delete-missing-args`.
    pub(crate) async fn remove_named(&mut self, path: &[u8], there: &Meta) -> Result<(), Error> {
        let is_dir = there.mode & TYPE == DIRECTORY;
        if self.protected(path, is_dir, false) {
            return Ok(());
        }
        let o = &self.cx.config.options;
        if is_dir && !o.force && o.delete == Delete::Off {
            self.remove_leaf(path, there, true).await?;
        } else {
            self.remove(path, there, true).await?;
        }
        Ok(())
    }

    fn is_backup_name(&self, path: &[u8]) -> bool {
        let o = &self.cx.config.options;
        o.backup_dir.is_none() && path.ends_with(super::backup::suffix(o))
    }

    /// Loads the per-directory rules of a directory of the destination.
    async fn enter_filters(&mut self, path: &[u8]) -> Result<(), Error> {
        self.rx.filters.enter(&self.cx, self.rx.dest(), path).await
    }
}

/// Reverse sorted order: directories first, each after what comes behind it.
fn sort_for_removal(entries: &mut [(Vec<u8>, Meta)], protocol: u32) {
    let order = Order::of(protocol);
    let is_dir = |meta: &Meta| meta.mode & TYPE == DIRECTORY;
    entries.sort_by(|a, b| compare(order, &Key::new(&b.0, is_dir(&b.1)), &Key::new(&a.0, is_dir(&a.1))));
}

pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir == b"." || dir.is_empty() {
        return name.to_vec();
    }
    let mut path = Vec::with_capacity(dir.len() + 1 + name.len());
    path.extend_from_slice(dir);
    if !dir.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
