//! The messages of rsync, word for word, in one place (spec 4.10.1 - 4.10.3, 4.24, 5.4.5). Scripts search for them.
//!
//! | where | what |
//! |---|---|
//! | here | how paths are shown, failed system calls, the last line |
//! | [`list`] | making the file list |
//! | [`item`] | what is done with one file, or why not |
//! | [`fault`] | what went wrong with a file, the peer, the connection |
//!
//! No text ends in a newline. All are raw: who prints them escapes them ([`super::escape`]). A `path` is shown in full and
//! comes from [`Shown::quote`], quotes included; a `name` stands as it is in the list.

pub mod fault;
pub mod item;
pub mod list;

pub use fault::*;
pub use item::*;
pub use list::*;

use alloc::format;
use alloc::vec::Vec;

use crate::Exit;

/// Joins pieces of text and bytes.
macro_rules! text {
    ($($part:expr),+ $(,)?) => {
        [$(AsRef::<[u8]>::as_ref(&$part)),+].concat()
    };
}
pub(crate) use text;

/// How paths are shown: what comes before a name, and which daemon module it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The working directory; in a daemon, what of it lies beneath the module, or `/` for the module itself when chrooted.
    pub directory: &'a [u8],
    /// The module.
    pub module: Option<&'a [u8]>,
}

impl Shown<'_> {
    /// `"DIRECTORY/NAME"`, in a daemon followed by ` (in MODULE)`. An absolute name is shown as it is (spec 5.4.5).
    pub fn quote(&self, name: &[u8]) -> Vec<u8> {
        let path = full_path(self.directory, name);
        match self.module {
            Some(module) => text!["\"", path, "\" (in ", module, ")"],
            None => text!["\"", path, "\""],
        }
    }
}

/// `DIRECTORY/NAME`, or the name alone if it is absolute or there is no directory.
pub fn full_path(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let joint: &[u8] = if directory.is_empty() || directory.ends_with(b"/") { b"" } else { b"/" };
    if name.starts_with(b"/") { name.to_vec() } else { text![directory, joint, name] }
}

/// The directory that one is in after entering `path` from `directory`: absolute, without empty, `.` and `..` parts.
///
/// A sender enters the directory part of each argument, so in its messages that part is clean and the name is not. A
/// directory that can't be entered, and everything about the destination, is shown by [`full_path`], as the user wrote
/// it. `..` only takes the part before it away, even if that is a symlink to elsewhere. An empty `directory` (a daemon's
/// module) stays empty if nothing is entered.
pub fn entered(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let start = if path.starts_with(b"/") { &b"/"[..] } else { directory };
    for part in start.split(|&byte| byte == b'/').chain(path.split(|&byte| byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    if parts.is_empty() && !start.is_empty() {
        return b"/".to_vec();
    }
    parts.iter().flat_map(|part| [b"/", *part]).flatten().copied().collect()
}

/// A failed system call: what the system says, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError<'a> {
    /// What `strerror` says.
    pub text: &'a str,
    /// The error number.
    pub code: i32,
}

/// `rsync: [ROLE] WHAT: No such file or directory (2)`.
pub fn system_error(role: &str, what: &[u8], error: SystemError<'_>) -> Vec<u8> {
    let SystemError { text, code } = error;
    text!["rsync: [", role, "] ", what, ": ", text, format!(" ({code})")]
}

/// A system call on one path, and how messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathCall {
    /// Looking at a source.
    LinkStat,
    /// Opening a directory.
    OpenDir,
    /// Reading a directory.
    ReadDir,
    /// Looking at something found in a directory.
    ReadLinkStat,
    /// Entering a directory of the source.
    ChangeDir,
    /// Entering the destination.
    ChangeDirDestination,
    /// Opening a source file.
    OpenSource,
    /// Reading a source file, on the sender, or a basis.
    ReadSource,
    /// Making a directory of the list.
    MakeDir,
    /// Making the destination directory.
    MakeDestination,
    /// Looking at what is at the destination.
    StatDestination,
    /// Setting times.
    SetTimes,
    /// Setting permissions.
    SetPermissions,
    /// Making a directory writable for the time being, and undoing that.
    ModifyPermissions,
    /// Setting the owner.
    ChangeOwner,
    /// Setting the group.
    ChangeGroup,
    /// Making a temporary file.
    MakeTemp,
    /// Opening an output in place.
    OpenOutput,
    /// Making a device or special file.
    MakeNode,
    /// Writing an output.
    Write,
    /// Closing an output.
    Close,
    /// Forcing an output to disk.
    Sync,
}

