//! The capability blob: what a client tells the server that it can do, as letters behind `-e` (spec 1.4.5).

use super::data::{Delete, Options, Recursion};
use alloc::vec::Vec;

/// What the client is capable of; the letter of each is in `LETTERS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `i`: incremental recursion is acceptable.
    pub inc_recursion: bool,
    /// `L`: times of symlinks can be set.
    pub symlink_times: bool,
    /// `s`: the text of symlinks can be converted.
    pub symlink_iconv: bool,
    /// `f`: the safe end-of-list marker is understood.
    pub safe_file_list: bool,
    /// `x`: the old xattr shortcut for hard links is unwanted.
    pub no_xattr_shortcut: bool,
    /// `C`: the seed is hashed before the data.
    pub seed_first: bool,
    /// `I`: in-place updates of partial-dir files are known.
    pub inplace_partial: bool,
    /// `v`: flags as varints, and negotiated algorithms.
    pub varint_flags: bool,
    /// `u`: names for id 0 are welcome.
    pub id0_names: bool,
    /// `V`: the obsolete form of `v`; never sent.
    pub old_varint_flags: bool,
    /// `32.N` instead of a leading dot: a pre-release protocol.
    pub pre_release: Option<(u32, u32)>,
}

type Access = fn(&mut Capabilities) -> &mut bool;

/// Letters in the order of the blob.
const LETTERS: [(u8, Access); 10] = [
    (b'i', |c| &mut c.inc_recursion),
    (b'L', |c| &mut c.symlink_times),
    (b's', |c| &mut c.symlink_iconv),
    (b'f', |c| &mut c.safe_file_list),
    (b'x', |c| &mut c.no_xattr_shortcut),
    (b'C', |c| &mut c.seed_first),
    (b'I', |c| &mut c.inplace_partial),
    (b'v', |c| &mut c.varint_flags),
    (b'u', |c| &mut c.id0_names),
    (b'V', |c| &mut c.old_varint_flags),
];

impl Capabilities {
    /// What this client says for a transfer in the given direction.
    pub fn of_client(options: &Options, push: bool) -> Capabilities {
        Capabilities {
            inc_recursion: allows_inc_recursion(options, !push),
            symlink_times: true,
            symlink_iconv: true,
            safe_file_list: true,
            no_xattr_shortcut: true,
            seed_first: true,
            inplace_partial: true,
            varint_flags: true,
            id0_names: true,
            old_varint_flags: false,
            pre_release: None,
        }
    }

    /// The blob, without its `e`.
    pub fn encode(mut self) -> Vec<u8> {
        let mut blob = match self.pre_release {
            Some((protocol, sub)) => alloc::format!("{protocol}.{sub}").into_bytes(),
            None => b".".to_vec(),
        };
        for (letter, field) in LETTERS {
            if *field(&mut self) {
                blob.push(letter);
            }
        }
        blob
    }

    /// Reads a blob. A letter counts wherever it stands, unknown ones are ignored.
    pub fn decode(blob: &[u8]) -> Capabilities {
        let mut capabilities = Capabilities { pre_release: pre_release(blob), ..Capabilities::default() };
        for (letter, field) in LETTERS {
            *field(&mut capabilities) = blob.contains(&letter);
        }
        capabilities
    }
}

/// Whether options of one side permit incremental recursion; `receives` is whether that side is the receiving one.
pub fn allows_inc_recursion(options: &Options, receives: bool) -> bool {
    let late =
        matches!(options.delete, Delete::Before | Delete::After) || options.delay_updates || options.prune_empty_dirs;
    options.recursion != Recursion::Off && options.inc_recursive && !options.qsort && !(receives && late)
}

/// `PROTOCOL.SUB` at the start.
fn pre_release(blob: &[u8]) -> Option<(u32, u32)> {
    let digits = |text: &[u8]| {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let value: Option<u32> = core::str::from_utf8(text.get(..count)?).ok()?.parse().ok();
        Some((value?, count))
    };
    let (protocol, used) = digits(blob)?;
    let rest = blob.get(used..)?.strip_prefix(b".")?;
    let (sub, _) = digits(rest)?;
    Some((protocol, sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_read_and_written() {
        let options = Options { recursion: Recursion::On, ..Options::default() };
        let ours = Capabilities::of_client(&options, true);
        assert_eq!(ours.encode(), b".iLsfxCIvu");
        assert_eq!(Capabilities::decode(b".iLsfxCIvu"), ours);
        assert_eq!(Capabilities::of_client(&Options::default(), true).encode(), b".LsfxCIvu");
        let odd = Capabilities::decode(b"32.7fi?Q");
        assert_eq!((odd.pre_release, odd.inc_recursion, odd.safe_file_list), (Some((32, 7)), true, true));
        assert!(!odd.varint_flags);
        assert_eq!(odd.encode(), b"32.7if");
        for nothing in [&b""[..], b".", b"32", b"32.", b"99999999999.1"] {
            assert_eq!(Capabilities::decode(nothing), Capabilities::default());
        }
    }

    #[test]
    fn a_receiver_with_late_decisions_forbids_incremental_recursion() {
        let base = Options { recursion: Recursion::On, ..Options::default() };
        let late: [Options; 4] = [
            Options { delete: Delete::Before, ..base.clone() },
            Options { delete: Delete::After, ..base.clone() },
            Options { delay_updates: true, ..base.clone() },
            Options { prune_empty_dirs: true, ..base.clone() },
        ];
        for options in &late {
            assert!(allows_inc_recursion(options, false) && !allows_inc_recursion(options, true));
        }
        for options in [
            Options { inc_recursive: false, ..base.clone() },
            Options { qsort: true, ..base.clone() },
            Options::default(),
        ] {
            assert!(!allows_inc_recursion(&options, false));
        }
        assert!(allows_inc_recursion(&Options { delete: Delete::During, ..base }, true));
    }
}
