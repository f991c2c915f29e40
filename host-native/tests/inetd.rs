//! A daemon that somebody else accepts connections for: inetd and xinetd hand it the socket as standard input, output and
//! error, a systemd socket unit with `Accept=yes` as standard input and output. Both programs are the daemon, and both are
//! its client; the service files that are shipped are checked where systemd is there.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use support::process::run;
use support::programs::Program::{self, Ours, Stock};
use support::programs::{clean, privileged};
use support::scratch::Scratch;

const LIMIT: Duration = Duration::from_secs(30);

/// How the connection is handed over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Xinetd,
    Systemd,
}

/// Accepts connections and starts a daemon for each.
struct Acceptor {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Child>>>,
}

impl Acceptor {
    fn start(program: Program, config: PathBuf, way: Way) -> Acceptor {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = std::thread::spawn(move || {
            let mut children = Vec::new();
            for stream in listener.incoming() {
                if seen.load(Ordering::Acquire) {
                    break;
                }
                children.push(spawn(program, &config, way, stream.unwrap()));
            }
            children
        });
        Acceptor { port, over, thread: Some(thread) }
    }

    /// Stops accepting, and returns how the daemons ended, which must be by themselves.
    fn end(mut self) -> Vec<Option<i32>> {
        self.over.store(true, Ordering::Release);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap());
        let children = self.thread.take().unwrap().join().unwrap();
        children.into_iter().map(ended).collect()
    }
}

fn spawn(program: Program, config: &Path, way: Way, stream: TcpStream) -> Child {
    let mut command = Command::new(program.path());
    clean(&mut command);
    let copy = || Stdio::from(OwnedFd::from(stream.try_clone().unwrap()));
    let stderr = if way == Way::Xinetd { copy() } else { Stdio::null() };
    command.arg("--daemon").arg(format!("--config={}", config.display()));
    command.stdin(copy()).stdout(copy()).stderr(stderr).spawn().unwrap()
}

fn ended(mut child: Child) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn write_config(dir: &Path) -> PathBuf {
    let (config, root) = (dir.join("rsyncd.conf"), dir.display());
    let identity = if privileged() { "uid = 0\ngid = 0\n" } else { "" };
    fs::write(dir.join("secrets"), "backup:secret\n").unwrap();
    fs::set_permissions(dir.join("secrets"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "use chroot = no\nreverse lookup = no\n{identity}log file = {root}/log\nmax connections = 5\n\
         lock file = {root}/lock\n[data]\npath = {root}/data\nread only = no\nauth users = backup\n\
         secrets file = {root}/secrets\nhosts allow = 127.0.0.1\n[far]\npath = {root}/data\nhosts allow = 192.0.2.1\n"
    );
    fs::write(&config, text).unwrap();
    config
}

#[test]
fn connections_are_served_that_others_accepted() {
    for way in [Way::Xinetd, Way::Systemd] {
        let mut model = None;
        for (daemon, client) in [(Stock, Stock), (Ours, Stock), (Stock, Ours), (Ours, Ours)] {
            let scratch = Scratch::new("inetd");
            let (dir, cell) = (scratch.path(), format!("{way:?}: {} at {}", client.word(), daemon.word()));
            fs::create_dir_all(dir.join("src/sub")).unwrap();
            fs::create_dir(dir.join("data")).unwrap();
            fs::write(dir.join("src/sub/large"), vec![7; 3 << 20]).unwrap();
            fs::write(dir.join("src/small"), "text").unwrap();
            let acceptor = Acceptor::start(daemon, write_config(dir), way);
            let run = |words: &[&str], password: &str| {
                let mut command = client.command();
                command.current_dir(dir).env("RSYNC_PASSWORD", password).args(words);
                run(&mut command, LIMIT)
            };
            let module = |user: &str, name: &str| format!("rsync://{user}127.0.0.1:{}/{name}", acceptor.port);
            let list = run(&[&module("", "")], "");
            assert!(list.success() && list.stdout.starts_with(b"data"), "{cell}\n{list}");
            let push = run(&["-a", "src/", &module("backup@", "data/")], "secret");
            assert!(push.success(), "{cell}\n{push}");
            let pull = run(&["-a", &module("backup@", "data/"), "back/"], "secret");
            assert!(pull.success(), "{cell}\n{pull}");
            for name in ["sub/large", "small"] {
                assert!(
                    fs::read(dir.join("src").join(name)).unwrap() == fs::read(dir.join("back").join(name)).unwrap()
                );
            }
            let refused = run(&["-a", &module("backup@", "data/"), "none/"], "wrong");
            assert_eq!(refused.code, 5, "{cell}\n{refused}");
            let far = run(&["-a", &module("", "far/"), "none/"], "");
            assert_eq!(far.code, 5, "{cell}\n{far}");
            assert!(
                String::from_utf8_lossy(&far.stderr).contains("access denied to far from UNDETERMINED (127.0.0.1)"),
                "{cell}\n{far}"
            );
            let codes = acceptor.end();
            assert!(codes.len() == 5 && codes.iter().all(Option::is_some), "{cell}: {codes:?}");
            assert_eq!(&codes, model.get_or_insert(codes.clone()), "{cell}: how the daemons ended, as stock's");
            // The address is that of the socket.
            let log = fs::read_to_string(dir.join("log")).unwrap();
            let denied = "rsync denied on module far from UNDETERMINED (127.0.0.1)";
            for line in ["rsync to data/ from backup@UNDETERMINED (127.0.0.1)", denied] {
                assert!(log.contains(line), "{cell}: {line}\n{log}");
            }
        }
    }
}

/// What systemd itself thinks of the units, but for the program, which is not installed where they look for it.
#[test]
fn the_units_are_valid() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("left out: no systemd-analyze");
        return;
    }
    let (scratch, packaging) = (Scratch::new("units"), Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging"));
    let mut units = Vec::new();
    for name in ["syncline.service", "syncline.socket", "syncline@.service"] {
        let text = fs::read_to_string(packaging.join(name)).unwrap();
        let unit = scratch.path().join(name);
        fs::write(&unit, text.replace("/usr/bin/syncline", &Ours.path().display().to_string())).unwrap();
        units.push(unit);
    }
    let outcome = run(Command::new("systemd-analyze").arg("verify").args(&units), LIMIT);
    assert!(outcome.success() && outcome.stderr.is_empty(), "{outcome}");
}
