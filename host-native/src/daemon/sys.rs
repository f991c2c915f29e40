//! The system calls of the daemon that neither the standard library nor `rustix` offers safely: processes and identity,
//! locks, signals, syslog, local time. `unsafe` stands only here and in [`super::names`], wrapped so that the callers can't
//! misuse it.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

/// Which of the two processes returns from [`fork`].
pub enum Forked {
    /// The new process.
    Child,
    /// The old one, with the id of the new.
    Parent(i32),
}

/// Forks. The daemon runs no threads, so the child may do anything.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: the process is single-threaded, so no lock can be held by a thread that the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(pid)),
    }
}

/// Ends a process that was forked off a test, without running what the test program does at its end.
#[cfg(test)]
pub fn exit_now(status: i32) -> ! {
    // SAFETY: never returns, so nothing can go wrong afterwards.
    unsafe { libc::_exit(status) }
}

/// Waits for a child and returns its raw wait status; -1 if there is no such child.
pub fn wait(pid: i32) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place to write to.
        if unsafe { libc::waitpid(pid, &mut status, 0) } == pid {
            return status;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return -1;
        }
    }
}

/// Whether a child has ended, or is none of ours any more.
pub fn has_ended(pid: i32) -> bool {
    // SAFETY: a null status pointer is allowed.
    unsafe { libc::waitpid(pid, ptr::null_mut(), libc::WNOHANG) != 0 }
}

/// Collects children that have ended, without waiting.
pub fn reap() {
    // SAFETY: a null status pointer is allowed.
    while unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) } > 0 {}
}

/// The exit code in a raw wait status, or -1 if a signal ended the process.
pub fn exit_status(raw: i32) -> i32 {
    if raw != -1 && libc::WIFEXITED(raw) { libc::WEXITSTATUS(raw) } else { -1 }
}

/// Becomes the leader of a new session.
pub fn setsid() {
    // SAFETY: no memory is involved; failure means that we are a leader already.
    unsafe { libc::setsid() };
}

/// The effective user id.
pub fn euid() -> u32 {
    // SAFETY: always succeeds.
    unsafe { libc::geteuid() }
}

/// The file mode creation mask.
pub fn umask() -> u32 {
    // SAFETY: always succeeds; nobody else creates files between the two calls.
    unsafe {
        let mask = libc::umask(0);
        libc::umask(mask);
        mask as u32
    }
}

/// Sets the file mode creation mask.
pub fn set_umask(mask: u32) {
    // SAFETY: always succeeds.
    unsafe { libc::umask(mask as libc::mode_t) };
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a directory the root of this process.
pub fn chroot(path: &[u8]) -> io::Result<()> {
    let path = CString::new(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::chroot(path.as_ptr()) })
}

/// Changes all group ids.
pub fn setgid(gid: u32) -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::setgid(gid) })
}

/// Changes the supplementary groups.
pub fn setgroups(gids: &[u32]) -> io::Result<()> {
    // SAFETY: pointer and length describe `gids`.
    check(unsafe { libc::setgroups(gids.len() as _, gids.as_ptr()) })
}

/// Changes all user ids.
pub fn setuid(uid: u32) -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::setuid(uid) })
}

/// The supplementary groups of this process.
pub fn groups() -> Vec<u32> {
    // SAFETY: a length of 0 only asks for the number.
    let count = unsafe { libc::getgroups(0, ptr::null_mut()) };
    let mut gids = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: pointer and length describe `gids`.
    let count = unsafe { libc::getgroups(gids.len() as _, gids.as_mut_ptr()) };
    gids.truncate(usize::try_from(count).unwrap_or(0));
    gids
}

/// Opens the connection to syslog at once, so that it survives a chroot. The tag must live as long as the process, hence it
/// is leaked; a process does this at most a few times.
pub fn open_syslog(tag: &[u8], facility: i32) {
    let tag = CString::new(tag).unwrap_or_default().into_raw();
    // SAFETY: `tag` is never freed, as openlog demands.
    unsafe { libc::openlog(tag, libc::LOG_PID | libc::LOG_NDELAY, facility) };
}

/// Sends a line to syslog.
pub fn syslog(priority: i32, text: &[u8]) {
    let text: Vec<u8> = text.iter().copied().filter(|&byte| byte != 0).collect();
    let Ok(text) = CString::new(text) else { return };
    // SAFETY: the format takes one C string.
    unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) };
}

/// The local calendar time: year, month, day, hour, minute, second, and the offset from UTC in seconds.
pub fn local_time(unix: i64) -> ([i32; 6], i32) {
    let mut tm = MaybeUninit::<libc::tm>::zeroed();
    let unix = unix as libc::time_t;
    // SAFETY: both pointers are valid; an all-zero tm is valid should the call fail.
    let tm = unsafe {
        libc::localtime_r(&unix, tm.as_mut_ptr());
        tm.assume_init()
    };
    let fields = [tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec];
    (fields, tm.tm_gmtoff as i32)
}

/// Fills a buffer with unpredictable bytes.
pub fn random(bytes: &mut [u8]) -> io::Result<()> {
    // The kernel's generator by its device: it exists on every Unix, and the daemon opens it before any chroot.
    use std::io::Read;
    std::fs::File::open("/dev/urandom")?.read_exact(bytes)
}

/// Takes an exclusive record lock on `length` bytes at `start`, without waiting.
pub fn lock(fd: BorrowedFd<'_>, start: i64, length: i64) -> io::Result<()> {
    // SAFETY: an all-zero flock is valid; the pointer is valid for the call.
    unsafe {
        let mut range: libc::flock = MaybeUninit::zeroed().assume_init();
        range.l_type = libc::F_WRLCK as _;
        range.l_whence = libc::SEEK_SET as _;
        range.l_start = start as _;
        range.l_len = length as _;
        match libc::fcntl(fd.as_raw_fd(), libc::F_SETLK, &range) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// Sets an integer socket option.
pub fn set_socket_option(fd: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const value).cast(), length) })
}

/// Sets a socket option that takes a time in seconds.
pub fn set_socket_time(fd: BorrowedFd<'_>, option: i32, seconds: i32) -> io::Result<()> {
    let value = libc::timeval { tv_sec: seconds.into(), tv_usec: 0 };
    let length = size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length) })
}

static WAKE: AtomicI32 = AtomicI32::new(-1);
static LAST: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: libc::c_int) {
    if signal != libc::SIGCHLD {
        LAST.store(signal, Ordering::SeqCst);
    }
    // SAFETY: write is async-signal-safe; a full pipe is woken up already. errno is put back for the interrupted code.
    unsafe {
        let saved = *libc::__errno_location();
        libc::write(WAKE.load(Ordering::SeqCst), b"!".as_ptr().cast(), 1);
        *libc::__errno_location() = saved;
    }
}

/// From now on these signals write a byte to `wake`, which must stay open and non-blocking.
pub fn catch_signals(signals: &[i32], wake: RawFd) {
    WAKE.store(wake, Ordering::SeqCst);
    for &signal in signals {
        // SAFETY: `note` only does what a handler may do.
        unsafe { libc::signal(signal, note as *const () as libc::sighandler_t) };
    }
}

/// The last caught signal other than SIGCHLD, or 0.
pub fn caught_signal() -> i32 {
    LAST.load(Ordering::SeqCst)
}

/// Signals do again what they do by default.
pub fn default_signals(signals: &[i32]) {
    for &signal in signals {
        // SAFETY: installs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
