//! Combinations of options that nobody thought of: lines of the table of options put together at random.
//!
//! `SYNCLINE_RANDOM=seed,count` adds so many rows. The same seed gives the same rows. What is found becomes a row of its own.

use std::env;

use super::Row;
use super::options::{Line, Way, plain_lines};
use crate::setup::{attributed, basic, delta, filters, kinds, obstacles, odd, references, stale, synced};
use crate::support::maker::Maker;

const SETUPS: &[fn(&mut Maker)] =
    &[attributed, basic, delta, filters, kinds, obstacles, odd, references, stale, stale, stale, synced];
const WAYS: &[Way] = &[Way::Local, Way::Push, Way::Pull, Way::DaemonPush, Way::DaemonPull];

/// The rows that the environment asks for.
pub fn rows() -> Vec<Row> {
    let Ok(wanted) = env::var("SYNCLINE_RANDOM") else { return Vec::new() };
    let (seed, count) = wanted.split_once(',').expect("SYNCLINE_RANDOM=seed,count");
    let (mut seed, count) = (seed.parse().expect("a seed"), count.parse().expect("a count"));
    let lines = plain_lines();
    (0..count).map(|number| one(number, &mut seed, &lines)).collect()
}

fn one(number: u32, seed: &mut u64, lines: &[&Line]) -> Row {
    let mut below = |bound: usize| {
        // The constants of a common 64-bit linear congruential generator.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize % bound
    };
    let picked: Vec<&Line> = (0..2 + below(3)).map(|_| lines[below(lines.len())]).collect();
    // Beyond -vv stock tells of its own working.
    let verbose = |line: &&Line| line.words.split(' ').any(|word| word == "-v" || word.starts_with("-av"));
    let mut told = 0;
    let picked = picked.into_iter().filter(|line| {
        told += u32::from(verbose(line));
        told <= 2 || !verbose(line)
    });
    let picked: Vec<&Line> = picked.collect();
    let words = picked.iter().map(|line| line.words).collect::<Vec<_>>().join(" ");
    let setup = SETUPS[below(SETUPS.len())];
    let sources: &'static [&'static str] = if below(3) == 0 { &["src"] } else { &["src/"] };
    let mut line = *picked[0];
    (line.words, line.setup, line.sources) = (words.leak(), setup, sources);
    line.root = picked.iter().any(|line| line.root);
    let row = line.row(WAYS[below(WAYS.len())]);
    // Some without privileges.
    let script = match row.script.strip_prefix("r ") {
        Some(rest) if below(3) == 0 => format!("nobody {rest}").leak(),
        _ => row.script,
    };
    Row { name: format!("random {number}").leak(), script, ..row }
}
