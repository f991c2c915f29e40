//! Hard links on the receiving side: one member of a group gets its data, the others are linked to it (spec 2.11, 3.2.8).
//!
//! ```text
//!   Open [members put aside] ── a member has a basis, or is the last one known ──► it leads
//!        leads, transfer needed ──► InFlight ── stored ──► Finished: everybody else is linked
//!        leads, nothing to do   ─────────────────────────► Finished
//! ```

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::ask::{Ask, Errno, Follow, HostResult, Meta};
use super::decide::{self, Item};
use super::generator::{Generator, Pass};
use super::receiving::Receiving;
use super::say::Class;
use super::sender::AHEAD_MIN;
use crate::Error;
use crate::options::AltKind;
use crate::report::ItemFlags;

/// What became of an entry that was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is not wanted, or failed.
    Skipped,
    /// Nothing of it is there, and a later member of its group may do better.
    PutAside,
    /// Its data was asked for.
    Requested,
    /// It is as it should be.
    Settled,
}

/// How far a group is.
enum State {
    /// Nobody leads; members put aside, oldest first.
    Open(Vec<i32>),
    /// The data of this member is on its way; others wait: those put aside before it, and those that came after it.
    InFlight { leader: i32, before: Vec<i32>, after: Vec<i32> },
    /// This path has what all members share.
    Finished(Vec<u8>),
}

struct Group {
    /// The last member that is known.
    last: i32,
    members: u32,
    state: State,
}

fn in_flight(leader: i32, waiting: &mut Vec<i32>) -> State {
    State::InFlight { leader, before: core::mem::take(waiting), after: Vec::new() }
}

/// All groups of a session.
#[derive(Default)]
pub(crate) struct Links {
    groups: BTreeMap<u32, Group>,
    /// Transfers that ended, and whether the file is in place now.
    ended: VecDeque<(i32, bool)>,
}

impl Links {
    fn group(&mut self, group: u32) -> Option<&mut Group> {
        self.groups.get_mut(&group)
    }

    /// Whether transfers ended that were not looked at yet.
    pub(crate) fn has_news(&self) -> bool {
        !self.ended.is_empty()
    }
}

impl Receiving {
    /// The newest list is complete: its members are known.
    pub(crate) fn note_links(&self) {
        if self.cx.config.options.hard_links == 0 {
            return;
        }
        let (lists, mut links) = (self.lists.borrow(), self.links.borrow_mut());
        let Some(list) = lists.iter().next_back() else { return };
        for (at, view) in list.iter_sorted().enumerate() {
            let Some(group) = view.group().filter(|_| view.is_active() && !view.is_dir()) else { continue };
            let new = || Group { last: 0, members: 0, state: State::Open(Vec::new()) };
            let group = links.groups.entry(group).or_insert_with(new);
            group.last = lists.index(list, at).map_or(-1, |ndx| ndx as i32);
            group.members += 1;
        }
    }

    /// A transfer ended, well or not.
    pub(crate) fn transfer_ended(&self, ndx: i32, stored: bool) {
        if self.cx.config.options.hard_links > 0 {
            self.links.borrow_mut().ended.push_back((ndx, stored));
            self.cx.moved.notify();
        }
    }
}

impl Generator {
    /// The group of an entry that others may be linked to.
    pub(crate) fn link_group(&self, item: &Item) -> Option<u32> {
        let group = item.group?;
        let mut links = self.rx.links.borrow_mut();
        let alone = links.group(group).is_none_or(|found| found.members < 2 && !self.cx.agreed().inc);
        (!alone).then_some(group)
    }

    /// A member of a group.
    pub(crate) async fn member(&mut self, item: &Item, meta: HostResult<Meta>, group: u32) -> Result<(), Error> {
        let finished = match self.rx.links.borrow_mut().group(group).map(|group| &mut group.state) {
            Some(State::Finished(path)) => Some(path.clone()),
            Some(State::InFlight { after, .. }) => {
                after.push(item.ndx);
                None
            }
            // Who leads is decided below.
            _ => Some(Vec::new()),
        };
        match finished {
            Some(path) if path.is_empty() => self.candidate(item, meta, group).await,
            Some(path) => self.link(item, meta, &path).await,
            None => {
                self.rx.requested(item.ndx);
                Ok(())
            }
        }
    }

