//! What the user sees: the same command lines run with stock rsync and with ours, in equal directories at the same path, and
//! must print the same texts, end with the same code and leave the same files.
//!
//! A row is a name, a function that fills the directory, and a line of shell. To add one, add it to a table in `rows`.
//! `SYNCLINE_CELL=word` runs only the rows with that word in their name; `SYNCLINE_OPEN=1` those of `rows/open.rs` instead of
//! the others.

mod coverage;
mod fake;
mod mask;
mod rows;
mod setup;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::io::{Write, stderr};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use mask::{Mask, Order};
use rows::open::OPEN;
use rows::{Judge, Row};
use support::compare::{Grain, Snapshot, report};
use support::daemon::{Daemon, free_port};
use support::maker::Maker;
use support::process::{Outcome, run};
use support::programs::Program::{self, Ours, Stock};
use support::programs::{clean, privileged};
use support::scratch::{Scratch, remove};
use support::{pool, shell};

/// What the lines of shell may use, beside the variables that `Stage::command` sets.
const PRELUDE: &str = r#"
umask 022
r() { "$R" "$@"; }
remote() { "$R" -e "$RSH" --rsync-path="$R" "$@"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$R" "$@"; }
show() { echo "[$?]"; }
"#;

/// Everything that outlives a row.
struct Stage {
    scratch: Scratch,
    daemons: [(Program, Result<Daemon, String>); 2],
    fake: fake::Servers,
    /// When the run began: what is younger was made by the programs.
    start: i64,
}

impl Stage {
    fn new() -> Self {
        let scratch = Scratch::new("cli");
        let base = scratch.path();
        fs::create_dir(base.join("rows")).expect("the rows' directory");
        let mut maker = Maker::new(&base.join("pub"));
        setup::published(&mut maker);
        maker.finish();
        for (name, text) in fake::SHELLS {
            shell::script(base, name, text);
        }
        shell::install(base);
        let modules = setup::modules(base);
        let daemons = [Stock, Ours].map(|program| {
            let dir = base.join(format!("daemon-{}", program.word()));
            (program, Daemon::start(program, &dir, &modules))
        });
        for (_, daemon) in &daemons {
            if let Err(report) = daemon {
                let _ = writeln!(stderr(), "{report}");
            }
        }
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
        Self { scratch, daemons, fake: fake::Servers::start(), start }
    }

    fn home(&self, row: &Row) -> PathBuf {
        self.scratch.path().join("rows").join(row.name.replace([' ', '/'], "-"))
    }

    /// Compares what both programs do. Lines of one process have an order; how those of several mix is chance, with stock as
    /// with ours.
    fn check(&self, row: &Row) -> Result<(), String> {
        let home = self.home(row);
        let (stock, stock_tree) = self.act(row, Stock, &home)?;
        let (ours, ours_tree) = self.act(row, Ours, &home)?;
        let mut wrong = String::new();
        let alike = stock.code == ours.code || [stock.code, ours.code].iter().all(|code| row.codes.contains(code));
        if stock.timed_out || ours.timed_out || !alike {
            wrong.push_str(&format!("  exit codes: stock {}, ours {}\n", stock.code, ours.code));
        }
        for (name, stock, ours, order) in [
            ("stdout", &stock.stdout, &ours.stdout, row.order()),
            // Several processes write to standard error, in any order.
            ("stderr", &stock.stderr, &ours.stderr, Order::Any),
        ] {
            let stock = self.mask(row, Stock).apply(stock, order);
            let ours = self.mask(row, Ours).apply(ours, order);
            if !same_text(row.judge, &stock, &ours) {
                wrong.push_str(&mask::contrast(name, &stock, &ours));
            }
        }
        let (want, have) = (self.snapshot(&stock_tree), self.snapshot(&ours_tree));
        if let Err(differences) = report(&want.differences(&have, Grain::Nanoseconds)) {
            wrong.push_str(&differences);
        }
        for tree in [stock_tree, ours_tree] {
            remove(&tree).map_err(|error| format!("{}: {error}", tree.display()))?;
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("  {}\n{wrong}", row.shown())) }
    }

    /// Runs the row with a program, and puts the directory aside.
    fn act(&self, row: &Row, program: Program, home: &Path) -> Result<(Outcome, PathBuf), String> {
        let mut maker = Maker::new(home);
        (row.setup)(&mut maker);
        maker.finish();
        if privileged() {
            chown(home, Some(65_534), Some(65_534)).map_err(|error| error.to_string())?;
        }
        let outcome = run(&mut self.command(row, program, home), Duration::from_secs(60));
        let aside = home.with_extension(program.word());
        fs::rename(home, &aside).map_err(|error| error.to_string())?;
        Ok((outcome, aside))
    }

    fn command(&self, row: &Row, program: Program, home: &Path) -> Command {
        let base = self.scratch.path();
        let mut command = Command::new("/bin/sh");
        clean(&mut command);
        command
            .arg("-c")
            .arg(format!("{PRELUDE}\n{}", row.script))
            .current_dir(home)
            .env("HOME", base)
            .env("BASE", base)
            .env("R", program.path())
            .env("RSH", base.join("rsh"))
            .env("PORT", self.port(program).to_string())
            .env("CONF", base.join(format!("daemon-{}/rsyncd.conf", program.word())))
            .env("DEAD", self.fake.dead.to_string())
            .env("GARBAGE", self.fake.garbage.to_string())
            .env("CLOSING", self.fake.closing.to_string())
            .env("ROW", home.file_name().expect("a row has a directory"));
        command
    }

    /// The port of a program's daemon; that of nobody if it did not start, so that only the rows that need it fail.
    fn port(&self, program: Program) -> u16 {
        let (_, daemon) = self.daemons.iter().find(|(started, _)| *started == program).expect("there is one for each");
        daemon.as_ref().map_or(self.fake.dead, |daemon| daemon.port)
    }

    fn mask(&self, row: &Row, program: Program) -> Mask {
        let ports = [self.port(program), self.fake.dead, self.fake.garbage, self.fake.closing];
        Mask {
            program: program.path().display().to_string(),
            word: program.word(),
            ports,
            loose: row.judge == Judge::Loose,
        }
    }

    /// The tree with the times of what was just written taken out.
    fn snapshot(&self, root: &Path) -> Snapshot {
        let mut tree = Snapshot::take(root).expect("looking at a row's directory");
        for entry in tree.entries.values_mut().filter(|entry| entry.mtime.0 + 1 >= self.start) {
            entry.mtime = (i64::MAX, 0);
        }
        tree
    }
}

