//! The first thing to run: two syncs of a small folder, and what the second one saved by the program's own count.

use crate::run::{self, Outcome, cargo, run};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

const PICTURE_BYTES: usize = 24 << 20;
const LOG_LINES: usize = 40_000;
const NOTES: usize = 120;

/// `cargo xtask demo`.
pub fn demo() -> Outcome {
    run(cargo(&["build", "--release", "-p", "syncline"]))?;
    let folder = run::target().join("demo");
    let (source, copy) = (folder.join("source"), folder.join("copy"));
    fresh(&folder, &source).map_err(|error| format!("{}: {error}", folder.display()))?;

    println!("\nA folder of {} notes, a log and a picture is new: everything has to travel.\n", NOTES);
    sync(&folder)?;
    change(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    println!("\nNow one note was edited and one removed, the log grew by a line in its middle,");
    println!("and 100 bytes were put in front of the picture, which moves all the rest of it.\n");
    let stats = sync(&folder)?;

    same(&source, &copy)?;
    println!("\nBoth folders hold the same bytes.");
    if let (Some(of), Some(sent)) = (number(&stats, "Total transferred file size"), number(&stats, "Literal data")) {
        let parts_in_thousand = (of - sent) * 1000 / of.max(1);
        println!("The second run had {of} bytes in changed files, and sent {sent} of them as they are:");
        println!("{}.{} % were found at the destination already.", parts_in_thousand / 10, parts_in_thousand % 10);
    }
    println!("\nLook around in {}, or run the command again with -i or -n.", folder.display());
    Ok(())
}

/// One run. A local copy takes whole files unless told otherwise; over a network the delta is what happens anyhow.
fn sync(folder: &Path) -> Result<String, String> {
    let program = run::target().join("release").join("syncline");
    let words = ["-a", "--delete", "--no-whole-file", "--stats", "source/", "copy/"];
    println!("$ syncline {}", words.join(" "));
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).env("LC_ALL", "C");
    let text = run::output(command)?;
    print!("{text}");
    Ok(text)
}

fn fresh(folder: &Path, source: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(source.join("notes"))?,
    }
    for index in 0..NOTES {
        fs::write(source.join(format!("notes/{index:03}.txt")), note(index))?;
    }
    write_log(source, None)?;
    fs::write(source.join("picture.raw"), noise(1, PICTURE_BYTES))
}

fn change(source: &Path) -> io::Result<()> {
    let edited = note(7).replace("bread", "two loaves of bread");
    fs::write(source.join("notes/007.txt"), edited)?;
    fs::remove_file(source.join("notes/008.txt"))?;
    write_log(source, Some(LOG_LINES / 2))?;
    let picture = [noise(2, 100), noise(1, PICTURE_BYTES)].concat();
    fs::write(source.join("picture.raw"), picture)
}

fn note(index: usize) -> String {
    format!("Note {index}\n\nBuy milk, bread and {index} apples.\n")
}

fn write_log(source: &Path, extra: Option<usize>) -> io::Result<()> {
    let mut log = io::BufWriter::new(fs::File::create(source.join("events.log"))?);
    for line in 0..LOG_LINES {
        if extra == Some(line) {
            writeln!(log, "{:08} a line that was not there before", line)?;
        }
        writeln!(log, "{:08} request {:x} took {} ms", line, line * 2_654_435_761, line * 7919 % 997)?;
    }
    log.flush()
}

/// Bytes without any order, but the same ones every time (xorshift64).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Fails unless two folders hold the same names and bytes.
fn same(a: &Path, b: &Path) -> Outcome {
    let names = |dir: &Path| -> Result<Vec<_>, String> {
        let entries = fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
        names.sort();
        Ok(names)
    };
    let here = names(a)?;
    if here != names(b)? {
        return Err(format!("{} and {} hold different names", a.display(), b.display()));
    }
    for name in here {
        let (x, y) = (a.join(&name), b.join(&name));
        if x.is_dir() {
            same(&x, &y)?;
        } else if fs::read(&x).ok() != fs::read(&y).ok() {
            return Err(format!("{} differs from {}", y.display(), x.display()));
        }
    }
    Ok(())
}

/// The number of a line `label: 1,234 bytes` of `--stats`.
fn number(stats: &str, label: &str) -> Option<u64> {
    let line = stats.lines().find_map(|line| line.trim().strip_prefix(label)?.strip_prefix(": "))?;
    line.split(' ').next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_of_stats() {
        let stats = "Number of files: 3\nLiteral data: 1,234,567 bytes\nMatched data: 0 bytes\n";
        assert_eq!(number(stats, "Literal data"), Some(1_234_567));
        assert_eq!(number(stats, "Matched data"), Some(0));
        assert_eq!(number(stats, "File list size"), None);
    }
}
