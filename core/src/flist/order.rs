//! The order of a list, which both sides must agree on: entries are numbered by it (spec 2.9).
//!
//! Within a directory, all that is no directory comes first; then each sub-directory with its contents. A name is compared
//! as directory and last component, as it is stored, since nearly all comparisons are within one directory.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::entry::Flags;
use super::list::{FileList, View};

/// How names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Byte by byte, whatever the type: protocols below 29.
    Bytes,
    /// Non-directories first at each level: protocols from 29 on.
    FilesFirst,
}

impl Order {
    /// The order that a protocol uses.
    pub fn of(protocol: u32) -> Order {
        if protocol < 29 { Order::Bytes } else { Order::FilesFirst }
    }
}

/// What takes part in a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// Directory part; empty at the top.
    pub dir: &'a [u8],
    /// Last component.
    pub base: &'a [u8],
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl<'a> Key<'a> {
    /// The key of a path.
    pub fn new(path: &'a [u8], is_dir: bool) -> Key<'a> {
        let (dir, base) = super::entry::split_path(path);
        Key { dir, base, is_dir }
    }

    /// The key of an entry.
    pub fn of(view: &View<'a>) -> Key<'a> {
        Key { dir: view.dir(), base: view.base(), is_dir: view.is_dir() }
    }

    /// The key of an entry for comparing it with others of its directory.
    fn beside(view: &View<'a>) -> Key<'a> {
        Key { dir: &[], base: view.base(), is_dir: view.is_dir() }
    }

    fn is_dot(&self) -> bool {
        self.is_dir && self.base == b"."
    }
}

/// Compares two names.
pub fn compare(order: Order, a: &Key<'_>, b: &Key<'_>) -> Ordering {
    match order {
        Order::Bytes if a.dir == b.dir => a.base.cmp(b.base),
        Order::Bytes => path_bytes(a).cmp(path_bytes(b)),
        Order::FilesFirst if a.dir == b.dir => compare_siblings(a, b),
        Order::FilesFirst => compare_apart(a, b),
    }
}

fn path_bytes<'a>(key: &Key<'a>) -> impl Iterator<Item = &'a u8> {
    let separator: &[u8] = if key.dir.is_empty() || key.dir == b"/" { b"" } else { b"/" };
    key.dir.iter().chain(separator).chain(key.base)
}

/// Two entries of one directory.
fn compare_siblings(a: &Key<'_>, b: &Key<'_>) -> Ordering {
    match (a.is_dot(), b.is_dot()) {
        (false, false) => {}
        (a_dot, b_dot) => return b_dot.cmp(&a_dot),
    }
    match (a.is_dir, b.is_dir) {
        (false, false) => a.base.cmp(b.base),
        (true, true) => compare_components(a.base, b.base),
        (a_dir, b_dir) => a_dir.cmp(&b_dir),
    }
}

/// Two components that both are directories: each counts as if it ended in a slash.
fn compare_components(a: &[u8], b: &[u8]) -> Ordering {
    let common = a.len().min(b.len());
    a[..common].cmp(&b[..common]).then_with(|| {
        let next = |name: &[u8]| name.get(common).copied().unwrap_or(b'/');
        // A component holds no slash, so equal bytes here mean equal names.
        next(a).cmp(&next(b))
    })
}

/// Two entries of different directories.
fn compare_apart(a: &Key<'_>, b: &Key<'_>) -> Ordering {
    if let Some(rest) = beneath(a.dir, b.dir) {
        return compare_above(a, rest);
    }
    if let Some(rest) = beneath(b.dir, a.dir) {
        return compare_above(b, rest).reverse();
    }
    let common = a.dir.iter().zip(b.dir).take_while(|(a, b)| a == b).count();
    let next = |dir: &[u8]| dir.get(common).copied().unwrap_or(b'/');
    next(a.dir).cmp(&next(b.dir))
}

/// What `dir` is called as seen from `ancestor`, if it is beneath it.
fn beneath<'a>(ancestor: &[u8], dir: &'a [u8]) -> Option<&'a [u8]> {
    let rest = dir.strip_prefix(ancestor)?;
    if ancestor.is_empty() || ancestor == b"/" { Some(rest) } else { rest.strip_prefix(b"/") }
}

/// An entry, and one that lies in a directory called `rest` as seen from the former's directory.
fn compare_above(a: &Key<'_>, rest: &[u8]) -> Ordering {
    if a.is_dot() || !a.is_dir {
        return Ordering::Less;
    }
    let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    // A directory goes before what is in it.
    compare_components(a.base, &rest[..end]).then(Ordering::Less)
}

/// Sorts a complete list; equal names stay in arrival order.
pub fn sort(list: &mut FileList, order: Order) {
    let mut sorted: Vec<u32> = Vec::new();
    sorted.reserve_exact(list.len());
    sorted.extend(0..list.len() as u32);
    let view = |position: u32| list.arrival(position as usize);
    sorted.sort_by(|&a, &b| match (view(a), view(b)) {
        (Some(a), Some(b)) if order == Order::FilesFirst && a.shares_dir(&b) => {
            compare_siblings(&Key::beside(&a), &Key::beside(&b))
        }
        (Some(a), Some(b)) => compare(order, &Key::of(&a), &Key::of(&b)),
        _ => Ordering::Equal,
    });
    list.set_order(sorted);
}

