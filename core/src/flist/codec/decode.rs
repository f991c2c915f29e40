//! Decoding entries (the receiving side). Everything here comes from the peer, so nothing here trusts anything.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Caps, Fields, IO_ERROR_MASK, Previous, bit};
use crate::flist::acl::ReceivedAcls;
use crate::flist::entry::{Entry, Flags, Kind};
use crate::flist::ids::ReceivedNames;
use crate::flist::list::FileList;
use crate::flist::verify;
use crate::flist::xattr::{ReceivedXattrs, Rename};
use crate::wire::item::{Reader, Stop};
use crate::{Error, Exit, limits};

mod fields;

/// What was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An entry, in the scratch space that the caller lent: to be pushed to the list.
    Entry,
    /// The end of the list.
    End {
        /// What the sender could not list; 0 for nothing.
        io_error: u32,
    },
}

/// Whether a name may be in the list at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It was asked for.
    Yes,
    /// It is the parent of something that was asked for, and no more than that (spec 2.8.4).
    AsParent,
}

/// Says whether a name may be in the list, by the name and whether it is a directory.
pub type Judge<'a> = dyn FnMut(&[u8], bool) -> Result<Wanted, Error> + 'a;

/// What the session adds to decoding.
pub struct Rules<'a> {
    /// The checks of spec 2.8.1 no. 6.
    pub judge: &'a mut Judge<'a>,
    /// Changes a mode (`--chmod`).
    pub chmod: &'a dyn Fn(u32) -> u32,
    /// What an extended attribute is called here.
    pub xattr_name: &'a Rename<'a>,
    /// Converts names (`--iconv`).
    pub convert: Option<&'a Recode<'a>>,
}

/// Puts a name into this side's character set, or says why it can't be there.
pub type Recode<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, String> + 'a;

/// Decodes the entries of all lists of a session.
#[derive(Debug)]
pub struct Decoder {
    caps: Caps,
    previous: Previous,
    /// Below protocol 30: (device, inode) to the arrival index of the first entry that had them.
    leaders: BTreeMap<(i64, i64), u32>,
    /// How error texts call this process.
    pub role: &'static str,
    /// Names of users and groups that came with ids.
    pub names: ReceivedNames,
    /// ACLs that came.
    pub acls: ReceivedAcls,
    /// Lists of extended attributes that came.
    pub xattrs: ReceivedXattrs,
    /// The name of the entry read last, if it could not be converted, and why: the entry has none, then.
    pub unconverted: Option<(Vec<u8>, String)>,
}

/// What a flag word turned out to be.
enum Head {
    Entry(u32),
    End { io_error: u32 },
}

/// A name as received.
struct Name<'a> {
    shared: usize,
    suffix: &'a [u8],
}

impl Decoder {
    /// A decoder for a session.
    pub fn new(caps: Caps) -> Decoder {
        Decoder {
            caps,
            previous: Previous::default(),
            leaders: BTreeMap::new(),
            role: "Receiver",
            names: ReceivedNames::default(),
            acls: ReceivedAcls::default(),
            xattrs: ReceivedXattrs::default(),
            unconverted: None,
        }
    }

