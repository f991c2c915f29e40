//! `--info`, `--debug` and what `-v` means in their terms (spec 4.8).
//!
//! Two tables of words; every message asks for a level of one of them. A level that the user named always beats what
//! `-v`, `--stats` or `--progress` imply, whatever the order.

use crate::Error;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The highest level that can be asked for.
const LEVEL_MAX: u8 = 4;
/// From this `-v` count on nothing is added.
const VERBOSE_MAX: u32 = 5;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $table:ident, $($variant:ident $word:literal $sides:literal $help:literal)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the table holds their texts")]
        pub enum $name { $($variant),* }
        /// Word, the sides that act on it (c client, s sender, r receiver), and help.
        const $table: &[(&str, &str, &str)] = &[$(($word, $sides, $help)),*];
    };
}

words! {
    /// The words of `--info`.
    Info, INFO,
    Backup "BACKUP" "r" "Mention files that were backed up"
    Copy "COPY" "r" "Mention files that the receiving side copied locally"
    Del "DEL" "r" "Mention deletions on the receiving side"
    Flist "FLIST" "c" "Mention the sending or receiving of file lists (levels 1-2)"
    Misc "MISC" "sr" "Mention this and that (levels 1-2)"
    Mount "MOUNT" "sr" "Mention mount points that were found or skipped"
    Name "NAME" "sr" "Mention 1) names of updated items, 2) also unchanged ones"
    Nonreg "NONREG" "r" "Mention skipped non-regular files (default 1, 0 disables)"
    Progress "PROGRESS" "c" "Mention 1) progress of each file or 2) of the whole transfer"
    Remove "REMOVE" "s" "Mention files removed on the sending side"
    Skip "SKIP" "r" "Mention files that transfer rules skipped (levels 1-2)"
    Stats "STATS" "sr" "Mention statistics at the end of the run (levels 1-3)"
    Symsafe "SYMSAFE" "sr" "Mention symlinks that are unsafe"
}

words! {
    /// The words of `--debug`.
    Debug, DEBUG,
    Acl "ACL" "" "Debug access control lists"
    Backup "BACKUP" "" "Debug backups (levels 1-2)"
    Bind "BIND" "" "Debug the binding of sockets"
    Chdir "CHDIR" "" "Debug changes of the current directory"
    Connect "CONNECT" "" "Debug connections (levels 1-2)"
    Cmd "CMD" "" "Debug commands and their options (levels 1-2)"
    Del "DEL" "" "Debug deletions (levels 1-3)"
    Deltasum "DELTASUM" "" "Debug the checksums of delta transfers (levels 1-4)"
    Dup "DUP" "" "Debug the weeding of duplicate names"
    Exit "EXIT" "" "Debug the end of processes (levels 1-3)"
    Filter "FILTER" "" "Debug filter rules (levels 1-3)"
    Flist "FLIST" "" "Debug file lists (levels 1-4)"
    Fuzzy "FUZZY" "" "Debug the scores of similar names (levels 1-2)"
    Genr "GENR" "" "Debug the generator"
    Hash "HASH" "" "Debug hash tables"
    Hlink "HLINK" "" "Debug hard links (levels 1-3)"
    Iconv "ICONV" "" "Debug character set conversion (levels 1-2)"
    Io "IO" "" "Debug input and output (levels 1-4)"
    Nstr "NSTR" "" "Debug the negotiation of algorithms"
    Own "OWN" "" "Debug changes of users and groups (levels 1-2)"
    Proto "PROTO" "" "Debug the protocol"
    Recv "RECV" "" "Debug the receiver"
    Send "SEND" "" "Debug the sender"
    Time "TIME" "" "Debug the setting of times (levels 1-2)"
}

/// What each `-v` adds to the info levels, from none on.
const INFO_BY_VERBOSE: [&str; 3] =
    ["NONREG", "COPY,DEL,FLIST,MISC,NAME,STATS,SYMSAFE", "BACKUP,MISC2,MOUNT,NAME2,REMOVE,SKIP"];
/// What each `-v` adds to the debug levels, from none on.
const DEBUG_BY_VERBOSE: [&str; 6] = [
    "",
    "",
    "BIND,CONNECT,CMD,DEL,DELTASUM,DUP,FILTER,FLIST,ICONV",
    "ACL,BACKUP,CONNECT2,DEL2,DELTASUM2,EXIT,FILTER2,FLIST2,FUZZY,GENR,OWN,RECV,SEND,TIME",
    "CMD2,DEL3,DELTASUM3,EXIT2,FLIST3,ICONV2,OWN2,PROTO,TIME2",
    "CHDIR,DELTASUM4,FLIST4,FUZZY2,HASH,HLINK",
];

