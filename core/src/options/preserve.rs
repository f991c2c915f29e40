//! Options about links, attributes and owners.

use super::chmod::Chmod;
use super::data::{Options, OwnerMap, Super};
use super::flag::{Flag, Group, Kind, Side, Travel};
use crate::Error;

const BASE: Flag = Flag { group: Group::Preserve, ..Flag::BASE };

/// The rows.
pub static FLAGS: &[Flag] = &[
    Flag {
        long: "links",
        short: Some('l'),
        negations: &["no-links", "no-l"],
        help: "copy symlinks as symlinks",
        kind: Kind::Bool(|o| &mut o.links),
        remote: &[Travel::Letter(7, Side::Both, |s| usize::from(s.options.links))],
        ..BASE
    },
    Flag {
        long: "copy-links",
        short: Some('L'),
        help: "copy what symlinks point to",
        kind: Kind::Bool(|o| &mut o.copy_links),
        remote: &[Travel::Letter(14, Side::Pull, |s| usize::from(s.options.copy_links))],
        ..BASE
    },
    Flag {
        long: "copy-unsafe-links",
        help: "copy what symlinks point to that leave the tree",
        kind: Kind::Bool(|o| &mut o.copy_unsafe_links),
        remote: &[Travel::Word(330, Side::Both, |s| s.options.copy_unsafe_links)],
        ..BASE
    },
    Flag {
        long: "safe-links",
        help: "leave out symlinks that leave the tree",
        kind: Kind::Bool(|o| &mut o.safe_links),
        remote: &[Travel::Word(340, Side::Both, |s| s.options.safe_links)],
        ..BASE
    },
    Flag {
        long: "munge-links",
        negations: &["no-munge-links"],
        help: "store symlinks in a form that can not be followed",
        kind: Kind::Bool(|o| &mut o.munge_links),
        ..BASE
    },
    Flag {
        long: "insecure-links",
        negations: &["no-insecure-links"],
        help: "follow symlinks of other users in the paths that you give",
        kind: Kind::Bool(|o| &mut o.insecure_links),
        ..BASE
    },
    Flag {
        long: "confine-root",
        value: "DIR",
        help: "refuse given paths that lead out of DIR",
        kind: Kind::Text(|o, text| {
            o.confine_root = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "copy-dirlinks",
        short: Some('k'),
        help: "copy the directories that symlinks point to",
        kind: Kind::Bool(|o| &mut o.copy_dirlinks),
        remote: &[Travel::Letter(15, Side::Pull, |s| usize::from(s.options.copy_dirlinks))],
        ..BASE
    },
    Flag {
        long: "keep-dirlinks",
        short: Some('K'),
        help: "use a symlink to a directory as that directory",
        kind: Kind::Bool(|o| &mut o.keep_dirlinks),
        remote: &[Travel::Letter(9, Side::Push, |s| usize::from(s.options.keep_dirlinks))],
        ..BASE
    },
    Flag {
        long: "hard-links",
        short: Some('H'),
        negations: &["no-hard-links", "no-H"],
        help: "keep hard links",
        kind: Kind::Count(|o| &mut o.hard_links),
        remote: &[Travel::Letter(17, Side::Both, |s| s.options.hard_links.min(2) as usize)],
        ..BASE
    },
    Flag {
        long: "perms",
        short: Some('p'),
        negations: &["no-perms", "no-p"],
        help: "keep permissions",
        kind: Kind::Bool(|o| &mut o.perms),
        remote: &[Travel::Letter(24, Side::Both, |s| usize::from(s.options.perms))],
        ..BASE
    },
    Flag {
        long: "executability",
        short: Some('E'),
        help: "keep whether files are executable",
        kind: Kind::Bool(|o| &mut o.executability),
        remote: &[Travel::Letter(25, Side::Push, |s| usize::from(s.options.executability && !s.options.perms))],
        ..BASE
    },
    Flag { long: "chmod", value: "CHMOD", help: "change permissions on the way", kind: Kind::Text(chmod), ..BASE },
    Flag {
        long: "acls",
        short: Some('A'),
        negations: &["no-acls", "no-A"],
        help: "keep access control lists (implies -p)",
        kind: Kind::Switch(|o, on| {
            o.acls = on;
            o.perms |= on;
        }),
        remote: &[Travel::Letter(26, Side::Both, |s| usize::from(s.options.acls))],
        ..BASE
    },
    Flag {
        long: "xattrs",
        short: Some('X'),
        negations: &["no-xattrs", "no-X"],
        help: "keep extended attributes",
        kind: Kind::Count(|o| &mut o.xattrs),
        remote: &[Travel::Letter(27, Side::Both, |s| s.options.xattrs.min(2) as usize)],
        ..BASE
    },
    Flag {
        long: "owner",
        short: Some('o'),
        negations: &["no-owner", "no-o"],
        help: "keep owners (needs privileges)",
        kind: Kind::Bool(|o| &mut o.owner),
        remote: &[Travel::Letter(18, Side::Both, |s| usize::from(s.options.owner))],
        ..BASE
    },
    Flag {
        long: "group",
        short: Some('g'),
        negations: &["no-group", "no-g"],
        help: "keep groups",
        kind: Kind::Bool(|o| &mut o.group),
        remote: &[Travel::Letter(19, Side::Both, |s| usize::from(s.options.group))],
        ..BASE
    },
    Flag {
        short: Some('D'),
        negations: &["no-D"],
        help: "--devices and --specials",
        kind: Kind::Switch(|o, on| (o.devices, o.specials) = (on, on)),
        remote: &[Travel::Letter(20, Side::Both, |s| usize::from(s.options.devices))],
        ..BASE
    },
    Flag {
        long: "devices",
        negations: &["no-devices"],
        help: "keep device files (needs privileges)",
        kind: Kind::Bool(|o| &mut o.devices),
        ..BASE
    },
    Flag {
        long: "specials",
        negations: &["no-specials"],
        help: "keep sockets and fifos",
        kind: Kind::Bool(|o| &mut o.specials),
        remote: &[Travel::Words(50, Side::Both, |s, w| match (s.options.devices, s.options.specials) {
            (true, false) => w.word("--no-specials"),
            (false, true) => w.word("--specials"),
            _ => {}
        })],
        ..BASE
    },
    Flag {
        long: "drop-D",
        negations: &["no-drop-D"],
        help: "as a receiver, create neither devices nor specials",
        kind: Kind::Bool(|o| &mut o.drop_devices),
        ..BASE
    },
    Flag {
        long: "times",
        short: Some('t'),
        negations: &["no-times", "no-t"],
        help: "keep modification times",
        kind: Kind::Bool(|o| &mut o.times),
        remote: &[Travel::Letter(21, Side::Both, |s| usize::from(s.options.times))],
        ..BASE
    },
    Flag {
        long: "atimes",
        short: Some('U'),
        negations: &["no-atimes", "no-U"],
        help: "keep access times; twice: do not change them by reading",
        kind: Kind::Count(|o| &mut o.atimes),
        remote: &[Travel::Letter(22, Side::Both, |s| s.options.atimes.min(2) as usize)],
        ..BASE
    },
    Flag {
        long: "open-noatime",
        negations: &["no-open-noatime"],
        help: "do not change access times by reading",
        kind: Kind::Bool(|o| &mut o.open_noatime),
        remote: &[Travel::Word(530, Side::Both, |s| s.options.open_noatime && s.options.atimes < 2)],
        ..BASE
    },
    Flag {
        long: "crtimes",
        short: Some('N'),
        negations: &["no-crtimes", "no-N"],
        help: "keep creation times",
        kind: Kind::Bool(|o| &mut o.crtimes),
        remote: &[Travel::Letter(23, Side::Both, |s| usize::from(s.options.crtimes))],
        ..BASE
    },
    Flag {
        long: "omit-dir-times",
        short: Some('O'),
        negations: &["no-omit-dir-times", "no-O"],
        help: "leave directories out of -t",
        kind: Kind::Bool(|o| &mut o.omit_dir_times_asked),
        // A server concludes the form that a plain backup implies by itself.
        remote: &[Travel::Letter(11, Side::Push, |s| {
            usize::from(s.options.omit_dir_times_asked && !s.options.backs_up_in_place())
        })],
        ..BASE
    },
    Flag {
        long: "omit-link-times",
        short: Some('J'),
        negations: &["no-omit-link-times", "no-J"],
        help: "leave symlinks out of -t",
        kind: Kind::Bool(|o| &mut o.omit_link_times),
        remote: &[Travel::Letter(12, Side::Push, |s| usize::from(s.options.omit_link_times))],
        ..BASE
    },
    Flag {
        long: "super",
        negations: &["no-super"],
        help: "let the receiver try what needs privileges",
        kind: Kind::Switch(|o, on| o.super_mode = if on { Super::On } else { Super::Off }),
        remote: &[Travel::Word(210, Side::Push, |s| s.options.super_mode == Super::On)],
        ..BASE
    },
    Flag {
        long: "fake-super",
        help: "keep privileged attributes in extended attributes",
        kind: Kind::Switch(|o, _| o.super_mode = Super::Fake),
        ..BASE
    },
    Flag {
        long: "numeric-ids",
        negations: &["no-numeric-ids"],
        help: "keep user and group numbers, not names",
        kind: Kind::Bool(|o| &mut o.numeric_ids),
        remote: &[Travel::Word(350, Side::Both, |s| s.options.numeric_ids)],
        ..BASE
    },
    Flag {
        long: "usermap",
        value: "STRING",
        help: "replace users by this map",
        kind: Kind::Text(|o, text| {
            refuse_second_map(&o.usermap, "user")?;
            o.usermap = Some(OwnerMap { text: text.to_vec(), by_chown: false });
            // A server goes by the letters that its client sent.
            o.owner |= !o.server;
            Ok(())
        }),
        remote: &[Travel::Words(370, Side::Push, |s, w| {
            if let Some(map) = &s.options.usermap {
                w.equals("--usermap=", &map.text);
            }
        })],
        ..BASE
    },
    Flag {
        long: "groupmap",
        value: "STRING",
        help: "replace groups by this map",
        kind: Kind::Text(|o, text| {
            refuse_second_map(&o.groupmap, "group")?;
            o.groupmap = Some(OwnerMap { text: text.to_vec(), by_chown: false });
            o.group |= !o.server;
            Ok(())
        }),
        remote: &[Travel::Words(375, Side::Push, |s, w| {
            if let Some(map) = &s.options.groupmap {
                w.equals("--groupmap=", &map.text);
            }
        })],
        ..BASE
    },
    Flag {
        long: "chown",
        value: "USER:GROUP",
        help: "give everything this owner and group",
        kind: Kind::Text(chown),
        ..BASE
    },
    Flag {
        long: "copy-as",
        value: "USER[:GROUP]",
        help: "do this side of the copy as another user",
        kind: Kind::Text(|o, text| {
            o.copy_as = Some(text.to_vec());
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "iconv",
        value: "CONVERT_SPEC",
        negations: &["no-iconv"],
        help: "convert the character set of names",
        kind: Kind::Text(|o, text| {
            o.iconv = Some(text.to_vec());
            Ok(())
        }),
        // A lone dash also beats the default that the environment sets.
        off: Some(|o| o.iconv = Some(b"-".to_vec())),
        remote: &[Travel::Words(10, Side::Both, |s, w| {
            if let Some(spec) = &s.options.iconv {
                let set = spec.iter().position(|&b| b == b',').and_then(|at| spec.get(at + 1..)).unwrap_or(spec);
                w.equals("--iconv=", set);
            }
        })],
        ..BASE
    },
];

fn chmod(options: &mut Options, text: &[u8]) -> Result<(), Error> {
    let parsed = Chmod::parse(text)
        .ok_or_else(|| Error::usage([b"rsync: Invalid argument passed to --chmod (", text, b")"].concat()))?;
    options.chmod.get_or_insert_with(Chmod::default).append(parsed);
    Ok(())
}

fn refuse_second_map(map: &Option<OwnerMap>, what: &str) -> Result<(), Error> {
    let text = match map {
        None => return Ok(()),
        Some(map) if map.by_chown => {
            alloc::format!("rsync: --{what}map conflicts with prior --chown.")
        }
        Some(_) => alloc::format!("rsync: You can only specify --{what}map once."),
    };
    Err(Error::usage(text))
}

/// `USER:GROUP`, either part may be missing: maps of everybody to that one.
fn chown(options: &mut Options, text: &[u8]) -> Result<(), Error> {
    let colon = text.iter().position(|&b| b == b':').unwrap_or(text.len());
    let parts = [
        ("user", text.get(..colon), &mut options.usermap, &mut options.owner),
        ("group", text.get(colon + 1..), &mut options.groupmap, &mut options.group),
    ];
    for (what, name, map, keep) in parts {
        let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
        match map {
            Some(map) if map.by_chown => {
                let text = alloc::format!("rsync: You can only specify a {what}-affecting --chown once.");
                return Err(Error::usage(text));
            }
            Some(_) => {
                return Err(Error::usage(alloc::format!("rsync: --chown conflicts with prior --{what}map.")));
            }
            None => {}
        }
        *map = Some(OwnerMap { text: [b"*:", name].concat(), by_chown: true });
        *keep = true;
    }
    Ok(())
}
