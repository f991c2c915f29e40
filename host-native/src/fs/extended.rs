//! ACLs and extended attributes. Linux keeps both as named values of an inode, and had no calls for long that take a directory
//! and a name for them: so with an old kernel the way to a name leads through `/proc/self/fd`, and where that isn't there, as
//! in a chroot, through the working directory of the calling thread.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, XattrFlags, open, openat};
use rustix::fs::{fgetxattr, flistxattr, fremovexattr, fsetxattr, lgetxattr, llistxattr, lremovexattr, lsetxattr};
use rustix::io::Errno as Code;
use syncline_core::flist::acl::{Acl, Acls};
use syncline_core::flist::xattr::Pair;
use syncline_core::session::{Errno, Extended, ExtendedStep, Meta, SetExtended};

use super::fake;
use super::look::{BLOCK, DIRECTORY, SYMLINK, TYPE};
use super::roots::Dir;
use super::xattrat;
use crate::errno::errno;

const ACCESS: &[u8] = b"system.posix_acl_access";
const DEFAULT: &[u8] = b"system.posix_acl_default";
/// Values and name lists up to this size take one call.
const USUAL_BYTES: usize = 4096;

/// What is looked at besides what `stat` tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// ACLs.
    pub acls: bool,
    /// Extended attributes.
    pub xattrs: bool,
    /// What `--fake-super` wrote down is shown as if it were so.
    pub fake: bool,
    /// With `fake`: a symlink that really is one has no text, since it is not what stands for one.
    pub fake_links: bool,
    /// Devices have contents: they may be read, and are as large as what can be reached in them.
    pub devices: bool,
}

/// A file whose attributes are meant.
#[derive(Clone, Copy)]
pub enum File<'a> {
    /// An open file.
    Open(BorrowedFd<'a>),
    /// A name in an open directory; not followed if it is a symlink.
    Entry(BorrowedFd<'a>, &'a CStr),
    /// Not followed if it is a symlink.
    Path(&'a [u8]),
}

impl File<'_> {
    fn list(self, buf: &mut [u8]) -> Result<usize, Code> {
        match self {
            File::Open(file) => flistxattr(file, buf),
            File::Entry(dir, entry) => xattrat::list(dir, entry, buf),
            File::Path(path) => llistxattr(path, buf),
        }
    }

    /// The value of an attribute, if there is room for it.
    pub fn get(self, name: &[u8], buf: &mut [u8]) -> Result<usize, Code> {
        match self {
            File::Open(file) => fgetxattr(file, name, buf),
            File::Entry(dir, entry) => xattrat::get(dir, entry, &c_name(name)?, buf),
            File::Path(path) => lgetxattr(path, name, buf),
        }
    }

    /// Sets an attribute.
    pub fn set(self, name: &[u8], value: &[u8]) -> Result<(), Code> {
        match self {
            File::Open(file) => fsetxattr(file, name, value, XattrFlags::empty()),
            File::Entry(dir, entry) => xattrat::set(dir, entry, &c_name(name)?, value),
            File::Path(path) => lsetxattr(path, name, value, XattrFlags::empty()),
        }
    }

    /// Removes an attribute.
    pub fn remove(self, name: &[u8]) -> Result<(), Code> {
        match self {
            File::Open(file) => fremovexattr(file, name),
            File::Entry(dir, entry) => xattrat::remove(dir, entry, &c_name(name)?),
            File::Path(path) => lremovexattr(path, name),
        }
    }

    fn value(self, name: &[u8]) -> Result<Vec<u8>, Code> {
        whole(|buf| self.get(name, buf))
    }

    /// The attributes by name.
    fn pairs(self) -> Result<Vec<Pair>, Code> {
        let names = match whole(|buf| self.list(buf)) {
            Err(Code::OPNOTSUPP) => return Ok(Vec::new()),
            names => names?,
        };
        let mut pairs = Vec::new();
        let names = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
        for name in names {
            match self.value(name) {
                Ok(value) => pairs.push((name.to_vec(), value)),
                // Removed meanwhile.
                Err(Code::NODATA) => {}
                Err(code) => return Err(code),
            }
        }
        pairs.sort_unstable();
        Ok(pairs)
    }

    fn acl(self, name: &[u8], fake: bool) -> Result<Acl, Code> {
        let parse = if fake { Acl::from_fake } else { Acl::from_linux };
        match self.value(stored(name, fake)) {
            Ok(bytes) => parse(&bytes).ok_or(Code::INVAL),
            Err(Code::NODATA | Code::OPNOTSUPP | Code::NOENT) => Ok(Acl::default()),
            Err(code) => Err(code),
        }
    }

    fn set_acl(self, name: &[u8], acl: &Acl, fake: bool) -> Result<(), Code> {
        let is_plain = acl.mask.is_none() && acl.names.is_empty();
        let stored = stored(name, fake);
        let done = match (acl.is_empty() || (fake && is_plain && name == ACCESS), fake) {
            (true, _) => self.remove(stored),
            (false, true) => self.set(stored, &acl.to_fake()),
            (false, false) => self.set(stored, &acl.to_linux()),
        };
        match done {
            Err(Code::NODATA) if acl.is_empty() || fake => Ok(()),
            // A file system without ACLs has what the mode says.
            Err(Code::OPNOTSUPP) if is_plain => Ok(()),
            done => done,
        }
    }

    fn look(self, mode: u32, wants: Wants) -> Result<Extended, Code> {
        let mut extended = Extended::default();
        if wants.acls && mode & TYPE != SYMLINK {
            let default = if mode & TYPE == DIRECTORY { self.acl(DEFAULT, wants.fake)? } else { Acl::default() };
            extended.acls = Acls { access: self.acl(ACCESS, wants.fake)?, default };
        }
        if wants.xattrs {
            extended.xattrs = self.pairs()?;
        }
        Ok(extended)
    }
}

