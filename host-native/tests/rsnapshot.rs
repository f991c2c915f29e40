//! rsnapshot makes its rotations with Syncline in place of rsync, and comes to the same snapshots.

mod support;

use std::fs::{self, OpenOptions};
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use support::process::run;
use support::programs::Program::{self, Ours, Stock};
use support::programs::privileged;
use support::scratch::Scratch;
use support::sshd::Sshd;

const LIMIT: Duration = Duration::from_secs(300);
const ROTATIONS: usize = 3;
/// A tree of this machine, of a few thousand files.
const TREE: &str = "/usr/share/perl5";

struct Stage {
    scratch: Scratch,
}

impl Stage {
    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The configuration of one program's snapshots; with `shell`, the source is behind it.
    fn configure(&self, program: Program, shell: Option<&str>) -> Result<PathBuf, String> {
        let (word, root) = (program.word(), self.scratch.path().display());
        let source = self.path("source");
        let (ssh, backup) = match shell {
            None => (String::new(), format!("{}/", source.display())),
            Some(shell) => {
                let (command, options) = shell.split_once(' ').unwrap_or((shell, ""));
                let lines = format!("cmd_ssh\t/usr/bin/{command}\nssh_args\t{options}\n");
                (lines, format!("root@127.0.0.1:{}/", source.display()))
            }
        };
        let text = format!(
            "config_version\t1.2\nsnapshot_root\t{root}/{word}/\ncmd_cp\t/bin/cp\ncmd_rm\t/bin/rm\ncmd_rsync\t{}\n\
             {ssh}interval\thourly\t{ROTATIONS}\nlockfile\t{root}/{word}.pid\nlink_dest\t1\nbackup\t{backup}\tlocalhost/\n",
            program.path().display()
        );
        let config = self.path(&format!("{word}.conf"));
        fs::write(&config, text).map_err(|error| error.to_string())?;
        Ok(config)
    }

    /// Something is new, something else is gone, and something grew.
    fn change(&self, round: usize) -> std::io::Result<()> {
        let source = self.path("source");
        fs::write(source.join(format!("new{round}")), format!("of round {round}\n"))?;
        if round > 0 {
            fs::remove_file(source.join(format!("new{}", round - 1)))?;
        }
        let mut log = OpenOptions::new().create(true).append(true).open(source.join("grows"))?;
        writeln!(log, "round {round}")
    }

    /// Contents, attributes, and how often each file is linked. Times of directories above the source are those of the run.
    fn compare(&self, number: usize) -> Result<(), String> {
        let of = |program: Program| self.path(program.word()).join(format!("hourly.{number}"));
        let mut command = Stock.command();
        command.args(["-aHAXOni", "--checksum", "--delete"]);
        for program in [Stock, Ours] {
            command.arg(format!("{}/", of(program).display()));
        }
        let outcome = run(&mut command, LIMIT);
        if !outcome.success() || !outcome.stdout.is_empty() {
            return Err(format!("hourly.{number}:\n{outcome}"));
        }
        let links = |program: Program| {
            let mut find = Command::new("find");
            find.current_dir(of(program)).args([".", "-type", "f", "-printf", "%P %n\n"]);
            let mut lines: Vec<_> = run(&mut find, LIMIT).stdout.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines
        };
        if links(Stock) == links(Ours) { Ok(()) } else { Err(format!("hourly.{number}: links differ")) }
    }

    fn rotate(&self, name: &str, shell: Option<&str>) -> Result<(), String> {
        let source = self.path("source");
        let copied = run(Command::new("cp").arg("-a").arg(TREE).arg(&source), LIMIT);
        if !copied.success() {
            return Err(copied.to_string());
        }
        let configs = [self.configure(Stock, shell)?, self.configure(Ours, shell)?];
        for round in 0..ROTATIONS {
            self.change(round).map_err(|error| error.to_string())?;
            for config in &configs {
                let outcome = run(Command::new("rsnapshot").arg("-c").arg(config).arg("hourly"), LIMIT);
                if !outcome.success() {
                    return Err(format!("{name}, round {round}:\n{outcome}"));
                }
            }
        }
        (0..ROTATIONS).try_for_each(|number| self.compare(number)).map_err(|report| format!("{name}: {report}"))
    }
}

#[test]
fn three_rotations_here() -> Result<(), String> {
    Stage { scratch: Scratch::new("rsnapshot") }.rotate("here", None)
}

#[test]
fn three_rotations_over_ssh() -> Result<(), String> {
    if !privileged() {
        let _ = writeln!(stderr(), "rsnapshot over ssh: needs root to log in as, and is skipped");
        return Ok(());
    }
    let stage = Stage { scratch: Scratch::new("rsnapshot-ssh") };
    let sshd = Sshd::start(&stage.path("sshd"))?;
    stage.rotate("over ssh", Some(&sshd.shell))
}
