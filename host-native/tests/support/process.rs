//! Running a command to its end with a limit on its time, and everything it said kept for the report.

use std::fmt;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How a command ended.
pub struct Outcome {
    /// The command line, as a shell would take it.
    pub line: String,
    /// The exit status, or 128 + the signal.
    pub code: i32,
    /// Whether it had to be killed because its time was up.
    pub timed_out: bool,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// Whether it ended by itself with status 0.
    pub fn success(&self) -> bool {
        self.code == 0 && !self.timed_out
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  $ {}", self.line)?;
        writeln!(f, "  exit code {}{}", self.code, if self.timed_out { ", killed: out of time" } else { "" })?;
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            for line in excerpt(bytes).lines() {
                writeln!(f, "  {name}: {line}")?;
            }
        }
        Ok(())
    }
}

/// The first lines of some output, as text.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 3000;
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    if bytes.len() > SHOWN {
        text.push_str(&format!("\n... {} more bytes", bytes.len() - SHOWN));
    }
    text
}

/// Runs a command with nothing on its standard input. It is killed, with all of its process group, after `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Outcome {
    let line = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let group = Pid::from_child(&child);
    let stdout = collect(child.stdout.take().expect("stdout is piped"));
    let stderr = collect(child.stderr.take().expect("stderr is piped"));
    let start = Instant::now();
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait().expect("waiting for a child") {
            break status;
        }
        if !timed_out && start.elapsed() > limit {
            timed_out = true;
            let _ = kill_process_group(group, Signal::KILL);
        }
        thread::sleep(Duration::from_millis(if start.elapsed().as_millis() < 100 { 1 } else { 5 }));
    };
    // Whoever still holds the pipe is a straggler of this command; it gets a moment to finish.
    let grace = Duration::from_secs(if timed_out { 1 } else { 10 });
    let (stdout, stderr) = (text(&stdout, grace, group), text(&stderr, grace, group));
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Outcome { line, code, timed_out, stdout, stderr }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = send.send(bytes);
    });
    receive
}

fn text(from: &Receiver<Vec<u8>>, grace: Duration, group: Pid) -> Vec<u8> {
    from.recv_timeout(grace).unwrap_or_else(|_| {
        let _ = kill_process_group(group, Signal::KILL);
        from.recv_timeout(grace).unwrap_or_else(|_| b"(output still held open by a straggler)".to_vec())
    })
}

/// A command line that can be pasted into a shell.
pub fn shown(command: &Command) -> String {
    let mut line = String::new();
    if let Some(dir) = command.get_current_dir() {
        line.push_str(&format!("cd {} && ", dir.display()));
    }
    line.push_str(&quoted(command.get_program().as_bytes()));
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(argument.as_bytes()));
    }
    line
}

fn quoted(word: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_=+./:,@%".contains(b);
    let text = String::from_utf8_lossy(word);
    if !word.is_empty() && word.iter().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
