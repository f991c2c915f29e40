//! The tests of the page, in a real browser: `www/tests`, run by node.

use crate::run::{self, Outcome, cargo, program, run};

/// Programs, and the packages that have them.
const NEEDED: [(&str, &str); 5] = [
    ("node", "nodejs"),
    ("npm", "npm"),
    ("chromium", "chromium"),
    ("firefox-esr", "firefox-esr"),
    ("websockify", "websockify"),
];

/// Runs them against the page that `cargo xtask wasm` has built, and against daemons, stock and our own.
pub fn test() -> Outcome {
    let missing: Vec<&str> = NEEDED.iter().filter(|(name, _)| !run::installed(name)).map(|(_, deb)| *deb).collect();
    if !missing.is_empty() {
        let text = format!("the browser tests need `apt-get install {}`", missing.join(" "));
        // What counts is that no run of the whole is without.
        if std::env::var_os("CI").is_some() {
            return Err(text);
        }
        eprintln!("browser tests left out; {text}");
        return Ok(());
    }
    run(cargo(&["build", "--release", "-p", "syncline"]))?;
    install()?;
    let mut tests = program("npm", &["test"]);
    tests.current_dir(run::root().join("www"));
    run(tests)
}

/// Installs what drives the browser.
pub fn install() -> Outcome {
    let mut install = program("npm", &["ci", "--no-audit", "--no-fund"]);
    install.current_dir(run::root().join("www"));
    run(install)
}
