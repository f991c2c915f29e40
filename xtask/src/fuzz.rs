//! Fuzzing: the targets of `core/fuzz`, built once, run two at a time.

use crate::run::{self, Outcome, program, run, show};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What to say where the fuzzer is missing.
pub const INSTALL: &str = "no cargo-fuzz: `cargo install cargo-fuzz` and `rustup toolchain install nightly`";
/// The sanitizer needs a dynamic libc, whatever the fuzzer itself was built for.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const AT_ONCE: usize = 2;

/// Whether targets can be built here.
pub fn available() -> bool {
    run::installed("cargo-fuzz") && run::output(program("cargo", &["+nightly", "--version"])).is_ok()
}

/// `cargo xtask fuzz SECONDS`.
pub fn command(words: &[String]) -> Outcome {
    let seconds = words.first().and_then(|word| word.parse().ok()).ok_or("usage: cargo xtask fuzz SECONDS")?;
    if available() { fuzz(seconds) } else { Err(INSTALL.to_string()) }
}

/// Builds every target and runs each for `seconds`.
pub fn fuzz(seconds: u32) -> Outcome {
    run(program("cargo", &["+nightly", "fuzz", "build", "--fuzz-dir", "core/fuzz", "--target", TRIPLE]))?;
    let folder = run::root().join("core/fuzz");
    let names = targets(&folder)?;
    eprintln!("fuzzing {} targets, {seconds} s each", names.len());
    let mut waiting = names.iter();
    let mut running: Vec<Running> = Vec::new();
    let mut failed = Vec::new();
    loop {
        while running.len() < AT_ONCE {
            let Some(name) = waiting.next() else { break };
            running.push(start(&folder, name, seconds)?);
        }
        if running.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        let mut still = Vec::new();
        for mut one in running {
            match one.child.try_wait().map_err(|error| format!("{}: {error}", one.name))? {
                None => still.push(one),
                Some(status) if status.success() => eprintln!("fuzz {}: ok, {}", one.name, one.summary()),
                Some(status) => {
                    eprintln!("fuzz {}: {status}\n{}", one.name, one.tail());
                    failed.push(one.name);
                }
            }
        }
        running = still;
    }
    let advice = "the input is under core/fuzz/artifacts";
    if failed.is_empty() { Ok(()) } else { Err(format!("fuzz targets that failed: {} ({advice})", failed.join(" "))) }
}

struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    fn text(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn summary(&self) -> String {
        let text = self.text();
        let last = text.lines().rev().find(|line| line.starts_with("Done "));
        last.map_or_else(|| "no summary".to_string(), str::to_string)
    }

    fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }
}

/// The names of the `[[bin]]` tables, which is how cargo-fuzz itself finds them.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let tables = text.split("[[bin]]").skip(1);
    let names = tables.filter_map(|table| table.lines().find_map(|line| line.strip_prefix("name = ")));
    Ok(names.map(|name| name.trim().trim_matches('"').to_string()).collect())
}

fn start(folder: &Path, name: &str, seconds: u32) -> Result<Running, String> {
    let corpus = folder.join("corpus").join(name);
    let artifacts = folder.join("artifacts").join(name);
    for dir in [&corpus, &artifacts] {
        std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    let log = artifacts.join("log");
    let file = std::fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = Command::new(built().join(name));
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg("-rss_limit_mb=2048").arg(&corpus).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(file);
    let shown = show(&command);
    let child = command.spawn().map_err(|error| format!("{shown}: {error}"))?;
    Ok(Running { name: name.to_string(), child, log })
}

fn built() -> PathBuf {
    let own = || run::root().join("core/fuzz/target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(own, |_| run::target()).join(TRIPLE).join("release")
}
