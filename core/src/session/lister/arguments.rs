//! Source arguments, as typed or as lines of a list of names, and what `--relative` makes of them (spec 2.7.1 to 2.7.3).

use alloc::format;
use alloc::vec::Vec;

use super::super::ask::{Ask, At, Errno, Follow};
use super::super::context::io_error;
use super::super::decide::{DIRECTORY, TYPE};
use super::super::names::Names;
use super::super::removal::join;
use super::super::say::Class;
use super::super::{generator, show};
use super::{Draft, Lister, Root};
use crate::filter::Check;
use crate::flist::verify::{Sanitize, clean, sanitize};
use crate::flist::{Entry, Flags};
use crate::options::{MissingArgs, Recursion};
use crate::{Error, Exit, Fault};

/// A link of the user's path leads out of the directory that it starts from.
const ELOOP: i32 = 40;

/// Where arguments of several components have come to.
#[derive(Default)]
pub(super) struct Way {
    /// The parents that were listed last, and beneath which root.
    listed: Option<(Vec<u8>, Vec<u8>)>,
    /// `.` was listed as a parent.
    dot: bool,
    /// With incremental recursion: arguments beyond their first components.
    rests: Vec<Rest>,
}

/// What is left of an argument, to be listed with the directory that it goes through next.
struct Rest {
    argument: Argument,
    /// Bytes of the path that were listed as a parent.
    done: usize,
}

/// A source argument.
#[derive(Clone)]
struct Argument {
    /// The directory that it is relative to.
    dir: Vec<u8>,
    /// Its name in the list.
    name: Vec<u8>,
    /// Its contents are wanted rather than itself, even without `--recursive`.
    wants_contents: bool,
}

impl Argument {
    /// Without `--relative` only the last component is a name.
    fn plain(base: &[u8], text: &[u8]) -> Argument {
        let mut path = text.to_vec();
        if path.is_empty() || path.ends_with(b"/") {
            path.push(b'.');
        } else if path == b".." || path.ends_with(b"/..") {
            path.extend_from_slice(b"/.");
        }
        let (dir, name) = match path.iter().rposition(|&b| b == b'/') {
            Some(at) => (&path[..at.max(1)], &path[at + 1..]),
            None => (&b"."[..], &path[..]),
        };
        Argument { dir: beneath(base, dir), name: name.to_vec(), wants_contents: name == b"." }
    }

    /// With `--relative`. The second value tells whether the path began with `./`.
    fn relative(base: &[u8], text: &[u8]) -> Result<(Argument, bool), Error> {
        let (dir, path) = match text.windows(3).position(|part| part == b"/./") {
            Some(at) => (if at == 0 { &b"/"[..] } else { &text[..at] }, trim_front(&text[at + 3..])),
            None => (&b"."[..], text),
        };
        let dotted = path.strip_prefix(b"./").is_some_and(|rest| !trim_front(rest).is_empty());
        if path.split(|&b| b == b'/').any(|part| part == b"..") {
            let text = [b"found \"..\" dir in relative path: ".as_slice(), path].concat();
            return Err(Error::new(Fault::Usage, Exit::SYNTAX, text));
        }
        let name = match clean(path) {
            name if name.is_empty() => b".".to_vec(),
            name => name,
        };
        let is_dot = name == b"." || name == b"/";
        let wants_contents = is_dot || path.ends_with(b"/") || path.ends_with(b"/.");
        let dir = if name.starts_with(b"/") { b"/".to_vec() } else { beneath(base, &clean(dir)) };
        Ok((Argument { dir, name, wants_contents }, dotted))
    }

    /// `.` itself.
    fn is_dot(&self) -> bool {
        self.name == b"." || self.name == b"/"
    }

    /// The name of its outermost parent that is longer than `done` bytes; `None` if only the argument itself is.
    fn parent_beyond(&self, done: usize) -> Option<usize> {
        let from = if done == 0 { usize::from(self.name.starts_with(b"/")) } else { done + 1 };
        let rest = self.name.get(from..)?;
        rest.iter().position(|&b| b == b'/').map(|at| from + at)
    }

    fn parent(&self) -> &[u8] {
        self.name.iter().rposition(|&b| b == b'/').map_or(b"", |at| &self.name[..at])
    }
}

