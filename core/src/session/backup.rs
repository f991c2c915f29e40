//! Backups: what is replaced or deleted is kept under another name first (spec 3.8.9).

use alloc::format;
use alloc::vec::Vec;

use super::ask::{Ask, At, Errno, Follow, Meta, SetMeta};
use super::decide::{DIRECTORY, REGULAR, TYPE};
use super::files::basis;
use super::generator::Generator;
use super::receiving::{Receiving, Rx};
use super::say::Class;
use super::show;
use crate::options::{Info, Options};
use crate::{Error, Exit};

/// Where the backup of a destination path goes.
pub(crate) fn backup_path(rx: &Receiving, path: &[u8]) -> Option<At> {
    let o = &rx.cx.config.options;
    if !o.backup {
        return None;
    }
    let mut name = path.to_vec();
    name.extend_from_slice(suffix(o));
    match (&o.backup_dir, rx.backup_root.get()) {
        (Some(_), Some(root)) => Some(At { root, path: name }),
        (Some(dir), None) => Some(At { root: rx.dest(), path: super::removal::join(dir, &name) }),
        (None, _) => Some(At { root: rx.dest(), path: name }),
    }
}

/// What backup names end in.
pub(crate) fn suffix(o: &Options) -> &[u8] {
    match &o.suffix {
        Some(suffix) => suffix,
        None if o.backup_dir.is_some() => b"",
        None => b"~",
    }
}

/// Makes room for a backup: its directories, and nothing under its name. `None` if there is nothing to back up.
pub(crate) async fn prepare(rx: &Rx, path: &[u8]) -> Result<Option<At>, Errno> {
    if !rx.cx.config.options.backup {
        return Ok(None);
    }
    let from = At { root: rx.dest(), path: path.to_vec() };
    match rx.cx.stat(Ask::Stat { at: from, follow: Follow::No }).await {
        Ok(_) => {}
        Err(errno) if errno.is_not_found() => return Ok(None),
        Err(errno) => return Err(errno),
    }
    if rx.cx.config.options.backup_dir.is_some() {
        super::destination::open_backup_root(rx).await;
    }
    let Some(to) = backup_path(rx, path) else { return Ok(None) };
    if rx.cx.config.options.backup_dir.is_some() {
        make_directories(rx, path, &to).await;
    }
    if let Ok(meta) = rx.cx.stat(Ask::Stat { at: to.clone(), follow: Follow::No }).await {
        let ask =
            if meta.mode & TYPE == DIRECTORY { Ask::Rmdir { at: to.clone() } } else { Ask::Unlink { at: to.clone() } };
        let _ = rx.cx.unit(ask).await;
    }
    Ok(Some(to))
}

/// The directories above a backup look like those of the destination.
async fn make_directories(rx: &Rx, path: &[u8], to: &At) {
    let prefix = to.path.len().saturating_sub(path.len() + suffix(&rx.cx.config.options).len());
    for (at, _) in to.path.iter().enumerate().filter(|&(at, &b)| b == b'/' && at > 0) {
        let dir = At { root: to.root, path: to.path[..at].to_vec() };
        let made = rx.cx.unit(Ask::Mkdir { at: dir.clone(), mode: 0o777 & !rx.powers.umask }).await;
        if made.is_ok() && at > prefix && rx.backup_root.get().is_none_or(|root| root == to.root) {
            let like = At { root: rx.dest(), path: path[..(at - prefix).min(path.len())].to_vec() };
            copy_directory_meta(rx, like, dir).await;
        }
    }
}

/// Owner and bits of one directory for another. Without root's rights the owner's own bits stay: a backup has to get in.
async fn copy_directory_meta(rx: &Rx, from: At, to: At) {
    let Ok(meta) = rx.cx.stat(Ask::Stat { at: from, follow: Follow::No }).await else { return };
    let root = rx.powers.root;
    let set = SetMeta {
        uid: root.then_some(meta.uid),
        gid: (root || rx.powers.may_set_group(meta.gid)).then_some(meta.gid),
        mode: Some(meta.mode & 0o7777 | if root { 0 } else { 0o700 }),
        ..SetMeta::default()
    };
    // The backup matters, not how its directory looks.
    let _ = rx.cx.ask(Ask::SetMeta { at: to, meta: set }).await;
}

/// Backs up what a rename is about to replace.
pub(crate) async fn before_replace(rx: &Rx, path: &[u8]) -> Result<(), Errno> {
    let Some(to) = prepare(rx, path).await? else { return Ok(()) };
    keep(rx, path, to, true).await
}

/// Links, or else renames, a file to its backup name.
async fn keep(rx: &Rx, path: &[u8], to: At, link: bool) -> Result<(), Errno> {
    let cx = &rx.cx;
    let from = At { root: rx.dest(), path: path.to_vec() };
    let linked = link && cx.unit(Ask::Link { from: from.clone(), to: to.clone(), replace: false }).await.is_ok();
    if !linked {
        cx.unit(Ask::Rename { from, to: to.clone() }).await?;
    }
    say_backed_up(rx, path, &to);
    Ok(())
}

