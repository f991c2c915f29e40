//! Rules in transit: the client tells the server its filter list (spec 1.9).

use alloc::format;
use alloc::vec::Vec;

use super::build::Builder;
use super::rule::{Action, Choice, DirMerge, Rule, Side, Sides};
use crate::wire::item::{Reader, Stop, put_i32};
use crate::{Error, Exit, limits};

/// Most memory that the rules of a client may take, and what one takes besides its text.
const RECEIVED_BYTES_MAX: usize = 64 << 20;
const RULE_BYTES: usize = 256;

/// What shapes the list on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transit {
    /// Protocol, 27 to 32.
    pub protocol: u32,
    /// The client is the sender.
    pub push: bool,
    /// `--delete-excluded`.
    pub delete_excluded: bool,
    /// Some form of `--delete`.
    pub deletes: bool,
    /// `--prune-empty-dirs`.
    pub prune: bool,
}

impl Transit {
    /// Whether a list is sent at all; both ends have to agree (spec 1.9.1).
    pub fn is_sent(&self) -> bool {
        !self.push || self.prune || (self.deletes && (!self.delete_excluded || self.has_modifiers()))
    }

    /// Rules are sent in the full grammar: protocols from 29 on.
    fn has_modifiers(&self) -> bool {
        self.protocol >= 29
    }

    /// The side that the server is on.
    fn server(&self) -> Side {
        if self.push { Side::Receiver } else { Side::Sender }
    }
}

/// Appends the client's list and its terminator, or nothing if no list is sent. Fails with exit 2 where a rule can't be said
/// in the protocol, which it must be able to even if the list is not sent.
pub fn put_list(transit: &Transit, rules: &[Rule], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut body = Vec::new();
    for rule in rules {
        if let Some(text) = text(transit, rule)? {
            put_i32(&mut body, text.len() as i32);
            body.extend_from_slice(&text);
        }
    }
    if transit.is_sent() {
        out.append(&mut body);
        put_i32(out, 0);
    }
    Ok(())
}

fn too_modern() -> Error {
    Error::new(crate::Fault::Incompatible, Exit::PROTOCOL, "filter rules are too modern for remote rsync.")
}

/// A rule as it is sent; `None` if the server needs not know it.
fn text(transit: &Transit, rule: &Rule) -> Result<Option<Vec<u8>>, Error> {
    let is_for_server = rule.sides.apply_at(transit.server());
    // The server expands `-C` on its own, but as the receiver it is told what the client excludes.
    let says_cvs = transit.has_modifiers() && !transit.push;
    let is_said = if rule.action == Action::Cvs { says_cvs } else { !(rule.from_cvs && says_cvs) };
    if !is_for_server || !is_said {
        return Ok(None);
    }
    if transit.has_modifiers() { modern_text(transit, rule).map(Some) } else { old_text(transit, rule).map(Some) }
}

/// The text for protocols from 29 on (spec 1.9.3).
fn modern_text(transit: &Transit, rule: &Rule) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let (first, body) = match &rule.action {
        Action::Choose(Choice::Exclude, pattern) => (b'-', pattern.to_text()),
        Action::Choose(Choice::Include, pattern) => (b'+', pattern.to_text()),
        Action::DirMerge(merge) => (b':', merge.name.clone()),
        Action::Cvs => (b'-', Vec::new()),
    };
    text.push(first);
    let mut add = |letter: u8, on: bool| text.extend(on.then_some(letter));
    add(b'/', rule.absolute);
    add(b'!', rule.negated);
    match &rule.action {
        Action::Cvs => add(b'C', true),
        Action::DirMerge(merge) => merge_letters(merge, &mut add),
        Action::Choose(..) => {}
    }
    add(b'x', rule.xattr);
    let named = if rule.sides_implied { Sides::UNNAMED } else { rule.sides };
    add(b's', named.sender);
    add(b'r', named.receiver);
    if rule.perishable {
        match (transit.protocol >= 30, transit.push) {
            (true, _) => add(b'p', true),
            (false, false) => {}
            (false, true) => return Err(too_modern()),
        }
    }
    text.push(b' ');
    text.extend_from_slice(&body);
    Ok(text)
}

/// Rules of the command line in the full grammar, one for each line of a batch's script.
pub fn texts(rules: &[Rule]) -> Vec<Vec<u8>> {
    let transit = Transit { protocol: 32, push: true, delete_excluded: false, deletes: true, prune: false };
    let own = rules.iter().filter(|rule| !rule.from_cvs && rule.action != Action::Cvs);
    own.filter_map(|rule| modern_text(&transit, rule).ok()).collect()
}

fn merge_letters(merge: &DirMerge, add: &mut impl FnMut(u8, bool)) {
    let template = &merge.template;
    if template.cvs {
        return add(b'C', true);
    }
    add(b'n', merge.no_inherit);
    add(b'w', template.word_split);
    add(b'+', template.only == Some(Choice::Include));
    add(b'-', template.only == Some(Choice::Exclude));
}

/// The text below protocol 29: a pattern, and no more.
fn old_text(transit: &Transit, rule: &Rule) -> Result<Vec<u8>, Error> {
    let Action::Choose(choice, pattern) = &rule.action else {
        return Err(too_modern());
    };
    let tells_receiver_apart = transit.push && transit.delete_excluded && rule.sides == Sides::RECEIVER;
    if rule.negated || rule.absolute || rule.xattr || tells_receiver_apart {
        return Err(too_modern());
    }
    let pattern = pattern.to_text();
    let prefix: &[u8] = match choice {
        Choice::Include => b"+ ",
        Choice::Exclude if pattern.starts_with(b"- ") || pattern.starts_with(b"+ ") => b"- ",
        Choice::Exclude => b"",
    };
    Ok([prefix, &pattern].concat())
}

/// Reads one rule of the list that a client sends. `None`: the list ended.
pub fn read_rule<'a>(r: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Stop> {
    let length = r.i32()?;
    match usize::try_from(length) {
        Ok(0) => Ok(None),
        Ok(length) if length <= limits::LINE_BYTES_MAX => r.bytes(length).map(Some),
        _ => Err(Error::peer(Exit::STREAM, format!("overflow: filter rule of {length} bytes")).into()),
    }
}

/// Gives a received rule to the builder of a server (spec 1.9.5). Fails where a client sends more than anyone needs.
pub fn accept(transit: &Transit, builder: &mut Builder, rule: &[u8]) -> Result<(), Error> {
    builder.received_bytes += rule.len() + RULE_BYTES;
    if builder.received_bytes > RECEIVED_BYTES_MAX {
        return Err(Error::peer(Exit::MALLOC, "too many filter rules"));
    }
    if transit.has_modifiers() {
        builder.filter(rule);
    } else {
        builder.pattern(Choice::Exclude, rule);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
