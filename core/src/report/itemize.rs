//! What is known to differ about an item: the flags that travel with it (spec 3.3.2), and the `%i` string (spec 3.3.6).

use core::ops::{BitAnd, BitOr, BitOrAssign};

/// The flags of an item record: what differs, and what follows on the wire.
///
/// Unknown bits are kept, since a record is echoed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ItemFlags(pub u16);

impl ItemFlags {
    /// No flag.
    pub const NONE: ItemFlags = ItemFlags(0);
    /// The access time differs.
    pub const REPORT_ATIME: ItemFlags = ItemFlags(0x0001);
    /// The content differs by checksum, or a symlink, device or special file has another value.
    pub const REPORT_CHANGE: ItemFlags = ItemFlags(0x0002);
    /// Regular files: the size differs.
    pub const REPORT_SIZE: ItemFlags = ItemFlags(0x0004);
    /// Symlinks: their time could not be set. The same bit as [`ItemFlags::REPORT_SIZE`].
    pub const REPORT_TIMEFAIL: ItemFlags = ItemFlags(0x0004);
    /// The modification time differs or will change.
    pub const REPORT_TIME: ItemFlags = ItemFlags(0x0008);
    /// Permissions differ.
    pub const REPORT_PERMS: ItemFlags = ItemFlags(0x0010);
    /// The owner differs.
    pub const REPORT_OWNER: ItemFlags = ItemFlags(0x0020);
    /// The group differs.
    pub const REPORT_GROUP: ItemFlags = ItemFlags(0x0040);
    /// The ACL differs.
    pub const REPORT_ACL: ItemFlags = ItemFlags(0x0080);
    /// Extended attributes differ, and are exchanged.
    pub const REPORT_XATTR: ItemFlags = ItemFlags(0x0100);
    /// The creation time differs.
    pub const REPORT_CRTIME: ItemFlags = ItemFlags(0x0400);
    /// A basis type byte follows.
    pub const BASIS_TYPE_FOLLOWS: ItemFlags = ItemFlags(0x0800);
    /// A name follows: the leader of a hard link, or a fuzzy basis.
    pub const XNAME_FOLLOWS: ItemFlags = ItemFlags(0x1000);
    /// Nothing was there before.
    pub const IS_NEW: ItemFlags = ItemFlags(0x2000);
    /// Done at the destination without data: created, linked, copied.
    pub const LOCAL_CHANGE: ItemFlags = ItemFlags(0x4000);
    /// File data is requested.
    pub const TRANSFER: ItemFlags = ItemFlags(0x8000);

    /// Bits that alone make no item worth showing.
    const INSIGNIFICANT: u16 = Self::BASIS_TYPE_FOLLOWS.0 | Self::XNAME_FOLLOWS.0 | Self::LOCAL_CHANGE.0;

    /// Whether every bit of `other` is set.
    pub fn contains(self, other: ItemFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    pub fn intersects(self, other: ItemFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no bit is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Sets the bits of `other`.
    pub fn insert(&mut self, other: ItemFlags) {
        self.0 |= other.0;
    }

    /// Clears the bits of `other`.
    pub fn remove(&mut self, other: ItemFlags) {
        self.0 &= !other.0;
    }

    /// These flags, and `other` too if `on`.
    #[must_use]
    pub fn with(self, other: ItemFlags, on: bool) -> ItemFlags {
        if on { self | other } else { self }
    }

    /// Whether something about the file changes, rather than only how the record looks or how it is done (spec 3.11.1).
    pub fn is_significant(self) -> bool {
        self.0 & !Self::INSIGNIFICANT != 0
    }
}

impl BitOr for ItemFlags {
    type Output = ItemFlags;
    fn bitor(self, other: ItemFlags) -> ItemFlags {
        ItemFlags(self.0 | other.0)
    }
}

impl BitOrAssign for ItemFlags {
    fn bitor_assign(&mut self, other: ItemFlags) {
        self.0 |= other.0;
    }
}

impl BitAnd for ItemFlags {
    type Output = ItemFlags;
    fn bitand(self, other: ItemFlags) -> ItemFlags {
        ItemFlags(self.0 & other.0)
    }
}

/// An item as the printing side sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemView {
    /// The flags; `None` below protocol 29, where none travel.
    pub flags: Option<ItemFlags>,
    /// Whether data is transferred. Only looked at while `flags` are unknown.
    pub transfer: bool,
    /// Type and permission bits of the file.
    pub mode: u32,
    /// The printing side sends to another machine. False on a receiver, and in a machine-local copy.
    pub sends_away: bool,
    /// Modification times are preserved (`-t`).
    pub mtimes_kept: bool,
    /// The receiver can set the times of symlinks.
    pub symlink_times: bool,
}

/// The `%i` string of a deletion.
pub const DELETING: &[u8; 11] = b"*deleting  ";

impl ItemView {
    /// An item with these flags, everything else as in a local `rsync -a`.
    pub fn new(flags: ItemFlags, mode: u32) -> ItemView {
        ItemView {
            flags: Some(flags),
            transfer: false,
            mode,
            sends_away: false,
            mtimes_kept: true,
            symlink_times: true,
        }
    }

