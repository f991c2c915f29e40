//! How one entry gets into the list and onto the wire.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Draft, Lister};
use crate::checksum::{Algorithm, DigestValue};
use crate::flist::{Digest, Entry, Flags};
use crate::session::ask::{Extended, Meta};
use crate::session::context::io_error;
use crate::session::decide::{DIRECTORY, REGULAR, SYMLINK, TYPE};
use crate::session::removal::join;
use crate::session::say::Class;
use crate::session::show;
use crate::{Error, Exit, Fault};

impl Lister {
    /// Lists a file. The caller sees to it that there is room for more.
    pub(super) fn put_file(
        &mut self,
        name: Vec<u8>,
        meta: Meta,
        digest: Option<DigestValue>,
        flags: Flags,
        origin: u16,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        match self.entry(name, &meta, digest, flags, origin) {
            Some(entry) => self.put(entry, meta.extended, origin, draft),
            None => Ok(()),
        }
    }

    pub(super) fn entry(
        &self,
        name: Vec<u8>,
        meta: &Meta,
        digest: Option<DigestValue>,
        flags: Flags,
        origin: u16,
    ) -> Option<Entry> {
        let cx = &self.cx;
        let o = &cx.config.options;
        let contents = (o.copy_devices && matches!(meta.mode & TYPE, 0o020000 | 0o060000)).then(|| Meta {
            // As long as it is now, and as new.
            mode: REGULAR | meta.mode & 0o7777,
            mtime: cx.unix_now(),
            mtime_nsec: 0,
            ..meta.clone()
        });
        let meta = contents.as_ref().unwrap_or(meta);
        let kind = meta.mode & TYPE;
        let device = matches!(kind, 0o020000 | 0o060000);
        let special = matches!(kind, 0o010000 | 0o140000);
        let mut mode = meta.mode;
        if kind != SYMLINK
            && let Some(chmod) = cx.chmod()
        {
            mode = kind | chmod.apply(mode, kind == DIRECTORY, cx.config.umask);
        }
        let mut target = meta.target.as_deref();
        if kind == SYMLINK && o.links && target.is_none_or(<[u8]>::is_empty) {
            let full = self.full_path(&self.roots[usize::from(origin)].path, &name);
            let text = [b"skipping symlink with 0-length value: \"".as_slice(), &full, b"\""].concat();
            cx.say(Class::Transfer, text);
            cx.add_io_error(io_error::GENERAL);
            return None;
        }
        if cx.munges() {
            target = target.map(|t| t.strip_prefix(show::MUNGED).filter(|rest| !rest.is_empty()).unwrap_or(t));
        }
        // The oldest protocols tell device and inode of every file, so that the peer finds the links by itself.
        let names_all = !self.encoder.caps().has_wide_flags();
        Some(Entry {
            name,
            mode,
            size: if device || special { 0 } else { meta.size },
            mtime: meta.mtime,
            nsec: meta.mtime_nsec,
            uid: meta.uid,
            gid: meta.gid,
            flags,
            atime: (o.atimes > 0).then_some(meta.atime),
            crtime: None,
            rdev: (device || special).then_some(meta.rdev),
            target: if o.links { target.map(<[u8]>::to_vec) } else { None },
            group: None,
            acls: None,
            xattrs: None,
            inode: (o.hard_links > 0 && (meta.nlink > 1 || names_all)).then_some((meta.dev as i64, meta.ino as i64)),
            digest: digest.map(|d| Digest::new(d.as_bytes())),
        })
    }

    pub(super) fn put(
        &mut self,
        mut entry: Entry,
        extended: Option<Box<Extended>>,
        origin: u16,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        let cx = self.cx.clone();
        if let Some(errno) = extended.as_ref().and_then(|extended| extended.error.as_ref()) {
            let full = self.full_path(&self.roots[usize::from(origin)].path, &entry.name);
            let what = [b"failed to read ACLs or xattrs of \"".as_slice(), &full, b"\""].concat();
            cx.say_errno(Class::Transfer, "sender", &what, errno);
            cx.add_io_error(io_error::GENERAL);
            return Ok(());
        }
        if cx.config.options.checksum && cx.agreed().file_sum == Algorithm::None && entry.mode & TYPE == REGULAR {
            let text = "Invalid checksum-choice for --checksum: none (0)";
            return Err(Error::new(Fault::Usage, Exit::UNSUPPORTED, text));
        }
        let Some(converted) = self.converted(&entry, origin) else { return Ok(()) };
        let before = cx.outbox.borrow().written_total();
        cx.put(|out| self.encoder.encode(&draft.list, converted.as_ref().unwrap_or(&entry), out));
        if cx.config.options.acls || cx.config.options.xattrs > 0 {
            let mut extended = extended.unwrap_or_default();
            crate::session::xattrs::name_for_peer(&cx, &mut extended.xattrs, self.has_xattr_rules);
            extended.xattrs.retain(|(name, _)| !self.rules.excludes_xattr(&cx, name));
            cx.put(|out| self.encoder.encode_extended(&mut entry, &extended.acls, &extended.xattrs, out));
        }
        {
            let mut stats = cx.stats.borrow_mut();
            stats.list_bytes += cx.outbox.borrow().written_total() - before;
            stats.files.add(entry.mode);
            if matches!(entry.mode & TYPE, REGULAR | SYMLINK) {
                stats.total_size += entry.size;
            }
        }
        draft.list.push(&entry)?;
        show::list_grows(&cx, draft.list.len() as u64);
        draft.origins.push(origin);
        Ok(())
    }

    /// The entry as it travels, if that is not as it is here; or nothing, where it has no name there.
    pub(super) fn converted(&self, entry: &Entry, origin: u16) -> Option<Option<Entry>> {
        let cx = &self.cx;
        let Some(conversion) = &cx.config.conversion else { return Some(None) };
        let name = match conversion.0.to_wire(&entry.name) {
            Ok(name) => name,
            Err(errno) => {
                cx.say_inconvertible(&entry.name, &errno.text);
                return None;
            }
        };
        let mut target = entry.target.clone();
        if cx.agreed().symlink_iconv
            && let Some(text) = &entry.target
        {
            target = match conversion.0.to_wire(text) {
                Ok(text) => Some(text),
                Err(errno) => {
                    let full = show::full_path(cx, &join(&self.roots[usize::from(origin)].path, &entry.name));
                    let what = b"[sender] cannot convert symlink data for: \"".as_slice();
                    cx.say(Class::Transfer, [what, &full, b"\" (", errno.text.as_bytes(), b")"].concat());
                    cx.add_io_error(io_error::GENERAL);
                    return None;
                }
            };
        }
        Some(Some(Entry { name, target, ..entry.clone() }))
    }
}
