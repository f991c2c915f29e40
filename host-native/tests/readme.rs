//! README.md does what it says: its command lines and files are run as they stand there, with paths that lead into a scratch
//! directory and a remote shell that stays here; each message of its table of errors is provoked.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use support::daemon::free_port;
use support::process::{Outcome, run};
use support::programs::Program::Ours;
use support::programs::{clean, privileged};
use support::scratch::Scratch;

const LIMIT: Duration = Duration::from_secs(60);
/// Modules that do what a table of errors is about.
const BROKEN: &str = "
[far]
path = /srv/backup
hosts allow = 192.0.2.1
[gone]
path = /srv/nowhere
[odd]
path = /srv/backup
uid = nosuchuser
[rooted]
path = /srv/rooted
read only = no
[locked]
path = /srv/backup
[few]
path = /srv/backup
max connections = -1
lock file = /srv/lock
";

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

fn section<'a>(readme: &'a str, heading: &str) -> &'a str {
    let start = readme.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let rest = &readme[start + 4..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// The blocks of a language in a section.
fn blocks<'a>(section: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let starts = section.split(&fence).skip(1);
    starts.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// A machine of its own: `/srv`, `/etc`, `/root` and `/var/log` are in it.
struct Machine {
    scratch: Scratch,
    port: u16,
}

impl Machine {
    fn new(label: &str) -> Machine {
        let machine = Machine { scratch: Scratch::new(label), port: free_port() };
        for dir in ["srv/data/photos", "srv/copy", "srv/rooted", "etc", "root", "var/log", "bin"] {
            fs::create_dir_all(machine.path(dir)).unwrap();
        }
        machine.write("srv/data/x", "one");
        machine.write("srv/data/photos/y", "two");
        machine.script("bin/shell", "shift; exec sh -c \"$*\"");
        std::os::unix::fs::symlink(Ours.path(), machine.path("bin/syncline")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn script(&self, name: &str, text: &str) {
        self.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Leads paths and the server's name to what stands for them.
    fn adapt(&self, text: &str) -> String {
        let root = self.scratch.path().display().to_string();
        let mut text = text.to_string();
        for dir in ["/srv/", "/etc/", "/root/", "/var/log/"] {
            text = text.replace(dir, &format!("{root}{dir}"));
        }
        let daemon = format!("syncline --daemon --config={root}/etc/rsyncd.conf --port={}", self.port);
        text.replace("syncline --daemon", &daemon).replace("@nas/", &format!("@127.0.0.1:{}/", self.port))
    }

    fn shell(&self, script: &str) -> Outcome {
        let mut command = Command::new("sh");
        clean(&mut command);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("RSYNC_RSH", self.path("bin/shell")).current_dir(self.path("root"));
        run(command.arg("-ec").arg(self.adapt(script)), LIMIT)
    }

    fn succeed(&self, script: &str) -> String {
        let outcome = self.shell(script);
        assert!(outcome.success(), "{outcome}");
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    }

    /// Starts the daemon as the page says, and waits until it listens, which it does after it went to the background.
    fn serve(&self, script: &str) {
        self.succeed(script);
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(start.elapsed() < LIMIT, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn configure(&self, text: &str, more: &str) {
        let pid_file = "pid file = /srv/pid\nreverse lookup = no\nuse chroot = no\n";
        self.write("etc/rsyncd.conf", &self.adapt(&[pid_file, text, more].concat()));
    }
}

impl Drop for Machine {
    /// Ends the daemon, if one was started.
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.path("srv/pid")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
            let start = Instant::now();
            while self.exists("srv/pid") && start.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

#[test]
fn push_and_pull() {
    let (readme, machine) = (readme(), Machine::new("readme-push"));
    let block = blocks(section(&readme, "The six forms"), "sh")[1].to_string();
    machine.succeed(&block);
    for copy in ["copy/x", "copy/data/x", "back/photos/y"] {
        assert!(machine.exists(&format!("srv/{copy}")), "{copy}");
    }
    // The third line does what the first does too, so it is run alone.
    fs::remove_dir_all(machine.path("srv/copy")).unwrap();
    fs::create_dir(machine.path("srv/copy")).unwrap();
    machine.succeed(block.lines().nth(2).unwrap());
    assert!(machine.exists("srv/copy/photos/y") && !machine.exists("srv/copy/x"));
}

#[test]
fn the_nightly_backup() {
    let (readme, machine) = (readme(), Machine::new("readme-night"));
    let page = section(&readme, "The nightly backup");
    let line = blocks(page, "cron")[0].trim();
    let fields: Vec<&str> = line.splitn(7, ' ').collect();
    assert_eq!(fields[..6], ["30", "2", "*", "*", "*", "root"]);
    machine.write("srv/copy/old", "gone by morning");
    assert_eq!(machine.succeed(fields[6]), "", "cron has nothing to mail");
    assert!(machine.exists("srv/copy/photos/y") && !machine.exists("srv/copy/old"));
    let log = machine.text("var/log/backup.log");
    assert!(log.contains(" x\n") && log.contains("*deleting   old") && log.contains("total size 6"), "{log}");

    let daily = blocks(page, "sh")[0];
    let day = |name: &str| machine.succeed(&format!("date() {{ echo {name}; }}\n{daily}"));
    day("2026-01-01");
    machine.write("srv/data/photos/y", "changed");
    day("2026-01-02");
    let ino = |path: &str| fs::metadata(machine.path(&format!("srv/days/{path}"))).unwrap().ino();
    assert_eq!(ino("2026-01-01/x"), ino("2026-01-02/x"));
    assert_eq!(machine.text("srv/days/2026-01-01/photos/y"), "two");
    assert_eq!(machine.text("srv/days/latest/photos/y"), "changed");
}

#[test]
fn the_backup_server() {
    if !privileged() {
        eprintln!("left out: only root can start such a daemon");
        return;
    }
    let (readme, machine) = (readme(), Machine::new("readme-server"));
    let page = section(&readme, "A backup server");
    let (config, scripts) = (blocks(page, "ini")[0], blocks(page, "sh"));
    assert_eq!(config.lines().count(), 10, "as the page says");
    machine.configure(config, "");
    machine.succeed("chown 12:34 /srv/data/x");
    machine.serve(scripts[0]);
    machine.succeed(scripts[1]);
    let owner = |path: &str| fs::metadata(machine.path(path)).map(|m| (m.uid(), m.gid())).unwrap();
    assert_ne!(owner("srv/backup/x").0, 0, "nobody's");
    assert_eq!((owner("srv/restored/x"), machine.text("srv/restored/x").as_str()), ((12, 34), "one"));
    assert!(machine.text("var/log/rsyncd.log").contains("rsync to data/ from backup@"));
}

#[test]
fn deleting() {
    let (readme, machine) = (readme(), Machine::new("readme-delete"));
    let block = blocks(section(&readme, "Deleting, and how not to lose everything with it"), "sh")[0].to_string();
    let lines: Vec<&str> = block.lines().collect();
    for n in 0..101 {
        machine.write(&format!("srv/copy/{n}"), "");
    }
    let left = || fs::read_dir(machine.path("srv/copy")).unwrap().count();
    let said = machine.succeed(lines[0]);
    assert_eq!((said.matches("deleting ").count(), left()), (101, 101));
    assert_eq!(machine.shell(lines[1]).code, 25);
    assert_eq!(left(), 1 + 2);
    machine.write("srv/copy/last", "kept");
    machine.succeed(lines[2]);
    assert_eq!(left(), 2);
    machine.succeed("cat /srv/gone/*/last | grep -qx kept");
    // What a shell's star names is no whole folder.
    machine.write("srv/copy/beside", "");
    machine.succeed("syncline -a --delete /srv/data/* /srv/copy/");
    assert!(machine.exists("srv/copy/beside"));
}

/// A message of the table, as far as it is quoted there, and what leads to it.
const ERRORS: &[(&str, &str)] = &[
    ("auth failed on module", "RSYNC_PASSWORD=wrong syncline -a /srv/data/ rsync://backup@nas/data/"),
    (
        "password file must not be other-accessible",
        "echo x >p; chmod 644 p; syncline -a --password-file=p /srv/data/ rsync://backup@nas/data/",
    ),
    ("Unknown module", "syncline -a /srv/data/ rsync://@nas/none/"),
    ("access denied to", "syncline -a rsync://@nas/far/ /srv/copy/"),
    ("The remote path must start with a module name not a /", "syncline -a 127.0.0.1::/data /srv/copy/"),
    ("chdir failed", "syncline -a rsync://@nas/gone/ /srv/copy/"),
    ("invalid uid", "syncline -a rsync://@nas/odd/ /srv/copy/"),
    ("mkstemp` … `failed: Permission denied (13)", "syncline -a /srv/data/x rsync://@nas/rooted/"),
    ("module is read only", "syncline -a /srv/data/ rsync://@nas/locked/"),
    ("max connections", "syncline -a rsync://@nas/few/ /srv/copy/"),
    ("Connection refused (111)", "syncline -a rsync://127.0.0.1:1/data/ /srv/copy/"),
    (
        "No route to host (113)",
        "unshare -n sh -c 'ip link set lo up; ip route add unreachable 192.0.2.0/24
         syncline -a rsync://192.0.2.1/data/ /srv/copy/'",
    ),
    ("connection unexpectedly closed` (code 12)", "syncline -a -e true /srv/data/ nas:/srv/copy/"),
    ("is your shell clean?` (code 2)", "syncline -a -e 'echo hello, this is' /srv/data/ nas:/srv/copy/"),
    ("remote command not found` (code 127)", "syncline -a --rsync-path=norsync /srv/data/ nas:/srv/copy/"),
    ("some files/attrs were not transferred` (code 23)", "syncline -a /srv/nowhere /srv/data/x /srv/copy/"),
    (
        "some files vanished before they could be transferred` (code 24)",
        "head -c 400000 /dev/zero >/srv/data/a; (sleep 1; rm /srv/data/x) &
         syncline -a --bwlimit=100 /srv/data/ /srv/copy/",
    ),
    (
        "No space left on device (28)` (code 11)",
        "head -c 400000 /dev/zero >/srv/data/a
         unshare -m sh -c 'mount -t tmpfs -o size=64k none /srv/copy/; syncline -a /srv/data/ /srv/copy/'",
    ),
    (
        "timeout in data send/receive` (code 30)",
        "printf '#!/bin/sh\\nexec sleep 9' >slow; chmod +x slow
         syncline -a --timeout=1 -e ./slow /srv/data/ nas:/srv/copy/",
    ),
    (
        "the --max-delete limit stopped deletions` (code 25)",
        "touch /srv/copy/1 /srv/copy/2; syncline -a --delete --max-delete=1 /srv/data/ /srv/copy/",
    ),
];

#[test]
fn errors() {
    let readme = readme();
    let page = section(&readme, "Errors and their causes");
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    assert_eq!(rows.len(), ERRORS.len());
    if !privileged() {
        eprintln!("left out: only root can provoke all of them");
        return;
    }
    for (row, (message, script)) in rows.iter().zip(ERRORS) {
        assert!(row.starts_with(message), "{message}: {row}");
        let machine = Machine::new("readme-error");
        let server = section(&readme, "A backup server");
        machine.configure(blocks(server, "ini")[0], BROKEN);
        machine.serve(blocks(server, "sh")[0]);
        let outcome = machine.shell(&script.replace("127.0.0.1::", &format!("--port={} 127.0.0.1::", machine.port)));
        let (said, code) = match message.split_once("` (code ") {
            Some((said, code)) => (said, code.trim_end_matches(')').parse().ok()),
            None => (*message, None),
        };
        let stderr = String::from_utf8_lossy(&outcome.stderr);
        assert!(said.split("` … `").all(|part| stderr.contains(part)), "{message}\n{outcome}");
        assert!(code.is_none_or(|code: i32| code == outcome.code) && outcome.code != 0, "{message}\n{outcome}");
    }
}
