//! What a daemon does not accept from its clients (spec 5.11): the rows as `refuse options` sees them, and the check.
//!
//! Which rows a list of patterns names is the daemon's business, which has the wildcards; here is what refusing means.

use super::data::{Append, Delete, MissingArgs, Options, RemoveSource};
use super::flag::{self, Flag, Kind, Special, flags};
use crate::{Error, Exit};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One way to write an option. Lists of refused options name these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The long name without dashes; empty if there is only a letter.
    pub long: &'static str,
    /// The letter.
    pub short: Option<char>,
    /// Spellings with the same number mean the same.
    pub meaning: u32,
    /// Nothing acts on the option.
    pub missing: bool,
}

/// All spellings, in the order in which [`Refusals`] takes them.
pub fn spellings() -> impl Iterator<Item = Spelling> {
    (0u32..).zip(flags()).flat_map(|(index, flag)| {
        let name = flag.name();
        let missing = super::NOT_BUILT.iter().any(|unbuilt| name.trim_start_matches('-') == *unbuilt);
        flag.spellings().enumerate().map(move |(place, (long, on))| Spelling {
            long,
            short: flag.short.filter(|_| place == 0),
            meaning: index * 2 + u32::from(on),
            missing: missing && on,
        })
    })
}

/// The spellings that clients may not use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    refused: Vec<Spelling>,
}

impl Refusals {
    /// `refused` tells for each of [`spellings`] whether it is refused.
    pub fn new(refused: &[bool]) -> Refusals {
        let refused = spellings().zip(refused).filter(|(_, refused)| **refused).map(|(spelling, _)| spelling);
        Refusals { refused: refused.collect() }
    }

    /// The refused spelling of that name or letter.
    fn find(&self, name: &[u8]) -> Option<&Spelling> {
        self.refused.iter().find(|spelling| match (name, spelling.short) {
            ([letter], Some(short)) if short == char::from(*letter) => true,
            _ => !name.is_empty() && spelling.long.as_bytes() == name,
        })
    }

    /// The error if an option may not be used, as `--NAME (-x)`.
    fn allow(&self, name: &str) -> Result<(), Error> {
        let Some(spelling) = self.find(name.as_bytes()) else { return Ok(()) };
        let option = match (spelling.long, spelling.short) {
            ("", short) => short.map_or_else(String::new, |letter| format!("-{letter}")),
            (long, Some(letter)) => format!("--{long} (-{letter})"),
            (long, None) => format!("--{long}"),
        };
        let text = format!("rsync: The server is configured to refuse {option}");
        Err(Error::peer(Exit::UNSUPPORTED, text))
    }

    /// An option as it is met; `spelling` is how it was written.
    pub(super) fn check(&self, flag: &Flag, spelling: &[u8]) -> Result<(), Error> {
        if matches!(flag.kind, Kind::Special(Special::Daemon)) {
            return Ok(());
        }
        if let Ok(name) = core::str::from_utf8(spelling) {
            self.allow(name)?;
        }
        // The two letters that only stand for others.
        match flag.name().as_str() {
            "--archive" => ["r", "d", "l", "p", "t", "g", "o", "D"].iter().try_for_each(|letter| self.allow(letter)),
            "-P" => ["partial", "progress"].iter().try_for_each(|name| self.allow(name)),
            _ => Ok(()),
        }
    }

    /// A plain `--delete` takes the timing that is not refused.
    pub(super) fn adjust(&self, options: &mut Options) -> Result<(), Error> {
        let timed = options.delete_before || options.delete_during || options.delete_delay || options.delete_after;
        if timed || !(options.delete_asked || options.delete_excluded) {
            return Ok(());
        }
        if self.find(b"delete-during").is_some() {
            self.allow("delete-before")?;
            options.delete_before = true;
        } else if self.find(b"delete-before").is_some() {
            options.delete_during = true;
        }
        Ok(())
    }

    /// What settled options amount to, even if it was not named.
    pub(super) fn check_implied(&self, o: &Options) -> Result<(), Error> {
        let removes = o.delete != Delete::Off
            || o.missing_args == MissingArgs::Delete
            || (o.sender && o.remove_source != RemoveSource::Keep);
        let appends = o.append != Append::Off;
        let compresses = o.wants_compression() || o.compress_choice.is_some();
        let dir_is_dest = o.partial && o.partial_dir.is_none();
        for (implied, name) in [
            (removes, "delete"),
            (appends || o.write_devices, "inplace"),
            (o.inplace || dir_is_dest, "partial"),
            (compresses, "compress"),
        ] {
            if implied {
                self.allow(name)?;
            }
        }
        Ok(())
    }
}