impl Lister {
    /// All arguments, for the first list.
    pub(super) async fn arguments(&mut self, draft: &mut Draft) -> Result<(), Error> {
        let cx = self.cx.clone();
        let paths = &cx.config.paths;
        if cx.config.options.files_from.is_none() {
            for text in paths {
                self.argument(b"", text, draft).await?;
            }
            return Ok(());
        }
        let base = &paths.first().map_or(b".".to_vec(), |path| clean(path))[..];
        if let Err(errno) = cx.root(Ask::Root { path: base.to_vec() }).await {
            let full = show::full_path(&cx, paths.first().map_or(&b""[..], Vec::as_slice));
            let text = format!("\" failed: {} ({})", errno.text, errno.code);
            let text = [b"rsync: [sender] change_dir \"".as_slice(), &full, text.as_bytes()].concat();
            return Err(Error::new(Fault::Host, Exit::FILE_SELECT, text));
        }
        let mut names = Names::open(&cx).await?;
        while let Some(line) = names.next(&cx).await? {
            let mut text = sanitize(&line, Sanitize { depth: 0, keep_dots: cx.config.options.relative });
            if line.ends_with(b"/") && text != b"." {
                text.push(b'/');
            }
            self.argument(base, &text, draft).await?;
        }
        Ok(())
    }

    async fn argument(&mut self, base: &[u8], text: &[u8], draft: &mut Draft) -> Result<(), Error> {
        if !self.cx.config.options.relative {
            return self.list(Argument::plain(base, text), draft).await;
        }
        let (argument, dotted) = Argument::relative(base, text)?;
        if dotted && !self.way.dot && !argument.is_dot() {
            self.way.dot = true;
            self.parents(&Argument { name: b".".to_vec(), ..argument.clone() }, 0, draft).await?;
        }
        if !self.cx.agreed().inc || argument.parent_beyond(0).is_none() {
            return self.list(argument, draft).await;
        }
        // The first component now, the others with the directories that they are in.
        if self.look(&argument).await.is_none() {
            return self.missing(&argument, draft).await;
        }
        self.step(Rest { argument, done: 0 }, draft).await
    }

    /// Lists the next component of what is left of an argument.
    async fn step(&mut self, rest: Rest, draft: &mut Draft) -> Result<(), Error> {
        let Some(end) = rest.argument.parent_beyond(rest.done) else { return self.list(rest.argument, draft).await };
        self.parents(&rest.argument, end, draft).await?;
        self.way.rests.push(Rest { done: end, ..rest });
        Ok(())
    }

    /// With incremental recursion: arguments that go on in the directory `path`.
    pub(super) async fn further(&mut self, origin: u16, path: &[u8], draft: &mut Draft) -> Result<(), Error> {
        if self.way.rests.is_empty() {
            return Ok(());
        }
        let dir = self.roots[usize::from(origin)].path.clone();
        let here = |rest: &mut Rest| rest.argument.dir == dir && rest.argument.name[..rest.done] == *path;
        let rests: Vec<Rest> = self.way.rests.extract_if(.., here).collect();
        self.way.listed = None;
        for rest in rests {
            self.step(rest, draft).await?;
        }
        Ok(())
    }

    /// Lists the directories above an argument, up to `end` bytes of its name, that were not listed with the one before it;
    /// with `end` 0, the name itself.
    async fn parents(&mut self, argument: &Argument, end: usize, draft: &mut Draft) -> Result<(), Error> {
        let cx = self.cx.clone();
        if cx.protocol() < 30 && !cx.config.options.implied_dirs {
            return Ok(());
        }
        let whole = if end == 0 { &argument.name[..] } else { &argument.name[..end] };
        let inc = cx.agreed().inc;
        let known = match &self.way.listed {
            Some((dir, listed)) if *dir == argument.dir => shared(listed, whole),
            _ => 0,
        };
        let ends = (0..whole.len()).filter(|&at| whole[at] == b'/' && at > 0).chain([whole.len()]);
        for end in ends.filter(|&end| end > known) {
            let name = &whole[..end];
            // With incremental recursion the outer ones are in other lists.
            if inc && end < whole.len() {
                continue;
            }
            self.parent_entry(argument, name, draft).await?;
        }
        if whole != b"." {
            self.way.listed = Some((argument.dir.clone(), whole.to_vec()));
        }
        Ok(())
    }

