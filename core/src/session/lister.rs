//! The sender's file list: arguments become entries, directories are scanned, and lists go out, all at once or directory by
//! directory (spec 2.7, 2.10).

mod arguments;
mod ids;
mod put;
mod scan;

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::ask::{Ask, At, Meta, Reply, RootId};
use super::context::{Context, Shared};
use super::decide::{Item, REGULAR, TYPE};
use super::entries::of_entry;
use super::filters::Rules;
use super::removal::join;
use super::say::Class;
use super::show;
use crate::Error;
use crate::checksum::DigestValue;
use crate::flist::codec::{put_end, put_io_error};
use crate::flist::lists::{NDX_FLIST_OFFSET, Numbering};
use crate::flist::{Caps, Encoder, FileList, Flags, Lists, Order, View};
use crate::options::{Debug, MissingArgs, Recursion};
use crate::wire::index::NDX_FLIST_EOF;

/// A directory that arguments are relative to.
struct Root {
    id: RootId,
    /// As the user would write it.
    path: Vec<u8>,
    /// Where the open directory lies beneath that; names in the list begin with it. Empty, unless a symlink of the user's
    /// path leads elsewhere.
    prefix: Vec<u8>,
}

pub(crate) struct Lister {
    pub(super) cx: Shared,
    rules: Rules,
    /// Some of them are for extended attributes.
    pub(super) has_xattr_rules: bool,
    pub(super) encoder: Encoder,
    lists: Lists,
    roots: Vec<Root>,
    /// For each living list, the root of each entry in arrival order.
    origins: VecDeque<Vec<u16>>,
    /// The root of each directory of the table.
    dir_origins: Vec<u16>,
    /// Entries of each living list.
    lengths: VecDeque<usize>,
    /// The living list that the generator is at.
    current: usize,
    /// Number of lists closed so far.
    closed: usize,
    /// Entries in the lists beyond that.
    ahead: usize,
    eof: bool,
    /// The file system of each argument, with `--one-file-system`.
    dev: u64,
    /// With `--relative`: which parents were listed, and what is left of arguments.
    way: arguments::Way,
    errors_sent: i32,
    /// Sources that wait for their removal, and in front the one that is being removed.
    pub(crate) removals: Rc<RefCell<VecDeque<(Item, At)>>>,
}

/// A list being made.
struct Draft {
    list: FileList,
    origins: Vec<u16>,
}

/// The shape of file lists in this session.
pub(crate) fn caps(cx: &Context) -> Caps {
    let (o, a) = (&cx.config.options, cx.agreed());
    Caps {
        protocol: a.protocol,
        varint_flags: a.varint_flags,
        id0_names: a.id0_names,
        safe_list: a.safe_list,
        inc: a.inc,
        recurse: o.recursion != Recursion::Off,
        relative: o.relative,
        owner: o.owner,
        group: o.group,
        links: o.links,
        devices: o.devices,
        specials: o.specials,
        hard_links: o.hard_links > 0,
        atimes: o.atimes > 0,
        crtimes: o.crtimes,
        acls: o.acls,
        xattrs: o.xattrs > 0,
        numeric_ids: o.numeric_ids,
        missing_args: o.missing_args == MissingArgs::Delete,
        digest_bytes: if o.checksum { a.file_sum.digest_bytes() } else { 0 },
    }
}

pub(crate) fn numbering(cx: &Context, receiving: bool) -> Numbering {
    Numbering {
        inc: cx.agreed().inc,
        by_arrival: cx.config.conversion.is_some(),
        order: Order::of(cx.protocol()),
        receiving,
    }
}

impl Lister {
    pub(crate) async fn new(cx: Shared) -> Result<Lister, Error> {
        let rules = super::filters::exchange(&cx).await?;
        Ok(Lister {
            encoder: Encoder::new(caps(&cx)),
            lists: Lists::new(numbering(&cx, false)),
            has_xattr_rules: rules.for_xattrs().is_some(),
            rules,
            roots: Vec::new(),
            origins: VecDeque::new(),
            dir_origins: Vec::new(),
            lengths: VecDeque::new(),
            current: 0,
            closed: 0,
            ahead: 0,
            eof: !cx.agreed().inc,
            dev: 0,
            way: arguments::Way::default(),
            errors_sent: 0,
            removals: Rc::default(),
            cx,
        })
    }

