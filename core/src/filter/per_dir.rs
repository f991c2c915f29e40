//! Rules from files in the directories of the transfer (spec 4.17.8).
//!
//! A [`PerDir`] holds what is in force in one directory. It is cheap to copy, and that of a subdirectory is made from that
//! of its parent by an [`Enter`], which says what it has to read:
//!
//! ```text
//!   rule `: .f`  ──slot──►  rules of a/b/.f  ──parent──►  rules of a/.f  ──parent──►  rules of .f
//!                             └─ rule `: .g`  ──slot──►  …
//! ```

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::build::{Builder, Missing, NeedFile};
use super::list::{Check, Decision, FilterList};
use super::pattern::Subject;
use super::rule::{Action, DirMerge, Side};
use crate::Error;

/// The rules of one file, and of those that they inherit from.
#[derive(Debug)]
struct Chain {
    list: FilterList,
    parent: Option<Arc<Chain>>,
}

impl Drop for Chain {
    /// A chain is as long as the path is deep: it is not left to recursion.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut chain) = next.and_then(Arc::into_inner) {
            next = chain.parent.take();
        }
    }
}

/// The rules of per-directory files that are in force in a directory.
#[derive(Clone, Debug, Default)]
pub struct PerDir {
    /// By slot.
    chains: Vec<Option<Arc<Chain>>>,
    /// Basenames that were in use on the way here, even if their rule was cleared since: they are not taken up again.
    known: Vec<Vec<u8>>,
    slots: u32,
}

/// A directory that is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beneath the transfer root, by its path from there; `.` is the root itself.
    Beneath(Vec<u8>),
    /// Above it.
    Above(Above),
}

/// A directory above the transfer root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Above {
    /// Its absolute path.
    pub dir: Vec<u8>,
    /// The way from it to the transfer root.
    pub way: Vec<u8>,
}

/// What an [`Enter`] has to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirNeed {
    /// A per-directory file, which may be missing, by its path from the transfer root.
    Beneath(Vec<u8>),
    /// A per-directory file above the transfer root, which may be missing, by its absolute path.
    Above(Vec<u8>),
    /// A file that a rule names.
    File(NeedFile),
}

impl PerDir {
    /// What is in force before any directory was entered.
    pub fn new() -> PerDir {
        PerDir::default()
    }

    /// The rule of a slot that decides.
    pub(super) fn decide<'a>(&'a self, slot: u32, subject: &Subject<'_>, check: Check) -> Option<Decision<'a>> {
        let mut chain = self.chains.get(slot as usize).and_then(Option::as_ref);
        while let Some(current) = chain {
            let decision = current.list.decide(subject, check, self);
            if decision.is_some() {
                return decision;
            }
            chain = current.parent.as_ref();
        }
        None
    }

    /// Starts to enter a directory from the one that this is in force in. `side` is the side that names are looked up for,
    /// and `root` the absolute path of the transfer root.
    pub fn enter(&self, list: &FilterList, place: Place, side: Side, root: &[u8]) -> Enter {
        let mut known = self.known.clone();
        for merge in list.dir_merges() {
            remember(&mut known, merge);
        }
        let slots = self.slots.max(list.slots());
        Enter {
            outer: self.clone(),
            inner: PerDir { chains: Vec::new(), known, slots },
            place,
            side,
            root: root.to_vec(),
            delete_excluded: list.delete_excluded(),
            waiting: list.dir_merges().map(|merge| (merge.clone(), false)).collect(),
            reading: None,
            warnings: Vec::new(),
        }
    }
}

fn remember(known: &mut Vec<Vec<u8>>, merge: &DirMerge) {
    if !known.iter().any(|known| known == merge.base()) {
        known.push(merge.base().to_vec());
    }
}

/// The directories above a transfer root that have to be entered first, outermost first: those that a per-directory file
/// with a path in its name wants to be read from.
pub fn directories_above(list: &FilterList, root: &[u8]) -> Vec<Above> {
    let parts: Vec<&[u8]> = root.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    let depth = list.dir_merges().filter_map(|merge| start_depth(merge, root)).min().unwrap_or(parts.len());
    (depth..parts.len())
        .map(|depth| Above { dir: [b"/", &parts[..depth].join(&b'/')[..]].concat(), way: parts[depth..].join(&b'/') })
        .collect()
}

