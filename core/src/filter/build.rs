//! From options and files to a list of rules (spec 4.17.1 - 4.17.4).
//!
//! A [`Builder`] is given rules as the options come, and works through them. Where a rule names a file, it stops and says
//! so; the host's answer goes on top of what it is working on:
//!
//! ```text
//!   --filter='. F'  ──►  stack: [ options ]  ──►  NeedFile F  ──►  [ options, F ]  ──►  … NeedFile G …  ──►  [ options ]
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use super::cvs;
use super::list::FilterList;
use super::parse::{Kind, Parsed, old_style, parse};
use super::pattern::Pattern;
use super::rule::{Action, Choice, DirMerge, Rule, Sides, Template};
use crate::{Error, Exit, limits};

mod source;

use source::{Origin, Source};

/// How deep files may name files.
const DEPTH_MAX: usize = 32;
/// How many per-directory files may be in use at once: each may name others, and they are matched recursively.
const MERGES_MAX: usize = 64;

/// A file that is needed to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeedFile {
    /// A file named by a rule; `-` is standard input.
    Named {
        /// Its name as it was written.
        name: Vec<u8>,
        /// The name was in a file of this directory of the transfer: a name with a slash counts from there, another one from
        /// the transfer root (as stock has it).
        in_dir: Option<Vec<u8>>,
    },
    /// `.cvsignore` in the user's home directory; may be missing.
    HomeCvsIgnore,
}

/// Why a file could not be read: what the system says and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What `strerror` says.
    pub text: Vec<u8>,
    /// The error number.
    pub code: i32,
}

/// Something that was added, and the options as they were then.
#[derive(Debug)]
struct Input {
    what: What,
    current: Current,
}

/// Options that come in an order.
#[derive(Clone, Copy, Debug)]
struct Current {
    delete_excluded: bool,
    from0: bool,
    cvs_perishable: bool,
}

#[derive(Debug)]
enum What {
    Rule(Source),
    File { name: Vec<u8>, template: Template, bare: Choice },
    Ready(Box<Rule>),
}

/// A step of the work.
#[derive(Debug)]
enum Frame {
    Rules(Source),
    /// Ask for the user's `.cvsignore`.
    HomeCvsIgnore,
}

/// A file that was asked for.
#[derive(Debug)]
struct Wanted {
    need: NeedFile,
    template: Template,
    bare: Choice,
    /// What names it, if that is itself in a file.
    named_at: Option<Vec<u8>>,
}

/// Builds a list of rules.
#[derive(Debug)]
pub struct Builder {
    /// `--delete-excluded` was given: rules without a side are the sender's. Set it when the option comes.
    pub delete_excluded: bool,
    /// `--from0` was given: files end their rules in NUL. Set it when the option comes.
    pub from0: bool,
    /// The built-in CVS names are perishable: protocol 30 and later. Set it when the option comes.
    pub cvs_perishable: bool,
    /// `$CVSIGNORE`.
    pub cvsignore: Vec<u8>,
    /// How error texts call this process.
    pub role: &'static str,
    /// Things to tell the user that are no errors.
    pub warnings: Vec<Vec<u8>>,
    /// Memory for rules that came from a client.
    pub(super) received_bytes: usize,
    rules: Vec<Rule>,
    inputs: VecDeque<Input>,
    /// The options of the input that is worked through.
    current: Current,
    stack: Vec<Frame>,
    wanted: Option<Wanted>,
    slots: u32,
    /// Where the rules of the CVS list that is being collected start.
    cvs_start: usize,
    /// A `!` was met: with per-directory files, what was inherited is cleared too.
    cleared: bool,
    /// The directory of the per-directory file that is read.
    dir: Option<Vec<u8>>,
    /// Basenames of per-directory files that are in use already.
    known_merges: Vec<Vec<u8>>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            delete_excluded: false,
            from0: false,
            cvs_perishable: true,
            cvsignore: Vec::new(),
            role: "client",
            warnings: Vec::new(),
            received_bytes: 0,
            rules: Vec::new(),
            inputs: VecDeque::new(),
            current: Current { delete_excluded: false, from0: false, cvs_perishable: true },
            stack: Vec::new(),
            wanted: None,
            slots: 0,
            cvs_start: 0,
            cleared: false,
            dir: None,
            known_merges: Vec::new(),
        }
    }
}

impl Builder {
    /// An empty list.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// How many rules there are so far.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// A builder for the rules of a per-directory file of `dir`.
    pub(super) fn for_dir(
        dir: &[u8],
        slots: u32,
        known_merges: Vec<Vec<u8>>,
        delete_excluded: bool,
        from0: bool,
    ) -> Builder {
        let current = Current { delete_excluded, from0, cvs_perishable: true };
        Builder { dir: Some(dir.to_vec()), slots, known_merges, delete_excluded, from0, current, ..Builder::default() }
    }

    /// Adds the value of `--filter`. An empty one is ignored.
    pub fn filter(&mut self, rule: &[u8]) {
        self.option(rule, Template::default(), Choice::Exclude);
    }

