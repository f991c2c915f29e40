//! What this process changed for itself, its children should not inherit: signals that are ignored, and a umask of zero.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{signals, time};

/// Lets a command run as if the user had started it.
pub fn prepare(command: &mut Command) {
    let umask = time::original_umask();
    let prepare = move || {
        if let Some(umask) = umask {
            rustix::process::umask(umask);
        }
        signals::restore_in_child();
        Ok(())
    };
    // SAFETY: between fork and exec only `umask` and `sigaction` are called, which are async-signal-safe.
    unsafe { command.pre_exec(prepare) };
}
