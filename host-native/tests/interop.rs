//! The interop matrix: our program against itself and against stock rsync, in either place, over every transport, protocol
//! and codec, with and without incremental recursion. Each cell copies a tree that has all that trees can have, copies it
//! again, copies a changed version of it, and one with much deleted; after each copy both the comparer and stock rsync must
//! find the two sides equal.
//!
//! The peer is stock rsync 3.5.0, and again 3.2.7, which is what many machines still run.
//!
//! `SYNCLINE_CELL="ours>stock pull daemon p31 zstd inc"` runs only the cells whose names have all of these words.

mod support;

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use support::compare::{Grain, Snapshot, check_equal};
use support::daemon::Daemon;
use support::process::{Outcome, run};
use support::programs::Program::{self, Older, Ours, Stock};
use support::programs::privileged;
use support::scratch::{Scratch, remove};
use support::tree::{SPARSE_LEN, Size, Version, build};
use support::{pool, shell};

const CODECS: [Option<&str>; 5] = [None, Some("zstd"), Some("lz4"), Some("zlibx"), Some("zlib")];
const PROTOCOLS: [u32; 3] = [30, 31, 32];
const ORDINARY: Size = Size { large: 3 << 20, small: 300 };
const LARGE: Size = Size { large: 100 << 20, small: 10_000 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Via {
    Local { whole: bool },
    Push(Wire),
    Pull(Wire),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wire {
    Shell,
    Daemon,
}

/// One combination.
#[derive(Clone, Copy, Debug)]
struct Cell {
    client: Program,
    server: Program,
    via: Via,
    protocol: u32,
    codec: Option<&'static str>,
    incremental: bool,
    sparse: bool,
}

impl Cell {
    fn name(&self) -> String {
        let via = match self.via {
            Via::Local { whole: true } => "local whole",
            Via::Local { whole: false } => "local delta",
            Via::Push(Wire::Shell) => "push shell",
            Via::Push(Wire::Daemon) => "push daemon",
            Via::Pull(Wire::Shell) => "pull shell",
            Via::Pull(Wire::Daemon) => "pull daemon",
        };
        let (pair, codec) = (format!("{}>{}", self.client.word(), self.server.word()), self.codec.unwrap_or("plain"));
        let recursion = if self.incremental { "inc" } else { "no-inc" };
        format!("{pair} {via} p{} {codec} {recursion}{}", self.protocol, if self.sparse { " sparse" } else { "" })
    }

    /// Whether the receiver is a daemon without a chroot, which stores links so that they can not lead out of the module. As
    /// root, half of the pushes to a daemon go to a module with a chroot, where links stay as they are.
    fn sanitises(&self) -> bool {
        self.via == Via::Push(Wire::Daemon) && !(privileged() && self.incremental)
    }

    fn grain(&self) -> Grain {
        if self.protocol < 31 { Grain::Seconds } else { Grain::Nanoseconds }
    }
}

/// The three versions of a tree, and what is true of them.
struct Sources {
    scratch: Scratch,
    snapshots: Vec<Snapshot>,
    size: Size,
}

const VERSIONS: [Version; 3] = [Version::First, Version::Changed, Version::Shrunk];

impl Sources {
    fn new(size: Size) -> Self {
        let scratch = Scratch::new("source");
        let snapshots = VERSIONS.map(|version| {
            let root = scratch.path().join(format!("{version:?}"));
            build(&root, version, size);
            Snapshot::take(&root).expect("looking at a tree just built")
        });
        Self { scratch, snapshots: snapshots.into(), size }
    }

    fn root(&self, version: Version) -> PathBuf {
        self.scratch.path().join(format!("{version:?}"))
    }
}

/// Links of the tree that lead out of it, and what becomes of them where `Cell::sanitises` holds.
const SANITISED: [(&str, &str); 3] =
    [("links/absolute", "no/such/absolute/path"), ("links/root", "."), ("links/up", "../")];

/// Where a group of cells works: its sources, its daemons, its remote shell.
struct Bench<'a> {
    sources: &'a Sources,
    scratch: Scratch,
    daemons: Vec<(Program, Result<Daemon, String>)>,
    rsh: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(label: &str, sources: &'a Sources, servers: &[Program]) -> Self {
        let scratch = Scratch::new(label);
        let rsh = shell::install(scratch.path());
        let (from, to) = (sources.scratch.path().display(), scratch.path().join("cells"));
        fs::create_dir(&to).expect("the cells' directory");
        let to = to.display();
        let modules = format!(
            "[from]\npath = {from}\nread only = yes\n[to]\npath = {to}\n[chroot]\npath = {to}\nuse chroot = yes\n"
        );
        let start = |&server: &Program| {
            let dir = scratch.path().join(format!("daemon-{}", server.word()));
            (server, Daemon::start(server, &dir, &modules))
        };
        let daemons = servers.iter().map(start).collect();
        Self { sources, scratch, daemons, rsh }
    }

    fn daemon(&self, program: Program) -> Result<&Daemon, String> {
        let (_, daemon) =
            self.daemons.iter().find(|(server, _)| *server == program).expect("the group starts this daemon");
        daemon.as_ref().map_err(Clone::clone)
    }

    /// All four phases of a cell.
    fn check(&self, cell: &Cell) -> Result<(), String> {
        let dir = cell.name().replace(['>', ' '], "-");
        let home = self.scratch.path().join("cells").join(&dir);
        fs::create_dir(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        let result = self.phases(cell, &dir, &home.join("dst"));
        if result.is_ok() {
            remove(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        }
        result
    }

    fn phases(&self, cell: &Cell, dir: &str, to: &Path) -> Result<(), String> {
        let go = |phase: &str, version: Version, extra: &[&str]| {
            let mut command = self.command(cell, dir, version)?;
            let outcome = run(command.args(extra), Duration::from_secs(180));
            let told = if outcome.success() { self.equal(cell, version, to) } else { Err(String::new()) };
            told.map_err(|differences| format!("  in phase {phase:?}:\n{outcome}{differences}")).map(|()| outcome)
        };
        let first = go("first copy", Version::First, &[])?;
        require(!first.stdout.is_empty(), &first, "the first copy is itemised")?;
        if cell.sparse {
            self.holes(to).map_err(|text| format!("  in phase \"first copy\":\n{first}  {text}\n"))?;
        }
        let again = go("no-op", Version::First, &[])?;
        require(again.stdout.is_empty(), &again, "nothing is itemised when nothing has changed")?;
        let changed = go("changed", Version::Changed, &["--force", "--stats"])?;
        if cell.via != (Via::Local { whole: true }) {
            let literal = stat(&changed.stdout, "Literal data: ");
            let limit = self.sources.size.large as u64 / 3 + 700_000;
            require(literal.is_some_and(|n| n > 0 && n < limit), &changed, "most data is matched, not sent")?;
        }
        let shrunk = go("deleted", Version::Shrunk, &["--delete"])?;
        let deletions = shrunk.stdout.split(|b| *b == b'\n').filter(|line| line.starts_with(b"*deleting")).count();
        require(deletions > 10, &shrunk, "deletions are itemised")
    }

    /// The transfer of `version` to the cell's destination.
    fn command(&self, cell: &Cell, dir: &str, version: Version) -> Result<Command, String> {
        let mut command = cell.client.command();
        command.args(["-aHAXi", &format!("--protocol={}", cell.protocol)]);
        command.arg(if cell.incremental { "--inc-recursive" } else { "--no-inc-recursive" });
        if let Some(codec) = cell.codec {
            command.args(["-z", &format!("--compress-choice={codec}")]);
        }
        if cell.sparse {
            command.arg("-S");
        }
        let from = format!("{}/", self.sources.root(version).display());
        let to = format!("{}/cells/{dir}/dst/", self.scratch.path().display());
        let daemon = || self.daemon(cell.server);
        match cell.via {
            Via::Push(Wire::Shell) | Via::Pull(Wire::Shell) => {
                command.arg("-e").arg(&self.rsh).arg(format!("--rsync-path={}", cell.server.path().display()));
            }
            Via::Local { whole } => {
                command.arg(if whole { "--whole-file" } else { "--no-whole-file" });
            }
            Via::Push(Wire::Daemon) | Via::Pull(Wire::Daemon) => {}
        }
        match cell.via {
            Via::Local { .. } => command.args([from, to]),
            Via::Push(Wire::Shell) => command.args([from, format!("host:{to}")]),
            Via::Pull(Wire::Shell) => command.args([format!("host:{from}"), to]),
            Via::Push(Wire::Daemon) => command
                .args([from, daemon()?.url(&format!("{}/{dir}/dst/", if cell.sanitises() { "to" } else { "chroot" }))]),
            Via::Pull(Wire::Daemon) => command.args([daemon()?.url(&format!("from/{version:?}/")), to]),
        };
        Ok(command)
    }

    /// Whether the destination equals the version, to the comparer and to stock rsync.
    fn equal(&self, cell: &Cell, version: Version, to: &Path) -> Result<(), String> {
        let want = &self.sources.snapshots[version as usize];
        let mut oracle = Stock.command();
        oracle.args(["-aHAXni", "--checksum"]);
        if cell.sanitises() {
            let mut want = want.clone();
            for (link, target) in SANITISED {
                want.entries.get_mut(Path::new(link)).expect("a link of the tree").target = target.into();
                oracle.arg(format!("--exclude=/{link}"));
            }
            check_equal(&want, to, cell.grain())?;
        } else {
            check_equal(want, to, cell.grain())?;
        }
        if cell.grain() == Grain::Nanoseconds {
            oracle.arg("--modify-window=-1");
        }
        if version == Version::Shrunk {
            oracle.arg("--delete");
        }
        oracle.arg(format!("{}/", self.sources.root(version).display())).arg(to);
        let outcome = run(&mut oracle, Duration::from_secs(180));
        require(outcome.success() && outcome.stdout.is_empty(), &outcome, "stock rsync finds nothing to do")
    }

    /// With `--sparse` the holes of the sparse file are holes again.
    fn holes(&self, to: &Path) -> Result<(), String> {
        let tree = Snapshot::take(&to.join("data")).map_err(|error| error.to_string())?;
        let disk = tree.entries.get(Path::new("sparse")).map_or(u64::MAX, |entry| entry.disk);
        if disk < SPARSE_LEN / 4 { Ok(()) } else { Err(format!("the sparse file takes {disk} bytes of the disk")) }
    }
}

fn require(truth: bool, outcome: &Outcome, what: &str) -> Result<(), String> {
    if truth { Ok(()) } else { Err(format!("  not so: {what}\n{outcome}")) }
}

/// A number out of the `--stats` table.
fn stat(stdout: &[u8], label: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(stdout);
    let value = text.lines().find_map(|line| line.strip_prefix(label))?;
    value.split(' ').next()?.replace(',', "").parse().ok()
}

/// The ordinary sources, built once for all groups that run at the same time, and removed by the last of them.
fn ordinary() -> Arc<Sources> {
    static SHARED: Mutex<Weak<Sources>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().expect("the shared sources");
    shared.upgrade().unwrap_or_else(|| {
        let sources = Arc::new(Sources::new(ORDINARY));
        *shared = Arc::downgrade(&sources);
        sources
    })
}

/// Every remote combination of a client with a server.
fn remote(client: Program, server: Program) -> Vec<Cell> {
    let mut cells = Vec::new();
    for via in [Wire::Shell, Wire::Daemon].into_iter().flat_map(|wire| [Via::Push(wire), Via::Pull(wire)]) {
        cells.extend(combinations(client, server, via));
    }
    cells
}

fn combinations(client: Program, server: Program, via: Via) -> Vec<Cell> {
    let mut cells = Vec::new();
    for protocol in PROTOCOLS {
        for codec in CODECS {
            for incremental in [true, false] {
                // Every second cell writes sparsely; over the table this meets every transport, protocol and codec.
                let sparse = cells.len() / 2 % 2 == usize::from(incremental);
                cells.push(Cell { client, server, via, protocol, codec, incremental, sparse });
            }
        }
    }
    cells
}

fn group(label: &str, client: Program, server: Program) {
    let sources = ordinary();
    let bench = Bench::new(label, &sources, &[server]);
    pool::run(label, &remote(client, server), Cell::name, |cell| bench.check(cell));
}

#[test]
fn ours_with_ours() {
    group("ours with ours", Ours, Ours);
}

#[test]
fn ours_with_stock() {
    group("ours with stock", Ours, Stock);
}

#[test]
fn stock_with_ours() {
    group("stock with ours", Stock, Ours);
}

#[test]
fn ours_with_older_stock() {
    if is_there(Older) {
        group("ours with older stock", Ours, Older);
    }
}

#[test]
fn older_stock_with_ours() {
    if is_there(Older) {
        group("older stock with ours", Older, Ours);
    }
}

/// `cargo xtask test` sees to it; a bare `cargo test` may come before that.
fn is_there(program: Program) -> bool {
    let found = program.path().exists();
    if !found {
        let _ = writeln!(stderr(), "interop: {} is missing, its cells are skipped", program.path().display());
    }
    found
}

#[test]
fn local() {
    let sources = ordinary();
    let bench = Bench::new("local", &sources, &[]);
    let cells: Vec<Cell> =
        [true, false].into_iter().flat_map(|whole| combinations(Ours, Ours, Via::Local { whole })).collect();
    pool::run("local", &cells, Cell::name, |cell| bench.check(cell));
}

/// The same phases over a tree with a file of 100 MiB and 10,000 small ones.
#[test]
fn large() {
    let sources = Sources::new(LARGE);
    let bench = Bench::new("large", &sources, &[Ours, Stock]);
    let cell = |client, server, via, protocol, codec, incremental| Cell {
        client,
        server,
        via,
        protocol,
        codec,
        incremental,
        sparse: false,
    };
    let cells = [
        cell(Ours, Ours, Via::Local { whole: true }, 32, None, true),
        cell(Ours, Ours, Via::Local { whole: false }, 32, None, true),
        cell(Ours, Ours, Via::Push(Wire::Shell), 32, Some("zstd"), true),
        cell(Ours, Stock, Via::Push(Wire::Daemon), 32, None, true),
        cell(Ours, Stock, Via::Pull(Wire::Shell), 31, Some("zlib"), false),
        cell(Stock, Ours, Via::Pull(Wire::Daemon), 32, Some("lz4"), true),
        cell(Stock, Ours, Via::Push(Wire::Shell), 30, Some("zlibx"), true),
    ];
    pool::run("large", &cells, Cell::name, |cell| bench.check(cell));
}
