//! What the generator does with one entry: the checks common to all, then directories, symlinks, devices and specials
//! (spec 3.2.1 to 3.2.6). Regular files have their own module.

mod nodes;

use alloc::format;
use alloc::vec::Vec;

use super::ask::{Ask, At, Errno, HostResult, Meta, Reply, SetMeta};
use super::decide::{self, Item};
use super::generator::{Generator, Pass, is_below};
use super::hardlinks::Outcome;
use super::receiving::Receiving;
use super::say::Class;
use crate::Error;
use crate::checksum::DigestValue;
use crate::flist::{Flags, Found, View};
use crate::options::{Debug, Info, RemoveSource};
use crate::report::ItemFlags;

/// The entry with this index, unless it was dropped as a duplicate or is the directory of a list.
pub(crate) fn item(rx: &Receiving, ndx: i32) -> Option<Item> {
    let lists = rx.lists.borrow();
    match lists.lookup(u32::try_from(ndx).ok()?) {
        Ok(Found::Entry(_, view)) => of_view(rx, ndx, &view),
        _ => None,
    }
}

/// The entry with this index, or the directory that the index of a list's beginning stands for.
pub(crate) fn item_or_directory(rx: &Receiving, ndx: i32) -> Option<Item> {
    let lists = rx.lists.borrow();
    of_view(rx, ndx, &lists.lookup(u32::try_from(ndx).ok()?).ok()?.view())
}

fn of_view(rx: &Receiving, ndx: i32, view: &View<'_>) -> Option<Item> {
    if !view.is_active() {
        return None;
    }
    let mut item = of_entry(ndx, view);
    super::xattrs::attach(rx, view, &mut item);
    if let Some(name) = rx.local_name.borrow().as_ref() {
        item.path.clone_from(name);
    }
    Some(item)
}

/// An entry as both roles use it.
pub(crate) fn of_entry(ndx: i32, view: &View<'_>) -> Item {
    let name = view.name();
    let flags = view.flags();
    Item {
        ndx,
        path: path_of(&name).to_vec(),
        mode: view.mode(),
        size: view.size(),
        mtime: view.mtime(),
        mtime_nsec: view.nsec(),
        atime: view.atime().unwrap_or(0),
        uid: view.uid(),
        gid: view.gid(),
        rdev: view.rdev().unwrap_or((0, 0)),
        target: view.target().map(Into::into),
        digest: view.digest().map(|digest| DigestValue::from_bytes(digest.as_bytes())),
        content_dir: flags.has(Flags::CONTENT_DIR),
        top_dir: flags.has(Flags::TOP_DIR),
        implied: flags.has(Flags::IMPLIED),
        group: view.group(),
        acls: None,
        xattrs: None,
        xattr_list: view.xattrs(),
        prefix: Vec::new(),
        name,
    }
}

/// The directory that a list of an incremental session belongs to, under the index that stands for it (2.9.4).
pub(crate) fn directory_of_list(rx: &Receiving, list: usize) -> Option<Item> {
    let (start, _) = rx.bounds(list);
    item_or_directory(rx, start - 1)
}

/// The path beneath the destination of a name.
pub(crate) fn path_of(mut name: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = name {
        name = rest;
    }
    if name.is_empty() { b"." } else { name }
}

