//! A rule of a filter list.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::pattern::Pattern;

/// Which end of a transfer a rule is applied at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where files are listed: excluded means hidden.
    Sender,
    /// Where files are deleted: excluded means protected.
    Receiver,
}

/// The sides that a rule names (modifiers `s` and `r`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// Sender.
    pub sender: bool,
    /// Receiver.
    pub receiver: bool,
}

impl Sides {
    /// No side was named: the rule is for both.
    pub const UNNAMED: Sides = Sides { sender: false, receiver: false };
    /// The sender only.
    pub const SENDER: Sides = Sides { sender: true, receiver: false };
    /// The receiver only.
    pub const RECEIVER: Sides = Sides { sender: false, receiver: true };

    /// Whether a rule with these sides applies at `side`.
    pub fn apply_at(self, side: Side) -> bool {
        self == Sides::UNNAMED || if side == Side::Sender { self.sender } else { self.receiver }
    }

    /// Whether a side was named.
    pub fn are_named(self) -> bool {
        self != Sides::UNNAMED
    }
}

/// What a rule does with a name that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `-`
    Exclude,
    /// `+`
    Include,
}

/// How a file of rules is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Sides for its rules.
    pub sides: Sides,
    /// Its rules are perishable.
    pub perishable: bool,
    /// Its rules are for names of extended attributes.
    pub xattr: bool,
    /// Its rules match absolute paths.
    pub absolute: bool,
    /// Its rules are separated by white space.
    pub word_split: bool,
    /// Every token is a pattern to exclude or include.
    pub only: Option<Choice>,
    /// CVS style: `!` clears, although there are no prefixes.
    pub cvs: bool,
    /// Bare patterns that may start with `+ ` or `- ` (`--exclude-from`).
    pub old_style: bool,
    /// NUL ends a rule rather than a line end.
    pub nul: bool,
}

/// A file that is read in every directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirMerge {
    /// The name as it was written, perhaps with a path.
    pub name: Vec<u8>,
    /// How it is read.
    pub template: Template,
    /// Subdirectories do not inherit its rules.
    pub no_inherit: bool,
    /// Another file named it.
    pub is_nested: bool,
    /// Tells apart rules of the same name.
    pub slot: u32,
}

impl DirMerge {
    /// The name that is looked for in each directory.
    pub fn base(&self) -> &[u8] {
        self.name.rsplit(|&byte| byte == b'/').next().unwrap_or(&self.name)
    }
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Excludes or includes names.
    Choose(Choice, Pattern),
    /// Stands for the rules of a file in each directory.
    DirMerge(Box<DirMerge>),
    /// `-C`: here the CVS rules were inserted, and follow.
    Cvs,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// It is applied where the pattern does not match.
    pub negated: bool,
    /// It matches absolute paths.
    pub absolute: bool,
    /// It does not protect what is in a directory that is being deleted itself.
    pub perishable: bool,
    /// It is for names of extended attributes.
    pub xattr: bool,
    /// Its sides.
    pub sides: Sides,
    /// The sides follow from `--delete-excluded`, and are not written.
    pub sides_implied: bool,
    /// It was inserted by [`Action::Cvs`].
    pub from_cvs: bool,
    /// It was read from a file.
    pub from_file: bool,
}

impl Rule {
    /// A plain rule.
    pub fn new(choice: Choice, pattern: &[u8]) -> Rule {
        Rule::from_action(Action::Choose(choice, Pattern::new(pattern)))
    }

    /// A rule without modifiers.
    pub fn from_action(action: Action) -> Rule {
        let (negated, absolute, perishable, xattr) = (false, false, false, false);
        Rule {
            action,
            negated,
            absolute,
            perishable,
            xattr,
            sides: Sides::UNNAMED,
            sides_implied: false,
            from_cvs: false,
            from_file: false,
        }
    }

    /// `P *SUFFIX`: backups are not deleted (spec 4.17.1 no. 3).
    pub fn protect_backups(suffix: &[u8]) -> Rule {
        Rule { sides: Sides::RECEIVER, ..Rule::new(Choice::Exclude, &[b"*", suffix].concat()) }
    }

    /// The directory of partial files is no part of a transfer (spec 4.17.1 no. 4).
    pub fn partial_dir(name: &[u8], perishable: bool) -> Rule {
        let name = name.strip_suffix(b"/").unwrap_or(name);
        Rule { perishable, ..Rule::new(Choice::Exclude, &[name, b"/"].concat()) }
    }

    /// Whether `--delete-excluded` makes it a rule for the sender: a choice, or a file of nothing but choices, that names no
    /// side.
    pub fn yields_to_delete_excluded(&self) -> bool {
        let chooses = match &self.action {
            Action::Choose(..) => true,
            Action::DirMerge(merge) => merge.template.only.is_some(),
            Action::Cvs => false,
        };
        chooses && !self.sides.are_named()
    }
}
