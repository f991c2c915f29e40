//! One row of the option table, and finding rows by name.
//!
//! Parser, help, server words and the daemon's refusals all read the same rows; nothing about an option is written twice.

use super::data::Options;
use super::levels;
use super::number::SizeRule;
use super::words::{Outgoing, Words};
use super::{connect, delete, preserve, report, select, transfer};
use crate::Error;
use alloc::string::String;

/// The chapters of the help text, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What a user reads.
    Report,
    /// What is examined.
    Select,
    /// Which attributes are kept.
    Preserve,
    /// How data is moved and written.
    Transfer,
    /// What is removed.
    Delete,
    /// How the two sides meet.
    Connect,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The long name without dashes; empty for the three that have only a letter.
    pub long: &'static str,
    /// The letter.
    pub short: Option<char>,
    /// Other long names with the same effect.
    pub aliases: &'static [&'static str],
    /// Long names that switch it off.
    pub negations: &'static [&'static str],
    /// Its chapter.
    pub group: Group,
    /// What the help calls its value; empty if it takes none.
    pub value: &'static str,
    /// One line for the help; empty hides the row.
    pub help: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What a negation does where that does not follow from `kind`.
    pub off: Option<fn(&mut Options)>,
    /// How it reaches the server.
    pub remote: &'static [Travel],
}

impl Flag {
    /// What most rows have in common.
    pub(super) const BASE: Flag = Flag {
        long: "",
        short: None,
        aliases: &[],
        negations: &[],
        group: Group::Report,
        value: "",
        help: "",
        kind: Kind::Special(Special::Help),
        off: None,
        remote: &[],
    };

    /// The name that messages and the list of unbuilt options use: `--times`, or `-D` for a row with only a letter.
    pub fn name(&self) -> String {
        match self.short {
            Some(letter) if self.long.is_empty() => alloc::format!("-{letter}"),
            _ => alloc::format!("--{}", self.long),
        }
    }

    /// Whether it takes a value.
    pub fn takes_value(&self) -> bool {
        !matches!(self.kind, Kind::Bool(_) | Kind::Count(_) | Kind::Switch(_)) && !self.value.is_empty()
    }

    /// All long spellings in order: the name, its aliases, then the negations.
    pub fn spellings(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let positive = core::iter::once(self.long).chain(self.aliases.iter().copied()).map(|name| (name, true));
        positive.chain(self.negations.iter().map(|name| (*name, false)))
    }
}

/// What an option does with its value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Sets a field; a negation clears it.
    Bool(fn(&mut Options) -> &mut bool),
    /// Counts; a negation starts over.
    Count(fn(&mut Options) -> &mut u32),
    /// Anything else without a value; `false` for a negation.
    Switch(fn(&mut Options, bool)),
    /// A C `int`.
    Number(fn(&mut Options, i32)),
    /// A SIZE under a rule.
    Size(fn(&Options) -> SizeRule, fn(&mut Options, i64)),
    /// A text.
    Text(fn(&mut Options, &[u8]) -> Result<(), Error>),
    /// Words of `--info` or `--debug`.
    Levels(levels::Family),
    /// Something that changes how the rest is parsed.
    Special(Special),
}

/// Options that the parser itself acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Prints the help.
    Help,
    /// The rest is parsed as a server.
    Server,
    /// On a server only: it sends.
    Sender,
    /// The whole command line is parsed again, by the daemon's table.
    Daemon,
}

/// For which direction of the transfer something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Always.
    Both,
    /// If the client sends.
    Push,
    /// If the client receives.
    Pull,
}

/// How an option reaches the server. The first number is the place: spec 1.4.3 for letters, ten times the row of the
/// table of spec 1.4.4 for words.
#[derive(Clone, Copy, Debug)]
pub enum Travel {
    /// Its letter in the cluster, so many times.
    Letter(u8, Side, fn(&Outgoing) -> usize),
    /// Its long name as a word.
    Word(u16, Side, fn(&Outgoing) -> bool),
    /// Words with values.
    Words(u16, Side, fn(&Outgoing, &mut Words)),
}

/// The whole table, chapter by chapter.
pub fn flags() -> impl Iterator<Item = &'static Flag> {
    [report::FLAGS, select::FLAGS, preserve::FLAGS, transfer::FLAGS, delete::FLAGS, connect::FLAGS]
        .into_iter()
        .flatten()
}

/// The row of a long name, and whether the name switches on.
pub fn by_name(name: &[u8]) -> Option<(&'static Flag, bool)> {
    flags().find_map(|flag| {
        let (_, on) = flag.spellings().find(|(spelling, _)| !spelling.is_empty() && spelling.as_bytes() == name)?;
        Some((flag, on))
    })
}

/// The row of a letter.
pub fn by_letter(letter: u8) -> Option<&'static Flag> {
    flags().find(|flag| flag.short == Some(char::from(letter)))
}
