//! Starting other programs, and where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A chore ends well, or with a text for the person who started it.
pub type Outcome = Result<(), String>;

/// The root of the workspace.
pub fn root() -> PathBuf {
    // The manifest's folder is the crate's; cargo sets it for `cargo run`.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    here.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A program that runs at the root, free of what the cargo that started us has left in the environment.
///
/// That cargo's toolchain (`RUSTUP_TOOLCHAIN`, `LD_LIBRARY_PATH`) would otherwise override `+nightly` and Debian's own.
pub fn program(name: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root()).env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN");
    for (key, _) in std::env::vars_os() {
        let text = key.to_string_lossy();
        if text == "CARGO" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&key);
        }
    }
    command
}

/// The same toolchain that built this program.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = program("cargo", args);
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    command
}

/// Runs a command to its end, after showing it; fails if it does.
pub fn run(mut command: Command) -> Outcome {
    let shown = show(&command);
    eprintln!("$ {shown}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("FAILED ({status}): {shown}")) }
}

/// What a command prints, if it ends well.
pub fn output(mut command: Command) -> Result<String, String> {
    let shown = show(&command);
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("FAILED ({}): {shown}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// A command as it would be typed.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether a program stands in `PATH`, or where administrators' programs do.
pub fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).any(|dir| dir.join(name).is_file())
}
