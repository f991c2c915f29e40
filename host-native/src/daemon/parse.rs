//! The line grammar of the configuration file (spec 5.2.1).
//!
//! A file is a sequence of *logical lines*: a backslash as the last non-blank byte of a line joins the next one. Only
//! comments are never joined. What a line means does not depend on the lines around it.

use super::params::is_space;

/// One logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// `[name]`
    Section(Vec<u8>),
    /// `name = value`
    Assignment(Vec<u8>, Vec<u8>),
    /// `&word path`
    Directive(Vec<u8>, Vec<u8>),
    /// No equals sign; it is ignored, with a text for the log.
    Ignored(Vec<u8>),
}

/// Why the whole file is refused, as it stands in the log.
pub type Malformed = Vec<u8>;

/// Reads the lines of a file.
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The lines of this text.
    pub fn new(text: &'a [u8]) -> Lines<'a> {
        Lines { rest: text }
    }

    /// A physical line without its LF, and whether it had one.
    fn physical(&mut self) -> (&'a [u8], bool) {
        match self.rest.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let line = &self.rest[..end];
                self.rest = &self.rest[end + 1..];
                (line, true)
            }
            None => (core::mem::take(&mut self.rest), false),
        }
    }

    /// A logical line that isn't blank and no comment, and whether a LF ended it.
    fn logical(&mut self) -> Option<(Vec<u8>, bool)> {
        let mut logical: Vec<u8> = Vec::new();
        loop {
            if self.rest.is_empty() {
                return (!trim(&logical).is_empty()).then_some((logical, false));
            }
            let (line, ended) = self.physical();
            let blank_so_far = trim(&logical).is_empty();
            if blank_so_far && matches!(trim(line).first(), Some(b'#' | b';')) {
                continue;
            }
            match trim_end(line) {
                [start @ .., b'\\'] if ended => logical.extend_from_slice(start),
                _ => {
                    logical.extend_from_slice(line);
                    if !trim(&logical).is_empty() {
                        return Some((logical, ended));
                    }
                    logical.clear();
                }
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, Malformed>;

    fn next(&mut self) -> Option<Result<Line, Malformed>> {
        let (line, ended) = self.logical()?;
        let line = trim(&line);
        Some(match line {
            [b'[', rest @ ..] => section(rest, ended),
            [b'&', rest @ ..] => Ok(directive(rest)),
            _ => assignment(line, ended),
        })
    }
}

/// How what is said of a malformed header begins.
pub const HEADER: &[u8] = b"params.c:Section()";

fn section(rest: &[u8], ended: bool) -> Result<Line, Malformed> {
    let Some(end) = rest.iter().position(|&byte| byte == b']') else {
        let what: &[u8] =
            if ended { b"Badly formed line in config file: " } else { b"Unexpected EOF in the config file: " };
        return Err([b"params.c:Section() - ", what, &squeeze(rest)].concat());
    };
    let name = squeeze(&rest[..end]);
    if name.is_empty() {
        return Err(b"params.c:Section() - Empty section name in config file.".to_vec());
    }
    Ok(Line::Section(name))
}

fn directive(rest: &[u8]) -> Line {
    let end = rest.iter().position(|&byte| is_space(byte) || byte == b'=').unwrap_or(rest.len());
    let (word, path) = rest.split_at(end);
    let path = trim(path);
    Line::Directive(word.to_vec(), trim(path.strip_prefix(b"=").unwrap_or(path)).to_vec())
}

fn assignment(line: &[u8], ended: bool) -> Result<Line, Malformed> {
    let Some(at) = line.iter().position(|&byte| byte == b'=') else {
        let name = squeeze(line);
        if !ended {
            return Err([b"params.c:Section() - Unexpected EOF in the config file: ", name.as_slice()].concat());
        }
        let text = b"params.c:Parameter() - Ignoring badly formed line in config file: ";
        return Ok(Line::Ignored([text, name.as_slice()].concat()));
    };
    let name = squeeze(&line[..at]);
    if name.is_empty() {
        return Err(b"params.c:Parameter() - Invalid parameter name in config file.".to_vec());
    }
    Ok(Line::Assignment(name, trim(&line[at + 1..]).to_vec()))
}

/// Without blanks at both ends.
pub fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().take_while(|byte| is_space(**byte)).count();
    trim_end(&text[start..])
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// Without blanks at both ends, and with one for each run of blanks inside.
fn squeeze(text: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = text.split(|&byte| is_space(byte)).filter(|word| !word.is_empty()).collect();
    words.join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[Line]) {
        let lines: Result<Vec<Line>, Malformed> = Lines::new(text.as_bytes()).collect();
        assert_eq!(lines.unwrap(), expect, "{text:?}");
    }

    fn set(name: &str, value: &str) -> Line {
        Line::Assignment(name.into(), value.into())
    }

    #[test]
    fn plain_lines() {
        check("a = b\r\n\n  # c\n;d = e\nlast=x", &[set("a", "b"), set("last", "x")]);
        check("a = b # c\n", &[set("a", "b # c")]);
        check("a == b\n", &[set("a", "= b")]);
        check("a =\n", &[set("a", "")]);
        check(" [ my   mod ] junk\n", &[Line::Section(b"my mod".to_vec())]);
        check("log \t file = /x\n", &[set("log file", "/x")]);
        check("&include /etc/x.d\n", &[Line::Directive(b"include".to_vec(), b"/etc/x.d".to_vec())]);
        check("&merge = a b \n", &[Line::Directive(b"merge".to_vec(), b"a b".to_vec())]);
    }

    /// Each of these was tried on stock.
    #[test]
    fn joined_lines() {
        check("comment = x \\\n   y\n", &[set("comment", "x    y")]);
        check("comment = x\\   \n y  \r\n", &[set("comment", "x y")]);
        check("[c\\\n  d  e ]junk\ncom\\\n ment = v\\\n\n", &[Line::Section(b"c d e".to_vec()), set("com ment", "v")]);
        check("comment = \\\n  z\n# c \\\ncomment = w\n", &[set("comment", "z"), set("comment", "w")]);
        check("comment = a\\\\\nb\n", &[set("comment", "a\\b")]);
        check("\\\ncomment=pp\n", &[set("comment", "pp")]);
        let ignored = b"params.c:Parameter() - Ignoring badly formed line in config file: comment[j]".to_vec();
        check("comment\\\n[j]\n", &[Line::Ignored(ignored)]);
        check("x = y\\", &[set("x", "y\\")]);
    }

    #[test]
    fn malformed() {
        for (text, expect) in [
            ("[]\n", "params.c:Section() - Empty section name in config file."),
            ("[abc\nx = y\n", "params.c:Section() - Badly formed line in config file: abc"),
            ("[abc", "params.c:Section() - Unexpected EOF in the config file: abc"),
            ("= x\n", "params.c:Parameter() - Invalid parameter name in config file."),
        ] {
            let error = Lines::new(text.as_bytes()).find_map(Result::err);
            assert_eq!(error, Some(expect.into()), "{text:?}");
        }
    }
}
