//! Words to options, as rsync's option parser reads them (spec 4.2).
//!
//! One loop serves client and server; `--daemon` and its kin start over with the daemon's own table.

mod worker;

use super::aliases::Aliases;
use super::daemon::{self, DaemonOptions};
use super::data::Options;
use super::derive::derive;
use super::env::Env;
use super::flag::{self, Flag, Kind, Special};
use super::number;
use super::refuse::Refusals;
use crate::{Error, Exit};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
pub use worker::{Worker, parse_worker};

/// What surrounds a parse.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// Names of options that are refused because nothing acts on them.
    pub not_built: &'a [&'a str],
    /// The user's aliases; a server or daemon has none.
    pub aliases: Option<&'a Aliases>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Setup { not_built: super::NOT_BUILT, aliases: None }
    }
}

/// What a command line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print this on stdout and exit with success.
    Print(Vec<u8>),
    /// A client; [`super::plan()`] tells what it is to do.
    Client {
        /// Settled options.
        options: Box<Options>,
        /// What is left besides options.
        args: Vec<Vec<u8>>,
    },
    /// A server.
    Server(Server),
    /// A server whose real words follow in the stream.
    Secluded(Secluded),
    /// A daemon.
    Daemon(DaemonOptions),
}

/// A server's command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Settled options.
    pub options: Box<Options>,
    /// Where to start; clients always send `.`.
    pub directory: Vec<u8>,
    /// Sources of a sender; a receiver has one destination, or none to list.
    pub paths: Vec<Vec<u8>>,
}

/// A server that has seen `-s` and waits for its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secluded {
    /// What the visible words said: the roles, capabilities and `--iconv`.
    pub options: Box<Options>,
}

impl Secluded {
    /// Parses the words of the stream, of which the first is a program name.
    pub fn resume(self, words: &[Vec<u8>], env: &Env, setup: &Setup<'_>) -> Result<Command, Error> {
        let mut parser = Parser::new(words.get(1..).unwrap_or_default(), *setup, env);
        parser.options = *self.options;
        parser.resumed = true;
        parser.finish(env)
    }
}

/// Parses a command line, without the program's name.
pub fn parse(words: &[Vec<u8>], env: &Env) -> Result<Command, Error> {
    parse_with(words, env, &Setup::default())
}

/// Parses a command line in the given surroundings.
pub fn parse_with(words: &[Vec<u8>], env: &Env, setup: &Setup<'_>) -> Result<Command, Error> {
    match only_help(words) {
        Some(help) => Ok(help),
        None => Parser::new(words, *setup, env).finish(env),
    }
}

/// The same for a client that reads rules as it meets them: `check` sees the options so far before another word's mistake is
/// told, or a text is printed.
pub fn parse_checked(
    words: &[Vec<u8>],
    env: &Env,
    setup: &Setup<'_>,
    check: impl FnOnce(&Options) -> Result<(), Error>,
) -> Result<Command, Error> {
    if let Some(help) = only_help(words) {
        return Ok(help);
    }
    let mut parser = Parser::new(words, *setup, env);
    let early = match parser.decide(env) {
        Ok(None) => return parser.command(),
        Ok(Some(command)) => Ok(command),
        Err(error) => Err(error),
    };
    check(&parser.options)?;
    early
}

/// `-h` means human-readable numbers, except where there is nothing to print them for.
fn only_help(words: &[Vec<u8>]) -> Option<Command> {
    matches!(words, [word] if word == b"-h").then(|| Command::Print(super::help_text()))
}

/// Options with some words on top: what `--remote-option` says to the other half of a local copy.
pub fn with_words(options: Options, words: &[Vec<u8>]) -> Result<Options, Error> {
    let env = Env::default();
    let mut parser = Parser::new(words, Setup::default(), &env);
    parser.options = options;
    parser.run()?;
    let verbose = parser.options.verbose;
    parser.options.levels.imply_verbose(verbose);
    Ok(parser.options)
}

struct Word {
    bytes: Vec<u8>,
    /// The aliases that it came from, which it does not call again.
    from: Vec<usize>,
}

struct Parser<'a> {
    all: &'a [Vec<u8>],
    setup: Setup<'a>,
    pending: VecDeque<Word>,
    options: Options,
    args: Vec<Vec<u8>>,
    only_args: bool,
    first_arg_ends: bool,
    resumed: bool,
    /// In a daemon's worker: what is refused.
    refusals: Option<&'a Refusals>,
}

