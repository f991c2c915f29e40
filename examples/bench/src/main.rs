//! `syncline-embed-bench [MIB] [DIR]`: how fast signatures, deltas and patches are, and how long deltas become.
//!
//! Each pair of files is taken through the program `syncline` (our format, and librsync's), through `rdiff`, through the module
//! in wasmtime, and through the crate fast_rsync, with blocks of one length for all. Programs are timed from start to end, the
//! crate without reading and writing. Every figure is the best of three. Files lie in memory (`/dev/shm`) unless told otherwise.

mod sandbox;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::Sandbox;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 3;
const BLOCK_BYTES: u32 = 16 * 1024;
const SYNCLINE: &str = "target/release/syncline";
const MODULE: &str = "target/embed/syncline-simd.wasm";

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let mib: usize = words.next().map_or(Ok(512), |word| word.parse())?;
    let dir = words.next().map_or_else(|| PathBuf::from("/dev/shm"), PathBuf::from).join("syncline-bench");
    fs::create_dir_all(&dir)?;
    let result = run(mib << 20, &dir);
    fs::remove_dir_all(&dir)?;
    result
}

fn run(len: usize, dir: &Path) -> Outcome<()> {
    println!("{:<18} {:<22} {:>9} {:>9} {:>9} {:>12}", "", "", "signature", "delta", "patch", "delta bytes");
    for (name, make) in
        [("scattered edits", edits as fn(&[u8]) -> Vec<u8>), ("insertion", insertion), ("unrelated", unrelated)]
    {
        let old = random(1, len);
        fs::write(dir.join("old"), &old)?;
        fs::write(dir.join("new"), make(&old))?;
        drop(old);
        report(name, "syncline", len, programs(dir, "syncline")?);
        report(name, "syncline, librsync", len, programs(dir, "librsync")?);
        report(name, "rdiff", len, programs(dir, "rdiff")?);
        report(name, "module in wasmtime", len, sandbox(dir)?);
        report(name, "fast_rsync", len, fast(dir)?);
    }
    Ok(())
}

/// Times of signature, delta and patch, and the length of the delta.
type Figures = ([Duration; 3], u64);

fn report(name: &str, who: &str, len: usize, (times, delta): Figures) {
    let rate = times.map(|time| format!("{:.0} MB/s", len as f64 / 1e6 / time.as_secs_f64()));
    println!("{name:<18} {who:<22} {:>9} {:>9} {:>9} {delta:>12}", rate[0], rate[1], rate[2]);
}

fn best(mut work: impl FnMut() -> Outcome<()>) -> Outcome<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn programs(dir: &Path, kind: &str) -> Outcome<Figures> {
    let program = if kind == "rdiff" { PathBuf::from("rdiff") } else { fs::canonicalize(SYNCLINE)? };
    let run = |words: &[&str]| -> Outcome<()> {
        let status = Command::new(&program).args(words).current_dir(dir).status()?;
        if status.success() { Ok(()) } else { Err(format!("{} {words:?}: {status}", program.display()).into()) }
    };
    let block = format!("--block-size={BLOCK_BYTES}");
    let force: &[&str] = if kind == "rdiff" { &["-f", &block] } else { &[] };
    let options = format!("--format={kind}");
    let sign: Vec<&str> = match kind {
        "rdiff" => vec!["-f", &block, "signature", "old", "sig"],
        _ => vec!["signature", &options, &block, "old", "sig"],
    };
    let with = |words: &[&'static str]| [force, words].concat();
    let times = [
        best(|| run(&sign))?,
        best(|| run(&with(&["delta", "sig", "new", "delta"])))?,
        best(|| run(&with(&["patch", "old", "delta", "made"])))?,
    ];
    check(dir)?;
    Ok((times, fs::metadata(dir.join("delta"))?.len()))
}

fn sandbox(dir: &Path) -> Outcome<Figures> {
    let mut sandbox = Sandbox::load(MODULE)?;
    let path = |name: &str| dir.join(name);
    let times = [
        best(|| sandbox.sign(&path("old"), &path("sig"), BLOCK_BYTES))?,
        best(|| sandbox.delta(&path("sig"), &path("new"), &path("delta")))?,
        best(|| sandbox.patch(&path("old"), &path("delta"), &path("made")))?,
    ];
    check(dir)?;
    Ok((times, fs::metadata(dir.join("delta"))?.len()))
}

fn fast(dir: &Path) -> Outcome<Figures> {
    let (old, new) = (fs::read(dir.join("old"))?, fs::read(dir.join("new"))?);
    let options = fast_rsync::SignatureOptions { block_size: BLOCK_BYTES, crypto_hash_size: 16 };
    let signing = best(|| {
        fast_rsync::Signature::calculate(&old, options);
        Ok(())
    })?;
    let signature = fast_rsync::Signature::calculate(&old, options);
    let mut delta = Vec::new();
    let searching = best(|| {
        delta.clear();
        Ok(fast_rsync::diff(&signature.index(), &new, &mut delta)?)
    })?;
    let mut made = Vec::new();
    let patching = best(|| {
        made.clear();
        Ok(fast_rsync::apply(&old, &delta, &mut made)?)
    })?;
    if made != new {
        return Err("fast_rsync made another file".into());
    }
    Ok(([signing, searching, patching], delta.len() as u64))
}

fn check(dir: &Path) -> Outcome<()> {
    let same = fs::read(dir.join("made"))? == fs::read(dir.join("new"))?;
    fs::remove_file(dir.join("made"))?;
    if same { Ok(()) } else { Err("another file was made".into()) }
}

/// Bytes that don't compress, the same in every run.
fn random(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A few bytes in every megabyte.
fn edits(old: &[u8]) -> Vec<u8> {
    let mut new = old.to_vec();
    new.iter_mut().skip(300_000).step_by(1 << 20).for_each(|byte| *byte ^= 0x55);
    new
}

/// Some bytes more near the front.
fn insertion(old: &[u8]) -> Vec<u8> {
    let (front, rest) = old.split_at(old.len() / 100);
    [front, &random(2, 1000), rest].concat()
}

fn unrelated(old: &[u8]) -> Vec<u8> {
    random(3, old.len())
}