impl PathCall {
    /// What stands before and after the path.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            PathCall::LinkStat => ("link_stat ", " failed"),
            PathCall::OpenDir => ("opendir ", " failed"),
            PathCall::ReadDir => ("readdir(", ")"),
            PathCall::ReadLinkStat => ("readlink_stat(", ") failed"),
            PathCall::ChangeDir => ("change_dir ", " failed"),
            PathCall::ChangeDirDestination => ("change_dir#3 ", " failed"),
            PathCall::OpenSource => ("send_files failed to open ", ""),
            PathCall::ReadSource => ("read errors mapping ", ""),
            PathCall::MakeDir => ("recv_generator: mkdir ", " failed"),
            PathCall::MakeDestination => ("mkdir ", " failed"),
            PathCall::StatDestination => ("recv_generator: failed to stat ", ""),
            PathCall::SetTimes => ("failed to set times on ", ""),
            PathCall::SetPermissions => ("failed to set permissions on ", ""),
            PathCall::ModifyPermissions => ("failed to modify permissions on ", ""),
            PathCall::ChangeOwner => ("chown ", " failed"),
            PathCall::ChangeGroup => ("chgrp ", " failed"),
            PathCall::MakeTemp => ("mkstemp ", " failed"),
            PathCall::OpenOutput => ("open ", " failed"),
            PathCall::MakeNode => ("mknod ", " failed"),
            PathCall::Write => ("write failed on ", ""),
            PathCall::Close => ("close failed on ", ""),
            PathCall::Sync => ("fsync failed on ", ""),
        }
    }

    /// What failed: `link_stat "/dir/name" failed`.
    pub fn what(self, path: &[u8]) -> Vec<u8> {
        let (before, after) = self.words();
        text![before, path, after]
    }
}

/// `rsync: [ROLE] link_stat "/dir/name" failed: No such file or directory (2)`, and its kin.
pub fn path_failed(role: &str, call: PathCall, path: &[u8], error: SystemError<'_>) -> Vec<u8> {
    system_error(role, &call.what(path), error)
}

/// Where in a program something happened. Scripts expect the shape `main.rs(12)`, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// File name, without directories.
    pub file: &'static str,
    /// Line.
    pub line: u32,
}

/// A command line, as `--debug=cmd` shows it: `HEAD word "wo%rd"  (N args)`. Words of other than plain letters are quoted.
pub fn words(head: &[u8], words: &[Vec<u8>]) -> Vec<u8> {
    let mut text = head.to_vec();
    for word in words {
        let is_plain = word.iter().all(|&b| b.is_ascii_alphanumeric() || b"-_/=,.@+".contains(&b));
        let quote: &[u8] = if is_plain { b"" } else { b"\"" };
        text.extend_from_slice(&[quote, word, quote, b" "].concat());
    }
    let count = words.len();
    text.extend_from_slice(format!(" ({count} args)").as_bytes());
    text
}

/// The last line of a process that fails: `rsync error: NAME (code N) at main.rs(LINE) [ROLE=VERSION]`. Vanished files are
/// only worth a `rsync warning: `.
pub fn exit_line(exit: Exit, place: Place, role: &str, version: &str) -> Vec<u8> {
    let severity = if exit == Exit::VANISHED { "warning" } else { "error" };
    let Place { file, line } = place;
    format!("rsync {severity}: {} (code {}) at {file}({line}) [{role}={version}]", exit.name(), exit.0).into_bytes()
}

#[cfg(test)]
mod tests;
