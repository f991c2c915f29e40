//! Texts about what went wrong: with a file, with the peer, with the connection (spec 4.10.3, 5.4.5). Those that only wrap
//! one system call on one path come from [`super::path_failed`].

use alloc::format;
use alloc::vec::Vec;

use super::{SystemError, system_error, text};

// ---- on the sender ----

/// A file was listed, and then was gone.
pub fn file_vanished(path: &[u8]) -> Vec<u8> {
    text!["file has vanished: ", path]
}

/// The same of a directory.
pub fn directory_vanished(path: &[u8]) -> Vec<u8> {
    text!["directory has vanished: ", path]
}

/// `-L` follows a symlink to nowhere.
pub fn no_referent(path: &[u8]) -> Vec<u8> {
    text!["symlink has no referent: ", path]
}

/// A symlink with an empty target.
pub fn empty_symlink(path: &[u8]) -> Vec<u8> {
    text!["skipping symlink with 0-length value: ", path]
}

/// A name that no path has room for.
pub fn overly_long_name(name: &[u8]) -> Vec<u8> {
    text!["skipping overly long name: ", name]
}

/// `--append`, and the source is shorter than the destination.
pub fn diminished_file(path: &[u8]) -> Vec<u8> {
    text!["skipped diminished file: ", path]
}

/// `--remove-source-files` would remove what was just received.
pub fn removing_destination(name: &[u8]) -> Vec<u8> {
    text!["ERROR: Skipping sender remove of destination file: ", name]
}

/// `--remove-source-files`, and the source is no longer what was sent.
pub fn removing_changed(name: &[u8]) -> Vec<u8> {
    text!["ERROR: Skipping sender remove for changed file: ", name]
}

// ---- on the receiver ----

/// Follows a directory that could not be made.
pub const SKIPPING_CONTENTS: &str = "*** Skipping any contents from this failed directory ***";

/// What became of data that failed its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Discarded,
    /// It was written in place.
    Retained,
    /// It is in the partial directory.
    PutIntoPartialDir,
}

/// A file does not have the digest that the sender says. The first time it is tried again, and this is a warning.
pub fn failed_verification(name: &[u8], fate: Fate, retrying: bool) -> Vec<u8> {
    let (severity, tail) = if retrying { ("WARNING", " (will try again)") } else { ("ERROR", "") };
    let fate = match fate {
        Fate::Discarded => "discarded",
        Fate::Retained => "retained",
        Fate::PutIntoPartialDir => "put into partial-dir",
    };
    text![severity, ": ", name, " failed verification -- update ", fate, tail, "."]
}

/// `rename "A" -> "B": ...`: the receiver could not give an output its name. `failed` is how the generator says it.
pub fn rename_failed(role: &str, from: &[u8], to: &[u8], failed: bool, error: SystemError<'_>) -> Vec<u8> {
    let tail = if failed { " failed" } else { "" };
    system_error(role, &text!["rename ", from, " -> ", to, tail], error)
}

/// An output could not be moved from one file system to another.
pub fn copy_failed(role: &str, from: &[u8], to: &[u8], error: SystemError<'_>) -> Vec<u8> {
    system_error(role, &text!["copy ", from, " -> ", to], error)
}

/// A symlink could not be made.
pub fn symlink_failed(role: &str, path: &[u8], target: &[u8], error: SystemError<'_>) -> Vec<u8> {
    system_error(role, &text!["symlink ", path, " -> \"", target, "\" failed"], error)
}

/// A hard link could not be made.
pub fn link_failed(role: &str, path: &[u8], leader: &[u8], error: SystemError<'_>) -> Vec<u8> {
    system_error(role, &text!["link ", path, " => ", leader, " failed"], error)
}

/// A file could not be deleted, by `unlink`, `rmdir` or `make_backup`.
pub fn delete_failed(role: &str, call: &str, name: &[u8], error: SystemError<'_>) -> Vec<u8> {
    system_error(role, &text!["delete_file: ", call, "(", name, ") failed"], error)
}

