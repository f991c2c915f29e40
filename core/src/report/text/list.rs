//! Texts about making the file list (spec 4.10.1).

use alloc::format;
use alloc::vec::Vec;

use super::text;

/// The first line of a transfer with incremental recursion, on the sending side.
pub const SENDING_LIST: &str = "sending incremental file list";
/// The first line of a transfer with incremental recursion, on the receiving side.
pub const RECEIVING_LIST: &str = "receiving incremental file list";
/// The start of a line that [`LIST_DONE`] completes, on the sending side. In a log it stands without its last five bytes.
pub const BUILDING_LIST: &str = "building file list ... ";
/// The same on the receiving side.
pub const RECEIVING_WHOLE_LIST: &str = "receiving file list ... ";
/// What completes the line.
pub const LIST_DONE: &str = "done";
/// The same in a log file.
pub const LOG_BUILDING_LIST: &str = "building file list";
/// The same in a log file.
pub const LOG_RECEIVING_LIST: &str = "receiving file list";

/// How many files were found so far; the next count is written over it. Shown at 0 and then every 100 files.
pub fn files_so_far(count: u64) -> Vec<u8> {
    format!(" {count} files...\r").into_bytes()
}

/// How many files there are.
pub fn files_to_consider(count: u64) -> Vec<u8> {
    let noun = if count == 1 { "file" } else { "files" };
    format!("{count} {noun} to consider").into_bytes()
}

/// A directory without `-r` or `-d`.
pub fn skipping_directory(name: &[u8]) -> Vec<u8> {
    text!["skipping directory ", name]
}

/// A mount point with `-xx`.
pub fn skipping_mount_point(name: &[u8]) -> Vec<u8> {
    text!["[sender] skipping mount-point dir ", name]
}

/// `--copy-unsafe-links` follows a symlink.
pub fn copying_unsafe_symlink(name: &[u8], target: &[u8]) -> Vec<u8> {
    text!["copying unsafe symlink \"", name, "\" -> \"", target, "\""]
}

/// A name that the list has already.
pub fn removing_duplicate(name: &[u8], index: i32) -> Vec<u8> {
    text!["removing duplicate name ", name, format!(" from file list ({index})")]
}

/// `created directory D`, or how many were made for it.
pub fn created_directories(count: usize, directory: &[u8]) -> Vec<u8> {
    match count {
        0 | 1 => text!["created directory ", directory],
        _ => text![format!("created {count} directories for "), directory],
    }
}

/// Whether data is compared before it is sent (`--debug=flist`).
pub fn delta_transmission(enabled: bool) -> &'static str {
    if enabled {
        "delta-transmission enabled"
    } else {
        "delta-transmission disabled for local transfer or --whole-file"
    }
}