/// One word's level, and whether the user set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Level {
    level: u8,
    by_user: bool,
}

/// The levels in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    info: [Level; INFO.len()],
    debug: [Level; DEBUG.len()],
}

/// Which of the two options a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `--info`
    Info,
    /// `--debug`
    Debug,
}

impl Levels {
    /// The level of an info word.
    pub fn info(&self, word: Info) -> u8 {
        self.info.get(word as usize).map_or(0, |l| l.level)
    }

    /// The level of a debug word.
    pub fn debug(&self, word: Debug) -> u8 {
        self.debug.get(word as usize).map_or(0, |l| l.level)
    }

    /// Takes the words of one `--info` or `--debug`. A server ignores words that it does not know.
    ///
    /// Returns the help text if the words ask for it.
    pub fn assign(&mut self, family: Family, text: &[u8], server: bool) -> Result<Option<String>, Error> {
        for word in text.split(|&b| b == b',') {
            let (name, level) = split(word);
            if name.is_empty() && word.is_empty() {
                continue;
            }
            let all = name.eq_ignore_ascii_case(b"ALL");
            let none = name.eq_ignore_ascii_case(b"NONE");
            if name.eq_ignore_ascii_case(b"HELP") {
                return Ok(Some(help(family)));
            }
            let (table, levels) = self.table(family);
            let mut known = all || none;
            for (entry, slot) in table.iter().zip(levels) {
                if all || none || entry.0.as_bytes().eq_ignore_ascii_case(name) {
                    *slot = Level { level: if none { 0 } else { level }, by_user: true };
                    known = true;
                }
            }
            if !known && !server {
                let option = family.option();
                let mut text = format!("Unknown {option} item: \"").into_bytes();
                // As in stock, without its level.
                text.extend_from_slice(if name.is_empty() { word } else { name });
                text.push(b'"');
                return Err(Error::usage(text));
            }
        }
        Ok(None)
    }

    /// Adds what `verbose` times `-v` imply.
    pub(super) fn imply_verbose(&mut self, verbose: u32) {
        let count = verbose.min(VERBOSE_MAX) as usize + 1;
        for words in INFO_BY_VERBOSE.iter().take(count) {
            self.imply(Family::Info, words);
        }
        for words in DEBUG_BY_VERBOSE.iter().take(count) {
            self.imply(Family::Debug, words);
        }
    }

    /// Cuts every word down to what `verbose` times `-v` would imply: a daemon's `max verbosity`.
    pub fn limit(&mut self, verbose: u32) {
        if verbose > VERBOSE_MAX {
            return;
        }
        let mut most = Levels::default();
        most.imply_verbose(verbose);
        let pairs = self.info.iter_mut().zip(most.info).chain(self.debug.iter_mut().zip(most.debug));
        for (level, most) in pairs {
            level.level = level.level.min(most.level);
        }
    }

    /// Raises words that the user did not set.
    pub(super) fn imply(&mut self, family: Family, words: &str) {
        for word in words.as_bytes().split(|&b| b == b',') {
            let (name, level) = split(word);
            let (table, levels) = self.table(family);
            for (entry, slot) in table.iter().zip(levels) {
                if entry.0.as_bytes() == name && !slot.by_user {
                    slot.level = slot.level.max(level);
                }
            }
        }
    }

    /// The value of the `--info` that a server gets: what the user set and `side` acts on (spec 1.4.4, item 43).
    pub(super) fn forwarded(&self, side: char) -> Option<Vec<u8>> {
        let ours = || INFO.iter().zip(self.info).filter(|(entry, _)| entry.1.contains(side));
        let mut words = Vec::new();
        let mut usual = None;
        if ours().all(|(_, l)| l.by_user) {
            usual = ours().map(|(_, l)| l.level).find(|&n| ours().filter(|(_, l)| l.level == n).count() >= 5);
            words.extend(usual.map(|n| if n == 0 { String::from("NONE") } else { spell("ALL", n) }));
        }
        words.extend(
            ours().filter(|(_, l)| l.by_user && Some(l.level) != usual).map(|(entry, l)| spell(entry.0, l.level)),
        );
        if words.is_empty() { None } else { Some(words.join(",").into_bytes()) }
    }

    fn table(&mut self, family: Family) -> (&'static [(&'static str, &'static str, &'static str)], &mut [Level]) {
        match family {
            Family::Info => (INFO, &mut self.info),
            Family::Debug => (DEBUG, &mut self.debug),
        }
    }
}

impl Family {
    const fn option(self) -> &'static str {
        match self {
            Family::Info => "--info",
            Family::Debug => "--debug",
        }
    }
}

