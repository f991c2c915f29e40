//! What differs between an entry of the list and what is at the destination, and what has to be set (spec 3.2.2, 3.2.3,
//! 3.3.2, 3.9.2). Pure functions: the generator, the receiver and the local copy decide alike.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::ask::{Meta, SetExtended, SetMeta};
use crate::checksum::DigestValue;
use crate::filter::per_dir::PerDir;
use crate::filter::{Check, Decision, FilterList, Subject};
use crate::flist::acl::Acl;
use crate::flist::xattr::{self, List};
use crate::options::Options;
use crate::report::ItemFlags;

/// File type bits of a mode.
pub(crate) const TYPE: u32 = 0o170000;
pub(crate) const REGULAR: u32 = 0o100000;
pub(crate) const DIRECTORY: u32 = 0o040000;
pub(crate) const SYMLINK: u32 = 0o120000;

/// An entry of the file list, taken out of it so that a role can wait while it works on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    pub(crate) ndx: i32,
    /// Path beneath the destination; for the only file of a renaming copy, its new name.
    pub(crate) path: Vec<u8>,
    /// Path as listed, for messages.
    pub(crate) name: Vec<u8>,
    /// On the sender, the directory that the argument's names are relative to.
    pub(crate) prefix: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) size: u64,
    pub(crate) mtime: i64,
    pub(crate) mtime_nsec: u32,
    pub(crate) atime: i64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) rdev: (u32, u32),
    pub(crate) target: Option<Box<[u8]>>,
    pub(crate) digest: Option<DigestValue>,
    pub(crate) content_dir: bool,
    pub(crate) top_dir: bool,
    pub(crate) implied: bool,
    /// The group of hard links that it is in.
    pub(crate) group: Option<u32>,
    /// On the receiving side, its ACLs with ids of this machine: access, and of a directory default.
    pub(crate) acls: Option<(Rc<Acl>, Option<Rc<Acl>>)>,
    /// On the receiving side, its extended attributes.
    pub(crate) xattrs: Option<List>,
    /// On the sender, the number of its list of extended attributes.
    pub(crate) xattr_list: Option<u32>,
}

impl Item {
    pub(crate) fn is_dir(&self) -> bool {
        self.mode & TYPE == DIRECTORY
    }
    pub(crate) fn is_regular(&self) -> bool {
        self.mode & TYPE == REGULAR
    }
    pub(crate) fn is_symlink(&self) -> bool {
        self.mode & TYPE == SYMLINK
    }
    pub(crate) fn is_device(&self) -> bool {
        matches!(self.mode & TYPE, 0o020000 | 0o060000)
    }
    pub(crate) fn is_special(&self) -> bool {
        matches!(self.mode & TYPE, 0o010000 | 0o140000)
    }
}

/// What this side may set, besides what the options ask for.
#[derive(Clone, Debug)]
pub(crate) struct Powers {
    /// Owners and devices can be set.
    pub(crate) root: bool,
    /// Groups that can be set when not root.
    pub(crate) groups: Vec<u32>,
    pub(crate) umask: u32,
    /// Extended attributes that the user's own processes can't set are set too.
    pub(crate) xattrs: XattrScope,
    /// Times of directories are left alone (`-O`, or backups beside the files).
    pub(crate) omit_dir_times: bool,
}

/// What the names of other namespaces begin with where `--fake-super` keeps them.
const KEPT: &[u8] = b"user.rsync.";

/// Which extended attributes this side deals with (2.13.2).
#[derive(Clone, Debug, Default)]
pub(crate) struct XattrScope {
    /// Only those of the namespace `user`.
    pub(crate) user_only: bool,
    /// Rsync's own too (`-XX`).
    pub(crate) internal: bool,
    /// Other namespaces are kept within `user` (`--fake-super`).
    pub(crate) fake: bool,
    /// Rules with the modifier `x`, which then take the place of what is usual for namespaces.
    pub(crate) rules: Option<Rc<FilterList>>,
}

impl XattrScope {
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        let usual = !name.starts_with(b"system.") && (!self.user_only || name.starts_with(b"user."));
        let has = if self.rules.is_some() { self.allows(name) } else { usual };
        has && (self.internal || !name.starts_with(b"user.rsync.%"))
    }

    /// Whether no rule excludes it.
    fn allows(&self, name: &[u8]) -> bool {
        !self.decide(name, |decision| decision.is_excluded()).unwrap_or(false)
    }

    /// Whether a rule excludes a name or includes it, and how the rule is shown.
    pub(crate) fn decision(&self, name: &[u8]) -> Option<(bool, Vec<u8>)> {
        self.decide(name, |decision| (decision.is_excluded(), decision.shown()))
    }

    fn decide<T>(&self, name: &[u8], of: impl Fn(&Decision<'_>) -> T) -> Option<T> {
        let check = Check { xattr: true, ..Check::RECEIVER };
        let rules = self.rules.as_deref()?;
        rules.decide(&Subject::new(name, false), check, &PerDir::default()).map(|decision| of(&decision))
    }

    /// What a received name is called here, if it is kept.
    pub(crate) fn here(&self, name: &[u8]) -> Option<Vec<u8>> {
        if self.fake && !name.starts_with(b"user.") {
            return self.allows(name).then(|| [KEPT, name].concat());
        }
        self.has(name).then(|| name.to_vec())
    }

    /// What a name is called to others.
    pub(crate) fn there<'a>(&self, name: &'a [u8]) -> &'a [u8] {
        if self.fake { name.strip_prefix(KEPT).unwrap_or(name) } else { name }
    }
}

