//! Users and groups: their names travel beside their numbers, since the numbers differ from machine to machine (spec 2.5,
//! 2.15).
//!
//! Names are looked up by the host. So these types say which names or ids they have to know, and are told. On the sender
//! that is [`SentIds`]; on the receiving side [`ReceivedNames`] collects what came and [`IdMap`] turns ids into local ones.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use hashbrown::HashMap;

use super::codec::Caps;
use crate::wire::item::{Reader, Stop, put_varint30};
use crate::filter::wildmatch::Glob;
use crate::{Error, Exit, limits};

/// Most memory that the names a peer sends may take.
const NAMES_BYTES_MAX: usize = 64 << 20;

/// Users or groups that a sender met.
#[derive(Debug, Default)]
pub struct SentTable {
    /// In the order of their first appearance.
    seen: Vec<u32>,
    known: HashMap<u32, Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    is_looked_up: bool,
    name: Option<Vec<u8>>,
    is_announced: bool,
}

impl SentTable {
    /// An entry with this id is about to be sent. Whether its name still has to be looked up.
    pub fn note(&mut self, id: u32) -> bool {
        let sent = self.known.entry(id).or_insert_with(|| {
            self.seen.push(id);
            Sent::default()
        });
        !sent.is_looked_up
    }

    /// The ids whose names have to be looked up.
    pub fn unknown(&self) -> Vec<u32> {
        let is_unknown = |id: &&u32| self.known.get(*id).is_some_and(|sent| !sent.is_looked_up);
        self.seen.iter().filter(is_unknown).copied().collect()
    }

    /// What the host says an id is called, if it has a name. Longer names are cut to what the wire takes.
    pub fn learn(&mut self, id: u32, name: Option<&[u8]>) {
        self.note(id);
        if let Some(sent) = self.known.get_mut(&id) {
            sent.is_looked_up = true;
            sent.name = name.map(|name| name[..name.len().min(limits::ID_NAME_BYTES_MAX)].to_vec());
        }
    }

    /// Whether the name of this id has to follow it now.
    pub(super) fn is_name_due(&self, id: u32) -> bool {
        self.known
            .get(&id)
            .is_some_and(|sent| sent.name.is_some() && !sent.is_announced)
    }

    /// The id was just sent: its name follows if it is due, and is never due again.
    pub(super) fn put_due_name(&mut self, id: u32, is_due: bool, out: &mut Vec<u8>) {
        self.note(id);
        if let Some(sent) = self.known.get_mut(&id) {
            sent.is_announced = true;
            if let Some(name) = sent.name.as_deref().filter(|_| is_due) {
                put_short(out, name);
            }
        }
    }

    /// Appends the id list, latest id first as stock does. Names have to be known, that of id 0 too.
    pub fn put_list(&self, caps: &Caps, out: &mut Vec<u8>) {
        let name = |id: u32| self.known.get(&id).and_then(|sent| sent.name.as_deref());
        for &id in self.seen.iter().rev().filter(|&&id| id != 0) {
            if let Some(name) = name(id) {
                put_varint30(out, caps.protocol, id as i32);
                put_short(out, name);
            }
        }
        put_varint30(out, caps.protocol, 0);
        if caps.id0_names {
            put_short(out, name(0).unwrap_or_default());
        }
    }
}

fn put_short(out: &mut Vec<u8>, name: &[u8]) {
    out.push(name.len() as u8);
    out.extend_from_slice(name);
}

/// Users and groups that a sender met.
#[derive(Debug, Default)]
pub struct SentIds {
    /// Users.
    pub users: SentTable,
    /// Groups.
    pub groups: SentTable,
}

/// Names of users or groups as they came from the sender.
#[derive(Debug, Default)]
pub struct NameTable {
    names: BTreeMap<u32, Vec<u8>>,
    bytes: usize,
}

