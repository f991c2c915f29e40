//! SIGINT, SIGTERM and SIGHUP end a session tidily; a second one ends the process at once.

use std::sync::atomic::{AtomicI32, Ordering};

static CAUGHT: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_signal(signal: libc::c_int) {
    if CAUGHT.swap(signal, Ordering::Relaxed) != 0 {
        // SAFETY: `_exit` is async-signal-safe and does not return.
        unsafe { libc::_exit(20) };
    }
}

/// Catches the signals that end a session, and ignores those that writing to a closed pipe or past a size limit brings.
pub fn catch() {
    // SAFETY: the handler only touches an atomic and calls `_exit`; the struct is fully initialised by zeroing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Whether one of them came.
pub fn caught() -> bool {
    CAUGHT.load(Ordering::Relaxed) != 0
}