    async fn candidate(&mut self, item: &Item, meta: HostResult<Meta>, group: u32) -> Result<(), Error> {
        if meta.as_ref().is_err_and(Errno::is_not_found) && self.is_last(item, group) {
            self.until_lists_are_here().await?;
        }
        self.may_put_aside.set(!self.is_last(item, group));
        self.outcome.set(Outcome::Skipped);
        self.content(item, meta, Pass::First).await?;
        self.may_put_aside.set(false);
        self.looked_at(item, group).await
    }

    /// Whether no later member is known.
    fn is_last(&self, item: &Item, group: u32) -> bool {
        self.rx.links.borrow_mut().group(group).is_none_or(|group| group.last == item.ndx)
    }

    /// Waits for the lists that the sender sends on its own: a later member may be in one of them.
    async fn until_lists_are_here(&mut self) -> Result<(), Error> {
        // What was recorded comes whether somebody is ready or not.
        self.until(|rx| rx.eof.get() || rx.cx.replays() || rx.entries_ahead() >= AHEAD_MIN).await
    }

    /// Draws the conclusion from what became of a member that might lead.
    async fn looked_at(&mut self, item: &Item, group: u32) -> Result<(), Error> {
        match self.outcome.get() {
            Outcome::Settled => self.finish(group, &item.path).await,
            Outcome::Skipped => self.skipped(item, group).await,
            outcome => {
                if let Some(found) = self.rx.links.borrow_mut().group(group)
                    && let State::Open(waiting) = &mut found.state
                {
                    if outcome == Outcome::PutAside {
                        waiting.push(item.ndx);
                    } else {
                        found.state = in_flight(item.ndx, waiting);
                    }
                }
                if outcome == Outcome::PutAside {
                    self.rx.requested(item.ndx);
                }
                Ok(())
            }
        }
    }

    /// A member leaves its group. If it was the last hope of those put aside, the one before takes its place.
    pub(crate) async fn skipped(&mut self, item: &Item, group: u32) -> Result<(), Error> {
        if self.is_last(item, group) { self.promote(group).await } else { Ok(()) }
    }

    /// The member put aside last leads now, if it can; else the one before it.
    async fn promote(&mut self, group: u32) -> Result<(), Error> {
        loop {
            let next = match self.rx.links.borrow_mut().group(group).map(|group| &mut group.state) {
                Some(State::Open(waiting)) => waiting.pop(),
                _ => None,
            };
            let Some(ndx) = next else { return Ok(()) };
            self.rx.settled(ndx);
            let Some(item) = self.item(ndx) else { continue };
            let meta = self.look(&item).await;
            self.outcome.set(Outcome::Skipped);
            self.content(&item, meta, Pass::First).await?;
            if self.outcome.get() == Outcome::Settled {
                return self.finish(group, &item.path).await;
            }
            if self.outcome.get() == Outcome::Requested {
                if let Some(found) = self.rx.links.borrow_mut().group(group)
                    && let State::Open(waiting) = &mut found.state
                {
                    found.state = in_flight(ndx, waiting);
                }
                return Ok(());
            }
        }
    }

    /// Looks at the transfers that ended.
    pub(crate) async fn settle_links(&mut self) -> Result<(), Error> {
        loop {
            let Some((ndx, stored)) = self.rx.links.borrow_mut().ended.pop_front() else { return Ok(()) };
            let Some(item) = self.item(ndx) else { continue };
            let Some(group) = item.group else { continue };
            let leads = match self.rx.links.borrow_mut().group(group) {
                Some(found) => match &mut found.state {
                    State::InFlight { leader, before, after } if *leader == ndx => {
                        // Those that came later are linked in order, those put aside the other way round.
                        before.extend(after.drain(..).rev());
                        found.state = State::Open(core::mem::take(before));
                        true
                    }
                    _ => false,
                },
                None => false,
            };
            if leads && stored {
                self.finish(group, &item.path).await?;
            } else if leads && self.rx.phases_done.get() == 0 {
                self.promote(group).await?;
            }
        }
    }

