//! What generator and receiver share: the lists, what is in flight, and what has to be asked for again. In stock rsync this
//! travels through a pipe between two processes (spec 1.7.7).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::ask::RootId;
use super::context::Shared;
use super::decide::Powers;
use super::filters::Rules;
use crate::flist::Lists;
use crate::{Error, Exit};

/// How far a list of the session is.
#[derive(Default)]
pub(crate) struct Progress {
    /// Requests of this list that are neither done nor given up.
    pub(crate) in_flight: u32,
    /// The generator has looked at every entry.
    pub(crate) passed: bool,
}

pub(crate) struct Receiving {
    pub(crate) cx: Shared,
    pub(crate) lists: RefCell<Lists>,
    pub(crate) reading: RefCell<super::listing::Reading>,
    /// One for each list that is not closed, oldest first.
    pub(crate) progress: RefCell<VecDeque<Progress>>,
    /// Number of lists closed so far.
    pub(crate) closed: Cell<usize>,
    /// Number of lists forgotten so far.
    pub(crate) freed: Cell<usize>,
    /// What is to be said when the generator comes to a list.
    pub(crate) told_later: RefCell<VecDeque<(usize, Vec<u8>)>>,
    /// Entries received so far, whatever became of their lists.
    pub(crate) entries: Cell<u64>,
    /// No more lists will come.
    pub(crate) eof: Cell<bool>,
    /// Entries that failed verification once.
    pub(crate) redo: RefCell<VecDeque<i32>>,
    /// Entries that are in the redo queue or were asked for again: their second failure is final.
    pub(crate) redone: RefCell<Vec<i32>>,
    /// Marks that the generator has sent less those that the sender has answered.
    pub(crate) marks: Cell<u32>,
    /// Phase marks of the sender that the receiver has reported (1.11.2).
    pub(crate) phases_done: Cell<u32>,
    /// Installed after all transfers (`--delay-updates`), in index order.
    pub(crate) delayed: RefCell<BTreeSet<i32>>,
    /// Generator and receiver are at work: until then the receiving side has but one role.
    pub(crate) has_split: Cell<bool>,
    /// The destination, once it is entered.
    pub(crate) dest: Cell<Option<RootId>>,
    /// The path by which the destination was entered.
    pub(crate) dest_path: RefCell<Vec<u8>>,
    /// The only entry gets this name (a copy that renames).
    pub(crate) local_name: RefCell<Option<Vec<u8>>>,
    /// A dry run whose destination directory doesn't exist.
    pub(crate) dest_missing: Cell<bool>,
    /// The destination directory was made by this session.
    pub(crate) dest_new: Cell<bool>,
    pub(crate) filters: Rules,
    pub(crate) powers: Powers,
    pub(crate) temp_root: Cell<Option<RootId>>,
    pub(crate) partial_root: Cell<Option<RootId>>,
    pub(crate) backup_root: Cell<Option<RootId>>,
    pub(crate) alternates: RefCell<Vec<Option<RootId>>>,
    /// Outputs being finished beside the receiver.
    pub(crate) finishing: Cell<u32>,
    /// The entry that the generator wrote last about.
    pub(crate) last_ndx: Cell<i32>,
    /// The first list that came with the word that something could not be read.
    pub(crate) bad_list: Cell<usize>,
    /// Groups of hard links.
    pub(crate) links: RefCell<super::hardlinks::Links>,
    /// The file whose data is arriving.
    pub(crate) arriving: RefCell<Option<super::receiver::Arriving>>,
    /// The last entry that the generator has decided about.
    pub(crate) walked: Cell<i32>,
    /// Entries whose data the generator wants, where a batch is replayed.
    pub(crate) wanted: RefCell<BTreeSet<i32>>,
    /// Bases other than the file itself, where the protocol (below 29) has no room to name them.
    pub(crate) old_bases: RefCell<BTreeMap<i32, u8>>,
}

impl Receiving {
    /// A list was received: returns its number.
    pub(crate) fn opened(&self) -> usize {
        let mut progress = self.progress.borrow_mut();
        progress.push_back(Progress::default());
        self.closed.get() + progress.len() - 1
    }

    fn with_progress(&self, list: usize, change: impl FnOnce(&mut Progress)) {
        if let Some(at) = list.checked_sub(self.closed.get())
            && let Some(progress) = self.progress.borrow_mut().get_mut(at)
        {
            change(progress);
        }
        self.cx.moved.notify();
    }

    fn list_of(&self, ndx: i32) -> Option<usize> {
        let at = self.lists.borrow().list_of(u32::try_from(ndx).ok()?)?;
        Some(self.freed.get() + at)
    }

    /// First index and length of a list.
    pub(crate) fn bounds(&self, list: usize) -> (i32, usize) {
        let lists = self.lists.borrow();
        let found = list.checked_sub(self.freed.get()).and_then(|at| lists.list(at));
        found.map_or((0, 0), |list| (list.start() as i32, list.len()))
    }

