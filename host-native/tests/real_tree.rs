//! A real tree of this machine to daemons with a password, through ssh, and back.
//!
//! The tree is `/usr/share`, which every machine has; `SYNCLINE_TREE="/usr/share /usr/lib"` names more, with spaces between.

mod support;

use std::env;
use std::fs::{self, Permissions};
use std::io::{Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use support::daemon::Daemon;
use support::process::run;
use support::programs::Program::{self, Ours, Stock};
use support::programs::privileged;
use support::scratch::{Scratch, remove};
use support::sshd::Sshd;

const LIMIT: Duration = Duration::from_secs(600);
const USER: &str = "keeper";

struct Stage {
    scratch: Scratch,
    tree: Vec<String>,
}

impl Stage {
    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// What goes away, and where it comes back to.
    fn way<'a>(&'a self, there: &'a str, back: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
        let sources = self.tree.iter().map(String::as_str);
        (sources.chain([there]).collect(), vec![there, back])
    }

    /// A copy to `there` and from there to `back`; what comes back is the tree.
    fn round(&self, name: &str, client: Program, options: &[&str], there: &str) -> Result<(), String> {
        let start = Instant::now();
        let back = format!("{}/", self.path("back").display());
        let (out, home) = self.way(there, &back);
        for words in [out, home] {
            let mut command = client.command();
            command.arg("-aHAX").args(options).args(words).env("USER", USER);
            let outcome = run(&mut command, LIMIT);
            if !outcome.success() {
                return Err(format!("{name}:\n{outcome}"));
            }
        }
        let taken = start.elapsed();
        self.check(&back).map_err(|report| format!("{name}:\n{report}"))?;
        let _ = writeln!(stderr(), "real tree, {name}: complete, there and back in {:.1} s", taken.as_secs_f32());
        for place in ["there", "back"] {
            remove(&self.path(place)).map_err(|error| error.to_string())?;
            fs::create_dir(self.path(place)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Stock finds nothing to do.
    fn check(&self, back: &str) -> Result<(), String> {
        let mut command = Stock.command();
        command.args(["-aHAXni", "--checksum", "--delete"]).args(&self.tree).arg(back);
        let outcome = run(&mut command, LIMIT);
        if outcome.success() && outcome.stdout.is_empty() { Ok(()) } else { Err(outcome.to_string()) }
    }

    fn daemon(&self, program: Program) -> Result<Daemon, String> {
        let dir = self.path(&format!("daemon-{}", program.word()));
        let modules = format!(
            "[tree]\npath = {}\nuse chroot = yes\nauth users = {USER}\nsecrets file = {}\n",
            self.path("there").display(),
            self.path("secrets").display()
        );
        Daemon::start(program, &dir, &modules)
    }
}

fn secret(path: &Path, text: &str) {
    fs::write(path, text).expect("a file with a password");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("chmod of a file with a password");
}

#[test]
fn goes_there_and_comes_back() -> Result<(), String> {
    if !privileged() {
        let _ = writeln!(stderr(), "real tree: needs root to keep the owners, and is skipped");
        return Ok(());
    }
    let tree = env::var("SYNCLINE_TREE").unwrap_or_else(|_| "/usr/share".into());
    let tree = tree.split(' ').map(str::to_owned).collect();
    let stage = Stage { scratch: Scratch::new("real"), tree };
    for place in ["there", "back"] {
        fs::create_dir(stage.path(place)).map_err(|error| error.to_string())?;
    }
    let password = stage.path("password");
    secret(&password, "correct horse\n");
    secret(&stage.path("secrets"), &format!("{USER}:correct horse\n"));
    let password = format!("--password-file={}", password.display());
    for (client, server) in [(Ours, Stock), (Stock, Ours), (Ours, Ours)] {
        let daemon = stage.daemon(server)?;
        let name = format!("{} client, {} daemon", client.word(), server.word());
        stage.round(&name, client, &[&password], &daemon.url("tree/"))?;
    }
    let sshd = Sshd::start(&stage.path("sshd"))?;
    for (client, server) in [(Ours, Stock), (Stock, Ours)] {
        let name = format!("{} here, {} behind ssh", client.word(), server.word());
        let program = format!("--rsync-path={}", server.path().display());
        let there = format!("127.0.0.1:{}/", stage.path("there").display());
        stage.round(&name, client, &["-e", &sshd.shell, &program], &there)?;
    }
    Ok(())
}

/// The wrong password must not do.
#[test]
fn the_password_counts() -> Result<(), String> {
    let stage = Stage { scratch: Scratch::new("password"), tree: Vec::new() };
    secret(&stage.path("secrets"), &format!("{USER}:correct horse\n"));
    fs::create_dir(stage.path("there")).map_err(|error| error.to_string())?;
    for (client, server) in [(Ours, Stock), (Stock, Ours), (Ours, Ours)] {
        let daemon = stage.daemon(server)?;
        for (password, code) in [("correct horse", 0), ("wrong", 5)] {
            let mut command: Command = client.command();
            command.arg(daemon.url("tree/")).env("RSYNC_PASSWORD", password).env("USER", USER);
            let outcome = run(&mut command, Duration::from_secs(30));
            if outcome.code != code {
                return Err(format!("with {password:?}:\n{outcome}"));
            }
        }
    }
    Ok(())
}
