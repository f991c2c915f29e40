//! A missing or changed file that an alternate directory has.

use alloc::vec::Vec;

use super::Basis;
use crate::Error;
use crate::options::AltKind;
use crate::report::ItemFlags;
use crate::session::ask::{Ask, At, Follow, Meta, Reply};
use crate::session::decide::{self, Item, REGULAR, TYPE};
use crate::session::generator::Generator;
use crate::session::hardlinks::Outcome;

/// What the alternate directories gave.
pub(super) enum Alternate {
    /// The entry is done.
    Settled,
    /// A file to take blocks from.
    Basis(Basis),
    None,
}

impl Generator {
    /// `--compare-dest`, `--copy-dest`, `--link-dest` for a regular file (3.2.9).
    pub(super) async fn try_alternates(&mut self, item: &Item, existing: Option<&Meta>) -> Result<Alternate, Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let roots: Vec<_> = self.rx.alternates.borrow().clone();
        let mut best: Option<(u8, u8, At, Meta)> = None;
        for (number, root) in roots.iter().enumerate().filter_map(|(n, r)| Some((n, (*r)?))) {
            let at = self.beneath(root, item.path.clone());
            let Ok(meta) = cx.stat(Ask::Stat { at: at.clone(), follow: Follow::No }).await else { continue };
            if meta.mode & TYPE != REGULAR {
                continue;
            }
            let same = if o.checksum {
                meta.size == item.size && self.digest_of(at.clone()).await == item.digest
            } else {
                decide::quick_check(o, item, &meta)
            };
            let level = match (same, same && decide::attributes_unchanged(o, &self.rx.powers, item, &meta)) {
                (_, true) => 3,
                (true, _) => 2,
                _ => 1,
            };
            if best.as_ref().is_none_or(|b| level > b.0) {
                best = Some((level, number as u8, at, meta));
            }
            if level == 3 {
                break;
            }
        }
        let Some((level, number, at, meta)) = best else { return Ok(Alternate::None) };
        if existing.is_some() && level < 3 {
            return Ok(Alternate::None);
        }
        if level < 2 {
            return Ok(Alternate::Basis(Basis { at, meta, kind: number }));
        }
        self.settle_alternate(item, existing, at, meta, level).await
    }

    pub(super) async fn settle_alternate(
        &mut self,
        item: &Item,
        existing: Option<&Meta>,
        at: At,
        meta: Meta,
        level: u8,
    ) -> Result<Alternate, Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let differs = decide::differences(o, &self.rx.powers, item, &meta, level < 3);
        let (flags, xname): (u16, Option<&[u8]>) = match (o.alt_kind.unwrap_or(AltKind::Compare), level) {
            (AltKind::Compare, 3) => (0, None),
            (AltKind::Link, 3) => (ItemFlags::LOCAL_CHANGE.0, Some(b"")),
            _ => (ItemFlags::LOCAL_CHANGE.0 | differs.0, None),
        };
        if let Some(there) = existing
            && (there.dev, there.ino) == (meta.dev, meta.ino)
        {
            return Ok(Alternate::None);
        }
        if !o.dry_run {
            if let (Some(list), Some(extended)) = (&item.xattrs, &meta.extended) {
                crate::flist::xattr::take(&mut list.borrow_mut(), &extended.xattrs);
            }
            if let Some(there) = existing
                && !self.make_way(item, Some(there), "regular file").await?
            {
                return Ok(Alternate::Settled);
            }
            let linked = o.alt_kind == Some(AltKind::Link)
                && level == 3
                && cx.unit(Ask::Link { from: at.clone(), to: self.at(&item.path), replace: false }).await.is_ok();
            let needed = o.alt_kind != Some(AltKind::Compare) || level < 3;
            if needed && !linked && !self.copy_alternate(item, at).await {
                return Ok(Alternate::None);
            }
        }
        self.item_record(item, ItemFlags(flags), xname, Some(&meta)).await;
        if level == 3 {
            self.say_uptodate(item);
        }
        self.report_present(item.ndx);
        if existing.is_none() && flags == 0 {
            // Nothing was made that others could be linked to.
            self.outcome.set(Outcome::Skipped);
        }
        Ok(Alternate::Settled)
    }

    pub(super) async fn copy_alternate(&self, item: &Item, from: At) -> bool {
        let copy = crate::session::receiver::copy_plan(
            &self.cx,
            &self.rx,
            item,
            None,
            crate::session::ask::CopySource::Beneath(from),
        );
        let chowns = copy.meta.uid.is_some();
        let (temp, reply) = self.cx.make(Ask::CopyLocal(alloc::boxed::Box::new(copy))).await;
        match reply {
            Reply::Committed(Ok((errors, _))) => {
                let path = temp.as_deref().unwrap_or(&item.path);
                crate::session::show::set_errors(&self.cx, "generator", path, chowns, errors);
                true
            }
            Reply::Committed(Err(error)) => {
                crate::session::show::output_error(&self.cx, "generator", &item.path, None, &error);
                false
            }
            _ => false,
        }
    }
}