impl Powers {
    pub(crate) fn may_set_group(&self, gid: u32) -> bool {
        self.root || self.groups.contains(&gid)
    }
}

/// Whether two times count as equal under `--modify-window` (3.2.2).
pub(crate) fn same_time(window: i32, a: (i64, u32), b: (i64, u32)) -> bool {
    match window {
        0 => a.0 == b.0,
        w if w < 0 => a == b,
        w => a.0.abs_diff(b.0) <= w as u64,
    }
}

/// Whether the mtime of this type of entry is preserved.
pub(crate) fn keeps_mtime(o: &Options, p: &Powers, item: &Item) -> bool {
    o.times && !(item.is_dir() && p.omit_dir_times) && !(item.is_symlink() && o.omit_link_times)
}

/// `--modify-window`.
pub(crate) fn window(o: &Options) -> i32 {
    o.modify_window.unwrap_or(0)
}

/// The quick check of a regular file, without `--checksum` (3.2.3).
pub(crate) fn quick_check(o: &Options, item: &Item, meta: &Meta) -> bool {
    if item.size != meta.size {
        return false;
    }
    if o.size_only {
        return true;
    }
    !o.ignore_times && same_time(window(o), (item.mtime, item.mtime_nsec), (meta.mtime, meta.mtime_nsec))
}

/// The mode that the destination shall have, with its type bits (3.9.2).
pub(crate) fn wanted_mode(o: &Options, p: &Powers, item: &Item, existing: Option<&Meta>) -> u32 {
    if o.perms {
        return item.mode;
    }
    let kind = item.mode & TYPE;
    match existing {
        Some(meta) => {
            let mut bits = meta.mode & 0o7777;
            if o.executability && item.is_regular() {
                if item.mode & 0o111 == 0 {
                    bits &= !0o111;
                } else if bits & 0o111 == 0 {
                    bits |= (bits & 0o444) >> 2;
                }
            }
            kind | bits
        }
        None => kind | (item.mode & 0o777 & !p.umask),
    }
}

/// The report bits of an item: what differs between the list and `meta` (3.3.2). `changing` is whether the item is
/// transferred or made locally.
pub(crate) fn differences(o: &Options, p: &Powers, item: &Item, meta: &Meta, changing: bool) -> ItemFlags {
    let mut flags = 0;
    if item.is_regular() && item.size != meta.size {
        flags |= ItemFlags::REPORT_SIZE.0;
    }
    if keeps_mtime(o, p, item) {
        if !same_time(window(o), (item.mtime, item.mtime_nsec), (meta.mtime, meta.mtime_nsec)) {
            flags |= ItemFlags::REPORT_TIME.0;
        }
    } else if changing {
        flags |= ItemFlags::REPORT_TIME.0;
    }
    if o.atimes > 0 && !item.is_dir() && !item.is_symlink() && item.atime != meta.atime {
        flags |= ItemFlags::REPORT_ATIME.0;
    }
    if !item.is_symlink() {
        let differ = if o.perms {
            (item.mode ^ meta.mode) & 0o7777 != 0
        } else {
            o.executability && item.is_regular() && (item.mode & 0o111 == 0) != (meta.mode & 0o111 == 0)
        };
        if differ {
            flags |= ItemFlags::REPORT_PERMS.0;
        }
    }
    if o.owner && p.root && item.uid != meta.uid {
        flags |= ItemFlags::REPORT_OWNER.0;
    }
    if o.group && p.may_set_group(item.gid) && item.gid != meta.gid {
        flags |= ItemFlags::REPORT_GROUP.0;
    }
    if acls_differ(o, item, meta) {
        flags |= ItemFlags::REPORT_ACL.0;
    }
    if xattrs_differ(p, item, meta) {
        flags |= ItemFlags::REPORT_XATTR.0;
    }
    ItemFlags(flags)
}

