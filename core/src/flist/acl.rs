//! POSIX ACLs: what they say, how Linux stores them, and how they travel (spec 2.12).
//!
//! ```text
//! acl     := varint n      n > 0: as the n-th that was sent; n = 0: a literal follows
//! literal := flags │ user_obj │ group_obj │ mask │ other │ names     each only if its flag is set
//! ```
//!
//! Access and default ACLs have a table each. An access ACL is *condensed* before it is sent: what the mode says already is
//! left out; so a file without an ACL has an empty one.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::ids::{ReceivedNames, SentIds};
use crate::wire::item::{Reader, Stop, put_varint};
use crate::{Error, Exit};

const USER_OBJ: u8 = 1;
const GROUP_OBJ: u8 = 2;
const MASK: u8 = 4;
const OTHER: u8 = 8;
const NAMES: u8 = 16;
/// Marks a user among the names that `--fake-super` keeps.
const FAKE_USER: u32 = 1 << 31;
/// Most named entries of one ACL.
const NAMES_MAX: usize = 65536;
/// Most memory that the ACLs a peer sends may take.
const BYTES_MAX: usize = 256 << 20;

/// A named user or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Named {
    /// A group rather than a user: users come first.
    pub is_group: bool,
    /// Its number.
    pub id: u32,
    /// 4 read, 2 write, 1 execute.
    pub perm: u8,
}

/// An ACL; what is `None` is said by the mode, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Acl {
    /// Of the owner.
    pub user_obj: Option<u8>,
    /// Of the owning group.
    pub group_obj: Option<u8>,
    /// What named entries and the group have at most.
    pub mask: Option<u8>,
    /// Of everybody else.
    pub other: Option<u8>,
    /// Users, then groups, each by number.
    pub names: Vec<Named>,
}

/// The ACLs of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Acls {
    /// The access ACL, as read from the system: complete, or empty where the mode says it all.
    pub access: Acl,
    /// What new files in a directory get; empty for none.
    pub default: Acl,
}

