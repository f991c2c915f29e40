//! Partial files: where the data of an interrupted transfer is kept for the next one (spec 3.8.6).

use super::ask::{Ask, At, Errno, Follow, SetMeta};
use super::context::Context;
use super::decide;
use super::receiving::Receiving;

/// Where the partial file of a destination path is, if there is a partial directory.
pub(crate) fn partial_path(rx: &Receiving, path: &[u8]) -> Option<At> {
    let dir = rx.cx.config.options.partial_dir.as_deref()?;
    if dir.starts_with(b"/") && rx.partial_root.get().is_none() {
        return None;
    }
    let cut = path.iter().rposition(|&b| b == b'/');
    let base = &path[cut.map_or(0, |at| at + 1)..];
    if let Some(root) = rx.partial_root.get() {
        return Some(At { root, path: base.to_vec() });
    }
    let mut full = path[..cut.map_or(0, |at| at + 1)].to_vec();
    full.extend_from_slice(dir);
    full.push(b'/');
    full.extend_from_slice(base);
    Some(At { root: rx.dest(), path: full })
}

/// [`partial_path`], for something to be put there: a directory of its own is made by now.
pub(crate) async fn place_for_partial(rx: &Receiving, path: &[u8]) -> Option<At> {
    if let Some(dir) = rx.cx.config.options.partial_dir.as_deref().filter(|dir| dir.starts_with(b"/"))
        && rx.partial_root.get().is_none()
    {
        let dir = super::destination::beside(rx, dir);
        let _ = rx.cx.unit(Ask::MkdirPath { path: dir.clone() }).await;
        rx.partial_root.set(rx.cx.root(Ask::Root { path: dir }).await.ok());
        if let Some(root) = rx.partial_root.get() {
            let meta = SetMeta { mode: Some(0o700), ..SetMeta::default() };
            rx.cx.ask(Ask::SetMeta { at: At { root, path: b".".to_vec() }, meta }).await;
        }
    }
    partial_path(rx, path)
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&b| b == b'/').map(|at| &path[..at])
}

/// Makes the directory that a partial file goes to, over whatever else has its name. False if that can't be done.
pub(crate) async fn make_partial_dir(cx: &Context, rx: &Receiving, partial: &At) -> bool {
    if rx.partial_root.get().is_some() {
        return true;
    }
    let Some(dir) = parent(&partial.path) else { return true };
    let at = At { root: partial.root, path: dir.to_vec() };
    match cx.unit(Ask::Mkdir { at: at.clone(), mode: 0o700 }).await {
        Ok(()) => true,
        Err(errno) if errno.code == Errno::EEXIST => {
            let stat = cx.stat(Ask::Stat { at: at.clone(), follow: Follow::No }).await;
            if stat.is_ok_and(|m| m.mode & decide::TYPE == decide::DIRECTORY) {
                return true;
            }
            let _ = cx.unit(Ask::Unlink { at: at.clone() }).await;
            cx.unit(Ask::Mkdir { at, mode: 0o700 }).await.is_ok()
        }
        Err(_) => false,
    }
}

/// Removes a partial file that was used up, and its directory if that is empty now.
pub(crate) async fn remove_partial(cx: &Context, rx: &Receiving, partial: At) {
    let _ = cx.unit(Ask::Unlink { at: partial.clone() }).await;
    remove_partial_dir(cx, rx, &partial).await;
}

/// Removes the directory of a partial file, if it is empty now.
pub(crate) async fn remove_partial_dir(cx: &Context, rx: &Receiving, partial: &At) {
    if rx.partial_root.get().is_none()
        && let Some(dir) = parent(&partial.path)
    {
        let _ = cx.unit(Ask::Rmdir { at: At { root: partial.root, path: dir.to_vec() } }).await;
    }
}