impl Generator {
    /// One entry of a list.
    pub(crate) async fn entry(&mut self, item: &Item, meta: HostResult<Meta>, list: usize) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let inc = cx.agreed().inc;
        if o.listing {
            if (!inc || !item.is_dir() || item.path == b".") && (!item.implied || o.implied_dirs) {
                super::show::listing(&cx, item);
            }
            return Ok(());
        }
        let group = self.link_group(item);
        if self.skipping.as_ref().is_some_and(|dir| is_below(&item.path, dir)) {
            return match group {
                Some(group) => self.skipped(item, group).await,
                None => Ok(()),
            };
        }
        if item.mode == 0 {
            return self.remove_missing_argument(item, meta).await;
        }
        if inc && item.is_dir() {
            // Its own list, which comes later, is where it is handled. The first list's `.` was handled before its entries.
            if item.path != b"." {
                self.make_early(item, &meta).await?;
            }
            return Ok(());
        }
        if item.is_dir() {
            return self.directory(item, meta, list, false).await;
        }
        let o = &self.cx.config.options;
        // Nobody else wants to know of what is ignored.
        let tells = o.ignore_existing && o.levels.info(Info::Skip) >= 2 && item.is_regular();
        let is_same = match &meta {
            Ok(meta) if tells => self.is_up_to_date(item, meta).await,
            _ => true,
        };
        let unwanted = self.refused_by_daemon(item) || self.ruled_out(item, &meta, is_same);
        match group {
            Some(group) if unwanted => self.skipped(item, group).await,
            Some(group) => self.member(item, meta, group).await,
            None if unwanted => Ok(()),
            None => self.content(item, meta, Pass::First).await,
        }
    }

    /// Anything but a directory, by its type.
    pub(crate) async fn content(&mut self, item: &Item, meta: HostResult<Meta>, pass: Pass) -> Result<(), Error> {
        let o = &self.cx.config.options;
        let unlisted_parent = o.relative && !o.implied_dirs && !o.dry_run && item.path.contains(&b'/');
        if unlisted_parent && meta.as_ref().is_err_and(Errno::is_not_found) {
            self.make_parents(&item.path).await;
        }
        if item.is_regular() {
            self.file(item, meta, pass).await
        } else if item.is_symlink() {
            self.symlink(item, meta).await
        } else {
            self.node(item, meta).await
        }
    }

    /// Says which rules decide about the attributes of what is here, where that is wanted (4.17.10).
    pub(super) fn say_ruled_xattrs(&self, there: &Meta) {
        if self.cx.config.options.levels.debug(Debug::Filter) == 0 {
            return;
        }
        let Some(extended) = &there.extended else { return };
        for (name, _) in &extended.xattrs {
            if let Some((protects, pattern)) = self.rx.powers.xattrs.decision(name) {
                let verb: &[u8] = if protects { b"protecting" } else { b"risking" };
                let text = [b"[generator] ".as_slice(), verb, b" xattr ", name, b" because of pattern ", &pattern];
                self.cx.say(Class::Info, text.concat());
            }
        }
    }

    /// A module's rules hide this name from pushes.
    pub(super) fn refused_by_daemon(&self, item: &Item) -> bool {
        if item.path == b"." || !self.removal.hidden_by_daemon(&self.rx, &item.path, item.is_dir()) {
            return false;
        }
        let what = if item.is_dir() { "directory" } else { "file" };
        let mut text = format!("ERROR: daemon refused to receive {what} \"").into_bytes();
        text.extend_from_slice(&item.name);
        text.push(b'"');
        self.cx.say(Class::Transfer, text);
        true
    }

    /// `--existing` and `--ignore-existing` (3.2.1, steps 8 and 9). `is_same`: a regular file that is there is as the source.
    pub(super) fn ruled_out(&self, item: &Item, meta: &HostResult<Meta>, is_same: bool) -> bool {
        let o = &self.cx.config.options;
        let skip_level = o.levels.info(Info::Skip);
        let made = item.path == b"." && self.rx.dest_new.get();
        if o.existing && meta.is_err() && !made {
            if skip_level >= 1 {
                let what = if item.is_dir() { "directory" } else { "file" };
                let mut text = format!("not creating new {what} \"").into_bytes();
                text.extend_from_slice(&item.path);
                text.push(b'"');
                self.cx.say(Class::Info, text);
            }
            return true;
        }
        let Ok(meta) = meta else { return false };
        if !o.ignore_existing || (item.is_dir() && meta.mode & decide::TYPE == decide::DIRECTORY) {
            return false;
        }
        if skip_level >= 1 {
            let mut text = item.path.clone();
            text.extend_from_slice(b" exists");
            if skip_level >= 2 {
                text.extend_from_slice(self.reason(item, meta, is_same));
            }
            self.cx.say(Class::Info, text);
        }
        true
    }

    fn reason(&self, item: &Item, meta: &Meta, is_same: bool) -> &'static [u8] {
        let o = &self.cx.config.options;
        if (item.mode ^ meta.mode) & decide::TYPE != 0 {
            b" (type change)"
        } else if (item.is_regular() && !is_same) || (item.is_symlink() && item.target != meta.target) {
            if o.checksum { b" (sum change)" } else { b" (file change)" }
        } else if !decide::attributes_unchanged(o, &self.rx.powers, item, meta) {
            b" (attr change)"
        } else {
            b" (uptodate)"
        }
    }

    /// An entry whose content is as wanted: only attributes may differ.
    pub(crate) async fn unchanged(&mut self, item: &Item, there: &Meta, mut flags: ItemFlags) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        if !o.dry_run && flags.contains(ItemFlags::REPORT_ACL) && (item.mode ^ there.mode) & 0o7000 == 0 {
            // The ACL brings the other bits with it, before stock compares them.
            flags.0 &= !ItemFlags::REPORT_PERMS.0;
        }
        let mut done = true;
        if !o.dry_run {
            let mode = decide::wanted_mode(o, &self.rx.powers, item, Some(there));
            let set = decide::to_set(o, &self.rx.powers, item, there, mode, o.checksum && item.is_regular());
            done = self.set_meta(&item.path, set).await;
        }
        self.item_record(item, flags, None, Some(there)).await;
        if done && o.levels.info(Info::Name) >= 2 && !super::show::itemizes(&cx) && cx.protocol() >= 29 {
            let mut text = item.path.clone();
            if flags.0 == 0 {
                text.extend_from_slice(b" is uptodate");
            }
            text.push(b'\n');
            super::show::say_aside(&cx, text);
        }
        self.say_ruled_xattrs(there);
        self.report_present(item.ndx);
        Ok(())
    }

    /// Sets the attributes of something that this process just made.
    async fn new_attributes(&self, item: &Item) {
        let o = &self.cx.config.options;
        let mode = decide::wanted_mode(o, &self.rx.powers, item, None);
        let set = decide::to_set(o, &self.rx.powers, item, &self.new_meta(mode), mode, true);
        self.set_meta(&item.path, set).await;
    }

    pub(crate) async fn set_meta(&self, path: &[u8], meta: SetMeta) -> bool {
        if meta.is_empty() {
            return true;
        }
        let chowns = meta.uid.is_some();
        if let Reply::Set(errors) = self.cx.ask(Ask::SetMeta { at: self.at(path), meta }).await {
            let done = errors.owner.is_none() && errors.times.is_none() && errors.mode.is_none();
            super::show::set_errors(&self.cx, "generator", path, chowns, errors);
            return done;
        }
        true
    }

    /// Removes what stands in the way of a new entry. False, and said, if that can't be done.
    pub(crate) async fn make_way(&mut self, item: &Item, there: Option<&Meta>, what: &str) -> Result<bool, Error> {
        let Some(there) = there else { return Ok(true) };
        self.stale = true;
        if self.remove_obstacle(&item.path, there).await? {
            return Ok(true);
        }
        let mut text = format!("could not make way for new {what}: ").into_bytes();
        text.extend_from_slice(&item.name);
        self.cx.say(Class::Transfer, text);
        Ok(false)
    }

    /// `--delete-missing-args`: an argument that the sender doesn't have is deleted here.
    async fn remove_missing_argument(&mut self, item: &Item, meta: HostResult<Meta>) -> Result<(), Error> {
        if let Ok(there) = meta {
            self.remove_named(&item.path, &there).await?;
        }
        Ok(())
    }

    /// Tells the sender that it may remove its copy.
    pub(crate) fn report_success(&self, ndx: i32) {
        self.settle(ndx, self.cx.config.options.remove_source != RemoveSource::Keep);
    }

    /// The same for what was here already or needed nothing of the sender's: `--remove-sent-files` keeps that. (Symlinks that
    /// are made count as sent.)
    pub(crate) fn report_present(&self, ndx: i32) {
        self.settle(ndx, self.cx.config.options.remove_source == RemoveSource::Synced);
    }

    fn settle(&self, ndx: i32, tells: bool) {
        self.outcome.set(Outcome::Settled);
        if tells && !self.cx.config.options.dry_run {
            super::show::success(&self.cx, ndx);
        }
    }

    pub(crate) fn beneath(&self, root: super::ask::RootId, path: Vec<u8>) -> At {
        At { root, path }
    }
}
