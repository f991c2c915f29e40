//! The attributes of an entry, in the order of the wire: fields 6 to 17.

use alloc::format;

use super::{Decoder, Rules};
use crate::flist::codec::{Fields, bit, unpack_rdev};
use crate::flist::entry::{Digest, Entry, Flags, Kind};
use crate::wire::item::{Reader, Stop};
use crate::{Error, Exit, limits};

impl Decoder {
    /// Fields 6 to 15.
    pub(super) fn fields(
        &mut self,
        flags: u32,
        r: &mut Reader<'_>,
        fields: &mut Fields,
        entry: &mut Entry,
        rules: &Rules<'_>,
    ) -> Result<(), Stop> {
        let protocol = self.caps.protocol;
        entry.size = u64::try_from(r.varlong30(protocol, 3)?)
            .map_err(|_| Error::peer(Exit::UNSUPPORTED, "Offset underflow: file-length is negative"))?;
        if flags & bit::SAME_TIME == 0 {
            fields.mtime = if self.caps.is_compact() { r.varlong(4)? } else { i64::from(r.i32()? as u32) };
        }
        entry.mtime = fields.mtime;
        entry.nsec = if flags & bit::MOD_NSEC != 0 && self.caps.has_nanoseconds() { nanoseconds(r)? } else { 0 };
        if self.caps.crtimes {
            let same = flags & bit::CRTIME_EQ_MTIME != 0;
            entry.crtime = Some(if same { entry.mtime } else { r.varlong(4)? });
        }
        if flags & bit::SAME_MODE == 0 {
            fields.mode = r.i32()? as u32;
        }
        self.check_mode(fields.mode, &entry.name)?;
        if !matches!(Kind::of(fields.mode), Kind::Symlink | Kind::Missing) {
            // A mode that is inherited from the entry before was changed there, and is changed again.
            fields.mode = (rules.chmod)(fields.mode);
        }
        entry.mode = fields.mode;
        let kind = entry.kind();
        if self.caps.atimes && kind != Kind::Dir {
            if flags & bit::SAME_ATIME == 0 {
                fields.atime = r.varlong(4)?;
            }
            entry.atime = Some(fields.atime);
        }
        self.owner(flags, r, fields, entry)?;
        self.rdev(flags, r, fields, entry)?;
        if kind == Kind::Symlink && self.caps.links {
            let length = r.varint30(protocol)?;
            let length = usize::try_from(length)
                .ok()
                .filter(|length| (1..=limits::PATH_BYTES_MAX).contains(length))
                .ok_or_else(|| Error::peer(Exit::MALLOC, format!("overflow: linkname_len={length}")))?;
            entry.target = Some(r.bytes(length)?.to_vec());
        }
        Ok(())
    }

    fn check_mode(&self, mode: u32, name: &[u8]) -> Result<(), Error> {
        let legal = match Kind::of(mode) {
            Kind::Unknown => false,
            Kind::Missing => self.caps.missing_args,
            _ => true,
        };
        if legal {
            return Ok(());
        }
        let mut text = format!("invalid file mode 0{mode:o} for ").into_bytes();
        text.extend_from_slice(name);
        text.extend_from_slice(format!(" [{}]", self.role).as_bytes());
        Err(Error::peer(Exit::PROTOCOL, text))
    }

    fn owner(&mut self, flags: u32, r: &mut Reader<'_>, fields: &mut Fields, entry: &mut Entry) -> Result<(), Stop> {
        let protocol = self.caps.protocol;
        if self.caps.owner {
            if flags & bit::SAME_UID == 0 {
                fields.uid = r.varint30(protocol)? as u32;
                if self.caps.is_compact() && flags & bit::USER_NAME_FOLLOWS != 0 {
                    let length = usize::from(r.u8()?);
                    // Should the rest of the entry be short, learning the name once more does no harm.
                    self.names.users.learn(fields.uid, r.bytes(length)?)?;
                }
            }
            entry.uid = fields.uid;
        }
        if self.caps.group {
            if flags & bit::SAME_GID == 0 {
                fields.gid = r.varint30(protocol)? as u32;
                if self.caps.is_compact() && flags & bit::GROUP_NAME_FOLLOWS != 0 {
                    let length = usize::from(r.u8()?);
                    self.names.groups.learn(fields.gid, r.bytes(length)?)?;
                }
            }
            entry.gid = fields.gid;
        }
        Ok(())
    }

    fn rdev(&self, flags: u32, r: &mut Reader<'_>, fields: &mut Fields, entry: &mut Entry) -> Result<(), Stop> {
        let kind = entry.kind();
        if kind == Kind::Device {
            entry.size = 0;
        }
        if !self.caps.has_rdev(kind) {
            fields.rdev = 0;
            return Ok(());
        }
        entry.size = 0;
        let rdev = if !self.caps.has_wide_flags() {
            if flags & bit::SAME_RDEV == 0 {
                fields.rdev = r.i32()? as u32;
            }
            unpack_rdev(fields.rdev)
        } else {
            if flags & bit::SAME_RDEV_MAJOR == 0 {
                fields.rdev_major = r.varint30(self.caps.protocol)? as u32;
            }
            let is_byte = !self.caps.is_compact() && flags & bit::RDEV_MINOR_8 != 0;
            let minor = if is_byte { u32::from(r.u8()?) } else { r.varint30(self.caps.protocol)? as u32 };
            (fields.rdev_major, minor)
        };
        entry.rdev = (kind == Kind::Device).then_some(rdev);
        Ok(())
    }

    /// Fields 16 and 17.
    pub(super) fn inode_and_digest(
        &mut self,
        flags: u32,
        r: &mut Reader<'_>,
        fields: &mut Fields,
        entry: &mut Entry,
        index: u32,
    ) -> Result<(), Stop> {
        let kind = entry.kind();
        let mut inode = None;
        if self.caps.hard_links && !self.caps.is_compact() {
            let wide = self.caps.has_wide_flags();
            let tracked = if wide { flags & bit::HLINKED != 0 && kind != Kind::Dir } else { kind == Kind::Regular };
            if tracked {
                if !wide || flags & bit::SAME_DEV == 0 {
                    fields.dev = r.longint()?;
                }
                inode = Some((fields.dev.wrapping_sub(1), r.longint()?));
            }
        }
        if self.caps.has_digest(kind) {
            let digest = r.bytes(self.caps.digest_bytes)?;
            entry.digest = (kind == Kind::Regular).then(|| Digest::new(digest));
        }
        if let Some(inode) = inode {
            // The last thing that can't be undone, and nothing of this entry is read after it.
            let leader = *self.leaders.entry(inode).or_insert(index);
            entry.inode = Some(inode);
            entry.group = Some(leader);
            entry.flags.set(Flags::LINK_FIRST, leader == index);
        }
        Ok(())
    }
}

fn nanoseconds(r: &mut Reader<'_>) -> Result<u32, Stop> {
    let value = r.varint()?;
    u32::try_from(value).ok().filter(|&nsec| nsec < 1_000_000_000).ok_or_else(|| {
        Stop::Bad(Error::peer(Exit::PROTOCOL, format!("invalid modification-time nanoseconds: {value}")))
    })
}