impl Acl {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Acl::default()
    }

    /// Leaves out what `mode` says.
    pub fn condensed(&self, mode: u32) -> Acl {
        let group_bits = (mode >> 3 & 7) as u8;
        let mut acl = Acl { user_obj: None, other: None, ..self.clone() };
        if acl.mask.is_none() || acl.group_obj == Some(group_bits) {
            acl.group_obj = None;
        }
        if !acl.names.is_empty() && acl.mask == Some(group_bits) {
            acl.mask = None;
        }
        acl
    }

    /// The mask that comes with names, where none was sent.
    pub fn expanded(&self, mode: u32, is_default: bool) -> Acl {
        let mut acl = self.clone();
        if !acl.names.is_empty() && acl.mask.is_none() {
            let all = |acl: &Acl| acl.names.iter().fold(acl.group_obj.unwrap_or(0), |all, named| all | named.perm);
            acl.mask = Some(if is_default { all(&acl) } else { (mode >> 3 & 7) as u8 });
        }
        acl
    }

    /// Whether a file with `mode` and this (expanded) access ACL has what `there` is, but for what a chmod changes.
    pub fn is_met_by(&self, there: &Acl, mode: u32) -> bool {
        let group = |acl: &Acl| acl.mask.is_some().then(|| acl.group_obj.unwrap_or((mode >> 3 & 7) as u8));
        self.mask.is_some() == there.mask.is_some() && group(self) == group(there) && self.names == there.names
    }

    /// An access ACL with what `mode` says filled in: as it is stored.
    pub fn complete(&self, mode: u32) -> Acl {
        let bits = |shift: u32| (mode >> shift & 7) as u8;
        Acl {
            user_obj: Some(self.user_obj.unwrap_or(bits(6))),
            group_obj: Some(self.group_obj.unwrap_or(bits(3))),
            // The group bits of a mode are the mask.
            mask: self.mask.map(|_| bits(3)),
            other: Some(self.other.unwrap_or(bits(0))),
            names: self.names.clone(),
        }
    }

    /// A default ACL as it is stored.
    pub fn of_new_files(&self, mode: u32) -> Acl {
        let acl = self.expanded(mode, true);
        Acl { mask: acl.mask, ..acl.complete(mode) }
    }

    /// From the bytes of `system.posix_acl_*`; `None` if they are not of the version that is known.
    pub fn from_linux(bytes: &[u8]) -> Option<Acl> {
        let mut acl = Acl::default();
        let entries = bytes.strip_prefix(&2u32.to_le_bytes())?;
        for entry in entries.chunks(8) {
            let [tag, tag_high, perm, _, id @ ..] = <[u8; 8]>::try_from(entry).ok()?;
            let id = u32::from_le_bytes(id);
            let perm = perm & 7;
            match u16::from_le_bytes([tag, tag_high]) {
                0x01 => acl.user_obj = Some(perm),
                0x02 => acl.names.push(Named { is_group: false, id, perm }),
                0x04 => acl.group_obj = Some(perm),
                0x08 => acl.names.push(Named { is_group: true, id, perm }),
                0x10 => acl.mask = Some(perm),
                0x20 => acl.other = Some(perm),
                _ => return None,
            }
        }
        acl.names.sort_unstable();
        Some(acl)
    }

    /// As the bytes of `system.posix_acl_*`.
    pub fn to_linux(&self) -> Vec<u8> {
        let mut out = 2u32.to_le_bytes().to_vec();
        let mut put = |tag: u16, perm: u8, id: u32| {
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&u16::from(perm).to_le_bytes());
            out.extend_from_slice(&id.to_le_bytes());
        };
        let named = |group: bool| self.names.iter().filter(move |named| named.is_group == group);
        let none = u32::MAX;
        self.user_obj.iter().for_each(|&perm| put(0x01, perm, none));
        named(false).for_each(|named| put(0x02, named.perm, named.id));
        self.group_obj.iter().for_each(|&perm| put(0x04, perm, none));
        named(true).for_each(|named| put(0x08, named.perm, named.id));
        self.mask.iter().for_each(|&perm| put(0x10, perm, none));
        self.other.iter().for_each(|&perm| put(0x20, perm, none));
        out
    }

    /// From the bytes that `--fake-super` keeps (spec 2.13.4).
    pub fn from_fake(bytes: &[u8]) -> Option<Acl> {
        let mut words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        if bytes.len() < 16 || !bytes.len().is_multiple_of(8) {
            return None;
        }
        let mut perm = || words.next().filter(|&word| word <= 7).map(|word| word as u8);
        let (user_obj, group_obj, mask, other) = (perm(), perm(), perm(), perm());
        let mut acl = Acl { user_obj, group_obj, mask, other, names: Vec::new() };
        while let (Some(id), Some(access)) = (words.next(), words.next()) {
            acl.names.push(Named { is_group: access & FAKE_USER == 0, id, perm: (access & 7) as u8 });
        }
        acl.names.sort_unstable();
        Some(acl)
    }

    /// As the bytes that `--fake-super` keeps.
    pub fn to_fake(&self) -> Vec<u8> {
        let objects = [self.user_obj, self.group_obj, self.mask, self.other];
        let names = self
            .names
            .iter()
            .flat_map(|named| [named.id, u32::from(named.perm) | if named.is_group { 0 } else { FAKE_USER }]);
        objects.into_iter().map(|perm| perm.map_or(0x80, u32::from)).chain(names).flat_map(u32::to_le_bytes).collect()
    }

    fn put(&self, ids: &mut SentIds, inline: bool, out: &mut Vec<u8>) {
        let flag = |bit: u8, on: bool| if on { bit } else { 0 };
        out.push(
            flag(USER_OBJ, self.user_obj.is_some())
                | flag(GROUP_OBJ, self.group_obj.is_some())
                | flag(MASK, self.mask.is_some())
                | flag(OTHER, self.other.is_some())
                | flag(NAMES, !self.names.is_empty()),
        );
        for perm in [self.user_obj, self.group_obj, self.mask, self.other].into_iter().flatten() {
            put_varint(out, i32::from(perm));
        }
        if self.names.is_empty() {
            return;
        }
        put_varint(out, self.names.len() as i32);
        for named in &self.names {
            let table = if named.is_group { &mut ids.groups } else { &mut ids.users };
            let due = inline && table.is_name_due(named.id);
            put_varint(out, named.id as i32);
            put_varint(out, i32::from(named.perm) << 2 | i32::from(!named.is_group) << 1 | i32::from(due));
            table.put_due_name(named.id, due, out);
        }
    }

    fn read(r: &mut Reader<'_>, names: &mut ReceivedNames) -> Result<Acl, Stop> {
        let flags = r.u8()?;
        let mut perm = |bit: u8| -> Result<Option<u8>, Stop> {
            if flags & bit == 0 { Ok(None) } else { perm_of(r.varint()?).map(Some).map_err(Stop::from) }
        };
        let (user_obj, group_obj, mask, other) = (perm(USER_OBJ)?, perm(GROUP_OBJ)?, perm(MASK)?, perm(OTHER)?);
        let mut acl = Acl { user_obj, group_obj, mask, other, names: Vec::new() };
        if flags & NAMES == 0 {
            return Ok(acl);
        }
        let count = r.varint()?;
        let count = usize::try_from(count).ok().filter(|&count| count <= NAMES_MAX).ok_or_else(|| {
            Error::peer(Exit::PROTOCOL, format!("ACL name count {count} is out of range (0..{NAMES_MAX})"))
        })?;
        for _ in 0..count {
            let id = r.varint()? as u32;
            let access = r.varint()?;
            let is_group = access & 2 == 0;
            if access & 1 != 0 {
                let len = usize::from(r.u8()?);
                let name = r.bytes(len)?;
                let table = if is_group { &mut names.groups } else { &mut names.users };
                table.learn(id, name)?;
            }
            acl.names.push(Named { is_group, id, perm: perm_of(access >> 2)? });
        }
        Ok(acl)
    }
}

