//! What the generator does with a directory: made, perhaps ahead of its own list; its attributes; and its time once more when
//! nothing changes in it any longer (spec 3.2.4).

use super::ask::{Ask, Errno, HostResult, Meta, Reply, SetMeta};
use super::decide::{self, Item};
use super::generator::{Generator, TouchUp, is_below};
use super::say::Class;
use crate::Error;
use crate::options::Delete;
use crate::report::{self, ItemFlags};

/// How a directory is reported that was not there.
const NEW_DIRECTORY: ItemFlags = ItemFlags(ItemFlags::LOCAL_CHANGE.0 | ItemFlags::IS_NEW.0);

impl Generator {
    /// A directory; `own_list` when it is handled in front of its own list.
    pub(crate) async fn directory(
        &mut self,
        item: &Item,
        meta: HostResult<Meta>,
        list: usize,
        own_list: bool,
    ) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        if o.listing {
            if own_list && item.path != b"." && (!item.implied || o.implied_dirs) {
                super::show::listing(&cx, item);
            }
            return Ok(());
        }
        if self.skipping.as_ref().is_some_and(|dir| is_below(&item.path, dir)) {
            return Ok(());
        }
        if self.refused_by_daemon(item) {
            cx.say(Class::Transfer, report::text::SKIPPING_CONTENTS);
            self.skipping = Some(item.path.clone());
            return Ok(());
        }
        if item.implied && o.relative && !o.implied_dirs {
            return Ok(());
        }
        // The destination itself was made before the first entry came, and is new all the same.
        let entered = item.path == b"." && self.rx.dest_new.get();
        let made_early = self.made_early.remove(&item.path);
        let early = made_early || entered;
        let mut existing = if early { None } else { meta.ok() };
        // With --existing one was made early in place of something else, which was there.
        if !made_early && self.ruled_out(item, &existing.clone().ok_or_else(super::generator::not_found), true) {
            // With --ignore-existing what the directory holds finds out by itself that something else is there.
            if existing.is_none() || !o.ignore_existing {
                self.skipping = Some(item.path.clone());
            }
            return Ok(());
        }
        if existing.as_ref().is_some_and(|m| m.mode & decide::TYPE != decide::DIRECTORY) {
            if !self.make_way(item, existing.as_ref(), "directory").await? {
                cx.say(Class::Transfer, report::text::SKIPPING_CONTENTS);
                self.skipping = Some(item.path.clone());
                return Ok(());
            }
            existing = None;
        }
        if let Some(there) = &existing {
            self.say_ruled_xattrs(there);
        }
        let mode = decide::wanted_mode(o, &self.rx.powers, item, existing.as_ref());
        let alternate = if existing.is_none() { self.directory_in_alternate(item).await } else { None };
        let flags = match &existing {
            None => alternate
                .as_ref()
                .map_or(ItemFlags(NEW_DIRECTORY.0 | decide::new_xattrs(item)), |reported| reported.flags),
            Some(meta) => decide::differences(o, &self.rx.powers, item, meta, false),
        };
        let failed = existing.is_none() && !o.dry_run && !early && !self.make_directory(item, mode, flags).await;
        self.item_record(item, flags, None, existing.as_ref()).await;
        if flags.contains(ItemFlags::IS_NEW) {
            cx.stats.borrow_mut().created.dirs += 1;
        }
        if failed {
            return Ok(());
        }
        if existing.is_none() && o.dry_run {
            self.missing = Some(item.path.clone());
        }
        if !o.dry_run {
            if let Some(reported) = &alternate {
                self.xattrs_of_alternate(item, reported).await;
            }
            self.directory_attributes(item, existing.as_ref(), mode, list).await;
        }
        if existing.is_none() {
            self.missing.get_or_insert_with(|| item.path.clone());
            if item.content_dir && (entered || own_list) && matches!(self.delete_when(), Delete::During | Delete::Delay)
            {
                // Nothing is there to delete, but that an error would have stopped it is said all the same.
                self.guarded(list);
            }
        } else if item.content_dir && matches!(self.delete_when(), Delete::During | Delete::Delay) {
            self.delete_in(item, list).await?;
        }
        Ok(())
    }

    async fn make_directory(&mut self, item: &Item, mode: u32, _flags: ItemFlags) -> bool {
        let bits = mode & 0o7777;
        let result = self.cx.unit(Ask::Mkdir { at: self.at(&item.path), mode: bits }).await;
        let result = match result {
            // A relative path without its implied directories: they are made on demand.
            Err(errno) if errno.is_not_found() && self.cx.config.options.relative => {
                self.make_parents(&item.path).await;
                self.cx.unit(Ask::Mkdir { at: self.at(&item.path), mode: bits }).await
            }
            result => result,
        };
        let Err(errno) = result else { return true };
        let what = super::show::quoted(&self.cx, b"recv_generator: mkdir ", &item.path, b" failed");
        self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
        self.cx.say(Class::Transfer, report::text::SKIPPING_CONTENTS);
        self.skipping = Some(item.path.clone());
        false
    }

    /// Makes the directories above a path that the list does not hold.
    pub(crate) async fn make_parents(&self, path: &[u8]) {
        let mode = 0o777 & !self.rx.powers.umask;
        for (at, _) in path.iter().enumerate().filter(|&(at, &byte)| byte == b'/' && at > 0) {
            let _ = self.cx.unit(Ask::Mkdir { at: self.at(&path[..at]), mode }).await;
        }
    }

    async fn directory_attributes(&mut self, item: &Item, existing: Option<&Meta>, mode: u32, list: usize) {
        let o = &self.cx.config.options;
        let new = self.new_meta(mode);
        let current = existing.unwrap_or(&new);
        let mut set = decide::to_set(o, &self.rx.powers, item, current, mode, false);
        let widened = !self.rx.powers.root && mode & 0o700 != 0o700;
        if widened {
            let bits = (mode | 0o700) & 0o7777;
            set.mode = (current.mode & 0o7777 != bits).then_some(bits);
        } else if existing.is_none() {
            // It may have been made early with fewer bits, and mkdir takes no set-id bits, or inherits one.
            set.mode = Some(mode & 0o7777);
        }
        let keeps_time = decide::keeps_mtime(o, &self.rx.powers, item);
        if existing.is_none() {
            set.mtime = None;
        }
        if widened && let Some(mode) = set.mode.take() {
            self.widen(&item.path, mode).await;
        }
        self.set_meta(&item.path, set).await;
        if keeps_time || widened {
            self.touch_ups.push((list, TouchUp { item: item.clone(), widened }));
        }
    }

    /// Gives a directory the bits that this process needs to work in it.
    async fn widen(&self, path: &[u8], mode: u32) {
        let meta = SetMeta { mode: Some(mode), ..SetMeta::default() };
        if let Reply::Set(errors) = self.cx.ask(Ask::SetMeta { at: self.at(path), meta }).await
            && let Some(errno) = errors.mode
        {
            let what = super::show::quoted(&self.cx, b"failed to modify permissions on ", path, b"");
            self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
        }
    }

    /// What a file that this process just made looks like, as far as attributes go.
    pub(super) fn new_meta(&self, mode: u32) -> Meta {
        let (uid, gid) = self.cx.config.ids;
        Meta { mode, uid, gid, mtime: i64::MIN, ..Meta::default() }
    }

    /// Puts a directory's times and bits right after its contents.
    pub(crate) async fn touch_up(&self, touch_up: TouchUp) {
        let o = &self.cx.config.options;
        let item = touch_up.item;
        let meta = match self.look(&item).await {
            Ok(meta) => meta,
            Err(errno) if errno.is_not_found() => return,
            Err(errno) => {
                let what = super::show::quoted(&self.cx, b"failed to set times on ", &item.path, b"");
                return self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
            }
        };
        let mut set = SetMeta::default();
        if decide::keeps_mtime(o, &self.rx.powers, &item)
            && !decide::same_time(decide::window(o), (item.mtime, item.mtime_nsec), (meta.mtime, meta.mtime_nsec))
        {
            set.mtime = Some((item.mtime, item.mtime_nsec));
        }
        if touch_up.widened {
            let mode = if o.perms { item.mode } else { meta.mode & !0o700 | item.mode & 0o700 };
            if mode & 0o200 == 0 || o.perms {
                set.mode = Some(mode & 0o7777);
            }
        }
        if set.is_empty() {
            return;
        }
        let ask = Ask::SetMeta { at: self.at(&item.path), meta: set };
        if let Reply::Set(mut errors) = self.cx.ask(ask).await {
            // Who may not set it at all was told that when the directory was looked at.
            errors.times = errors.times.filter(|errno| errno.code != Errno::EPERM);
            super::show::set_errors(&self.cx, "generator", &item.path, false, errors);
        }
    }

    /// Makes a directory that is listed in its parent's list, so that the parent's time can be set before its own list comes.
    pub(super) async fn make_early(&mut self, item: &Item, meta: &HostResult<Meta>) -> Result<(), Error> {
        let o = &self.cx.config.options;
        let obstacle = meta.as_ref().ok().filter(|m| m.mode & decide::TYPE != decide::DIRECTORY && !o.ignore_existing);
        let may = !o.existing || obstacle.is_some();
        let wanted = o.times && !self.rx.powers.omit_dir_times && !o.dry_run && may;
        let missing = meta.as_ref().err().is_some_and(Errno::is_not_found);
        if !wanted
            || !(missing || obstacle.is_some())
            || (item.implied && !o.implied_dirs)
            || self.removal.hidden_by_daemon(&self.rx, &item.path, true)
        {
            return Ok(());
        }
        if !self.make_way(item, obstacle, "directory").await? {
            return Ok(());
        }
        if self.cx.unit(Ask::Mkdir { at: self.at(&item.path), mode: item.mode & 0o700 }).await.is_ok() {
            self.made_early.insert(item.path.clone());
        } else {
            // Its own list tries again, and that changes the parent's time once more.
            self.touch_parent_last(&item.path);
        }
        Ok(())
    }

    fn touch_parent_last(&mut self, path: &[u8]) {
        let parent = path.iter().rposition(|&byte| byte == b'/').map_or(&b"."[..], |slash| &path[..slash]);
        let found = self.touch_ups.iter().find(|(_, touch_up)| touch_up.item.path == parent);
        let again = found.map(|(_, touch_up)| TouchUp { item: touch_up.item.clone(), widened: touch_up.widened });
        self.touch_ups.extend(again.map(|touch_up| (usize::MAX, touch_up)));
    }
}