    /// What shapes the list.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Decodes one entry into `entry`, or the end of the list. `list` holds the entries of this list so far. Where the bytes
    /// are not all there, nothing has happened.
    pub fn decode(
        &mut self,
        r: &mut Reader<'_>,
        list: &FileList,
        entry: &mut Entry,
        rules: &mut Rules<'_>,
    ) -> Result<Decoded, Stop> {
        let flags = match self.head(r)? {
            Head::Entry(flags) => flags,
            Head::End { io_error } => return Ok(Decoded::End { io_error }),
        };
        let mut fields = self.previous.fields;
        let name = self.name(flags, r, entry)?;
        let index = list.start().saturating_add(list.len() as u32);
        let leader = self.leader(flags, index, r)?;
        match leader.and_then(|leader| leader.checked_sub(list.start())).and_then(|at| list.arrival(at as usize)) {
            Some(leader) => {
                leader.put_attributes(entry);
                fields.mode = leader.mode();
                fields.mtime = leader.mtime();
                fields.atime = leader.atime().unwrap_or(fields.atime);
                fields.uid = if self.caps.owner { leader.uid() } else { fields.uid };
                fields.gid = if self.caps.group { leader.gid() } else { fields.gid };
                fields.rdev_major = leader.rdev().map_or(fields.rdev_major, |(major, _)| major);
            }
            None => self.fields(flags, r, &mut fields, entry, rules)?,
        }
        let is_dir = entry.is_dir();
        let wanted = self.check_name(entry, rules)?;
        if is_dir {
            entry.flags = self.dir_flags(flags, entry, name.shared, wanted, &mut fields);
        }
        if self.caps.hard_links && self.caps.is_compact() && flags & bit::HLINKED != 0 && !is_dir {
            entry.group = Some(leader.unwrap_or(index));
            entry.flags.set(Flags::LINK_FIRST, leader.is_none());
        } else {
            entry.group = None;
        }
        if self.unconverted.is_some() {
            entry.flags.set(Flags::INACTIVE, true);
        }
        if leader.is_none_or(|leader| leader < list.start()) {
            self.inode_and_digest(flags, r, &mut fields, entry, index)?;
        }
        // After abbreviated entries too.
        let acls = if self.caps.acls && entry.kind() != Kind::Symlink {
            Some(self.acls.read(r, is_dir, &mut self.names)?)
        } else {
            None
        };
        let xattrs = if self.caps.xattrs { Some(self.xattrs.read(r, rules.xattr_name)?) } else { None };
        entry.acls = acls.map(|acls| self.acls.keep(acls)).transpose()?;
        entry.xattrs = xattrs.map(|xattrs| self.xattrs.keep(xattrs)).transpose()?;

        self.previous.name.truncate(name.shared);
        self.previous.name.extend_from_slice(name.suffix);
        self.previous.fields = fields;
        Ok(Decoded::Entry)
    }

    fn head(&self, r: &mut Reader<'_>) -> Result<Head, Stop> {
        if self.caps.varint_flags {
            return Ok(match r.varint()? as u32 {
                0 => Head::End { io_error: r.varint()? as u32 & IO_ERROR_MASK },
                flags => Head::Entry(flags),
            });
        }
        let mut flags = u32::from(r.u8()?);
        if self.caps.has_wide_flags() && flags & bit::EXTENDED != 0 {
            flags |= u32::from(r.u8()?) << 8;
        }
        match flags {
            0 => Ok(Head::End { io_error: 0 }),
            bit::IO_ERROR_END if self.caps.safe_list => Ok(Head::End { io_error: r.varint()? as u32 & IO_ERROR_MASK }),
            bit::IO_ERROR_END => Err(Error::peer(Exit::PROTOCOL, format!("Invalid flist flag: {flags:x}")).into()),
            flags => Ok(Head::Entry(flags)),
        }
    }

