//! What the receiving side refuses, and what is done to paths before they are used (spec 2.8, 3.12.3).
//!
//! The host confines every path once more when it resolves it. These checks are for the wire: they end a session with the
//! texts that rsync has for a peer that misbehaves.

use alloc::vec::Vec;

use super::list::FileList;
use super::order::{self, Order};
use crate::{Error, Exit};

mod requested;

pub use requested::{RequestMode, Requested};

/// Cleans a received name in place: no doubled or trailing slash, no `.` inside. Fails with exit 4 where it is absolute
/// without `--relative` or has a `..` component. An empty name, which could not be converted, is left alone.
pub fn clean_received(name: &mut Vec<u8>, relative: bool) -> Result<(), Error> {
    let is_absolute = name.first() == Some(&b'/');
    if (is_absolute && !relative) || name.split(|&byte| byte == b'/').any(|part| part == b"..") {
        return Err(Error::peer(
            Exit::UNSUPPORTED,
            [b"ABORTING due to unsafe pathname from sender: ", &name[..]].concat(),
        ));
    }
    if !is_clean(name) {
        *name = clean(name);
    }
    Ok(())
}

fn is_clean(name: &[u8]) -> bool {
    let tail = name.strip_prefix(b"/").unwrap_or(name);
    tail == b"." || tail.split(|&byte| byte == b'/').all(|part| !part.is_empty() && part != b".") || name.is_empty()
}

/// A path without doubled or trailing slashes and without `.` components; `.` or `/.` if nothing is left.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut cleaned = Vec::with_capacity(path.len());
    let root: &[u8] = if path.first() == Some(&b'/') { b"/" } else { b"" };
    cleaned.extend_from_slice(root);
    for part in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if cleaned.len() > root.len() {
            cleaned.push(b'/');
        }
        cleaned.extend_from_slice(part);
    }
    if cleaned.len() == root.len() && !path.is_empty() {
        cleaned.push(b'.');
    }
    cleaned
}

/// The root of the transfer must be a directory.
pub fn check_root_is_dir(name: &[u8], is_dir: bool) -> Result<(), Error> {
    if is_dir || (name != b"." && name != b"/.") {
        return Ok(());
    }
    let text = [b"ERROR: rejecting non-directory transfer-root entry: ", name].concat();
    Err(Error::peer(Exit::PROTOCOL, text))
}

/// With incremental recursion, an entry must lie in the directory that its list is for; `dir` is empty for the first list
/// (spec 2.8.2).
pub fn check_in_dir(name: &[u8], dir: &[u8], relative: bool) -> Result<(), Error> {
    let strip = |path| if relative { strip_slash(path) } else { path };
    let (parent, _) = super::entry::split_path(strip(name));
    if parent == strip(dir) { Ok(()) } else { Err(invalid_path(name, Exit::UNSUPPORTED)) }
}

fn strip_slash(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"/").unwrap_or(path)
}

/// Without incremental recursion, the parent of an entry must be in the list as a directory (spec 2.8.2).
pub fn check_has_parent(list: &FileList, order: Order, name: &[u8]) -> Result<(), Error> {
    let (parent, _) = super::entry::split_path(name);
    if parent.is_empty() || order::find(list, order, parent, true).is_some() {
        return Ok(());
    }
    Err(invalid_path(name, Exit::PROTOCOL))
}

fn invalid_path(name: &[u8], exit: Exit) -> Error {
    Error::peer(exit, [b"ABORTING due to invalid path from sender: ", name].concat())
}

/// A name that the receiving client's own filters would have hidden on the sender (spec 2.8.1 no. 6).
pub fn excluded(name: &[u8]) -> Error {
    Error::peer(Exit::UNSUPPORTED, [b"ERROR: rejecting excluded file-list name: ", name].concat())
}

/// How [`sanitize`] treats a path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sanitize {
    /// Leading `..` components that may stay.
    pub depth: usize,
    /// `.` components stay (`--relative`).
    pub keep_dots: bool,
}

/// Makes a path that can't lead out of where it starts (spec 2.8.5).
pub fn sanitize(path: &[u8], how: Sanitize) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    // Leading `..` that stay: a later `..` can't remove those.
    let mut climbs = 0;
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" => {}
            b"." => {
                if how.keep_dots {
                    kept.push(part);
                }
            }
            b".." => {
                let removable = kept.iter().skip(climbs).rposition(|part| *part != b".");
                match removable {
                    Some(at) => kept.truncate(climbs + at),
                    None if kept.len() == climbs && climbs < how.depth => {
                        climbs += 1;
                        kept.push(part);
                    }
                    None => kept.truncate(climbs),
                }
            }
            _ => kept.push(part),
        }
    }
    let joined = kept.join(&b'/');
    if joined.is_empty() { b".".to_vec() } else { joined }
}

/// Whether a symlink may lead out of the tree; `path` is the link's own name as seen from the root of the transfer (spec
/// 3.12.3).
pub fn unsafe_symlink(target: &[u8], path: &[u8]) -> bool {
    if target.is_empty() || target[0] == b'/' {
        return true;
    }
    let mut rest = target;
    while let Some(after) = rest.strip_prefix(b"../") {
        rest = after;
        while let Some(after) = rest.strip_prefix(b"/") {
            rest = after;
        }
    }
    if rest.windows(4).any(|part| part == b"/../") || (target.len() > 3 && target.ends_with(b"/..")) {
        return true;
    }
    let mut parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let last = parts.pop().unwrap_or_default();
    let mut depth = parts.iter().fold(0i32, |depth, part| match *part {
        b"" | b"." => depth,
        b".." => 0,
        _ => depth + 1,
    });
    if last == b".." {
        depth = 0;
    }
    let mut parts: Vec<&[u8]> = target.split(|&byte| byte == b'/').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match part {
            b"" | b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    depth - i32::from(last == b"..") < 0
}

#[cfg(test)]
mod tests;
