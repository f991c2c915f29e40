//! Signals: an interruption is noted and wakes every loop that waits; what becomes of it is for the session to say.
//!
//! A handler may do next to nothing, so it sets a number and makes an event descriptor readable. Nobody reads it: it stays
//! readable, and each of the threads that poll it learns of the interruption once.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// What ends a session early (spec 4.13).
const INTERRUPTIONS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
/// What would end the program where an error code tells the same.
const IGNORED: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];
/// The exit code of a program that is interrupted for the second time.
const EXIT_INTERRUPTED: libc::c_int = 20;

static CAUGHT: AtomicI32 = AtomicI32::new(0);
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// The handlers, installed.
#[derive(Debug)]
pub struct Signals {
    wake: Option<OwnedFd>,
}

impl Signals {
    /// Installs the handlers. Called once, before there are threads; the descriptor stays open for good.
    pub fn install() -> io::Result<Signals> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // A handler may run until the program ends, so its descriptor must live as long.
        let kept = wake.try_clone()?;
        WAKE.store(kept.as_raw_fd(), Ordering::SeqCst);
        std::mem::forget(kept);
        for signal in IGNORED {
            set_disposition(signal, libc::SIG_IGN);
        }
        for signal in INTERRUPTIONS {
            // Started in the background or by `nohup`, the signal was meant not to reach us.
            if !is_ignored(signal) {
                set_disposition(signal, note as *const () as libc::sighandler_t);
            }
        }
        Ok(Signals { wake: Some(wake) })
    }

    /// No handlers: nothing ever interrupts.
    #[cfg(test)]
    pub fn none() -> Signals {
        Signals { wake: None }
    }

    /// Readable from the first interruption on.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_ref().map(AsFd::as_fd)
    }

    /// Whether the program was interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.wake.is_some() && CAUGHT.load(Ordering::Relaxed) != 0
    }
}

/// Signals do in a child what its own program expects: handlers go by themselves, but what is ignored would stay so.
pub fn restore_in_child() -> io::Result<()> {
    for signal in IGNORED {
        set_disposition(signal, libc::SIG_DFL);
    }
    Ok(())
}

fn set_disposition(signal: libc::c_int, disposition: libc::sighandler_t) {
    // SAFETY: the disposition is SIG_IGN, SIG_DFL or `note`, which does only what a handler may do.
    unsafe {
        libc::signal(signal, disposition);
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer asks for the present action, which is written to `action`; all zero is a valid value of it too.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// The handler. The same signal again means that the user won't wait: another one may come along with the first, as when a
/// terminal closes.
extern "C" fn note(signal: libc::c_int) {
    let before = CAUGHT.swap(signal, Ordering::SeqCst);
    let one = 1_u64.to_ne_bytes();
    // SAFETY: `_exit` and `write` may be called in a handler; errno is put back for the code that was interrupted.
    unsafe {
        if before == signal {
            libc::_exit(EXIT_INTERRUPTED);
        }
        let saved = *libc::__errno_location();
        libc::write(WAKE.load(Ordering::SeqCst), one.as_ptr().cast(), one.len());
        *libc::__errno_location() = saved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Signal, getpid, kill_process};

    const CHILD: &str = "SYNCLINE_TEST_SIGNALS";

    /// Runs the test of that name in a process of its own: handlers are for a whole process.
    fn in_child(case: &str, launcher: &[&str]) -> ExitStatus {
        let program = std::env::current_exe().unwrap();
        let mut words: Vec<&std::ffi::OsStr> = launcher.iter().map(|word| word.as_ref()).collect();
        words.push(program.as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--exact", "signals::tests::child", "--test-threads=1"]);
        command.env(CHILD, case).output().unwrap().status
    }

    #[test]
    fn child() {
        let Ok(case) = std::env::var(CHILD) else { return };
        let signals = Signals::install().unwrap();
        let wake = signals.descriptor().unwrap();
        let readable = || {
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            poll(&mut [PollFd::new(&wake, PollFlags::IN)], Some(&now)).unwrap() == 1
        };
        assert!(!readable() && !signals.is_interrupted());
        kill_process(getpid(), Signal::PIPE).unwrap();
        kill_process(getpid(), Signal::HUP).unwrap();
        if case == "ignored" {
            assert!(!readable() && !signals.is_interrupted());
            return;
        }
        assert!(readable() && readable() && signals.is_interrupted());
        kill_process(getpid(), Signal::TERM).unwrap();
        assert!(signals.is_interrupted(), "another signal comes along with the first");
        if case == "again" {
            kill_process(getpid(), Signal::TERM).unwrap();
        }
    }

    #[test]
    fn the_first_is_noted_and_the_second_ends_all() {
        assert!(in_child("once", &[]).success());
        let status = in_child("again", &[]);
        assert_eq!((status.code(), status.signal()), (Some(20), None));
    }

    #[test]
    fn nohup_is_respected() {
        assert!(in_child("ignored", &["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""]).success());
    }
}