/// How deep the directory lies that a per-directory file is first read in, if that is above the transfer root.
fn start_depth(merge: &DirMerge, root: &[u8]) -> Option<usize> {
    let slash = merge.name.iter().rposition(|&byte| byte == b'/')?;
    let path = &merge.name[..slash];
    let mut parts: Vec<&[u8]> = Vec::new();
    let from: &[u8] = if merge.name.starts_with(b"/") { b"" } else { root };
    for part in from.split(|&byte| byte == b'/').chain(path.split(|&byte| byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut root = root.split(|&byte| byte == b'/').filter(|part| !part.is_empty());
    let is_above = parts.iter().all(|part| root.next() == Some(part)) && root.next().is_some();
    is_above.then_some(parts.len())
}

/// A directory on the way to be entered.
#[derive(Debug)]
pub struct Enter {
    outer: PerDir,
    inner: PerDir,
    place: Place,
    side: Side,
    root: Vec<u8>,
    delete_excluded: bool,
    /// Files that are still to be read here, and whether another file named them.
    waiting: VecDeque<(DirMerge, bool)>,
    reading: Option<(DirMerge, Option<Builder>)>,
    /// Things to tell the user that are no errors.
    pub warnings: Vec<Vec<u8>>,
}

impl Enter {
    /// Goes as far as it can: says what it has to be given by [`Enter::supply`]. `None`: all is done. Fails as
    /// [`Builder::run`].
    pub fn run(&mut self) -> Result<Option<DirNeed>, Error> {
        loop {
            match &mut self.reading {
                Some((merge, None)) => {
                    let base = merge.base().to_vec();
                    return Ok(Some(self.need(&base)));
                }
                Some((_, Some(builder))) => match builder.run()? {
                    Some(need) => return Ok(Some(DirNeed::File(need))),
                    None => self.finish_file(),
                },
                None => match self.waiting.pop_front() {
                    None => return Ok(None),
                    Some((merge, is_named)) if is_named || self.is_read_here(&merge) => {
                        self.reading = Some((merge, None))
                    }
                    Some((merge, _)) => self.place_chain(&merge, None),
                },
            }
        }
    }

    /// Answers [`Enter::run`]. Fails where a file is missing that must be there.
    pub fn supply(&mut self, contents: Result<Vec<u8>, Missing>) -> Result<(), Error> {
        match (self.reading.take(), contents) {
            (Some((merge, Some(mut builder))), contents) => {
                builder.supply(contents)?;
                self.reading = Some((merge, Some(builder)));
            }
            (Some((merge, None)), Ok(bytes)) => {
                let dir = match &self.place {
                    Place::Beneath(dir) => dir.clone(),
                    Place::Above(above) => above.dir.clone(),
                };
                let (slots, from0) = (self.inner.slots, merge.template.nul);
                let mut builder = Builder::for_dir(&dir, slots, self.inner.known.clone(), self.delete_excluded, from0);
                builder.dir_file(&self.shown_path(merge.base()), bytes, &merge);
                self.reading = Some((merge, Some(builder)));
            }
            (Some((merge, None)), Err(_)) => {
                let inherited = self.inherited(&merge);
                self.place_chain(&merge, inherited);
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// What is in force in the directory, once [`Enter::run`] has nothing left to do.
    pub fn finish(self) -> PerDir {
        self.inner
    }

    fn need(&self, base: &[u8]) -> DirNeed {
        match &self.place {
            Place::Beneath(dir) if dir.is_empty() || dir == b"." => DirNeed::Beneath(base.to_vec()),
            Place::Beneath(dir) => DirNeed::Beneath([dir, &b"/"[..], base].concat()),
            Place::Above(above) => DirNeed::Above(join_absolute(&above.dir, base)),
        }
    }

    /// The path of a file as error texts show it.
    fn shown_path(&self, base: &[u8]) -> Vec<u8> {
        match self.need(base) {
            DirNeed::Beneath(path) => join_absolute(&self.root, &path),
            DirNeed::Above(path) => path,
            DirNeed::File(_) => Vec::new(),
        }
    }

    /// Above the transfer root, only files are read whose name says so, and those that they name.
    fn is_read_here(&self, merge: &DirMerge) -> bool {
        let Place::Above(above) = &self.place else {
            return true;
        };
        let depth = above.dir.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).count();
        start_depth(merge, &self.root).is_some_and(|start| start <= depth)
    }

    fn inherited(&self, merge: &DirMerge) -> Option<Arc<Chain>> {
        let outer = self.outer.chains.get(merge.slot as usize)?;
        outer.clone().filter(|_| !merge.no_inherit)
    }

    /// A file was read to its end.
    fn finish_file(&mut self) {
        let Some((merge, Some(mut builder))) = self.reading.take() else {
            return;
        };
        self.warnings.append(&mut builder.warnings);
        let (mut rules, cleared, slots) = builder.finish_dir();
        self.inner.slots = slots;
        // Nobody is told these rules, so those for the other side are of no use.
        rules.retain(|rule| rule.sides.apply_at(self.side));
        for rule in &mut rules {
            if let Action::Choose(_, pattern) = &mut rule.action {
                match &self.place {
                    Place::Beneath(dir) => pattern.start_beneath(dir),
                    Place::Above(above) => pattern.start_above(&above.way),
                }
            }
        }
        let parent = self.inherited(&merge).filter(|_| !cleared);
        let list = FilterList::new(rules, self.delete_excluded, 0);
        self.place_chain(&merge, Some(Arc::new(Chain { list, parent })));
    }

    /// Puts a chain into its slot. The files that its rules name are read next.
    fn place_chain(&mut self, merge: &DirMerge, chain: Option<Arc<Chain>>) {
        let mut next = chain.as_ref();
        let mut named: Vec<DirMerge> = Vec::new();
        while let Some(chain) = next {
            named.extend(chain.list.dir_merges().cloned());
            next = chain.parent.as_ref();
        }
        for merge in named.into_iter().rev() {
            remember(&mut self.inner.known, &merge);
            self.waiting.push_front((merge, true));
        }
        let slot = merge.slot as usize;
        if self.inner.chains.len() <= slot {
            self.inner.chains.resize(slot + 1, None);
        }
        self.inner.chains[slot] = chain;
    }
}

fn join_absolute(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if dir.is_empty() || dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, separator, name].concat()
}

#[cfg(test)]
mod tests;
