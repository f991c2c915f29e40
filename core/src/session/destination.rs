//! Entering the destination: which directory the entries go to, and under which name (spec 4.1.5).

use alloc::format;
use alloc::vec::Vec;

use super::ask::{Ask, Meta};
use super::context::Context;
use super::decide::{DIRECTORY, TYPE};
use super::receiving::{Receiving, Rx};
use super::say::Class;
use super::show;
use crate::flist::View;
use crate::flist::verify::{Sanitize, sanitize};
use crate::options::{AltKind, Info};
use crate::{Error, Exit, Fault};

/// Finds or makes the destination; afterwards the receiving side has a root.
pub(crate) async fn enter(rx: &Rx) -> Result<(), Error> {
    let cx = rx.cx.clone();
    if cx.config.options.listing {
        // As with stock, they are looked for all the same, beside nothing.
        alternates(rx).await;
        return Ok(());
    }
    let Some(dest) = cx.config.paths.first().cloned() else {
        return Ok(());
    };
    let dest = if dest.is_empty() { b".".to_vec() } else { dest };
    let in_root = cx.config.module.as_ref().is_some_and(|module| !module.sanitize);
    // A module that is a root of its own has absolute paths.
    let dest = if in_root && !dest.starts_with(b"/") && trim_slashes(&dest) != b"." {
        [b"/", dest.as_slice()].concat()
    } else {
        dest
    };
    if cx.daemon_hides_way(&dest) {
        let text = crate::report::text::daemon_excluded_destination(&dest);
        return Err(Error::new(Fault::Usage, Exit::FILE_SELECT, text));
    }
    let (count, only_is_dir) = count_entries(rx);
    let slash = dest.ends_with(b"/");
    let mut found = cx.stat(Ask::StatPath { path: dest.clone() }).await;
    if found.is_err() && cx.config.options.mkpath {
        make_path(&cx, &dest, count, slash).await?;
        found = cx.stat(Ask::StatPath { path: dest.clone() }).await;
    }
    match found {
        Ok(meta) if meta.mode & TYPE == DIRECTORY => enter_directory(rx, &dest, "change_dir#1").await?,
        Ok(meta) => other_than_directory(rx, &dest, &meta, count, only_is_dir, slash).await?,
        Err(errno) if !errno.is_not_found() => {
            let shown = if cx.config.module.is_some() && dest == b"./" { b"." } else { &dest[..] };
            let quoted = [b"\"".as_slice(), &show::full_path(&cx, shown), b"\"", &cx.in_module()].concat();
            let what = [b"ERROR: cannot stat destination ".as_slice(), &quoted].concat();
            cx.say_errno(Class::Error, "Receiver", &what, &errno);
            return Err(Error::host(Exit::FILE_SELECT, Vec::new()));
        }
        Err(_) if count > 1 || slash => make_directory(rx, &dest).await?,
        Err(_) => store_under_name(rx, &dest).await?,
    }
    side_directories(rx).await
}

/// Number of entries, and whether the first is a directory (and so the only one, if there is one).
fn count_entries(rx: &Rx) -> (usize, bool) {
    let lists = rx.lists.borrow();
    // What is listed twice is counted twice.
    let count = lists.iter().map(|list| list.iter().count()).sum();
    let first = lists.list(0).and_then(|list| list.iter_sorted().find(View::is_active));
    (count, first.is_some_and(|view| view.is_dir()))
}

async fn enter_directory(rx: &Rx, dest: &[u8], step: &str) -> Result<(), Error> {
    match rx.cx.root(Ask::Root { path: dest.to_vec() }).await {
        Ok(root) => {
            rx.dest.set(Some(root));
            *rx.dest_path.borrow_mut() = if dest == b"./" { b".".to_vec() } else { dest.to_vec() };
            rx.filters.set_root(|| crate::report::entered(&rx.cx.config.cwd, dest));
            Ok(())
        }
        Err(errno) => {
            let mut what = format!("{step} \"").into_bytes();
            what.extend_from_slice(&show::full_path(&rx.cx, dest));
            what.push(b'"');
            what.extend_from_slice(&rx.cx.in_module());
            what.extend_from_slice(b" failed");
            rx.cx.say_errno(Class::Error, "Receiver", &what, &errno);
            Err(Error::host(Exit::FILE_SELECT, Vec::new()))
        }
    }
}

