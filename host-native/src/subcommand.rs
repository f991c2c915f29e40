//! What rsync doesn't have: subcommands, known by a first word that is exactly their name.
//!
//! Everything else is rsync's command line. A file of such a name is still reached as `./signature`.

use std::ffi::OsString;

use crate::{files, gateway, serve};

/// Runs a subcommand with the words behind its name and returns the exit code of the process.
type Run = fn(Vec<OsString>) -> i32;

/// Every subcommand.
const TABLE: &[(&str, Run)] = &[
    ("delta", files::delta),
    ("gateway", gateway::run),
    ("patch", files::patch),
    ("serve", serve::run),
    ("signature", files::signature),
];

/// Runs the subcommand that the words of this process name, if they do.
pub fn dispatch() -> Option<i32> {
    let mut words = std::env::args_os().skip(1);
    let first = words.next()?;
    let (_, run) = TABLE.iter().find(|(name, _)| first == *name)?;
    Some(run(words.collect()))
}
