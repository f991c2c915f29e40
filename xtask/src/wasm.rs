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

/// The way that works on this machine, or one line that says what to install.
pub fn command() -> Result<Command, String> {
    if rustup_has_target() {
        Ok(cargo(&["build", "--release", "-p", "syncline-core", "--target", TARGET]))
    } else if debian_has_target() {
        Ok(debian())
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

fn debian() -> Command {
    let args = ["build", "--release", "-Z", "build-std=std,panic_abort", "-p", "syncline-core", "--target", TARGET];
    let mut command = program("/usr/bin/cargo", &args);
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
