//! The configuration: global values, and modules in the order of their first appearance (spec 5.2).
//!
//! It is read twice: the listener reads the global part, up to the first module, and each worker reads all of it anew, so
//! that an edit needs no restart. A module takes a copy of all defaults at the moment it first appears.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::expand::{Env, expand};
use super::params::{self, Kind, P, Param, Scope, Value};
use super::parse::{HEADER, Line, Lines};
use super::values::Values;
use crate::trusted;

/// A module.
#[derive(Clone, Debug)]
pub struct Section {
    /// As its first header spells it; a `name` parameter changes under which name it is served.
    header: Vec<u8>,
    /// Its values.
    pub values: Values,
}

impl Section {
    /// A module of this name.
    pub fn new(name: Vec<u8>, values: Values) -> Section {
        Section { header: name, values }
    }

    /// The name that clients use.
    pub fn name(&self) -> &[u8] {
        match self.values.raw(P::Name) {
            b"" => &self.header,
            name => name,
        }
    }
}

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Global values, and defaults of module parameters.
    pub global: Values,
    /// All modules.
    pub modules: Vec<Section>,
}

impl Config {
    /// The module of exactly this name.
    pub fn module(&self, name: &[u8]) -> Option<&Section> {
        self.modules.iter().find(|module| module.name() == name)
    }
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Up to the first module header, wherever it stands.
    Globals,
    /// Everything.
    Whole,
}

/// Where a configuration comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// This file, whenever it is needed.
    File(&'a [u8]),
    /// It is there already.
    Ready(&'a Config),
}

impl Source<'_> {
    /// See [`load`].
    pub fn load(self, part: Part, overrides: &[Override], env: &Env, log: &mut Vec<Vec<u8>>) -> Option<Config> {
        match self {
            Source::File(path) => load(path, part, overrides, env, log),
            Source::Ready(config) => Some(config.clone()),
        }
    }
}

/// A name and a value from the command line (`--dparam`), which override the global section.
pub type Override = (Vec<u8>, Vec<u8>);

/// Why loading stops before the end.
enum Stop {
    /// The file can't be read or makes no sense; the reason is in the log.
    Failed,
    /// The first module, and only globals are wanted.
    Module,
}

/// Reads configuration files. What deserves a line in the log is collected in `log`, because the log isn't open yet.
struct Loader<'a> {
    part: Part,
    overrides: &'a [Override],
    overridden: bool,
    env: &'a Env,
    config: Config,
    /// The module that assignments go to; `None` in the global section.
    section: Option<usize>,
    depth: u32,
    log: &'a mut Vec<Vec<u8>>,
}

/// Files that include each other without end are cut off here.
const DEPTH_MAX: u32 = 32;

/// Loads a configuration. Lines for the log are appended to `log`; `None` if it is unusable, with the reason in the log.
pub fn load(path: &[u8], part: Part, overrides: &[Override], env: &Env, log: &mut Vec<Vec<u8>>) -> Option<Config> {
    let mut loader = Loader {
        part,
        overrides,
        overridden: false,
        env,
        config: Config { global: Values::defaults(), modules: Vec::new() },
        section: None,
        depth: 0,
        log,
    };
    let outcome = loader.file(path);
    loader.apply_overrides();
    match outcome {
        Ok(()) | Err(Stop::Module) => Some(loader.config),
        Err(Stop::Failed) => None,
    }
}

