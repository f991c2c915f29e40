//! The backup server of the classic guides, word for word: configuration, password files, push and pull, and the mistakes that
//! their readers make. Every case runs with stock as client and daemon, which is the model, and then with ours in place of the
//! one, the other and both: same texts, exit code, log, trees and owners.
//!
//! `SYNCLINE_CELL="ours>stock chdir"` runs only the cells whose names have all of these words.

mod cases;
#[path = "../cli/mask.rs"]
#[allow(dead_code)]
mod mask;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, Permissions};
use std::io::{Write, stderr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cases::Case;
use mask::{Mask, Order, contrast};
use server::{SECRET, Server, Www, reset};
use support::compare::{Grain, Snapshot, report};
use support::daemon::free_port;
use support::maker::{Maker, USUAL};
use support::pool;
use support::process::{Outcome, run};
use support::programs::Program::{self, Ours, Stock};
use support::programs::{clean, privileged};
use support::scratch::{Scratch, remove};

const PRELUDE: &str = r#"
umask 022
rsync() { "$R" "$@"; }
show() { code=$?; echo "[$code]"; return $code; }
"#;

/// Whether a side still sees that the other one closed the connection is a matter of chance.
const CHANCE: [&str; 2] = ["Connection reset by peer (104)", "Broken pipe (32)"];

struct Stage {
    scratch: Scratch,
    servers: [Server; 2],
    dead: u16,
    start: i64,
    // The user goes when the servers are gone.
    www: Www,
}

/// What a case showed.
struct Seen {
    outcome: Outcome,
    texts: [Vec<String>; 3],
    trees: [Snapshot; 2],
}

impl Stage {
    fn new() -> Result<Self, String> {
        let scratch = Scratch::new("guide");
        let www = Www::find()?;
        let start =
            |program: Program| Server::start(program, &scratch.path().join(format!("daemon-{}", program.word())), &www);
        let servers = [start(Stock)?, start(Ours)?];
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
        Ok(Self { servers, dead: free_port(), start, www, scratch })
    }

    fn client(&self) -> PathBuf {
        self.scratch.path().join("client")
    }

    fn server(&self, program: Program) -> &Server {
        &self.servers[usize::from(program == Ours)]
    }

    /// The model must show what the case is about, and all others the same.
    fn check(&self, case: &Case) -> Result<(), String> {
        let model = self.act(case, Stock, Stock)?;
        require(case, &model)?;
        for (client, server) in [(Ours, Stock), (Stock, Ours), (Ours, Ours)] {
            let seen = self.act(case, client, server)?;
            let mut wrong = String::new();
            if seen.outcome.code != model.outcome.code || seen.outcome.timed_out {
                wrong.push_str(&format!("  exit codes: model {}, here {}\n", model.outcome.code, seen.outcome.code));
            }
            for (name, (want, have)) in ["stdout", "stderr", "log"].iter().zip(model.texts.iter().zip(&seen.texts)) {
                if want != have {
                    wrong.push_str(&contrast(name, want, have));
                }
            }
            for (want, have) in model.trees.iter().zip(&seen.trees) {
                if let Err(differences) = report(&want.differences(have, Grain::Nanoseconds)) {
                    wrong.push_str(&differences);
                }
            }
            if !wrong.is_empty() {
                return Err(format!("  {}>{}: {}\n{wrong}", client.word(), server.word(), case.script));
            }
        }
        Ok(())
    }

    fn act(&self, case: &Case, client: Program, server: Program) -> Result<Seen, String> {
        let (home, there) = (self.client(), self.server(server));
        let told = |error: std::io::Error| error.to_string();
        remove(&home).map_err(told)?;
        reset(&there.dir, &self.www).map_err(told)?;
        furnish(&home);
        let logged = there.log(0).len();
        let mut command = Command::new("/bin/sh");
        clean(&mut command);
        command.arg("-c").arg(format!("{PRELUDE}\n{}", case.script)).current_dir(&home);
        command.env("R", client.path()).env("SERVER", &there.dir).env("PORT", there.port.to_string());
        command.env("DEAD", self.dead.to_string()).env("HOME", &home);
        let outcome = run(&mut command, Duration::from_secs(60));
        let mask = |text: &[u8], order| {
            let port = there.port;
            let program = client.path().display().to_string();
            let mask = Mask { program, word: server.word(), ports: [port, self.dead, port, port], loose: false };
            let mut lines = mask.apply(text, order);
            lines.retain(|line| !CHANCE.iter().any(|end| line.ends_with(end)));
            let (at, base) = (home.display().to_string(), self.scratch.path().join("daemon").display().to_string());
            lines.iter().map(|line| line.replace(&at, "CLIENT").replace(&base, "SERVER")).collect::<Vec<_>>()
        };
        let texts = [
            mask(&outcome.stdout, Order::Lanes),
            mask(&outcome.stderr, Order::Any),
            mask(&there.log(logged), Order::Any),
        ];
        let keep = |name: &str, path: PathBuf| {
            let aside = self.scratch.path().join(format!("{name}-{}-{}", client.word(), server.word()));
            remove(&aside).and_then(|()| fs::rename(path, &aside)).map_err(told)?;
            self.snapshot(aside)
        };
        let trees = [keep("client", home.clone())?, keep("backup", there.dir.join("backup"))?];
        Ok(Seen { outcome, texts, trees })
    }

    /// The tree with the times of what was just written taken out.
    fn snapshot(&self, root: PathBuf) -> Result<Snapshot, String> {
        let mut tree = Snapshot::take(&root).map_err(|error| format!("{}: {error}", root.display()))?;
        for entry in tree.entries.values_mut().filter(|entry| entry.mtime.0 + 1 >= self.start) {
            entry.mtime = (i64::MAX, 0);
        }
        Ok(tree)
    }
}

/// The model's code and texts are those that the case names.
fn require(case: &Case, model: &Seen) -> Result<(), String> {
    let [stdout, stderr, log] = &model.texts;
    let printed = |line: &&&str| stdout.iter().chain(stderr).any(|have| have == **line);
    let logged = |line: &&&str| log.iter().any(|have| have.strip_prefix("DATE [PID] ") == Some(**line));
    if let Some(line) = case.says.iter().find(|line| !printed(line)) {
        return Err(format!("  stock does not print {line:?}:\n{}", model.outcome));
    }
    if let Some(line) = case.logs.iter().find(|line| !logged(line)) {
        return Err(format!("  stock does not log {line:?}: {log:#?}\n"));
    }
    if model.outcome.code == case.code { Ok(()) } else { Err(format!("  stock ends otherwise:\n{}", model.outcome)) }
}

/// The client's directory: a tree with other owners, and password files good and bad.
fn furnish(home: &std::path::Path) {
    let mut m = Maker::new(home);
    m.dir("src");
    m.file_with("src/hosts", b"127.0.0.1 localhost\n", 0o640, USUAL);
    m.file_with("src/run", b"#!/bin/sh\n", 0o4755, USUAL);
    m.owner("src/run", 7, 8);
    // Changing the owner took the bit away.
    fs::set_permissions(m.path("src/run"), Permissions::from_mode(0o4755)).expect("chmod");
    m.symlink("src/link", "hosts");
    m.dir("src/sub");
    m.dir_with("src/sub/deep", 0o700, USUAL);
    m.file("src/sub/deep/file", &b"backup ".repeat(8));
    m.dir("src/sub/empty");
    let password = SECRET.split_once(':').expect("user and password").1.as_bytes();
    for (name, text, mode) in [
        ("rsync.password", password, 0o600),
        ("wrong.password", b"654321\n", 0o600),
        ("shown.password", password, 0o644),
        ("foreign.password", password, 0o600),
    ] {
        m.file_with(name, text, mode, USUAL);
    }
    chown(m.path("foreign.password"), Some(65_534), Some(65_534)).expect("chown");
    m.finish();
}

#[test]
fn the_guides_hold() -> Result<(), String> {
    if !privileged() {
        let _ = writeln!(stderr(), "guide: needs root to make the user www, and is skipped");
        return Ok(());
    }
    let stage = Stage::new()?;
    let all: Vec<&Case> = cases::all().collect();
    // The modules are the same for all cases: one at a time.
    let turn = Mutex::new(());
    pool::run(
        "guide",
        &all,
        |case| case.name.to_owned(),
        |case| {
            let _turn = turn.lock().unwrap_or_else(|broken| broken.into_inner());
            stage.check(case)
        },
    );
    Ok(())
}
