//! Turns a WebAssembly module into a package that JavaScript can import: `xtask-web MODULE FOLDER NAME (web|bundler)`.
//!
//! It is a program of its own, apart from `xtask`, so that the other chores are built without its dependencies. As a library,
//! the bindings' generator is pinned by Cargo.lock to the version of the crate that it has to fit.

use std::path::Path;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "usage: xtask-web MODULE FOLDER NAME (web|bundler)";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [module, folder, name, kind @ ("web" | "bundler")] => generate(module, folder, name, kind),
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

fn generate(module: &str, folder: &str, name: &str, kind: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    let fail = |error| format!("binding {module}: {error:#}");
    match kind {
        "web" => bindgen.web(true).map_err(fail)?,
        _ => bindgen.bundler(true).map_err(fail)?,
    };
    bindgen.input_path(Path::new(module)).out_name(name).typescript(true);
    // The glue finds the module beside itself.
    bindgen.omit_default_module_path(false).remove_name_section(true);
    bindgen.remove_producers_section(true);
    bindgen.generate(folder).map_err(fail)
}
