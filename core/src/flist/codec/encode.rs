//! Encoding entries (the sender).

use alloc::vec::Vec;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry as Slot;

use super::{Caps, IO_ERROR_MASK, Previous, bit, pack_rdev};
use crate::flist::acl::{Acls, SentAcls};
use crate::flist::entry::{Entry, Flags, Kind};
use crate::flist::ids::SentIds;
use crate::flist::list::FileList;
use crate::flist::xattr::{Pair, SentXattrs};
use crate::wire::item::{put_i32, put_longint, put_u16, put_varint, put_varint30, put_varlong, put_varlong30};

/// Longest prefix that is shared with the name before.
const PREFIX_BYTES_MAX: usize = 255;

/// Encodes the entries of all lists of a session.
#[derive(Debug)]
pub struct Encoder {
    caps: Caps,
    previous: Previous,
    /// (device, inode) of a file with several links to the index of the first of them.
    leaders: HashMap<(i64, i64), u32>,
    /// Ids and names that were met. With incremental recursion, names have to be known before their entry is encoded.
    pub ids: SentIds,
    acls: SentAcls,
    /// Lists of extended attributes that were sent.
    pub xattrs: SentXattrs,
}

/// How an entry takes part in a hard-link group, protocols from 30 on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    No,
    First,
    To(u32),
}

impl Encoder {
    /// An encoder for a session.
    pub fn new(caps: Caps) -> Encoder {
        Encoder {
            caps,
            previous: Previous::default(),
            leaders: HashMap::new(),
            ids: SentIds::default(),
            acls: SentAcls::default(),
            xattrs: SentXattrs::default(),
        }
    }

    /// What shapes the list.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Appends an entry. `list` holds what was encoded of this list before; the caller pushes `entry` to it afterwards. The
    /// name must not be longer than [`crate::limits::PATH_BYTES_MAX`].
    pub fn encode(&mut self, list: &FileList, entry: &Entry, out: &mut Vec<u8>) {
        let link = self.link(list, entry);
        let shared = self.shared_prefix(&entry.name);
        let suffix = &entry.name[shared..];
        let flags = self.flags(entry, link, shared, suffix.len());
        self.put_flags(flags, entry.is_dir(), out);
        if flags & bit::SAME_NAME != 0 {
            out.push(shared as u8);
        }
        if flags & bit::LONG_NAME != 0 {
            put_varint30(out, self.caps.protocol, suffix.len() as i32);
        } else {
            out.push(suffix.len() as u8);
        }
        out.extend_from_slice(suffix);

        if let Link::To(leader) = link {
            put_varint(out, leader as i32);
        }
        match link {
            // Nothing more is sent, and both sides go on from what the leader had.
            Link::To(leader) if leader >= list.start() => self.remember_leader(list, leader),
            _ => self.put_fields(entry, flags, out),
        }
        self.previous.name.truncate(shared);
        self.previous.name.extend_from_slice(suffix);
    }

    /// Appends the ACLs and extended attributes (fields 18 and 19) of an entry that was just encoded, abbreviated or not.
    pub fn encode_extended(&mut self, entry: &mut Entry, acls: &Acls, xattrs: &[Pair], out: &mut Vec<u8>) {
        if self.caps.acls && entry.kind() != Kind::Symlink {
            let inline = self.caps.has_inline_names();
            self.acls.put(acls, entry.mode, entry.is_dir(), &mut self.ids, inline, out);
        }
        if self.caps.xattrs {
            entry.xattrs = Some(self.xattrs.put(xattrs, out));
        }
    }

    fn link(&mut self, list: &FileList, entry: &Entry) -> Link {
        let Some(inode) = entry.inode.filter(|_| self.tracks_by_index(entry)) else {
            return Link::No;
        };
        let index = list.start().saturating_add(list.len() as u32);
        match self.leaders.entry(inode) {
            Slot::Occupied(leader) => Link::To(*leader.get()),
            Slot::Vacant(slot) => {
                slot.insert(index);
                Link::First
            }
        }
    }

    fn tracks_by_index(&self, entry: &Entry) -> bool {
        self.caps.hard_links && self.caps.is_compact() && !entry.is_dir()
    }

    /// Whether device and inode follow, protocols below 30.
    fn tracks_by_inode(&self, entry: &Entry) -> bool {
        let kind = entry.kind();
        let kind_can = if self.caps.has_wide_flags() { kind != Kind::Dir } else { kind == Kind::Regular };
        self.caps.hard_links
            && !self.caps.is_compact()
            && kind_can
            && (entry.inode.is_some() || !self.caps.has_wide_flags())
    }

    fn shared_prefix(&self, name: &[u8]) -> usize {
        let pairs = name.iter().zip(&self.previous.name);
        pairs.take(PREFIX_BYTES_MAX).take_while(|(a, b)| a == b).count()
    }

