//! `--fuzzy`: for a file that is missing, another one nearby that may be like it (spec 3.2.10). What is chosen decides how
//! much is sent, never what arrives.

use alloc::vec;
use alloc::vec::Vec;

use super::ask::{Ask, At, Follow, Meta, Reply, RootId};
use super::decide::{Item, REGULAR, TYPE};
use super::files::{Basis, basis};
use super::generator::Generator;
use super::removal::join;

/// Distances count in these units.
const UNIT: u32 = 1 << 16;
/// Names further apart are not alike.
const DISTANCE_MAX: u32 = 25 * UNIT;
/// Longest names that are compared, so that a directory of long ones stays cheap.
const NAME_BYTES_MAX: usize = 255;

/// The files of the directory looked at last, beneath the destination and the alternates.
#[derive(Default)]
pub(crate) struct Neighbours {
    dir: Option<Vec<u8>>,
    lists: Vec<Vec<(Vec<u8>, Meta)>>,
    /// Names in it that were asked for meanwhile: they are about to change.
    requested: Vec<Vec<u8>>,
}

impl Generator {
    /// This file is asked for.
    pub(crate) fn no_neighbour(&mut self, item: &Item) {
        let (dir, name) = split(&item.path);
        if self.neighbours.dir.as_deref() == Some(dir) {
            self.neighbours.requested.push(name.to_vec());
        }
    }

    /// A file that may be like a missing one, and its name.
    pub(crate) async fn fuzzy_basis(&mut self, item: &Item) -> Option<(Basis, Vec<u8>)> {
        let (dir, name) = split(&item.path);
        if self.neighbours.dir.as_deref() != Some(dir) {
            self.look_around(dir).await;
        }
        let wanted = Wanted { name, item };
        let (level, found, meta) = wanted.best(&self.neighbours)?;
        let root = match level.checked_sub(1) {
            None => self.rx.dest(),
            Some(number) => (*self.rx.alternates.borrow().get(number)?)?,
        };
        let at = At { root, path: join(dir, &found) };
        let kind = basis::FUZZY.checked_add(u8::try_from(level).ok()?)?;
        Some((Basis { at, meta, kind }, found))
    }

    async fn look_around(&mut self, dir: &[u8]) {
        let mut roots: Vec<Option<RootId>> = vec![Some(self.rx.dest())];
        if self.cx.config.options.fuzzy > 1 {
            roots.extend(self.rx.alternates.borrow().iter().copied());
        }
        let mut lists = Vec::new();
        for root in roots {
            let mut files = Vec::new();
            if let Some(root) = root {
                let at = At { root, path: dir.to_vec() };
                let ask = Ask::List { at, follow: Follow::No, digest: None, brief: false };
                if let Reply::Listing(Ok(entries)) = self.cx.ask(ask).await {
                    let known = entries.into_iter().filter_map(|entry| Some((entry.name, entry.meta.ok()?)));
                    files.extend(known.filter(|(_, meta)| meta.mode & TYPE == REGULAR && meta.size > 0));
                }
            }
            lists.push(files);
        }
        self.neighbours = Neighbours { dir: Some(dir.to_vec()), lists, requested: Vec::new() };
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b".", path),
    }
}

struct Wanted<'a> {
    name: &'a [u8],
    item: &'a Item,
}

