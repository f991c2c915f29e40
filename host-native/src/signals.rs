//! SIGINT, SIGTERM and SIGHUP end a session tidily, and so does SIGUSR1, by which a client ends its server.
//!
//! A handler may do next to nothing, so it sets a number and makes an event descriptor readable. Nobody reads it: it stays
//! readable, so a loop that is about to wait does not miss the signal, and each thread that polls it is woken up.

use std::os::fd::{BorrowedFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use syncline_core::Exit;

/// The exit code of a process that is interrupted twice.
const EXIT_INTERRUPTED: libc::c_int = 20;

static CAUGHT: AtomicI32 = AtomicI32::new(0);
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// The same signal again means that the user won't wait. Another one may come along with the first, as when a terminal closes.
extern "C" fn on_signal(signal: libc::c_int) {
    let before = CAUGHT.swap(signal, Ordering::SeqCst);
    let one = 1_u64.to_ne_bytes();
    // SAFETY: `_exit` and `write` are async-signal-safe; errno is put back for the code that was interrupted. Where there is
    // no descriptor, `write` fails and does nothing.
    unsafe {
        if before == signal {
            libc::_exit(EXIT_INTERRUPTED);
        }
        let saved = *libc::__errno_location();
        libc::write(WAKE.load(Ordering::SeqCst), one.as_ptr().cast(), one.len());
        *libc::__errno_location() = saved;
    }
}

/// Catches the signals that end a session, and ignores those that writing to a closed pipe or past a size limit brings.
///
/// A process that was forked calls it anew: it must not share the descriptor with its parent.
pub fn catch() {
    if let Ok(wake) = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
        // A handler may run until the process ends, so the descriptor lives as long.
        WAKE.store(wake.into_raw_fd(), Ordering::SeqCst);
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1] {
        // Even if it was ignored: stock rsync does so too, and scripts interrupt it in the background.
        dispose(signal, on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t);
    }
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        dispose(signal, libc::SIG_IGN);
    }
}

/// Whether one of them came.
pub fn caught() -> bool {
    exit().is_some()
}

/// The exit code that stands for the one that came.
pub fn exit() -> Option<Exit> {
    match CAUGHT.load(Ordering::Relaxed) {
        0 => None,
        libc::SIGUSR1 => Some(Exit(19)),
        _ => Some(Exit::SIGNAL),
    }
}

/// Readable once one of them came.
pub fn descriptor() -> Option<BorrowedFd<'static>> {
    match WAKE.load(Ordering::SeqCst) {
        -1 => None,
        // SAFETY: `catch` leaves the descriptor to nobody who could close it.
        fd => Some(unsafe { BorrowedFd::borrow_raw(fd) }),
    }
}

/// For a new process, before it becomes another program: what we ignore, that program should not.
pub fn restore_in_child() {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        dispose(signal, libc::SIG_DFL);
    }
}

fn dispose(signal: libc::c_int, disposition: libc::sighandler_t) {
    // SAFETY: zeroed, and with a disposition that is SIG_IGN, SIG_DFL or a handler that does only what a handler may do, the
    // action is valid.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = disposition;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    const CHILD: &str = "SYNCLINE_TEST_SIGNALS";

    /// Runs [`child`] in a process of its own: handlers are for a whole process.
    fn in_child(case: &str, launcher: &[&str]) -> ExitStatus {
        let program = std::env::current_exe().unwrap();
        let mut words: Vec<&std::ffi::OsStr> = launcher.iter().map(|word| word.as_ref()).collect();
        words.push(program.as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--exact", "signals::tests::child", "--test-threads=1"]);
        command.env(CHILD, case).output().unwrap().status
    }

    fn is_readable() -> bool {
        let wake = descriptor().unwrap();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&wake, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    /// To this thread: a signal to the process might reach another one, and later.
    fn raise(signal: libc::c_int) {
        // SAFETY: the signal is ignored, or has our handler.
        assert_eq!(unsafe { libc::raise(signal) }, 0);
    }

    #[test]
    fn child() {
        let Ok(case) = std::env::var(CHILD) else { return };
        catch();
        assert!(!is_readable() && !caught());
        raise(libc::SIGPIPE);
        raise(libc::SIGHUP);
        assert!(is_readable() && is_readable() && caught());
        raise(libc::SIGTERM);
        assert!(caught(), "another signal may come along with the first");
        if case == "again" {
            raise(libc::SIGTERM);
        }
    }

    #[test]
    fn the_first_is_noted_and_the_second_ends_all() {
        assert!(in_child("once", &[]).success());
        let status = in_child("again", &[]);
        assert_eq!((status.code(), status.signal()), (Some(20), None));
    }

    #[test]
    fn what_was_ignored_counts_too() {
        assert!(in_child("once", &["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""]).success());
    }
}
