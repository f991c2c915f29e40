//! The rules of a session: from the options, from the client, from a daemon, and from files in directories (spec 1.9, 4.17).

use alloc::format;
use alloc::vec::Vec;
use core::cell::RefCell;
use hashbrown::HashMap;

use super::ask::{Ask, At, RootId};
use super::context::Context;
use crate::Error;
use crate::filter::build::{Builder, Missing, NeedFile};
use crate::filter::codec::{Transit, accept, put_list, read_rule};
use crate::filter::per_dir::{DirNeed, PerDir, Place, directories_above};
use crate::filter::rule::Choice;
use crate::filter::{Check, FilterList, Rule, Side, Subject, Verdict};
use crate::options::{Debug, Delete, FilterArg, Options};

/// Largest file of rules.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The rules of one side, and where in the tree they are applied.
#[derive(Default)]
pub(crate) struct Rules {
    list: RefCell<FilterList>,
    /// What per-directory files say, by directory; the directory that is worked on and those above it.
    per_dir: RefCell<HashMap<Vec<u8>, PerDir>>,
    nothing: PerDir,
    /// Whether it matters where the tree is.
    wants_root: bool,
    /// The directory that names start from: absolute, or in a daemon as seen from its module.
    root: RefCell<Vec<u8>>,
}

impl Rules {
    pub(crate) fn new(list: FilterList) -> Rules {
        let wants_root = list.dir_merges().next().is_some() || list.rules().iter().any(|rule| rule.absolute);
        Rules { list: RefCell::new(list), wants_root, ..Rules::default() }
    }

    /// From now on names start from this directory.
    pub(crate) fn set_root(&self, root: impl FnOnce() -> Vec<u8>) {
        if !self.wants_root {
            return;
        }
        let root = root();
        if *self.root.borrow() != root {
            // What directories say is known by names beneath the root.
            self.per_dir.borrow_mut().clear();
            *self.root.borrow_mut() = root;
        }
    }

    fn verdict(&self, path: &[u8], is_dir: bool, check: Check) -> Verdict {
        let list = self.list.borrow();
        if list.is_empty() {
            return Verdict::Default;
        }
        let per_dir = self.per_dir.borrow();
        let parent = path.iter().rposition(|&b| b == b'/').map_or(&b"."[..], |at| &path[..at]);
        let root = self.root.borrow();
        list.check(&Subject::new(path, is_dir).at_root(&root), check, per_dir.get(parent).unwrap_or(&self.nothing))
    }

    /// Whether the sender hides a name.
    pub(crate) fn hides(&self, path: &[u8], is_dir: bool) -> bool {
        self.verdict(path, is_dir, Check::SENDER).is_excluded()
    }

    /// Whether the receiving side protects a name from deletion.
    pub(crate) fn protects(&self, path: &[u8], is_dir: bool, in_deletion: bool) -> bool {
        self.verdict(path, is_dir, Check { in_deletion, ..Check::RECEIVER }).is_excluded()
    }

    /// As [`Rules::hides`] or [`Rules::protects`], and says which rule decided where that is wanted (4.17.10).
    pub(crate) fn excludes(&self, cx: &Context, path: &[u8], is_dir: bool, check: Check) -> bool {
        let role = if check.side == Side::Sender { "sender" } else { "generator" };
        let (excluded, text) = self.explain(cx, role, path, is_dir, check);
        if let Some(text) = text {
            cx.say(super::say::Class::Info, text);
        }
        excluded
    }

