//! The generator: walks the lists in order, decides what each entry needs, does what can be done here, and asks the sender
//! for the rest (spec 1.11.2, 2.10.5, 3.2).
//!
//! It never waits for one file's answer. It waits only for room in the connection, for the next list, and for the marks that
//! separate the phases.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cell::Cell;

use super::ask::{Ask, Errno, HostResult, Meta, Reply};
use super::context::{Context, Shared};
use super::decide::Item;
use super::glance::Glance;
use super::hardlinks::Outcome;
use super::receiving::Rx;
use super::say::Class;
use crate::Error;
use crate::options::{Debug, Delete};
use crate::wire::index::NDX_DEL_STATS;
use crate::wire::item::put_varint;

/// Entries looked at per question to the host.
const BATCH: usize = 256;

/// Why an entry is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The first time.
    First,
    /// Its data failed verification: ask again with long sums, whatever the options say.
    Redo,
}

/// A directory that has to be put right after its contents.
pub(crate) struct TouchUp {
    pub(crate) item: Item,
    /// Its permission bits were widened for the run.
    pub(crate) widened: bool,
}

pub(crate) struct Generator {
    pub(crate) cx: Shared,
    pub(crate) rx: Rx,
    /// Contents of this directory are skipped: it could not be made, or is not wanted.
    pub(crate) skipping: Option<Vec<u8>>,
    /// Nothing exists below this directory: it is new, or a dry run didn't make it.
    pub(crate) missing: Option<Vec<u8>>,
    /// Directories made before their own list came.
    pub(crate) made_early: BTreeSet<Vec<u8>>,
    pub(crate) touch_ups: Vec<(usize, TouchUp)>,
    /// What the batch knows of later entries may be wrong now.
    pub(crate) stale: bool,
    pub(crate) removal: super::removal::Removal,
    /// Files that may be like missing ones.
    pub(crate) neighbours: super::fuzzy::Neighbours,
    /// What became of the entry looked at last.
    pub(crate) outcome: Cell<Outcome>,
    /// The entry looked at is a hard link that need not lead its group.
    pub(crate) may_put_aside: Cell<bool>,
}

pub(crate) async fn run(rx: Rx) -> Result<(), Error> {
    let mut generator = Generator {
        cx: rx.cx.clone(),
        rx: rx.clone(),
        skipping: None,
        missing: None,
        made_early: BTreeSet::new(),
        touch_ups: Vec::new(),
        stale: false,
        removal: Default::default(),
        neighbours: Default::default(),
        outcome: Cell::new(Outcome::Skipped),
        may_put_aside: Cell::new(false),
    };
    generator.all().await
}

impl Generator {
    async fn all(&mut self) -> Result<(), Error> {
        let cx = self.cx.clone();
        let inc = cx.agreed().inc;
        if cx.config.options.levels.debug(Debug::Flist) >= 1 {
            cx.say(Class::Info, crate::report::text::delta_transmission(!super::show::sends_whole(&cx)));
        }
        let when = self.delete_when();
        if when == Delete::Before && self.may_delete_everywhere() {
            self.delete_everywhere().await?;
        }
        let mut list = 0;
        while self.await_list(list).await? {
            self.list(list).await?;
            self.rx.passed(list);
            if inc && list == 0 {
                // As with stock rsync, what is said about later directories comes behind the items of the first list.
                self.send_on();
            }
            if inc {
                self.close_finished().await?;
            } else {
                self.rx.put_mark();
            }
            list += 1;
        }
        self.phases().await
    }

