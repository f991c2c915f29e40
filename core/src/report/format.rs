//! Item lines: the escapes of `--out-format`, `--log-file-format` and a daemon's `log format` (spec 3.11.2, 4.11.3), and
//! which items are shown at all (spec 3.11.1, 4.11.2).
//!
//! A format is read anew for each line: it is short, and this way it needs no owner.
//!
//! Stock rsync gives up with `buffer overflow expanding ...` when a line grows beyond 5118 bytes, which two long names in
//! one line do. That is not copied: a line is as long as it needs to be, which its format and the limit of a name bound.

use alloc::format;
use alloc::vec::Vec;

use super::itemize::{DELETING, ItemFlags, ItemView};
use super::listing::mode_text;
use super::number::{Level, Numbers};
use super::time::LocalTime;
use crate::limits::PATH_BYTES_MAX;
use crate::{Error, Exit, Fault};

/// Longest digest that any algorithm has.
const DIGEST_BYTES_MAX: usize = 64;

/// The format of `-i`, and of log files.
pub const FORMAT_ITEMIZED: &[u8] = b"%i %n%L";
/// The format of `-v`.
pub const FORMAT_NAMES: &[u8] = b"%n%L";
/// The format of deletions, where none is given that tells them from other items.
pub const FORMAT_DELETING: &[u8] = b"deleting %n";
/// The default `log format` of a daemon.
pub const FORMAT_DAEMON: &[u8] = b"%o %h [%a] %m (%u) %f %l";

/// What happened to an item: `%o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// This side is the sender.
    Send,
    /// This side is the receiver.
    Receive,
    /// The item was deleted. Formats then see no attributes: sizes and ids are 0, the time is 1970.
    Delete,
}

/// Who is at the other end of a daemon's connection, and what it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonInfo<'a> {
    /// `%a`: the peer's address.
    pub address: &'a [u8],
    /// `%h`: the peer's name.
    pub host: &'a [u8],
    /// `%m`: the module.
    pub module: &'a [u8],
    /// `%P`: the module's path.
    pub path: &'a [u8],
    /// `%u`: the authenticated user, or nothing.
    pub user: &'a [u8],
}

/// Everything that a format may ask for.
#[derive(Clone, Copy, Debug)]
pub struct ItemInfo<'a> {
    /// What happened.
    pub operation: Operation,
    /// The flags, and what else `%i` depends on. Its mode is the file's mode.
    pub view: ItemView,
    /// The name as listed, without trailing slash.
    pub name: &'a [u8],
    /// What `%f` puts before the name: on a sender the directory that the argument's names are relative to.
    pub source_prefix: &'a [u8],
    /// Bytes of content.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// The owner, 0 when owners are not preserved.
    pub uid: u32,
    /// The group, when groups are preserved.
    pub gid: Option<u32>,
    /// Where a symlink points, when symlinks are preserved.
    pub target: Option<&'a [u8]>,
    /// The name that came with the item: the leader of a hard link, or a fuzzy basis.
    pub xname: Option<&'a [u8]>,
    /// The whole-file digest in wire order, when it is known and not seeded.
    pub digest: Option<&'a [u8]>,
    /// Bytes that a digest has.
    pub digest_bytes: usize,
    /// The digest is shown from its last byte to its first (the XXH family).
    pub digest_reversed: bool,
    /// `%b`: bytes that moved in the direction of the data, 0 without a transfer.
    pub data_bytes: u64,
    /// `%c`: bytes that moved the other way.
    pub other_bytes: u64,
    /// The connection, in a daemon.
    pub daemon: Option<DaemonInfo<'a>>,
    /// `%p`.
    pub pid: u32,
    /// `%t`, in seconds since 1970.
    pub now: i64,
    /// The locale's notation; its level does not matter, since apostrophes choose one.
    pub numbers: Numbers,
    /// The time zone.
    pub local_time: fn(i64) -> LocalTime,
}

/// Checks the length of a format.
pub fn check_format(format: &[u8]) -> Result<(), Error> {
    if format.len() > PATH_BYTES_MAX + 1 {
        return Err(Error::new(Fault::Usage, Exit::MESSAGE_IO, "log-format string is WAY too long!"));
    }
    Ok(())
}

