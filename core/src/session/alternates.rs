//! `--compare-dest`, `--copy-dest` and `--link-dest` for what is not a regular file: directories, symlinks, devices and specials
//! (spec 3.2.9, the last part).

use super::ask::{Ask, At, Follow, Meta, SetMeta};
use super::decide::{self, Item, TYPE};
use super::generator::Generator;
use crate::options::{AltKind, Info};
use crate::report::ItemFlags;

/// How well a candidate fits. The order says which is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Type,
    Content,
    Attributes,
}

/// How a new entry is to be reported.
pub(crate) struct Reported {
    pub(crate) flags: ItemFlags,
    pub(crate) xname: Option<&'static [u8]>,
    /// What an alternate directory has in its place.
    pub(crate) like: Option<Meta>,
}

/// What an alternate directory means for a missing entry.
pub(crate) enum Other {
    /// None has it.
    None,
    /// It is linked, or need not be there: nothing more is to be made.
    Settled,
    /// It is made as if new, but reported by how it differs.
    Make(Reported),
}

impl Generator {
    async fn best_alternate(&self, item: &Item) -> Option<(Fit, At, Meta)> {
        let o = &self.cx.config.options;
        let roots = self.rx.alternates.borrow().clone();
        let mut best: Option<(Fit, At, Meta)> = None;
        for root in roots.into_iter().flatten() {
            let at = self.beneath(root, item.path.clone());
            let Ok(meta) = self.cx.stat(Ask::Stat { at: at.clone(), follow: Follow::No }).await else { continue };
            if (meta.mode ^ item.mode) & TYPE != 0 {
                continue;
            }
            let same = if item.is_symlink() {
                meta.target == item.target
            } else {
                !item.is_device() || meta.rdev == item.rdev
            };
            let fit = match same {
                false => Fit::Type,
                true if decide::attributes_unchanged(o, &self.rx.powers, item, &meta) => Fit::Attributes,
                true => Fit::Content,
            };
            if best.as_ref().is_none_or(|b| fit > b.0) {
                best = Some((fit, at, meta));
            }
            if fit == Fit::Attributes {
                break;
            }
        }
        best
    }

    /// An alternate directory has it with all its attributes.
    pub(super) fn say_uptodate(&self, item: &Item) {
        let cx = &self.cx;
        if cx.config.options.levels.info(Info::Name) >= 2 && !super::show::itemizes(cx) && cx.protocol() >= 29 {
            let mut text = item.path.clone();
            if item.is_dir() {
                text.push(b'/');
            }
            text.extend_from_slice(b" is uptodate\n");
            super::show::say_aside(cx, text);
        }
    }

    fn reported(&self, item: &Item, fit: Fit, meta: &Meta) -> Reported {
        let o = &self.cx.config.options;
        let differs = decide::differences(o, &self.rx.powers, item, meta, fit == Fit::Type);
        let change = if fit == Fit::Type { ItemFlags::REPORT_CHANGE.0 } else { 0 };
        let flags = match (fit, o.alt_kind) {
            (Fit::Attributes, Some(AltKind::Link | AltKind::Copy)) => ItemFlags::LOCAL_CHANGE.0,
            // Directories are made even so.
            (Fit::Attributes, _) if item.is_dir() => ItemFlags::LOCAL_CHANGE.0,
            (Fit::Attributes, _) => 0,
            _ => ItemFlags::LOCAL_CHANGE.0 | change | differs.0,
        };
        let links = fit == Fit::Attributes && o.alt_kind == Some(AltKind::Link) && !item.is_dir();
        Reported { flags: ItemFlags(flags), xname: links.then_some(&[]), like: Some(meta.clone()) }
    }

    /// How a missing directory is reported, if an alternate directory has it. Directories themselves are always made.
    pub(crate) async fn directory_in_alternate(&self, item: &Item) -> Option<Reported> {
        let (fit, _, meta) = self.best_alternate(item).await?;
        if fit == Fit::Attributes {
            self.say_uptodate(item);
        }
        Some(self.reported(item, fit, &meta))
    }

    /// Something was made that an alternate directory has with the same extended attributes: then they are set here, since
    /// the sender is not asked for them.
    pub(crate) async fn xattrs_of_alternate(&self, item: &Item, reported: &Reported) {
        let Some(like) = reported.like.as_ref().filter(|_| !reported.flags.contains(ItemFlags::REPORT_XATTR)) else {
            return;
        };
        if let (Some(list), Some(extended)) = (&item.xattrs, &like.extended) {
            crate::flist::xattr::take(&mut list.borrow_mut(), &extended.xattrs);
        }
        let mut set = SetMeta::default();
        super::xattrs::add(&self.rx.powers, item, None, &mut set);
        self.set_meta(&item.path, set).await;
    }

    /// A missing symlink, device or special.
    pub(crate) async fn other_in_alternate(&self, item: &Item) -> Other {
        let o = &self.cx.config.options;
        let Some((fit, at, meta)) = self.best_alternate(item).await else { return Other::None };
        let reported = self.reported(item, fit, &meta);
        if fit != Fit::Attributes || o.alt_kind == Some(AltKind::Copy) {
            if fit == Fit::Attributes {
                self.say_uptodate(item);
            }
            return Other::Make(reported);
        }
        if o.alt_kind == Some(AltKind::Link) && !o.dry_run {
            let link = Ask::Link { from: at, to: self.at(&item.path), replace: false };
            if self.cx.unit(link).await.is_err() {
                return Other::Make(reported);
            }
        }
        self.item_record(item, reported.flags, reported.xname, Some(&meta)).await;
        self.say_uptodate(item);
        if item.is_symlink() {
            self.report_success(item.ndx);
        } else {
            self.report_present(item.ndx);
        }
        Other::Settled
    }
}