/// The row of a long name or of a letter, as a list of refused options names it.
pub fn row(name: &[u8]) -> Option<&'static Flag> {
    match name {
        [letter] => flag::by_letter(*letter),
        _ => flag::by_name(name).map(|(flag, _)| flag),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Env, Setup, Worker, parse_worker};
    use super::*;

    fn refusing(names: &[&str]) -> Refusals {
        let hit = |s: &Spelling| {
            names
                .iter()
                .any(|name| s.long == *name || s.short.is_some_and(|letter| *name == letter.encode_utf8(&mut [0; 4])))
        };
        let meanings: Vec<_> = spellings().filter(hit).map(|s| s.meaning).collect();
        Refusals::new(&spellings().map(|s| meanings.contains(&s.meaning)).collect::<Vec<_>>())
    }

    fn worker(refusals: &Refusals, line: &str) -> Worker {
        let words: Vec<_> = line.split(' ').map(|w| w.as_bytes().to_vec()).collect();
        let setup = Setup { not_built: &[], ..Setup::default() };
        parse_worker(&words, &Env::default(), &setup, refusals, None)
    }

    #[test]
    fn refused_options_are_named_with_their_letter() {
        for (names, line, expect) in [
            (&["checksum"][..], "--server -vce.L . m", "--checksum (-c)"),
            (&["c"], "--server -vce.L . m", "--checksum (-c)"),
            (&["delete"], "--server -re.L --delete . m", "--delete"),
            (&["delete"], "--server -re.L --delete-during . m", "--delete"),
            (&["delete"], "--server -e.L --delete-missing-args . m", "--delete"),
            (&["delete"], "--server --sender -e.L --remove-source-files . m", "--delete"),
            (&["del"], "--server -re.L --delete-during . m", "--delete-during"),
            (&["no-perms"], "--server --no-p . m", "--no-p"),
            (&["D"], "--server -De.L . m", "-D"),
            (&["links"], "--server -ae.L . m", "--links (-l)"),
            (&["z"], "--server -e.L --compress-choice=zstd . m", "--compress (-z)"),
            (&["compress"], "--server -e.L --compress-level=3 . m", "--compress (-z)"),
            (&["partial"], "--server -e.L --inplace . m", "--partial"),
            (&["partial"], "--server -e.L --partial-dir . . m", "--partial"),
            (&["inplace"], "--server -e.L --append . m", "--inplace"),
            (&["delete-before", "delete-during"], "--server -re.L --delete . m", "--delete-before"),
        ] {
            let refused = worker(&refusing(names), line).refused.map(|e| (e.text_lossy(), e.exit));
            let text = format!("rsync: The server is configured to refuse {expect}");
            assert_eq!(refused, Some((text, Exit::UNSUPPORTED)), "{names:?}: {line}");
        }
    }

    #[test]
    fn what_is_not_refused_passes() {
        for (names, line) in [
            (&["partial"][..], "--server -e.L --partial-dir x . m"),
            (&["delete"], "--server -e.L --remove-source-files . m"),
            (&["perms"], "--server --no-perms . m"),
            (&["checksum"], "--server -te.L . m"),
        ] {
            assert_eq!(worker(&refusing(names), line).refused, None, "{names:?}: {line}");
        }
        let line = "--server -re.L --delete . m";
        assert_eq!(worker(&refusing(&["delete-before"]), line).options.delete, Delete::During);
        assert_eq!(worker(&refusing(&["delete-during"]), line).options.delete, Delete::Before);
    }

    #[test]
    fn a_failed_parse_keeps_what_came_before() {
        for (line, expect) in [
            ("--server --sender -te.Lf --foo -p . m/x", "rsync: on remote machine: --foo: unknown option"),
            (
                "--server --sender -te.Lf --timeout=x -p . m/x",
                "rsync: on remote machine: --timeout=x: invalid numeric value",
            ),
            ("--server --sender -te.Lf --daemon -p . m/x", "rsync: Attempt to hack rsync thwarted!"),
            ("--server --sender -te.Lf --dparam=a=b -p . m/x", "rsync: Attempt to hack rsync thwarted!"),
            ("--server --sender -te.Lf --help -p . m/x", "rsync: Attempt to hack rsync thwarted!"),
            ("--server --sender -te.Lf --chmod=8 -p . m/x", "rsync: Invalid argument passed to --chmod (8)"),
        ] {
            let got = worker(&Refusals::default(), line);
            assert_eq!(
                got.refused.map(|e| (e.text_lossy(), e.exit)),
                Some((expect.into(), Exit::UNSUPPORTED)),
                "{line}"
            );
            assert!(got.options.sender && got.options.times && !got.options.perms);
            assert_eq!(got.options.capabilities.as_deref(), Some(&b".Lf"[..]));
        }
    }

    #[test]
    fn rows_are_found_by_name_and_letter() {
        assert_eq!(row(b"del").map(|r| r.long), Some("delete-during"));
        assert_eq!(row(b"z").map(|r| r.long), Some("compress"));
        assert_eq!(row(b"no-i-r").map(|r| r.long), Some("inc-recursive"));
        assert_eq!(row(b"nothing").map(|r| r.long), None);
        let all: Vec<_> = spellings().collect();
        assert!(all.iter().any(|s| s.long == "crtimes" && s.missing));
        assert!(all.iter().any(|s| s.long == "no-crtimes" && !s.missing && s.short.is_none()));
    }
}
