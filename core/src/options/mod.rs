//! The command line: as a user types it, as it travels to a server, as a daemon judges it.
//!
//! One table (a row per option, six files by subject) drives the parser, the help, the words that start a server and what
//! a daemon refuses. To add an option: a row, a field of [`Options`], and the place that acts on it.
//!
//! ```text
//! words --parse--> Options --derive--> settled Options --plan--> local | push | pull
//!                                             |
//!                                             `--Outgoing::words--> words of the server --parse--> ...
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`flag`] | a row, and finding one |
//! | [`report`], [`select`], [`preserve`], [`transfer`], [`delete`], [`connect`] | the rows |
//! | [`data`], [`mod@env`] | what a command line means, and what else has a say |
//! | [`mod@parse`], `derive` | words to options, and what follows from them |
//! | [`number`], [`stop`], [`levels`], [`chmod`] | the grammars of values |
//! | [`hostspec`], [`mod@plan`], [`shell`] | who talks to whom, and how the remote side is started |
//! | [`words`], [`escape`], [`capabilities`], [`secluded`] | what the server is told |
//! | [`daemon`], [`refuse`] | the daemon's own options, and what it refuses |
//! | [`aliases`], `help`, `version` | the user's own options; texts |

pub mod aliases;
pub mod capabilities;
pub mod chmod;
pub mod connect;
pub mod daemon;
pub mod data;
mod defaults;
pub mod delete;
mod derive;
pub mod env;
pub mod escape;
pub mod flag;
mod help;
pub mod hostspec;
pub mod levels;
pub mod number;
pub mod parse;
pub mod plan;
pub mod preserve;
pub mod refuse;
pub mod report;
pub mod secluded;
pub mod select;
pub mod shell;
pub mod stop;
pub mod transfer;
mod version;
pub mod words;

pub use capabilities::{Capabilities, allows_inc_recursion};
pub use chmod::Chmod;
pub use daemon::{DaemonOptions, parse_daemon};
pub use data::*;
pub use env::Env;
pub use help::help_text;
pub use levels::{Debug, Info, Levels};
pub use parse::{Command, Secluded, Server, Setup, Worker, parse, parse_checked, parse_with, parse_worker, with_words};
pub use plan::{Kind as RemoteKind, Plan, Remote, plan};
pub use refuse::Refusals;
pub use shell::{shell_command, split_command, uses_blocking_io};
pub use stop::{LocalTime, Stop};
pub use words::{Link, Outgoing, ServerWords};

/// The rsync that we are compatible with.
pub const COMPAT_VERSION: &str = "3.5.0";
/// The newest protocol, as a value of `--protocol`.
const PROTOCOL: i32 = crate::session::PROTOCOL as i32;
/// The oldest that `--protocol` may name.
const PROTOCOL_MIN: i32 = 20;

/// Options that nothing acts on yet: using one is refused, never ignored.
pub const NOT_BUILT: &[&str] = &["crtimes"];

/// Whether an item format holds the escape `%` ... `letter`, with whatever modifiers between.
pub fn format_has(format: &[u8], letter: u8) -> bool {
    let mut bytes = format.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let escape = bytes.by_ref().find(|b| !matches!(b, b'\'' | b'-' | b'0'..=b'9'));
            if escape == Some(letter) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests;
