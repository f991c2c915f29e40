//! The words that start a server: options condensed into letters and long words, a dot, and the paths (spec 1.4.2 to 1.4.7).
//!
//! ```text
//! --server [--sender] [-LETTERS] [--iconv=SET] long words ... -M words ... . PATH ...
//!                                             ^ with secluded args everything from here on travels in the stream
//! ```

use super::capabilities::Capabilities;
use super::data::{Append, Delete, Options};
use super::escape::{escape_path, escape_value};
use super::flag::{Side, Travel, flags};
use alloc::format;
use alloc::vec::Vec;

/// What carries the words, which decides how they are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A remote shell: values and paths are escaped.
    Shell,
    /// A daemon's socket: values are escaped, paths are not.
    Daemon,
}

/// A transfer about to be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The settled options of the client.
    pub options: &'a Options,
    /// The client sends.
    pub push: bool,
    /// The protocol that the client announces.
    pub protocol: u32,
    /// How the words travel.
    pub link: Link,
    /// The remote paths, as typed: one for a push. For a daemon each starts with the module.
    pub paths: &'a [Vec<u8>],
}

/// The words in sending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerWords {
    /// The command line, or the first argument block of a daemon.
    pub visible: Vec<Vec<u8>>,
    /// With secluded args: what follows in the stream (see [`super::secluded`]).
    pub secluded: Option<Vec<Vec<u8>>>,
}

