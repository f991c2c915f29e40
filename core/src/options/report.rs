//! Options about what a user reads.

use super::data::StderrMode;
use super::flag::{Flag, Group, Kind, Side, Special, Travel};
use super::levels::{Family, Info};
use crate::Error;

const BASE: Flag = Flag { group: Group::Report, ..Flag::BASE };

/// The rows.
pub static FLAGS: &[Flag] = &[
    Flag {
        long: "help",
        help: "print this help (-h does too if it is the only argument)",
        kind: Kind::Special(Special::Help),
        ..BASE
    },
    Flag {
        long: "version",
        short: Some('V'),
        help: "print version and capabilities; twice for JSON",
        kind: Kind::Count(|o| &mut o.version),
        ..BASE
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        negations: &["no-verbose", "no-v"],
        help: "say more; repeat for still more",
        kind: Kind::Count(|o| &mut o.verbose),
        remote: &[Travel::Letter(2, Side::Both, |s| s.options.verbose.min(9) as usize)],
        ..BASE
    },
    Flag {
        long: "info",
        value: "FLAGS",
        help: "choose what is said in detail; `help` lists the words",
        kind: Kind::Levels(Family::Info),
        remote: &[Travel::Words(430, Side::Both, |s, w| {
            if let Some(list) = s.options.levels.forwarded(if s.push { 'r' } else { 's' }) {
                w.raw([b"--info=", &list[..]].concat());
            }
        })],
        ..BASE
    },
    Flag {
        long: "debug",
        value: "FLAGS",
        help: "choose debugging output; `help` lists the words",
        kind: Kind::Levels(Family::Debug),
        ..BASE
    },
    Flag {
        long: "stderr",
        value: "e|a|c",
        help: "where messages go: errors (default), all or client",
        kind: Kind::Text(|o, text| {
            let modes = [("errors", StderrMode::Errors), ("all", StderrMode::All), ("client", StderrMode::Client)];
            let found = modes.iter().find(|(name, _)| !text.is_empty() && name.as_bytes().starts_with(text));
            let (_, mode) = found.ok_or_else(|| {
                Error::usage([b"rsync: --stderr mode \"", text, b"\" is not one of errors, all, or client"].concat())
            })?;
            (o.stderr, o.stderr_explicit) = (*mode, true);
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "msgs2stderr",
        negations: &["no-msgs2stderr"],
        help: "old spelling of --stderr=all",
        kind: Kind::Switch(|o, on| {
            (o.stderr, o.stderr_explicit) = (if on { StderrMode::All } else { StderrMode::Client }, true);
        }),
        remote: &[Travel::Words(70, Side::Both, |s, w| match s.options.stderr {
            StderrMode::Errors => {}
            StderrMode::All => w.word("--msgs2stderr"),
            StderrMode::Client => w.word("--no-msgs2stderr"),
        })],
        ..BASE
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        help: "print errors only",
        kind: Kind::Bool(|o| &mut o.quiet),
        remote: &[Travel::Letter(3, Side::Both, |s| {
            usize::from(s.options.quiet && s.options.stderr != StderrMode::Client)
        })],
        ..BASE
    },
    Flag {
        long: "motd",
        negations: &["no-motd"],
        help: "show a daemon's message of the day (default); --no-motd hides it",
        kind: Kind::Bool(|o| &mut o.motd),
        ..BASE
    },
    Flag {
        long: "stats",
        help: "print statistics of the transfer",
        kind: Kind::Bool(|o| &mut o.stats),
        remote: &[Travel::Word(230, Side::Push, |s| s.options.stats)],
        ..BASE
    },
    Flag {
        long: "8-bit-output",
        short: Some('8'),
        negations: &["no-8-bit-output", "no-8"],
        help: "print bytes above ASCII as they are",
        kind: Kind::Bool(|o| &mut o.eight_bit_output),
        ..BASE
    },
    Flag {
        long: "human-readable",
        short: Some('h'),
        negations: &["no-human-readable", "no-h"],
        help: "print numbers with units",
        kind: Kind::Count(|o| &mut o.human_readable),
        ..BASE
    },
    Flag {
        long: "progress",
        negations: &["no-progress"],
        help: "show the progress of each file",
        kind: Kind::Bool(|o| &mut o.progress),
        ..BASE
    },
    Flag {
        short: Some('P'),
        help: "--partial and --progress",
        kind: Kind::Switch(|o, _| (o.partial, o.progress) = (true, true)),
        ..BASE
    },
    Flag {
        long: "itemize-changes",
        short: Some('i'),
        negations: &["no-itemize-changes", "no-i"],
        help: "list what changes of each item; twice: also unchanged items",
        kind: Kind::Count(|o| &mut o.itemize),
        ..BASE
    },
    Flag {
        long: "out-format",
        aliases: &["log-format"],
        value: "FORMAT",
        help: "print each item by FORMAT",
        kind: Kind::Text(|o, text| {
            o.out_format = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(60, Side::Push, |s, w| {
            let Some(format) = &s.options.item_format else { return };
            let has_item = super::format_has(format, b'i');
            // A level of two comes from repeating -i, and counts only if the format shows items at all.
            let word = if has_item && s.options.itemize > 1 {
                "--log-format=%i%I"
            } else if has_item {
                "--log-format=%i"
            } else if super::format_has(format, b'o') {
                "--log-format=%o"
            } else if s.options.verbose == 0 {
                "--log-format=X"
            } else {
                return;
            };
            w.word(word);
        })],
        ..BASE
    },
    Flag {
        long: "log-file",
        value: "FILE",
        help: "also write to FILE what is done",
        kind: Kind::Text(|o, text| {
            o.log_file = (!text.is_empty()).then(|| text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "log-file-format",
        value: "FMT",
        help: "the form of items in the log file",
        kind: Kind::Text(|o, text| {
            o.log_file_format = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "list-only",
        help: "list files, transfer nothing",
        kind: Kind::Bool(|o| &mut o.list_only),
        remote: &[Travel::Word(20, Side::Both, |s| s.options.list_only)],
        ..BASE
    },
    Flag {
        long: "outbuf",
        value: "N|L|B",
        help: "buffer the output not at all, by line or by block",
        kind: Kind::Text(|o, text| {
            o.outbuf_text = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "dry-run",
        short: Some('n'),
        help: "show what would be done",
        kind: Kind::Bool(|o| &mut o.dry_run),
        remote: &[Travel::Letter(6, Side::Both, |s| usize::from(s.options.dry_run))],
        ..BASE
    },
];

/// Whether names of items are printed anyway, so that a progress meter need not ask for them.
pub(super) fn names_are_printed(levels: &super::levels::Levels) -> bool {
    levels.info(Info::Name) > 0
}