fn perm_of(value: i32) -> Result<u8, Error> {
    u8::try_from(value)
        .ok()
        .filter(|&perm| perm <= 7)
        .ok_or_else(|| Error::peer(Exit::STREAM, format!("recv_acl_access: value out of range: {value:x}")))
}

/// ACLs that were sent.
#[derive(Debug, Default)]
pub struct SentAcls {
    known: [BTreeMap<Acl, u32>; 2],
}

impl SentAcls {
    /// Appends the ACLs of an entry: condensed, and a default one for a directory. Names must be known where they travel
    /// inline.
    pub fn put(&mut self, acls: &Acls, mode: u32, is_dir: bool, ids: &mut SentIds, inline: bool, out: &mut Vec<u8>) {
        self.put_one(0, acls.access.condensed(mode), ids, inline, out);
        if is_dir {
            self.put_one(1, acls.default.clone(), ids, inline, out);
        }
    }

    fn put_one(&mut self, table: usize, acl: Acl, ids: &mut SentIds, inline: bool, out: &mut Vec<u8>) {
        let known = &mut self.known[table];
        if let Some(&number) = known.get(&acl) {
            return put_varint(out, number as i32);
        }
        out.push(0);
        acl.put(ids, inline, out);
        let number = known.len() as u32 + 1;
        known.insert(acl, number);
    }
}

/// ACLs that were received.
#[derive(Debug, Default)]
pub struct ReceivedAcls {
    known: [Vec<Rc<Acl>>; 2],
    bytes: usize,
}

/// What an entry has: places in the tables, and what is new there.
#[derive(Debug, Default)]
pub(super) struct NewAcls {
    at: [u32; 2],
    new: [Option<Acl>; 2],
}

impl ReceivedAcls {
    /// Reads the ACLs of an entry; nothing is kept before [`ReceivedAcls::keep`].
    pub(super) fn read(&self, r: &mut Reader<'_>, is_dir: bool, names: &mut ReceivedNames) -> Result<NewAcls, Stop> {
        let mut read = NewAcls { at: [u32::MAX; 2], new: [None, None] };
        for table in 0..=usize::from(is_dir) {
            let known = self.known[table].len();
            let number = r.varint()?;
            if number == 0 {
                read.at[table] = known as u32;
                read.new[table] = Some(Acl::read(r, names)?);
            } else {
                let at = usize::try_from(number).ok().filter(|&number| number <= known).ok_or_else(|| {
                    Error::peer(
                        Exit::STREAM,
                        format!("recv_acl_index: ACL index {number} is out of range (0..{known})"),
                    )
                })?;
                read.at[table] = at as u32 - 1;
            }
        }
        Ok(read)
    }

