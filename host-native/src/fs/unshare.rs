//! A working directory of its own for a thread.

use rustix::io::Errno as Code;

/// From now on, what the calling thread does to its working directory, root and umask is its own affair.
#[allow(unsafe_code, reason = "rustix marks unshare as unsafe for the flags that part memory or descriptors")]
pub fn working_directory() -> Result<(), Code> {
    // SAFETY: CLONE_FS only parts working directory, root and umask; no memory or descriptor is concerned.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }
}
