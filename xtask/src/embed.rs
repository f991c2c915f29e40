//! The engine as a module with a C ABI and as a component, each with and without vectors, and the programs that host them.
//!
//! ```text
//! target/embed/syncline.wasm              syncline-simd.wasm                the C ABI: host-embed/ABI.md
//! target/embed/syncline-component.wasm    syncline-component-simd.wasm      the world: host-embed/component/wit
//! ```

use crate::run::{self, Outcome, cargo, program, run};
use crate::wasm;
use std::fs;
use std::path::{Path, PathBuf};

/// Compiler flags, by what they add to a name.
const BUILDS: [(&str, &str); 2] = [("", ""), ("-simd", "-C target-feature=+simd128")];
const COMPONENT: &str = "host-embed/component/Cargo.toml";
/// The two commands of it that are used take a third of the time that all of them take to build.
const WASM_TOOLS: &str = "wasm-tools --locked --no-default-features --features validate,component";
const EXAMPLES: &str = "examples/Cargo.toml";

/// Where the modules go.
fn folder() -> PathBuf {
    run::target().join("embed")
}

/// Builds all four, and checks that none of them imports anything.
pub fn build() -> Outcome {
    fs::create_dir_all(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    own_target(&["build", "--release", "-p", "syncline-componentize", "--manifest-path", COMPONENT], "component")?;
    let componentize = run::target().join("component/release/syncline-componentize");
    for (suffix, flags) in BUILDS {
        let built = format!("wasm/embed{suffix}");
        run(wasm::compile(&["--profile", "embed", "-p", "syncline-embed"], flags, &built, &[])?)?;
        let module = wasm::made(&built, "embed", "syncline_embed.wasm");
        no_imports(&module)?;
        copy(&module, &folder().join(format!("syncline{suffix}.wasm")))?;

        let words = ["--profile", "embed", "-p", "syncline-component", "--manifest-path", COMPONENT];
        // In a folder of its own: it builds `syncline-embed` without the C ABI, which would take the place of the module.
        let built = format!("wasm/component{suffix}");
        run(wasm::compile(&words, flags, &built, &[])?)?;
        let module = wasm::made(&built, "embed", "syncline_component.wasm");
        let component = folder().join(format!("syncline-component{suffix}.wasm"));
        run(program(&componentize, &[&module.to_string_lossy(), &component.to_string_lossy()]))?;
    }
    eprintln!("the modules are in {}", folder().display());
    Ok(())
}

/// What `wasm-tools` says of all four, and that the component's world has no imports.
fn validate() -> Outcome {
    if !run::installed("wasm-tools") {
        // What counts is that no run of the whole is without.
        let advice = format!("no wasm-tools: `cargo install {WASM_TOOLS}`");
        if std::env::var_os("CI").is_some() {
            return Err(advice);
        }
        eprintln!("{advice}");
        return Ok(());
    }
    for (suffix, _) in BUILDS {
        let path = |kind: &str| folder().join(format!("syncline{kind}{suffix}.wasm")).to_string_lossy().into_owned();
        for file in [path(""), path("-component")] {
            run(program("wasm-tools", &["validate", &file]))?;
        }
        let world = run::output(program("wasm-tools", &["component", "wit", &path("-component")]))?;
        if !world.contains("world root") || world.lines().any(|line| line.trim_start().starts_with("import ")) {
            return Err(format!("the world of {} is not one without imports:\n{world}", path("-component")));
        }
    }
    Ok(())
}

/// Builds the hosts and runs each of them: the lines of README.md.
pub fn test() -> Outcome {
    if !run::target().join("npm/package.json").is_file() {
        wasm::build()?;
    }
    build()?;
    validate()?;
    for manifest in [COMPONENT, EXAMPLES] {
        run(cargo(&["fmt", "--all", "--check", "--manifest-path", manifest]))?;
    }
    own_target(&["clippy", "--release", "--manifest-path", EXAMPLES, "--", "-D", "warnings"], "examples")?;
    own_target(&["build", "--release", "--manifest-path", EXAMPLES], "examples")?;
    run(cargo(&["build", "--release", "-p", "syncline"]))?;
    run(program("examples/test.sh", &[]))
}

/// Cargo in a workspace of its own, with a target folder of its own.
fn own_target(words: &[&str], folder: &str) -> Outcome {
    let mut command = cargo(words);
    command.env("CARGO_TARGET_DIR", run::target().join(folder));
    run(command)
}

/// A module's section of imports has the number 2; sections stand one behind the other.
fn no_imports(module: &Path) -> Outcome {
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((&section, behind)) = rest.split_first() {
        let (mut len, mut shift, mut at) = (0usize, 0u32, 0usize);
        while let Some(&byte) = behind.get(at).filter(|_| shift < 35) {
            len |= usize::from(byte & 0x7f) << shift;
            (shift, at) = (shift + 7, at + 1);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if section == 2 {
            return Err(format!("{}: the module imports something", module.display()));
        }
        rest = behind.get(at + len..).unwrap_or_default();
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", to.display()))
}
