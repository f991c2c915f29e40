//! Options about what is removed (spec 4.20).

use super::data::{Delete, MissingArgs, Recursion, RemoveSource};
use super::flag::{Flag, Group, Kind, Side, Travel};

const BASE: Flag = Flag { group: Group::Delete, ..Flag::BASE };

/// The rows.
pub static FLAGS: &[Flag] = &[
    Flag {
        long: "delete",
        help: "remove files that the sender does not have",
        kind: Kind::Bool(|o| &mut o.delete_asked),
        remote: &[
            Travel::Words(30, Side::Push, |s, w| {
                if s.deletes() && s.options.dirs && s.options.recursion == Recursion::Off {
                    w.word("--no-r");
                }
            }),
            Travel::Word(170, Side::Push, |s| s.options.delete == Delete::Unspecified && !s.options.delete_excluded),
        ],
        ..BASE
    },
    Flag {
        long: "delete-before",
        help: "... before any transfer",
        kind: Kind::Bool(|o| &mut o.delete_before),
        remote: &[Travel::Word(170, Side::Push, |s| s.options.delete == Delete::Before)],
        ..BASE
    },
    Flag {
        long: "delete-during",
        aliases: &["del"],
        help: "... directory by directory during the transfer",
        kind: Kind::Switch(|o, _| (o.delete_during, o.delete_delay) = (true, false)),
        remote: &[Travel::Word(170, Side::Push, |s| s.options.delete == Delete::During)],
        ..BASE
    },
    Flag {
        long: "delete-delay",
        help: "... at the end, what was found during the transfer",
        kind: Kind::Switch(|o, _| (o.delete_during, o.delete_delay) = (false, true)),
        remote: &[Travel::Word(170, Side::Push, |s| s.options.delete == Delete::Delay)],
        ..BASE
    },
    Flag {
        long: "delete-after",
        help: "... after the transfer",
        kind: Kind::Bool(|o| &mut o.delete_after),
        remote: &[Travel::Word(170, Side::Push, |s| s.options.delete == Delete::After)],
        ..BASE
    },
    Flag {
        long: "delete-excluded",
        help: "... and also what the filters hide",
        kind: Kind::Bool(|o| &mut o.delete_excluded),
        remote: &[Travel::Word(180, Side::Push, |s| s.options.delete_excluded)],
        ..BASE
    },
    Flag {
        long: "delete-missing-args",
        help: "remove at the destination what sources name but is not there",
        kind: Kind::Switch(|o, _| o.missing_args = MissingArgs::Delete),
        remote: &[Travel::Word(260, Side::Both, |s| s.options.missing_args == MissingArgs::Delete)],
        ..BASE
    },
    Flag {
        long: "force",
        negations: &["no-force"],
        help: "remove directories that are in the way even if not empty",
        kind: Kind::Bool(|o| &mut o.force),
        remote: &[Travel::Word(190, Side::Push, |s| s.options.force)],
        ..BASE
    },
    Flag {
        long: "max-delete",
        value: "NUM",
        help: "remove at most NUM files",
        kind: Kind::Number(|o, n| o.max_delete = Some(n)),
        remote: &[Travel::Words(150, Side::Push, |s, w| {
            match s.options.max_delete {
                Some(n) if n > 0 => w.number("--max-delete=", n.into()),
                // Old servers take 0 for "no limit".
                Some(_) => w.word("--max-delete=-1"),
                None => {}
            }
        })],
        ..BASE
    },
    Flag {
        long: "ignore-errors",
        negations: &["no-ignore-errors"],
        help: "remove even if sources could not be read",
        kind: Kind::Bool(|o| &mut o.ignore_errors),
        remote: &[Travel::Word(320, Side::Both, |s| s.options.ignore_errors)],
        ..BASE
    },
    Flag {
        long: "remove-source-files",
        help: "remove sources, other than directories, that arrived",
        kind: Kind::Switch(|o, _| o.remove_source = RemoveSource::Synced),
        remote: &[Travel::Word(500, Side::Both, |s| s.options.remove_source == RemoveSource::Synced)],
        ..BASE
    },
    Flag {
        long: "remove-sent-files",
        help: "the same, but only files that had to be sent",
        kind: Kind::Switch(|o, _| o.remove_source = RemoveSource::Sent),
        remote: &[Travel::Word(500, Side::Both, |s| s.options.remove_source == RemoveSource::Sent)],
        ..BASE
    },
];