/// A word and its level: `DEL2` is 2, `DEL` is 1; nothing is above [`LEVEL_MAX`].
fn split(word: &[u8]) -> (&[u8], u8) {
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (name, digits) = word.split_at(word.len() - digits);
    if digits.is_empty() {
        return (name, 1);
    }
    let level = digits.iter().fold(0u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0')));
    (name, level.min(u32::from(LEVEL_MAX)) as u8)
}

fn spell(word: &str, level: u8) -> String {
    if level == 1 { String::from(word) } else { format!("{word}{level}") }
}

/// The text of `--info=help` and `--debug=help`, layout as stock prints it.
fn help(family: Family) -> String {
    let (table, by_verbose): (_, &[&str]) = match family {
        Family::Info => (INFO, &INFO_BY_VERBOSE),
        Family::Debug => (DEBUG, &DEBUG_BY_VERBOSE),
    };
    let option = family.option();
    let mut text = String::from("Use OPT or OPT1 for level 1 output, OPT2 for level 2, etc.; OPT0 silences.\n\n");
    for (word, _, about) in table {
        text += &format!("{word:<10} {about}\n");
    }
    text += &format!("\n{:<10} Set all {option} words (e.g. all4)\n", "ALL");
    text += &format!("{:<10} Silence all {option} words (same as all0)\n", "NONE");
    text += &format!("{:<10} Print this help\n\nWords added at each level of verbosity:\n", "HELP");
    for (count, words) in by_verbose.iter().enumerate().filter(|(_, words)| !words.is_empty()) {
        text += &format!("{count}) {words}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(verbose: u32, info: &[&str]) -> Levels {
        let mut levels = Levels::default();
        for text in info {
            levels.assign(Family::Info, text.as_bytes(), false).unwrap();
        }
        levels.imply_verbose(verbose);
        levels
    }

    #[test]
    fn verbosity_adds_words() {
        for (verbose, name, nonreg, skip, misc) in [(0, 0, 1, 0, 0), (1, 1, 1, 0, 1), (2, 2, 1, 1, 2), (9, 2, 1, 1, 2)]
        {
            let levels = levels(verbose, &[]);
            let got = [Info::Name, Info::Nonreg, Info::Skip, Info::Misc].map(|w| levels.info(w));
            assert_eq!(got, [name, nonreg, skip, misc], "-v x {verbose}");
        }
        let five = levels(5, &[]);
        assert_eq!((five.debug(Debug::Deltasum), five.debug(Debug::Io), five.debug(Debug::Hlink)), (4, 0, 1));
    }

    #[test]
    fn the_user_beats_verbosity() {
        let levels = levels(2, &["name0,SKIP2"]);
        assert_eq!((levels.info(Info::Name), levels.info(Info::Skip), levels.info(Info::Del)), (0, 2, 1));
    }

    #[test]
    fn words_are_case_blind_capped_and_checked() {
        let levels = levels(0, &["dEl99", ",,", "", "none2,progress2"]);
        assert_eq!((levels.info(Info::Del), levels.info(Info::Progress)), (0, 2));
        let mut levels = Levels::default();
        assert_eq!(levels.assign(Family::Debug, b"flist99", false), Ok(None));
        assert_eq!(levels.debug(Debug::Flist), 4);
        let error = levels.assign(Family::Info, b"del,de", false).unwrap_err();
        assert_eq!((error.text_lossy().as_str(), error.exit.0), ("Unknown --info item: \"de\"", 1));
        let error = levels.assign(Family::Debug, b"del9x", false).unwrap_err();
        assert_eq!(error.text_lossy(), "Unknown --debug item: \"del9x\"");
        assert_eq!(levels.assign(Family::Info, b"foo,name", true), Ok(None), "a server ignores unknown words");
        assert_eq!(levels.info(Info::Name), 1);
    }

    #[test]
    fn help_lists_every_word() {
        let mut levels = Levels::default();
        let text = levels.assign(Family::Info, b"name,help2", false).unwrap().unwrap();
        assert!(text.contains("\nSYMSAFE    Mention"));
        assert!(text.ends_with(
            "0) NONREG\n1) COPY,DEL,FLIST,MISC,NAME,STATS,SYMSAFE\n2) BACKUP,MISC2,MOUNT,NAME2,REMOVE,SKIP\n"
        ));
        let text = levels.assign(Family::Debug, b"HELP", false).unwrap().unwrap();
        assert!(DEBUG.iter().all(|(word, _, _)| text.contains(&format!("\n{word:<10} Debug"))));
        assert!(text.contains("\n2) BIND,"));
    }
}