fn c_name(name: &[u8]) -> Result<CString, Code> {
    CString::new(name).map_err(|_| Code::INVAL)
}

/// The attribute that an ACL is kept in.
fn stored(name: &[u8], fake: bool) -> &[u8] {
    match (fake, name == ACCESS) {
        (false, _) => name,
        (true, true) => b"user.rsync.%aacl",
        (true, false) => b"user.rsync.%dacl",
    }
}

/// All of what a call gives, which says how much that is if the buffer is too small.
fn whole(call: impl Fn(&mut [u8]) -> Result<usize, Code>) -> Result<Vec<u8>, Code> {
    let mut usual = [0; USUAL_BYTES];
    match call(&mut usual) {
        Ok(len) => return Ok(usual[..len].to_vec()),
        Err(Code::RANGE) => {}
        Err(code) => return Err(code),
    }
    loop {
        let mut bytes = vec![0; call(&mut [])? + USUAL_BYTES];
        match call(&mut bytes) {
            Ok(len) => {
                bytes.truncate(len);
                return Ok(bytes);
            }
            // It grew meanwhile.
            Err(Code::RANGE) => {}
            Err(code) => return Err(code),
        }
    }
}

/// Acts on a name in a directory; a symlink there is not followed.
pub fn with_name<T>(dir: impl AsFd, name: &[u8], act: impl Fn(File<'_>) -> Result<T, Code>) -> Result<T, Code> {
    // The kernel takes no empty name, which means the directory itself.
    if xattrat::works() && !name.is_empty() {
        let name = c_name(name)?;
        return act(File::Entry(dir.as_fd(), &name));
    }
    through_proc(dir, name, act)
}

fn through_proc<T>(dir: impl AsFd, name: &[u8], act: impl Fn(File<'_>) -> Result<T, Code>) -> Result<T, Code> {
    let path = [format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).as_bytes(), name].concat();
    match act(File::Path(&path)) {
        Err(Code::NOENT) if !has_proc() => {}
        done => return done,
    }
    let back = open(".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    own_working_directory()?;
    rustix::process::fchdir(&dir)?;
    let done = act(File::Path(name));
    rustix::process::fchdir(&back)?;
    done
}

fn has_proc() -> bool {
    rustix::fs::access("/proc/self/fd", rustix::fs::Access::EXISTS).is_ok()
}

/// Gives this thread a working directory of its own, so that it can go elsewhere for a moment.
fn own_working_directory() -> Result<(), Code> {
    thread_local! {
        static OWN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    if !OWN.get() {
        super::unshare::working_directory()?;
        OWN.set(true);
    }
    Ok(())
}

/// Adds what is wanted of a name in a directory.
pub fn add(meta: &mut Meta, dir: &Dir, name: &[u8], wants: Wants) {
    if wants.fake {
        if wants.fake_links && meta.mode & TYPE == SYMLINK {
            meta.target = None;
        }
        fake::apply(meta, dir, name);
    }
    if wants.devices && meta.mode & TYPE == BLOCK {
        // What can't be opened now fails when it is to be read.
        let file = openat(dir, name, super::read::READ | OFlags::NOFOLLOW, Mode::empty());
        meta.size = file.map_or(0, super::read::reach_of);
    }
    if wants.acls || wants.xattrs {
        meta.extended = Some(boxed(with_name(dir, name, |file| file.look(meta.mode, wants))));
    }
}

/// Adds what is wanted of an open file, be it open for nothing but its place.
pub fn add_open(meta: &mut Meta, file: impl AsFd, wants: Wants) {
    if wants.fake {
        fake::apply_open(meta, File::Open(file.as_fd()));
    }
    if wants.acls || wants.xattrs {
        let looked = match File::Open(file.as_fd()).look(meta.mode, wants) {
            Err(Code::BADF) => {
                let path = format!("/proc/self/fd/{}/.", file.as_fd().as_raw_fd());
                let path = if meta.mode & TYPE == DIRECTORY { &path[..] } else { &path[..path.len() - 2] };
                followed(path, meta.mode, wants)
            }
            looked => looked,
        };
        meta.extended = Some(boxed(looked));
    }
}

/// The link in `/proc` leads to the file itself, so it is opened through that.
fn followed(path: &str, mode: u32, wants: Wants) -> Result<Extended, Code> {
    let file = open(path, super::read::READ, Mode::empty())?;
    File::Open(file.as_fd()).look(mode, wants)
}

fn boxed(looked: Result<Extended, Code>) -> Box<Extended> {
    Box::new(looked.unwrap_or_else(|code| Extended { error: Some(errno(code)), ..Extended::default() }))
}

/// Sets attributes, on an open file or a name in a directory; ACLs come later.
fn set_xattrs(file: File<'_>, set: &SetExtended) -> Vec<(ExtendedStep, Errno)> {
    let removed = set.remove.iter().filter_map(|name| match file.remove(name) {
        Ok(()) | Err(Code::NODATA) => None,
        Err(code) => Some((ExtendedStep::Remove(name.clone()), errno(code))),
    });
    let set = set.set.iter().filter_map(|(name, value)| {
        file.set(name, value).err().map(|code| (ExtendedStep::Set(name.clone()), errno(code)))
    });
    removed.chain(set).collect()
}

fn set_acls(file: File<'_>, set: &SetExtended, fake: bool) -> Vec<(ExtendedStep, Errno)> {
    let one = |acl: &Option<Acl>, name: &[u8], step| {
        let code = file.set_acl(name, acl.as_ref()?, fake).err()?;
        Some((step, errno(code)))
    };
    let steps = [one(&set.access, ACCESS, ExtendedStep::Access), one(&set.default, DEFAULT, ExtendedStep::Default)];
    steps.into_iter().flatten().collect()
}

/// Which part of [`SetExtended`] is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Extended attributes.
    Xattrs,
    /// ACLs; as attributes, if so.
    Acls {
        /// Kept by `--fake-super`.
        fake: bool,
    },
}

fn set(file: File<'_>, part: Part, extended: &SetExtended) -> Vec<(ExtendedStep, Errno)> {
    match part {
        Part::Xattrs => set_xattrs(file, extended),
        Part::Acls { fake } => set_acls(file, extended, fake),
    }
}

/// Sets a part of what is to be set on an open file; what failed is added to `errors`.
pub fn set_open(file: impl AsFd, part: Part, extended: Option<&SetExtended>, errors: &mut Vec<(ExtendedStep, Errno)>) {
    if let Some(extended) = extended {
        errors.extend(set(File::Open(file.as_fd()), part, extended));
    }
}

/// Sets a part of what is to be set on a name in a directory; what failed is added to `errors`.
pub fn set_name(
    dir: impl AsFd,
    name: &[u8],
    part: Part,
    extended: Option<&SetExtended>,
    errors: &mut Vec<(ExtendedStep, Errno)>,
) {
    let Some(extended) = extended else { return };
    let first = match part {
        Part::Xattrs => !extended.set.is_empty() || !extended.remove.is_empty(),
        Part::Acls { .. } => extended.access.is_some() || extended.default.is_some(),
    };
    if !first {
        return;
    }
    let failed = std::cell::RefCell::new(Vec::new());
    let done = with_name(dir, name, |file| {
        let steps = set(file, part, extended);
        // Without /proc nothing is found, and the other way is tried.
        let lost = steps.iter().any(|(_, errno)| errno.is_not_found());
        *failed.borrow_mut() = steps;
        if lost { Err(Code::NOENT) } else { Ok(()) }
    });
    let failed = failed.into_inner();
    if let (Err(code), true) = (done, failed.is_empty()) {
        errors.push((ExtendedStep::Access, errno(code)));
    }
    errors.extend(failed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::roots::Roots;
    use rustix::fs::openat;
    use std::os::unix::ffi::OsStrExt;
    use syncline_core::session::At;

    #[test]
    fn what_is_set_is_found_again_by_name_and_by_descriptor() {
        let tmp = tempfile::tempdir().unwrap();
        let long = vec![7; 3 * USUAL_BYTES / 4];
        std::fs::write(tmp.path().join("f"), "").unwrap();
        let mut roots = Roots::default();
        let root = roots.open_root(tmp.path().as_os_str().as_bytes()).unwrap();
        let dir = roots.spot(&At { root, path: b"f".to_vec() }).unwrap().dir;
        let dir = &*dir;
        let wants = Wants { acls: true, xattrs: true, ..Wants::default() };
        let set = SetExtended {
            set: vec![(b"user.b".to_vec(), long.clone()), (b"user.a".to_vec(), Vec::new())],
            ..SetExtended::default()
        };
        let mut errors = Vec::new();
        set_name(dir, b"f", Part::Xattrs, Some(&set), &mut errors);
        if errors.iter().any(|(_, errno)| errno.code == Code::OPNOTSUPP.raw_os_error()) {
            eprintln!("left out: no extended attributes in {}", tmp.path().display());
            return;
        }
        assert_eq!(errors, []);
        let expect = vec![(b"user.a".to_vec(), Vec::new()), (b"user.b".to_vec(), long)];
        let file = openat(dir, "f", super::super::read::READ, Mode::empty()).unwrap();
        let mut by_name = Meta { mode: 0o100644, ..Meta::default() };
        let mut by_descriptor = by_name.clone();
        add(&mut by_name, dir, b"f", wants);
        add_open(&mut by_descriptor, &file, wants);
        assert_eq!(by_name.extended.as_ref().unwrap().xattrs, expect);
        assert_eq!(by_name, by_descriptor);
        let through_proc = through_proc(dir, b"f", |file| file.look(0o100644, wants)).unwrap();
        assert_eq!(Some(Box::new(through_proc)), by_name.extended, "as with a kernel that has no shorter way");

        let remove = SetExtended { remove: vec![b"user.b".to_vec(), b"user.none".to_vec()], ..SetExtended::default() };
        set_open(&file, Part::Xattrs, Some(&remove), &mut errors);
        assert_eq!(errors, []);
        add_open(&mut by_descriptor, &file, wants);
        assert_eq!(by_descriptor.extended.unwrap().xattrs, expect[..1]);
    }
}
