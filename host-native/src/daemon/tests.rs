//! Daemons and clients in processes of their own: what the tests of whole connections are built from.

mod stock;
mod worker;

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use syncline_core::Error;
use syncline_core::session::greeting::{ClientRequest, PROTOCOL};

use super::client::{Answered, Call, Words, call};
use super::listener::{Launch, run};
use super::sys::{self, Forked};
use super::{Engine, Parsed, Served};

/// Instead of a session: tells the log what it would work on.
const ENGINE: Engine = Engine {
    parse: |words, refuse, _| {
        let end = words.iter().position(|word| word == b".").unwrap_or(words.len());
        let cluster = |word: &Vec<u8>| word.starts_with(b"-s");
        let refused = (!refuse.is_empty()).then(|| Error::usage(refuse));
        Parsed {
            options: Default::default(),
            paths: words.get(end + 1..).unwrap_or_default().to_vec(),
            sender: words.iter().any(|word| word == b"--sender"),
            secluded: words[..end].iter().any(cluster),
            relative: false,
            notes: Vec::new(),
            refused,
        }
    },
    check_filters: |_| Ok(()),
    hides: |rules, path| rules.iter().any(|rule| rule.ends_with(path)),
    serve: |served| {
        let Served { config, refused, pending, log, .. } = served;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let paths: Vec<String> = config.paths.iter().map(|path| text(path)).collect();
        let module = config.module.unwrap_or_default();
        log.info(format!(
            "served {paths:?} euid {} groups {:?} cwd {} read_only {} user {:?} pending {:?} refused {:?}",
            sys::euid(),
            sys::groups(),
            std::env::current_dir().unwrap_or_default().display(),
            module.read_only,
            text(&module.user),
            text(&pending),
            refused.map(|error| error.text_lossy()),
        ));
        3
    },
};

/// The process of a daemon, which ends with this value; 0 once it has ended.
struct Running(i32);

impl Running {
    /// Ends it with a signal; its exit code.
    fn end(&mut self, signal: Signal) -> i32 {
        let pid = std::mem::take(&mut self.0);
        if let Some(running) = Pid::from_raw(pid) {
            // It may have failed by itself: then its exit code tells.
            let _ = kill_process(running, signal);
        }
        sys::exit_status(sys::wait(pid))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0 != 0 {
            self.end(Signal::TERM);
        }
    }
}

/// Runs something in a process of its own.
fn in_child(work: impl FnOnce() -> i32) -> i32 {
    match sys::fork().unwrap() {
        Forked::Parent(pid) => pid,
        Forked::Child => sys::exit_now(work()),
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn await_port(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn launch(config: &Path, port: u16) -> Launch {
    let port = port.into();
    Launch {
        config: Some(config.as_os_str().as_bytes().to_vec()),
        address: Some(b"127.0.0.1".to_vec()),
        port,
        stay: true,
        ..Launch::default()
    }
}

fn start_ours(config: &Path) -> (Running, u16) {
    let port = free_port();
    let launch = launch(config, port);
    let pid = in_child(|| {
        let null = std::fs::File::open("/dev/null").unwrap();
        rustix::stdio::dup2_stdin(&null).unwrap();
        run(&launch, ENGINE)
    });
    let running = Running(pid);
    await_port(port);
    (running, port)
}

fn start_stock(config: &Path) -> (Running, u16) {
    let port = free_port();
    let mut command = Command::new("rsync");
    command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]);
    command.arg(format!("--port={port}")).arg(format!("--config={}", config.display()));
    let running = Running(command.stdin(Stdio::null()).spawn().unwrap().id() as i32);
    await_port(port);
    (running, port)
}

/// A place with a module directory `m`, secrets, and a configuration in which `DIR` stands for the place.
fn place(config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    // Workers that gave up their privileges have to get in.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(dir.path().join("m/sub")).unwrap();
    for name in ["m/a.c", "m/b.c", "m/hidden.c", "m/sub/x"] {
        std::fs::write(dir.path().join(name), "text").unwrap();
    }
    std::fs::write(dir.path().join("motd"), "Hello\n  there\n").unwrap();
    for (name, mode) in [("secrets", 0o600), ("open", 0o644)] {
        let path = dir.path().join(name);
        std::fs::write(&path, "alice:secret\nbob:secret\ncarol:other\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let config = config.replace("DIR", dir.path().to_str().unwrap());
    std::fs::write(dir.path().join("conf"), config).unwrap();
    dir
}

/// The lines of the log without time and process, once there are as many as wanted.
fn log_lines(dir: &tempfile::TempDir, name: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    let start = Instant::now();
    loop {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        let message = |line: &str| line.split_once("] ").map_or(String::new(), |(_, message)| message.to_owned());
        let lines: Vec<String> = text.lines().map(message).collect();
        if wanted(&lines) || start.elapsed() > Duration::from_secs(10) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Our client, with what it was shown.
fn our_call(
    input: OwnedFd,
    output: OwnedFd,
    module: Option<&str>,
    words: &[&str],
) -> (Result<Answered, Error>, String) {
    let mut shown = String::new();
    let mut show = |_, line: &[u8]| shown.push_str(&String::from_utf8_lossy(line));
    let words = |_| Words { plain: words.iter().map(|word| word.as_bytes().to_vec()).collect(), secluded: None };
    let request = ClientRequest {
        protocol: PROTOCOL,
        module: module.map(|module| module.as_bytes().to_vec()),
        early_input: Vec::new(),
        user: b"alice".to_vec(),
    };
    let answered = call(
        input,
        output,
        Call {
            request,
            password_file: Some(PASSWORD_FILE.as_bytes()),
            role: "Receiver",
            tells_words: false,
            words: &words,
            show: &mut show,
        },
    );
    (answered, shown)
}

/// A password file that both the test and its children can name: one per test program.
static PASSWORD_FILE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("syncline-test-password-{}", std::process::id()));
    std::fs::write(&path, "secret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
});

fn dial(port: u16, module: Option<&str>, words: &[&str]) -> (Result<Answered, Error>, String) {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    our_call(socket.try_clone().unwrap().into(), socket.into(), module, words)
}