    /// Whether data is transferred.
    pub fn is_transfer(&self) -> bool {
        self.flags.map_or(self.transfer, |flags| flags.contains(ItemFlags::TRANSFER))
    }

    /// The eleven characters `YXcstpoguax`.
    pub fn text(&self) -> [u8; 11] {
        let Some(flags) = self.flags else {
            let mut text = [b'?'; 11];
            text[0] = if self.transfer { self.arrow() } else { b'.' };
            text[1] = kind_letter(self.mode);
            return text;
        };
        let mut text = [b'.'; 11];
        text[0] = self.update_letter(flags);
        text[1] = kind_letter(self.mode);
        if flags.contains(ItemFlags::IS_NEW) {
            text[2..].fill(b'+');
            return text;
        }
        self.mark_changes(flags, &mut text);
        if matches!(text[0], b'.' | b'h' | b'c') && text[2..].iter().all(|&byte| byte == b'.') {
            text[2..].fill(b' ');
        }
        text
    }

    fn arrow(&self) -> u8 {
        if self.sends_away { b'<' } else { b'>' }
    }

    fn update_letter(&self, flags: ItemFlags) -> u8 {
        if flags.contains(ItemFlags::LOCAL_CHANGE) {
            if flags.contains(ItemFlags::XNAME_FOLLOWS) { b'h' } else { b'c' }
        } else if flags.contains(ItemFlags::TRANSFER) {
            self.arrow()
        } else {
            b'.'
        }
    }

