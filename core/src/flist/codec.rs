//! The bytes of a file list: entries, and the marker that ends them (spec 2.3, 2.4).
//!
//! ```text
//! flags │ shared prefix │ suffix │ leader │ size │ mtime nsec crtime │ mode │ atime │ uid gid │ rdev │ target │ dev ino │ digest
//! │ ACLs │ xattrs
//!   └─ bits that say which of the others are there, or equal those of the previous entry
//! ```
//!
//! Nearly every field is left out where it equals that of the entry before, so both sides remember one. That
//! memory lives as long as the session, over all lists.

use alloc::vec::Vec;

use super::entry::Kind;

mod decode;
mod encode;

pub use decode::{Decoded, Decoder, Judge, Recode, Rules, Wanted, read_io_error, trust};
pub use encode::{Encoder, put_end, put_io_error};

/// The error set of a sender that could not list everything (spec 2.4).
pub const IO_ERROR_MASK: u32 = 7;
/// Something that exists could not be listed or read.
pub const IO_ERROR_GENERAL: u32 = 1;
/// Something vanished while it was looked at.
pub const IO_ERROR_VANISHED: u32 = 2;
/// `--max-delete` stopped deletions.
pub const IO_ERROR_DEL_LIMIT: u32 = 4;

/// Bits of the flag word (spec 2.3.2). Some mean one thing for a directory and another for a device.
mod bit {
    pub const TOP_DIR: u32 = 1;
    pub const SAME_MODE: u32 = 1 << 1;
    pub const SAME_RDEV: u32 = 1 << 2;
    pub const EXTENDED: u32 = 1 << 2;
    pub const SAME_UID: u32 = 1 << 3;
    pub const SAME_GID: u32 = 1 << 4;
    pub const SAME_NAME: u32 = 1 << 5;
    pub const LONG_NAME: u32 = 1 << 6;
    pub const SAME_TIME: u32 = 1 << 7;
    pub const SAME_RDEV_MAJOR: u32 = 1 << 8;
    pub const NO_CONTENT_DIR: u32 = 1 << 8;
    pub const HLINKED: u32 = 1 << 9;
    pub const SAME_DEV: u32 = 1 << 10;
    pub const USER_NAME_FOLLOWS: u32 = 1 << 10;
    pub const RDEV_MINOR_8: u32 = 1 << 11;
    pub const GROUP_NAME_FOLLOWS: u32 = 1 << 11;
    pub const HLINK_FIRST: u32 = 1 << 12;
    pub const MOD_NSEC: u32 = 1 << 13;
    pub const SAME_ATIME: u32 = 1 << 14;
    pub const CRTIME_EQ_MTIME: u32 = 1 << 17;
    /// The word that ends a list with an error code: `EXTENDED` and `HLINK_FIRST` alone.
    pub const IO_ERROR_END: u32 = 0x1004;
}

/// What both sides agreed on, as far as it shapes a file list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Protocol, 27 to 32.
    pub protocol: u32,
    /// Flag words are varints.
    pub varint_flags: bool,
    /// Id lists end in the name of id 0.
    pub id0_names: bool,
    /// The end of a list may carry an error code.
    pub safe_list: bool,
    /// Incremental recursion.
    pub inc: bool,
    /// `--recursive`.
    pub recurse: bool,
    /// `--relative`.
    pub relative: bool,
    /// `--owner`.
    pub owner: bool,
    /// `--group`.
    pub group: bool,
    /// `--links`.
    pub links: bool,
    /// `--devices`.
    pub devices: bool,
    /// `--specials`.
    pub specials: bool,
    /// `--hard-links`.
    pub hard_links: bool,
    /// `--atimes`.
    pub atimes: bool,
    /// `--crtimes`.
    pub crtimes: bool,
    /// `--acls`.
    pub acls: bool,
    /// `--xattrs`.
    pub xattrs: bool,
    /// `--numeric-ids`.
    pub numeric_ids: bool,
    /// `--delete-missing-args`: mode 0 is legal.
    pub missing_args: bool,
    /// `--checksum`: bytes of a whole-file digest, 0 without.
    pub digest_bytes: usize,
}

impl Caps {
    /// A protocol in its newest form, and nothing preserved.
    pub fn new(protocol: u32) -> Caps {
        Caps {
            protocol,
            varint_flags: protocol >= 30,
            id0_names: protocol >= 30,
            safe_list: protocol >= 30,
            inc: false,
            recurse: false,
            relative: false,
            owner: false,
            group: false,
            links: false,
            devices: false,
            specials: false,
            hard_links: false,
            atimes: false,
            crtimes: false,
            acls: false,
            xattrs: false,
            numeric_ids: false,
            missing_args: false,
            digest_bytes: 0,
        }
    }

    /// Varints, times of 64 bits, hard links by index, directories without content: protocols from 30 on.
    pub fn is_compact(&self) -> bool {
        self.protocol >= 30
    }

    /// Flag words of more than one byte, hard links flagged, devices in two parts: protocols from 28 on.
    pub fn has_wide_flags(&self) -> bool {
        self.protocol >= 28
    }

    /// Nanoseconds, and no device number for fifos and sockets: protocols from 31 on.
    pub fn has_nanoseconds(&self) -> bool {
        self.protocol >= 31
    }

    /// Whether names follow ids within entries rather than after the list.
    pub fn has_inline_names(&self) -> bool {
        self.inc && !self.numeric_ids
    }

    /// Whether the list is followed by id lists.
    pub fn has_id_lists(&self) -> bool {
        !self.inc && !self.numeric_ids
    }

    /// Whether an entry of this kind has a device number on the wire.
    fn has_rdev(&self, kind: Kind) -> bool {
        match kind {
            Kind::Device => self.devices,
            Kind::Special => self.specials && !self.has_nanoseconds(),
            _ => false,
        }
    }

    /// Whether an entry of this kind has a digest.
    fn has_digest(&self, kind: Kind) -> bool {
        self.digest_bytes > 0 && (kind == Kind::Regular || !self.has_wide_flags())
    }
}

/// The entry before, as it was on the wire.
#[derive(Clone, Debug, Default)]
struct Previous {
    name: Vec<u8>,
    fields: Fields,
}

/// Its fields of fixed size: small enough that a decoder works on a copy and keeps that on success.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    mode: u32,
    mtime: i64,
    atime: i64,
    uid: u32,
    gid: u32,
    rdev_major: u32,
    /// Protocol 27: the whole device number.
    rdev: u32,
    /// Device of the last entry that may have hard links, plus 1, as it travels.
    dev: i64,
    /// Protocols below 30: recursion is inside a top directory whose name has this length.
    content_below: Option<usize>,
}

/// A device number as Linux packs it into 32 bits (spec 2.3.8).
fn pack_rdev((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12
}

/// The inverse of [`pack_rdev`].
fn unpack_rdev(packed: u32) -> (u32, u32) {
    (packed >> 8 & 0xfff, (packed & 0xff) | (packed >> 12 & !0xff))
}

#[cfg(test)]
mod tests;
