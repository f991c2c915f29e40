//! Wildcards in path arguments, where no shell expanded them (`--secluded-args`, spec 1.4.7).

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use syncline_core::filter::wildmatch::wildmatch;

/// Names that one pattern may stand for.
const MATCHES_MAX: usize = 1_000_000;

/// Expands each path; one that matches nothing stays as it is.
pub fn expand_all(paths: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    paths.into_iter().flat_map(expand).collect()
}

fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|b| b"*?[".contains(b))
}

fn expand(path: Vec<u8>) -> Vec<Vec<u8>> {
    if !is_pattern(&path) {
        return vec![path];
    }
    let mut found: Vec<Vec<u8>> = vec![Vec::new()];
    for (at, part) in path.split(|&b| b == b'/').enumerate() {
        let mut next = Vec::new();
        for prefix in &found {
            let base = match at {
                0 => Vec::new(),
                _ => [prefix.as_slice(), b"/"].concat(),
            };
            if is_pattern(part) {
                next.extend(matches(&base, part).into_iter().map(|name| [&base[..], &name].concat()));
            } else {
                next.push([&base[..], part].concat());
            }
            if next.len() > MATCHES_MAX {
                break;
            }
        }
        found = next;
    }
    found.retain(|path| std::fs::symlink_metadata(OsStr::from_bytes(path)).is_ok());
    if found.is_empty() { vec![path] } else { found }
}

fn matches(base: &[u8], pattern: &[u8]) -> Vec<Vec<u8>> {
    let dir = if base.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(base) };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<Vec<u8>> = entries.map(|entry| entry.file_name().into_vec()).collect();
    names.retain(|name| (pattern.starts_with(b".") || !name.starts_with(b".")) && wildmatch(pattern, name));
    names.sort();
    names
}