    /// Whether a list has an entry of this name, of any type.
    pub(crate) fn holds(&self, list: usize, path: &[u8]) -> bool {
        let lists = self.lists.borrow();
        let order = lists.numbering().order;
        let found = list.checked_sub(self.freed.get()).and_then(|at| lists.list(at));
        found.is_some_and(|list| crate::flist::order::find_either(list, order, path, false).is_some())
    }

    /// The index of the entry at a sorted position of a list.
    pub(crate) fn ndx_at(&self, list: usize, at: usize) -> i32 {
        let lists = self.lists.borrow();
        let found = list.checked_sub(self.freed.get()).and_then(|number| lists.list(number));
        found.and_then(|list| lists.index(list, at)).map_or(-1, |ndx| ndx as i32)
    }

    /// The receiver is done with the oldest list.
    pub(crate) fn free_oldest(&self) {
        if self.lists.borrow_mut().free_oldest().is_some() {
            self.freed.set(self.freed.get() + 1);
        }
    }

    /// Entries in lists that the sender does not know the generator to have reached.
    pub(crate) fn entries_ahead(&self) -> usize {
        let reached = self.list_of(self.last_ndx.get()).unwrap_or(0).max(self.closed.get());
        let lists = self.lists.borrow();
        lists.iter().skip((reached + 1).saturating_sub(self.freed.get())).map(crate::flist::FileList::len).sum()
    }

    /// The generator requested this entry's data.
    pub(crate) fn requested(&self, ndx: i32) {
        if let Some(list) = self.list_of(ndx) {
            if self.cx.replays() {
                self.wanted.borrow_mut().insert(ndx);
            }
            self.with_progress(list, |p| p.in_flight += 1);
        }
    }

    /// A request was settled: stored, given up, or not sent.
    pub(crate) fn settled(&self, ndx: i32) {
        if !self.redo.borrow().contains(&ndx) && !self.delayed.borrow().contains(&ndx) {
            self.transfer_ended(ndx, false);
        }
        if let Some(list) = self.list_of(ndx) {
            self.with_progress(list, |p| p.in_flight = p.in_flight.saturating_sub(1));
        }
    }

    pub(crate) fn passed(&self, list: usize) {
        let (start, len) = self.bounds(list);
        self.walked.set(start + len as i32);
        self.with_progress(list, |p| p.passed = true);
    }

    /// Whether the oldest list that is not closed is finished: looked at, nothing in flight, nothing to redo.
    pub(crate) fn oldest_is_finished(&self) -> bool {
        let progress = self.progress.borrow();
        let Some(oldest) = progress.front() else { return false };
        if !oldest.passed || oldest.in_flight > 0 {
            return false;
        }
        let number = self.closed.get();
        !self.redo.borrow().iter().any(|&ndx| self.list_of(ndx) == Some(number))
    }

    /// The generator's mark: the end of a list, or of a phase.
    pub(crate) fn put_mark(&self) {
        self.cx.put_ndx(crate::wire::index::NDX_DONE);
        self.marks.set(self.marks.get() + 1);
        self.cx.moved.notify();
    }

    /// The sender's mark. It never comes but in answer to one of the generator's: if it did, the two would wait for
    /// different things from then on.
    pub(crate) fn take_mark(&self) -> Result<(), Error> {
        match self.marks.get().checked_sub(1) {
            Some(left) => self.marks.set(left),
            None => return Err(Error::peer(Exit::PROTOCOL, "got an end mark that was not asked for [receiver]")),
        }
        Ok(())
    }

    /// Keeps what kind of basis the generator signed for this entry.
    pub(crate) fn note_old_basis(&self, ndx: i32, kind: u8) {
        if kind == super::files::basis::FNAME {
            self.old_bases.borrow_mut().remove(&ndx);
        } else {
            self.old_bases.borrow_mut().insert(ndx, kind);
        }
    }

    pub(crate) fn close_oldest(&self) {
        self.progress.borrow_mut().pop_front();
        self.closed.set(self.closed.get() + 1);
    }

    /// Number of lists received so far.
    pub(crate) fn received(&self) -> usize {
        self.closed.get() + self.progress.borrow().len()
    }

    /// Asks for an entry again, or says that this was its second failure.
    pub(crate) fn fail(&self, ndx: i32) -> bool {
        let mut redone = self.redone.borrow_mut();
        if redone.contains(&ndx) {
            return false;
        }
        redone.push(ndx);
        self.redo.borrow_mut().push_back(ndx);
        true
    }

    pub(crate) fn dest(&self) -> RootId {
        self.dest.get().expect("entries are looked at after the destination was entered")
    }
}

pub(crate) type Rx = Rc<Receiving>;
