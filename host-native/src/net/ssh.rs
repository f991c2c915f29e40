//! The remote shell: its command line, its start, and what its end means (spec 1.4.1, 1.4.8, 4.1.6).

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use syncline_core::options::Family;
use syncline_core::{Error, Exit};

use crate::drive::Connection;
use crate::exit::reason;
use crate::signals;

/// Words that a command line may have.
const WORDS_MAX: usize = 1000;
/// What a pipe to the remote shell should hold, so that neither side wakes up for every few bytes.
const PIPE_BYTES: usize = 1 << 20;
/// How often a child that should end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How to reach a server by a remote shell.
#[derive(Clone, Debug)]
pub struct Shell<'a> {
    /// The command: `--rsh`, or `RSYNC_RSH`; `ssh` without either.
    pub command: Option<&'a [u8]>,
    /// The user, if one was given.
    pub user: Option<&'a [u8]>,
    /// The host.
    pub host: &'a [u8],
    /// `-4` and `-6`
    pub family: Family,
    /// `--rsync-path`
    pub rsync_path: &'a [u8],
    /// What this end is called in messages.
    pub role: &'static str,
    /// The umask that the shell shall have, whatever ours is.
    pub umask: u32,
    /// `--blocking-io`, if it was given.
    pub blocking: Option<bool>,
}

/// What the shell is to start.
#[derive(Clone, Debug)]
pub enum Server<'a> {
    /// The server of one session, with these words.
    Session(&'a [Vec<u8>]),
    /// A daemon for one connection; the port that the user named, 0 for none.
    Daemon(u16),
}

/// A remote shell that was started.
#[derive(Debug)]
pub struct Remote {
    child: Child,
}

impl Shell<'_> {
    /// Starts the remote shell.
    pub fn start(&self, server: &Server<'_>) -> Result<(Remote, Connection), Error> {
        let words = self.words(server)?;
        let mut command = Command::new(OsStr::from_bytes(&words[0]));
        command.args(words[1..].iter().map(|word| OsStr::from_bytes(word)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Server::Daemon(port) = server {
            command.env("RSYNC_PORT", port.to_string());
        }
        // Without a program to ask by, ssh should ask on the terminal.
        if std::env::var_os("SSH_ASKPASS").is_none() {
            command.env_remove("DISPLAY");
        }
        let umask = Mode::from_bits_truncate(self.umask);
        let prepare = move || {
            rustix::process::umask(umask);
            signals::restore_in_child()
        };
        // SAFETY: between fork and exec only `umask` and `signal` are called, which are async-signal-safe.
        unsafe { command.pre_exec(prepare) };
        let failed = |error: std::io::Error| {
            let name = String::from_utf8_lossy(&words[0]);
            Error::host(Exit::IPC, format!("rsync: [{}] Failed to exec {name}: {}", self.role, reason(error)))
        };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(Error::host(Exit::IPC, "rsync: the remote shell has no pipes"));
        };
        let (input, output) = (OwnedFd::from(input), OwnedFd::from(output));
        // A system that doesn't grant the size still has a pipe.
        let _ = rustix::pipe::fcntl_setpipe_size(&input, PIPE_BYTES);
        let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE_BYTES);
        let blocking = self.blocking.unwrap_or_else(|| wants_blocking(&words[0]));
        Ok((Remote { child }, Connection { blocking, ..Connection::new(input, output) }))
    }

    /// The command line.
    pub fn words(&self, server: &Server<'_>) -> Result<Vec<Vec<u8>>, Error> {
        if self.host.starts_with(b"-") {
            return Err(Error::usage("Invalid remote host: hostnames may not start with '-'."));
        }
        let mut words = split(self.command.unwrap_or(b"ssh"))?;
        let Some(program) = words.first().cloned() else {
            return Err(Error::usage("Missing remote-shell command."));
        };
        if let Some(user) = self.user
            && !(matches!(server, Server::Daemon(_)) && names_user(&words))
        {
            words.extend([b"-l".to_vec(), user.to_vec()]);
        }
        if base_name(&program) == b"ssh" {
            match self.family {
                Family::Any => {}
                Family::V4 => words.push(b"-4".to_vec()),
                Family::V6 => words.push(b"-6".to_vec()),
            }
        }
        words.extend([self.host.to_vec(), self.rsync_path.to_vec()]);
        match server {
            Server::Session(server) => words.extend_from_slice(server),
            Server::Daemon(_) => words.extend([b"--server", &b"--daemon"[..], b"."].map(<[u8]>::to_vec)),
        }
        if words.len() > WORDS_MAX {
            return Err(Error::usage("internal: args[] overflowed in do_cmd()"));
        }
        if words.iter().any(|word| word.contains(&0)) {
            return Err(Error::usage("rsync: a word for the remote shell contains a NUL byte"));
        }
        Ok(words)
    }
}

impl Remote {
    /// Waits until the shell has ended, its connection being closed: the larger of our code and its own (spec 4.24).
    ///
    /// One that is killed by a signal counts as code 16. After an error of our own we don't wait for long, since a shell that
    /// hangs should not make us hang.
    pub fn finish(mut self, own: Exit) -> Exit {
        let status = match own {
            Exit::OK | Exit::PARTIAL | Exit::VANISHED | Exit::DEL_LIMIT => self.child.wait().ok(),
            _ => self.wait_until(Instant::now() + Duration::from_millis(if own == Exit::SIGNAL { 400 } else { 5_000 })),
        };
        status.map_or(own, |status| own.max(code(status)))
    }

    fn wait_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => sleep(LOOK_EVERY),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }
}

fn code(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit(code),
        (None, Some(_)) => Exit::TERMINATED,
        (None, None) => Exit::OK,
    }
}

