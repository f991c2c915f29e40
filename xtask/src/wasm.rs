//! The engine for `wasm32-unknown-unknown`: it has to build where there is no operating system.
//!
//! rustup's target is used where it is installed. Where rustup cannot download one, Debian's own Rust can build it: its
//! packages bring the source of the standard library, which `-Z build-std` compiles for the target.

use crate::run::{self, Outcome, cargo, program, run};
use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGES: &str = "rustc-web cargo-web rust-web-src lld-22";

/// Builds `syncline-core` alone.
pub fn build() -> Outcome {
    run(command()?)
}

/// A build for the target with these words and compiler flags, in a folder of its own below the target folder.
pub fn compile(words: &[&str], flags: &str, folder: &str) -> Result<Command, String> {
    let mut command = if rustup_has_target() {
        cargo(&["build"])
    } else if debian_has_target() {
        debian(&["build", "-Z", "build-std=std,panic_abort"])
    } else {
        return command();
    };
    command.args(["--target", TARGET]).args(words);
    command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", run::target().join(folder));
    Ok(command)
}

/// Where a build of [`compile`] puts what it makes.
pub fn made(folder: &str, profile: &str, name: &str) -> std::path::PathBuf {
    run::target().join(folder).join(TARGET).join(profile).join(name)
}

/// The way that works on this machine, or one line that says what to install.
pub fn command() -> Result<Command, String> {
    if rustup_has_target() {
        Ok(cargo(&["build", "--release", "-p", "syncline-core", "--target", TARGET]))
    } else if debian_has_target() {
        Ok(debian(&[
            "build",
            "--release",
            "-Z",
            "build-std=std,panic_abort",
            "-p",
            "syncline-core",
            "--target",
            TARGET,
        ]))
    } else {
        Err(format!(
            "no way to build for {TARGET}: `rustup target add {TARGET}`, or on Debian `apt-get install {PACKAGES}`"
        ))
    }
}

fn rustup_has_target() -> bool {
    let mut rustc = program("rustc", &["--print", "target-libdir", "--target", TARGET]);
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        rustc.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    run::output(rustc).is_ok_and(|dir| Path::new(dir.trim()).is_dir())
}

fn debian_has_target() -> bool {
    let sysroot = run::output(program("/usr/bin/rustc", &["--print", "sysroot"]));
    let source = sysroot.is_ok_and(|dir| Path::new(dir.trim()).join("lib/rustlib/src/rust/library/core").is_dir());
    source && Path::new("/usr/bin/cargo").is_file() && run::installed("wasm-ld-22")
}

fn debian(args: &[&str]) -> Command {
    let mut command = program("/usr/bin/cargo", args);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("/usr/bin:{path}"))
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1") // `-Z` on a stable compiler
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22")
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        // Another compiler: a folder of its own, or the two would rebuild each other's work.
        .env("CARGO_TARGET_DIR", run::target().join("wasm"));
    command
}