    /// Reads the name, and puts it into `entry` as it came.
    fn name<'a>(&self, flags: u32, r: &mut Reader<'a>, entry: &mut Entry) -> Result<Name<'a>, Stop> {
        let shared = if flags & bit::SAME_NAME != 0 { usize::from(r.u8()?) } else { 0 };
        let length = if flags & bit::LONG_NAME != 0 { r.varint30(self.caps.protocol)? } else { i32::from(r.u8()?) };
        let known = &self.previous.name;
        let suffix_length = usize::try_from(length).unwrap_or(usize::MAX);
        if shared.saturating_add(suffix_length) > limits::PATH_BYTES_MAX {
            let mut text = format!("overflow: xflags=0x{flags:x} l1={shared} l2={length} lastname=").into_bytes();
            text.extend_from_slice(known);
            text.extend_from_slice(format!(" [{}]", self.role).as_bytes());
            return Err(Error::peer(Exit::MALLOC, text).into());
        }
        let suffix = r.bytes(suffix_length)?;
        let Some(prefix) = known.get(..shared).filter(|_| !suffix.contains(&0)) else {
            return Err(Error::peer(Exit::STREAM, "malformed name in the file list").into());
        };
        entry.clear();
        entry.name.extend_from_slice(prefix);
        entry.name.extend_from_slice(suffix);
        Ok(Name { shared, suffix })
    }

    /// The index of the first entry of the hard-link group, if that is an earlier one.
    fn leader(&self, flags: u32, index: u32, r: &mut Reader<'_>) -> Result<Option<u32>, Stop> {
        if !self.caps.is_compact() || flags & (bit::HLINKED | bit::HLINK_FIRST) != bit::HLINKED {
            return Ok(None);
        }
        let leader = r.varint()?;
        match u32::try_from(leader) {
            Ok(leader) if leader < index => Ok(Some(leader)),
            _ => {
                let text = format!("hard-link reference out of range: {leader} ({index})");
                Err(Error::peer(Exit::PROTOCOL, text).into())
            }
        }
    }

    /// The checks of spec 2.8.1, which clean the name too.
    fn check_name(&mut self, entry: &mut Entry, rules: &mut Rules<'_>) -> Result<Wanted, Error> {
        let is_dir = entry.is_dir();
        self.unconverted = None;
        if let Some(convert) = rules.convert {
            match convert(&entry.name) {
                Ok(name) => entry.name = name,
                Err(reason) => {
                    // It keeps its place, so that the indexes of both sides agree.
                    self.unconverted = Some((core::mem::take(&mut entry.name), reason));
                    return (rules.judge)(&entry.name, is_dir);
                }
            }
        }
        verify::clean_received(&mut entry.name, self.caps.relative)?;
        verify::check_root_is_dir(&entry.name, is_dir)?;
        (rules.judge)(&entry.name, is_dir)
    }

    /// What a directory is to the transfer (spec 2.3.3).
    fn dir_flags(&self, flags: u32, entry: &Entry, shared: usize, wanted: Wanted, fields: &mut Fields) -> Flags {
        if wanted == Wanted::AsParent && (self.caps.is_compact() || flags & bit::TOP_DIR != 0) {
            return Flags::IMPLIED;
        }
        if !self.caps.is_compact() {
            return self.dir_flags_by_position(flags, entry, shared, fields);
        }
        match (flags & bit::TOP_DIR != 0, flags & bit::NO_CONTENT_DIR != 0) {
            (false, false) => Flags::CONTENT_DIR,
            (true, false) => Flags::TOP_DIR.with(Flags::CONTENT_DIR),
            (true, true) => Flags::IMPLIED,
            (false, true) => Flags::NONE,
        }
    }

    /// Below protocol 30, content is what lies beneath the last top directory.
    fn dir_flags_by_position(&self, flags: u32, entry: &Entry, shared: usize, fields: &mut Fields) -> Flags {
        let name = &entry.name;
        if flags & bit::TOP_DIR != 0 {
            let hidden_tail = if self.caps.relative && name.ends_with(b"/.") { 2 } else { 0 };
            let length = if name == b"." { 0 } else { name.len() - hidden_tail };
            fields.content_below = self.caps.recurse.then_some(length);
            return Flags::TOP_DIR.with(Flags::CONTENT_DIR);
        }
        let Some(length) = fields.content_below else {
            return Flags::NONE;
        };
        let is_below = shared >= length && name.get(length) == Some(&b'/');
        if !self.caps.relative || length == 0 || is_below {
            return Flags::CONTENT_DIR;
        }
        fields.content_below = None;
        Flags::NONE
    }
}

/// The judge for a sender that is trusted.
pub fn trust(_name: &[u8], _is_dir: bool) -> Result<Wanted, Error> {
    Ok(Wanted::Yes)
}

/// Reads the error word that follows the id lists, protocols below 30.
pub fn read_io_error(r: &mut Reader<'_>) -> Result<u32, Stop> {
    Ok(r.i32()? as u32 & IO_ERROR_MASK)
}