impl NameTable {
    /// An id is called `name` at the sender. The first name of an id stays.
    pub fn learn(&mut self, id: u32, name: &[u8]) -> Result<(), Error> {
        if name.is_empty() || self.names.contains_key(&id) {
            return Ok(());
        }
        self.bytes += name.len() + 64;
        if self.bytes > NAMES_BYTES_MAX {
            return Err(Error::peer(Exit::MALLOC, "too many user or group names"));
        }
        self.names.insert(id, name.to_vec());
        Ok(())
    }

    /// What the sender calls an id.
    pub fn name(&self, id: u32) -> Option<&[u8]> {
        self.names.get(&id).map(Vec::as_slice)
    }

    /// Reads one item of an id list. Returns whether that was the end of the list.
    pub fn read_item(&mut self, r: &mut Reader<'_>, caps: &Caps) -> Result<bool, Stop> {
        let id = r.varint30(caps.protocol)? as u32;
        if id != 0 || caps.id0_names {
            let length = usize::from(r.u8()?);
            self.learn(id, r.bytes(length)?)?;
        } else if !caps.numeric_ids {
            self.learn(0, b"root")?;
        }
        Ok(id == 0)
    }
}

/// Names of users and groups as they came from the sender.
#[derive(Debug, Default)]
pub struct ReceivedNames {
    /// Users.
    pub users: NameTable,
    /// Groups.
    pub groups: NameTable,
}

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
        Ok(IdMap {
            option,
            rules: parsed,
            local: BTreeMap::new(),
        })
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
        let names = received
            .names
            .iter()
            .filter(|&(&id, _)| id != 0)
            .map(|(_, name)| name);
        let wanted: BTreeSet<&Vec<u8>> = targets
            .chain(names)
            .filter(|&name| !self.local.contains_key(name))
            .collect();
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
                warnings.push(
                    [
                        format!("Unknown --{} name on receiver: ", self.option).as_bytes(),
                        target,
                    ]
                    .concat(),
                );
            }
        }
        warnings
    }

    /// The local id for an id of the sender (spec 2.15.2).
    pub fn map(&self, id: u32, received: &NameTable) -> u32 {
        let name = received.name(id);
        let by_rule = self.rules.iter().find_map(|rule| {
            let to = self.target(&rule.to)?;
            rule.from
                .matches(id, name.unwrap_or_default())
                .then_some(to)
        });
        let by_name = || {
            name.filter(|_| id != 0)
                .and_then(|name| *self.local.get(name)?)
        };
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
    let fail = |text: &str, what: &[u8]| {
        Error::usage([text.as_bytes(), option.as_bytes(), b": ", what].concat())
    };
    let colon = rule
        .iter()
        .position(|&byte| byte == b':')
        .ok_or_else(|| fail("No colon found in --", rule))?;
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
                [low, high] if is_number(&low) && is_number(&high) => {
                    Matcher::Range(parse_id(low)?, parse_id(high)?)
                }
                _ => return Err(fail("Invalid number in --", from)),
            }
        }
        _ if from.iter().any(|byte| b"*?[".contains(byte)) => Matcher::Glob(Glob::new(from)),
        _ => Matcher::Name(from.to_vec()),
    };
    let to = if to.iter().all(u8::is_ascii_digit) {
        Target::Id(parse_id(to)?)
    } else {
        Target::Name(to.to_vec())
    };
    Ok(Rule { from, to })
}

