//! The calls that reach a name's attributes from its directory (Linux 6.13), which `rustix` does not offer. They save the way
//! through `/proc`, which costs more than the call itself.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::io::Errno as Code;

// Their numbers, the same on every architecture but Alpha.
const SETXATTRAT: libc::c_long = 463;
const GETXATTRAT: libc::c_long = 464;
const LISTXATTRAT: libc::c_long = 465;
const REMOVEXATTRAT: libc::c_long = 466;

/// The kernel's `struct xattr_args`.
#[repr(C, align(8))]
struct Args {
    value: u64,
    size: u32,
    flags: u32,
}

/// Whether the kernel has the calls and nothing keeps them from this process. A sandbox that doesn't know them may answer with
/// anything, so only what this one should answer counts.
pub fn works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| matches!(list(rustix::fs::CWD, c"/", &mut []), Ok(_) | Err(Code::OPNOTSUPP)))
}

/// The names of a name's attributes, each with a NUL; their length alone if there is no room at all.
pub fn list(dir: BorrowedFd<'_>, name: &CStr, room: &mut [u8]) -> Result<usize, Code> {
    let (fd, flags) = (dir.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: the descriptor is open, the name a C string, and no more is written than there is room.
    result(unsafe { libc::syscall(LISTXATTRAT, fd, name.as_ptr(), flags, room.as_mut_ptr(), room.len()) })
}

/// The value of an attribute of a name; its length alone if there is no room at all.
pub fn get(dir: BorrowedFd<'_>, name: &CStr, attribute: &CStr, room: &mut [u8]) -> Result<usize, Code> {
    let args = Args { value: room.as_mut_ptr() as u64, size: size(room)?, flags: 0 };
    // SAFETY: the descriptor is open, the names are C strings, and the arguments say how much room there is to write.
    result(unsafe { call(GETXATTRAT, dir, name, attribute, &args) })
}

/// Sets an attribute of a name.
pub fn set(dir: BorrowedFd<'_>, name: &CStr, attribute: &CStr, value: &[u8]) -> Result<(), Code> {
    let args = Args { value: value.as_ptr() as u64, size: size(value)?, flags: 0 };
    // SAFETY: the descriptor is open, the names are C strings, and the arguments say how much there is to read.
    result(unsafe { call(SETXATTRAT, dir, name, attribute, &args) }).map(drop)
}

/// Removes an attribute of a name.
pub fn remove(dir: BorrowedFd<'_>, name: &CStr, attribute: &CStr) -> Result<(), Code> {
    let (fd, flags) = (dir.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: the descriptor is open and the names are C strings; no memory is written.
    result(unsafe { libc::syscall(REMOVEXATTRAT, fd, name.as_ptr(), flags, attribute.as_ptr()) }).map(drop)
}

/// # Safety
/// The call must be one of those that take such arguments, and these must tell of memory that it may use.
unsafe fn call(number: libc::c_long, dir: BorrowedFd<'_>, name: &CStr, attribute: &CStr, args: &Args) -> libc::c_long {
    let (fd, flags) = (dir.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: as the caller says.
    unsafe { libc::syscall(number, fd, name.as_ptr(), flags, attribute.as_ptr(), args, size_of::<Args>()) }
}

fn size(bytes: &[u8]) -> Result<u32, Code> {
    u32::try_from(bytes.len()).map_err(|_| Code::RANGE)
}

fn result(code: libc::c_long) -> Result<usize, Code> {
    usize::try_from(code).map_err(|_| Code::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Code::NOSYS))
}