/// Finds a name in a sorted list: its sorted position. Inactive entries are not found.
pub fn find(list: &FileList, order: Order, path: &[u8], is_dir: bool) -> Option<usize> {
    find_before(list, order, path, is_dir, list.order().len())
}

/// As [`find`], among the first `end` in sorted order.
fn find_before(list: &FileList, order: Order, path: &[u8], is_dir: bool, end: usize) -> Option<usize> {
    let key = Key::new(path, is_dir);
    let compare_at = |&position: &u32| {
        list.arrival(position as usize).map_or(Ordering::Less, |view| compare(order, &Key::of(&view), &key))
    };
    let sorted = list.order().get(..end)?;
    let first = sorted.partition_point(|position| compare_at(position) == Ordering::Less);
    let equal = sorted.get(first..)?.iter().take_while(|position| compare_at(position) == Ordering::Equal);
    for (offset, &position) in equal.enumerate() {
        let view = list.arrival(position as usize)?;
        if view.is_active() {
            return (view.is_dir() == is_dir).then_some(first + offset);
        }
    }
    None
}

/// Finds a name of either type; one of the type that `is_dir` says is preferred.
pub fn find_either(list: &FileList, order: Order, path: &[u8], is_dir: bool) -> Option<usize> {
    find(list, order, path, is_dir).or_else(|| find(list, order, path, !is_dir))
}

/// Receiving side: makes every duplicate in a sorted list inactive (spec 2.9.2).
pub fn drop_duplicates(list: &mut FileList, order: Order) {
    let mut kept: Option<usize> = None;
    for at in 0..list.len() {
        let Some(view) = list.sorted(at) else { return };
        if view.base().is_empty() {
            // A name that could not be converted.
            let position = view.position();
            list.set_flags(position, Flags::INACTIVE, true);
            continue;
        }
        let equals_kept = kept
            .and_then(|kept| list.sorted(kept))
            .is_some_and(|kept| compare(order, &Key::of(&kept), &Key::of(&view)) == Ordering::Equal);
        let earlier = match kept {
            Some(kept) if equals_kept => Some(kept),
            _ if view.is_dir() && order == Order::FilesFirst => find_before(list, order, &view.name(), false, at),
            _ => None,
        };
        match earlier {
            Some(earlier) => kept = Some(drop_one(list, earlier, at)),
            None => kept = Some(at),
        }
    }
}

/// Drops one of two equal entries and returns which is kept.
fn drop_one(list: &mut FileList, first: usize, second: usize) -> usize {
    let (Some(a), Some(b)) = (list.sorted(first), list.sorted(second)) else {
        return first;
    };
    let (a_position, b_position) = (a.position(), b.position());
    if b.is_dir() && !a.is_dir() {
        list.set_flags(a_position, Flags::INACTIVE, true);
        return second;
    }
    if a.is_dir() && b.is_dir() {
        let (a_flags, b_flags) = (a.flags(), b.flags());
        for flag in [Flags::TOP_DIR, Flags::CONTENT_DIR] {
            list.set_flags(a_position, flag, a_flags.has(flag) || b_flags.has(flag));
        }
        list.set_flags(a_position, Flags::IMPLIED, a_flags.has(Flags::IMPLIED) && b_flags.has(Flags::IMPLIED));
    }
    list.set_flags(b_position, Flags::INACTIVE, true);
    first
}

/// Sender: marks every directory of a sorted list that equals the one before it (spec 2.10.3).
pub fn mark_duplicates(list: &mut FileList, order: Order) {
    for at in 1..list.len() {
        let (Some(a), Some(b)) = (list.sorted(at - 1), list.sorted(at)) else {
            return;
        };
        if a.is_dir() && b.is_dir() && compare(order, &Key::of(&a), &Key::of(&b)) == Ordering::Equal {
            let position = b.position();
            list.set_flags(position, Flags::DUPLICATE, true);
        }
    }
}

/// Receiving side: makes every directory inactive that has nothing but directories beneath it (`--prune-empty-dirs`, spec
/// 2.9.5). `protect` says whether the filters keep a directory, by its name. For [`Order::FilesFirst`] only, where what is
/// in a directory follows it at once.
pub fn prune_empty_dirs(list: &mut FileList, mut protect: impl FnMut(&[u8]) -> bool) {
    // Walking backwards, a directory comes after all that is in it. So it has something in it exactly when it is the parent
    // of what was kept last, or above that where parents are missing from the list.
    let mut needed: Vec<u8> = Vec::new();
    let mut name = Vec::new();
    for at in (0..list.len()).rev() {
        let Some(view) = list.sorted(at) else { return };
        name.clear();
        view.put_name(&mut name);
        if !view.is_active() || name == b"." || name == b"/." {
            continue;
        }
        let is_needed = needed == name || beneath(&name, &needed).is_some();
        if !view.is_dir() || is_needed || protect(&name) {
            needed.clear();
            needed.extend_from_slice(view.dir());
        } else {
            let position = view.position();
            list.set_flags(position, Flags::INACTIVE, true);
        }
    }
}

#[cfg(test)]
mod tests;