fn parse_id(digits: &[u8]) -> Result<u32, Error> {
    let add = |value: Option<u32>, digit: &u8| {
        value?.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    };
    let value = digits.iter().fold(Some(0), add);
    value.ok_or_else(|| Error::usage([b"Invalid ID number: ", digits].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn received(names: &[(u32, &str)]) -> NameTable {
        let mut table = NameTable::default();
        for (id, name) in names {
            table.learn(*id, name.as_bytes()).unwrap();
        }
        table
    }

    /// Maps with `alice` = 1 and `bob` = 2 as the local users.
    fn check(rules: &str, id: u32, name: Option<&str>, expect: u32) {
        let mut map = if rules.is_empty() {
            IdMap::new()
        } else {
            IdMap::parse("usermap", rules.as_bytes()).unwrap()
        };
        let table = received(&name.map(|name| (id, name)).into_iter().collect::<Vec<_>>());
        let wanted = map.names_wanted(&table);
        let ids: Vec<Option<u32>> = wanted
            .iter()
            .map(|name| match &name[..] {
                b"alice" => Some(1),
                b"bob" => Some(2),
                _ => None,
            })
            .collect();
        map.learn(&wanted, &ids);
        assert!(map.names_wanted(&table).is_empty());
        assert_eq!(map.map(id, &table), expect, "{rules} {id} {name:?}");
    }

    #[test]
    fn mapping() {
        check("", 500, Some("alice"), 1);
        check("", 500, Some("nobody-here"), 500);
        check("", 500, None, 500);
        check("", 0, Some("alice"), 0);
        check("500:7", 500, Some("alice"), 7);
        check("400-600:bob", 500, Some("x"), 2);
        check("600-400:bob", 500, Some("x"), 500);
        check("al*:9,alice:10", 500, Some("alice"), 9);
        check("*:9", 500, None, 9);
        check(":9", 500, None, 9);
        check(":9", 500, Some("alice"), 1);
        check("alice:nobody-here,500:8", 500, Some("alice"), 8);
        check("alice:bob", 0, Some("alice"), 2);
    }

    #[test]
    fn mistakes() {
        for (rules, text) in [
            ("abc", "No colon found in --usermap: abc"),
            ("1:2,", "No colon found in --usermap: "),
            ("a:", "No name found after colon --usermap: a:"),
            ("1-:3", "Invalid number in --usermap: 1-"),
            ("1-2-3:4", "Invalid number in --usermap: 1-2-3"),
            ("1*:4", "Invalid number in --usermap: 1*"),
            ("99999999999:4", "Invalid ID number: 99999999999"),
            ("1:99999999999", "Invalid ID number: 99999999999"),
        ] {
            let error = IdMap::parse("usermap", rules.as_bytes()).unwrap_err();
            assert_eq!(
                (error.text_lossy().as_str(), error.exit),
                (text, Exit::SYNTAX),
                "{rules}"
            );
        }
    }

    #[test]
    fn an_unknown_target_is_a_warning() {
        let mut map = IdMap::parse("groupmap", b"*:nosuch").unwrap();
        let wanted = map.names_wanted(&NameTable::default());
        assert_eq!(wanted, vec![b"nosuch".to_vec()]);
        assert_eq!(
            map.learn(&wanted, &[None]),
            vec![b"Unknown --groupmap name on receiver: nosuch".to_vec()]
        );
        assert_eq!(map.map(5, &NameTable::default()), 5);
    }

    #[test]
    fn id_lists_roundtrip() {
        for (protocol, id0_names) in [(29, false), (30, false), (32, true)] {
            let caps = Caps {
                id0_names,
                ..Caps::new(protocol)
            };
            let mut sent = SentTable::default();
            for (id, name) in [
                (0, Some("root")),
                (65534, Some("nobody")),
                (7, None),
                (100, Some("users")),
            ] {
                assert!(sent.note(id));
                sent.learn(id, name.map(str::as_bytes));
            }
            let mut bytes = Vec::new();
            sent.put_list(&caps, &mut bytes);
            let mut table = NameTable::default();
            let mut reader = Reader::new(&bytes);
            while !table.read_item(&mut reader, &caps).unwrap() {}
            assert_eq!(reader.position(), bytes.len());
            assert_eq!(table.name(65534), Some(&b"nobody"[..]));
            assert_eq!(table.name(0), Some(&b"root"[..]));
            assert_eq!(table.name(7), None);
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut table = NameTable::default();
        let failed = (0..1_000_000)
            .find_map(|id| table.learn(id, &[b'x'; 255]).err())
            .unwrap();
        assert_eq!(failed.exit, Exit::MALLOC);
    }
}