    /// Keeps what is new, and says where the ACLs of the entry are: access, default.
    pub(super) fn keep(&mut self, read: NewAcls) -> Result<(u32, u32), Error> {
        for (table, acl) in read.new.into_iter().enumerate() {
            let Some(acl) = acl else { continue };
            self.bytes += size_of::<Acl>() + 16 + acl.names.len() * size_of::<Named>();
            if self.bytes > BYTES_MAX {
                return Err(Error::peer(Exit::MALLOC, "too many ACLs in the file list"));
            }
            self.known[table].push(Rc::new(acl));
        }
        Ok((read.at[0], read.at[1]))
    }

    /// An access ACL.
    pub fn access(&self, at: u32) -> Option<&Rc<Acl>> {
        self.known[0].get(at as usize)
    }

    /// A default ACL.
    pub fn of_new_files(&self, at: u32) -> Option<&Rc<Acl>> {
        self.known[1].get(at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(is_group: bool, id: u32, perm: u8) -> Named {
        Named { is_group, id, perm }
    }

    /// The example of spec 2.12.
    fn example() -> Acl {
        Acl {
            user_obj: Some(6),
            group_obj: Some(4),
            mask: Some(6),
            other: Some(4),
            names: alloc::vec![named(false, 1, 6), named(false, 12345, 0), named(true, 2, 4)],
        }
    }

    #[test]
    fn travels_as_in_the_specification_and_is_sent_once() {
        let mut ids = SentIds::default();
        ids.users.learn(1, Some(b"daemon"));
        ids.users.learn(12345, None);
        ids.groups.learn(2, Some(b"bin"));
        let acls = Acls { access: example(), default: Acl::default() };
        let (mut sent, mut out) = (SentAcls::default(), Vec::new());
        sent.put(&acls, 0o100664, false, &mut ids, true, &mut out);
        // The group's own bits differ from those of the mode, which are the mask.
        let mut expect = alloc::vec![0, 0x12, 4, 3, 1, 0x1b, 6];
        expect.extend_from_slice(b"daemon");
        expect.extend_from_slice(&[0xb0, 0x39, 2, 2, 0x11, 3]);
        expect.extend_from_slice(b"bin");
        assert_eq!(out, expect);
        sent.put(&acls, 0o100664, false, &mut ids, true, &mut out);
        assert_eq!(out[expect.len()..], [1]);

        let mut received = ReceivedAcls::default();
        let mut names = ReceivedNames::default();
        for cut in 0..expect.len() {
            assert_eq!(received.read(&mut Reader::new(&out[..cut]), false, &mut names).unwrap_err(), Stop::Short);
        }
        let mut r = Reader::new(&out);
        let new = received.read(&mut r, false, &mut names).unwrap();
        assert_eq!(received.keep(new).unwrap().0, 0);
        let again = received.read(&mut r, false, &mut names).unwrap();
        assert_eq!(received.keep(again).unwrap().0, 0);
        assert_eq!(names.users.name(1), Some(b"daemon".as_slice()));
        let acl = received.access(0).unwrap().expanded(0o100664, false);
        assert!(acl.is_met_by(&example(), 0o100664));
        assert_eq!(acl.complete(0o100664), example());
    }

    #[test]
    fn what_the_mode_says_is_left_out() {
        let plain = Acl { user_obj: Some(6), group_obj: Some(4), mask: None, other: Some(4), names: Vec::new() };
        assert!(plain.condensed(0o644).is_empty());
        assert!(Acl::default().is_met_by(&plain, 0o644));
        let masked = Acl { mask: Some(4), ..plain };
        assert_eq!(masked.condensed(0o644), Acl { mask: Some(4), ..Acl::default() });
    }

    #[test]
    fn linux_form_and_back() {
        assert_eq!(Acl::from_linux(&example().to_linux()), Some(example()));
        assert_eq!(Acl::from_linux(b"\x02\0\0\0\x01"), None);
        assert_eq!(Acl::from_linux(b"\x03\0\0\0"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        let received = ReceivedAcls::default();
        let mut names = ReceivedNames::default();
        for bytes in [&[1u8][..], &[0, 1, 8], &[0, 0x10, 0xf0, 0xff, 0xff, 0xff, 0x7f], &[0, 0x10, 1, 5, 0x7e]] {
            let result = received.read(&mut Reader::new(bytes), false, &mut names);
            assert!(matches!(result, Err(Stop::Bad(_))), "{bytes:?}");
        }
    }
}
