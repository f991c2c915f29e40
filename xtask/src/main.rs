//! The chores of the project: `cargo xtask demo | serve | test | bench | fuzz | wasm`.
//!
//! One program, without dependencies, so that a fresh clone needs nothing but cargo to run it. What a machine may lack (a
//! WebAssembly target, a fuzzer, stock rsync to test against) is known here and nowhere else.

mod bench;
mod browser;
mod demo;
mod embed;
mod fuzz;
mod older;
mod run;
mod serve;
mod test;
mod wasm;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND
  demo              build syncline, sync a small folder twice, show what the second run saved
  serve [WORDS]     build the page and the program, share a small folder with it until Ctrl-C
  test              everything that must pass: format, lints, docs, wasm, tests, a short fuzz run
  bench [WHICH]     criterion (the default); versus: whole processes beside stock rsync; browser: the page beside the program
  fuzz SECONDS      each fuzz target for that long, two at a time
  wasm              build the page and the npm package, and modules and components of the engine in target/embed
  embed             build the page's package and those, validate them, and run the programs in examples that host them";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rest = words.get(1..).unwrap_or_default();
    let result = match words.first().map(String::as_str) {
        Some("demo") => demo::demo(),
        Some("test") => test::test(),
        Some("bench") => bench::bench(rest),
        Some("fuzz") => fuzz::command(rest),
        Some("serve") => serve::serve(rest),
        Some("wasm") => wasm::build().and_then(|()| embed::build()),
        Some("embed") => embed::test(),
        _ => Err(USAGE.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
