//! `syncline delta` and `patch` on signatures and deltas that are not what they should be: the text says which, the exit code is
//! rsync's for a broken stream, and nothing is left behind.

mod support;

#[path = "../../core/tests/bad_files/mod.rs"]
mod cases;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cases::{BASIS, BLOCK_BYTES, Intact, NEW, OUTPUT_MAX};
use support::programs::Program;
use support::scratch::Scratch;

/// Exit code and what stands on standard error.
fn run(dir: &Path, words: &[&str]) -> (i32, String) {
    let mut command = Command::new(Program::Ours.path());
    let output = command.args(words).current_dir(dir).stdin(Stdio::null()).output().expect("syncline runs");
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).expect("text").trim_end().to_owned())
}

fn intact(dir: &Path) -> Intact {
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    let block = format!("--block-size={BLOCK_BYTES}");
    for (format, signature, delta) in [("syncline", "sig", "delta"), ("librsync", "rsig", "rdelta")] {
        let format = format!("--format={format}");
        assert_eq!(run(dir, &["signature", &format, &block, "old", signature]), (0, String::new()));
        assert_eq!(run(dir, &["delta", signature, "new", delta]), (0, String::new()));
        assert_eq!(run(dir, &["patch", "old", delta, "made"]), (0, String::new()));
        assert_eq!(read("made"), NEW);
    }
    Intact {
        signature: read("sig"),
        delta: read("delta"),
        librsync_signature: read("rsig"),
        librsync_delta: read("rdelta"),
    }
}

#[test]
fn each_is_told_by_text_and_exit_code() {
    let scratch = Scratch::new("bad-files");
    let dir = scratch.path();
    fs::write(dir.join("old"), BASIS).unwrap();
    fs::write(dir.join("new"), NEW).unwrap();
    let intact = intact(dir);
    fs::write(dir.join("made"), "what was there").unwrap();
    let count = || fs::read_dir(dir).unwrap().count();
    fs::write(dir.join("bad"), "").unwrap();
    let files = count();
    // The exit code is the same for all.
    let check = |case: &cases::Case, words: &[&str], front: &str| {
        let (code, text) = run(dir, words);
        assert_eq!(code, 12, "{}", case.name);
        case.check(case.code, text.strip_prefix(front).unwrap_or(&text));
    };
    for case in cases::signatures(&intact) {
        fs::write(dir.join("bad"), &case.file).unwrap();
        check(&case, &["delta", "bad", "new", "made"], "syncline delta: bad: ");
    }
    let limit = format!("--max-output={OUTPUT_MAX}");
    for case in cases::deltas(&intact) {
        fs::write(dir.join("bad"), &case.file).unwrap();
        fs::write(dir.join("old"), &case.basis).unwrap();
        check(&case, &["patch", &limit, "old", "bad", "made"], "syncline patch: bad: ");
    }
    assert_eq!(fs::read(dir.join("made")).unwrap(), b"what was there");
    assert_eq!(count(), files, "temporary files stay behind");
    // A signature of librsync's format doesn't know its basis, so no delta of our own format can be made of it.
    let why = "a signature of librsync's format does not say which basis it is of: ask for a librsync delta";
    let words = ["delta", "--format=syncline", "rsig", "new", "made"];
    assert_eq!(run(dir, &words), (12, format!("syncline delta: rsig: {why}")));
}

/// Sums until no reader can hold them: a block of a byte each, and a file of zeros behind the head.
#[test]
fn a_signature_that_needs_too_much_memory_is_refused() {
    let scratch = Scratch::new("bad-memory");
    let dir = scratch.path();
    let file = fs::File::create(dir.join("bad")).unwrap();
    std::io::Write::write_all(&mut &file, &[0x72, 0x73, 0x01, 0x36, 0, 0, 0, 1, 0, 0, 0, 1]).unwrap();
    file.set_len(200 << 20).unwrap();
    fs::write(dir.join("new"), "new").unwrap();
    let text = "syncline delta: bad: 1073741827 bytes of memory are needed, 1073741824 are allowed";
    assert_eq!(run(dir, &["delta", "bad", "new", "out"]), (12, text.into()));
    assert!(!dir.join("out").exists());
}