    /// The marks after the lists, and what happens between them (1.11.2).
    async fn phases(&mut self) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let (protocol, delayed) = (cx.protocol(), o.delay_updates);
        let late = matches!(self.delete_when(), Delete::After | Delete::Delay);
        if cx.agreed().inc {
            self.until(|rx| rx.progress.borrow().is_empty()).await?;
        }
        self.until(|rx| rx.phases_done.get() >= 1 && rx.redo.borrow().is_empty()).await?;
        self.rx.put_mark();
        if !delayed && protocol >= 29 {
            self.rx.put_mark();
        }
        if !late && protocol >= 31 {
            self.put_deletion_stats();
            if !delayed {
                self.rx.put_mark();
            }
        }
        self.until(|rx| rx.phases_done.get() >= 2).await?;
        if delayed && protocol >= 29 {
            self.rx.put_mark();
            if !late && protocol >= 31 {
                self.rx.put_mark();
            }
        }
        if protocol >= 29 {
            self.until(|rx| rx.phases_done.get() >= 3).await?;
        }
        match self.delete_when() {
            Delete::After if self.may_delete_everywhere() => self.delete_everywhere().await?,
            Delete::Delay => self.delete_delayed().await?,
            _ => {}
        }
        if late && protocol >= 31 {
            self.put_deletion_stats();
            self.rx.put_mark();
        }
        if protocol >= 31 {
            self.until(|rx| rx.phases_done.get() >= 4).await?;
        }
        self.touch_up_all().await;
        self.removal.report_limit(&cx);
        cx.goodbye.set(true);
        self.rx.put_mark();
        Ok(())
    }

    fn put_deletion_stats(&self) {
        let o = &self.cx.config.options;
        if o.delete == Delete::Off && !o.force {
            return;
        }
        self.cx.put_ndx(NDX_DEL_STATS);
        let counts = self.cx.stats.borrow().deleted.wire_order();
        self.cx
            .put(|out| counts.iter().for_each(|&n| put_varint(out, n.min(crate::limits::DELETED_MAX as u64) as i32)));
    }

    /// Waits for a condition; asks again for what failed, and closes lists, meanwhile.
    pub(crate) async fn until(
        &mut self,
        condition: impl Fn(&super::receiving::Receiving) -> bool,
    ) -> Result<(), Error> {
        loop {
            self.settle_links().await?;
            self.redo().await?;
            if self.cx.agreed().inc {
                self.close_finished().await?;
            }
            if condition(&self.rx) {
                return Ok(());
            }
            let rx = self.rx.clone();
            let inc = self.cx.agreed().inc;
            let has_work =
                || !rx.redo.borrow().is_empty() || rx.links.borrow().has_news() || (inc && rx.oldest_is_finished());
            let ready = || (condition(&rx) || has_work()).then_some(());
            self.cx.moved.until(ready).await;
        }
    }

    /// Whether there is a list of this number; waits until that is known.
    async fn await_list(&mut self, list: usize) -> Result<bool, Error> {
        self.until(|rx| rx.received() > list || rx.eof.get()).await?;
        Ok(self.rx.received() > list)
    }

    async fn close_finished(&mut self) -> Result<(), Error> {
        while self.rx.oldest_is_finished() {
            let list = self.rx.closed.get();
            self.touch_up_list(list).await;
            self.rx.close_oldest();
            self.rx.put_mark();
            self.cx.room().await;
        }
        Ok(())
    }

    async fn redo(&mut self) -> Result<(), Error> {
        loop {
            let Some(ndx) = self.rx.redo.borrow_mut().pop_front() else { return Ok(()) };
            let Some(item) = self.item(ndx) else { continue };
            let meta = self.look(&item).await;
            self.file(&item, meta, Pass::Redo).await?;
        }
    }

    pub(crate) fn item(&self, ndx: i32) -> Option<Item> {
        super::entries::item(&self.rx, ndx)
    }

    /// Works through one list.
    async fn list(&mut self, list: usize) -> Result<(), Error> {
        let inc = self.cx.agreed().inc;
        let (_, len) = self.rx.bounds(list);
        let mut told = core::mem::take(&mut *self.rx.told_later.borrow_mut());
        while told.front().is_some_and(|(of, _)| *of <= list) {
            told.drain(..1).for_each(|(_, text)| self.cx.say(Class::Info, text));
        }
        *self.rx.told_later.borrow_mut() = told;
        if inc && let Some(item) = super::entries::directory_of_list(&self.rx, list) {
            self.leave(&item.path);
            let meta = self.look_unless_missing(&item).await;
            self.directory(&item, meta, list, true).await?;
        }
        let mut at = 0;
        while at < len {
            let mut batch = Vec::with_capacity(BATCH.min(len - at));
            while at < len && batch.len() < BATCH {
                batch.extend(Glance::at(&self.rx, self.rx.ndx_at(list, at)));
                at += 1;
            }
            self.batch(batch, list).await?;
        }
        Ok(())
    }

    /// Lets what is said from now on come behind the items so far. With a timeout stock watches the time instead.
    fn send_on(&self) {
        if self.cx.timeout_s.get() == 0 {
            self.cx.outbox.borrow_mut().flush();
        }
    }

    async fn batch(&mut self, batch: Vec<Glance>, list: usize) -> Result<(), Error> {
        let metas = self.look_many(&batch).await;
        self.stale = false;
        let passes_over = self.passes_over();
        for (Glance { ndx, path, .. }, meta) in batch.into_iter().zip(metas) {
            self.leave(&path);
            if let (true, false, Some(Ok(there))) = (passes_over, self.stale, &meta)
                && self.is_as_listed(ndx, there)
            {
                self.rx.walked.set(ndx);
                continue;
            }
            let Some(item) = self.item(ndx) else { continue };
            let meta = match meta {
                Some(meta) if !self.stale => meta,
                _ => self.look_unless_missing(&item).await,
            };
            self.entry(&item, meta, list).await?;
            if list == 0 && !self.cx.agreed().inc && self.rx.walked.get() < 0 {
                // Without incremental lists, all that is said later comes behind the first item.
                self.send_on();
            }
            self.rx.walked.set(ndx);
            if self.cx.replays() {
                self.cx.moved.notify();
            }
            self.cx.room().await;
        }
        Ok(())
    }

    /// Forgets directories that the walk has left.
    fn leave(&mut self, path: &[u8]) {
        for dir in [&mut self.skipping, &mut self.missing] {
            if dir.as_ref().is_some_and(|dir| !is_below(path, dir)) {
                *dir = None;
            }
        }
    }

    pub(crate) fn is_missing_below(&self, path: &[u8]) -> bool {
        self.rx.dest_missing.get() || self.missing.as_ref().is_some_and(|dir| is_below(path, dir))
    }

    /// What is at the destination of each; `None` where it has to be asked for again.
    async fn look_many(&mut self, batch: &[Glance]) -> Vec<Option<HostResult<Meta>>> {
        let cx = &self.cx;
        if cx.config.options.listing || self.rx.dest_missing.get() {
            return batch.iter().map(|_| Some(Err(not_found()))).collect();
        }
        let follow = cx.config.options.keep_dirlinks;
        let known: Vec<bool> = batch.iter().map(|item| self.is_missing_below(&item.path)).collect();
        let wanted = batch.iter().zip(&known).filter(|(item, known)| !**known && (!follow || !item.is_dir));
        let paths: Vec<Vec<u8>> = wanted.map(|(item, _)| item.path.clone()).collect();
        let mut found = Vec::new().into_iter();
        if !paths.is_empty()
            && let Reply::Stats(metas) = cx.ask(Ask::StatMany { root: self.rx.dest(), paths }).await
        {
            found = metas.into_iter();
        }
        let pick = |(item, known): (&Glance, bool)| {
            if known {
                Some(Err(not_found()))
            } else if follow && item.is_dir {
                None
            } else {
                found.next()
            }
        };
        batch.iter().zip(known).map(pick).collect()
    }

    async fn look_unless_missing(&self, item: &Item) -> HostResult<Meta> {
        if self.cx.config.options.listing || self.is_missing_below(&item.path) {
            return Err(not_found());
        }
        self.look(item).await
    }

    pub(crate) async fn look(&self, item: &Item) -> HostResult<Meta> {
        let follow = if item.is_dir() && self.cx.config.options.keep_dirlinks {
            super::ask::Follow::Directories
        } else {
            super::ask::Follow::No
        };
        self.cx.stat(Ask::Stat { at: self.at(&item.path), follow }).await
    }

    pub(crate) fn at(&self, path: &[u8]) -> super::ask::At {
        super::ask::At { root: self.rx.dest(), path: path.to_vec() }
    }

    pub(crate) fn delete_when(&self) -> Delete {
        delete_when(&self.cx)
    }

    async fn touch_up_list(&mut self, list: usize) {
        if self.delete_when() == Delete::Delay {
            return;
        }
        let (now, later): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.touch_ups).into_iter().partition(|t| t.0 == list);
        self.touch_ups = later;
        for (_, touch_up) in now {
            self.touch_up(touch_up).await;
        }
    }

    async fn touch_up_all(&mut self) {
        for (_, touch_up) in core::mem::take(&mut self.touch_ups) {
            self.touch_up(touch_up).await;
        }
    }
}

/// The deletion timing in force (1.5.6).
pub(crate) fn delete_when(cx: &Context) -> Delete {
    match cx.config.options.delete {
        Delete::Unspecified if cx.protocol() < 30 => Delete::Before,
        Delete::Unspecified => Delete::During,
        when => when,
    }
}

pub(crate) fn not_found() -> Errno {
    Errno { code: Errno::ENOENT, text: "No such file or directory".into() }
}

/// Whether `path` lies below the directory `dir`.
pub(crate) fn is_below(path: &[u8], dir: &[u8]) -> bool {
    dir == b"." || (path.len() > dir.len() && path.starts_with(dir) && path[dir.len()] == b'/')
}
