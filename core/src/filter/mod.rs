//! Include and exclude rules: which names take part in a transfer, and which are protected from deletion (spec 4.17).
//!
//! | module | what |
//! |---|---|
//! | [`wildmatch`] | the wildcard matcher |
//! | [`pattern`] | one pattern against one name |
//! | [`rule`] | a rule: pattern, sides, modifiers |
//! | [`parse`] | the grammar of a rule |
//! | [`build`] | options and files to a list; says which files it needs |
//! | [`cvs`] | the names that `-C` excludes |
//! | [`list`] | a list of rules, fast for many of them |
//! | [`per_dir`] | rules from files in the directories of the transfer |
//! | [`codec`] | rules in transit between client and server |

pub mod build;
pub mod codec;
pub mod cvs;
pub mod list;
pub mod parse;
pub mod pattern;
pub mod per_dir;
pub mod rule;
pub mod wildmatch;

pub use build::{Builder, NeedFile};
pub use list::{Check, Decision, FilterList, Verdict};
pub use pattern::Subject;
pub use per_dir::PerDir;
pub use rule::{Rule, Side};
