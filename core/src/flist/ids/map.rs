//! Turning the sender's ids into local ones: by name, or as `--usermap` and `--groupmap` say (spec 2.15).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use super::NameTable;
use crate::Error;
use crate::filter::wildmatch::Glob;

/// What a rule of `--usermap` or `--groupmap` matches.
#[derive(Debug)]
enum Matcher {
    Range(u32, u32),
    Glob(Glob),
    Name(Vec<u8>),
}

/// What a rule maps to.
#[derive(Debug)]
enum Target {
    Id(u32),
    Name(Vec<u8>),
}

#[derive(Debug)]
struct Rule {
    from: Matcher,
    to: Target,
}

/// From the sender's ids to local ones.
#[derive(Debug, Default)]
pub struct IdMap {
    option: &'static str,
    rules: Vec<Rule>,
    /// Local names that were looked up.
    local: BTreeMap<Vec<u8>, Option<u32>>,
}

impl IdMap {
    /// A map by name only.
    pub fn new() -> IdMap {
        IdMap::default()
    }

    /// A map with the rules of an option, `usermap` or `groupmap`. Fails with exit 1 and rsync's text.
    pub fn parse(option: &'static str, rules: &[u8]) -> Result<IdMap, Error> {
        // Stock goes from the last rule to the first, so the last mistake is the one that is reported.
        let mut parsed = Vec::new();
        for rule in rules.rsplit(|&byte| byte == b',') {
            parsed.push(parse_rule(option, rule)?);
        }
        parsed.reverse();
        Ok(IdMap { option, rules: parsed, local: BTreeMap::new() })
    }

    /// Whether there are rules.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// The local names that must be looked up before [`IdMap::map`] knows all that is in `received`.
    pub fn names_wanted(&self, received: &NameTable) -> Vec<Vec<u8>> {
        let targets = self.rules.iter().filter_map(|rule| match &rule.to {
            Target::Name(name) => Some(name),
            Target::Id(_) => None,
        });
        let names = received.names.iter().filter(|&(&id, _)| id != 0).map(|(_, name)| name);
        let wanted: BTreeSet<&Vec<u8>> = targets.chain(names).filter(|&name| !self.local.contains_key(name)).collect();
        wanted.into_iter().cloned().collect()
    }

    /// What the host found for names. Returns the warnings to print: rules whose target does not exist.
    pub fn learn(&mut self, names: &[Vec<u8>], ids: &[Option<u32>]) -> Vec<Vec<u8>> {
        let mut warnings = Vec::new();
        for (name, id) in names.iter().zip(ids) {
            self.local.insert(name.clone(), *id);
        }
        for rule in self.rules.iter().rev() {
            if let Target::Name(target) = &rule.to
                && names.contains(target)
                && self.local.get(target) == Some(&None)
            {
                warnings.push([format!("Unknown --{} name on receiver: ", self.option).as_bytes(), target].concat());
            }
        }
        warnings
    }

    /// The local id for an id of the sender (spec 2.15.2).
    pub fn map(&self, id: u32, received: &NameTable) -> u32 {
        let name = received.name(id);
        let by_rule = self.rules.iter().find_map(|rule| {
            let to = self.target(&rule.to)?;
            rule.from.matches(id, name.unwrap_or_default()).then_some(to)
        });
        let by_name = || name.filter(|_| id != 0).and_then(|name| *self.local.get(name)?);
        by_rule.or_else(by_name).unwrap_or(id)
    }

    fn target(&self, to: &Target) -> Option<u32> {
        match to {
            Target::Id(id) => Some(*id),
            Target::Name(name) => *self.local.get(name)?,
        }
    }
}

impl Matcher {
    fn matches(&self, id: u32, name: &[u8]) -> bool {
        match self {
            Matcher::Range(low, high) => (*low..=*high).contains(&id),
            Matcher::Glob(glob) => glob.matches(name),
            Matcher::Name(text) => text == name,
        }
    }
}

fn parse_rule(option: &str, rule: &[u8]) -> Result<Rule, Error> {
    let fail = |text: &str, what: &[u8]| Error::usage([text.as_bytes(), option.as_bytes(), b": ", what].concat());
    let colon = rule.iter().position(|&byte| byte == b':').ok_or_else(|| fail("No colon found in --", rule))?;
    let (from, to) = (&rule[..colon], &rule[colon + 1..]);
    if to.is_empty() {
        return Err(fail("No name found after colon --", rule));
    }
    let from = match from.first() {
        Some(b'0'..=b'9') => {
            let parts: Vec<&[u8]> = from.split(|&byte| byte == b'-').collect();
            let is_number = |part: &&[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            match parts[..] {
                [id] if is_number(&id) => Matcher::Range(parse_id(id)?, parse_id(id)?),
                [low, high] if is_number(&low) && is_number(&high) => Matcher::Range(parse_id(low)?, parse_id(high)?),
                _ => return Err(fail("Invalid number in --", from)),
            }
        }
        _ if from.iter().any(|byte| b"*?[".contains(byte)) => Matcher::Glob(Glob::new(from)),
        _ => Matcher::Name(from.to_vec()),
    };
    let to = if to.iter().all(u8::is_ascii_digit) { Target::Id(parse_id(to)?) } else { Target::Name(to.to_vec()) };
    Ok(Rule { from, to })
}

fn parse_id(digits: &[u8]) -> Result<u32, Error> {
    let add = |value: Option<u32>, digit: &u8| value?.checked_mul(10)?.checked_add(u32::from(digit - b'0'));
    let value = digits.iter().fold(Some(0), add);
    value.ok_or_else(|| Error::usage([b"Invalid ID number: ", digits].concat()))
}
