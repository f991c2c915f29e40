//! A list of rules: the first one that applies decides.
//!
//! Trying a thousand rules on each of 200,000 names would take longer than the transfer. So rules with a common simple form
//! (a name, `*.suffix`, `prefix*`, `/a/path`) are looked up by hash, and only the others are tried, as far as they come
//! before what was found.

use alloc::vec::Vec;
use hashbrown::HashMap;

use super::pattern::{LookUp, Pattern, Subject};
use super::per_dir::PerDir;
use super::rule::{Action, Choice, DirMerge, Rule, Side, Sides};

/// What a list says about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A rule includes it.
    Included,
    /// A rule excludes it.
    Excluded,
    /// No rule applies: it is included.
    Default,
}

impl Verdict {
    /// Whether it is excluded.
    pub fn is_excluded(self) -> bool {
        self == Verdict::Excluded
    }
}

/// The rule that decides about a name.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The basename of the per-directory files that it is from.
    pub merge: Option<&'a [u8]>,
}

impl Decision<'_> {
    /// Whether it excludes.
    pub fn is_excluded(&self) -> bool {
        matches!(self.rule.action, Action::Choose(Choice::Exclude, _))
    }

    /// The rule as messages show it (spec 4.17.10).
    pub fn shown(&self) -> Vec<u8> {
        let mut text = match &self.rule.action {
            _ if self.rule.from_file => b"<rule from a file read earlier>".to_vec(),
            Action::Choose(_, pattern) => pattern.to_text(),
            _ => Vec::new(),
        };
        if let Some(merge) = self.merge {
            let base = merge.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
            text.extend_from_slice(&[b" [per-dir ".as_slice(), base, b"]"].concat());
        } else if self.rule.from_cvs {
            text.extend_from_slice(b" [global CVS]");
        }
        text
    }
}

/// For whom and what a name is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The side that rules must apply at.
    pub side: Side,
    /// The directory that the name is in is being deleted: perishable rules do not count.
    pub in_deletion: bool,
    /// The name is that of an extended attribute.
    pub xattr: bool,
}

impl Check {
    /// A file name at the sender.
    pub const SENDER: Check = Check { side: Side::Sender, in_deletion: false, xattr: false };
    /// A file name at the receiver.
    pub const RECEIVER: Check = Check { side: Side::Receiver, in_deletion: false, xattr: false };

    fn counts(&self, rule: &Rule) -> bool {
        rule.xattr == self.xattr && rule.sides.apply_at(self.side) && !(self.in_deletion && rule.perishable)
    }
}

/// Rule numbers by a text that a name must have; ascending.
type ByText = HashMap<Vec<u8>, Vec<u32>>;

/// Rules that are looked up, and those that are tried.
#[derive(Clone, Debug, Default)]
struct Index {
    bases: ByText,
    names: ByText,
    /// By length.
    suffixes: Vec<(usize, ByText)>,
    prefixes: Vec<(usize, ByText)>,
    tried: Vec<u32>,
}

/// A list of rules.
#[derive(Clone, Debug, Default)]
pub struct FilterList {
    rules: Vec<Rule>,
    index: Index,
    delete_excluded: bool,
    slots: u32,
}

