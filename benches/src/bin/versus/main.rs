//! Whole processes beside stock rsync: `versus [ROW ...]`.
//!
//! For each row both programs do the same job on the same data on a tmpfs, in turn (A B A B), and every result is
//! compared with its source. What counts is the median of the ratios within pairs, since a machine's speed drifts
//! between pairs more than within one. The first pair is not timed: it warms caches, and memory is sampled in it.
//!
//! | module | what |
//! |---|---|
//! | [`args`] | the command line |
//! | [`rows`] | the workloads and their targets |
//! | [`data`] | files made of noise and text, and their variations |
//! | [`xattr`] | extended attributes of files |
//! | [`scene`] | a row's folders: source, basis, destination |
//! | [`check`] | whether a result is what it should be |
//! | [`launch`] | the command lines: local, over a pipe, with a daemon |
//! | [`measure`] | time, CPU and memory of a process with all its descendants |
//! | [`table`] | medians, ratios, the printed lines |

mod args;
mod check;
mod data;
mod launch;
mod measure;
mod rows;
mod scene;
mod table;
mod xattr;

use args::Args;
use measure::Sample;
use rows::Row;
use scene::Scene;
use std::process::ExitCode;
use table::Result;

/// What can fail is told to the person who ran the bench, and ends it.
type Outcome<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("versus: {text}");
            ExitCode::from(2)
        }
    }
}

/// Whether the run counts as a success.
fn run() -> Outcome<bool> {
    let args = Args::parse(std::env::args().skip(1))?;
    measure::adopt_orphans()?;
    println!("stock: {}\nours:  {}", version(&args.stock)?, version(&args.ours)?);
    println!("{} pairs, scale {}", args.pairs, args.scale);
    table::header();
    let mut all_met = true;
    for row in &args.rows {
        let result = compare(row, &args).map_err(|text| format!("{}: {text}", row.name))?;
        table::line(row, &result);
        all_met &= result.met(row);
    }
    Ok(all_met || !args.check)
}

fn version(program: &str) -> Outcome<String> {
    let output = std::process::Command::new(program).arg("--version").output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(format!("{program} ({})", text.lines().next().unwrap_or_default().trim_end()))
}

fn compare(row: &Row, args: &Args) -> Outcome<Result> {
    let scene = Scene::create(row, &args.dir, args.scale)?;
    let mut pairs = Vec::with_capacity(args.pairs);
    let memory = pair(row, args, &scene, true)?;
    for _ in 0..args.pairs {
        pairs.push(pair(row, args, &scene, false)?);
    }
    Ok(Result { memory, pairs })
}

/// Stock's sample, then ours.
fn pair(row: &Row, args: &Args, scene: &Scene, memory: bool) -> Outcome<(Sample, Sample)> {
    let one = |program: &str| -> Outcome<Sample> {
        scene.prepare()?;
        let sample = launch::launch(row, program, scene, memory)?;
        scene.check().map_err(|text| format!("{program} left a wrong result: {text}"))?;
        Ok(sample)
    };
    Ok((one(&args.stock)?, one(&args.ours)?))
}
