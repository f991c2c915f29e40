//! `syncline-embed-bench [MIB] [DIR]`: how fast signatures, deltas and patches are, and how long deltas become.
//!
//! Each pair of files is taken through the program `syncline` (our format, and librsync's, with the sums that `rdiff` has by
//! default and with those of fast_rsync), through `rdiff`, through the module in wasmtime, and through the crate fast_rsync, with
//! blocks of one length for all. Programs are timed from start to end, the crate without reading and writing. They take turns, so
//! that what else goes on meets all of them, and every figure is the best of five. Files lie in memory (`/dev/shm`) unless told
//! otherwise. The last columns are the rates beside those of `rdiff`; for the module beside those of the program, and for the sums
//! of fast_rsync beside those of that crate.

mod sandbox;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::Sandbox;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 5;
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
    println!("{:<18} {:<20} {:>9} {:>9} {:>9} {:>12}", "", "", "signature", "delta", "patch", "delta bytes");
    for (name, make) in
        [("scattered edits", edits as fn(&[u8]) -> Vec<u8>), ("insertion", insertion), ("unrelated", unrelated)]
    {
        let old = random(1, len);
        fs::write(dir.join("old"), &old)?;
        fs::write(dir.join("new"), make(&old))?;
        drop(old);
        let mut best = [NONE; 6];
        let mut sandbox = Sandbox::load(MODULE)?;
        for _ in 0..RUNS {
            let figures = [
                programs(dir, "syncline")?,
                programs(dir, "librsync")?,
                programs(dir, "md4")?,
                programs(dir, "rdiff")?,
                inside(&mut sandbox, dir)?,
                fast(dir)?,
            ];
            for (best, now) in best.iter_mut().zip(figures) {
                *best = (std::array::from_fn(|at| best.0[at].min(now.0[at])), now.1);
            }
        }
        let [ours, librsync, md4, rdiff, module, fast] = best;
        report(name, "syncline", len, ours, rdiff);
        report(name, "syncline, librsync", len, librsync, rdiff);
        report(name, "same, as fast_rsync", len, md4, fast);
        report(name, "rdiff", len, rdiff, rdiff);
        report(name, "module in wasmtime", len, module, ours);
        report(name, "fast_rsync", len, fast, rdiff);
    }
    Ok(())
}

/// Times of signature, delta and patch, and the length of the delta.
type Figures = ([Duration; 3], u64);

/// Before the first run.
const NONE: Figures = ([Duration::MAX; 3], 0);

fn report(name: &str, who: &str, len: usize, (times, delta): Figures, (beside, _): Figures) {
    let rate = times.map(|time| format!("{:.0} MB/s", len as f64 / 1e6 / time.as_secs_f64()));
    let ratio: [f64; 3] = std::array::from_fn(|at| beside[at].as_secs_f64() / times[at].as_secs_f64());
    println!(
        "{name:<18} {who:<20} {:>9} {:>9} {:>9} {delta:>12} {:>6.2} {:>6.2} {:>6.2}",
        rate[0], rate[1], rate[2], ratio[0], ratio[1], ratio[2]
    );
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn programs(dir: &Path, kind: &str) -> Outcome<Figures> {
    let program = if kind == "rdiff" { PathBuf::from("rdiff") } else { fs::canonicalize(SYNCLINE)? };
    let run = |words: &[&str]| -> Outcome<()> {
        let status = Command::new(&program).args(words).current_dir(dir).status()?;
        if status.success() { Ok(()) } else { Err(format!("{} {words:?}: {status}", program.display()).into()) }
    };
    let block = format!("--block-size={BLOCK_BYTES}");
    let force: &[&str] = if kind == "rdiff" { &["-f", &block] } else { &[] };
    let sign: Vec<&str> = match kind {
        "rdiff" => vec!["-f", &block, "signature", "old", "sig"],
        "md4" => vec!["signature", "--format=librsync", "--hash=md4", "--rollsum=rollsum", &block, "old", "sig"],
        "librsync" => vec!["signature", "--format=librsync", &block, "old", "sig"],
        _ => vec!["signature", &block, "old", "sig"],
    };
    let with = |words: &[&'static str]| [force, words].concat();
    let times = [
        timed(|| run(&sign))?,
        timed(|| run(&with(&["delta", "sig", "new", "delta"])))?,
        timed(|| run(&with(&["patch", "old", "delta", "made"])))?,
    ];
    check(dir)?;
    Ok((times, fs::metadata(dir.join("delta"))?.len()))
}

fn inside(sandbox: &mut Sandbox, dir: &Path) -> Outcome<Figures> {
    let path = |name: &str| dir.join(name);
    let times = [
        timed(|| sandbox.sign(&path("old"), &path("sig"), BLOCK_BYTES))?,
        timed(|| sandbox.delta(&path("sig"), &path("new"), &path("delta")))?,
        timed(|| sandbox.patch(&path("old"), &path("delta"), &path("made")))?,
    ];
    check(dir)?;
    Ok((times, fs::metadata(dir.join("delta"))?.len()))
}

fn fast(dir: &Path) -> Outcome<Figures> {
    let (old, new) = (fs::read(dir.join("old"))?, fs::read(dir.join("new"))?);
    let options = fast_rsync::SignatureOptions { block_size: BLOCK_BYTES, crypto_hash_size: 16 };
    let signing = timed(|| {
        fast_rsync::Signature::calculate(&old, options);
        Ok(())
    })?;
    let signature = fast_rsync::Signature::calculate(&old, options);
    let mut delta = Vec::new();
    let searching = timed(|| {
        delta.clear();
        Ok(fast_rsync::diff(&signature.index(), &new, &mut delta)?)
    })?;
    let mut made = Vec::new();
    let patching = timed(|| {
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
