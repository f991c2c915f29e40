//! Everything that must pass before a change is good.

use crate::run::{Outcome, cargo, installed, run};
use crate::{browser, embed, fuzz, older, wasm};
use std::time::Instant;

const FUZZ_SECONDS: u32 = 10;

/// `cargo xtask test`: cheap checks first, the tests themselves last, so that their result lines end the output.
pub fn test() -> Outcome {
    complete()?;
    wasm::available()?;
    let older = match older::rsync() {
        // Other releases of Debian don't offer it; what counts is that no run of the whole is without.
        Err(text) if std::env::var_os("CI").is_none() => {
            eprintln!("the older rsync is left out: {text}");
            None
        }
        found => Some(found?),
    };
    timed("format", || run(cargo(&["fmt", "--all", "--check"])))?;
    // One profile throughout: what clippy and the tests need of C and build scripts is built once.
    timed("lints", || run(cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])))?;
    let mut docs = cargo(&["doc", "--release", "--workspace", "--no-deps", "--document-private-items"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    timed("docs", || run(docs))?;
    timed("wasm", wasm::build)?;
    timed("browser", browser::test)?;
    if fuzz::available() {
        timed("fuzz", || fuzz::fuzz(FUZZ_SECONDS))?;
    } else {
        eprintln!("fuzzing left out; {}", fuzz::INSTALL);
    }
    timed("hosts of the module", embed::test)?;
    let mut tests = cargo(&["test", "--release", "--workspace"]);
    tests.envs(older.map(|path| ("RSYNC_OLDER_BIN", path)));
    timed("tests", || run(tests))
}

/// The tests talk to stock rsync, some of them over ssh.
fn complete() -> Outcome {
    let needed = [
        ("rsync", "rsync"),
        ("sshd", "openssh-server"),
        ("setfattr", "attr"),
        ("setfacl", "acl"),
        ("rsnapshot", "rsnapshot"),
        ("ip", "iproute2"),
        ("rdiff", "rdiff"),
        ("node", "nodejs"),
        ("npm", "npm"),
        ("python3", "python3"),
    ];
    let missing: Vec<&str> = needed.iter().filter(|(name, _)| !installed(name)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("missing: `apt-get install {}`", missing.join(" "))) }
}

fn timed(name: &str, chore: impl FnOnce() -> Outcome) -> Outcome {
    let start = Instant::now();
    chore()?;
    eprintln!("{name}: ok, {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
