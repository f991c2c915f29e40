//! Extended attributes, which the standard library does not have.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where a file's ACL is.
pub const ACL: &CStr = c"system.posix_acl_access";

/// An ACL that lets a user read, in the kernel's form: a version, then a tag, permissions and an id for each entry.
pub fn acl(uid: u32) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let entries = [(1, 6, NOBODY), (2, 4, uid), (4, 4, NOBODY), (0x10, 4, NOBODY), (0x20, 4, NOBODY)];
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(u16::to_le_bytes(tag));
        bytes.extend(u16::to_le_bytes(permissions));
        bytes.extend(u32::to_le_bytes(id));
    }
    bytes
}

/// Sets an attribute.
pub fn set(path: &Path, name: &CStr, value: &[u8]) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: both texts end in NUL, and the value is as long as said.
    let result = unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// All attributes in the order of their names; none where the file system has none.
pub fn all(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let list = |room: &mut [u8]| {
        // SAFETY: the path ends in NUL, and no more is written than there is room.
        let len = unsafe { libc::llistxattr(path.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
        length(len)
    };
    let mut names = [0; 4096];
    let len = match list(&mut names) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => 0,
        other => other?,
    };
    let mut found = Vec::new();
    for name in names[..len].split_inclusive(|byte| *byte == 0) {
        let text = CStr::from_bytes_with_nul(name).map_err(io::Error::other)?;
        let mut value = vec![0; 4096];
        // SAFETY: as above.
        let len = unsafe { libc::lgetxattr(path.as_ptr(), text.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
        value.truncate(length(len)?);
        found.push((name.to_vec(), value));
    }
    found.sort();
    Ok(found)
}

fn length(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