impl Outgoing<'_> {
    /// Any kind of deletion is asked for.
    pub(super) fn deletes(&self) -> bool {
        self.options.delete != Delete::Off
    }

    /// The server learns of `--files-from`.
    pub(super) fn files_from_is_sent(&self) -> bool {
        self.options.files_from.as_ref().is_some_and(|list| list.host.is_some() || !self.push)
    }

    /// `--append` implies in-place and stands for it.
    pub(super) fn inplace_is_sent(&self) -> bool {
        self.options.inplace && self.options.append == Append::Off
    }

    fn applies(&self, side: Side) -> bool {
        match side {
            Side::Both => true,
            Side::Push => self.push,
            Side::Pull => !self.push,
        }
    }

    /// The words of this transfer.
    pub fn words(&self) -> ServerWords {
        let secluded = self.options.secluded_args == Some(true);
        let mut visible = alloc::vec![b"--server".to_vec()];
        if !self.push {
            visible.push(b"--sender".to_vec());
        }
        let cluster = self.cluster();
        if cluster.len() > 1 {
            visible.push(cluster);
        }
        let mut rest = self.long_words();
        // The character set stays visible: the server needs it to read the secluded words.
        let iconv = rest.iter().take_while(|word| word.starts_with(b"--iconv=")).count();
        visible.extend(rest.drain(..iconv));
        rest.push(b".".to_vec());
        rest.extend(self.paths.iter().map(|path| self.path_word(path)));
        if secluded {
            return ServerWords { visible, secluded: Some(rest) };
        }
        visible.extend(rest);
        ServerWords { visible, secluded: None }
    }

    /// `-` and the letters, capabilities last.
    fn cluster(&self) -> Vec<u8> {
        let mut letters = Vec::new();
        for flag in flags() {
            for travel in flag.remote {
                if let (Travel::Letter(place, side, times), Some(letter)) = (travel, flag.short)
                    && self.applies(*side)
                {
                    letters.push((*place, letter as u8, times(self)));
                }
            }
        }
        letters.sort_by_key(|(place, _, _)| *place);
        let mut cluster = b"-".to_vec();
        for (_, letter, times) in letters {
            cluster.extend(core::iter::repeat_n(letter, times));
        }
        if self.protocol >= 30 {
            cluster.push(b'e');
            cluster.extend(Capabilities::of_client(self.options, self.push).encode());
        }
        cluster
    }

    fn long_words(&self) -> Vec<Vec<u8>> {
        let mut places = Vec::new();
        for flag in flags() {
            for travel in flag.remote {
                match travel {
                    Travel::Word(place, side, _) | Travel::Words(place, side, _) if self.applies(*side) => {
                        places.push((*place, flag, travel));
                    }
                    _ => {}
                }
            }
        }
        places.sort_by_key(|(place, _, _)| *place);
        let mut words = Words { words: Vec::new(), escape: Escape::of(self.options) };
        for (_, flag, travel) in places {
            match travel {
                Travel::Word(_, _, sent) if sent(self) => words.word(&flag.name()),
                Travel::Words(_, _, write) => write(self, &mut words),
                _ => {}
            }
        }
        words.words
    }

    /// A path word, protected as the link needs it.
    fn path_word(&self, path: &[u8]) -> Vec<u8> {
        let path = if path.is_empty() { b"." } else { path };
        let old_args = self.options.old_args.unwrap_or(0) > 0;
        let mut word = match self.link {
            Link::Daemon if old_args => path.to_vec(),
            Link::Daemon => self.module_word(path),
            Link::Shell if old_args || self.options.secluded_args == Some(true) => path.to_vec(),
            Link::Shell if self.tilde_is_literal(path) => [b"\\", &escape_path(path)[..]].concat(),
            Link::Shell => escape_path(path),
        };
        if word.first() == Some(&b'-') {
            word.splice(0..0, *b"./");
        }
        word
    }

    /// On a pull, a `~` that could only be a file name, and would not be checked against the request if it were expanded.
    fn tilde_is_literal(&self, path: &[u8]) -> bool {
        let trusted =
            self.options.trust_sender || self.options.files_from.as_ref().is_some_and(|list| list.host.is_some());
        let has_directory =
            if self.options.relative { path.windows(3).any(|part| part == b"/./") } else { path.contains(&b'/') };
        !self.push && path.first() == Some(&b'~') && !trusted && !has_directory
    }

    /// A daemon splits words at ` MODULE/`; a blank inside a set is not split at.
    fn module_word(&self, path: &[u8]) -> Vec<u8> {
        let module = self.paths.first().map_or(&b""[..], |first| first.split(|&b| b == b'/').next().unwrap_or(first));
        let needle = [b" ", module, b"/"].concat();
        let mut word = Vec::with_capacity(path.len());
        let mut rest = path;
        while let Some(&byte) = rest.first() {
            if rest.starts_with(&needle) {
                word.extend_from_slice(b"[ ]");
            } else {
                word.push(byte);
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        if path == module {
            word.push(b'/');
        }
        word
    }
}

/// Collects long words, escaping values as the user's `--old-args` allows.
#[derive(Debug)]
pub struct Words {
    words: Vec<Vec<u8>>,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    All,
    Values,
    Nothing,
}

impl Escape {
    fn of(options: &Options) -> Escape {
        match options.old_args.unwrap_or(0) {
            _ if options.secluded_args == Some(true) => Escape::Nothing,
            0 => Escape::All,
            1 => Escape::Values,
            _ => Escape::Nothing,
        }
    }
}

impl Words {
    fn value(&self, value: &[u8]) -> Vec<u8> {
        if self.escape == Escape::Nothing { value.to_vec() } else { escape_value(value) }
    }

    /// A word that needs no protection.
    pub(super) fn word(&mut self, word: &str) {
        self.words.push(word.as_bytes().to_vec());
    }

    /// The same, for bytes.
    pub(super) fn raw(&mut self, word: Vec<u8>) {
        self.words.push(word);
    }

    /// `--name=VALUE`; `prefix` holds the equals sign.
    pub(super) fn equals(&mut self, prefix: &str, value: &[u8]) {
        let word = [prefix.as_bytes(), &self.value(value)].concat();
        self.words.push(word);
    }

    /// `--name=N`.
    pub(super) fn number(&mut self, prefix: &str, value: i64) {
        self.words.push(format!("{prefix}{value}").into_bytes());
    }

    /// Two words, so that a `~` in front of the value is the shell's to expand.
    pub(super) fn pair(&mut self, name: &str, value: &[u8]) {
        self.word(name);
        let value = self.value(value);
        self.words.push(value);
    }

    /// A `-M` value: the first `--old-args` frees it.
    pub(super) fn remote_option(&mut self, value: &[u8]) {
        let word = if self.escape == Escape::All { escape_value(value) } else { value.to_vec() };
        self.words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon_words(options: &Options, push: bool, paths: &[&str]) -> Vec<alloc::string::String> {
        let paths: Vec<_> = paths.iter().map(|p| p.as_bytes().to_vec()).collect();
        let outgoing = Outgoing { options, push, protocol: 32, link: Link::Daemon, paths: &paths };
        let words = outgoing.words();
        let all = words.visible.into_iter().chain(words.secluded.into_iter().flatten());
        all.map(|w| alloc::string::String::from_utf8(w).unwrap()).collect()
    }

    #[test]
    fn paths_of_a_daemon_are_raw_but_can_not_be_split() {
        let options = Options { suffix: Some(b".o d".to_vec()), backup: true, ..Options::default() };
        let words = daemon_words(&options, false, &["pub/a b*", "pub", "pub/x pub/y pub/z", "-x", "~", "other/pub/x"]);
        let expect = [
            "--server",
            "--sender",
            "-be.LsfxCIvu",
            "--suffix=.o\\ d",
            ".",
            "pub/a b*",
            "pub/",
            "pub/x[ ]pub/y[ ]pub/z",
            "./-x",
            "~",
            "other/pub/x",
        ];
        assert_eq!(words, expect);
        let old = Options { old_args: Some(1), ..Options::default() };
        assert_eq!(daemon_words(&old, true, &["pub/x pub/y"]), ["--server", "-e.LsfxCIvu", ".", "pub/x pub/y"]);
    }
}
