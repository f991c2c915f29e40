//! Benches: parts of the engine (criterion), whole processes beside stock rsync (versus), or what a browser does beside
//! what the program does (browser).

use crate::run::{self, Outcome, cargo, program, run};
use crate::{browser, wasm};

/// `cargo xtask bench [criterion|versus|browser] [WORDS]`; the words go to the bench.
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
        Some("browser") => in_browser(&rest),
        Some(other) => Err(format!("no bench {other}: criterion, versus or browser")),
    }
}

/// The same work natively, in node and in Chromium, and pushes from Chromium; it fails where a target is missed.
fn in_browser(words: &[&str]) -> Outcome {
    wasm::build()?;
    let module = wasm::bench_module()?;
    run(cargo(&["build", "--release", "-p", "syncline"]))?;
    run(cargo(&["build", "--release", "-p", "syncline-benches", "--bin", "cases"]))?;
    browser::install()?;
    let mut bench = program("node", &["benches/browser/bench.js"]);
    bench.args(words).env("SYNCLINE_BENCH_MODULE", module).current_dir(run::root());
    run(bench)
}
