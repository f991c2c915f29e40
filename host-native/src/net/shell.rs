//! The remote shell: a child process whose standard input and output are the connection (spec 4.1.6).

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use syncline_core::{Error, Exit};

use super::child;
use crate::errno::of_io;

/// What a pipe to the shell should hold, so that neither side wakes up for every few bytes.
const PIPE_BYTES: usize = 512 * 1024;

/// How long a shell may take to end after an error of ours.
const FAILED_WAIT: Duration = Duration::from_secs(5);
/// The same after an interruption.
const INTERRUPTED_WAIT: Duration = Duration::from_millis(400);
/// How often one that should end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// "waitpid() failed"
const WAIT_FAILED: Exit = Exit(21);

/// A remote shell that runs.
pub struct Shell {
    child: Child,
}

/// Starts `argv`; `port` is exported for helpers of daemon connections.
///
/// Each direction is a pipe of its own. On one socket for both, a shell that ends without having read everything would make
/// our reading fail where it should find the end. What we do with our ends (non-blocking) does not show at the shell's.
pub fn start(argv: &[Vec<u8>], port: Option<i32>, role: &str) -> Result<(Shell, OwnedFd, OwnedFd), Error> {
    let (program, arguments) = argv.split_first().ok_or_else(|| Error::usage("no remote shell was given"))?;
    let mut command = Command::new(OsStr::from_bytes(program));
    command.args(arguments.iter().map(|word| OsStr::from_bytes(word)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    // Without a program to ask by, ssh should ask on the terminal.
    if std::env::var_os("SSH_ASKPASS").is_none() {
        command.env_remove("DISPLAY");
    }
    if let Some(port) = port {
        command.env("RSYNC_PORT", port.to_string());
    }
    child::prepare(&mut command);
    let failed = |error: std::io::Error| {
        let errno = of_io(&error);
        let failed = format!("rsync: [{role}] Failed to exec ");
        let reason = format!(": {} ({})", errno.text, errno.code);
        Error::host(Exit::IPC, [failed.as_bytes(), program, reason.as_bytes()].concat())
    };
    let mut child = command.spawn().map_err(failed)?;
    let (Some(input), Some(output)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(Error::host(Exit::IPC, format!("rsync: [{role}] the remote shell has no pipes")));
    };
    let (input, output) = (OwnedFd::from(input), OwnedFd::from(output));
    for pipe in [&input, &output] {
        // A system that doesn't grant the size still has a pipe.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
    }
    Ok((Shell { child }, input, output))
}

impl Shell {
    /// Waits for the shell to end, its connection being closed, and says which exit code counts (spec 4.24).
    ///
    /// A shell that failed says more than the stream that broke off because of it, but less than what else went wrong here.
    /// One that a signal killed counts as 16, and only if all seemed well. After an error of our own the wait is limited: it
    /// may be the shell that hangs.
    pub fn finish(mut self, own: Exit) -> Exit {
        let went_well = [Exit::OK, Exit::PARTIAL, Exit::VANISHED, Exit::DEL_LIMIT].contains(&own);
        let limit = if own == Exit::SIGNAL { INTERRUPTED_WAIT } else { FAILED_WAIT };
        let status = if went_well { self.child.wait().map(Some) } else { self.wait_for(limit) };
        let other = match status {
            Ok(Some(status)) => match status.code() {
                Some(code) => Exit(code),
                None if went_well => Exit::TERMINATED,
                None => Exit::OK,
            },
            Ok(None) => Exit::OK,
            Err(_) => WAIT_FAILED,
        };
        if own == Exit::OK || own == Exit::STREAM { own.max(other) } else { own }
    }

    /// Ends it because of an error of our own. A server behind it says so, as with stock; ssh just goes.
    pub fn kill(&self) {
        // It may have ended by itself.
        let _ = Pid::from_raw(self.child.id() as i32).map(|pid| kill_process(pid, Signal::USR1));
    }

    fn wait_for(&mut self, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
                status => return Ok(status),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    fn shell(script: &str, port: Option<i32>) -> (Shell, OwnedFd, OwnedFd) {
        start(&["sh", "-c", script].map(|word| word.as_bytes().to_vec()), port, "sender").unwrap()
    }

    fn run(script: &str, port: Option<i32>, own: Exit) -> (String, Exit) {
        let (shell, input, output) = shell(script, port);
        let _ = File::from(output).write_all(b"hello\n");
        let mut text = String::new();
        File::from(input).read_to_string(&mut text).unwrap();
        (text, shell.finish(own))
    }

    #[test]
    fn both_directions_and_the_code() {
        assert_eq!(run("read line; echo got $line", None, Exit::OK), ("got hello\n".into(), Exit::OK));
        let code = |script, own| run(script, None, own).1;
        assert_eq!(code("exit 3", Exit::OK), Exit(3));
        assert_eq!(code("exit 3", Exit::STREAM), Exit::STREAM);
        assert_eq!(code("exit 255", Exit::STREAM), Exit(255));
        assert_eq!(code("kill -9 $$", Exit::OK), Exit::TERMINATED);
        assert_eq!(code("kill -9 $$", Exit::STREAM), Exit::STREAM);
        assert_eq!(code("exit 255", Exit::TIMEOUT), Exit::TIMEOUT);
    }

    #[test]
    fn a_shell_that_hangs_does_not_hang_us() {
        let (shell, input, output) = shell("exec sleep 3", None);
        drop((input, output));
        let start = Instant::now();
        assert_eq!(shell.finish(Exit::SIGNAL), Exit::SIGNAL);
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn the_environment() {
        assert_eq!(run("echo $RSYNC_PORT ${DISPLAY-none}", Some(8873), Exit::OK).0, "8873 none\n");
    }

    #[test]
    fn a_missing_program() {
        let Err(error) = start(&[b"/nonexistent/ssh".to_vec()], None, "sender") else { panic!("it started") };
        assert_eq!(error.exit, Exit::IPC);
        let expect = "rsync: [sender] Failed to exec /nonexistent/ssh: No such file or directory (2)";
        assert_eq!(error.text_lossy(), expect);
    }
}
