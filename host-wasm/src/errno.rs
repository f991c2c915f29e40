//! Failures, in the words that systems have for them. JavaScript names a failure by its number.

use syncline_core::session::Errno;

/// Input/output error: whatever has no better name.
pub const EIO: i32 = 5;
/// Bad file descriptor.
pub const EBADF: i32 = 9;
/// Invalid argument.
pub const EINVAL: i32 = 22;
/// Is a directory.
pub const EISDIR: i32 = 21;
/// File too large.
pub const EFBIG: i32 = 27;
/// The name is not UTF-8.
pub const EILSEQ: i32 = 84;
/// Not supported here.
pub const ENOTSUP: i32 = 95;

/// A failure by its number on Linux.
pub fn errno(code: i32) -> Errno {
    let text = match code {
        1 => "Operation not permitted",
        2 => "No such file or directory",
        5 => "Input/output error",
        9 => "Bad file descriptor",
        13 => "Permission denied",
        16 => "Device or resource busy",
        17 => "File exists",
        20 => "Not a directory",
        21 => "Is a directory",
        22 => "Invalid argument",
        27 => "File too large",
        28 => "No space left on device",
        30 => "Read-only file system",
        36 => "File name too long",
        39 => "Directory not empty",
        84 => "Invalid or incomplete multibyte or wide character",
        95 => "Operation not supported",
        116 => "Stale file handle",
        122 => "Disk quota exceeded",
        _ => "Unknown error",
    };
    Errno { code, text: text.into() }
}
