//! Benches: parts of the engine (criterion), or whole processes beside stock rsync (versus).

use crate::run::{Outcome, cargo, run};

/// `cargo xtask bench [criterion|versus] [WORDS]`; the words go to the bench.
pub fn bench(words: &[String]) -> Outcome {
    let rest: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words.first().map(String::as_str) {
        None | Some("criterion") => {
            run(cargo(&[&["bench", "-p", "syncline-benches", "--benches", "--"][..], &rest].concat()))
        }
        Some("versus") => {
            run(cargo(&["build", "--release", "-p", "syncline"]))?;
            run(cargo(&[&["run", "--release", "-p", "syncline-benches", "--bin", "versus", "--"][..], &rest].concat()))
        }
        Some(other) => Err(format!("no bench {other}: criterion or versus")),
    }
}
