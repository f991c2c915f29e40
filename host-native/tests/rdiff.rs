//! `syncline signature`, `delta` and `patch` beside librsync's program `rdiff`: each reads what the other writes, on generated
//! pairs of an old and a new file; and what the subcommands do beyond it.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::programs::Program;
use support::random::Random;
use support::scratch::Scratch;

const PAIRS: u64 = 50;

fn ours(dir: &Path, words: &[&str]) -> Output {
    Command::new(Program::Ours.path())
        .args(words)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("syncline runs")
}

fn rdiff(dir: &Path, words: &[&str]) {
    let output = Command::new("rdiff").arg("-f").args(words).current_dir(dir).output();
    let output = output.expect("rdiff runs; on Debian: apt-get install rdiff");
    assert!(output.status.success(), "rdiff {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn well(dir: &Path, words: &[&str]) {
    let output = ours(dir, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn error(dir: &Path, words: &[&str]) -> (i32, String) {
    let output = ours(dir, words);
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
}

/// An old and a new file. Every pair is of another kind: sizes from nothing to a few hundred KB, random bytes, text and runs,
/// edits, insertions, deletions, moves, and files that have nothing in common.
fn pair(number: u64) -> (Vec<u8>, Vec<u8>) {
    let mut random = Random(number + 1);
    let len = match number % 7 {
        0 => random.below(40),
        1 => random.below(3_000),
        _ => random.below(300_000),
    };
    let old = match number % 4 {
        0 => random.text(len),
        1 if number.is_multiple_of(3) => vec![0; len],
        _ => random.bytes(len),
    };
    let mut new = old.clone();
    for _ in 0..number % 9 {
        let at = random.below(new.len() + 1);
        match random.below(5) {
            0 => drop(new.splice(at..at, random.clone().bytes(random.clone().below(5_000)))),
            1 => drop(new.drain(at..(at + random.below(9_000)).min(new.len()))),
            2 => new.rotate_left(at),
            3 => new.truncate(at),
            _ => new.iter_mut().skip(at).step_by(40_000).for_each(|byte| *byte ^= 0x55),
        }
        random.next();
    }
    if number % 13 == 12 {
        new = random.bytes(len);
    }
    (old, new)
}

#[test]
fn each_reads_what_the_other_writes() {
    let scratch = Scratch::new("rdiff");
    let dir = scratch.path();
    let (mut our_bytes, mut their_bytes) = (0, 0);
    for number in 0..PAIRS {
        let (old, new) = pair(number);
        fs::write(dir.join("old"), &old).unwrap();
        fs::write(dir.join("new"), &new).unwrap();
        let hash = ["--hash=blake2", "--hash=md4"][(number % 2) as usize];
        let rollsum = ["--rollsum=rabinkarp", "--rollsum=rollsum"][(number / 2 % 2) as usize];
        let block = format!("--block-size={}", [512, 700, 2048, 33, 1000][(number % 5) as usize]);
        let sum = format!("--sum-size={}", [8, 16, 12][(number % 3) as usize]);
        well(dir, &["signature", "--format=librsync", hash, rollsum, &block, &sum, "old", "ours.sig"]);
        rdiff(dir, &[hash, rollsum, &block, &sum, "signature", "old", "theirs.sig"]);
        let (signature, theirs) = (fs::read(dir.join("ours.sig")).unwrap(), fs::read(dir.join("theirs.sig")).unwrap());
        assert!(signature == theirs, "pair {number}: the signatures differ ({hash} {rollsum} {block} {sum})");

        well(dir, &["delta", "theirs.sig", "new", "ours.delta"]);
        rdiff(dir, &["delta", "ours.sig", "new", "theirs.delta"]);
        our_bytes += fs::metadata(dir.join("ours.delta")).unwrap().len();
        their_bytes += fs::metadata(dir.join("theirs.delta")).unwrap().len();
        for delta in ["ours.delta", "theirs.delta"] {
            rdiff(dir, &["patch", "old", delta, "by-them"]);
            well(dir, &["patch", "old", delta, "by-us"]);
            assert!(fs::read(dir.join("by-them")).unwrap() == new, "pair {number}: rdiff patch with {delta}");
            assert!(fs::read(dir.join("by-us")).unwrap() == new, "pair {number}: syncline patch with {delta}");
        }
        // What rdiff writes unasked.
        rdiff(dir, &["signature", "old", "theirs.sig"]);
        well(dir, &["delta", "theirs.sig", "new", "ours.delta"]);
        rdiff(dir, &["patch", "old", "ours.delta", "by-them"]);
        assert!(fs::read(dir.join("by-them")).unwrap() == new, "pair {number}: rdiff's own defaults");
    }
    println!("deltas of {PAIRS} pairs: {our_bytes} bytes, rdiff's {their_bytes}");
    assert!(our_bytes <= their_bytes, "our deltas are larger: {our_bytes}, rdiff's {their_bytes}");
}

/// Long enough for several threads, for a literal that is let go of, and for windows that move on.
#[test]
fn long_files_are_as_rdiffs() {
    let scratch = Scratch::new("rdiff-long");
    let dir = scratch.path();
    let (old, other) = (Random(1).bytes(9_000_001), Random(2).bytes(5_000_000));
    let new = [&old[..3_000_000], &other, &old[2_000_000..]].concat();
    fs::write(dir.join("old"), &old).unwrap();
    fs::write(dir.join("new"), &new).unwrap();
    fs::write(dir.join("other"), &other).unwrap();
    for words in [["--hash=md4", "--rollsum=rollsum", "-b1000"], ["--hash=blake2", "--rollsum=rabinkarp", "-b16384"]] {
        well(dir, &[&["signature", "--format=librsync"], &words[..], &["old", "ours.sig"]].concat());
        rdiff(dir, &[&words[..], &["signature", "old", "theirs.sig"]].concat());
        assert!(fs::read(dir.join("ours.sig")).unwrap() == fs::read(dir.join("theirs.sig")).unwrap(), "{words:?}");
        for file in ["new", "other"] {
            well(dir, &["delta", "ours.sig", file, "ours.delta"]);
            let len = |name: &str| fs::metadata(dir.join(name)).unwrap().len();
            rdiff(dir, &["delta", "ours.sig", file, "theirs.delta"]);
            assert!(len("ours.delta") <= len("theirs.delta"), "{words:?} {file}");
            rdiff(dir, &["patch", "old", "ours.delta", "by-them"]);
            well(dir, &["patch", "old", "theirs.delta", "by-us"]);
            for made in ["by-them", "by-us"] {
                assert!(
                    fs::read(dir.join(made)).unwrap() == fs::read(dir.join(file)).unwrap(),
                    "{words:?} {file} {made}"
                );
            }
        }
        // All of it is new, and that is one command: the magic, five bytes for the length, the end.
        assert_eq!(fs::metadata(dir.join("ours.delta")).unwrap().len(), 5_000_000 + 10);
    }
    // To a pipe, where nothing can be put in later, a few bytes more.
    let line = r#""$1" delta ours.sig other | cat >piped"#;
    let status = Command::new("sh").args(["-ec", line, "sh"]).arg(Program::Ours.path()).current_dir(dir).status();
    assert!(status.unwrap().success());
    assert_eq!(fs::metadata(dir.join("piped")).unwrap().len(), 5_000_000 + 5 + 5 * 5);
    well(dir, &["patch", "old", "piped", "by-us"]);
    assert!(fs::read(dir.join("by-us")).unwrap() == other);
    // In our own format there is a digest of both files beside it.
    well(dir, &["signature", "old", "sig"]);
    well(dir, &["delta", "sig", "other", "delta"]);
    assert_eq!(fs::metadata(dir.join("delta")).unwrap().len(), 5_000_000 + 32 + 5 + 33);
    well(dir, &["patch", "old", "delta", "by-us"]);
    assert!(fs::read(dir.join("by-us")).unwrap() == other);
}

#[test]
fn our_own_format_there_and_back() {
    let scratch = Scratch::new("own");
    let dir = scratch.path();
    for number in 0..PAIRS {
        let (old, new) = pair(number);
        fs::write(dir.join("old"), &old).unwrap();
        fs::write(dir.join("new"), &new).unwrap();
        let hash = ["xxh128", "xxh3", "xxh64", "md5", "md4", "sha1", "blake2"][(number % 7) as usize];
        well(dir, &["signature", "-H", hash, "old", "sig"]);
        well(dir, &["delta", "sig", "new", "delta"]);
        well(dir, &["patch", "old", "delta", "out"]);
        assert!(fs::read(dir.join("out")).unwrap() == new, "pair {number}, {hash}");
    }
}

#[test]
fn streams_and_errors() {
    let scratch = Scratch::new("streams");
    let dir = scratch.path();
    fs::write(dir.join("old"), Random(1).bytes(90_000)).unwrap();
    let new = [&fs::read(dir.join("old")).unwrap()[..50_000], b"something else"].concat();
    fs::write(dir.join("new"), &new).unwrap();
    // Each of the three reads standard input and writes standard output.
    let line = r#""$1" signature <old | "$1" delta - new | "$1" patch old >out"#;
    let status = Command::new("sh").args(["-ec", line, "sh"]).arg(Program::Ours.path()).current_dir(dir).status();
    assert!(status.unwrap().success());
    assert!(fs::read(dir.join("out")).unwrap() == new);

    well(dir, &["signature", "old", "sig"]);
    well(dir, &["delta", "sig", "new", "delta"]);
    // A failure leaves what was there, and no temporary file.
    fs::write(dir.join("out"), "what was there").unwrap();
    let mut wrong = fs::read(dir.join("old")).unwrap();
    wrong[0] ^= 1;
    fs::write(dir.join("wrong"), wrong).unwrap();
    let text = "syncline patch: delta: this is not the basis that the signature was made of";
    assert_eq!(error(dir, &["patch", "wrong", "delta", "out"]), (12, text.into()));
    assert_eq!(fs::read(dir.join("out")).unwrap(), b"what was there");
    let names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 6, "{names:?}");

    fs::write(dir.join("short"), &fs::read(dir.join("sig")).unwrap()[..100]).unwrap();
    let text = "syncline delta: short: the signature breaks off after 100 bytes";
    assert_eq!(error(dir, &["delta", "short", "new", "out"]), (12, text.into()));
    let text = "syncline delta: delta: this is a delta, not a signature";
    assert_eq!(error(dir, &["delta", "delta", "new", "out"]), (12, text.into()));
    let text =
        "syncline patch: nothing: No such file or directory (os error 2)".replace("nothing", "can't open nothing");
    assert_eq!(error(dir, &["patch", "nothing", "delta", "out"]), (11, text));
    assert_eq!(error(dir, &["patch", "old", "delta", "out", "--max-output=9"]).0, 12);
    assert_eq!(error(dir, &["signature", "--hash=crc32", "old", "out"]).0, 1);
    assert_eq!(error(dir, &["signature", "--format=librsync", "--hash=md5", "old", "out"]).0, 1);
}

/// Only the bare word is a subcommand.
#[test]
fn a_file_of_that_name_is_still_a_file() {
    let scratch = Scratch::new("names");
    let dir = scratch.path();
    fs::write(dir.join("signature"), "a file").unwrap();
    well(dir, &["-a", "./signature", "copy"]);
    assert_eq!(fs::read(dir.join("copy")).unwrap(), b"a file");
}
