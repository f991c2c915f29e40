//! `cargo xtask serve`: the page, with a small folder behind it to try it on.

use crate::run::{self, Outcome, cargo, program, run};
use crate::wasm;
use std::fs;

/// Builds the page and the program that has it in it, and shares a demo folder until Ctrl-C.
pub fn serve(words: &[String]) -> Outcome {
    wasm::available()?;
    wasm::build()?;
    run(cargo(&["build", "--release", "-p", "syncline"]))?;
    let folder = run::target().join("demo").join("shared");
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder.join("notes")).map_err(fail)?;
    for index in 0..5 {
        let text = format!("Note {index}\n\nEdit me, upload me, and see how little travels.\n");
        fs::write(folder.join(format!("notes/{index}.txt")), text).map_err(fail)?;
    }
    let mut command = program(run::target().join("release/syncline"), &["serve", "--writable"]);
    command.args(words).arg(&folder);
    run(command)
}
