//! Time, CPU and memory of a process with all its descendants.
//!
//! Either program is several processes: rsync forks a receiver and starts a server, and Syncline may use threads. So CPU
//! is what the kernel counts for all children that were waited for (`getrusage(RUSAGE_CHILDREN)`), and this process
//! adopts orphans, lest one that its parent did not wait for be missed.
//!
//! Memory is the greatest sum, over samples 20 ms apart, of the proportional set sizes of all descendants. The resident
//! sizes would count a page twice that two forked processes share, which is unfair to rsync; the peak that the kernel
//! keeps for each process would add up peaks of different moments. Sampling walks page tables and holds up the process,
//! so it is done in runs whose time is not counted.

use crate::Outcome;
use std::fs;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub seconds: f64,
    /// User and system time of all processes.
    pub cpu: f64,
    /// 0 if it was not sampled.
    pub peak_mib: f64,
}

/// Lets processes that lost their parent become children of this one.
pub fn adopt_orphans() -> Outcome<()> {
    // SAFETY: this option takes a number and touches no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(format!("prctl: {}", std::io::Error::last_os_error())) }
}

/// Runs a command to its end. A daemon that serves it comes with the CPU time from before it was started; it is stopped
/// afterwards.
pub fn measure(command: &mut Command, daemon: Option<(Child, f64)>, memory: bool) -> Outcome<Sample> {
    let program = command.get_program().to_string_lossy().into_owned();
    let before = daemon.as_ref().map_or_else(children_cpu, |(_, before)| *before);
    let done = AtomicBool::new(false);
    let (waited, seconds, peak_kib) = std::thread::scope(|scope| {
        let sampler = memory.then(|| scope.spawn(|| sample(&done)));
        let start = Instant::now();
        let waited = command.spawn().and_then(|mut child| child.wait());
        let seconds = start.elapsed().as_secs_f64();
        done.store(true, Ordering::Release);
        let peak_kib = sampler.and_then(|thread| thread.join().ok()).unwrap_or_default();
        (waited, seconds, peak_kib)
    });
    if let Some((mut child, _)) = daemon {
        stop(&mut child)?;
    }
    reap()?;
    let status = waited.map_err(|error| format!("{program}: {error}"))?;
    if !status.success() {
        return Err(format!("{program}: {status}"));
    }
    Ok(Sample { seconds, cpu: children_cpu() - before, peak_mib: peak_kib as f64 / 1024.0 })
}

/// CPU seconds of all children that ended so far, and of theirs.
pub fn children_cpu() -> f64 {
    // SAFETY: all-zero is a valid `rusage`, and the call writes no more than one.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Ends a daemon the way an administrator would.
pub fn stop(child: &mut Child) -> Outcome<()> {
    let pid = libc::pid_t::try_from(child.id()).map_err(|_| "a pid out of range")?;
    // SAFETY: signals a child that has not been waited for, so the number is still its own.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    child.wait().map(|_| ()).map_err(|error| format!("waiting for the daemon: {error}"))
}

/// Waits for adopted processes, which are about to end: the programs that started them have ended.
fn reap() -> Outcome<()> {
    let start = Instant::now();
    loop {
        // SAFETY: a null status is allowed.
        match unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } {
            0 if start.elapsed() > Duration::from_secs(10) => return Err("a process was left running".to_string()),
            0 => std::thread::sleep(Duration::from_millis(1)),
            pid if pid > 0 => {}
            _ => return Ok(()),
        }
    }
}

/// The peak in KiB until `done`.
fn sample(done: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !done.load(Ordering::Acquire) {
        peak = peak.max(descendants("self").iter().map(|pid| pss(pid)).sum());
        std::thread::sleep(SAMPLE_EVERY);
    }
    peak
}

/// All processes below one. Any of them may end meanwhile: what cannot be read any more is left out.
fn descendants(pid: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return found };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            found.push(child.to_string());
            found.extend(descendants(child));
        }
    }
    found
}

fn pss(pid: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
