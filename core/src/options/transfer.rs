//! Options about how data is moved and written.

use super::data::{AltKind, Append, Options};
use super::flag::{Flag, Group, Kind, Side, Travel};
use super::number::SizeRule;
use crate::{Error, limits};
use alloc::format;

const BASE: Flag = Flag { group: Group::Transfer, ..Flag::BASE };
/// Alternate basis directories that one command may name.
const ALT_DIRS_MAX: usize = 20;

/// The rows.
pub static FLAGS: &[Flag] = &[
    Flag {
        long: "whole-file",
        short: Some('W'),
        negations: &["no-whole-file", "no-W"],
        help: "send whole files (--no-whole-file: always deltas)",
        kind: Kind::Switch(|o, on| o.whole_file = Some(on)),
        remote: &[
            Travel::Letter(16, Side::Both, |s| usize::from(s.options.whole_file == Some(true))),
            Travel::Words(450, Side::Push, |s, w| {
                if s.inplace_is_sent() && s.options.sparse && s.options.whole_file == Some(false) {
                    w.word("--no-W");
                }
            }),
        ],
        ..BASE
    },
    Flag {
        long: "block-size",
        short: Some('B'),
        value: "SIZE",
        help: "use blocks of this size",
        kind: Kind::Size(
            |o| {
                let old = o.protocol.is_some_and(|p| p < 30);
                let max = if old { limits::BLOCK_BYTES_MAX_OLD } else { limits::BLOCK_BYTES_MAX };
                SizeRule { unit: b'B', min: 0, max: i64::from(max), zero_unlimited: false }
            },
            |o, n| o.block_size = u32::try_from(n).unwrap_or(0),
        ),
        remote: &[Travel::Words(80, Side::Both, |s, w| {
            if s.options.block_size != 0 {
                w.number("-B", s.options.block_size.into());
            }
        })],
        ..BASE
    },
    Flag {
        long: "inplace",
        negations: &["no-inplace"],
        help: "update files in place",
        kind: Kind::Bool(|o| &mut o.inplace),
        remote: &[Travel::Word(445, Side::Both, |s| s.inplace_is_sent())],
        ..BASE
    },
    Flag {
        long: "append",
        negations: &["no-append"],
        help: "add to the end of shorter files",
        kind: Kind::Switch(|o, on| {
            // A server is told to verify by getting the word twice.
            let again = o.server && o.append != Append::Off;
            o.append = match (on, again) {
                (false, _) => Append::Off,
                (true, true) => Append::Verify,
                (true, false) => Append::Trust,
            };
        }),
        remote: &[Travel::Words(440, Side::Both, |s, w| {
            let times = match s.options.append {
                Append::Off => 0,
                Append::Trust => 1,
                Append::Verify => 2,
            };
            (0..times).for_each(|_| w.word("--append"));
        })],
        ..BASE
    },
    Flag {
        long: "append-verify",
        help: "--append with the old data in the checksum",
        kind: Kind::Switch(|o, _| o.append = Append::Verify),
        ..BASE
    },
    Flag {
        long: "sparse",
        short: Some('S'),
        negations: &["no-sparse", "no-S"],
        help: "turn runs of zeros into holes",
        kind: Kind::Bool(|o| &mut o.sparse),
        remote: &[Travel::Letter(34, Side::Both, |s| usize::from(s.options.sparse))],
        ..BASE
    },
    Flag {
        long: "preallocate",
        help: "allocate files before writing them",
        kind: Kind::Bool(|o| &mut o.preallocate),
        remote: &[Travel::Word(520, Side::Push, |s| s.options.preallocate)],
        ..BASE
    },
    Flag {
        long: "write-devices",
        negations: &["no-write-devices"],
        help: "write to devices as if they were files (implies --inplace)",
        kind: Kind::Bool(|o| &mut o.write_devices),
        remote: &[Travel::Word(490, Side::Push, |s| s.options.write_devices)],
        ..BASE
    },
    Flag {
        long: "copy-devices",
        help: "read devices as if they were files",
        kind: Kind::Bool(|o| &mut o.copy_devices),
        remote: &[Travel::Word(510, Side::Pull, |s| s.options.copy_devices)],
        ..BASE
    },
    Flag {
        long: "partial",
        negations: &["no-partial"],
        help: "keep files that arrived in part",
        kind: Kind::Bool(|o| &mut o.partial),
        remote: &[Travel::Word(310, Side::Push, |s| {
            s.options.partial && s.options.partial_dir.is_none() && !s.options.inplace
        })],
        ..BASE
    },
    Flag {
        long: "partial-dir",
        value: "DIR",
        help: "keep them in DIR",
        kind: Kind::Text(|o, text| {
            o.partial_dir = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(290, Side::Push, |s, w| match &s.options.partial_dir {
            Some(dir) if !s.options.partial_dir_is_default() => w.pair("--partial-dir", dir),
            _ => {}
        })],
        ..BASE
    },
    Flag {
        long: "delay-updates",
        negations: &["no-delay-updates"],
        help: "put all files into place at the end",
        kind: Kind::Bool(|o| &mut o.delay_updates),
        remote: &[Travel::Word(300, Side::Push, |s| s.options.delay_updates)],
        ..BASE
    },
    Flag {
        long: "temp-dir",
        short: Some('T'),
        value: "DIR",
        help: "write temporary files in DIR",
        kind: Kind::Text(|o, text| {
            o.temp_dir = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(400, Side::Push, |s, w| {
            if let Some(dir) = &s.options.temp_dir {
                w.pair("--temp-dir", dir);
            }
        })],
        ..BASE
    },
    Flag {
        long: "fsync",
        help: "flush every written file to its disk",
        kind: Kind::Bool(|o| &mut o.fsync),
        remote: &[Travel::Word(410, Side::Push, |s| s.options.fsync)],
        ..BASE
    },
    Flag {
        long: "backup",
        short: Some('b'),
        negations: &["no-backup"],
        help: "keep what is replaced or removed",
        kind: Kind::Bool(|o| &mut o.backup),
        remote: &[Travel::Letter(4, Side::Both, |s| usize::from(s.options.backup))],
        ..BASE
    },
    Flag {
        long: "backup-dir",
        value: "DIR",
        help: "... in a hierarchy below DIR",
        kind: Kind::Text(|o, text| {
            o.backup_dir = Some(text.strip_prefix(b"./").unwrap_or(text).to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(110, Side::Both, |s, w| {
            if let Some(dir) = &s.options.backup_dir {
                w.pair("--backup-dir", dir);
            }
        })],
        ..BASE
    },
    Flag {
        long: "suffix",
        value: "SUFFIX",
        help: "... under this suffix (~, or none with a backup dir)",
        kind: Kind::Text(|o, text| {
            o.suffix = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(120, Side::Both, |s, w| match &s.options.suffix {
            Some(suffix) if suffix != s.options.default_suffix() => w.equals("--suffix=", suffix),
            _ => {}
        })],
        ..BASE
    },
    Flag {
        long: "compare-dest",
        value: "DIR",
        help: "also compare with files below DIR",
        kind: Kind::Text(|o, text| alt_dir(o, AltKind::Compare, text)),
        remote: &[Travel::Words(420, Side::Push, |s, w| {
            if let Some(kind) = s.options.alt_kind {
                s.options.alt_dirs.iter().for_each(|dir| w.pair(kind.option(), dir));
            }
        })],
        ..BASE
    },
    Flag {
        long: "copy-dest",
        value: "DIR",
        help: "... and copy what is unchanged from there",
        kind: Kind::Text(|o, text| alt_dir(o, AltKind::Copy, text)),
        ..BASE
    },
    Flag {
        long: "link-dest",
        value: "DIR",
        help: "... and hard link to what is unchanged there",
        kind: Kind::Text(|o, text| alt_dir(o, AltKind::Link, text)),
        ..BASE
    },
    Flag {
        long: "fuzzy",
        short: Some('y'),
        negations: &["no-fuzzy", "no-y"],
        help: "use a file of similar name as basis",
        kind: Kind::Count(|o| &mut o.fuzzy),
        remote: &[Travel::Letter(13, Side::Push, |s| {
            let most = if s.options.alt_dirs.is_empty() { 1 } else { 2 };
            s.options.fuzzy.min(most) as usize
        })],
        ..BASE
    },
    Flag {
        long: "mkpath",
        negations: &["no-mkpath"],
        help: "create missing directories of the destination's path",
        kind: Kind::Bool(|o| &mut o.mkpath),
        remote: &[Travel::Word(540, Side::Push, |s| s.options.mkpath)],
        ..BASE
    },
    Flag {
        long: "compress",
        short: Some('z'),
        negations: &["no-compress", "no-z"],
        help: "compress data on the way",
        kind: Kind::Switch(|o, on| {
            o.compress = if on { o.compress.saturating_add(1) } else { 0 };
            if !on {
                o.compress_choice = None;
            }
        }),
        remote: &[Travel::Letter(35, Side::Both, |s| {
            usize::from(match &s.options.compress_choice {
                Some(choice) => choice.eq_ignore_ascii_case(b"zlib"),
                None => s.options.compress > 0,
            })
        })],
        ..BASE
    },
    Flag {
        long: "compress-choice",
        aliases: &["zc"],
        value: "STR",
        help: "the compression algorithm",
        kind: Kind::Text(|o, text| {
            o.compress_choice = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(140, Side::Both, |s, w| match &s.options.compress_choice {
            Some(choice) if choice.eq_ignore_ascii_case(b"zlibx") => w.word("--new-compress"),
            Some(choice) if choice.eq_ignore_ascii_case(b"zlib") => w.word("--old-compress"),
            Some(choice) => w.equals("--compress-choice=", choice),
            None => {}
        })],
        ..BASE
    },
    Flag {
        long: "old-compress",
        help: "--compress-choice=zlib",
        kind: Kind::Switch(|o, _| o.compress_choice = Some(b"zlib".to_vec())),
        ..BASE
    },
    Flag {
        long: "new-compress",
        help: "--compress-choice=zlibx",
        kind: Kind::Switch(|o, _| o.compress_choice = Some(b"zlibx".to_vec())),
        ..BASE
    },
    Flag {
        long: "compress-level",
        aliases: &["zl"],
        value: "NUM",
        help: "how hard to compress",
        kind: Kind::Number(|o, n| o.compress_level = Some(n)),
        remote: &[Travel::Words(40, Side::Both, |s, w| {
            if let Some(level) = s.options.compress_level {
                w.number("--compress-level=", level.into());
            }
        })],
        ..BASE
    },
    Flag {
        long: "compress-threads",
        aliases: &["zt"],
        value: "NUM",
        help: "threads for zstd",
        kind: Kind::Number(|o, n| o.compress_threads = n),
        ..BASE
    },
    Flag {
        long: "skip-compress",
        value: "LIST",
        help: "suffixes of files that need no compression",
        kind: Kind::Text(|o, text| {
            o.skip_compress = Some(text.to_vec());
            Ok(())
        }),
        remote: &[Travel::Words(240, Side::Pull, |s, w| {
            if let Some(list) = &s.options.skip_compress {
                w.equals("--skip-compress=", list);
            }
        })],
        ..BASE
    },
];

fn alt_dir(options: &mut Options, kind: AltKind, dir: &[u8]) -> Result<(), Error> {
    let option = kind.option();
    match options.alt_kind {
        Some(other) if other != kind => {
            let other = other.option();
            let text = format!("rsync: ERROR: the {option} option conflicts with the {other} option");
            return Err(Error::usage(text));
        }
        _ if options.alt_dirs.len() >= ALT_DIRS_MAX => {
            let text = format!("rsync: ERROR: at most {ALT_DIRS_MAX} {option} args may be specified");
            return Err(Error::usage(text));
        }
        _ => {}
    }
    options.alt_kind = Some(kind);
    options.alt_dirs.push(dir.to_vec());
    Ok(())
}