impl Loader<'_> {
    fn file(&mut self, path: &[u8]) -> Result<(), Stop> {
        let text = match trusted::read(path) {
            Ok(text) => text,
            Err(error) => {
                return Err(self.fail("rsync: [Receiver] unable to open config file", path, &error));
            }
        };
        self.depth += 1;
        let outcome = Lines::new(&text).try_for_each(|line| match line {
            Ok(line) => self.line(line),
            // Where only globals are wanted, stock looks no further than the bracket.
            Err(text) if self.part == Part::Globals && text.starts_with(HEADER) => Err(Stop::Module),
            Err(text) => {
                self.log.push(text);
                Err(Stop::Failed)
            }
        });
        self.depth -= 1;
        outcome
    }

    fn fail(&mut self, what: &str, path: &[u8], error: &std::io::Error) -> Stop {
        let reason = super::log::strerror(error);
        self.log.push([what.as_bytes(), b" \"", path, b"\": ", reason.as_bytes()].concat());
        Stop::Failed
    }

    fn line(&mut self, line: Line) -> Result<(), Stop> {
        match line {
            Line::Section(name) => self.header(name),
            Line::Assignment(name, value) => {
                self.assign(&name, &value);
                Ok(())
            }
            Line::Directive(word, path) => self.directive(&word, &path),
            Line::Ignored(text) => {
                self.log.push(text);
                Ok(())
            }
        }
    }

    fn header(&mut self, name: Vec<u8>) -> Result<(), Stop> {
        if params::same_name(&name, b"global") {
            self.section = None;
            return Ok(());
        }
        if name.contains(&b'/') {
            let text = b"Warning: invalid section name in configuration file: ";
            self.log.push([text, name.as_slice()].concat());
            return Err(Stop::Failed);
        }
        if self.part == Part::Globals {
            return Err(Stop::Module);
        }
        self.apply_overrides();
        let known = |module: &Section| params::same_name(&module.header, &name);
        let at = self.config.modules.iter().position(known).unwrap_or_else(|| {
            let values = self.config.global.clone();
            self.config.modules.push(Section { header: name, values });
            self.config.modules.len() - 1
        });
        self.section = Some(at);
        Ok(())
    }

    /// Overrides count from the end of the global section on.
    fn apply_overrides(&mut self) {
        if !self.overridden {
            self.overridden = true;
            let section = self.section.take();
            for (name, value) in self.overrides {
                self.assign(name, value);
            }
            self.section = section;
        }
    }

    fn assign(&mut self, name: &[u8], value: &[u8]) {
        let Some(param) = params::find(name) else {
            for what in [b"Unknown Parameter encountered: \"".as_slice(), b"IGNORING unknown parameter \""] {
                self.log.push([what, name, b"\""].concat());
            }
            return;
        };
        if self.section.is_some() && param.scope == Scope::Global {
            self.log.push([b"Global parameter ", name, b" found in module section!"].concat());
            return;
        }
        match self.value(param, value) {
            Some(value) => self.values().put(param.id, value),
            None if param.kind == Kind::Facility => {}
            None => self.log.push([b"Badly formed boolean in configuration file: \"", value, b"\"."].concat()),
        }
    }

    /// What isn't a text is expanded at once.
    fn value(&mut self, param: &Param, text: &[u8]) -> Option<Value> {
        if matches!(param.kind, Kind::Text | Kind::Path | Kind::Shell) {
            return param.parse(text);
        }
        match expand(text, self.env) {
            Ok(text) => param.parse(&text),
            Err(error) => {
                self.log.push(error.text);
                None
            }
        }
    }

    fn values(&mut self) -> &mut Values {
        match self.section {
            Some(at) => &mut self.config.modules[at].values,
            None => &mut self.config.global,
        }
    }

    fn directive(&mut self, word: &[u8], path: &[u8]) -> Result<(), Stop> {
        let (suffix, isolated): (&[u8], bool) = if word.eq_ignore_ascii_case(b"include") {
            (b".conf", true)
        } else if word.eq_ignore_ascii_case(b"merge") {
            (b".inc", false)
        } else {
            self.log.push([b"Unknown directive: &", word, b"."].concat());
            return Err(Stop::Failed);
        };
        if self.depth >= DEPTH_MAX {
            self.log.push([b"config files are nested too deeply: ", path].concat());
            return Err(Stop::Failed);
        }
        let files = self.included(path, suffix)?;
        for file in &files {
            // The listener's pass has no modules to protect, and keeps what included files set.
            let saved = (isolated && self.part == Part::Whole).then(|| self.config.global.clone());
            if isolated {
                self.section = None;
            }
            self.file(file)?;
            if let Some(saved) = saved {
                self.config.global = saved;
            }
        }
        if isolated && !files.is_empty() {
            self.section = None;
        }
        Ok(())
    }

    /// The files that a directive names: one, or those with a suffix in a directory.
    fn included(&mut self, path: &[u8], suffix: &[u8]) -> Result<Vec<Vec<u8>>, Stop> {
        let name = Path::new(OsStr::from_bytes(path));
        let kind = match std::fs::metadata(name) {
            Ok(metadata) => metadata.file_type(),
            Err(error) => {
                return Err(self.fail("rsync: [Receiver] unable to stat config file", path, &error));
            }
        };
        if kind.is_file() {
            return Ok(vec![path.to_vec()]);
        }
        let entries = match std::fs::read_dir(name) {
            Ok(entries) => entries,
            Err(error) => {
                return Err(self.fail("rsync: [Receiver] unable to open config dir", path, &error));
            }
        };
        let names = entries.flatten().map(|entry| entry.file_name().as_bytes().to_vec());
        let mut names: Vec<Vec<u8>> = names.filter(|name| name.ends_with(suffix)).collect();
        names.sort();
        Ok(names.iter().map(|name| [path, b"/", name].concat()).collect())
    }
}

#[cfg(test)]
mod tests;
