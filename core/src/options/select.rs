//! Options about what is examined, and what of it is transferred.

use super::data::{Dirs, FilterArg, MissingArgs, Options, Recursion};
use super::flag::{Flag, Group, Kind, Side, Travel};
use super::number::SizeRule;
use crate::Error;
use alloc::vec::Vec;

const BASE: Flag = Flag { group: Group::Select, ..Flag::BASE };
const ANY_SIZE: fn(&Options) -> SizeRule = |_| SizeRule { unit: b'B', min: 0, max: 0, zero_unlimited: false };

/// The rows.
pub static FLAGS: &[Flag] = &[
    Flag {
        long: "archive",
        short: Some('a'),
        help: "-rlptgoD: everything but -A, -X, -U, -N and -H",
        kind: Kind::Switch(|o, _| {
            o.recursion = o.recursion.max(Recursion::Archive);
            (o.links, o.perms, o.times, o.group, o.owner) = (true, true, true, true, true);
            (o.devices, o.specials) = (true, true);
        }),
        ..BASE
    },
    Flag {
        long: "recursive",
        short: Some('r'),
        negations: &["no-recursive", "no-r"],
        help: "go into directories",
        kind: Kind::Switch(|o, on| o.recursion = if on { Recursion::On } else { Recursion::Off }),
        remote: &[Travel::Letter(28, Side::Both, |s| usize::from(s.options.recursion != Recursion::Off))],
        ..BASE
    },
    Flag {
        long: "inc-recursive",
        aliases: &["i-r"],
        negations: &["no-inc-recursive", "no-i-r"],
        help: "list directories bit by bit (default; --no-inc-recursive)",
        kind: Kind::Bool(|o| &mut o.inc_recursive),
        ..BASE
    },
    Flag {
        long: "dirs",
        short: Some('d'),
        negations: &["no-dirs", "no-d"],
        help: "transfer directories without going into them",
        kind: Kind::Switch(|o, on| o.dirs_choice = if on { Dirs::On } else { Dirs::Off }),
        remote: &[Travel::Letter(8, Side::Both, |s| {
            let o = s.options;
            let asked = o.dirs_choice == Dirs::On || (o.dirs && (o.listing || (s.push && s.deletes())));
            usize::from(o.recursion == Recursion::Off && asked)
        })],
        ..BASE
    },
    Flag {
        long: "old-dirs",
        aliases: &["old-d"],
        help: "-d for servers that do not know it",
        kind: Kind::Switch(|o, _| o.dirs_choice = Dirs::Old),
        ..BASE
    },
    Flag {
        long: "relative",
        short: Some('R'),
        negations: &["no-relative", "no-R"],
        help: "keep the whole path of each argument",
        kind: Kind::Switch(|o, on| o.relative_choice = Some(on)),
        remote: &[
            Travel::Letter(32, Side::Both, |s| usize::from(s.options.relative)),
            Travel::Words(470, Side::Both, |s, w| {
                if !s.options.relative && s.files_from_is_sent() {
                    w.word("--no-relative");
                }
            }),
        ],
        ..BASE
    },
    Flag {
        long: "implied-dirs",
        aliases: &["i-d"],
        negations: &["no-implied-dirs", "no-i-d"],
        help: "with -R, send parent directories (default; --no-implied-dirs)",
        kind: Kind::Bool(|o| &mut o.implied_dirs),
        remote: &[Travel::Words(480, Side::Both, |s, w| {
            if s.options.relative && !s.options.implied_dirs && (!s.push || s.protocol >= 30) {
                w.word("--no-implied-dirs");
            }
        })],
        ..BASE
    },
    Flag {
        long: "files-from",
        value: "FILE",
        help: "read the names of sources from FILE",
        kind: Kind::Text(|o, text| {
            o.files_from_text = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(460, Side::Both, |s, w| match &s.options.files_from {
            Some(list) if list.host.is_some() => {
                w.pair("--files-from", &list.path);
                if s.options.from0 {
                    w.word("--from0");
                }
            }
            Some(_) if !s.push => {
                w.word("--files-from=-");
                w.word("--from0");
            }
            _ => {}
        })],
        ..BASE
    },
    Flag {
        long: "from0",
        short: Some('0'),
        negations: &["no-from0"],
        help: "names and rules in files end in NUL bytes",
        kind: Kind::Bool(|o| &mut o.from0),
        ..BASE
    },
    Flag {
        long: "one-file-system",
        short: Some('x'),
        negations: &["no-one-file-system", "no-x"],
        help: "stay on one file system; twice: skip mount points",
        kind: Kind::Count(|o| &mut o.one_file_system),
        remote: &[Travel::Letter(33, Side::Both, |s| s.options.one_file_system.min(2) as usize)],
        ..BASE
    },
    Flag {
        long: "ignore-times",
        short: Some('I'),
        help: "do not skip files of equal size and time",
        kind: Kind::Bool(|o| &mut o.ignore_times),
        remote: &[Travel::Letter(31, Side::Both, |s| usize::from(s.options.ignore_times))],
        ..BASE
    },
    Flag {
        long: "size-only",
        help: "skip files of equal size",
        kind: Kind::Bool(|o| &mut o.size_only),
        remote: &[Travel::Word(220, Side::Push, |s| s.options.size_only)],
        ..BASE
    },
    Flag {
        long: "modify-window",
        short: Some('@'),
        value: "NUM",
        help: "seconds by which equal times may differ; -1: nanoseconds count",
        kind: Kind::Number(|o, n| o.modify_window = Some(n)),
        remote: &[Travel::Words(270, Side::Push, |s, w| match s.options.modify_window {
            Some(n) if n < 0 => w.number("-@", n.into()),
            Some(n) => w.number("--modify-window=", n.into()),
            None => {}
        })],
        ..BASE
    },
    Flag {
        long: "checksum",
        short: Some('c'),
        negations: &["no-checksum", "no-c"],
        help: "compare by checksum, not by size and time",
        kind: Kind::Bool(|o| &mut o.checksum),
        remote: &[Travel::Letter(29, Side::Both, |s| usize::from(s.options.checksum))],
        ..BASE
    },
    Flag {
        long: "checksum-choice",
        aliases: &["cc"],
        value: "STR",
        help: "the checksum algorithm",
        kind: Kind::Text(|o, text| {
            o.checksum_choice = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(130, Side::Both, |s, w| {
            if let Some(choice) = &s.options.checksum_choice {
                w.equals("--checksum-choice=", choice);
            }
        })],
        ..BASE
    },
    Flag {
        long: "checksum-seed",
        value: "NUM",
        help: "the seed of all checksums",
        kind: Kind::Number(|o, n| o.checksum_seed = n),
        remote: &[Travel::Words(280, Side::Both, |s, w| {
            if s.options.checksum_seed != 0 {
                w.number("--checksum-seed=", s.options.checksum_seed.into());
            }
        })],
        ..BASE
    },
    Flag {
        long: "update",
        short: Some('u'),
        help: "skip files that are newer on the receiver",
        kind: Kind::Bool(|o| &mut o.update),
        remote: &[Travel::Letter(5, Side::Both, |s| usize::from(s.options.update))],
        ..BASE
    },
    Flag {
        long: "existing",
        aliases: &["ignore-non-existing"],
        help: "create no new files",
        kind: Kind::Bool(|o| &mut o.existing),
        remote: &[Travel::Word(390, Side::Push, |s| s.options.existing)],
        ..BASE
    },
    Flag {
        long: "ignore-existing",
        help: "leave files alone that exist already",
        kind: Kind::Bool(|o| &mut o.ignore_existing),
        remote: &[Travel::Word(380, Side::Push, |s| s.options.ignore_existing)],
        ..BASE
    },
    Flag {
        long: "max-size",
        value: "SIZE",
        help: "transfer no larger files",
        kind: Kind::Size(ANY_SIZE, |o, n| o.max_size = Some(n)),
        remote: &[Travel::Words(165, Side::Push, |s, w| {
            if let Some(n) = s.options.max_size {
                w.number("--max-size=", n);
            }
        })],
        ..BASE
    },
    Flag {
        long: "min-size",
        value: "SIZE",
        help: "transfer no smaller files",
        kind: Kind::Size(ANY_SIZE, |o, n| o.min_size = Some(n)),
        remote: &[Travel::Words(160, Side::Push, |s, w| {
            if let Some(n) = s.options.min_size {
                w.number("--min-size=", n);
            }
        })],
        ..BASE
    },
    Flag {
        long: "ignore-missing-args",
        help: "say nothing of sources that do not exist",
        kind: Kind::Switch(|o, _| {
            if o.missing_args == MissingArgs::Error {
                o.missing_args = MissingArgs::Ignore;
            }
        }),
        remote: &[Travel::Word(265, Side::Pull, |s| s.options.missing_args == MissingArgs::Ignore)],
        ..BASE
    },
    Flag {
        long: "prune-empty-dirs",
        short: Some('m'),
        negations: &["no-prune-empty-dirs", "no-m"],
        help: "leave out directories that hold no files",
        kind: Kind::Bool(|o| &mut o.prune_empty_dirs),
        remote: &[Travel::Letter(10, Side::Push, |s| usize::from(s.options.prune_empty_dirs))],
        ..BASE
    },
    Flag {
        long: "cvs-exclude",
        short: Some('C'),
        help: "leave out what CVS would",
        kind: Kind::Bool(|o| &mut o.cvs_exclude),
        remote: &[Travel::Letter(30, Side::Both, |s| usize::from(s.options.cvs_exclude))],
        ..BASE
    },
    Flag {
        long: "filter",
        short: Some('f'),
        value: "RULE",
        help: "add a filter rule",
        kind: Kind::Text(|o, text| filter(o, FilterArg::Filter(text.to_vec()))),
        ..BASE
    },
    Flag {
        short: Some('F'),
        help: "--filter='dir-merge /.rsync-filter'; twice: also leave out those files",
        kind: Kind::Switch(|o, _| o.filters.push(FilterArg::F)),
        ..BASE
    },
    Flag {
        long: "exclude",
        value: "PATTERN",
        help: "leave out what matches",
        kind: Kind::Text(|o, text| filter(o, FilterArg::Exclude(text.to_vec()))),
        ..BASE
    },
    Flag {
        long: "exclude-from",
        value: "FILE",
        help: "read exclude patterns from FILE",
        kind: Kind::Text(|o, text| rules_from(o, text, FilterArg::ExcludeFrom)),
        ..BASE
    },
    Flag {
        long: "include",
        value: "PATTERN",
        help: "keep what matches",
        kind: Kind::Text(|o, text| filter(o, FilterArg::Include(text.to_vec()))),
        ..BASE
    },
    Flag {
        long: "include-from",
        value: "FILE",
        help: "read include patterns from FILE",
        kind: Kind::Text(|o, text| rules_from(o, text, FilterArg::IncludeFrom)),
        ..BASE
    },
    Flag {
        long: "qsort",
        help: "sort file lists by another routine (no effect)",
        kind: Kind::Bool(|o| &mut o.qsort),
        ..BASE
    },
];

/// A file of rules; with no name there is none.
fn rules_from(options: &mut Options, name: &[u8], arg: fn(Vec<u8>) -> FilterArg) -> Result<(), Error> {
    if name.is_empty() { Ok(()) } else { filter(options, arg(name.to_vec())) }
}

fn filter(options: &mut Options, arg: FilterArg) -> Result<(), Error> {
    options.filters.push(arg);
    Ok(())
}