/// What can't be put in the place of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newcomer {
    /// A regular file.
    RegularFile,
    /// A directory.
    Directory,
    /// A symlink.
    Symlink,
    /// A device.
    DeviceFile,
    /// A fifo or socket.
    SpecialFile,
}

/// Something stands where a file of another kind goes, and can't be deleted. `for_backup`: where a backup goes.
pub fn could_not_make_way(newcomer: Newcomer, for_backup: bool, name: &[u8]) -> Vec<u8> {
    let purpose = if for_backup { "backup" } else { "new" };
    let kind = match newcomer {
        Newcomer::RegularFile => "regular file",
        Newcomer::Directory => "directory",
        Newcomer::Symlink => "symlink",
        Newcomer::DeviceFile => "device file",
        Newcomer::SpecialFile => "special file",
    };
    text!["could not make way for ", purpose, " ", kind, ": ", name]
}

/// The partial directory can't be made, and what was received is lost. `complete`: it was all there.
pub fn no_partial_dir(name: &[u8], complete: bool) -> Vec<u8> {
    let what = if complete { "completed file" } else { "partial file" };
    text!["Unable to create partial-dir for ", name, " -- discarding ", what, "."]
}

/// The id that stands for "no change". `kind` is `uid` or `gid`.
pub fn impossible_id(kind: &str, path: &[u8]) -> Vec<u8> {
    text![kind, " 4294967295 (-1) is impossible to set on ", path]
}

/// A daemon's filter forbids an entry of a push. `what` is `file` or `directory`.
pub fn daemon_refused(what: &str, name: &[u8]) -> Vec<u8> {
    text!["ERROR: daemon refused to receive ", what, " \"", name, "\""]
}

/// A daemon's filter forbids the destination of a push.
pub fn daemon_excluded_destination(name: &[u8]) -> Vec<u8> {
    text!["ERROR: daemon has excluded destination \"", name, "\""]
}

// ---- about the peer ----

/// The sender lists something that the rules exclude.
pub fn rejecting_excluded(name: &[u8]) -> Vec<u8> {
    text!["ERROR: rejecting excluded file-list name: ", name]
}

/// The sender lists something that nobody asked for.
pub fn rejecting_unrequested(name: &[u8]) -> Vec<u8> {
    text!["ERROR: rejecting unrequested file-list name: ", name]
}

/// A name leads out of the destination.
pub fn unsafe_pathname(name: &[u8]) -> Vec<u8> {
    text!["ABORTING due to unsafe pathname from sender: ", name]
}

/// A name does not lie in the directory whose list it came in.
pub fn invalid_path(path: &[u8]) -> Vec<u8> {
    text!["ABORTING due to invalid path from sender: ", path]
}

// ---- about the connection ----

/// The peer is gone in the middle of things.
pub fn connection_closed(received: u64, role: &str) -> Vec<u8> {
    format!("rsync: connection unexpectedly closed ({received} bytes received so far) [{role}]").into_bytes()
}

/// Writing to the connection failed. `channel` is `socket`, or what else it is.
pub fn write_failed(role: &str, bytes: usize, channel: &str, error: SystemError<'_>) -> Vec<u8> {
    system_error(role, format!("safe_write failed to write {bytes} bytes to {channel}").as_bytes(), error)
}

/// Reading from the connection failed.
pub fn read_error(role: &str, error: SystemError<'_>) -> Vec<u8> {
    system_error(role, b"read error", error)
}

/// Nothing came for too long.
pub fn io_timeout(role: &str, seconds: u64) -> Vec<u8> {
    format!("[{role}] io timeout after {seconds} seconds -- exiting").into_bytes()
}

/// `--stop-at` or `--stop-after`.
pub const STOPPING: &str = "stopping at requested limit";

/// A peer asks for more memory than `--max-alloc` allows.
pub fn over_max_alloc(role: &str, setting: &str, place: super::Place) -> Vec<u8> {
    let super::Place { file, line } = place;
    format!("[{role}] exceeded --max-alloc={setting} setting (file={file}, line={line})").into_bytes()
}