/// The words of a remote-shell command: split at spaces only. Quotes of either kind group; a doubled one inside quotes of
/// its kind stands for itself; a backslash means nothing.
pub fn split(command: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = command.get(at) {
        at += 1;
        match (byte, quote) {
            (_, Some(open)) if byte == open => match command.get(at) {
                Some(&next) if next == open => {
                    word.get_or_insert_default().push(byte);
                    at += 1;
                }
                _ => quote = None,
            },
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (b' ', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if let Some(open) = quote {
        let text = format!("Missing trailing-{} in remote-shell command.", open as char);
        return Err(Error::usage(text));
    }
    words.extend(word);
    Ok(words)
}

/// Whether the command names the user itself: `-l` with a word that is no option.
fn names_user(words: &[Vec<u8>]) -> bool {
    words.windows(2).any(|pair| pair[0] == b"-l" && !pair[1].starts_with(b"-"))
}

fn wants_blocking(program: &[u8]) -> bool {
    [&b"rsh"[..], b"remsh"].contains(&base_name(program))
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    fn shell<'a>(command: &'a [u8]) -> Shell<'a> {
        Shell {
            command: Some(command),
            user: None,
            host: b"host",
            family: Family::Any,
            rsync_path: b"sudo rsync",
            role: "sender",
            umask: 0o22,
            blocking: None,
        }
    }

    fn joined(shell: &Shell<'_>, server: &Server<'_>) -> String {
        let words = shell.words(server).unwrap();
        words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn splitting() {
        let check = |command: &[u8], expect: &[&str]| {
            let words = split(command).unwrap();
            assert_eq!(words, expect.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        };
        check(b"ssh -p 22", &["ssh", "-p", "22"]);
        check(b"  ssh  'a b'c\td ", &["ssh", "a bc\td"]);
        check(b"x 'it''s' \"q\"\"q'\" '' \\", &["x", "it's", "q\"q'", "", "\\"]);
        check(b"", &[]);
        let error = split(b"ssh 'x").unwrap_err();
        assert_eq!(
            (error.exit, error.text_lossy()),
            (Exit::SYNTAX, "Missing trailing-' in remote-shell command.".into())
        );
    }

    #[test]
    fn command_lines() {
        let words = [b"--server".to_vec(), b".".to_vec()];
        let session = Server::Session(&words);
        let daemon = Server::Daemon(0);
        assert_eq!(joined(&shell(b"/usr/bin/ssh -x"), &session), "/usr/bin/ssh|-x|host|sudo rsync|--server|.");
        let named = |command| Shell { user: Some(b"me"), family: Family::V6, ..shell(command) };
        assert_eq!(joined(&named(b"ssh"), &session), "ssh|-l|me|-6|host|sudo rsync|--server|.");
        assert_eq!(joined(&named(b"myssh -l you"), &session), "myssh|-l|you|-l|me|host|sudo rsync|--server|.");
        assert_eq!(joined(&named(b"myssh -l you"), &daemon), "myssh|-l|you|host|sudo rsync|--server|--daemon|.");
        assert_eq!(joined(&named(b"myssh -l -4"), &daemon), "myssh|-l|-4|-l|me|host|sudo rsync|--server|--daemon|.");
        let bad = Shell { host: b"-oProxyCommand=x", ..shell(b"ssh") };
        assert_eq!(bad.words(&session).unwrap_err().exit, Exit::SYNTAX);
        let many = vec![b"x".to_vec(); 1000];
        assert_eq!(shell(b"ssh").words(&Server::Session(&many)).unwrap_err().exit, Exit::SYNTAX);
    }

    fn run(script: &str, server: &Server<'_>, own: Exit) -> (String, Exit) {
        let command = format!("sh -c '{script}'");
        let (remote, connection) = shell(command.as_bytes()).start(server).unwrap();
        let Connection { input, output, .. } = connection;
        let _ = File::from(output).write_all(b"hello\n");
        let mut text = String::new();
        File::from(input).read_to_string(&mut text).unwrap();
        (text, remote.finish(own))
    }

    #[test]
    fn both_directions_and_the_code() {
        let none = Server::Session(&[]);
        assert_eq!(run("cat", &none, Exit::OK), ("hello\n".into(), Exit::OK));
        assert_eq!(run("exit 3", &none, Exit::OK).1, Exit(3));
        assert_eq!(run("exit 3", &none, Exit::STREAM).1, Exit::STREAM);
        assert_eq!(run("exit 255", &none, Exit::STREAM).1, Exit(255));
        assert_eq!(run("kill -9 $$", &none, Exit::OK).1, Exit::TERMINATED);
    }

    #[test]
    fn the_environment() {
        let script = "echo $RSYNC_PORT ${DISPLAY-none}; umask";
        assert_eq!(run(script, &Server::Daemon(8873), Exit::OK).0, "8873 none\n0022\n");
    }

    #[test]
    fn a_missing_program() {
        let error = shell(b"/nonexistent/ssh x").start(&Server::Session(&[])).unwrap_err();
        assert_eq!(error.exit, Exit::IPC);
        let expect = "rsync: [sender] Failed to exec /nonexistent/ssh: No such file or directory (2)";
        assert_eq!(error.text_lossy(), expect);
    }

    #[test]
    fn a_hanging_shell_does_not_hang_us() {
        let (remote, connection) = shell(b"sh -c 'exec sleep 3'").start(&Server::Session(&[])).unwrap();
        drop(connection);
        let start = Instant::now();
        assert_eq!(remote.finish(Exit::SIGNAL), Exit::SIGNAL);
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn old_shells_block() {
        assert!(wants_blocking(b"/usr/bin/rsh") && wants_blocking(b"remsh") && !wants_blocking(b"ssh"));
    }
}