impl<'a> Parser<'a> {
    fn new(words: &'a [Vec<u8>], setup: Setup<'a>, env: &Env) -> Parser<'a> {
        Parser {
            all: words,
            setup,
            pending: words.iter().map(|word| Word { bytes: word.clone(), from: Vec::new() }).collect(),
            options: Options::default(),
            args: Vec::new(),
            only_args: false,
            first_arg_ends: env.posixly_correct,
            resumed: false,
            refusals: None,
        }
    }

    /// All there is to parsing, except for a worker.
    fn finish(mut self, env: &Env) -> Result<Command, Error> {
        match self.decide(env)? {
            Some(command) => Ok(command),
            None => self.command(),
        }
    }

    /// All words and what follows from them, or the command that one of them decides.
    fn decide(&mut self, env: &Env) -> Result<Option<Command>, Error> {
        match self.run()? {
            None => self.settle(env),
            decided => Ok(decided),
        }
    }

    /// What the options say is to be done.
    fn command(self) -> Result<Command, Error> {
        let waits = self.waits_for_words();
        let options = Box::new(self.options);
        if waits {
            return Ok(Command::Secluded(Secluded { options }));
        }
        if options.server && self.args.is_empty() && !self.resumed {
            return Err(Error::usage(super::help_text()));
        }
        if !options.server {
            return Ok(Command::Client { options, args: self.args });
        }
        let mut args = self.args.into_iter();
        let directory = args.next().unwrap_or_else(|| b".".to_vec());
        Ok(Command::Server(Server { options, directory, paths: args.collect() }))
    }

    /// A server that was told of secluded words has not seen them yet.
    fn waits_for_words(&self) -> bool {
        self.options.server && self.options.secluded_args == Some(true) && !self.resumed && self.args.is_empty()
    }

    /// All words, until one of them decides everything.
    fn run(&mut self) -> Result<Option<Command>, Error> {
        while let Some(word) = self.pending.pop_front() {
            let done = match word.bytes.as_slice() {
                _ if self.only_args => self.argument(word),
                b"--" => {
                    self.only_args = true;
                    None
                }
                [b'-', b'-', ..] => self.long(word)?,
                [b'-', _, ..] => self.cluster(word)?,
                _ => self.argument(word),
            };
            if done.is_some() {
                return Ok(done);
            }
        }
        Ok(None)
    }

    fn argument(&mut self, word: Word) -> Option<Command> {
        self.only_args |= self.first_arg_ends;
        self.args.push(word.bytes);
        None
    }

    /// `--name` or `--name=value`.
    fn long(&mut self, word: Word) -> Result<Option<Command>, Error> {
        let text = word.bytes.get(2..).unwrap_or_default();
        let equals = text.iter().position(|&b| b == b'=');
        let name = text.get(..equals.unwrap_or(text.len())).unwrap_or_default();
        let value = equals.and_then(|at| text.get(at + 1..));
        // Stock clients send a spelling that no stock server knows.
        let name = if name == b"use-qsort" && self.options.server { b"qsort".as_slice() } else { name };
        if self.expand_alias(name, &word.from, value, &[]) {
            return Ok(None);
        }
        let Some((flag, on)) = flag::by_name(name) else { return Err(self.refuse(&word.bytes, "unknown option")) };
        let takes_value = on && flag.takes_value();
        let refused = self.check_refused(flag, name);
        if refused.is_err() && !takes_value && value.is_none() {
            // Stock has stored it by then.
            self.apply(flag, on, &[], &word.bytes)?;
        }
        refused?;
        match value {
            Some(_) if !takes_value => Err(self.refuse(&word.bytes, "option does not take an argument")),
            Some(value) => self.apply(flag, on, value, &word.bytes),
            None if takes_value => self.apply_next(flag, &word.bytes),
            None => self.apply(flag, on, &[], &word.bytes),
        }
    }

    /// `-abc`, where a letter with a value takes the rest.
    fn cluster(&mut self, word: Word) -> Result<Option<Command>, Error> {
        let letters = word.bytes.get(1..).unwrap_or_default();
        for (at, &letter) in letters.iter().enumerate() {
            let rest = letters.get(at + 1..).unwrap_or_default();
            if self.expand_alias(&[letter], &word.from, None, rest) {
                return Ok(None);
            }
            let Some(flag) = flag::by_letter(letter) else { return Err(self.refuse(&word.bytes, "unknown option")) };
            self.check_refused(flag, &[letter])?;
            if flag.takes_value() {
                return match rest {
                    [] => self.apply_next(flag, &word.bytes),
                    [b'=', value @ ..] => self.apply(flag, true, value, &word.bytes),
                    value => self.apply(flag, true, value, &word.bytes),
                };
            }
            if rest.first() == Some(&b'=') {
                return Err(self.refuse(&word.bytes, "option does not take an argument"));
            }
            if let Some(command) = self.apply(flag, true, &[], &word.bytes)? {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    /// Applies an option to the word after `word`; errors about the value quote only that.
    fn apply_next(&mut self, flag: &Flag, word: &[u8]) -> Result<Option<Command>, Error> {
        match self.pending.pop_front() {
            Some(value) => self.apply(flag, true, &value.bytes, &value.bytes),
            None => Err(self.refuse(word, "missing argument")),
        }
    }

    fn apply(&mut self, flag: &Flag, on: bool, value: &[u8], word: &[u8]) -> Result<Option<Command>, Error> {
        if on {
            self.check_built(flag)?;
        }
        let options = &mut self.options;
        match flag.kind {
            _ if !on && flag.off.is_some() => {
                if let Some(off) = flag.off {
                    off(options);
                }
            }
            Kind::Bool(field) => *field(options) = on,
            Kind::Count(field) => {
                let field = field(options);
                *field = if on { field.saturating_add(1) } else { 0 };
            }
            Kind::Switch(set) => set(options, on),
            Kind::Number(set) => match number::integer(value) {
                Ok(number) => set(options, number),
                Err(reason) => return Err(self.refuse(word, reason)),
            },
            Kind::Size(rule, set) => {
                let size = number::size(flag.long, value, rule(options))?;
                set(options, size);
            }
            Kind::Text(set) => set(options, value)?,
            Kind::Levels(family) => {
                let help = options.levels.assign(family, value, options.server)?;
                return Ok(help.map(|text| Command::Print(text.into_bytes())));
            }
            Kind::Special(special) => return self.special(special),
        }
        Ok(None)
    }

    fn special(&mut self, special: Special) -> Result<Option<Command>, Error> {
        match special {
            Special::Help => return Ok(Some(Command::Print(super::help_text()))),
            Special::Server => self.options.server = true,
            Special::Sender if self.options.server => self.options.sender = true,
            Special::Sender => return Err(Error::usage(super::help_text())),
            Special::Daemon if self.refusals.is_some() => {
                return Ok(Some(Command::Daemon(DaemonOptions::default())));
            }
            Special::Daemon => return daemon::parse_daemon(self.all).map(Some),
        }
        Ok(None)
    }

    fn expand_alias(&mut self, name: &[u8], from: &[usize], value: Option<&[u8]>, rest: &[u8]) -> bool {
        let Some(aliases) = self.setup.aliases.filter(|_| !self.options.server) else { return false };
        let Some((index, words)) = aliases.find(name, from) else { return false };
        let mut from = from.to_vec();
        if !rest.is_empty() {
            let bytes = [b"-", rest].concat();
            self.pending.push_front(Word { bytes, from: from.clone() });
        }
        if let Some(value) = value {
            self.pending.push_front(Word { bytes: value.to_vec(), from: from.clone() });
        }
        from.push(index);
        for word in words.iter().rev() {
            self.pending.push_front(Word { bytes: word.clone(), from: from.clone() });
        }
        true
    }

    /// Nothing is accepted and then ignored.
    fn check_built(&self, flag: &Flag) -> Result<(), Error> {
        let name = flag.name();
        if !self.setup.not_built.iter().any(|missing| name.trim_start_matches('-') == *missing) {
            return Ok(());
        }
        if flag.long == "crtimes" {
            // As every rsync on Linux answers.
            return Err(Error::usage("rsync: This rsync does not support --crtimes (-N)"));
        }
        let error = self.refuse(name.as_bytes(), "this option is not built yet in syncline");
        Err(Error { exit: Exit::UNSUPPORTED, ..error })
    }

    fn check_refused(&self, flag: &Flag, spelling: &[u8]) -> Result<(), Error> {
        self.refusals.map_or(Ok(()), |refusals| refusals.check(flag, spelling))
    }

    fn refuse(&self, option: &[u8], reason: &str) -> Error {
        let prefix: &[u8] = if self.options.server { b"rsync: on remote machine: " } else { b"rsync: " };
        Error::usage([prefix, option, b": ", reason.as_bytes()].concat())
    }

    /// All words were read: what follows from them.
    fn settle(&mut self, env: &Env) -> Result<Option<Command>, Error> {
        let client = !self.options.server;
        match self.options.version {
            0 => {}
            count if count > 1 && client => {
                return Ok(Some(Command::Print(super::version::json(self.setup.not_built))));
            }
            _ => {
                return Ok(Some(Command::Print(super::version::text(self.setup.not_built))));
            }
        }
        if self.waits_for_words() {
            return Ok(None);
        }
        if client && self.options.iconv.is_none() && env.iconv.as_ref().is_some_and(|set| !set.is_empty()) {
            if let Some((flag, _)) = flag::by_name(b"iconv") {
                self.check_built(flag)?;
            }
            self.options.iconv.clone_from(&env.iconv);
        }
        if let Some(refusals) = self.refusals {
            refusals.adjust(&mut self.options)?;
        }
        derive(&mut self.options, self.args.len(), env)?;
        self.refusals.map_or(Ok(()), |refusals| refusals.check_implied(&self.options))?;
        Ok(None)
    }
}