fn same_text(judge: Judge, stock: &[String], ours: &[String]) -> bool {
    match judge {
        Judge::Exact | Judge::Loose => stock == ours,
        // Help texts are each program's own, but must be where stock's are.
        Judge::Presence => stock.is_empty() == ours.is_empty(),
    }
}

#[test]
fn texts_and_codes() {
    let stage = Stage::new();
    let all: Vec<Row> = rows::all();
    let names: BTreeSet<&str> = all.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), all.len(), "two rows have the same name");
    assert!(OPEN.iter().all(|open| names.contains(open)), "an open row doesn't exist");
    let (rows, skipped): (Vec<Row>, Vec<Row>) = all.into_iter().partition(|row| privileged() || !row.root);
    if !skipped.is_empty() {
        let _ = writeln!(stderr(), "cli: {} rows need root and are skipped", skipped.len());
    }
    let tries_open = env::var_os("SYNCLINE_OPEN").is_some();
    let rows: Vec<Row> = rows.into_iter().filter(|row| OPEN.contains(&row.name) == tries_open).collect();
    pool::run("cli", &rows, |row| row.name.to_owned(), |row| stage.check(row));
}

#[test]
fn every_option_has_a_row() {
    coverage::check(&rows::all());
}

/// The mask must leave alone what it is not meant for.
#[test]
fn the_mask_keeps_what_matters() {
    let mask = Mask { program: "/bin/r".into(), word: "ours", ports: [free_port(); 4], loose: false };
    let text = b"a.txt\nsent 12 bytes  received 3 bytes  30.00 bytes/sec\ntotal size is 5  speedup is 0.33\n\
        rsync error: some files (code 23) at main.c(1338) [sender=3.5.0]\n";
    let want = [
        "a.txt",
        "sent N bytes  received N bytes  N bytes/sec",
        "total size is 5  speedup is N",
        "rsync error: some files (code 23) at FILE(LINE) [sender=VERSION]",
    ];
    assert_eq!(mask.apply(text, Order::Kept), want);
}
