//! The help text, written by the rows (spec 4.15): scripts look there for option names.

use super::flag::{Flag, Group, flags};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const INTRODUCTION: &str = "\
Copies files, here or between two machines, and sends only what differs.

Usage: rsync [OPTION]... SRC [SRC]... DEST
  or   rsync [OPTION]... SRC [SRC]... [USER@]HOST:DEST
  or   rsync [OPTION]... SRC [SRC]... [USER@]HOST::DEST
  or   rsync [OPTION]... SRC [SRC]... rsync://[USER@]HOST[:PORT]/DEST
  or   rsync [OPTION]... [USER@]HOST:SRC [DEST]
  or   rsync [OPTION]... [USER@]HOST::SRC [DEST]
  or   rsync [OPTION]... rsync://[USER@]HOST[:PORT]/SRC [DEST]
A single colon means a remote shell, two colons or rsync:// a daemon, whose paths
begin with the name of a module.

Options
";

const END: &str = "
--no-OPTION              turn off an option, also one that another implies (e.g. --no-D)

Use \"rsync --daemon --help\" to see the options of the daemon.
";

const GROUPS: [(Group, &str); 6] = [
    (Group::Report, "What is shown"),
    (Group::Select, "What is transferred"),
    (Group::Preserve, "What is kept of it"),
    (Group::Transfer, "How it is transferred"),
    (Group::Delete, "What is removed"),
    (Group::Connect, "How the sides meet"),
];

/// The whole text, after the version.
pub fn help_text() -> Vec<u8> {
    let mut text = super::version::text(super::NOT_BUILT);
    text.push(b'\n');
    text.extend_from_slice(INTRODUCTION.as_bytes());
    for (group, title) in GROUPS {
        text.extend_from_slice(format!("\n{title}:\n").as_bytes());
        for flag in flags().filter(|flag| flag.group == group && !flag.help.is_empty()) {
            text.extend_from_slice(row(flag).as_bytes());
        }
    }
    text.extend_from_slice(END.as_bytes());
    text
}

fn row(flag: &Flag) -> String {
    let mut about = String::from(flag.help);
    if !flag.aliases.is_empty() {
        let names: Vec<_> = flag.aliases.iter().map(|name| format!("--{name}")).collect();
        about += &format!(" (also {})", names.join(", "));
    }
    line(flag.long, flag.short, flag.value, &about)
}

/// `--long=VALUE, -x` padded to column 26.
pub(super) fn line(long: &str, short: Option<char>, value: &str, about: &str) -> String {
    let mut option = match long {
        "" => String::new(),
        long => format!("--{long}"),
    };
    if !value.is_empty() {
        option += &format!("={value}");
    }
    if let Some(letter) = short {
        if !option.is_empty() {
            option += ", ";
        }
        option += &format!("-{letter}");
    }
    format!("{option:<24} {about}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_option_has_its_line() {
        let text = String::from_utf8(help_text()).unwrap();
        for flag in flags().filter(|flag| !flag.help.is_empty()) {
            let start = line(flag.long, flag.short, flag.value, "");
            assert!(text.contains(&format!("\n{}", start.trim_end())), "{}", flag.name());
            for alias in flag.aliases {
                assert!(text.contains(&format!("--{alias}")), "{alias}");
            }
        }
        for option in ["--no-motd", "--no-implied-dirs", "--no-whole-file", "--no-inc-recursive", "--no-OPTION"] {
            assert!(text.contains(option), "{option}");
        }
        assert!(text.contains("\n--verbose, -v            say more"));
        assert!(text.contains("\n-P                       --partial"));
    }
}