    /// `path` has what all members share: those that wait are linked to it, the one that came last first.
    async fn finish(&mut self, group: u32, path: &[u8]) -> Result<(), Error> {
        let state = match self.rx.links.borrow_mut().group(group) {
            Some(found) => core::mem::replace(&mut found.state, State::Finished(path.to_vec())),
            None => return Ok(()),
        };
        let State::Open(waiting) = state else { return Ok(()) };
        for ndx in waiting.into_iter().rev() {
            if let Some(item) = self.item(ndx) {
                let meta = self.look(&item).await;
                self.link(&item, meta, path).await?;
            }
            self.rx.settled(ndx);
        }
        Ok(())
    }

    /// Links an entry to the one that leads its group.
    async fn link(&mut self, item: &Item, meta: HostResult<Meta>, leader: &[u8]) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let existing = meta.ok();
        let leads = cx.stat(Ask::Stat { at: self.at(leader), follow: Follow::No }).await.ok();
        let same = |there: &Meta| leads.as_ref().is_some_and(|l| (l.dev, l.ino) == (there.dev, there.ino));
        if existing.as_ref().is_some_and(same) {
            // The other attributes it shares already; these are set when the leader's item comes back.
            let differs = existing.as_ref().map_or(0, |m| decide::differences(o, &self.rx.powers, item, m, false).0);
            let flags = ItemFlags(ItemFlags::LOCAL_CHANGE.0 | differs & ItemFlags::REPORT_XATTR.0);
            self.item_record(item, flags, Some(b""), existing.as_ref()).await;
            self.report_present(item.ndx);
            return Ok(());
        }
        let links_known = o.alt_kind == Some(AltKind::Link);
        let known = if existing.is_none() { self.member_in_alternate(item, same).await } else { None };
        let Some(replace) = self.make_replaceable(item, existing.as_ref(), "hard link").await? else { return Ok(()) };
        if !o.dry_run && !self.make_link(item, leader, replace).await {
            return Ok(());
        }
        let flags = match &existing {
            None => {
                let new = ItemFlags::IS_NEW.0 | decide::new_xattrs(item);
                ItemFlags::LOCAL_CHANGE.0 | known.map_or(new, |differs| differs.0)
            }
            Some(there) => ItemFlags::LOCAL_CHANGE.0 | decide::differences(o, &self.rx.powers, item, there, false).0,
        };
        if flags & ItemFlags::IS_NEW.0 != 0 {
            cx.stats.borrow_mut().created.add(item.mode);
        }
        self.item_record(
            item,
            ItemFlags(flags),
            Some(if links_known && known.is_some() { b"" } else { leader }),
            existing.as_ref(),
        )
        .await;
        self.report_present(item.ndx);
        Ok(())
    }

    async fn make_link(&mut self, item: &Item, leader: &[u8], replace: bool) -> bool {
        let ask = || Ask::Link { from: self.at(leader), to: self.at(&item.path), replace };
        let failed = match self.cx.make_unit(ask()).await {
            Err((_, errno)) if errno.is_not_found() && self.cx.config.options.relative => {
                self.make_parents(&item.path).await;
                self.cx.make_unit(ask()).await.err()
            }
            result => result.err(),
        };
        let Some((temp, errno)) = failed else { return true };
        let end = [b" => ".as_slice(), leader, b" failed"].concat();
        let what = super::show::quoted(&self.cx, b"link ", temp.as_deref().unwrap_or(&item.path), &end);
        self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
        false
    }

    /// What differs from the entry's counterpart in an alternate directory, if that is like it: with `--link-dest` the same
    /// file already, else a file that passes the quick check.
    async fn member_in_alternate(&self, item: &Item, same: impl Fn(&Meta) -> bool) -> Option<ItemFlags> {
        let o = &self.cx.config.options;
        let roots: Vec<_> = self.rx.alternates.borrow().iter().flatten().copied().collect();
        let mut found = None;
        for root in roots {
            let at = self.beneath(root, item.path.clone());
            let Ok(meta) = self.cx.stat(Ask::Stat { at, follow: Follow::No }).await else { continue };
            if o.alt_kind == Some(AltKind::Link) {
                if same(&meta) {
                    return Some(ItemFlags(0));
                }
            } else if item.is_regular()
                && (item.mode ^ meta.mode) & decide::TYPE == 0
                && decide::quick_check(o, item, &meta)
            {
                found = Some(decide::differences(o, &self.rx.powers, item, &meta, false));
                if decide::attributes_unchanged(o, &self.rx.powers, item, &meta) {
                    break;
                }
            }
        }
        found
    }
}
