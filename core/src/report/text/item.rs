//! Texts about what is done with one file, or why it is passed over (spec 4.10.2). Item lines themselves come from
//! [`super::super::format`].

use alloc::format;
use alloc::vec::Vec;

use super::text;

/// Nothing was wrong with it. Only entries that an alternate directory holds are directories here, and end in a slash.
pub fn is_uptodate(name: &[u8]) -> Vec<u8> {
    text![name, " is uptodate"]
}

/// Deleted, in the default format. Directories end in a slash.
pub fn deleting(name: &[u8]) -> Vec<u8> {
    text!["deleting ", name]
}

/// Something that was not to be deleted stands in it.
pub fn cannot_delete_non_empty(directory: &[u8]) -> Vec<u8> {
    text!["cannot delete non-empty directory: ", directory]
}

/// A file system is mounted there.
pub fn cannot_delete_mount_point(directory: &[u8]) -> Vec<u8> {
    text!["cannot delete mount point: ", directory]
}

/// What the sender could not read might seem deleted.
pub const DELETION_SKIPPED: &str = "IO error encountered -- skipping file deletion";

/// `--max-delete` was reached.
pub fn deletions_stopped(skipped: u64) -> Vec<u8> {
    format!("Deletions stopped due to --max-delete limit ({skipped} skipped)").into_bytes()
}

/// Symlinks without `-l`, devices without `-D` and the like.
pub fn skipping_non_regular(name: &[u8]) -> Vec<u8> {
    text!["skipping non-regular file \"", name, "\""]
}

/// `--safe-links`.
pub fn ignoring_unsafe_symlink(name: &[u8], target: &[u8]) -> Vec<u8> {
    text!["ignoring unsafe symlink \"", name, "\" -> \"", target, "\""]
}

/// `--existing`.
pub fn not_creating(is_dir: bool, name: &[u8]) -> Vec<u8> {
    let kind = if is_dir { "directory" } else { "file" };
    text!["not creating new ", kind, " \"", name, "\""]
}

/// How an existing file differs, which `--ignore-existing` tells at the second level of `--info=skip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is not a regular file.
    Type,
    /// Its checksum differs.
    Sum,
    /// Its size or time differs.
    File,
    /// Only attributes differ.
    Attributes,
    /// Not at all.
    UpToDate,
}

/// `--ignore-existing`.
pub fn exists(name: &[u8], difference: Option<Existing>) -> Vec<u8> {
    let tail = match difference {
        None => "",
        Some(Existing::Type) => " (type change)",
        Some(Existing::Sum) => " (sum change)",
        Some(Existing::File) => " (file change)",
        Some(Existing::Attributes) => " (attr change)",
        Some(Existing::UpToDate) => " (uptodate)",
    };
    text![name, " exists", tail]
}

/// `--update`.
pub fn is_newer(name: &[u8]) -> Vec<u8> {
    text![name, " is newer"]
}

/// `--max-size`.
pub fn over_max_size(name: &[u8]) -> Vec<u8> {
    text![name, " is over max-size"]
}

/// `--min-size`.
pub fn under_min_size(name: &[u8]) -> Vec<u8> {
    text![name, " is under min-size"]
}

/// `--backup`.
pub fn backed_up(name: &[u8], backup: &[u8]) -> Vec<u8> {
    text!["backed up ", name, " to ", backup]
}

/// Where backups go, and whether the directory was made for it.
pub fn backup_dir_is(directory: &[u8], is_new: bool) -> Vec<u8> {
    let new = if is_new { "(new) " } else { "" };
    text![new, "backup_dir is ", directory]
}

/// `--remove-source-files`.
pub fn sender_removed(name: &[u8]) -> Vec<u8> {
    text!["sender removed ", name]
}

/// `--remove-source-files`, and somebody was faster.
pub fn sender_already_removed(name: &[u8]) -> Vec<u8> {
    text!["sender file already removed: ", name]
}

/// The peer wants a shorter timeout.
pub fn matching_timeout(seconds: u32) -> Vec<u8> {
    format!("Setting --timeout={seconds} to match server").into_bytes()
}

/// A batch has no data for a file that was asked for.
pub fn skipping_batched(name: &[u8]) -> Vec<u8> {
    text!["(Skipping batched update for \"", name, "\")"]
}

/// A batch was made against another destination.
pub fn no_batched_update(name: &[u8]) -> Vec<u8> {
    text!["(No batched update for \"", name, "\")"]
}
