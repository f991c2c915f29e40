//! What can be wrong with a signature or a delta.

use alloc::string::{String, ToString};
use core::fmt;

/// Why a signature or delta was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The file doesn't begin as a file of this kind does.
    WrongMagic {
        /// What was wanted: `signature` or `delta`.
        wanted: &'static str,
        /// Its first four bytes.
        found: [u8; 4],
    },
    /// A later version of the format.
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// An algorithm that this version doesn't have.
    UnknownAlgorithm {
        /// Its number.
        number: u8,
    },
    /// The file ends before it is complete.
    Truncated {
        /// What was wanted: `signature` or `delta`.
        wanted: &'static str,
        /// Its length.
        bytes: u64,
    },
    /// A length that can't be.
    Absurd {
        /// Of what.
        what: &'static str,
        /// The length.
        value: u64,
        /// What is possible.
        max: u64,
    },
    /// Something that no writer writes.
    Malformed {
        /// What it is.
        what: &'static str,
    },
    /// The file was changed after it was written.
    Damaged {
        /// What it is: `signature` or `delta`.
        what: &'static str,
    },
    /// The basis isn't the one that the signature was made of.
    WrongBasis {
        /// How long the right one is, where that is known.
        wanted: Option<u64>,
        /// How long this one is, where that is known.
        found: Option<u64>,
    },
    /// It would take more memory than the caller allows.
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The new file would be longer than the caller allows.
    Output {
        /// Bytes allowed.
        max: u64,
    },
    /// The caller asked for something impossible.
    Usage {
        /// What.
        what: &'static str,
    },
}

impl FormatError {
    /// A number that stays the same in all versions, for callers in other languages.
    pub fn code(&self) -> i32 {
        match self {
            FormatError::WrongMagic { .. } => 1,
            FormatError::UnknownVersion { .. } => 2,
            FormatError::UnknownAlgorithm { .. } => 3,
            FormatError::Truncated { .. } => 4,
            FormatError::Absurd { .. } => 5,
            FormatError::Malformed { .. } => 6,
            FormatError::Damaged { .. } => 7,
            FormatError::WrongBasis { .. } => 8,
            FormatError::Memory { .. } => 9,
            FormatError::Output { .. } => 10,
            FormatError::Usage { .. } => 11,
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::WrongMagic { wanted, found } => match kind_of(*found) {
                Some(kind) => write!(f, "this is a {kind}, not a {wanted}"),
                None => write!(f, "this is no {wanted}: it begins with {}", hex(found)),
            },
            FormatError::UnknownVersion { version } => {
                write!(f, "version {version} of the format is newer than this program, which knows version 1")
            }
            FormatError::UnknownAlgorithm { number } => write!(f, "checksum algorithm {number} is unknown"),
            FormatError::Truncated { wanted, bytes } => write!(f, "the {wanted} breaks off after {bytes} bytes"),
            FormatError::Absurd { what, value, max } => write!(f, "{what} is {value}, which is not in 1 to {max}"),
            FormatError::Malformed { what } => write!(f, "malformed: {what}"),
            FormatError::Damaged { what } => write!(f, "the {what} is damaged: its check does not fit what it holds"),
            FormatError::WrongBasis { wanted: Some(wanted), found: Some(found) } if wanted != found => {
                write!(f, "this is not the basis that the signature was made of: {found} bytes instead of {wanted}")
            }
            FormatError::WrongBasis { .. } => f.write_str("this is not the basis that the signature was made of"),
            FormatError::Memory { needed, max } => write!(f, "{needed} bytes of memory are needed, {max} are allowed"),
            FormatError::Output { max } => write!(f, "the new file would be longer than the {max} bytes allowed"),
            FormatError::Usage { what } => f.write_str(what),
        }
    }
}

impl core::error::Error for FormatError {}

impl From<FormatError> for String {
    fn from(error: FormatError) -> String {
        error.to_string()
    }
}

fn kind_of(magic: [u8; 4]) -> Option<&'static str> {
    match magic {
        super::SIGNATURE_MAGIC => Some("signature"),
        super::DELTA_MAGIC => Some("delta"),
        _ if super::librsync::sums_of(u32::from_be_bytes(magic)).is_some() => Some("signature"),
        _ if u32::from_be_bytes(magic) == super::librsync::DELTA_MAGIC => Some("delta"),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    let words: alloc::vec::Vec<String> = bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
    words.join(" ")
}