/// Whether the format has the escape `letter`, in whatever width.
pub fn has_escape(format: &[u8], letter: u8) -> bool {
    let mut rest = format;
    while let Some((_, found, after)) = split_escape(rest) {
        if found.letter == letter {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether lines of this format come after the data of a file, since they tell how much moved or its digest.
pub fn shown_after(format: &[u8]) -> bool {
    b"bcC".iter().any(|&letter| has_escape(format, letter))
}

/// Whether the format can tell a deletion from another item.
pub fn tells_deletions(format: &[u8]) -> bool {
    has_escape(format, b'i') || has_escape(format, b'o')
}

/// What decides whether an item without data is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShowRule {
    /// The format has `%i`.
    pub itemized: bool,
    /// `-ii`.
    pub every: bool,
    /// The level of `--info=name`.
    pub name_level: u32,
}

/// Whether an item without data is shown. Items with data always are.
pub fn is_shown(flags: ItemFlags, is_dir: bool, xname: Option<&[u8]>, rule: &ShowRule) -> bool {
    let significant = flags.is_significant();
    let named = xname.is_some_and(|xname| !xname.is_empty());
    let by_flags = rule.itemized && (significant || rule.every || rule.name_level >= 2);
    by_flags || named || significant && (is_dir || flags.contains(ItemFlags::LOCAL_CHANGE))
}

/// The line for an item, without newline.
pub fn expand(format: &[u8], info: &ItemInfo<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(format.len() + info.name.len());
    let mut rest = format;
    while let Some((before, escape, after)) = split_escape(rest) {
        line.extend_from_slice(before);
        match value(&escape, info) {
            _ if escape.letter == b'L' => put_link(&escape, info, &mut line),
            // Blanks for an unknown digest are as wide as a digest, whatever width is asked for.
            _ if escape.letter == b'C' && known_digest(info).is_none() => {
                line.resize(line.len() + info.digest_bytes.min(DIGEST_BYTES_MAX) * 2, b' ');
            }
            Some(value) => escape.put(&value, &mut line),
            // An escape without a value stays as it is, its width included.
            None => line.extend_from_slice(&rest[before.len()..rest.len() - after.len()]),
        }
        rest = after;
    }
    line.extend_from_slice(rest);
    line
}

/// The line for a deletion, without newline: in `format` if that shows deletions.
pub fn expand_deletion(format: Option<&[u8]>, info: &ItemInfo<'_>) -> Vec<u8> {
    expand(format.filter(|format| tells_deletions(format)).unwrap_or(FORMAT_DELETING), info)
}

/// `%['...][-][WIDTH]['...]LETTER`.
struct Escape {
    letter: u8,
    /// Apostrophes: the level of numbers.
    level: u32,
    left: bool,
    /// Numbers that are no amounts (ids) are filled up with zeros.
    zeros: bool,
    width: usize,
    /// A width or a side was given, even if it says nothing.
    sized: bool,
}

impl Escape {
    /// An id, with the zeros that its width asks for.
    fn id(&self, id: u32) -> Vec<u8> {
        let mut text = format!("{id}").into_bytes();
        if self.zeros && !self.left {
            let zeros = self.width.saturating_sub(text.len()).min(PATH_BYTES_MAX);
            text.splice(..0, [b'0'].repeat(zeros));
            self.clip(0, &mut text);
        }
        text
    }

    /// Appends the value in its width.
    fn put(&self, value: &[u8], line: &mut Vec<u8>) {
        let start = line.len();
        let pad = match value.len() {
            PATH_BYTES_MAX.. => 0,
            len => self.width.saturating_sub(len).min(PATH_BYTES_MAX),
        };
        if self.left {
            line.extend_from_slice(value);
        }
        line.resize(line.len() + pad, b' ');
        if !self.left {
            line.extend_from_slice(value);
        }
        self.clip(start, line);
    }

    /// Ends a field that is wider than a path, whatever is lost by that, as stock rsync does.
    fn clip(&self, start: usize, line: &mut Vec<u8>) {
        if self.width > PATH_BYTES_MAX {
            line.truncate(start + PATH_BYTES_MAX);
        }
    }
}

/// The text before the first escape, the escape, and the text after it. The value of an unknown letter is nobody's
/// business here; a `%` without a letter is no escape.
fn split_escape(format: &[u8]) -> Option<(&[u8], Escape, &[u8])> {
    let at = format.iter().position(|&byte| byte == b'%')?;
    let (before, mut rest) = format.split_at(at);
    rest = &rest[1..];
    let mut level = 0u32;
    let mut skip_quotes = |rest: &mut &[u8]| {
        while let Some(after) = rest.strip_prefix(b"'") {
            level = level.saturating_add(1);
            *rest = after;
        }
    };
    skip_quotes(&mut rest);
    let left = rest.starts_with(b"-");
    rest = if left { &rest[1..] } else { rest };
    let digits;
    (digits, rest) = rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    skip_quotes(&mut rest);
    let (&letter, after) = rest.split_first()?;
    Some((
        before,
        Escape {
            letter,
            level,
            left,
            zeros: digits.first() == Some(&b'0'),
            width: width_of(digits),
            sized: left || !digits.is_empty(),
        },
        after,
    ))
}

/// The width that these digits ask for.
fn width_of(digits: &[u8]) -> usize {
    digits.iter().fold(0, |width: usize, digit| width.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
}

/// What an escape stands for, if it has a value here.
fn value(escape: &Escape, info: &ItemInfo<'_>) -> Option<Vec<u8>> {
    let numbers = info.numbers.at(Level::from_count(escape.level));
    let daemon = info.daemon.as_ref();
    let deleted = info.operation == Operation::Delete;
    let mode = if deleted { 0 } else { info.view.mode };
    Some(match escape.letter {
        b'%' => b"%".to_vec(),
        b'a' => daemon?.address.to_vec(),
        b'h' => daemon?.host.to_vec(),
        b'm' => daemon.map_or(&[][..], |daemon| daemon.module).to_vec(),
        b'P' => daemon?.path.to_vec(),
        b'u' => daemon?.user.to_vec(),
        b'b' => numbers.count(info.data_bytes),
        b'c' => numbers.count(info.other_bytes),
        b'B' => mode_text(mode)[1..].to_vec(),
        b'C' => digest_text(known_digest(info)?, info.digest_reversed),
        b'f' => long_name(info.source_prefix, info.name),
        b'G' => match info.gid {
            _ if deleted => escape.id(0),
            Some(gid) => escape.id(gid),
            None => b"DEFAULT".to_vec(),
        },
        b'U' => escape.id(if deleted { 0 } else { info.uid }),
        b'i' if deleted => DELETING.to_vec(),
        b'i' => info.view.text().to_vec(),
        b'l' => numbers.count(if deleted { 0 } else { info.size }),
        b'M' => (info.local_time)(if deleted { 0 } else { info.mtime }).text('-'),
        b'n' => shown_name(info.name, info.view.mode),
        b'o' => operation_text(info.operation).to_vec(),
        b'p' => escape.id(info.pid),
        b't' => (info.local_time)(info.now).text(' '),
        _ => return None,
    })
}

fn operation_text(operation: Operation) -> &'static [u8] {
    match operation {
        Operation::Send => b"send",
        Operation::Receive => b"recv",
        Operation::Delete => b"del.",
    }
}

/// The name as item lines show it: directories end in a slash.
pub fn shown_name(name: &[u8], mode: u32) -> Vec<u8> {
    let mut shown = name.to_vec();
    if mode & 0o170000 == 0o040000 {
        shown.push(b'/');
    }
    shown
}

/// `%f`. The prefix loses its empty and `.` parts, but no `..`; the name is not touched.
fn long_name(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(prefix.len() + 1 + name.len());
    for part in prefix.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")) {
        path.extend_from_slice(part);
        path.push(b'/');
    }
    let slashes = if path.is_empty() { name.iter().take_while(|&&byte| byte == b'/').count() } else { 0 };
    path.extend_from_slice(name.get(slashes..).unwrap_or_default());
    path
}

/// `%L`. The width applies to the name alone, and four blanks stand for an arrow that is missing.
fn put_link(escape: &Escape, info: &ItemInfo<'_>, line: &mut Vec<u8>) {
    let leader = info.xname.filter(|xname| !xname.is_empty() && !info.view.is_transfer());
    let (arrow, name): (&[u8], &[u8]) = match (leader, info.target) {
        _ if info.operation == Operation::Delete => (b"", b""),
        (Some(leader), _) => (b" => ", leader),
        (None, Some(target)) => (b" -> ", target),
        (None, None) => (b"", b""),
    };
    let start = line.len();
    line.extend_from_slice(arrow);
    if escape.sized {
        line.resize(start + 4, b' ');
    }
    escape.put(name, line);
    escape.clip(start, line);
}

/// The digest that `%C` shows. Only regular files have one.
fn known_digest<'a>(info: &ItemInfo<'a>) -> Option<&'a [u8]> {
    let regular = info.view.mode & 0o170000 == 0o100000 && info.operation != Operation::Delete;
    info.digest.filter(|_| regular)
}

/// `%C`, in hexadecimal.
fn digest_text(digest: &[u8], reversed: bool) -> Vec<u8> {
    let hex = |byte: u8| b"0123456789abcdef"[usize::from(byte & 15)];
    let both = |&byte: &u8| [hex(byte >> 4), hex(byte)];
    if reversed { digest.iter().rev().flat_map(both).collect() } else { digest.iter().flat_map(both).collect() }
}

#[cfg(test)]
mod tests;