    /// The same, and what this role would say of it.
    pub(crate) fn explain(
        &self,
        cx: &Context,
        role: &str,
        path: &[u8],
        is_dir: bool,
        check: Check,
    ) -> (bool, Option<Vec<u8>>) {
        if cx.config.options.levels.debug(Debug::Filter) == 0 {
            return (self.verdict(path, is_dir, check).is_excluded(), None);
        }
        let (list, per_dir) = (self.list.borrow(), self.per_dir.borrow());
        let parent = path.iter().rposition(|&b| b == b'/').map_or(&b"."[..], |at| &path[..at]);
        let root = self.root.borrow();
        let subject = Subject::new(path, is_dir).at_root(&root);
        let Some(decision) = list.decide(&subject, check, per_dir.get(parent).unwrap_or(&self.nothing)) else {
            return (false, None);
        };
        let verb = match (role, decision.is_excluded()) {
            ("sender", true) => "hiding",
            ("sender", false) => "showing",
            (_, true) => "protecting",
            (_, false) => "risking",
        };
        let kind = if is_dir { "directory" } else { "file" };
        let head = format!("[{role}] {verb} {kind} ");
        let text = [head.as_bytes(), path, b" because of pattern ", &decision.shown()].concat();
        (decision.is_excluded(), Some(text))
    }

    /// The rules for extended attributes, if there are any.
    pub(crate) fn for_xattrs(&self) -> Option<FilterList> {
        let list = self.list.borrow();
        list.rules().iter().any(|rule| rule.xattr).then(|| list.clone())
    }

    /// Whether the sender leaves out an extended attribute (modifier `x`).
    pub(crate) fn excludes_xattr(&self, cx: &Context, name: &[u8]) -> bool {
        if self.list.borrow().is_empty() {
            return false;
        }
        let (list, check) = (self.list.borrow(), Check { xattr: true, ..Check::SENDER });
        let Some(decision) = list.decide(&Subject::new(name, false), check, &self.nothing) else { return false };
        if cx.config.options.levels.debug(Debug::Filter) >= 1 {
            let verb: &[u8] = if decision.is_excluded() { b"[sender] hiding" } else { b"[sender] showing" };
            let text = [verb, b" xattr ", name, b" because of pattern ", &decision.shown()].concat();
            cx.say(super::say::Class::Info, text);
        }
        decision.is_excluded()
    }

    /// Whether rules are read from directories.
    pub(crate) fn has_dir_merges(&self) -> bool {
        self.list.borrow().dir_merges().next().is_some()
    }

    /// Loads what the files of a directory say, and of those above it that were not loaded yet.
    pub(crate) async fn enter(&self, cx: &Context, root: RootId, dir: &[u8]) -> Result<(), Error> {
        if !self.has_dir_merges() {
            return Ok(());
        }
        let mut ends: Vec<usize> = dir.iter().enumerate().filter(|&(_, &b)| b == b'/').map(|(at, _)| at).collect();
        ends.push(dir.len());
        let mut outer = match self.known(b".") {
            Some(known) => known,
            None => {
                let above = self.enter_above(cx, root).await?;
                self.enter_one(cx, root, b".", above).await?
            }
        };
        for end in ends.into_iter().filter(|_| dir != b".") {
            outer = self.enter_one(cx, root, &dir[..end], outer).await?;
        }
        Ok(())
    }

    fn known(&self, dir: &[u8]) -> Option<PerDir> {
        self.per_dir.borrow().get(dir).cloned()
    }

    /// What directories above the tree say, for files that are named with a path there.
    async fn enter_above(&self, cx: &Context, root: RootId) -> Result<PerDir, Error> {
        let above = directories_above(&self.list.borrow(), &self.root.borrow());
        let mut outer = PerDir::new();
        for directory in above {
            outer = self.enter_place(cx, root, Place::Above(directory), outer).await?;
        }
        Ok(outer)
    }

    async fn enter_one(&self, cx: &Context, root: RootId, dir: &[u8], outer: PerDir) -> Result<PerDir, Error> {
        if let Some(known) = self.known(dir) {
            return Ok(known);
        }
        let inner = self.enter_place(cx, root, Place::Beneath(dir.to_vec()), outer).await?;
        self.per_dir.borrow_mut().insert(dir.to_vec(), inner.clone());
        Ok(inner)
    }

