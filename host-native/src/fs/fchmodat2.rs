//! The one system call that `rustix` does not offer: `fchmodat2`, which can leave symlinks alone (Linux 6.6).

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno as Code;

/// Its number, the same on every architecture.
const FCHMODAT2: libc::c_long = 452;

/// Sets the mode of a name in a directory, not following a symlink there; EOPNOTSUPP if it is one, ENOSYS on old kernels.
pub fn fchmodat2(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Code> {
    let name = CString::new(name).map_err(|_| Code::INVAL)?;
    // SAFETY: the descriptor is open and the name a C string, both for as long as the call lasts; it writes no memory.
    let code = unsafe { libc::syscall(FCHMODAT2, dir.as_raw_fd(), name.as_ptr(), mode, libc::AT_SYMLINK_NOFOLLOW) };
    if code == 0 { Ok(()) } else { Err(Code::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Code::NOSYS)) }
}