    async fn parent_entry(&mut self, argument: &Argument, name: &[u8], draft: &mut Draft) -> Result<(), Error> {
        let cx = self.cx.clone();
        if name != b"." && cx.daemon_hides_way(&beneath(&argument.dir, name)) {
            return Ok(());
        }
        let Some((origin, at)) = self.place(argument, name).await else { return Ok(()) };
        let meta = match cx.stat(Ask::Stat { at, follow: Follow::All }).await {
            Ok(meta) => meta,
            Err(errno) => {
                self.say_link_stat(&beneath(&argument.dir, name), &errno);
                return Ok(());
            }
        };
        self.learn_ids([&meta].into_iter()).await;
        self.learn_acl_ids([&meta].into_iter()).await;
        match self.entry(name.to_vec(), &meta, None, Flags::IMPLIED, origin) {
            Some(entry) => self.put(entry, meta.extended, origin, draft),
            None => Ok(()),
        }
    }

    /// The root beneath which a name of an argument is found, and where there.
    async fn place(&mut self, argument: &Argument, name: &[u8]) -> Option<(u16, At)> {
        let origin = self.open_root(&argument.dir, b"").await?;
        let at = self.roots[usize::from(origin)].at(name);
        let parent = name.iter().rposition(|&b| b == b'/').map_or(&b""[..], |at| &name[..at]);
        if parent.is_empty() {
            return Some((origin, at));
        }
        match self.cx.stat(Ask::Stat { at: at.clone(), follow: Follow::No }).await {
            Err(errno) if errno.code == ELOOP => {
                let origin = self.open_root(&argument.dir, parent).await?;
                Some((origin, self.roots[usize::from(origin)].at(name)))
            }
            _ => Some((origin, at)),
        }
    }

    /// Whether an argument of several components is there at all; if not, its parents are not listed either.
    async fn look(&mut self, argument: &Argument) -> Option<()> {
        let (_, at) = self.place(argument, &argument.name).await?;
        let hidden = self.hidden_by_daemon(argument);
        if hidden {
            return None;
        }
        self.cx.stat(Ask::Stat { at, follow: Follow::No }).await.ok().map(|_| ())
    }

    fn hidden_by_daemon(&self, argument: &Argument) -> bool {
        let name = &argument.name;
        !argument.is_dot() && self.cx.daemon_hides_way(&beneath(&argument.dir, name))
    }

    /// What is said of an argument that [`Lister::look`] does not find.
    async fn missing(&mut self, argument: &Argument, draft: &mut Draft) -> Result<(), Error> {
        let Some((origin, at)) = self.place(argument, &argument.name).await else { return Ok(()) };
        let errno = match self.hidden_by_daemon(argument) {
            true => generator::not_found(),
            false => match self.cx.stat(Ask::Stat { at, follow: Follow::No }).await {
                Err(errno) => errno,
                Ok(_) => return Ok(()),
            },
        };
        self.missing_argument(argument, errno, origin, draft).await
    }