    /// Adds the value of `--exclude` or `--include`. An empty one is ignored.
    pub fn pattern(&mut self, choice: Choice, value: &[u8]) {
        self.option(value, Template { old_style: true, ..Template::default() }, choice);
    }

    /// Adds the file of `--exclude-from` or `--include-from`.
    pub fn patterns_from(&mut self, choice: Choice, name: &[u8]) {
        let template = Template { old_style: true, nul: self.from0, ..Template::default() };
        self.add(What::File { name: name.to_vec(), template, bare: choice });
    }

    /// Adds a rule that needs no parsing.
    pub fn rule(&mut self, rule: Rule) {
        self.add(What::Ready(Box::new(rule)));
    }

    fn add(&mut self, what: What) {
        let Builder { delete_excluded, from0, cvs_perishable, .. } = *self;
        self.inputs.push_back(Input { what, current: Current { delete_excluded, from0, cvs_perishable } });
    }

    fn option(&mut self, value: &[u8], template: Template, bare: Choice) {
        if !value.is_empty() {
            self.add(What::Rule(Source::new(value.to_vec(), template, bare, Origin::Option)));
        }
    }

    /// Adds the contents of a per-directory file.
    pub(super) fn dir_file(&mut self, path: &[u8], bytes: Vec<u8>, merge: &DirMerge) {
        let origin = match merge.is_nested {
            true => Origin::Nested(b"a file read earlier".to_vec()),
            false => Origin::File(path.to_vec()),
        };
        let source = Source::new(bytes, merge.template, Choice::Exclude, origin);
        self.stack.push(Frame::Rules(source));
    }

    /// Works through what was added, up to the next file that is needed: read it and call [`Builder::supply`]. `None`: all
    /// is done. Fails with exit 1 or 11 and rsync's text.
    pub fn run(&mut self) -> Result<Option<NeedFile>, Error> {
        loop {
            if let Some(wanted) = &self.wanted {
                return Ok(Some(wanted.need.clone()));
            }
            match self.stack.last() {
                Some(Frame::Rules(_)) => self.run_source()?,
                Some(Frame::HomeCvsIgnore) => {
                    self.stack.pop();
                    self.want_file(NeedFile::HomeCvsIgnore, Template::default(), Choice::Exclude, None);
                }
                None => match self.inputs.pop_front() {
                    Some(input) => self.start(input),
                    None => return Ok(None),
                },
            }
        }
    }

    fn start(&mut self, input: Input) {
        self.current = input.current;
        match input.what {
            What::Ready(rule) => self.push(*rule),
            What::Rule(source) => self.stack.push(Frame::Rules(source)),
            What::File { name, template, bare } => {
                self.want_file(NeedFile::Named { name, in_dir: None }, template, bare, None);
            }
        }
    }

    fn want_file(&mut self, need: NeedFile, template: Template, bare: Choice, named_at: Option<Vec<u8>>) {
        self.wanted = Some(Wanted { need, template, bare, named_at });
    }

    /// Answers [`Builder::run`] with the contents of the file, or why there are none. Fails with exit 11 if it must be there.
    pub fn supply(&mut self, contents: Result<Vec<u8>, Missing>) -> Result<(), Error> {
        let Some(wanted) = self.wanted.take() else {
            return Ok(());
        };
        let name = match &wanted.need {
            NeedFile::HomeCvsIgnore => {
                let source = Source::cvs(contents.unwrap_or_default(), false);
                self.stack.push(Frame::Rules(source));
                return Ok(());
            }
            NeedFile::Named { name, .. } => name,
        };
        let bytes = contents.map_err(|missing| {
            let text = match &wanted.named_at {
                Some(named_at) => [b"failed to open exclude file <rule from ", &named_at[..], b">"].concat(),
                None => {
                    let all = wanted.template.only.unwrap_or(wanted.bare);
                    let kind = if all == Choice::Include { "include" } else { "exclude" };
                    let head = format!("rsync: [{}] failed to open {kind} file ", self.role);
                    let tail = format!(" ({})", missing.code);
                    [head.as_bytes(), name, b": ", &missing.text, tail.as_bytes()].concat()
                }
            };
            Error::host(Exit::FILE_IO, text)
        })?;
        let origin = match wanted.named_at {
            Some(named_at) => Origin::Nested([b"a file named at ", &named_at[..]].concat()),
            None => Origin::File(name.clone()),
        };
        self.stack.push(Frame::Rules(Source::new(bytes, wanted.template, wanted.bare, origin)));
        Ok(())
    }

    /// The list, once [`Builder::run`] has nothing left to do. `delete_excluded` is as it is in the end.
    pub fn finish(self) -> FilterList {
        FilterList::new(self.rules, self.delete_excluded, self.slots)
    }

    /// The rules of a per-directory file, whether it clears what was inherited, and the number of slots in use.
    pub(super) fn finish_dir(self) -> (Vec<Rule>, bool, u32) {
        (self.rules, self.cleared, self.slots)
    }

