//! All lists of a session, how their entries are numbered, and the table of directories (spec 2.9.4, 2.10).
//!
//! ```text
//! without incremental recursion        with it
//!   one list: 0 1 2 3 …                  list 1: 1 2 3 4 │ list 2: 6 7 8 │ …      (the numbers start - 1: 0, 5, …
//!                                        directories: 0 1 2 3 …                    are the directories of the lists)
//! ```
//!
//! Lists come and go, oldest first; the directories stay, since a list may name its directory long after the list that
//! the directory itself was in has been freed.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use super::list::{FileList, View};
use super::order::{self, Order};
use crate::{Error, Exit, limits};

/// The index that says: a list for directory number 0 follows. Lower ones mean higher numbers.
pub const NDX_FLIST_OFFSET: i32 = -101;

/// How a session numbers its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// Incremental recursion.
    pub inc: bool,
    /// Indexes follow arrival order, since the sides may sort differently (`--iconv`).
    pub by_arrival: bool,
    /// The common order.
    pub order: Order,
    /// This is the receiving side: it drops duplicates, and removes leading slashes.
    pub receiving: bool,
}

/// The lists that are alive.
#[derive(Debug)]
pub struct Lists {
    numbering: Numbering,
    lists: VecDeque<FileList>,
    next_start: u32,
    /// Directories by number, as an unsorted list.
    dirs: FileList,
    /// Receiving side: directories that their list has arrived of.
    listed: Vec<bool>,
    /// Sender: ranges of directories that are still to be listed, the innermost last.
    unvisited: Vec<Range<u32>>,
    bytes_max: u64,
    bytes: u64,
}

/// What an index denotes.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// An entry of a list.
    Entry(&'a FileList, View<'a>),
    /// The directory that a list has the contents of.
    Dir(&'a FileList, View<'a>),
}

impl<'a> Found<'a> {
    /// The entry, whichever way it was named. It may be inactive.
    pub fn view(&self) -> View<'a> {
        match self {
            Found::Entry(_, view) | Found::Dir(_, view) => *view,
        }
    }
}

impl Lists {
    /// No lists yet.
    pub fn new(numbering: Numbering) -> Lists {
        Lists {
            numbering,
            lists: VecDeque::new(),
            next_start: u32::from(numbering.inc),
            dirs: FileList::new(0, None),
            listed: Vec::new(),
            unvisited: Vec::new(),
            bytes_max: limits::ALLOC_MAX,
            bytes: 0,
        }
    }

    /// Bounds the memory of all lists together (`--max-alloc`).
    pub fn limit_bytes(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
        self.dirs.limit_bytes(bytes_max);
    }

    /// How entries are numbered.
    pub fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// Starts a list: the first one, or the one for a directory.
    pub fn begin(&self, dir: Option<u32>) -> FileList {
        let mut list = FileList::new(self.next_start, dir);
        list.limit_bytes(self.bytes_max.saturating_sub(self.bytes));
        list
    }

    /// A list is complete: sorts it, gives numbers to its directories, and keeps it. Fails where numbers or memory run out.
    pub fn complete(&mut self, mut list: FileList) -> Result<(), Error> {
        let Numbering { inc, by_arrival, order, receiving } = self.numbering;
        order::sort(&mut list, order);
        if receiving {
            order::drop_duplicates(&mut list, order);
            list.strip_leading_slash();
        } else if inc {
            order::mark_duplicates(&mut list, order);
        }
        list.shrink();
        if inc {
            self.add_dirs(&list, by_arrival)?;
        }
        let next = u64::from(self.next_start) + list.len() as u64 + 1;
        self.next_start = u32::try_from(next)
            .ok()
            .filter(|&next| next <= i32::MAX as u32)
            .ok_or_else(|| Error::peer(Exit::MALLOC, "too many files in the file list"))?;
        self.bytes += list.bytes() as u64;
        self.lists.push_back(list);
        Ok(())
    }

    fn add_dirs(&mut self, list: &FileList, by_arrival: bool) -> Result<(), Error> {
        let first = self.dirs.len() as u32;
        for at in 0..list.len() {
            let view = if by_arrival { list.arrival(at) } else { list.sorted(at) };
            if let Some(view) = view.filter(View::is_dir) {
                let mut entry = view.to_entry();
                if entry.name.is_empty() {
                    entry.name.push(b'.');
                }
                self.dirs.push(&entry)?;
            }
        }
        self.listed.resize(self.dirs.len(), false);
        let last = self.dirs.len() as u32;
        if !self.numbering.receiving && first < last {
            self.unvisited.push(first..last);
        }
        Ok(())
    }

    /// Number of directories in the table.
    pub fn dir_count(&self) -> u32 {
        self.dirs.len() as u32
    }