    async fn enter_place(&self, cx: &Context, root: RootId, place: Place, outer: PerDir) -> Result<PerDir, Error> {
        let side = if cx.is_sender() { Side::Sender } else { Side::Receiver };
        let mut enter = outer.enter(&self.list.borrow(), place, side, &self.root.borrow());
        while let Some(need) = enter.run()? {
            let ask = match need {
                DirNeed::Beneath(path) => Ask::ReadAt { at: At { root, path }, max: FILE_BYTES_MAX },
                DirNeed::Above(path) => {
                    // A module's root is the directory that its daemon is in.
                    let beneath = path.iter().position(|&b| b != b'/').map_or(&b"."[..], |at| &path[at..]);
                    let path = if cx.config.module.is_some() { beneath.to_vec() } else { path };
                    Ask::ReadPath { path, max: FILE_BYTES_MAX }
                }
                DirNeed::File(NeedFile::Named { name, in_dir }) => match in_dir {
                    Some(dir) if !name.starts_with(b"/") => {
                        Ask::ReadAt { at: At { root, path: super::removal::join(&dir, &name) }, max: FILE_BYTES_MAX }
                    }
                    _ => Ask::ReadPath { path: name, max: FILE_BYTES_MAX },
                },
                DirNeed::File(NeedFile::HomeCvsIgnore) => {
                    Ask::ReadPath { path: home_cvsignore(cx), max: FILE_BYTES_MAX }
                }
            };
            let contents = cx.bytes(ask).await.map_err(missing);
            enter.supply(contents)?;
        }
        Ok(enter.finish())
    }
}

fn missing(errno: super::ask::Errno) -> Missing {
    Missing { text: errno.text.into_bytes(), code: errno.code }
}

fn home_cvsignore(cx: &Context) -> Vec<u8> {
    [cx.config.home.as_slice(), b"/.cvsignore"].concat()
}

/// The rules of this side's options, with those that options imply, but for those of `-C` (4.17.1).
fn add_options(builder: &mut Builder, o: &Options, partial_perishes: bool) {
    let cvs_perishes = builder.cvs_perishable;
    builder.delete_excluded = o.delete_excluded;
    builder.from0 = o.from0;
    let mut f_count = 0;
    for (at, arg) in o.filters.iter().enumerate() {
        // As with stock, the protocol counts that was known when the rule was read, not what the peer speaks.
        builder.cvs_perishable = at < o.filters_before_protocol || o.protocol.is_none_or(|protocol| protocol >= 30);
        match arg {
            FilterArg::Filter(text) => builder.filter(text),
            FilterArg::Exclude(text) => builder.pattern(Choice::Exclude, text),
            FilterArg::Include(text) => builder.pattern(Choice::Include, text),
            FilterArg::ExcludeFrom(path) => builder.patterns_from(Choice::Exclude, path),
            FilterArg::IncludeFrom(path) => builder.patterns_from(Choice::Include, path),
            FilterArg::F => {
                match f_count {
                    0 => builder.filter(b": /.rsync-filter"),
                    1 => builder.filter(b"- .rsync-filter"),
                    _ => {}
                }
                f_count += 1;
            }
            FilterArg::PartialDir(name) => builder.rule(Rule::partial_dir(name, partial_perishes)),
            FilterArg::CvsExclude => {}
        }
    }
    builder.cvs_perishable = cvs_perishes;
}

/// The rules of the command line, in full. Fails where they are no rules or their files can't be read. `read` reads a
/// file; `-` is standard input.
pub fn check_rules(
    o: &Options,
    mut read: impl FnMut(&[u8]) -> Result<Vec<u8>, Missing>,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut builder = Builder::new();
    add_options(&mut builder, o, true);
    while let Some(need) = builder.run()? {
        let contents = match need {
            NeedFile::Named { name, .. } => read(&name),
            NeedFile::HomeCvsIgnore => Ok(Vec::new()),
        };
        builder.supply(contents)?;
    }
    Ok(crate::filter::codec::texts(builder.finish().rules()))
}