    fn flags(&self, entry: &Entry, link: Link, shared: usize, suffix: usize) -> u32 {
        let previous = &self.previous.fields;
        let is_first = self.previous.name.is_empty();
        let mut flags = 0;
        let mut set = |bit: u32, on: bool| flags |= if on { bit } else { 0 };
        set(bit::SAME_MODE, entry.mode == previous.mode);
        set(bit::SAME_UID, !self.caps.owner || (entry.uid == previous.uid && !is_first));
        set(bit::SAME_GID, !self.caps.group || (entry.gid == previous.gid && !is_first));
        set(bit::SAME_NAME, shared > 0);
        set(bit::LONG_NAME, suffix > PREFIX_BYTES_MAX);
        set(bit::SAME_TIME, entry.mtime == previous.mtime);
        set(bit::MOD_NSEC, self.caps.has_nanoseconds() && (1..1_000_000_000).contains(&entry.nsec));
        set(bit::HLINKED, link != Link::No);
        set(bit::HLINK_FIRST, link == Link::First);
        if self.caps.atimes && !entry.is_dir() {
            set(bit::SAME_ATIME, entry.atime.unwrap_or(0) == previous.atime);
        }
        if self.caps.crtimes {
            set(bit::CRTIME_EQ_MTIME, entry.crtime.unwrap_or(entry.mtime) == entry.mtime);
        }
        if self.caps.has_inline_names() && flags & bit::SAME_UID == 0 {
            flags |= if self.ids.users.is_name_due(entry.uid) { bit::USER_NAME_FOLLOWS } else { 0 };
        }
        if self.caps.has_inline_names() && flags & bit::SAME_GID == 0 {
            flags |= if self.ids.groups.is_name_due(entry.gid) { bit::GROUP_NAME_FOLLOWS } else { 0 };
        }
        flags |= self.dir_flags(entry) | self.rdev_flags(entry) | self.inode_flags(entry);
        if !self.caps.has_wide_flags() && flags & 0xff == 0 {
            // A byte of 0 would end the list, and the filler of a directory changes how its name is sent.
            flags |= if entry.is_dir() { bit::LONG_NAME } else { bit::TOP_DIR };
        }
        flags
    }

    fn dir_flags(&self, entry: &Entry) -> u32 {
        if !entry.is_dir() {
            return 0;
        }
        let implied = entry.flags.has(Flags::IMPLIED);
        let top = entry.flags.has(Flags::TOP_DIR);
        if !self.caps.is_compact() {
            return if top && !implied { bit::TOP_DIR } else { 0 };
        }
        let content = entry.flags.has(Flags::CONTENT_DIR) && !implied;
        (if top || implied { bit::TOP_DIR } else { 0 }) | (if content { 0 } else { bit::NO_CONTENT_DIR })
    }

    fn rdev_flags(&self, entry: &Entry) -> u32 {
        let kind = entry.kind();
        if !self.caps.has_rdev(kind) {
            return 0;
        }
        let previous = &self.previous.fields;
        let (major, minor) = entry.rdev.unwrap_or_default();
        let is_special = kind == Kind::Special;
        if !self.caps.has_wide_flags() {
            let same = is_special || pack_rdev((major, minor)) == previous.rdev;
            return if same { bit::SAME_RDEV } else { 0 };
        }
        let same_major = is_special || major == previous.rdev_major;
        let small_minor = !self.caps.is_compact() && (is_special || minor <= 0xff);
        (if same_major { bit::SAME_RDEV_MAJOR } else { 0 }) | (if small_minor { bit::RDEV_MINOR_8 } else { 0 })
    }

    fn inode_flags(&self, entry: &Entry) -> u32 {
        match entry.inode {
            Some((dev, _)) if self.caps.has_wide_flags() && self.tracks_by_inode(entry) => {
                let same = dev.wrapping_add(1) == self.previous.fields.dev;
                bit::HLINKED | if same { bit::SAME_DEV } else { 0 }
            }
            _ => 0,
        }
    }

    fn put_flags(&self, flags: u32, is_dir: bool, out: &mut Vec<u8>) {
        if self.caps.varint_flags {
            put_varint(out, if flags == 0 { bit::EXTENDED } else { flags } as i32);
            return;
        }
        if !self.caps.has_wide_flags() {
            out.push(flags as u8);
            return;
        }
        let flags = if flags & 0xffff == 0 && !is_dir { bit::TOP_DIR } else { flags };
        if flags & 0xff00 == 0 && flags & 0xff != 0 {
            out.push(flags as u8);
        } else {
            put_u16(out, (flags | bit::EXTENDED) as u16);
        }
    }