async fn other_than_directory(
    rx: &Rx,
    dest: &[u8],
    _meta: &Meta,
    count: usize,
    only_is_dir: bool,
    slash: bool,
) -> Result<(), Error> {
    let (exit, text) = if count > 1 {
        (Exit::FILE_SELECT, "ERROR: destination must be a directory when copying more than 1 file")
    } else if only_is_dir {
        (Exit::FILE_SELECT, "ERROR: cannot overwrite non-directory with a directory")
    } else if slash {
        (Exit::SYNTAX, "ERROR: destination path is not a directory")
    } else {
        return store_under_name(rx, dest).await;
    };
    Err(Error::new(Fault::Usage, exit, text))
}

/// The destination directory is missing: its last component is made.
async fn make_directory(rx: &Rx, dest: &[u8]) -> Result<(), Error> {
    let cx = &rx.cx;
    let o = &cx.config.options;
    let trimmed = trim_slashes(dest);
    if !o.dry_run
        && let Err(errno) = cx.unit(Ask::MkdirPath { path: trimmed.to_vec() }).await
    {
        let mut what = b"mkdir \"".to_vec();
        what.extend_from_slice(&show::full_path(cx, trimmed));
        what.push(b'"');
        what.extend_from_slice(&cx.in_module());
        what.extend_from_slice(b" failed");
        cx.say_errno(Class::Error, "Receiver", &what, &errno);
        return Err(Error::host(Exit::FILE_IO, Vec::new()));
    }
    if o.levels.info(Info::Name) >= 1 || show::itemizes(cx) {
        cx.say(Class::Info, [b"created directory ".as_slice(), trimmed].concat());
    }
    if o.dry_run {
        rx.dest_missing.set(true);
        *rx.dest_path.borrow_mut() = dest.to_vec();
        // Nothing is ever looked at below a destination that is missing, but paths need a root.
        let root = cx.root(Ask::Root { path: b".".to_vec() }).await;
        rx.dest.set(root.ok());
        return Ok(());
    }
    rx.dest_new.set(true);
    enter_directory(rx, dest, "change_dir#2").await
}

/// One entry, and a destination that is a file or missing: the entry gets the destination's name.
async fn store_under_name(rx: &Rx, dest: &[u8]) -> Result<(), Error> {
    let dest = trim_slashes(dest);
    let cut = dest.iter().rposition(|&b| b == b'/');
    let (dir, name) = match cut {
        Some(0) => (&b"/"[..], &dest[1..]),
        Some(at) => (&dest[..at], &dest[at + 1..]),
        None => (&b"."[..], dest),
    };
    let o = &rx.cx.config.options;
    if o.dry_run && o.mkpath && rx.cx.stat(Ask::StatPath { path: dir.to_vec() }).await.is_err() {
        rx.dest_missing.set(true);
    }
    *rx.local_name.borrow_mut() = Some(name.to_vec());
    if rx.dest_missing.get() {
        rx.dest.set(rx.cx.root(Ask::Root { path: b".".to_vec() }).await.ok());
        return Ok(());
    }
    enter_directory(rx, dir, "change_dir#3").await
}

fn trim_slashes(mut path: &[u8]) -> &[u8] {
    while path.len() > 1 && path.ends_with(b"/") {
        path = &path[..path.len() - 1];
    }
    path
}

