//! What a client asked for, and so what a sender may list (spec 2.8.4).

use alloc::vec::Vec;

use super::{clean, strip_slash};
use crate::filter::pattern::{Pattern, Subject};
use crate::flist::codec::Wanted;
use crate::{Error, Exit};

/// What a client asked for: the only names that a sender may list (spec 2.8.4).
#[derive(Debug, Default)]
pub struct Requested {
    rules: Vec<Request>,
    /// The contents of some root were asked for, and so the root.
    has_contents_rule: bool,
}

#[derive(Debug)]
struct Request {
    pattern: Pattern,
    parent_only: bool,
}

/// How arguments are understood.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestMode {
    /// The first component is a daemon's module.
    pub daemon: bool,
    /// `--relative`.
    pub relative: bool,
    /// `--recursive`.
    pub recurse: bool,
    /// `--dirs`, or a listing.
    pub dirs: bool,
}

impl Requested {
    /// Nothing was asked for yet.
    pub fn new() -> Requested {
        Requested::default()
    }

    /// Something was asked for: a source argument without its host, or a line of a local `--files-from`.
    pub fn add(&mut self, argument: &[u8], mode: RequestMode) {
        let mut path = argument;
        if mode.daemon {
            path = path.iter().position(|&byte| byte == b'/').map_or(&[], |slash| &path[slash + 1..]);
        }
        path = if mode.relative { after_pivot(path) } else { path.rsplit(|&byte| byte == b'/').next().unwrap_or(path) };
        let cleaned = if path.is_empty() || path == b"." || path == b".." { Vec::new() } else { clean(path) };
        let named = match &cleaned[..] {
            b"" | b"." | b"/." => Vec::new(),
            // An absolute name keeps its slash only as the anchor of the pattern.
            path => [b"/", strip_slash(path)].concat(),
        };
        let is_wild = named.iter().any(|byte| b"*[?".contains(byte));
        let named = if is_wild { double_backslashes(&named) } else { unescape_brackets(&named) };
        if !named.is_empty() {
            self.add_rules(&named, false, is_wild);
        }
        if mode.relative {
            let slashes = named.iter().enumerate().filter(|&(at, &byte)| at > 0 && byte == b'/');
            for parent in slashes.map(|(at, _)| named[..at].to_vec()).collect::<Vec<_>>() {
                self.add_rules(&parent, true, is_wild);
            }
        }
        if mode.recurse || mode.dirs {
            let tail: &[u8] = if mode.recurse { b"/**" } else { b"/*" };
            // The name becomes part of a wildcard, so a backslash in it is one more time special.
            let literal = if is_wild { named } else { escape_literal(&named) };
            self.has_contents_rule |= literal.is_empty();
            self.add_rules(&[&literal, tail].concat(), false, true);
        }
    }

    fn add_rules(&mut self, pattern: &[u8], parent_only: bool, is_wild: bool) {
        self.rules.push(Request { pattern: Pattern::new(pattern), parent_only });
        if is_wild && let Some(escaped) = escape_brackets(pattern) {
            self.rules.push(Request { pattern: Pattern::new(&escaped), parent_only });
        }
    }

    /// Whether a name was asked for. Fails with exit 4 if not.
    pub fn judge(&self, name: &[u8], is_dir: bool) -> Result<Wanted, Error> {
        if name == b"." || name == b"/." {
            return Ok(if self.has_contents_rule { Wanted::Yes } else { Wanted::AsParent });
        }
        let subject = Subject::new(strip_slash(name), is_dir);
        let mut wanted = None;
        for request in self.rules.iter().filter(|request| is_dir || !request.parent_only) {
            if request.pattern.matches(&subject) {
                if !request.parent_only {
                    return Ok(Wanted::Yes);
                }
                wanted = Some(Wanted::AsParent);
            }
        }
        wanted.ok_or_else(|| {
            let text = [b"ERROR: rejecting unrequested file-list name: ", name].concat();
            Error::peer(Exit::UNSUPPORTED, text)
        })
    }
}

/// What follows the first `/./`.
fn after_pivot(path: &[u8]) -> &[u8] {
    path.windows(3).position(|part| part == b"/./").map_or(path, |at| &path[at + 3..])
}

/// In a wildcard a backslash that does not quote a wildcard character is meant literally.
fn double_backslashes(pattern: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        out.push(byte);
        if byte != b'\\' {
            continue;
        }
        match bytes.peek() {
            Some(next) if b"*?[]".contains(next) => out.extend(bytes.next()),
            _ => out.push(b'\\'),
        }
    }
    out
}

fn unescape_brackets(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for (at, &byte) in name.iter().enumerate() {
        if byte != b'\\' || name.get(at + 1) != Some(&b']') {
            out.push(byte);
        }
    }
    out
}

fn escape_literal(name: &[u8]) -> Vec<u8> {
    name.iter().flat_map(|&byte| (byte == b'\\').then_some(b'\\').into_iter().chain([byte])).collect()
}

/// The pattern with every bare `[` quoted, if there is one.
fn escape_brackets(pattern: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'[' {
            out.push(b'\\');
        }
        out.push(byte);
        if byte == b'\\' {
            out.extend(bytes.next());
        }
    }
    (out.len() > pattern.len()).then_some(out)
}