impl FilterList {
    /// A list; with `delete_excluded`, rules that name no side are the sender's.
    pub fn new(rules: Vec<Rule>, delete_excluded: bool, slots: u32) -> FilterList {
        let mut list = FilterList { rules, index: Index::default(), delete_excluded, slots };
        for rule in &mut list.rules {
            // What is transmitted shows sides that were named: so this is marked apart from them.
            if delete_excluded && rule.yields_to_delete_excluded() {
                rule.sides = Sides::SENDER;
                rule.sides_implied = true;
            }
        }
        list.reindex();
        list
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Appends rules that need no parsing.
    pub fn extend(&mut self, rules: impl IntoIterator<Item = Rule>) {
        self.rules.extend(rules);
        self.reindex();
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule is for names of extended attributes.
    pub fn has_xattr_rules(&self) -> bool {
        self.rules.iter().any(|rule| rule.xattr)
    }

    /// The per-directory files that the list names.
    pub fn dir_merges(&self) -> impl Iterator<Item = &DirMerge> {
        self.rules.iter().filter_map(|rule| match &rule.action {
            Action::DirMerge(merge) => Some(&**merge),
            _ => None,
        })
    }

    pub(super) fn delete_excluded(&self) -> bool {
        self.delete_excluded
    }

    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    fn reindex(&mut self) {
        self.index = Index::default();
        for (number, rule) in self.rules.iter().enumerate() {
            self.index.add(number as u32, rule);
        }
    }

    /// What the list says about a name. `per_dir` holds the rules of per-directory files where the name is.
    pub fn check(&self, subject: &Subject<'_>, check: Check, per_dir: &PerDir) -> Verdict {
        match self.decide(subject, check, per_dir).map(|decision| &decision.rule.action) {
            Some(Action::Choose(choice, _)) => verdict(*choice),
            _ => Verdict::Default,
        }
    }

    /// The rule that decides about a name.
    pub fn decide<'a>(&'a self, subject: &Subject<'_>, check: Check, per_dir: &'a PerDir) -> Option<Decision<'a>> {
        let found = self.look_up(subject, check);
        for &number in &self.index.tried {
            if found.is_some_and(|found| found < number) {
                break;
            }
            let Some(rule) = self.rules.get(number as usize) else {
                break;
            };
            match &rule.action {
                Action::DirMerge(merge) => {
                    if check.in_deletion && rule.perishable {
                        continue;
                    }
                    if let Some(decision) = per_dir.decide(merge.slot, subject, check) {
                        return Some(Decision { merge: Some(&merge.name), ..decision });
                    }
                }
                Action::Choose(_, pattern) => {
                    if check.counts(rule) && pattern.matches(subject) != rule.negated && !subject.name().is_empty() {
                        return Some(Decision { rule, merge: None });
                    }
                }
                Action::Cvs => {}
            }
        }
        found.and_then(|found| self.rules.get(found as usize)).map(|rule| Decision { rule, merge: None })
    }

    /// The first of the rules that need not be tried and that applies.
    fn look_up(&self, subject: &Subject<'_>, check: Check) -> Option<u32> {
        let (base, name) = (subject.base(), subject.name());
        if name.is_empty() {
            return None;
        }
        let applies = |number: &u32| {
            self.rules
                .get(*number as usize)
                .is_some_and(|rule| check.counts(rule) && (subject.is_dir() || !is_dir_only(rule)))
        };
        let first = |rules: Option<&Vec<u32>>| rules.and_then(|rules| rules.iter().copied().find(applies));
        let index = &self.index;
        let mut best = first(index.bases.get(base));
        let mut consider = |number: Option<u32>| {
            best = best.into_iter().chain(number).min();
        };
        if !index.names.is_empty() {
            consider(first(index.names.get(name)));
        }
        for (length, rules) in index.suffixes.iter().filter(|(length, _)| *length <= base.len()) {
            consider(first(rules.get(&base[base.len() - length..])));
        }
        for (length, rules) in index.prefixes.iter().filter(|(length, _)| *length <= base.len()) {
            consider(first(rules.get(&base[..*length])));
        }
        best
    }
}

fn verdict(choice: Choice) -> Verdict {
    match choice {
        Choice::Include => Verdict::Included,
        Choice::Exclude => Verdict::Excluded,
    }
}

fn is_dir_only(rule: &Rule) -> bool {
    matches!(&rule.action, Action::Choose(_, pattern) if pattern.is_dir_only())
}

impl Index {
    fn add(&mut self, number: u32, rule: &Rule) {
        let look_up = match &rule.action {
            Action::Choose(_, pattern) if !rule.negated => Pattern::look_up(pattern),
            Action::Cvs => return,
            _ => LookUp::Try,
        };
        match look_up {
            LookUp::Base(text) => self.bases.entry(text).or_default().push(number),
            LookUp::Name(text) => self.names.entry(text).or_default().push(number),
            LookUp::BaseSuffix(text) => by_length(&mut self.suffixes, text, number),
            LookUp::BasePrefix(text) => by_length(&mut self.prefixes, text, number),
            LookUp::Try => self.tried.push(number),
        }
    }
}

fn by_length(lengths: &mut Vec<(usize, ByText)>, text: Vec<u8>, number: u32) {
    let at = lengths.iter().position(|(length, _)| *length == text.len()).unwrap_or_else(|| {
        lengths.push((text.len(), ByText::new()));
        lengths.len() - 1
    });
    lengths[at].1.entry(text).or_default().push(number);
}

#[cfg(test)]
mod tests;