impl Wanted<'_> {
    fn best(&self, around: &Neighbours) -> Option<(usize, Vec<u8>, Meta)> {
        let all = || {
            let levels = around.lists.iter().enumerate();
            let all = levels.flat_map(|(level, list)| list.iter().map(move |(name, meta)| (level, name, meta)));
            all.filter(|(level, name, _)| *level > 0 || !around.requested.contains(name))
        };
        let same = |meta: &Meta| meta.size == self.item.size && meta.mtime == self.item.mtime;
        if let Some((level, name, meta)) = all().find(|(_, _, meta)| same(meta)) {
            return Some((level, name.clone(), meta.clone()));
        }
        let mut best = None;
        let mut limit = DISTANCE_MAX;
        for (level, name, meta) in all() {
            if let Some(distance) = self.distance(name, limit) {
                limit = distance;
                best = Some((level, name.clone(), meta.clone()));
            }
        }
        best
    }

    /// How far a name is from the one wanted, if that is within the limit.
    fn distance(&self, name: &[u8], limit: u32) -> Option<u32> {
        let difference = name.len().abs_diff(self.name.len()) as u32;
        if difference.saturating_mul(UNIT) > limit || name.len().max(self.name.len()) > NAME_BYTES_MAX {
            return None;
        }
        let suffixes = edit_distance(suffix(self.name), suffix(name)).saturating_mul(10);
        Some(edit_distance(self.name, name).saturating_add(suffixes)).filter(|&distance| distance <= limit)
    }
}

/// The cheapest way from one name to the other: each byte inserted or removed costs a unit and its value, each replaced a unit
/// and the difference.
fn edit_distance(from: &[u8], to: &[u8]) -> u32 {
    let mut row: Vec<u32> = vec![0];
    for &byte in to {
        row.push(row[row.len() - 1] + UNIT + u32::from(byte));
    }
    for &a in from {
        let mut diagonal = row[0];
        row[0] += UNIT + u32::from(a);
        for (at, &b) in to.iter().enumerate() {
            let replaced = if a == b { diagonal } else { diagonal + UNIT + u32::from(a.abs_diff(b)) };
            diagonal = row[at + 1];
            let removed = diagonal + UNIT + u32::from(a);
            let inserted = row[at] + UNIT + u32::from(b);
            row[at + 1] = replaced.min(removed).min(inserted);
        }
    }
    row[to.len()]
}

/// The last part behind a dot that says what kind of file it is; empty if none does.
fn suffix(name: &[u8]) -> &[u8] {
    let mut rest = trim_backup(name);
    while let Some(dot) = rest.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0) {
        let part = &rest[dot + 1..];
        if part.is_empty() || !part.iter().all(u8::is_ascii_digit) {
            return &rest[dot..];
        }
        rest = &rest[..dot];
    }
    b""
}

/// Without what marks a name as that of a backup.
fn trim_backup(mut name: &[u8]) -> &[u8] {
    loop {
        let numbered = || {
            let rest = name.strip_suffix(b"~")?;
            let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            rest[..rest.len() - digits].strip_suffix(b".~").filter(|_| digits > 0)
        };
        let marks: [&[u8]; 4] = [b".bak", b".old", b".orig", b"~"];
        let plain = || marks.iter().find_map(|mark| name.strip_suffix(*mark));
        match numbered().or_else(plain) {
            Some(rest) if !rest.is_empty() => name = rest,
            _ => return name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_say_what_kind_of_file_it_is() {
        for (name, expect) in [
            ("a.tar.gz", ".gz"),
            ("a.c.bak", ".c"),
            ("a.c.~12~", ".c"),
            ("a.c~", ".c"),
            ("log.txt.1.22", ".txt"),
            (".profile", ""),
            ("plain", ""),
            ("x.1", ""),
        ] {
            assert_eq!(suffix(name.as_bytes()), expect.as_bytes(), "{name}");
        }
    }

    #[test]
    fn distances_grow_with_the_edits() {
        assert_eq!(edit_distance(b"abc", b"abc"), 0);
        assert_eq!(edit_distance(b"abc", b"abd"), UNIT + 1);
        assert_eq!(edit_distance(b"abc", b"ab"), UNIT + u32::from(b'c'));
        assert_eq!(edit_distance(b"", b"a"), UNIT + u32::from(b'a'));
        assert!(
            edit_distance(b"report-2025.txt", b"report-2026.txt") < edit_distance(b"report-2025.txt", b"notes.txt")
        );
    }
}
