//! Ends one process of a transfer with SIGKILL at a random moment, two hundred times. Whatever dies, and whenever: each
//! destination file is its old self or its whole new self, and the next run completes.
//!
//! `SYNCLINE_KILLS` sets how many transfers there are.

mod support;

use std::env;
use std::fs;
use std::io::{Write, stderr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use support::compare::{Grain, Snapshot};
use support::daemon::Daemon;
use support::maker::{Maker, Time};
use support::process::{run, shown};
use support::programs::Program::{self, Ours, Stock};
use support::random::Random;
use support::scratch::{Scratch, remove};
use support::shell;

const OLD: Time = (1_600_000_000, 0);
const NEW: Time = (1_650_000_000, 0);

/// How a transfer goes.
#[derive(Clone, Copy, Debug)]
enum Via {
    Local,
    PushShell,
    PullShell,
    PushDaemon,
    PullDaemon,
}

const VIAS: [Via; 5] = [Via::Local, Via::PushShell, Via::PullShell, Via::PushDaemon, Via::PullDaemon];
const PAIRS: [(Program, Program); 3] = [(Ours, Ours), (Ours, Stock), (Stock, Ours)];

/// The trees, the daemons and the remote shell.
struct Stage {
    scratch: Scratch,
    daemons: [(Program, Result<Daemon, String>); 2],
    rsh: PathBuf,
    old: Snapshot,
    new: Snapshot,
}

impl Stage {
    fn new() -> Self {
        let scratch = Scratch::new("kill");
        let base = scratch.path();
        let (old, new) = (base.join("old"), base.join("new"));
        build(&old, false);
        build(&new, true);
        let modules = format!("[base]\npath = {}\n", base.display());
        let daemons = [Ours, Stock].map(|program| {
            (program, Daemon::start(program, &base.join(format!("daemon-{}", program.word())), &modules))
        });
        let look = |root: &Path| Snapshot::take(root).expect("looking at a tree just built");
        let (old, new, rsh) = (look(&old), look(&new), shell::install(base));
        Self { scratch, daemons, rsh, old, new }
    }

    fn daemon(&self, program: Program) -> Result<&Daemon, String> {
        let (_, daemon) = self.daemons.iter().find(|(started, _)| *started == program).expect("there is one for each");
        daemon.as_ref().map_err(Clone::clone)
    }

    fn to(&self) -> PathBuf {
        self.scratch.path().join("dst")
    }

    fn command(&self, via: Via, (client, server): (Program, Program), delta: bool) -> Result<Command, String> {
        let (from, to) = (format!("{}/new/", self.scratch.path().display()), format!("{}/", self.to().display()));
        let mut command = client.command();
        // If one of stock's two receiving processes is killed, the other may wait for it and keep the connection open: neither
        // end can know, and without a timeout both wait for ever.
        command.args(["-a", "--delete", "--timeout=8", if delta { "--no-whole-file" } else { "--whole-file" }]);
        if matches!(via, Via::PushShell | Via::PullShell) {
            command.arg("-e").arg(&self.rsh).arg(format!("--rsync-path={}", server.path().display()));
        }
        match via {
            Via::Local => command.args([from, to]),
            Via::PushShell => command.args([from, format!("host:{to}")]),
            Via::PullShell => command.args([format!("host:{from}"), to]),
            Via::PushDaemon => command.args([from, self.daemon(server)?.url("base/dst/")]),
            Via::PullDaemon => command.args([self.daemon(server)?.url("base/new/"), to]),
        };
        Ok(command)
    }

    /// Puts the old tree at the destination.
    fn reset(&self) {
        remove(&self.to()).expect("removing the destination");
        build(&self.to(), false);
    }

    /// One transfer of which one process dies. Whether it died before the end of the transfer.
    fn strike(&self, turn: usize, random: &mut Random, usual: Duration) -> Result<bool, String> {
        let (via, pair) = (VIAS[turn % VIAS.len()], PAIRS[turn / VIAS.len() % PAIRS.len()]);
        let mut command = self.command(via, pair, random.below(2) == 0)?;
        let line = shown(&command);
        self.reset();
        let daemon = match via {
            Via::PushDaemon | Via::PullDaemon => Some(self.daemon(pair.1)?.pid()),
            _ => None,
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{line}: {error}"))?;
        thread::sleep(usual.mul_f64(random.below(1000) as f64 / 1000.0));
        let mut victims = descendants(child.id());
        victims.push(child.id());
        victims.extend(daemon.into_iter().flat_map(descendants));
        let victim = victims[random.below(victims.len())];
        // A process that has not been waited for keeps its number, so this can hit nobody else but a child of ours.
        let _ = Pid::from_raw(victim as i32).map(|pid| kill_process(pid, Signal::KILL));
        let status = child.wait().map_err(|error| error.to_string())?;
        quiet(&victims)?;
        let interrupted = !status.success();
        self.whole().map_err(|damage| format!("after the kill of {victim} of {victims:?} in {line}:\n{damage}"))?;
        let outcome = run(&mut self.command(via, pair, true)?, Duration::from_secs(60));
        if !outcome.success() {
            return Err(format!("the run after the kill fails:\n{outcome}"));
        }
        let have = Snapshot::take(&self.to()).map_err(|error| error.to_string())?;
        let differences = self.new.differences(&have, Grain::Nanoseconds);
        if differences.is_empty() {
            Ok(interrupted)
        } else {
            Err(format!("the run after the kill left:\n{differences:?}\n{outcome}"))
        }
    }

    /// Whether each file of the destination has its old or its new contents, and nothing is there but files of either tree and
    /// temporary files, which have names of their own.
    fn whole(&self) -> Result<(), String> {
        let have = Snapshot::take(&self.to()).map_err(|error| error.to_string())?;
        for (path, entry) in &have.entries {
            if entry.mode & 0o170_000 != 0o100_000 || is_temporary(path) {
                continue;
            }
            let now = fs::read(self.to().join(path)).map_err(|error| format!("{path:?}: {error}"))?;
            let is = |tree: &Snapshot, name: &str| {
                tree.entries.contains_key(path)
                    && fs::read(self.scratch.path().join(name).join(path)).is_ok_and(|bytes| bytes == now)
            };
            if !is(&self.old, "old") && !is(&self.new, "new") {
                return Err(format!("{path:?} is neither old nor new: {} bytes", now.len()));
            }
        }
        // What is in both trees is never gone, not even for a moment.
        let both = self.old.entries.keys().filter(|path| self.new.entries.contains_key(*path));
        let gone: Vec<_> = both.filter(|path| !have.entries.contains_key(*path)).collect();
        if gone.is_empty() { Ok(()) } else { Err(format!("gone: {gone:?}")) }
    }
}

/// `.NAME.XXXXXX`, as all of stock rsync's temporary files are called.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with('.') && name.rsplit('.').next().is_some_and(|end| end.len() == 6)
}

/// Files large enough that a kill hits the middle of one, and many small ones.
fn build(root: &Path, new: bool) {
    let time = if new { NEW } else { OLD };
    let mut m = Maker::new(root);
    m.dir("large");
    for index in 0..4 {
        let mut bytes = Random(index).bytes(3 << 20);
        if new {
            bytes.splice(1 << 20..1 << 20, *b"inserted");
            bytes[2 << 20..(2 << 20) + 300_000].fill(7);
        }
        m.file_with(format!("large/{index}"), &bytes, 0o644, time);
    }
    m.dir("small");
    for index in 0..200 {
        let text = format!("{} contents of file {index}", if new { "new" } else { "old" }).repeat(1 + index % 20);
        m.file_with(format!("small/{index}"), text.as_bytes(), 0o644, time);
    }
    let (dir, file) = if new { ("only-new", "only-new/file") } else { ("only-old", "only-old/file") };
    m.dir(dir);
    m.file(file, b"x");
    m.finish();
}

/// All children of a process, and theirs.
fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut pending = vec![of];
    while let Some(pid) = pending.pop() {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let children: Vec<u32> = children.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        found.extend(&children);
        pending.extend(children);
    }
    found
}

