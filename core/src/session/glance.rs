//! The commonest case, without the machinery of the others: a regular file that is at the destination as it is listed. Most
//! runs consist of nothing else, so it is decided on the compact entry, and no task is left for it.

use alloc::vec::Vec;

use super::ask::Meta;
use super::decide::{self, REGULAR, TYPE};
use super::generator::Generator;
use super::receiving::Receiving;
use crate::flist::{Found, View};
use crate::options::{Info, RemoveSource};

/// What has to be known of an entry to look at its destination.
pub(crate) struct Glance {
    pub(crate) ndx: i32,
    pub(crate) path: Vec<u8>,
    pub(crate) is_dir: bool,
}

impl Glance {
    /// The entry of this index, unless it may not be used.
    pub(crate) fn at(rx: &Receiving, ndx: i32) -> Option<Glance> {
        let lists = rx.lists.borrow();
        let Ok(Found::Entry(_, view)) = lists.lookup(u32::try_from(ndx).ok()?) else { return None };
        if !view.is_active() {
            return None;
        }
        let path = match rx.local_name.borrow().as_ref() {
            Some(name) => name.clone(),
            None => super::entries::path_of(&view.name()).to_vec(),
        };
        Some(Glance { ndx, path, is_dir: view.is_dir() })
    }
}

impl Generator {
    /// Whether the options leave nothing to do or to say about a file that is as listed.
    pub(crate) fn passes_over(&self) -> bool {
        let o = &self.cx.config.options;
        let says = o.listing || o.levels.info(Info::Name) >= 2 || super::show::itemizes_all(&self.cx);
        let bounds = o.max_size.is_some() || o.min_size.is_some() || o.existing || o.ignore_existing;
        let content = o.checksum || o.ignore_times || o.partial_dir.is_some() || !o.alt_dirs.is_empty();
        let attributes = o.atimes > 0 || o.acls || o.xattrs > 0;
        let module = self.cx.config.module.is_some();
        !says && !bounds && !content && !attributes && !module && o.remove_source == RemoveSource::Keep
    }

    /// Whether there is nothing to do for an entry, given what is at its destination.
    pub(crate) fn is_as_listed(&self, ndx: i32, there: &Meta) -> bool {
        let lists = self.rx.lists.borrow();
        let Ok(ndx) = u32::try_from(ndx) else { return false };
        let Ok(Found::Entry(_, view)) = lists.lookup(ndx) else { return false };
        self.skipping.is_none() && view.group().is_none() && self.is_equal(&view, there)
    }

    fn is_equal(&self, view: &View<'_>, there: &Meta) -> bool {
        let o = &self.cx.config.options;
        let times = ((view.mtime(), view.nsec()), (there.mtime, there.mtime_nsec));
        view.is_regular()
            && there.mode & TYPE == REGULAR
            && view.size() == there.size
            && decide::same_time(decide::window(o), times.0, times.1)
            && (!(o.perms || o.executability) || (view.mode() ^ there.mode) & 0o7777 == 0)
            && (!o.owner || !self.rx.powers.root || view.uid() == there.uid)
            && (!o.group || view.gid() == there.gid)
    }
}