pub(crate) fn say_backed_up(rx: &Receiving, path: &[u8], to: &At) {
    if rx.cx.config.options.levels.info(Info::Backup) < 1 {
        return;
    }
    rx.cx.say(Class::Info, [b"backed up ".as_slice(), path, b" to ", &name_of(rx, to)].concat());
}

/// What a backup is called in messages.
fn name_of(rx: &Receiving, to: &At) -> Vec<u8> {
    match (&rx.cx.config.options.backup_dir, rx.backup_root.get()) {
        (Some(dir), Some(_)) => [dir, b"/".as_slice(), &to.path].concat(),
        _ => to.path.clone(),
    }
}

/// Says what became of an attempt to keep a file or link.
fn say_not_kept(rx: &Rx, path: &[u8], to: &At, there: &Meta, errno: &Errno) {
    let cx = &rx.cx;
    let name = name_of(rx, to);
    if let Some(target) = &there.target {
        let what = show::quoted(cx, b"link ", &name, &[b" -> \"".as_slice(), target, b"\""].concat());
        cx.say_errno(Class::Transfer, "generator", &what, errno);
        let what = show::quoted(cx, b"stat ", &name, b" failed");
        return cx.say_errno(Class::Transfer, "generator", &what, &super::generator::not_found());
    }
    if there.mode & TYPE == REGULAR {
        cx.say_errno(Class::Transfer, "generator", &show::quoted(cx, b"open ", &name, b""), errno);
    }
    let what = show::quoted(cx, b"keep_backup failed: ", path, &[b" -> \"".as_slice(), &name, b"\""].concat());
    cx.say_errno(Class::Transfer, "generator", &what, errno);
}

impl Generator {
    /// Backs up something that is about to be removed: it gets its backup's name.
    pub(crate) async fn backup(&mut self, path: &[u8], there: &Meta) -> Result<(), Errno> {
        self.back_up(path, there, false).await
    }

    /// Backs up something that is about to be replaced by a rename: it keeps its name until then.
    pub(crate) async fn backup_before_rename(&mut self, path: &[u8], there: &Meta) -> Result<(), Errno> {
        self.back_up(path, there, true).await
    }

    async fn back_up(&mut self, path: &[u8], there: &Meta, link: bool) -> Result<(), Errno> {
        if !self.cx.config.options.backup || there.mode & TYPE == DIRECTORY {
            return Ok(());
        }
        let kept = match prepare(&self.rx, path).await {
            Ok(Some(to)) => {
                let kept = keep(&self.rx, path, to.clone(), link).await;
                if let Some(errno) = kept.as_ref().err().filter(|errno| !errno.is_not_found()) {
                    say_not_kept(&self.rx, path, &to, there, errno);
                }
                kept
            }
            Ok(None) => Ok(()),
            Err(errno) => {
                let what = show::quoted(&self.cx, b"make_backup ", path, b" failed");
                self.cx.say_errno(Class::Transfer, "generator", &what, &errno);
                return Err(errno);
            }
        };
        match kept {
            Err(errno) if !errno.is_not_found() => Err(errno),
            _ => Ok(()),
        }
    }

    /// In-place updates with backups: the old content is copied aside and becomes the basis (3.2.7, step 14).
    pub(crate) async fn backup_before_in_place(
        &mut self,
        item: &super::decide::Item,
        existing: Option<&Meta>,
    ) -> Result<u8, Error> {
        let to = match prepare(&self.rx, &item.path).await {
            Ok(Some(to)) => to,
            Ok(None) => return Ok(basis::FNAME),
            Err(errno) => {
                let what = show::quoted(&self.cx, b"make_backup ", &item.path, b" failed");
                self.cx.say_errno(Class::Error, "generator", &what, &errno);
                return Err(Error::host(Exit::FILE_IO, Vec::new()));
            }
        };
        let old = super::decide::Item {
            path: to.path.clone(),
            mode: existing.map_or(item.mode, |m| m.mode),
            mtime: existing.map_or(item.mtime, |m| m.mtime),
            mtime_nsec: existing.map_or(item.mtime_nsec, |m| m.mtime_nsec),
            ..item.clone()
        };
        let from = super::ask::CopySource::Beneath(self.at(&item.path));
        let mut plan = super::receiver::copy_plan(&self.cx, &self.rx, &old, None, from);
        plan.create.at = to.clone();
        plan.create.output = super::ask::Output::Temp { dir: None };
        match self.cx.make(Ask::CopyLocal(alloc::boxed::Box::new(plan))).await.1 {
            super::ask::Reply::Committed(Ok(_)) => {
                say_backed_up(&self.rx, &item.path, &to);
                Ok(if self.sends_whole() { basis::FNAME } else { basis::BACKUP })
            }
            _ => {
                let mut text = format!("{} ", "failed to back up").into_bytes();
                text.extend_from_slice(&item.path);
                Err(Error::host(Exit::FILE_IO, text))
            }
        }
    }
}
