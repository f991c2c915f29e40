//! WebAssembly: the engine bound for JavaScript, the page, and a package for npm.
//!
//! rustup's target is used where it is installed. Where rustup cannot download one, Debian's own Rust can build it: its
//! packages bring the source of the standard library, which `-Z build-std` compiles for the target.
//!
//! ```text
//! target/web/    index.html, scripts, wasm/simd, wasm/base    what a gateway serves, and puts into its program
//! target/npm/    package.json, README.md, web/, bundler/      what is published
//! ```

use crate::run::{self, Outcome, cargo, output, program, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGES: &str = "rustc-web cargo-web rust-web-src lld-22";
/// Name of the module and its glue.
const NAME: &str = "syncline_wasm";
/// Bytes of a module on the line.
const GZIP_BYTES_MAX: u64 = 400 << 10;

/// What a browser may have: vector instructions, or not.
const BUILDS: [(&str, &str); 2] = [("simd", "-C target-feature=+simd128"), ("base", "")];

/// `cargo xtask wasm`.
pub fn build() -> Outcome {
    let web = run::target().join("web");
    let npm = run::target().join("npm");
    for folder in [&web, &npm] {
        // What an earlier build left and this one doesn't make would be served and published.
        let _ = fs::remove_dir_all(folder);
    }
    run(cargo(&["build", "--release", "-p", "xtask-web"]))?;
    for (name, flags) in BUILDS {
        let module = module("syncline-wasm-module", name, flags)?;
        bind(&module, &web.join("wasm").join(name), "web")?;
        for kind in ["web", "bundler"] {
            bind(&module, &npm.join(kind).join(name), kind)?;
        }
        check_size(&web.join("wasm").join(name))?;
    }
    let www = run::root().join("www");
    for part in ["index.html", "style.css", "icon.svg", "app.js", "worker.js", "js"] {
        copy(&www.join(part), &web.join(part))?;
    }
    for part in ["package.json", "README.md"] {
        copy(&run::root().join("host-wasm/npm").join(part), &npm.join(part))?;
    }
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&run::root().join(license), &npm.join(license))?;
    }
    eprintln!("the page is in {}, the package in {}", web.display(), npm.display());
    Ok(())
}

/// A build for the target with these words and compiler flags, in a folder of its own below the target folder: other flags or
/// another compiler would rebuild what is there. `std` are words for a standard library that is built with it.
pub fn compile(words: &[&str], flags: &str, folder: &str, std: &[&str]) -> Result<Command, String> {
    available()?;
    let mut command = if rustup_has_target() { cargo(&["build"]) } else { debian(std) };
    command.args(["--target", TARGET]).args(words);
    command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", run::target().join(folder));
    command.env("RUSTC_BOOTSTRAP", "1"); // `-Z` on a stable compiler
    Ok(command)
}

/// Where a build of [`compile`] puts what it makes.
pub fn made(folder: &str, profile: &str, name: &str) -> PathBuf {
    run::target().join(folder).join(TARGET).join(profile).join(name)
}

/// Whether there is a way to build, or one line that says what to install.
pub fn available() -> Outcome {
    if rustup_has_target() || debian_has_target() {
        return Ok(());
    }
    Err(format!(
        "no way to build for {TARGET}: `rustup target add {TARGET}`, or on Debian `apt-get install {PACKAGES}`"
    ))
}

/// Builds the benches' module as the page's is built, with vector instructions; where it is.
pub fn bench_module() -> Result<PathBuf, String> {
    let (name, flags) = BUILDS[0];
    module("syncline-bench-wasm", name, flags)
}

/// Builds a package's module with these compiler flags; where it is.
fn module(package: &str, name: &str, flags: &str) -> Result<PathBuf, String> {
    let folder = format!("wasm/{name}");
    // Where a panic happened, and what Debug would print: nobody sees it, and it would be 3 % of what travels.
    let flags = format!("{flags} -Z location-detail=none -Z fmt-debug=none");
    let small = ["-Z", "build-std-features=optimize_for_size"];
    run(compile(&["--profile", "wasm", "-p", package], &flags, &folder, &small)?)?;
    Ok(made(&folder, "wasm", &format!("{}.wasm", package.replace('-', "_"))))
}

fn rustup_has_target() -> bool {
    let mut rustc = program("rustc", &["--print", "target-libdir", "--target", TARGET]);
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        rustc.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    output(rustc).is_ok_and(|dir| Path::new(dir.trim()).is_dir())
}

fn debian_has_target() -> bool {
    let sysroot = output(program("/usr/bin/rustc", &["--print", "sysroot"]));
    let source = sysroot.is_ok_and(|dir| Path::new(dir.trim()).join("lib/rustlib/src/rust/library/core").is_dir());
    source && Path::new("/usr/bin/cargo").is_file() && run::installed("wasm-ld-22")
}

fn debian(std: &[&str]) -> Command {
    let build = ["build", "-Z", "build-std=std,panic_abort"];
    let mut command = program("/usr/bin/cargo", &[&build, std].concat());
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("/usr/bin:{path}"))
        .env("RUSTC", "/usr/bin/rustc")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22");
    command
}

fn bind(module: &Path, folder: &Path, kind: &str) -> Outcome {
    let mut command = program(run::target().join("release/xtask-web"), &[]);
    command.arg(module).arg(folder).args([NAME, kind]);
    run(command)
}

/// What travels when the page is loaded for the first time.
fn check_size(folder: &Path) -> Outcome {
    let module = folder.join(format!("{NAME}_bg.wasm"));
    let mut gzip = program("gzip", &["-9", "-c"]);
    let packed = gzip.arg(&module).output().map_err(|error| format!("gzip: {error}"))?;
    let size = packed.stdout.len() as u64;
    eprintln!("{}: {size} bytes compressed", module.display());
    if !packed.status.success() || size > GZIP_BYTES_MAX {
        return Err(format!("{}: {size} bytes compressed, more than {GZIP_BYTES_MAX}", module.display()));
    }
    Ok(())
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Outcome {
    let fail = |error: std::io::Error| format!("{}: {error}", from.display());
    if from.is_dir() {
        fs::create_dir_all(to).map_err(fail)?;
        for entry in fs::read_dir(from).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    fs::copy(from, to).map(drop).map_err(fail)
}