    /// A directory by its number.
    pub fn dir(&self, number: u32) -> Option<View<'_>> {
        self.dirs.arrival(number as usize)
    }

    /// Sender: the directories to list next, depth first: one, and duplicates of it that share its list (spec 2.10.3). The
    /// list is the one of the first of them. `None`: all were listed.
    pub fn next_dirs(&mut self) -> Option<Range<u32>> {
        loop {
            let range = self.unvisited.last_mut()?;
            let Some(first) = range.next() else {
                self.unvisited.pop();
                continue;
            };
            let Some(view) = self.dirs.arrival(first as usize) else {
                continue;
            };
            // The contents of `.` are in the first list.
            if view.base() == b"." {
                continue;
            }
            let is_duplicate = |number: u32| {
                let next = self.dirs.arrival(number as usize);
                next.is_some_and(|next| next.flags().has(super::Flags::DUPLICATE))
            };
            while range.start < range.end && is_duplicate(range.start) {
                range.start += 1;
            }
            return Some(first..range.start);
        }
    }

    /// Receiving side: a marker for a list arrived. Returns the number of its directory.
    pub fn accept_marker(&mut self, ndx: i32, role: &str) -> Result<u32, Error> {
        let refuse = |text| Err(Error::peer(Exit::PROTOCOL, text));
        if !self.numbering.inc {
            let last = self.lists.back().map_or(-1, |list| i64::from(list.start()) + list.len() as i64 - 1);
            return refuse(format!("Invalid file index: {ndx} (-1 - {last}) [{role}]"));
        }
        let number = i64::from(NDX_FLIST_OFFSET) - i64::from(ndx);
        let Some((number, listed)) = usize::try_from(number).ok().and_then(|at| Some((at, self.listed.get_mut(at)?)))
        else {
            let lowest = i64::from(NDX_FLIST_OFFSET) + 1 - self.dirs.len() as i64;
            return refuse(format!("Invalid dir index: {ndx} ({NDX_FLIST_OFFSET} - {lowest}) [{role}]"));
        };
        if self.dirs.arrival(number).is_none_or(|view| !view.is_active()) {
            return refuse(format!("rsync: refusing flist for cleared dir_ndx {number}"));
        }
        if *listed {
            return refuse(format!("rsync: refusing malicious duplicate flist for dir {number}"));
        }
        if self.lists.is_empty() {
            return refuse("rsync: refusing sub-flist after final flist was freed".into());
        }
        *listed = true;
        Ok(number as u32)
    }

    /// The lists that are alive, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &FileList> + ExactSizeIterator {
        self.lists.iter()
    }

    /// Number of lists that are alive.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether no list is alive.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The `at`-th list that is alive.
    pub fn list(&self, at: usize) -> Option<&FileList> {
        self.lists.get(at)
    }

    /// The `at`-th list that is alive, to change flags or owners. It must not grow.
    pub fn list_mut(&mut self, at: usize) -> Option<&mut FileList> {
        self.lists.get_mut(at)
    }

    /// Forgets the oldest list.
    pub fn free_oldest(&mut self) -> Option<FileList> {
        let list = self.lists.pop_front()?;
        self.bytes = self.bytes.saturating_sub(list.bytes() as u64);
        Some(list)
    }

    /// What an index denotes. Fails with exit 2 if that is nothing.
    pub fn lookup(&self, ndx: u32) -> Result<Found<'_>, Error> {
        let after = self.lists.partition_point(|list| list.start() <= ndx.saturating_add(1));
        let found = after.checked_sub(1).and_then(|at| self.lists.get(at)).and_then(|list| self.lookup_in(list, ndx));
        // An index just before a list is the number of its directory, and past the end of the list before it.
        found.ok_or_else(|| {
            let (first, last) = self.bounds();
            Error::peer(Exit::PROTOCOL, format!("File-list index {ndx} not in {first} - {last}"))
        })
    }

    fn lookup_in<'a>(&'a self, list: &'a FileList, ndx: u32) -> Option<Found<'a>> {
        let Some(at) = ndx.checked_sub(list.start()) else {
            let view = match list.dir() {
                Some(number) => self.dir(number),
                None => list.sorted(0).filter(|view| view.is_dir() && view.base() == b"." && view.dir().is_empty()),
            };
            return view.map(|view| Found::Dir(list, view));
        };
        let at = at as usize;
        let view = if self.numbering.by_arrival { list.arrival(at) } else { list.sorted(at) };
        view.map(|view| Found::Entry(list, view))
    }

    fn bounds(&self) -> (i64, i64) {
        let first = self.lists.front().map_or(0, |list| i64::from(list.start()) - i64::from(self.numbering.inc));
        let last = self.lists.back().map_or(-1, |list| i64::from(list.start()) + list.len() as i64 - 1);
        (first, last)
    }

    /// The index of the entry at a sorted position of a list.
    pub fn index(&self, list: &FileList, sorted: usize) -> Option<u32> {
        let view = list.sorted(sorted)?;
        let at = if self.numbering.by_arrival { view.position() } else { sorted };
        Some(list.start() + at as u32)
    }

    /// The position among the living lists of the one that an index belongs to, as an entry or as its directory.
    pub fn list_of(&self, ndx: u32) -> Option<usize> {
        let at = self.lists.partition_point(|list| list.start() <= ndx.saturating_add(1)).checked_sub(1)?;
        let list = self.lists.get(at)?;
        self.lookup_in(list, ndx).map(|_| at)
    }
}

/// The text with which a request for an inactive entry is refused (spec 2.8.3): `transfer` says whether its data was asked for.
pub fn refuse_inactive(ndx: u32, transfer: bool, role: &str) -> Error {
    let text = if transfer {
        format!("received request to transfer non-regular file: {ndx} [{role}]")
    } else {
        format!("rsync: refusing transfer of cleared file index {ndx}")
    };
    Error::peer(Exit::PROTOCOL, text)
}

#[cfg(test)]
mod tests;