    // ---- what the sender asks ----

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.list(0).is_none_or(FileList::is_empty)
    }

    /// Entries in lists that the generator has not reached.
    pub(crate) fn ahead(&self) -> usize {
        self.ahead
    }

    pub(crate) fn has_open_lists(&self) -> bool {
        !self.lists.is_empty()
    }

    /// The generator asked for this entry.
    pub(crate) fn reached(&mut self, ndx: i32) {
        if let Some(at) = self.lists.list_of(ndx as u32) {
            self.cx.list_number.set(self.closed + at);
            while self.current < at {
                self.current += 1;
                self.ahead = self.ahead.saturating_sub(self.lengths.get(self.current).copied().unwrap_or(0));
            }
        }
    }

    /// The last index of the oldest list, and the number of that list; -1 where nothing is in it.
    pub(crate) fn oldest_end(&self) -> (i32, usize) {
        let end = self.lists.list(0).map_or(-1, |list| list.start() as i32 + list.len() as i32 - 1);
        (end, self.closed)
    }

    /// The generator is done with the oldest list.
    pub(crate) fn close_oldest(&mut self) {
        self.closed += 1;
        self.lists.free_oldest();
        self.origins.pop_front();
        self.lengths.pop_front();
        if self.current > 0 {
            self.current -= 1;
        } else {
            self.ahead = self.ahead.saturating_sub(self.lengths.front().copied().unwrap_or(0));
        }
    }

    pub(crate) fn item(&self, ndx: i32) -> Option<Item> {
        let found = self.lists.lookup(u32::try_from(ndx).ok()?).ok()?;
        let view = found.view();
        view.is_active().then(|| Item { prefix: self.origin(ndx).path.clone(), ..of_entry(ndx, &view) })
    }

    fn origin(&self, ndx: i32) -> &Root {
        let ndx = ndx.max(0) as u32;
        let origin = self.lists.list_of(ndx).and_then(|at| {
            let view = self.lists.lookup(ndx).ok()?.view();
            match self.lists.list(at)?.start() > ndx {
                true => self.dir_origins.get(self.lists.list(at)?.dir()? as usize),
                false => self.origins.get(at)?.get(view.position()),
            }
        });
        &self.roots[usize::from(origin.copied().unwrap_or(0))]
    }

    /// Where the file of an entry is.
    pub(crate) fn at(&self, ndx: i32) -> At {
        let found = u32::try_from(ndx).ok().and_then(|ndx| self.lists.lookup(ndx).ok());
        let path = found.map_or_else(|| b".".to_vec(), |found| strip(&found.view().name()).to_vec());
        self.origin(ndx).at(&path)
    }

    /// The root of an entry by its path, and the path beneath it: how a local receiver finds the file.
    pub(crate) fn source_of(&self, ndx: i32) -> (Vec<u8>, Vec<u8>) {
        let root = self.origin(ndx);
        let path = if root.prefix.is_empty() { root.path.clone() } else { join(&root.path, &root.prefix) };
        (path, self.at(ndx).path)
    }

    /// The path of an entry as messages show it.
    pub(crate) fn full_name(&self, item: &Item) -> Vec<u8> {
        self.full_path(&self.origin(item.ndx).path, &item.path)
    }

    /// A path beneath a root: the root is shown as the directory that was entered, without dots and double slashes.
    pub(super) fn full_path(&self, root: &[u8], path: &[u8]) -> Vec<u8> {
        crate::report::full_path(&crate::report::entered(&self.cx.config.cwd, root), path)
    }

    pub(crate) fn index_range(&self) -> (i64, i64) {
        let first = self.lists.list(0).map_or(0, |list| i64::from(list.start()));
        let last = self.lists.iter().next_back().map_or(-1, |list| i64::from(list.start()) + list.len() as i64 - 1);
        (first, last)
    }

    // ---- lists ----

    /// Builds and sends the first list.
    pub(crate) async fn first_list(&mut self) -> Result<(), Error> {
        let cx = self.cx.clone();
        show::list_begins(&cx);
        let begin = cx.now_ms.get();
        let mut draft = Draft { list: self.lists.begin(None), origins: Vec::new() };
        self.arguments(&mut draft).await?;
        let errors = if cx.config.options.ignore_errors { 0 } else { cx.io_error.get() };
        cx.put(|out| put_end(self.encoder.caps(), errors as u32, out));
        self.errors_sent = errors;
        if self.encoder.caps().has_id_lists() {
            self.put_id_lists().await;
        }
        cx.put(|out| put_io_error(self.encoder.caps(), errors as u32, out));
        let count = draft.list.len();
        self.complete(draft)?;
        self.ahead = 0;
        if cx.config.options.ignore_errors {
            cx.io_error.set(cx.io_error.get());
        }
        {
            let mut stats = cx.stats.borrow_mut();
            stats.list_build_ms = (cx.now_ms.get() - begin).max(1);
        }
        if self.eof {
            cx.list_complete.set(true);
        }
        show::list_ends(&cx, count);
        Ok(())
    }

    /// Sends the list of the next directory. False if there is none, which is sent too, once.
    pub(crate) async fn next_list(&mut self) -> Result<bool, Error> {
        let cx = self.cx.clone();
        if self.eof {
            return Ok(false);
        }
        let Some(dirs) = self.lists.next_dirs() else {
            cx.put_ndx(NDX_FLIST_EOF);
            self.eof = true;
            cx.list_complete.set(true);
            return Ok(false);
        };
        cx.room().await;
        cx.put_ndx(NDX_FLIST_OFFSET - dirs.start as i32);
        let mut draft = Draft { list: self.lists.begin(Some(dirs.start)), origins: Vec::new() };
        let mut scanned: Option<u16> = None;
        for number in dirs {
            let Some(view) = self.lists.dir(number) else { continue };
            let (path, content) = (view.name(), view.flags().has(Flags::CONTENT_DIR));
            let origin = self.dir_origins.get(number as usize).copied().unwrap_or(0);
            if content && scanned != Some(origin) {
                scanned = Some(origin);
                self.scan(origin, &path, &mut draft, &mut Vec::new()).await?;
            }
            self.further(origin, &path, &mut draft).await?;
        }
        let changed = cx.io_error.get() != self.errors_sent && !cx.config.options.ignore_errors;
        let errors = if changed { cx.io_error.get() } else { 0 };
        self.errors_sent = cx.io_error.get();
        cx.put(|out| put_end(self.encoder.caps(), errors as u32, out));
        self.complete(draft)?;
        Ok(true)
    }

    fn complete(&mut self, draft: Draft) -> Result<(), Error> {
        self.lengths.push_back(draft.list.len());
        self.ahead += draft.list.len();
        self.lists.complete(draft.list)?;
        self.say_duplicates();
        if self.cx.agreed().inc
            && let Some(list) = self.lists.iter().next_back()
        {
            // In the order in which directories are numbered.
            let by_arrival = self.lists.numbering().by_arrival;
            let views = (0..list.len()).filter_map(|at| if by_arrival { list.arrival(at) } else { list.sorted(at) });
            let origins =
                views.filter(View::is_dir).map(|view| draft.origins.get(view.position()).copied().unwrap_or(0));
            self.dir_origins.extend(origins);
        }
        self.origins.push_back(draft.origins);
        Ok(())
    }

    fn say_duplicates(&self) {
        let Some(list) = self.lists.iter().next_back() else { return };
        if self.cx.config.options.levels.debug(Debug::Dup) < 1 {
            return;
        }
        for (at, view) in list.iter_sorted().enumerate().filter(|(_, view)| !view.is_active()) {
            let index = self.lists.index(list, at).map_or(-1, |index| index as i32);
            self.cx.say(Class::Info, crate::report::text::removing_duplicate(&view.name(), index));
        }
    }

    async fn digest_of_argument(&self, at: At, meta: &Meta) -> Option<DigestValue> {
        if !self.cx.config.options.checksum || meta.mode & TYPE != REGULAR {
            return None;
        }
        let algorithm = self.cx.agreed().file_sum;
        match self.cx.ask(Ask::Digest { at, algorithm }).await {
            Reply::Digest(Ok(value)) => Some(value),
            _ => Some(DigestValue::zero(algorithm.digest_bytes())),
        }
    }
}

impl Root {
    /// Where the file of that name is.
    fn at(&self, name: &[u8]) -> At {
        let beneath = match name.strip_prefix(self.prefix.as_slice()) {
            Some(rest) if !self.prefix.is_empty() => rest,
            _ => name,
        };
        At { root: self.id, path: strip(beneath).to_vec() }
    }
}

/// A name beneath its root: a leading slash (`--relative`) is not part of the path.
fn strip(mut name: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = name {
        name = rest;
    }
    if name.is_empty() { b"." } else { name }
}
