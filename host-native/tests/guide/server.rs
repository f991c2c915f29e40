//! The backup server of the classic guides: its user, its directories, its configuration file, and the daemon started from it
//! as the guides do, with nothing but `--daemon` and the file's name.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::daemon::free_port;
use crate::support::process::run;
use crate::support::programs::{Program, clean};
use crate::support::scratch::remove;

/// The virtual user and his password.
pub const SECRET: &str = "rsync_backup:123456\n";
const LIMIT: Duration = Duration::from_secs(20);

/// The user whom the received files belong to; removed again if it was made here.
pub struct Www {
    pub uid: u32,
    pub gid: u32,
    made: bool,
}

impl Www {
    /// Finds the user `www`, or makes it with the guides' own line.
    pub fn find() -> Result<Self, String> {
        let known = ids().is_some();
        if !known {
            let outcome = run(Command::new("useradd").args(["www", "-M", "-s", "/sbin/nologin"]), LIMIT);
            if !outcome.success() {
                return Err(outcome.to_string());
            }
        }
        let (uid, gid) = ids().ok_or("useradd made no user www")?;
        Ok(Self { uid, gid, made: !known })
    }
}

impl Drop for Www {
    fn drop(&mut self) {
        if self.made {
            let _ = Command::new("userdel").arg("www").output();
        }
    }
}

fn ids() -> Option<(u32, u32)> {
    let id = |flag: &str| {
        let outcome = run(Command::new("id").args([flag, "www"]), LIMIT);
        String::from_utf8_lossy(&outcome.stdout).trim().parse().ok()
    };
    Some((id("-u")?, id("-g")?))
}

/// A server with all of its files in one directory. It ends with this value.
pub struct Server {
    pub dir: PathBuf,
    pub port: u16,
    pid: Pid,
}

impl Server {
    /// Lays out the directory and starts the daemon, which goes to the background by itself.
    pub fn start(program: Program, dir: &Path, www: &Www) -> Result<Self, String> {
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        reset(dir, www).map_err(|error| format!("{}: {error}", dir.display()))?;
        for _ in 0..10 {
            let port = free_port();
            fs::write(dir.join("rsyncd.conf"), configuration(dir, port)).map_err(|error| error.to_string())?;
            let mut command = Command::new(program.path());
            clean(&mut command);
            let outcome = run(command.arg("--daemon").arg(format!("--config={}/rsyncd.conf", dir.display())), LIMIT);
            if !outcome.success() || !outcome.stdout.is_empty() || !outcome.stderr.is_empty() {
                return Err(outcome.to_string());
            }
            if let Some(pid) = started(dir) {
                return Ok(Self { dir: dir.to_owned(), port, pid });
            }
        }
        Err(format!("the daemon does not start:\n{}", fs::read_to_string(dir.join("log")).unwrap_or_default()))
    }

    /// What it logged since the log had `from` bytes, once all connections are over.
    pub fn log(&self, from: usize) -> Vec<u8> {
        let children = format!("/proc/{0}/task/{0}/children", self.pid.as_raw_nonzero());
        let deadline = Instant::now() + Duration::from_secs(10);
        while fs::read_to_string(&children).is_ok_and(|text| !text.is_empty()) && Instant::now() < deadline {
            sleep(Duration::from_millis(2));
        }
        let log = fs::read(self.dir.join("log")).unwrap_or_default();
        log.get(from..).unwrap_or_default().to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::TERM);
    }
}

/// The daemon's id, once it says in its log that it listens; none if its port was taken meanwhile.
fn started(dir: &Path) -> Option<Pid> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
        if log.contains("listening on port") {
            let pid = fs::read_to_string(dir.join("rsyncd.pid")).ok()?;
            return Pid::from_raw(pid.trim().parse().ok()?);
        }
        if log.contains("rsync error") {
            let _ = fs::remove_file(dir.join("log"));
            return None;
        }
        sleep(Duration::from_millis(10));
    }
    None
}

/// The guides' file, then modules that are set up wrongly, each in its own way.
fn configuration(dir: &Path, port: u16) -> String {
    let at = dir.display();
    format!(
        "##rsyncd.conf start##\n\
         uid = www\n\
         gid = www\n\
         port = {port}\n\
         fake super = yes\n\
         use chroot = no\n\
         max connections = 200\n\
         timeout = 600\n\
         pid file = {at}/rsyncd.pid\n\
         lock file = {at}/rsyncd.lock\n\
         log file = {at}/log\n\
         ignore errors\n\
         read only = false\n\
         list = false\n\
         hosts allow = 127.0.0.0/24\n\
         hosts deny = 0.0.0.0/32\n\
         auth users = rsync_backup\n\
         secrets file = {at}/rsync.passwd\n\
         [backup]\n\
         comment = welcome to backup!\n\
         path = {at}/backup\n\
         [data]\n\
         path = {at}/data\n\
         ##rsyncd.conf end##\n\
         [missing]\npath = {at}/missing\n\
         [closed]\npath = {at}/closed\n\
         [rooted]\npath = {at}/rooted\n\
         [nouser]\npath = {at}/data\nuid = nosuchuser\n\
         [nogroup]\npath = {at}/data\ngid = nosuchgroup\n\
         [shown]\npath = {at}/data\nsecrets file = {at}/shown.passwd\n\
         [lost]\npath = {at}/data\nsecrets file = {at}/missing.passwd\n\
         [locked]\npath = {at}/data\nread only = true\n\
         [refused]\npath = {at}/data\nhosts allow = 192.0.2.1\nhosts deny = *\n\
         [few]\npath = {at}/data\nmax connections = -1\n\
         [seen]\npath = {at}/data\nlist = true\ncomment = for all to see\n"
    )
}

/// Puts the modules' directories and the secrets into the state that each case begins with.
pub fn reset(dir: &Path, www: &Www) -> std::io::Result<()> {
    for (name, mode, owned) in
        [("backup", 0o755, true), ("data", 0o755, true), ("rooted", 0o755, false), ("closed", 0o700, false)]
    {
        let path = dir.join(name);
        remove(&path)?;
        fs::create_dir(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        if owned {
            chown(&path, Some(www.uid), Some(www.gid))?;
        }
    }
    for (name, mode) in [("rsync.passwd", 0o600), ("shown.passwd", 0o644)] {
        fs::write(dir.join(name), SECRET)?;
        fs::set_permissions(dir.join(name), Permissions::from_mode(mode))?;
    }
    Ok(())
}
