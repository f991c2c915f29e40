//! `syncline-hostile MODULE.wasm SECONDS [SEED [OTHER.wasm]]`: what a host may be handed by strangers, against the module in wasmtime.
//!
//! Signatures and deltas of both formats are made in the module, damaged in every way that comes to mind, and given back to it;
//! sessions get noise, and peers whose file lists never end. Each time the runtime allows little memory, and the module is told a
//! limit somewhat below. What counts: no call traps or takes long, each returns a count or a status that `ABI.md` names. Another
//! build of the module (one with vectors, beside one without) has to make the same deltas.
//!
//! | module | what |
//! |---|---|
//! | [`sandbox`] | the module's functions, and what they may return |
//! | [`damage`] | numbers by chance, and what is done to files |
//! | [`files`] | signatures and deltas |
//! | [`peers`] | sessions |

mod damage;
mod files;
mod peers;
mod sandbox;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use damage::Chance;
use sandbox::{Code, Outcome};

/// Rounds that there are at least, so that all that can be wrong comes up.
const ROUNDS_MIN: u64 = 150;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (Some(module), Some(seconds)) = (words.first(), words.get(1).and_then(|word| word.parse().ok())) else {
        eprintln!("usage: syncline-hostile MODULE.wasm SECONDS [SEED [OTHER.wasm]]");
        return ExitCode::FAILURE;
    };
    let seed = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(1);
    match run(module, Duration::from_secs(seconds), seed, words.get(3)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("syncline-hostile: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(module: &str, time: Duration, first: u64, other: Option<&String>) -> Outcome<()> {
    let code = Code::load(module)?;
    let other = other.map(|path| Code::load(path)).transpose()?;
    let mut seen = BTreeMap::new();
    let (started, mut seed) = (Instant::now(), first);
    while seed < first + ROUNDS_MIN || started.elapsed() < time {
        let mut chance = Chance::new(seed);
        let result = match seed % 4 {
            0 => peers::endless_list(&code, &mut chance, &mut seen),
            1 => peers::noise(&code, &mut chance, &mut seen),
            2 => files::compare(&code, other.as_ref(), &mut chance, &mut seen),
            _ => files::attack(&code, &mut chance, &mut seen),
        };
        result.map_err(|error| format!("seed {seed}: {error}"))?;
        seed += 1;
    }
    let seen: Vec<String> = seen.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    println!("{} rounds, no trap; statuses {}", seed - first, seen.join(", "));
    // All that a file can have wrong has to come up, or this is no test of it.
    for status in [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -22] {
        if !seen.iter().any(|text| text.starts_with(&format!("{status}:"))) {
            return Err(format!("status {status} never came up").into());
        }
    }
    Ok(())
}
