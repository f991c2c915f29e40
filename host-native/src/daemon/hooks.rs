//! The operator's commands before and after a transfer (spec 5.12). They run with the daemon's own privileges, outside
//! the module's chroot, and are told about the connection by environment variables.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::expand::Env;
use super::sys::{self, Forked};

/// How much of a hook's output the client gets to see.
const OUTPUT_BYTES_MAX: usize = 5119;

/// Whether the operator has switched all hooks off.
pub fn disabled() -> bool {
    std::env::var_os("RSYNC_NO_XFER_EXEC").is_some()
}

fn shell(command: &[u8], env: &Env) -> Command {
    let mut child = match std::env::var_os("RSYNC_SHELL") {
        Some(shell) => Command::new(shell),
        None => {
            let mut child = Command::new("/bin/sh");
            child.arg0("sh");
            child
        }
    };
    child.arg("-c").arg(OsStr::from_bytes(command));
    for (name, value) in env.own() {
        child.env(name, OsStr::from_bytes(value));
    }
    child
}

/// Runs "early exec" to its end, with the client's early input; whether it agreed.
pub fn run_early(command: &[u8], env: &Env, input: &[u8]) -> io::Result<bool> {
    let mut env = env.clone();
    env.set("RSYNC_REQUEST", b"(NONE)");
    let mut child = shell(command, &env).stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook that doesn't read its input is content without it.
        drop(stdin.write_all(input));
    }
    Ok(child.wait()?.success())
}

/// Runs "post-xfer exec" after a worker that ended with this raw wait status; whether it could be started.
pub fn run_post(command: &[u8], env: &Env, raw_status: i32) -> bool {
    let mut env = env.clone();
    env.set("RSYNC_RAW_STATUS", raw_status.to_string().as_bytes());
    env.set("RSYNC_EXIT_STATUS", sys::exit_status(raw_status).to_string().as_bytes());
    shell(command, &env).stdin(Stdio::null()).status().is_ok()
}

/// A "pre-xfer exec" that waits to hear what the client wants.
///
/// It is a process of its own from before the worker drops its privileges, because the request is known only afterwards.
#[derive(Debug)]
pub struct PreXfer {
    pid: i32,
    request: File,
    output: File,
}

impl PreXfer {
    /// Forks the process that will run the command.
    pub fn start(command: &[u8], env: &Env) -> io::Result<PreXfer> {
        let (request_out, request_in) = io::pipe()?;
        let (output_out, output_in) = io::pipe()?;
        match sys::fork()? {
            Forked::Parent(pid) => Ok(PreXfer {
                pid,
                request: File::from(std::os::fd::OwnedFd::from(request_in)),
                output: File::from(std::os::fd::OwnedFd::from(output_out)),
            }),
            Forked::Child => {
                drop((request_in, output_out));
                let mut bytes = Vec::new();
                let read = { request_out }.read_to_end(&mut bytes);
                let Some(words) = read.ok().and_then(|_| decode(&bytes)) else {
                    std::process::exit(1); // the worker is gone
                };
                let mut env = env.clone();
                tell(&mut env, &words);
                let error = shell(command, &env).stdin(Stdio::null()).stdout(output_in).exec();
                eprintln!("rsync: failed to run the pre-xfer exec command: {error}");
                std::process::exit(127)
            }
        }
    }

    /// Tells the request and the arguments (the first of which is the program's name) and lets the command run. The error
    /// is what the client is told when it refuses.
    pub fn finish(mut self, request: &[u8], arguments: &[Vec<u8>]) -> Result<(), Vec<u8>> {
        let sent = self.request.write_all(&encode(request, arguments));
        drop(self.request);
        let mut output = Vec::new();
        let read = (&mut self.output).take(OUTPUT_BYTES_MAX as u64).read_to_end(&mut output);
        // The rest must not block the command.
        drop(io::copy(&mut self.output, &mut io::sink()));
        let raw = sys::wait(self.pid);
        if raw == 0 && sent.is_ok() && read.is_ok() {
            return Ok(());
        }
        // As where a shell of stock's runs the command: what a signal ended counts as a plain failure.
        let raw = if raw & 0x7f == 0 { raw } else { 256 };
        let mut text = format!("pre-xfer exec returned failure ({raw})").into_bytes();
        if !output.is_empty() {
            text.extend_from_slice(b":\n");
            let lines = without_cr(&output);
            text.extend_from_slice(lines.strip_suffix(b"\n").unwrap_or(&lines));
        }
        Err(text)
    }
}