/// `--mkpath`: the missing directories above the destination, or all of it.
async fn make_path(cx: &Context, dest: &[u8], count: usize, slash: bool) -> Result<(), Error> {
    if !dest.contains(&b'/') && count <= 1 {
        return Ok(());
    }
    let whole = count > 1 || slash;
    let trimmed = trim_slashes(dest);
    let end = if whole { trimmed.len() } else { trimmed.iter().rposition(|&b| b == b'/').unwrap_or(0) };
    let mut made = 0;
    let cuts = (1..end).filter(|&at| dest[at] == b'/').chain([end]);
    for at in cuts.filter(|&at| at > 0) {
        let mut path = dest[..at].to_vec();
        let blocks = match cx.stat(Ask::StatPath { path: path.clone() }).await {
            Ok(meta) if meta.mode & TYPE == DIRECTORY => continue,
            Ok(_) => {
                // It is in the way: the system says how.
                path = dest[..end].to_vec();
                true
            }
            Err(_) => false,
        };
        if (blocks || !cx.config.options.dry_run)
            && let Err(errno) = cx.unit(Ask::MkdirPath { path }).await
        {
            let what =
                [b"mkdir \"".as_slice(), &show::full_path(cx, dest), b"\"", &cx.in_module(), b" failed"].concat();
            cx.say_errno(Class::Error, "Receiver", &what, &errno);
            return Err(Error::host(Exit::FILE_IO, Vec::new()));
        }
        made += 1;
    }
    if made > 0 && (cx.config.options.levels.info(Info::Name) >= 1 || show::itemizes(cx)) {
        let noun = if made == 1 { "directory" } else { "directories" };
        let shown = if count > 1 && !slash { trimmed } else { &dest[..end] };
        let mut text = format!("created {made} {noun} for ").into_bytes();
        text.extend_from_slice(shown);
        cx.say(Class::Info, text);
    }
    Ok(())
}

/// The path of a directory that an option names, in a module that is not a root of its own.
fn real(cx: &Context, dir: &[u8]) -> Vec<u8> {
    match &cx.config.module {
        Some(module) if module.sanitize => {
            let beneath = sanitize(dir, Sanitize { depth: 0, keep_dots: false });
            super::removal::join(&module.path, &beneath)
        }
        _ => dir.to_vec(),
    }
}

/// The directories that options name besides the destination.
async fn side_directories(rx: &Rx) -> Result<(), Error> {
    let cx = &rx.cx;
    let o = &cx.config.options;
    if let Some(dir) = &o.temp_dir {
        let meta = match cx.stat(Ask::StatPath { path: beside(rx, dir) }).await {
            Ok(meta) if !dir.is_empty() => meta,
            Err(errno) if !errno.is_not_found() => {
                let text = format!(": {} ({})", errno.text, errno.code);
                let text = [b"Failed to stat temp-dir ".as_slice(), dir, text.as_bytes()].concat();
                return Err(Error::host(Exit::FILE_IO, text));
            }
            _ => return Err(usage(b"The temp-dir does not exist: ", &real(cx, dir))),
        };
        if meta.mode & TYPE != DIRECTORY {
            return Err(usage(b"The temp-dir is not a directory: ", &real(cx, dir)));
        }
        rx.temp_root.set(cx.root(Ask::Root { path: beside(rx, dir) }).await.ok());
    }
    if let Some(dir) = o.partial_dir.as_ref().filter(|dir| dir.starts_with(b"/")) {
        // If it is not there, it is made when there is something to put into it.
        rx.partial_root.set(cx.root(Ask::Root { path: beside(rx, dir) }).await.ok());
    }
    if let Some(dir) = &o.backup_dir {
        enter_backup_dir(rx, dir).await?;
    }
    if o.partial_dir.iter().filter(|dir| dir.starts_with(b"/")).any(|dir| cx.daemon_hides_way(dir))
        || o.alt_dirs.iter().any(|dir| cx.daemon_hides_way(&beside(rx, dir)))
    {
        return Err(Error::usage("Your options have been rejected by the server."));
    }
    alternates(rx).await;
    Ok(())
}

async fn enter_backup_dir(rx: &Rx, dir: &[u8]) -> Result<(), Error> {
    let cx = &rx.cx;
    let o = &cx.config.options;
    let path = beside(rx, dir);
    let is_new = match cx.stat(Ask::StatPath { path: path.clone() }).await {
        Ok(meta) if meta.mode & TYPE != DIRECTORY => return Err(usage(b"The backup-dir is not a directory: ", dir)),
        Ok(_) => false,
        Err(errno) if errno.is_not_found() => true,
        Err(errno) => {
            let text = format!(": {} ({})", errno.text, errno.code);
            return Err(Error::host(Exit::FILE_IO, [b"Failed to stat ".as_slice(), dir, text.as_bytes()].concat()));
        }
    };
    if o.levels.info(Info::Backup) >= 1 {
        let new = if is_new { "(new) " } else { "" };
        cx.say(Class::Info, [new.as_bytes(), b"backup_dir is ", dir].concat());
    }
    if !is_new {
        open_backup_root(rx).await;
    }
    Ok(())
}

