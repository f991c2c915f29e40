//! A daemon on a free port of the loopback, which ends with the value that stands for it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::programs::{Program, clean, privileged};

/// A running daemon.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// The port it listens on.
    pub port: u16,
}

impl Daemon {
    /// Starts `program` as a daemon with `modules` as the module part of its configuration, and waits until it greets. All of
    /// its files lie in `dir`. The error is a report.
    pub fn start(program: Program, dir: &Path, modules: &str) -> Result<Self, String> {
        fs::create_dir_all(dir).expect("the daemon's directory");
        let (config, log) = (dir.join("rsyncd.conf"), dir.join("log"));
        fs::write(&config, format!("{}\n{modules}", globals(dir, &log))).expect("the daemon's configuration");
        for _ in 0..10 {
            let port = free_port();
            let mut child = spawn(program, &config, port, dir);
            if greets(&mut child, port) {
                return Ok(Self { child, log, port });
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let said = [fs::read(dir.join("stderr")), fs::read(&log)].map(Result::unwrap_or_default).concat();
        Err(format!("  {} --daemon does not start:\n{}", program.path().display(), String::from_utf8_lossy(&said)))
    }

    /// The URL of a path below a module.
    pub fn url(&self, path: &str) -> String {
        format!("rsync://127.0.0.1:{}/{path}", self.port)
    }

    /// The listener's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn globals(dir: &Path, log: &Path) -> String {
    let identity = if privileged() { "uid = 0\ngid = 0\n" } else { "" };
    // Without a chroot, links would be munged by default, and a munged link is not equal to its source.
    format!(
        "use chroot = no\nmunge symlinks = no\nread only = no\nreverse lookup = no\n{identity}log file = {}\nlock file = {}\n",
        log.display(),
        dir.join("lock").display()
    )
}

fn spawn(program: Program, config: &Path, port: u16, dir: &Path) -> Child {
    let stderr = File::create(dir.join("stderr")).expect("the daemon's standard error");
    let mut command = Command::new(program.path());
    clean(&mut command);
    command
        .args(["--daemon", "--no-detach", "--address=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--config={}", config.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .expect("starting a daemon")
}

/// A port that nobody listens on. Someone else may take it before we do; `start` then tries another.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the address of a listener").port()
}

fn greets(child: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut line = String::new();
            if BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("@RSYNCD: ") {
                return true;
            }
        }
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}
