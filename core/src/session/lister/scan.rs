//! What is in a directory: names, what they are, and which of them are listed (spec 2.7.4).

use alloc::vec::Vec;

use super::{Draft, Lister};
use crate::Error;
use crate::filter::Check;
use crate::flist::Flags;
use crate::limits::PATH_BYTES_MAX;
use crate::options::{Info, Recursion};
use crate::session::ask::{Ask, Dirent, Follow, HostResult, Meta, Reply};
use crate::session::context::{io_error, wrong_kind};
use crate::session::decide::{DIRECTORY, SYMLINK, TYPE};
use crate::session::removal::join;
use crate::session::say::Class;

impl Lister {
    /// Everything in a directory: with incremental recursion one level, else all of it, each directory's entries before those
    /// of its subdirectories.
    pub(super) async fn contents(&mut self, origin: u16, path: &[u8], draft: &mut Draft) -> Result<(), Error> {
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
    pub(super) async fn scan(
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

    pub(super) fn unreadable_directory(&self, origin: u16, dir: &[u8], errno: &crate::session::ask::Errno) {
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
    pub(super) async fn dirent(
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
    pub(crate) fn stand_at(&self, origin: u16) {
        let root = &self.roots[usize::from(origin)].path;
        self.rules.set_root(|| crate::report::entered(&self.cx.config.cwd, root));
    }

    pub(super) fn is_left_out(&self, origin: u16, name: &[u8], meta: &Meta) -> bool {
        let cx = &self.cx;
        let is_dir = meta.mode & TYPE == DIRECTORY;
        self.rules.excludes(cx, name, is_dir, Check::SENDER)
            || cx.daemon_hides(&self.roots[usize::from(origin)].path, name, is_dir)
            || cx.ignores(meta)
    }

    /// What a name is; says and drops what can't be told. Unsafe links are replaced where that is wanted.
    pub(super) async fn meta_of(&mut self, origin: u16, name: &[u8], meta: HostResult<Meta>) -> Option<Meta> {
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
}
