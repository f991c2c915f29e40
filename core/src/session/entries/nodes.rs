//! Symlinks, devices and specials, which are made without data.

use crate::Error;
use crate::options::Info;
use crate::report::ItemFlags;
use crate::session::alternates::{Other, Reported};
use crate::session::ask::{Ask, HostResult, Meta};
use crate::session::decide::{self, Item};
use crate::session::generator::Generator;
use crate::session::say::Class;

impl Generator {
    /// A symlink.
    pub(super) async fn symlink(&mut self, item: &Item, meta: HostResult<Meta>) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let Some(listed) = item.target.as_deref().filter(|_| o.links) else {
            self.skip_non_regular(item);
            return Ok(());
        };
        if o.safe_links && crate::flist::verify::unsafe_symlink(listed, &item.name) {
            if o.levels.info(Info::Name) >= 1 {
                let mut text = b"ignoring unsafe symlink \"".to_vec();
                text.extend_from_slice(&item.name);
                text.extend_from_slice(b"\" -> \"");
                text.extend_from_slice(listed);
                text.push(b'"');
                cx.say(Class::Info, text);
            }
            return Ok(());
        }
        let existing = meta.ok();
        if let Some(there) = &existing
            && there.target.as_deref() == Some(listed)
        {
            let flags = decide::differences(o, &self.rx.powers, item, there, false);
            return self.unchanged(item, there, flags).await;
        }
        let same_type = existing.as_ref().filter(|m| m.mode & decide::TYPE == decide::SYMLINK);
        let Some(reported) = self.reported_as(item, existing.as_ref(), same_type).await else { return Ok(()) };
        let Some(replaced) = self.make_replaceable(item, existing.as_ref(), "symlink").await? else { return Ok(()) };
        if !o.dry_run {
            let ask = Ask::Symlink { at: self.at(&item.path), target: listed.to_vec(), replace: replaced };
            if let Err((temp, errno)) = self.cx.make_unit(ask).await {
                let path = temp.as_deref().unwrap_or(&item.path);
                let mut what = crate::session::show::quoted(&cx, b"symlink ", path, b" -> \"");
                what.extend_from_slice(listed);
                what.extend_from_slice(b"\" failed");
                cx.say_errno(Class::Transfer, "generator", &what, &errno);
                return Ok(());
            }
            self.new_attributes(item).await;
            self.xattrs_of_alternate(item, &reported).await;
        }
        if reported.flags.contains(ItemFlags::IS_NEW) {
            cx.stats.borrow_mut().created.links += 1;
        }
        self.item_record(item, reported.flags, reported.xname, same_type).await;
        self.report_success(item.ndx);
        Ok(())
    }

    /// A device, fifo or socket.
    pub(super) async fn node(&mut self, item: &Item, meta: HostResult<Meta>) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let handled = !o.drop_devices
            && ((item.is_device() && o.devices && self.rx.powers.root) || (item.is_special() && o.specials));
        if !handled {
            self.skip_non_regular(item);
            return Ok(());
        }
        let existing = meta.ok();
        let same_type = existing.as_ref().filter(|m| (m.mode ^ item.mode) & decide::TYPE == 0);
        if let Some(there) = same_type
            && (item.is_special() || there.rdev == item.rdev)
        {
            let flags = decide::differences(o, &self.rx.powers, item, there, false);
            return self.unchanged(item, there, flags).await;
        }
        let Some(reported) = self.reported_as(item, existing.as_ref(), same_type).await else { return Ok(()) };
        let what = if item.is_device() { "device file" } else { "special file" };
        let Some(replaced) = self.make_replaceable(item, existing.as_ref(), what).await? else { return Ok(()) };
        let mode = decide::wanted_mode(o, &self.rx.powers, item, same_type);
        if !o.dry_run {
            let ask = Ask::Mknod { at: self.at(&item.path), mode, rdev: item.rdev, replace: replaced };
            if let Err((temp, errno)) = cx.make_unit(ask).await {
                let path = temp.as_deref().unwrap_or(&item.path);
                let what = crate::session::show::quoted(&cx, b"mknod ", path, b" failed");
                cx.say_errno(Class::Transfer, "generator", &what, &errno);
                return Ok(());
            }
            self.new_attributes(&Item { mode, ..item.clone() }).await;
            self.xattrs_of_alternate(item, &reported).await;
        }
        if reported.flags.contains(ItemFlags::IS_NEW) {
            let mut stats = cx.stats.borrow_mut();
            if item.is_device() { stats.created.devices += 1 } else { stats.created.specials += 1 }
        }
        self.item_record(item, reported.flags, reported.xname, same_type).await;
        self.report_present(item.ndx);
        Ok(())
    }

    /// How what is about to be made is reported. `None` if an alternate directory had it, and nothing is left to do.
    async fn reported_as(
        &mut self,
        item: &Item,
        existing: Option<&Meta>,
        same_type: Option<&Meta>,
    ) -> Option<Reported> {
        let reported = Reported { flags: self.creation_flags(item, same_type), xname: None, like: None };
        if existing.is_some() {
            return Some(reported);
        }
        match self.other_in_alternate(item).await {
            Other::None => Some(reported),
            Other::Settled => None,
            Other::Make(reported) => Some(reported),
        }
    }

    /// Prepares for making something that takes the name of what is there: a directory is removed, anything else gets its
    /// backup and stays until it is replaced. Whether there is something to replace; `None`, and said, if that can't be done.
    pub(crate) async fn make_replaceable(
        &mut self,
        item: &Item,
        there: Option<&Meta>,
        what: &str,
    ) -> Result<Option<bool>, Error> {
        let Some(there) = there else { return Ok(Some(false)) };
        if there.mode & decide::TYPE == decide::DIRECTORY {
            return Ok(self.make_way(item, Some(there), what).await?.then_some(false));
        }
        // Stock replaces it even without a backup: then what it was is lost.
        if !self.cx.config.options.dry_run && self.backup_before_rename(&item.path, there).await.is_err() {
            return Ok(None);
        }
        Ok(Some(true))
    }

    /// Flags of something made here in place of `replaced`, or of nothing.
    pub(super) fn creation_flags(&self, item: &Item, replaced: Option<&Meta>) -> ItemFlags {
        match replaced {
            None => {
                let new = ItemFlags::LOCAL_CHANGE.0 | ItemFlags::REPORT_CHANGE.0 | ItemFlags::IS_NEW.0;
                ItemFlags(new | decide::new_xattrs(item))
            }
            Some(meta) => {
                let differs = decide::differences(&self.cx.config.options, &self.rx.powers, item, meta, true);
                ItemFlags(ItemFlags::LOCAL_CHANGE.0 | ItemFlags::REPORT_CHANGE.0 | differs.0)
            }
        }
    }

    pub(super) fn skip_non_regular(&self, item: &Item) {
        if self.cx.config.options.levels.info(Info::Nonreg) >= 1 {
            let mut text = b"skipping non-regular file \"".to_vec();
            text.extend_from_slice(&item.name);
            text.push(b'"');
            self.cx.say(Class::Info, text);
        }
    }
}
