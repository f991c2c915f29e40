//! What this process changed for itself, its children should not inherit: signals that are ignored, and a umask of zero.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{signals, time};

/// Lets a command run as if the user had started it.
pub fn prepare(command: &mut Command) {
    time::restore_umask(command);
    let prepare = || {
        signals::restore_in_child();
        Ok(())
    };
    // SAFETY: between fork and exec only `sigaction` is called, which is async-signal-safe.
    unsafe { command.pre_exec(prepare) };
}
