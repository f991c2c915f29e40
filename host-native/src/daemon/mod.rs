//! The daemon: a listener that accepts connections, and for each of them a process of its own, the worker.
//!
//! ```text
//!  listener ──fork──> worker: config, PROXY header, access, slot, login     (text phase, nothing but lines)
//!                       │ hooks, chroot, chdir, setgid, setgroups, setuid
//!                       │ the client's arguments                            (from here on as nobody)
//!                       └──> Engine::serve: the session
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`listener`], [`bind`] | the three ways to run: stand-alone, from inetd, behind a remote shell |
//! | [`share`], [`web`] | a daemon without a configuration file; the gateway that belongs to a daemon |
//! | [`worker`], [`login`], [`module`], [`handover`] | one connection, in the order of events of spec 5.4.1 |
//! | [`config`], [`parse`], [`params`], [`values`], [`expand`], [`lists`], [`wild`] | the configuration file |
//! | [`access`], [`lookup`], [`proxy`] | who the peer is, and whether it may come in |
//! | [`auth`] | users and secrets |
//! | [`identity`], [`root`], [`tree`], [`paths`], [`rules`], [`refuse`] | what a module is to its clients |
//! | [`hooks`] | the operator's commands |
//! | [`files`], [`log`], [`sockopt`], [`link`] | pid file, lock file, log, sockets |
//! | [`client`], [`password`] | the other end: talking to a daemon |
//! | [`sys`], [`names`] | system calls that need `unsafe` |

mod access;
mod auth;
mod bind;
pub mod client;
mod config;
mod expand;
mod files;
mod handover;
mod hooks;
mod identity;
mod link;
pub mod listener;
mod lists;
pub mod log;
mod login;
mod lookup;
mod module;
pub mod names;
pub mod params;
mod parse;
mod password;
mod paths;
mod proxy;
pub mod refuse;
mod root;
mod rules;
pub mod share;
pub mod sockopt;
pub mod sys;
mod tree;
mod values;
mod web;
mod wild;
mod worker;

#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;

use syncline_core::options::Options;
use syncline_core::session::Config;
use syncline_core::{Error, Exit};

use self::log::Log;

/// The version that texts name: the one of rsync that we are compatible with.
const VERSION: &str = "3.5.0";

/// Parses a client's words, given what the module refuses and the character set of its names.
pub type Parse = fn(&[Vec<u8>], &[u8], &[u8]) -> Parsed;

/// What the rest of the program does for the daemon.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Parses a client's words, refusing what the value of `refuse options` says (the second argument).
    pub parse: Parse,
    /// Whether the rules of a module make sense; the error ends the connection.
    pub check_filters: fn(&[Vec<u8>]) -> Result<(), Error>,
    /// Whether the rules of a module hide a path from its clients.
    pub hides: fn(&[Vec<u8>], &[u8]) -> bool,
    /// Runs the session and returns its exit code.
    pub serve: fn(Served) -> i32,
}

/// A client's command line.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The options as far as they could be parsed.
    pub options: Options,
    /// The words after the `.`, as they were sent.
    pub paths: Vec<Vec<u8>>,
    /// `--sender`: the client pulls.
    pub sender: bool,
    /// `--secluded-args`: the words end before the paths, and a second block follows.
    pub secluded: bool,
    /// `--relative`
    pub relative: bool,
    /// Lines for the log, about the value of `refuse options`.
    pub notes: Vec<Vec<u8>>,
    /// Why the client can't have what it wants.
    pub refused: Option<Error>,
}

/// A connection whose text phase is over. The process has no more rights than the session needs, and stands in the
/// module's root.
pub struct Served {
    /// The session.
    pub config: Config,
    /// What the module says about options.
    pub policy: Policy,
    /// Instead of a transfer, the client is to be told this in the session's protocol.
    pub refused: Option<Error>,
    /// Where the client's bytes come from.
    pub input: OwnedFd,
    /// Where bytes for the client go; may be the same socket.
    pub output: OwnedFd,
    /// Bytes that have been received already: they come before what `input` gives.
    pub pending: Vec<u8>,
    /// The module's log.
    pub log: Log,
}

/// Parameters of a module that change the client's options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Appended to the client's `--chmod` when receiving.
    pub incoming_chmod: Vec<u8>,
    /// Appended to the client's `--chmod` when sending.
    pub outgoing_chmod: Vec<u8>,
    /// Used when the client names no `--temp-dir`.
    pub temp_dir: Vec<u8>,
    /// Files that can't be read are left out of the list.
    pub ignore_nonreadable: bool,
    /// `insecure links`.
    pub insecure_links: bool,
    /// What only root could give to files is written down in attributes of them.
    pub fake_super: bool,
    /// KiB/s at most, 0 for no limit; a client's own lower limit counts.
    pub bwlimit: u64,
    /// The character set of the module's file names, for clients that want them converted.
    pub charset: Vec<u8>,
}

/// How a worker ends before there is a session.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The connection is closed: a listing, a refusal, or a peer that went away.
    Close,
    /// With this exit code.
    Exit(i32),
}

impl End {
    /// Logs an error, and ends with its code.
    fn error(log: &Log, error: &Error) -> End {
        log.warn(&error.text);
        log.warn(error_line(error.exit, "Receiver"));
        End::Exit(error.exit.0)
    }

    /// The exit code of the process.
    fn status(&self) -> i32 {
        match self {
            End::Close => 255,
            End::Exit(status) => *status,
        }
    }
}

/// The line by which every failing rsync says goodbye.
fn error_line(exit: Exit, role: &str) -> String {
    format!("rsync error: {} (code {}) at daemon.rs(1) [{role}={VERSION}]", exit.name(), exit.0)
}
