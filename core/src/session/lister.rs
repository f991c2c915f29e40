//! The sender's file list: arguments become entries, directories are scanned, and lists go out, all at once or directory by
//! directory (spec 2.7, 2.10).

mod arguments;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use super::ask::{Ask, At, Dirent, Extended, Follow, HostResult, Meta, Reply, RootId};
use super::context::{Context, Shared, io_error, wrong_kind};
use super::decide::{DIRECTORY, Item, REGULAR, SYMLINK, TYPE};
use super::entries::of_entry;
use super::filters::Rules;
use super::removal::join;
use super::say::Class;
use super::show;
use crate::checksum::{Algorithm, DigestValue};
use crate::filter::Check;
use crate::flist::codec::{put_end, put_io_error};
use crate::flist::lists::{NDX_FLIST_OFFSET, Numbering};
use crate::flist::{Caps, Digest, Encoder, Entry, FileList, Flags, Lists, Order, View};
use crate::limits::PATH_BYTES_MAX;
use crate::options::{Debug, Info, MissingArgs, Recursion};
use crate::wire::index::NDX_FLIST_EOF;
use crate::{Error, Exit, Fault};

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
    /// Sources whose removal is under way.
    pub(crate) removals: Rc<Cell<u32>>,
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

    /// Everything in a directory: with incremental recursion one level, else all of it, each directory's entries before those
    /// of its subdirectories.
    async fn contents(&mut self, origin: u16, path: &[u8], draft: &mut Draft) -> Result<(), Error> {
        let deep = self.cx.config.options.recursion != Recursion::Off && !self.cx.agreed().inc;
        let mut stack = alloc::vec![path.to_vec()];
        while let Some(dir) = stack.pop() {
            let mut subdirs = Vec::new();
            self.scan(origin, &dir, draft, &mut subdirs).await?;
            if deep {
                stack.extend(subdirs.into_iter().rev());
            }
        }
        Ok(())
    }

    /// The entries of one directory.
    async fn scan(
        &mut self,
        origin: u16,
        dir: &[u8],
        draft: &mut Draft,
        subdirs: &mut Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let root = self.roots[usize::from(origin)].id;
        self.stand_at(origin);
        let digest = o.checksum.then(|| cx.agreed().file_sum);
        let follow = if o.copy_links {
            Follow::All
        } else if o.copy_dirlinks {
            Follow::Directories
        } else {
            Follow::No
        };
        let ask = Ask::List { at: self.roots[usize::from(origin)].at(dir), follow, digest, brief: false };
        let listing = match cx.ask(ask).await {
            Reply::Listing(listing) => listing,
            _ => Err(wrong_kind()),
        };
        let entries = match listing {
            Ok(entries) => entries,
            Err(errno) => {
                self.unreadable_directory(origin, dir, &errno);
                return Ok(());
            }
        };
        self.rules.enter(&cx, root, dir).await?;
        self.learn_ids(entries.iter().filter_map(|entry| entry.meta.as_ref().ok())).await;
        self.learn_acl_ids(entries.iter().filter_map(|entry| entry.meta.as_ref().ok())).await;
        for dirent in entries {
            let is_plain = dirent.meta.as_ref().is_ok_and(|meta| !matches!(meta.mode & TYPE, DIRECTORY | SYMLINK));
            let name = join(dir, &dirent.name);
            if is_plain && name.len() <= PATH_BYTES_MAX {
                // Nearly all names are of this kind, and none of them has to wait for anything.
                let Dirent { meta: Ok(meta), digest, .. } = dirent else { continue };
                if !self.is_left_out(origin, &name, &meta) {
                    self.put_file(name, meta, digest, Flags::NONE, origin, draft)?;
                }
            } else {
                self.dirent(origin, name, dirent, draft, subdirs).await?;
            }
            if cx.outbox.borrow().is_full() {
                cx.room().await;
            }
        }
        Ok(())
    }

    fn unreadable_directory(&self, origin: u16, dir: &[u8], errno: &super::ask::Errno) {
        let full = self.full_path(&self.roots[usize::from(origin)].path, dir);
        if errno.is_not_found() {
            let text = [b"directory has vanished: \"".as_slice(), &full, b"\"", &self.cx.in_module()].concat();
            self.cx.say(Class::Warning, text);
            self.cx.add_io_error(io_error::VANISHED);
        } else {
            let what = [b"opendir \"".as_slice(), &full, b"\"", &self.cx.in_module(), b" failed"].concat();
            self.cx.say_errno(Class::Transfer, "sender", &what, errno);
            self.cx.add_io_error(io_error::GENERAL);
        }
    }

    /// One name of a directory (2.7.4).
    async fn dirent(
        &mut self,
        origin: u16,
        name: Vec<u8>,
        dirent: Dirent,
        draft: &mut Draft,
        subdirs: &mut Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        if name.len() > PATH_BYTES_MAX {
            cx.say(Class::Transfer, [b"skipping overly long name: ".as_slice(), &name].concat());
            cx.add_io_error(io_error::GENERAL);
            return Ok(());
        }
        let meta = match self.meta_of(origin, &name, dirent.meta).await {
            Some(meta) => meta,
            None => return Ok(()),
        };
        if self.is_left_out(origin, &name, &meta) {
            return Ok(());
        }
        let mut flags = Flags::NONE;
        if meta.mode & TYPE == DIRECTORY {
            let recursive = o.recursion != Recursion::Off;
            if !recursive && !o.dirs {
                cx.say(Class::Info, [b"skipping directory ".as_slice(), &name].concat());
                return Ok(());
            }
            let mounted = o.one_file_system > 0 && meta.dev != self.dev;
            if mounted && o.one_file_system > 1 {
                if o.levels.info(Info::Mount) >= 1 {
                    cx.say(Class::Info, [b"[sender] skipping mount-point dir ".as_slice(), &name].concat());
                }
                return Ok(());
            }
            let has_name = cx.config.conversion.as_ref().is_none_or(|conversion| conversion.0.to_wire(&name).is_ok());
            if recursive && !mounted && has_name {
                flags = Flags::CONTENT_DIR;
                subdirs.push(name.clone());
            }
        }
        self.put_file(name, meta, dirent.digest, flags, origin, draft)
    }

    /// Rules may depend on where the tree of an argument is.
    pub(super) fn stand_at(&self, origin: u16) {
        let root = &self.roots[usize::from(origin)].path;
        self.rules.set_root(|| crate::report::entered(&self.cx.config.cwd, root));
    }

    fn is_left_out(&self, origin: u16, name: &[u8], meta: &Meta) -> bool {
        let cx = &self.cx;
        let is_dir = meta.mode & TYPE == DIRECTORY;
        self.rules.excludes(cx, name, is_dir, Check::SENDER)
            || cx.daemon_hides(&self.roots[usize::from(origin)].path, name, is_dir)
            || cx.ignores(meta)
    }

    /// What a name is; says and drops what can't be told. Unsafe links are replaced where that is wanted.
    async fn meta_of(&mut self, origin: u16, name: &[u8], meta: HostResult<Meta>) -> Option<Meta> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let root = &self.roots[usize::from(origin)];
        let errno = match meta {
            Ok(meta) => {
                let target = meta.target.as_deref().unwrap_or_default();
                if !o.copy_unsafe_links
                    || meta.mode & TYPE != SYMLINK
                    || !crate::flist::verify::unsafe_symlink(target, name)
                {
                    return Some(meta);
                }
                if o.levels.info(Info::Symsafe) >= 1 {
                    let text = [b"copying unsafe symlink \"".as_slice(), name, b"\" -> \"", target, b"\""].concat();
                    cx.say(Class::Info, text);
                }
                match cx.stat(Ask::Stat { at: root.at(name), follow: Follow::All }).await {
                    Ok(meta) => return Some(meta),
                    Err(errno) => errno,
                }
            }
            Err(errno) => errno,
        };
        if self.rules.hides(name, false) || self.rules.hides(name, true) {
            return None;
        }
        let full = self.full_path(&root.path, name);
        let follows = o.copy_links || o.copy_dirlinks || o.copy_unsafe_links;
        if errno.is_not_found() && follows {
            let text = [b"symlink has no referent: \"".as_slice(), &full, b"\"", &cx.in_module()].concat();
            cx.say(Class::Transfer, text);
            cx.add_io_error(io_error::GENERAL);
        } else if errno.is_not_found() {
            cx.say(Class::Warning, [b"file has vanished: \"".as_slice(), &full, b"\"", &cx.in_module()].concat());
            cx.add_io_error(io_error::VANISHED);
        } else {
            let what = [b"readlink_stat(\"".as_slice(), &full, b"\"", &cx.in_module(), b") failed"].concat();
            cx.say_errno(Class::Transfer, "sender", &what, &errno);
            cx.add_io_error(io_error::GENERAL);
        }
        None
    }

    /// The names of owners that were not met before.
    async fn learn_ids<'a>(&mut self, metas: impl Iterator<Item = &'a Meta>) {
        let caps = self.encoder.caps();
        if caps.numeric_ids || !(caps.owner || caps.group) {
            return;
        }
        let (owner, group) = (caps.owner, caps.group);
        let inline = caps.has_inline_names();
        let ids = &mut self.encoder.ids;
        let mut last = None;
        let mut new = false;
        for meta in metas {
            if last == Some((meta.uid, meta.gid)) {
                continue;
            }
            last = Some((meta.uid, meta.gid));
            new |= owner && ids.users.note(meta.uid);
            new |= group && ids.groups.note(meta.gid);
        }
        if inline && new {
            self.look_up_ids().await;
        }
    }

    /// The names of users and groups in ACLs.
    pub(super) async fn learn_acl_ids<'a>(&mut self, metas: impl Iterator<Item = &'a Meta>) {
        let caps = self.encoder.caps();
        if !caps.acls || caps.numeric_ids {
            return;
        }
        let inline = caps.has_inline_names();
        let ids = &mut self.encoder.ids;
        let mut new = false;
        for extended in metas.filter_map(|meta| meta.extended.as_ref()) {
            for named in extended.acls.access.names.iter().chain(&extended.acls.default.names) {
                new |= if named.is_group { ids.groups.note(named.id) } else { ids.users.note(named.id) };
            }
        }
        if inline && new {
            self.look_up_ids().await;
        }
    }

    async fn look_up_ids(&mut self) {
        let (uids, gids) = (self.encoder.ids.users.unknown(), self.encoder.ids.groups.unknown());
        let silent = self.cx.config.module.as_ref().is_some_and(|m| m.numeric_ids);
        let (users, groups) = match self.cx.ask(Ask::Names { uids: uids.clone(), gids: gids.clone() }).await {
            Reply::Names(users, groups) => (users, groups),
            _ => (Vec::new(), Vec::new()),
        };
        let name = |names: &[Option<Vec<u8>>], at: usize, id: u32| {
            names.get(at).cloned().flatten().filter(|_| !silent || id == 0)
        };
        for (at, &uid) in uids.iter().enumerate() {
            self.encoder.ids.users.learn(uid, name(&users, at, uid).as_deref());
        }
        for (at, &gid) in gids.iter().enumerate() {
            self.encoder.ids.groups.learn(gid, name(&groups, at, gid).as_deref());
        }
    }

    async fn put_id_lists(&mut self) {
        let caps = *self.encoder.caps();
        if caps.id0_names {
            self.encoder.ids.users.note(0);
            self.encoder.ids.groups.note(0);
        }
        self.look_up_ids().await;
        let ids = &self.encoder.ids;
        self.cx.put(|out| {
            if caps.owner {
                ids.users.put_list(&caps, out);
            }
            if caps.group {
                ids.groups.put_list(&caps, out);
            }
        });
    }

    /// Lists a file. The caller sees to it that there is room for more.
    fn put_file(
        &mut self,
        name: Vec<u8>,
        meta: Meta,
        digest: Option<DigestValue>,
        flags: Flags,
        origin: u16,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        match self.entry(name, &meta, digest, flags, origin) {
            Some(entry) => self.put(entry, meta.extended, origin, draft),
            None => Ok(()),
        }
    }

    fn entry(
        &self,
        name: Vec<u8>,
        meta: &Meta,
        digest: Option<DigestValue>,
        flags: Flags,
        origin: u16,
    ) -> Option<Entry> {
        let cx = &self.cx;
        let o = &cx.config.options;
        let contents = (o.copy_devices && matches!(meta.mode & TYPE, 0o020000 | 0o060000)).then(|| Meta {
            // As long as it is now, and as new.
            mode: REGULAR | meta.mode & 0o7777,
            mtime: cx.unix_now(),
            mtime_nsec: 0,
            ..meta.clone()
        });
        let meta = contents.as_ref().unwrap_or(meta);
        let kind = meta.mode & TYPE;
        let device = matches!(kind, 0o020000 | 0o060000);
        let special = matches!(kind, 0o010000 | 0o140000);
        let mut mode = meta.mode;
        if kind != SYMLINK
            && let Some(chmod) = cx.chmod()
        {
            mode = kind | chmod.apply(mode, kind == DIRECTORY, cx.config.umask);
        }
        let mut target = meta.target.as_deref();
        if kind == SYMLINK && o.links && target.is_none_or(<[u8]>::is_empty) {
            let full = self.full_path(&self.roots[usize::from(origin)].path, &name);
            let text = [b"skipping symlink with 0-length value: \"".as_slice(), &full, b"\""].concat();
            cx.say(Class::Transfer, text);
            cx.add_io_error(io_error::GENERAL);
            return None;
        }
        if cx.munges() {
            target = target.map(|t| t.strip_prefix(show::MUNGED).filter(|rest| !rest.is_empty()).unwrap_or(t));
        }
        // The oldest protocols tell device and inode of every file, so that the peer finds the links by itself.
        let names_all = !self.encoder.caps().has_wide_flags();
        Some(Entry {
            name,
            mode,
            size: if device || special { 0 } else { meta.size },
            mtime: meta.mtime,
            nsec: meta.mtime_nsec,
            uid: meta.uid,
            gid: meta.gid,
            flags,
            atime: (o.atimes > 0).then_some(meta.atime),
            crtime: None,
            rdev: (device || special).then_some(meta.rdev),
            target: if o.links { target.map(<[u8]>::to_vec) } else { None },
            group: None,
            acls: None,
            xattrs: None,
            inode: (o.hard_links > 0 && (meta.nlink > 1 || names_all)).then_some((meta.dev as i64, meta.ino as i64)),
            digest: digest.map(|d| Digest::new(d.as_bytes())),
        })
    }

    fn put(
        &mut self,
        mut entry: Entry,
        extended: Option<Box<Extended>>,
        origin: u16,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        let cx = self.cx.clone();
        if let Some(errno) = extended.as_ref().and_then(|extended| extended.error.as_ref()) {
            let full = self.full_path(&self.roots[usize::from(origin)].path, &entry.name);
            let what = [b"failed to read ACLs or xattrs of \"".as_slice(), &full, b"\""].concat();
            cx.say_errno(Class::Transfer, "sender", &what, errno);
            cx.add_io_error(io_error::GENERAL);
            return Ok(());
        }
        if cx.config.options.checksum && cx.agreed().file_sum == Algorithm::None && entry.mode & TYPE == REGULAR {
            let text = "Invalid checksum-choice for --checksum: none (0)";
            return Err(Error::new(Fault::Usage, Exit::UNSUPPORTED, text));
        }
        let Some(converted) = self.converted(&entry, origin) else { return Ok(()) };
        let before = cx.outbox.borrow().written_total();
        cx.put(|out| self.encoder.encode(&draft.list, converted.as_ref().unwrap_or(&entry), out));
        if cx.config.options.acls || cx.config.options.xattrs > 0 {
            let mut extended = extended.unwrap_or_default();
            extended.xattrs.retain(|(name, _)| !self.rules.excludes_xattr(&cx, name));
            super::xattrs::name_for_peer(&cx, &mut extended.xattrs);
            cx.put(|out| self.encoder.encode_extended(&mut entry, &extended.acls, &extended.xattrs, out));
        }
        {
            let mut stats = cx.stats.borrow_mut();
            stats.list_bytes += cx.outbox.borrow().written_total() - before;
            stats.files.add(entry.mode);
            if matches!(entry.mode & TYPE, REGULAR | SYMLINK) {
                stats.total_size += entry.size;
            }
        }
        draft.list.push(&entry)?;
        show::list_grows(&cx, draft.list.len() as u64);
        draft.origins.push(origin);
        Ok(())
    }
}

impl Lister {
    /// The entry as it travels, if that is not as it is here; or nothing, where it has no name there.
    fn converted(&self, entry: &Entry, origin: u16) -> Option<Option<Entry>> {
        let cx = &self.cx;
        let Some(conversion) = &cx.config.conversion else { return Some(None) };
        let name = match conversion.0.to_wire(&entry.name) {
            Ok(name) => name,
            Err(errno) => {
                cx.say_inconvertible(&entry.name, &errno.text);
                return None;
            }
        };
        let mut target = entry.target.clone();
        if cx.agreed().symlink_iconv
            && let Some(text) = &entry.target
        {
            target = match conversion.0.to_wire(text) {
                Ok(text) => Some(text),
                Err(errno) => {
                    let full = show::full_path(cx, &join(&self.roots[usize::from(origin)].path, &entry.name));
                    let what = b"[sender] cannot convert symlink data for: \"".as_slice();
                    cx.say(Class::Transfer, [what, &full, b"\" (", errno.text.as_bytes(), b")"].concat());
                    cx.add_io_error(io_error::GENERAL);
                    return None;
                }
            };
        }
        Some(Some(Entry { name, target, ..entry.clone() }))
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
