//! The remote shell: a child process whose standard input and output are the connection (spec 4.1.6).

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use syncline_core::{Error, Exit};

use crate::drive::socket_pair;

/// A remote shell that runs.
pub struct Shell {
    child: Child,
}

/// Starts `argv`; `port` is exported for helpers of daemon connections.
pub fn start(argv: &[Vec<u8>], port: Option<i32>, role: &str) -> Result<(Shell, OwnedFd, OwnedFd), Error> {
    let ipc = |error: &std::io::Error| {
        let errno = crate::errno::of_io(error);
        Error::host(Exit::IPC, format!("rsync: [{role}] failed to make a socket pair: {} ({})", errno.text, errno.code))
    };
    let (ours, theirs) = socket_pair().map_err(|error| ipc(&error))?;
    let (program, arguments) = argv.split_first().ok_or_else(|| Error::usage("no remote shell was given"))?;
    let mut command = Command::new(OsStr::from_bytes(program));
    command.args(arguments.iter().map(|word| OsStr::from_bytes(word)));
    let input = theirs.try_clone().map_err(|error| ipc(&error))?;
    command.stdin(Stdio::from(input)).stdout(Stdio::from(theirs)).stderr(Stdio::inherit());
    if std::env::var_os("SSH_ASKPASS").is_none() {
        command.env_remove("DISPLAY");
    }
    if let Some(port) = port {
        command.env("RSYNC_PORT", port.to_string());
    }
    let child = command.spawn().map_err(|error| {
        let errno = crate::errno::of_io(&error);
        let program = String::from_utf8_lossy(program);
        Error::host(Exit::IPC, format!("rsync: [{role}] Failed to exec {program}: {} ({})", errno.text, errno.code))
    })?;
    drop(command);
    let output = ours.try_clone().map_err(|error| ipc(&error))?;
    Ok((Shell { child }, ours, output))
}

impl Shell {
    /// Waits for the shell to end, and says how it did, in rsync's codes (1.11.6).
    pub fn wait(mut self) -> Exit {
        match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(255), _) => Exit(255),
                (Some(code), _) => Exit(code),
                (None, Some(_)) => Exit(125),
                (None, None) => Exit::IPC,
            },
            Err(_) => Exit(21),
        }
    }
}