    /// Fills positions 2 to 10.
    fn mark_changes(&self, flags: ItemFlags, text: &mut [u8; 11]) {
        let symlink = kind_letter(self.mode) == b'L';
        let time_is_now =
            !self.mtimes_kept || symlink && (!self.symlink_times || flags.contains(ItemFlags::REPORT_TIMEFAIL));
        let marks = [
            (2, b'c', flags.contains(ItemFlags::REPORT_CHANGE)),
            (3, b's', flags.contains(ItemFlags::REPORT_SIZE) && !symlink),
            (4, if time_is_now { b'T' } else { b't' }, flags.contains(ItemFlags::REPORT_TIME)),
            (5, b'p', flags.contains(ItemFlags::REPORT_PERMS)),
            (6, b'o', flags.contains(ItemFlags::REPORT_OWNER)),
            (7, b'g', flags.contains(ItemFlags::REPORT_GROUP)),
            (8, b'u', flags.contains(ItemFlags::REPORT_ATIME)),
            (8, b'n', flags.contains(ItemFlags::REPORT_CRTIME)),
            (8, b'b', flags.contains(ItemFlags::REPORT_ATIME | ItemFlags::REPORT_CRTIME)),
            (9, b'a', flags.contains(ItemFlags::REPORT_ACL)),
            (10, b'x', flags.contains(ItemFlags::REPORT_XATTR)),
        ];
        for (at, letter, on) in marks {
            if on {
                text[at] = letter;
            }
        }
    }
}

/// The letter of a kind of file in `%i`.
fn kind_letter(mode: u32) -> u8 {
    match mode & 0o170000 {
        0o040000 => b'd',
        0o120000 => b'L',
        0o020000 | 0o060000 => b'D',
        0o010000 | 0o140000 => b'S',
        _ => b'f',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: u32 = 0o100644;
    const DIR: u32 = 0o040755;
    const LINK: u32 = 0o120777;

    fn check(view: ItemView, expect: &str) {
        let text = view.text();
        assert_eq!(core::str::from_utf8(&text), Ok(expect), "{view:?}");
    }

    #[test]
    fn strings_seen_in_stock_sessions() {
        use ItemFlags as F;
        let local = |flags: F, mode, expect| check(ItemView::new(flags, mode), expect);
        local(F::TRANSFER | F::IS_NEW, FILE, ">f+++++++++");
        local(F::LOCAL_CHANGE | F::IS_NEW, DIR, "cd+++++++++");
        local(F::LOCAL_CHANGE | F::IS_NEW, 0o060644, "cD+++++++++");
        local(F::LOCAL_CHANGE | F::IS_NEW, 0o020644, "cD+++++++++");
        local(F::LOCAL_CHANGE | F::IS_NEW, 0o010644, "cS+++++++++");
        local(F::LOCAL_CHANGE | F::IS_NEW, 0o140755, "cS+++++++++");
        local(F::LOCAL_CHANGE | F::IS_NEW | F::XNAME_FOLLOWS, FILE, "hf+++++++++");
        local(F::REPORT_TIME, DIR, ".d..t......");
        local(F::TRANSFER | F::REPORT_TIME | F::REPORT_PERMS, FILE, ">f..tp.....");
        local(F::TRANSFER | F::REPORT_TIME | F::REPORT_OWNER | F::REPORT_GROUP, FILE, ">f..t.og...");
        local(F::LOCAL_CHANGE | F::REPORT_CHANGE, LINK, "cLc........");
        local(F::LOCAL_CHANGE | F::REPORT_CHANGE | F::REPORT_TIME, LINK, "cLc.t......");
        local(F::TRANSFER | F::REPORT_TIME | F::REPORT_ATIME, FILE, ">f..t...u..");
        local(F::TRANSFER | F::REPORT_SIZE | F::REPORT_TIME | F::REPORT_CHANGE, FILE, ">fcst......");
    }

    #[test]
    fn nothing_to_mark_is_blank_unless_data_moves() {
        use ItemFlags as F;
        check(ItemView::new(F::NONE, FILE), ".f         ");
        check(ItemView::new(F::LOCAL_CHANGE, DIR), "cd         ");
        check(ItemView::new(F::LOCAL_CHANGE | F::XNAME_FOLLOWS, LINK), "hL         ");
        check(ItemView::new(F::TRANSFER, FILE), ">f.........");
    }

    #[test]
    fn times_that_become_now_are_upper_case() {
        let time = ItemView::new(ItemFlags::TRANSFER | ItemFlags::REPORT_TIME, FILE);
        check(ItemView { mtimes_kept: false, ..time }, ">f..T......");
        check(ItemView { symlink_times: false, ..time }, ">f..t......");
        let link = ItemView::new(ItemFlags::LOCAL_CHANGE | ItemFlags::REPORT_CHANGE | ItemFlags::REPORT_TIME, LINK);
        check(ItemView { symlink_times: false, ..link }, "cLc.T......");
        check(ItemView::new(ItemFlags::REPORT_TIME | ItemFlags::REPORT_TIMEFAIL, LINK), ".L..T......");
        check(ItemView::new(ItemFlags::REPORT_TIME | ItemFlags::REPORT_SIZE, FILE), ".f.st......");
    }

    #[test]
    fn every_position() {
        let all = ItemFlags(0x07ff);
        check(ItemView { sends_away: true, ..ItemView::new(all | ItemFlags::TRANSFER, FILE) }, "<fcstpogbax");
        check(ItemView::new(ItemFlags::REPORT_CRTIME, FILE), ".f......n..");
    }

    #[test]
    fn old_peers_send_no_flags() {
        let view = ItemView { flags: None, transfer: true, ..ItemView::new(ItemFlags::NONE, FILE) };
        check(view, ">f?????????");
        check(ItemView { sends_away: true, ..view }, "<f?????????");
    }

    #[test]
    fn significance_ignores_how_it_is_done() {
        use ItemFlags as F;
        assert!(!(F::LOCAL_CHANGE | F::XNAME_FOLLOWS | F::BASIS_TYPE_FOLLOWS).is_significant());
        assert!((F::LOCAL_CHANGE | F::IS_NEW).is_significant());
        assert!(F::TRANSFER.is_significant());
    }

    proptest! {
        #[test]
        fn any_flags_give_printable_text(flags: u16, mode: u32) {
            let text = ItemView::new(ItemFlags(flags), mode).text();
            prop_assert!(text.iter().all(|byte| (0x20..0x7f).contains(byte)));
        }
    }
}
