//! The filter rules of a module, gathered from five parameters into one list of rule texts (spec 5.10).
//!
//! A pattern with a slash counts from the module's root, wherever the transfer starts: in the language of rules that is the
//! modifier `/`. A pattern that ends in a slash also hides what is in the directory: it gets `***` at its end.

use super::lists;
use super::log::strerror;
use crate::trusted;

/// The values of the parameters.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `filter`
    pub filter: Vec<u8>,
    /// `include from`
    pub include_from: Vec<u8>,
    /// `include`
    pub include: Vec<u8>,
    /// `exclude from`
    pub exclude_from: Vec<u8>,
    /// `exclude`
    pub exclude: Vec<u8>,
}

/// Gathers the rules in their order. The error is the line for the log: a file that can't be read ends the connection.
pub fn gather(sources: &Sources) -> Result<Vec<Vec<u8>>, String> {
    let mut rules = filter_words(&sources.filter);
    for line in lines(&sources.include_from, "include")? {
        rules.push(old_rule(b'+', &line));
    }
    rules.extend(old_words(b'+', &sources.include));
    for line in lines(&sources.exclude_from, "exclude")? {
        rules.push(old_rule(b'-', &line));
    }
    rules.extend(old_words(b'-', &sources.exclude));
    Ok(rules)
}

fn lines(path: &[u8], what: &str) -> Result<Vec<Vec<u8>>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let text = trusted::read(path).map_err(|error| {
        let path = String::from_utf8_lossy(path);
        format!("rsync: [Receiver] failed to open {what} file {path}: {}", strerror(&error))
    })?;
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let rules = lines.filter(|line| !line.is_empty() && !b"#;".contains(&line[0]));
    Ok(rules.map(<[u8]>::to_vec).collect())
}

/// One rule of the old kind: a pattern, perhaps with its own sign.
fn old_rule(sign: u8, text: &[u8]) -> Vec<u8> {
    match text {
        b"!" => b"!".to_vec(),
        [sign @ (b'+' | b'-'), b' ', pattern @ ..] => rule(&[*sign], pattern),
        pattern => rule(&[sign], pattern),
    }
}

fn old_words(sign: u8, value: &[u8]) -> Vec<Vec<u8>> {
    let mut words = lists::split(value, b" \t\r\n").into_iter();
    let mut rules = Vec::new();
    while let Some(word) = words.next() {
        match word {
            b"+" | b"-" => rules.extend(words.next().map(|pattern| rule(word, pattern))),
            word => rules.push(old_rule(sign, word)),
        }
    }
    rules
}

/// The names of rules that take a pattern, short and long.
const PATTERN_RULES: &[&str] = &["exclude", "include", "hide", "show", "protect", "risk"];

fn filter_words(value: &[u8]) -> Vec<Vec<u8>> {
    let mut words = lists::split(value, b" \t\r\n").into_iter();
    let mut rules = Vec::new();
    while let Some(word) = words.next() {
        let (name, inline) = split_name(word);
        if matches!(name, b"!" | b"clear") {
            rules.push(b"!".to_vec());
            continue;
        }
        let Some(pattern) = inline.or_else(|| words.next()) else {
            rules.push(word.to_vec()); // no pattern: whoever reads the rules will complain
            continue;
        };
        if takes_pattern(name) {
            rules.push(rule(name, pattern));
        } else {
            rules.push([name, b" ", pattern].concat());
        }
    }
    rules
}

/// Separates a rule's name from a pattern that follows an underscore, or the sign `+` or `-` and its modifiers.
fn split_name(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    match word.iter().position(|&byte| byte == b'_') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    }
}

fn takes_pattern(name: &[u8]) -> bool {
    let base = name.split(|&byte| byte == b',').next().unwrap_or(name);
    b"+-HSPR".contains(&name.first().copied().unwrap_or(0)) || PATTERN_RULES.iter().any(|long| long.as_bytes() == base)
}

/// A rule text with this name (and modifiers) and pattern.
fn rule(name: &[u8], pattern: &[u8]) -> Vec<u8> {
    let mut text = name.to_vec();
    let mut pattern = pattern.to_vec();
    if pattern.len() > 1 && pattern.ends_with(b"/") {
        pattern.extend_from_slice(b"***");
    }
    if pattern.contains(&b'/') && !name.contains(&b'/') {
        if name.first().is_some_and(u8::is_ascii_lowercase) && !name.contains(&b',') {
            text.push(b',');
        }
        text.push(b'/');
    }
    text.push(b' ');
    text.extend_from_slice(&pattern);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[track_caller]
    fn check(sources: Sources, expect: &[&str]) {
        let rules = gather(&sources).unwrap();
        let rules: Vec<_> = rules.iter().map(|rule| String::from_utf8_lossy(rule)).collect();
        assert_eq!(rules, expect);
    }

    #[test]
    fn order_and_signs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules");
        std::fs::write(&path, "# no\n\n+ kept *\r\nhidden dir/\n;x\n!").unwrap();
        let from = path.as_os_str().as_bytes().to_vec();
        let sources = Sources {
            filter: b"- /secret + *.c hide,p_x P y".to_vec(),
            include_from: from.clone(),
            include: b"a - b".to_vec(),
            exclude_from: from,
            exclude: b"/private *.tmp + c ! d/e".to_vec(),
        };
        let expect = [
            "-/ /secret",
            "+ *.c",
            "hide,p x",
            "P y", //
            "+ kept *",
            "+/ hidden dir/***",
            "!",
            "+ a",
            "- b", //
            "+ kept *",
            "-/ hidden dir/***",
            "!",
            "-/ /private",
            "- *.tmp",
            "+ c",
            "!",
            "-/ d/e",
        ];
        check(sources, &expect);
    }

    #[test]
    fn other_rules_pass() {
        let filter = b"dir-merge .rf exclude a/b -! x/ clear merge,- f :n .x".to_vec();
        let expect = ["dir-merge .rf", "exclude,/ a/b", "-!/ x/***", "!", "merge,- f", ":n .x"];
        check(Sources { filter, ..Sources::default() }, &expect);
    }

    #[test]
    fn missing_file() {
        let sources = Sources { exclude_from: b"/nonexistent".to_vec(), ..Sources::default() };
        let error = gather(&sources).unwrap_err();
        assert_eq!(error, "rsync: [Receiver] failed to open exclude file /nonexistent: No such file or directory (2)");
    }
}