/// Waits until none of these processes is left, so that nobody writes any more.
fn quiet(pids: &[u32]) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let alive = |pid: &&u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
    };
    while let Some(pid) = pids.iter().find(alive) {
        if Instant::now() > deadline {
            return Err(format!("process {pid} is still there, 20 s after the other side was killed"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

#[test]
fn a_kill_leaves_old_or_new() {
    let turns: usize = env::var("SYNCLINE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let stage = Stage::new();
    // How long a transfer takes when nobody dies, for each way.
    let usual = VIAS.map(|via| {
        stage.reset();
        let start = Instant::now();
        let mut command = stage.command(via, (Ours, Ours), true).unwrap_or_else(|report| panic!("{report}"));
        let outcome = run(&mut command, Duration::from_secs(60));
        assert!(outcome.success(), "{via:?} fails even when nobody dies:\n{outcome}");
        start.elapsed()
    });
    let mut random = Random(0x5eed);
    let mut interrupted = 0;
    for turn in 0..turns {
        match stage.strike(turn, &mut random, usual[turn % VIAS.len()]) {
            Ok(hit) => interrupted += usize::from(hit),
            Err(report) => panic!("transfer {turn}: {report}"),
        }
    }
    let _ = writeln!(stderr(), "kill: {turns} transfers, {interrupted} of them interrupted, no file damaged");
    assert!(
        interrupted * 3 > turns,
        "only {interrupted} of {turns} transfers were interrupted: the kills come too late"
    );
}