    /// One argument, with its parents where those are listed with it.
    async fn list(&mut self, argument: Argument, draft: &mut Draft) -> Result<(), Error> {
        let cx = self.cx.clone();
        let o = &cx.config.options;
        let name = &argument.name[..];
        let dot = argument.is_dot();
        let Some((origin, at)) = self.place(&argument, name).await else { return Ok(()) };
        let follow = if o.copy_links {
            Follow::All
        } else if o.copy_dirlinks || dot || argument.wants_contents {
            Follow::Directories
        } else {
            Follow::No
        };
        let meta = match self.hidden_by_daemon(&argument) {
            true => Err(generator::not_found()),
            false => cx.stat(Ask::Stat { at: at.clone(), follow }).await,
        };
        let meta = match meta {
            Ok(meta) => meta,
            Err(errno) => return self.missing_argument(&argument, errno, origin, draft).await,
        };
        let is_dir = meta.mode & TYPE == DIRECTORY;
        self.rules.at_root(&cx, &self.roots[usize::from(origin)].path);
        if !dot && self.rules.excludes(&cx, name, is_dir, Check::SENDER) {
            return Ok(());
        }
        if cx.ignores(&meta) {
            return Ok(());
        }
        let recursive = o.recursion != Recursion::Off;
        if is_dir && !recursive && !o.dirs {
            cx.say(Class::Info, [b"skipping directory ".as_slice(), if dot { b"." } else { name }].concat());
            return Ok(());
        }
        if !cx.agreed().inc && !argument.parent().is_empty() && o.relative {
            self.parents(&argument, argument.parent().len(), draft).await?;
        }
        self.dev = meta.dev;
        let content = is_dir && (recursive || argument.wants_contents);
        let flags = if content { Flags::TOP_DIR.with(Flags::CONTENT_DIR) } else { Flags::NONE };
        let digest = self.digest_of_argument(at, &meta).await;
        self.learn_ids([&meta].into_iter()).await;
        self.learn_acl_ids([&meta].into_iter()).await;
        let Some(entry) = self.entry(name.to_vec(), &meta, digest, flags, origin) else { return Ok(()) };
        self.put(entry, meta.extended, origin, draft)?;
        if content && (dot || !cx.agreed().inc) {
            self.contents(origin, name, draft).await?;
        }
        Ok(())
    }

    /// The root for a directory, and for one beneath it if `prefix` is not empty.
    async fn open_root(&mut self, dir: &[u8], prefix: &[u8]) -> Option<u16> {
        if let Some(at) = self.roots.iter().position(|root| root.path == dir && root.prefix == prefix) {
            return Some(at as u16);
        }
        let path = if prefix.is_empty() { dir.to_vec() } else { join(dir, prefix) };
        let opened = match self.cx.daemon_hides_way(&path) {
            true => Err(generator::not_found()),
            false => self.cx.root(Ask::Root { path: path.clone() }).await,
        };
        match opened {
            Ok(id) => {
                self.roots.push(Root { id, path: dir.to_vec(), prefix: prefix.to_vec() });
                Some((self.roots.len() - 1) as u16)
            }
            Err(errno) => {
                let full = show::full_path(&self.cx, &path);
                let what = [b"change_dir \"".as_slice(), &full, b"\"", &self.cx.in_module(), b" failed"].concat();
                self.cx.say_errno(Class::Transfer, "sender", &what, &errno);
                self.cx.add_io_error(io_error::GENERAL);
                None
            }
        }
    }

    async fn missing_argument(
        &mut self,
        argument: &Argument,
        errno: Errno,
        origin: u16,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        let missing = self.cx.config.options.missing_args;
        if errno.is_not_found() && missing == MissingArgs::Ignore {
            return Ok(());
        }
        if errno.is_not_found() && missing == MissingArgs::Delete {
            return self.put(Entry::new(&argument.name, 0), None, origin, draft);
        }
        self.say_link_stat(&beneath(&argument.dir, &argument.name), &errno);
        Ok(())
    }

    fn say_link_stat(&self, path: &[u8], errno: &Errno) {
        let full = show::full_path(&self.cx, path);
        let what = [b"link_stat \"".as_slice(), &full, b"\"", &self.cx.in_module(), b" failed"].concat();
        self.cx.say_errno(Class::Transfer, "sender", &what, errno);
        if !errno.is_not_found() {
            self.cx.add_io_error(io_error::GENERAL);
        }
    }
}

/// A path as seen from where `base` is given.
fn beneath(base: &[u8], path: &[u8]) -> Vec<u8> {
    match path {
        _ if base.is_empty() || path.starts_with(b"/") => path.to_vec(),
        b"." => base.to_vec(),
        _ => join(base, path),
    }
}

fn trim_front(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

/// Bytes of the whole components that two paths begin with.
fn shared(listed: &[u8], path: &[u8]) -> usize {
    let same = listed.iter().zip(path).take_while(|(a, b)| a == b).count();
    let ends = |path: &[u8]| path.get(same).is_none_or(|&b| b == b'/');
    if ends(listed) && ends(path) { same } else { path[..same].iter().rposition(|&b| b == b'/').unwrap_or(0) }
}