/// Opens the backup directory, which is made when the first backup goes there. One that lies in the destination needs no root of
/// its own.
pub(crate) async fn open_backup_root(rx: &Rx) {
    let cx = &rx.cx;
    let o = &cx.config.options;
    let Some(dir) = o
        .backup_dir
        .as_deref()
        .filter(|dir| dir.starts_with(b"/") || dir.split(|&b| b == b'/').any(|part| part == b".."))
    else {
        return;
    };
    if rx.backup_root.get().is_some() || o.dry_run {
        return;
    }
    let path = beside(rx, dir);
    if cx.stat(Ask::StatPath { path: path.clone() }).await.is_err() {
        for at in (1..path.len()).filter(|&at| path[at] == b'/').chain([path.len()]) {
            let _ = cx.unit(Ask::MkdirPath { path: path[..at].to_vec() }).await;
        }
    }
    rx.backup_root.set(cx.root(Ask::Root { path }).await.ok());
}

async fn alternates(rx: &Rx) {
    let cx = &rx.cx;
    let o = &cx.config.options;
    let name = match o.alt_kind.unwrap_or(AltKind::Compare) {
        AltKind::Compare => "compare-dest",
        AltKind::Copy => "copy-dest",
        AltKind::Link => "link-dest",
    };
    for dir in &o.alt_dirs {
        let path = beside(rx, dir);
        let problem = match cx.stat(Ask::StatPath { path: path.clone() }).await {
            Ok(meta) if meta.mode & TYPE == DIRECTORY => None,
            Ok(_) => Some("is not a dir"),
            Err(_) => Some("does not exist"),
        };
        let mut root = None;
        match problem {
            None => root = cx.root(Ask::Root { path }).await.ok(),
            Some(problem) => {
                let mut text = format!("--{name} arg {problem}: ").into_bytes();
                text.extend_from_slice(&shown_alternate(rx, dir, &path));
                cx.say(Class::Warning, text);
            }
        }
        rx.alternates.borrow_mut().push(root);
    }
}

/// What an alternate directory is called: in a module that is not a root of its own, as the client's word was made harmless.
fn shown_alternate(rx: &Rx, dir: &[u8], path: &[u8]) -> Vec<u8> {
    match &rx.cx.config.module {
        Some(module) if module.sanitize && !dir.starts_with(b"/") => {
            let depth =
                within_module(&rx.dest_path.borrow()).split(|&b| b == b'/').filter(|part| *part != b".").count();
            sanitize(dir, Sanitize { depth, keep_dots: false })
        }
        Some(module) if module.sanitize => real(&rx.cx, dir),
        _ => show::full_path(&rx.cx, path),
    }
}

/// A path that is relative to the destination directory, as the host understands paths.
pub(crate) fn beside(rx: &Receiving, dir: &[u8]) -> Vec<u8> {
    let absolute = dir.starts_with(b"/");
    let path = if absolute { dir.to_vec() } else { super::removal::join(&rx.dest_path.borrow(), dir) };
    if rx.cx.config.module.as_ref().is_some_and(|module| module.sanitize) { within_module(&path) } else { path }
}

/// A client's path in a module without chroot: the module's directory, where the program runs, is its root (2.8.5).
fn within_module(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') }
}

fn usage(text: &[u8], dir: &[u8]) -> Error {
    Error::usage([text, dir].concat())
}

#[cfg(test)]
mod tests {
    use super::within_module;

    #[test]
    fn paths_stay_within_the_module() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"/sub/x", b"sub/x"),
            (b"a/../b", b"b"),
            (b"./../../etc/passwd", b"etc/passwd"),
            (b"a//./b/", b"a/b"),
            (b"/..", b"."),
            (b".", b"."),
        ];
        for (path, expect) in cases {
            assert_eq!(within_module(path), expect);
        }
    }
}