fn tell(env: &mut Env, words: &[Vec<u8>]) {
    let Some((request, arguments)) = words.split_first() else {
        return;
    };
    env.set("RSYNC_REQUEST", if request.is_empty() { b"(NONE)" } else { request });
    for (at, argument) in arguments.iter().enumerate() {
        env.set(&format!("RSYNC_ARG{at}"), argument);
    }
}

/// The number of words first, so that a worker that dies half-way starts nothing.
fn encode(request: &[u8], arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("{}\0", arguments.len() + 1).into_bytes();
    for word in std::iter::once(request).chain(arguments.iter().map(Vec::as_slice)) {
        bytes.extend_from_slice(word);
        bytes.push(0);
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = bytes.strip_suffix(b"\0")?.split(|&byte| byte == 0);
    let count: usize = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let words: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
    (words.len() == count).then_some(words)
}

fn without_cr(output: &[u8]) -> Vec<u8> {
    let before_lf = |at: usize| output[at] == b'\r' && output.get(at + 1) == Some(&b'\n');
    (0..output.len()).filter(|&at| !before_lf(at)).map(|at| output[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        let mut env = Env::default();
        env.set("RSYNC_MODULE_NAME", b"m");
        env
    }

    #[test]
    fn early() {
        assert!(run_early(b"test \"$(cat)\" = 'in put' && test $RSYNC_MODULE_NAME = m", &env(), b"in put").unwrap());
        assert!(!run_early(b"exit 3", &env(), &[b'x'; 5120]).unwrap());
    }

    #[test]
    fn pre() {
        let run = |command: &str| {
            let hook = PreXfer::start(command.as_bytes(), &env()).unwrap();
            hook.finish(b"m/a m/b", &[b"rsyncd".to_vec(), b"--server".to_vec()])
        };
        assert_eq!(run("test \"$RSYNC_REQUEST,$RSYNC_ARG0,$RSYNC_ARG1\" = 'm/a m/b,rsyncd,--server'"), Ok(()));
        assert_eq!(run("echo no; exit 1"), Err(b"pre-xfer exec returned failure (256):\nno".to_vec()));
        assert_eq!(run("kill -9 $$"), Err(b"pre-xfer exec returned failure (256)".to_vec()));
        assert_eq!(run("exit 3"), Err(b"pre-xfer exec returned failure (768)".to_vec()));
        assert_eq!(run("printf 'a\\r\\nb'; exit 1"), Err(b"pre-xfer exec returned failure (256):\na\nb".to_vec()));
        let long = run("head -c 200000 /dev/zero | tr '\\0' x; exit 1").unwrap_err();
        assert_eq!(long.len(), "pre-xfer exec returned failure (256):\n".len() + OUTPUT_BYTES_MAX);
    }

    #[test]
    fn post() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let command = format!("echo $RSYNC_EXIT_STATUS $RSYNC_RAW_STATUS > '{}'", out.display());
        assert!(run_post(command.as_bytes(), &env(), 768));
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "3 768\n");
        assert!(run_post(command.as_bytes(), &env(), 9));
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "-1 9\n");
    }

    #[test]
    fn half_a_request_runs_nothing() {
        let whole = encode(b"r", &[b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(decode(&whole).unwrap().len(), 3);
        assert!((0..whole.len()).all(|end| decode(&whole[..end]).is_none()));
    }
}