/// The report bit of something new that gets extended attributes.
pub(crate) fn new_xattrs(item: &Item) -> u16 {
    let some = item.xattrs.as_ref().is_some_and(|list| list.borrow().iter().any(|xattr| xattr.name.is_some()));
    if some { ItemFlags::REPORT_XATTR.0 } else { 0 }
}

fn xattrs_differ(p: &Powers, item: &Item, meta: &Meta) -> bool {
    let (Some(list), Some(there)) = (&item.xattrs, &meta.extended) else { return false };
    !xattr::is_met_by(&list.borrow(), &there.xattrs, |name| p.xattrs.has(name))
}

fn acls_differ(o: &Options, item: &Item, meta: &Meta) -> bool {
    let Some((access, default)) = item.acls.as_ref().filter(|_| o.acls) else { return false };
    let Some(there) = &meta.extended else { return true };
    !access.expanded(item.mode, false).is_met_by(&there.acls.access, item.mode)
        || default.as_ref().is_some_and(|default| default.expanded(item.mode, true) != there.acls.default)
}

/// What must be set so that `current` (what is there now; for a new file, what creating it gave) becomes as wanted.
/// `exact_times`: after a transfer, times are compared to the nanosecond.
pub(crate) fn to_set(o: &Options, p: &Powers, item: &Item, current: &Meta, mode: u32, exact_times: bool) -> SetMeta {
    let mut set = SetMeta::default();
    if o.owner && p.root && item.uid != current.uid {
        set.uid = Some(item.uid);
    }
    if o.group && p.may_set_group(item.gid) && item.gid != current.gid {
        set.gid = Some(item.gid);
    }
    if keeps_mtime(o, p, item) {
        let tolerance = if exact_times { -1 } else { window(o) };
        if !same_time(tolerance, (item.mtime, item.mtime_nsec), (current.mtime, current.mtime_nsec)) {
            set.mtime = Some((item.mtime, item.mtime_nsec));
        }
    }
    if o.atimes > 0 && !item.is_dir() && !(item.is_symlink() && o.omit_link_times) && item.atime != current.atime {
        set.atime = Some(item.atime);
    }
    // chown clears the set-id bits of what is not a directory, so the mode has to be set again after it.
    let chown = set.uid.is_some() || set.gid.is_some();
    let loses_bits = chown && mode & 0o6000 != 0;
    if !item.is_symlink() && ((mode ^ current.mode) & 0o7777 != 0 || loses_bits) {
        set.mode = Some(mode & 0o7777);
    }
    if acls_differ(o, item, current)
        && let Some((access, default)) = &item.acls
    {
        let fake = p.xattrs.fake;
        let access = access.expanded(mode, false);
        let of_new_files = |default: &Acl| match default.is_empty() {
            true => Acl::default(),
            false if fake => default.expanded(mode, true),
            false => default.of_new_files(mode),
        };
        set.extended = Some(Box::new(SetExtended {
            access: Some(if fake { access } else { access.complete(mode) }),
            default: default.as_ref().map(|default| of_new_files(default)),
            ..SetExtended::default()
        }));
    }
    set
}

/// Whether nothing but the content could differ: for `--ignore-existing`'s reasons and alternate directories.
pub(crate) fn attributes_unchanged(o: &Options, p: &Powers, item: &Item, meta: &Meta) -> bool {
    let ignore = ItemFlags::REPORT_SIZE.0 | ItemFlags::REPORT_ATIME.0;
    differences(o, p, item, meta, false).0 & !ignore == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modify_window() {
        for (window, a, b, expect) in [
            (0, (5, 1), (5, 2), true),
            (0, (5, 1), (6, 1), false),
            (-1, (5, 1), (5, 2), false),
            (-1, (5, 1), (5, 1), true),
            (2, (5, 0), (7, 9), true),
            (2, (5, 0), (8, 0), false),
            (1, (i64::MIN, 0), (i64::MAX, 0), false),
        ] {
            assert_eq!(same_time(window, a, b), expect, "{window} {a:?} {b:?}");
        }
    }

    #[test]
    fn modes_without_perms() {
        let p = Powers {
            root: false,
            groups: Vec::new(),
            umask: 0o022,
            xattrs: XattrScope::default(),
            omit_dir_times: false,
        };
        let mut o = Options::default();
        let item = Item { mode: REGULAR | 0o4777, ..Item::default() };
        assert_eq!(wanted_mode(&o, &p, &item, None), REGULAR | 0o755);
        let there = Meta { mode: REGULAR | 0o640, ..Meta::default() };
        assert_eq!(wanted_mode(&o, &p, &item, Some(&there)), REGULAR | 0o640);
        o.executability = true;
        assert_eq!(wanted_mode(&o, &p, &item, Some(&there)), REGULAR | 0o750);
        o.perms = true;
        assert_eq!(wanted_mode(&o, &p, &item, Some(&there)), REGULAR | 0o4777);
    }
}