    fn run_source(&mut self) -> Result<(), Error> {
        let Some(Frame::Rules(source)) = self.stack.last_mut() else {
            return Ok(());
        };
        let Some(token) = source.next_token() else {
            self.stack.pop();
            return Ok(());
        };
        let (bare, from_cvs, template) = (source.bare, source.from_cvs, source.template);
        let origin = source.place();
        let parsed = if template.old_style { old_style(&token, bare, &template) } else { parse(&token, &template) };
        let quoted = origin.as_ref().map(|place| [b"<rule from ", &place[..], b">"].concat());
        let parsed = parsed.map_err(|mistake| mistake.error(&token, quoted.as_deref()))?;
        if parsed.text.len() > limits::PATH_BYTES_MAX {
            let text = [b"discarding over-long filter: ", quoted.as_deref().unwrap_or(parsed.text)].concat();
            self.warnings.push(text);
            return Ok(());
        }
        self.take(&parsed, origin, from_cvs)
    }

    fn take(&mut self, parsed: &Parsed<'_>, origin: Option<Vec<u8>>, from_cvs: bool) -> Result<(), Error> {
        let template = parsed.template;
        if parsed.exclude_self {
            let base = parsed.text.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
            self.push(Rule::new(Choice::Exclude, base));
        }
        match parsed.kind {
            Kind::Choose(choice) => {
                let rule = Rule::new(choice, parsed.text);
                let sides = template.sides;
                let (perishable, xattr, absolute) = (template.perishable, template.xattr, template.absolute);
                let from_file = origin.is_some() && !from_cvs;
                self.push(Rule {
                    negated: parsed.negated,
                    absolute,
                    perishable,
                    xattr,
                    sides,
                    from_cvs,
                    from_file,
                    ..rule
                });
            }
            Kind::Clear => self.clear(from_cvs),
            Kind::Cvs => self.begin_cvs(),
            Kind::DirMerge => self.push_merge(parsed, origin.is_some()),
            Kind::Merge => return self.want(parsed, origin),
        }
        Ok(())
    }

    fn clear(&mut self, from_cvs: bool) {
        if from_cvs {
            self.rules.truncate(self.cvs_start);
            return;
        }
        for rule in self.rules.drain(..) {
            if let Action::DirMerge(merge) = &rule.action {
                self.known_merges.retain(|known| known != merge.base());
            }
        }
        self.cleared = true;
    }

    fn want(&mut self, parsed: &Parsed<'_>, origin: Option<Vec<u8>>) -> Result<(), Error> {
        if self.stack.len() > DEPTH_MAX {
            let place = [b"<rule from ", &origin.unwrap_or_default()[..], b">"].concat();
            let head = format!("[{}] merge-file include depth limit ({DEPTH_MAX}) exceeded at ", self.role);
            let text = [head.as_bytes(), &place].concat();
            if self.dir.is_none() {
                return Err(Error::host(Exit::FILE_IO, text));
            }
            self.warnings.push(text);
            return Ok(());
        }
        let need = NeedFile::Named { name: parsed.text.to_vec(), in_dir: self.dir.clone() };
        let template = Template { old_style: false, nul: self.current.from0, ..parsed.template };
        self.want_file(need, template, Choice::Exclude, origin);
        Ok(())
    }

    fn push_merge(&mut self, parsed: &Parsed<'_>, is_nested: bool) {
        let merge = DirMerge {
            name: parsed.text.to_vec(),
            template: Template { old_style: false, nul: self.current.from0, ..parsed.template },
            no_inherit: parsed.no_inherit,
            is_nested,
            slot: self.slots,
        };
        if self.known_merges.iter().any(|known| known == merge.base()) {
            return;
        }
        if self.known_merges.len() >= MERGES_MAX {
            self.warnings.push([b"too many per-directory filter files: ignoring ", merge.base()].concat());
            return;
        }
        self.known_merges.push(merge.base().to_vec());
        self.slots += 1;
        let template = merge.template;
        let (perishable, xattr, absolute, sides) =
            (template.perishable, template.xattr, template.absolute, template.sides);
        let rule = Rule::from_action(Action::DirMerge(Box::new(merge)));
        self.push(Rule { perishable, xattr, absolute, sides, ..rule });
    }

    fn begin_cvs(&mut self) {
        self.push(Rule::from_action(Action::Cvs));
        self.cvs_start = self.rules.len();
        // The last one is worked through first.
        self.stack.push(Frame::Rules(Source::cvs(self.cvsignore.clone(), false)));
        self.stack.push(Frame::HomeCvsIgnore);
        self.stack.push(Frame::Rules(Source::cvs(cvs::BUILTIN.to_vec(), self.current.cvs_perishable)));
    }

    fn push(&mut self, mut rule: Rule) {
        if self.current.delete_excluded && rule.yields_to_delete_excluded() {
            rule.sides = Sides::SENDER;
        }
        if rule.absolute
            && let Action::Choose(_, pattern) = &mut rule.action
        {
            Pattern::make_absolute(pattern);
        }
        self.rules.push(rule);
    }
}

#[cfg(test)]
mod tests;
