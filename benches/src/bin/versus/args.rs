//! The command line of the bench.

use crate::Outcome;
use crate::rows::{ROWS, Row};
use std::path::PathBuf;

const USAGE: &str = "\
usage: versus [OPTIONS] [ROW ...]
  --bin PATH      syncline (default: SYNCLINE_BIN, else target/release/syncline)
  --stock PATH    stock rsync (default: rsync)
  --dir PATH      where the data goes (default: /dev/shm)
  --pairs N       timed pairs a row (default: 5)
  --scale F       shrinks the data (default: 1)
  --check         exit 1 if a row misses its target
rows (all, if none is named):";

/// What to run, and how.
pub struct Args {
    pub ours: String,
    pub stock: String,
    pub dir: PathBuf,
    pub pairs: usize,
    pub scale: f64,
    pub check: bool,
    pub rows: Vec<&'static Row>,
}

impl Args {
    /// Reads the words after the program's name.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Args> {
        let ours = std::env::var("SYNCLINE_BIN").unwrap_or_else(|_| "target/release/syncline".into());
        let (stock, dir) = ("rsync".to_string(), PathBuf::from("/dev/shm"));
        let mut args = Args { ours, stock, dir, pairs: 5, scale: 1.0, check: false, rows: Vec::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--bin" => args.ours = value()?,
                "--stock" => args.stock = value()?,
                "--dir" => args.dir = value()?.into(),
                "--pairs" => args.pairs = positive(&value()?)?,
                "--scale" => args.scale = positive(&value()?)?,
                "--check" => args.check = true,
                "--bench" => {} // what `cargo bench` adds
                _ => args.rows.push(row(&word)?),
            }
        }
        if args.rows.is_empty() {
            args.rows = ROWS.iter().collect();
        }
        args.ours = absolute(args.ours)?;
        args.stock = absolute(args.stock)?;
        args.dir = std::path::absolute(&args.dir).map_err(|error| format!("{}: {error}", args.dir.display()))?;
        Ok(args)
    }
}

fn positive<T: std::str::FromStr + PartialOrd + Default>(text: &str) -> Outcome<T> {
    text.parse().ok().filter(|value| *value > T::default()).ok_or_else(|| format!("not a positive number: {text}"))
}

fn row(name: &str) -> Outcome<&'static Row> {
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| {
        let rows: Vec<String> = ROWS.iter().map(|row| format!("  {:<18}  {}", row.name, row.what)).collect();
        format!("{USAGE}\n{}", rows.join("\n"))
    })
}

/// Programs are started in a row's folder, and servers elsewhere: a relative path would not be found from there.
fn absolute(program: String) -> Outcome<String> {
    if !program.contains('/') {
        return Ok(program);
    }
    let path = std::fs::canonicalize(&program).map_err(|error| format!("{program}: {error}"))?;
    path.into_os_string().into_string().map_err(|_| format!("{program}: not UTF-8"))
}