async fn own_rules(cx: &Context) -> Result<Builder, Error> {
    let mut builder = Builder::new();
    builder.cvs_perishable = cx.protocol() >= 30;
    builder.cvsignore = cx.config.cvsignore.clone();
    add_options(&mut builder, &cx.config.options, !cx.is_sender() || cx.protocol() >= 30);
    supply_files(cx, &mut builder).await?;
    Ok(builder)
}

/// What `-C` adds at the end.
async fn add_cvs(cx: &Context, builder: &mut Builder) -> Result<(), Error> {
    if cx.config.options.cvs_exclude {
        builder.filter(b":C");
        builder.filter(b"-C");
        supply_files(cx, builder).await?;
    }
    Ok(())
}

async fn supply_files(cx: &Context, builder: &mut Builder) -> Result<(), Error> {
    while let Some(need) = builder.run()? {
        let path = match need {
            NeedFile::Named { name, .. } => name,
            NeedFile::HomeCvsIgnore => home_cvsignore(cx),
        };
        let known = cx.config.rule_files.iter().find(|(name, _)| *name == path).map(|(_, contents)| contents.clone());
        let contents = match known {
            Some(contents) => Ok(contents),
            None => cx.bytes(Ask::ReadPath { path, max: FILE_BYTES_MAX }).await.map_err(missing),
        };
        builder.supply(contents)?;
    }
    Ok(())
}

fn transit(cx: &Context, o: &Options) -> Transit {
    Transit {
        protocol: cx.protocol(),
        push: cx.is_sender() != cx.is_server(),
        delete_excluded: o.delete_excluded,
        deletes: o.delete != Delete::Off,
        prune: o.prune_empty_dirs,
    }
}

/// Exchanges the rules at the start of a session: a client makes and sends them, a server receives them. A local session's
/// halves share the options, so nothing travels.
pub(crate) async fn exchange(cx: &Context) -> Result<Rules, Error> {
    let o = &cx.config.options;
    let transit = transit(cx, o);
    let mut builder = own_rules(cx).await?;
    if cx.is_local() {
        add_cvs(cx, &mut builder).await?;
        let list = builder.finish();
        // What could not be said in an old protocol is refused here too. One half says so.
        put_list(&transit, list.rules(), &mut Vec::new())
            .map_err(|error| if cx.is_sender() { error } else { Error::host(error.exit, Vec::new()) })?;
        return Ok(Rules::new(list));
    }
    if !cx.is_server() {
        // A server that sends knows `-C` itself; one that receives is told what it means.
        let sent = if cx.is_sender() { usize::MAX } else { builder.len() };
        add_cvs(cx, &mut builder).await?;
        let list = builder.finish();
        let mut result = Ok(());
        let rules = &list.rules()[..list.rules().len().min(sent)];
        cx.put(|out| result = put_list(&transit, rules, out));
        result?;
        return Ok(Rules::new(list));
    }
    if transit.is_sent() {
        while let Some(rule) = cx.item(|r| Ok(read_rule(r)?.map(<[u8]>::to_vec))).await? {
            accept(&transit, &mut builder, &rule)?;
        }
        supply_files(cx, &mut builder).await?;
    }
    if cx.is_sender() {
        add_cvs(cx, &mut builder).await?;
    }
    Ok(Rules::new(builder.finish()))
}

/// A daemon's own rules.
pub(crate) fn daemon(rules: &[Vec<u8>]) -> Result<FilterList, Error> {
    let mut builder = Builder::new();
    rules.iter().for_each(|rule| builder.filter(rule));
    while builder.run()?.is_some() {
        builder.supply(Ok(Vec::new()))?;
    }
    Ok(builder.finish())
}
