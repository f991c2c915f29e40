//! What the two ends settled at the start. Everything that depends on the protocol's age has a name here, so that no role
//! compares version numbers.

use crate::checksum::{Algorithm, Strong};
use crate::wire::Compressor;

/// Bits of the compat flags (spec 1.5.2).
pub(crate) mod compat {
    pub(crate) const INC_RECURSE: i32 = 0x001;
    pub(crate) const SYMLINK_TIMES: i32 = 0x002;
    pub(crate) const SYMLINK_ICONV: i32 = 0x004;
    pub(crate) const SAFE_LIST: i32 = 0x008;
    pub(crate) const AVOID_XATTR_SHORTCUT: i32 = 0x010;
    pub(crate) const SEED_FIRST: i32 = 0x020;
    pub(crate) const INPLACE_PARTIAL: i32 = 0x040;
    pub(crate) const VARINT_FLAGS: i32 = 0x080;
    pub(crate) const ID0_NAMES: i32 = 0x100;
}

/// The outcome of the handshake.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) protocol: u32,
    /// Incremental recursion is used.
    pub(crate) inc: bool,
    /// The receiver can set the times of symlinks.
    pub(crate) symlink_times: bool,
    /// The peer expects the targets of symlinks in UTF-8, where names are converted.
    pub(crate) symlink_iconv: bool,
    /// The end of a list may carry an error code.
    pub(crate) safe_list: bool,
    /// A partial file may be updated in place.
    pub(crate) inplace_partial: bool,
    /// The flags of list entries are varints.
    pub(crate) varint_flags: bool,
    /// Extended attributes are exchanged for hard links too.
    pub(crate) no_xattr_shortcut: bool,
    /// The flags that much of this is from.
    pub(crate) compat: i32,
    /// Id lists name id 0.
    pub(crate) id0_names: bool,
    pub(crate) seed: i32,
    /// For block sums and whole-file digests.
    pub(crate) transfer_sum: Algorithm,
    /// For `--checksum`.
    pub(crate) file_sum: Algorithm,
    /// Whether md5 hashes the seed before the data.
    pub(crate) seed_first: bool,
    pub(crate) compressor: Compressor,
}

impl Agreed {
    /// The strong sum of blocks.
    pub(crate) fn strong(&self) -> Strong {
        Strong { algorithm: self.transfer_sum, seed: self.seed, seed_first: self.seed_first }
    }

    /// The sender answers MSG_NO_SEND for a file that it can't send.
    pub(crate) fn has_no_send(&self) -> bool {
        self.protocol >= 30
    }

    /// Marks before the goodbye that the sender answers in its goodbye (1.11.3).
    pub(crate) fn has_late_delete_step(&self) -> bool {
        self.protocol >= 31
    }

    /// MSG_ERROR_EXIT exists.
    pub(crate) fn has_exit_exchange(&self) -> bool {
        self.protocol >= 31
    }

    /// Statistics carry the list times.
    pub(crate) fn has_list_times(&self) -> bool {
        self.protocol >= 29
    }

    pub(crate) fn block_bytes_max(&self) -> u32 {
        if self.protocol >= 30 { crate::limits::BLOCK_BYTES_MAX } else { crate::limits::BLOCK_BYTES_MAX_OLD }
    }
}