    fn put_fields(&mut self, entry: &Entry, flags: u32, out: &mut Vec<u8>) {
        let protocol = self.caps.protocol;
        let kind = entry.kind();
        let is_node = matches!(kind, Kind::Device | Kind::Special);
        put_varlong30(out, protocol, if is_node { 0 } else { entry.size as i64 }, 3);
        if flags & bit::SAME_TIME == 0 {
            if self.caps.is_compact() {
                put_varlong(out, entry.mtime, 4);
            } else {
                put_i32(out, entry.mtime as i32);
            }
        }
        if flags & bit::MOD_NSEC != 0 {
            put_varint(out, entry.nsec as i32);
        }
        if self.caps.crtimes && flags & bit::CRTIME_EQ_MTIME == 0 {
            put_varlong(out, entry.crtime.unwrap_or(entry.mtime), 4);
        }
        if flags & bit::SAME_MODE == 0 {
            put_i32(out, entry.mode as i32);
        }
        if self.caps.atimes && kind != Kind::Dir && flags & bit::SAME_ATIME == 0 {
            put_varlong(out, entry.atime.unwrap_or(0), 4);
        }
        self.put_owner(entry, flags, out);
        self.put_rdev(entry, flags, out);
        if kind == Kind::Symlink && self.caps.links {
            let target = entry.target.as_deref().unwrap_or_default();
            put_varint30(out, protocol, target.len() as i32);
            out.extend_from_slice(target);
        }
        self.put_inode(entry, flags, out);
        if self.caps.has_digest(kind) {
            let digest = entry.digest.as_ref().map(|digest| digest.as_bytes()).unwrap_or_default();
            let sent = &digest[..digest.len().min(self.caps.digest_bytes)];
            out.extend_from_slice(sent);
            out.resize(out.len() + self.caps.digest_bytes - sent.len(), 0);
        }
        let fields = &mut self.previous.fields;
        fields.mode = entry.mode;
        fields.mtime = entry.mtime;
        if kind != Kind::Dir {
            fields.atime = entry.atime.unwrap_or(0);
        }
    }

    fn put_owner(&mut self, entry: &Entry, flags: u32, out: &mut Vec<u8>) {
        if flags & bit::SAME_UID == 0 {
            put_varint30(out, self.caps.protocol, entry.uid as i32);
            self.ids.users.put_due_name(entry.uid, flags & bit::USER_NAME_FOLLOWS != 0 && self.caps.is_compact(), out);
            self.previous.fields.uid = entry.uid;
        }
        if flags & bit::SAME_GID == 0 {
            put_varint30(out, self.caps.protocol, entry.gid as i32);
            self.ids.groups.put_due_name(
                entry.gid,
                flags & bit::GROUP_NAME_FOLLOWS != 0 && self.caps.is_compact(),
                out,
            );
            self.previous.fields.gid = entry.gid;
        }
    }

    fn put_rdev(&mut self, entry: &Entry, flags: u32, out: &mut Vec<u8>) {
        let kind = entry.kind();
        let fields = &mut self.previous.fields;
        if !self.caps.has_rdev(kind) {
            fields.rdev = 0;
            return;
        }
        let (major, minor) = if kind == Kind::Special { (0, 0) } else { entry.rdev.unwrap_or_default() };
        if !self.caps.has_wide_flags() {
            if flags & bit::SAME_RDEV == 0 {
                fields.rdev = pack_rdev((major, minor));
                put_i32(out, fields.rdev as i32);
            }
            return;
        }
        if flags & bit::SAME_RDEV_MAJOR == 0 {
            put_varint30(out, self.caps.protocol, major as i32);
            fields.rdev_major = major;
        }
        if self.caps.is_compact() {
            put_varint(out, minor as i32);
        } else if flags & bit::RDEV_MINOR_8 != 0 {
            out.push(minor as u8);
        } else {
            put_i32(out, minor as i32);
        }
    }

    fn put_inode(&mut self, entry: &Entry, flags: u32, out: &mut Vec<u8>) {
        if !self.tracks_by_inode(entry) {
            return;
        }
        let (dev, ino) = entry.inode.unwrap_or_default();
        if !self.caps.has_wide_flags() || flags & bit::SAME_DEV == 0 {
            self.previous.fields.dev = dev.wrapping_add(1);
            put_longint(out, self.previous.fields.dev);
        }
        put_longint(out, ino);
    }

    /// Goes on from what the leader had, as the reader will: the file may have changed since the leader was looked at.
    fn remember_leader(&mut self, list: &FileList, leader: u32) {
        let Some(leader) = list.arrival((leader - list.start()) as usize) else {
            return;
        };
        let fields = &mut self.previous.fields;
        fields.mode = leader.mode();
        fields.mtime = leader.mtime();
        fields.atime = leader.atime().unwrap_or(fields.atime);
        if self.caps.owner {
            fields.uid = leader.uid();
        }
        if self.caps.group {
            fields.gid = leader.gid();
        }
        if let Some((major, _)) = leader.rdev().filter(|_| leader.kind() == Kind::Device && self.caps.devices) {
            fields.rdev_major = major;
        }
    }
}

/// Appends the end of a list. `io_error` is what to report: 0 for nothing (spec 2.4).
pub fn put_end(caps: &Caps, io_error: u32, out: &mut Vec<u8>) {
    let io_error = io_error & IO_ERROR_MASK;
    if caps.varint_flags {
        out.push(0);
        put_varint(out, io_error as i32);
    } else if caps.safe_list && io_error != 0 {
        put_u16(out, bit::IO_ERROR_END as u16);
        put_varint(out, io_error as i32);
    } else {
        out.push(0);
    }
}

/// Appends the error word that follows the id lists, protocols below 30.
pub fn put_io_error(caps: &Caps, io_error: u32, out: &mut Vec<u8>) {
    if !caps.is_compact() {
        put_i32(out, (io_error & IO_ERROR_MASK) as i32);
    }
}
