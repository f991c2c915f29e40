//! Rules that are being worked through: an option's value, or the text of a file, token by token.

use alloc::format;
use alloc::vec::Vec;

use crate::filter::rule::{Choice, Template};

/// Where the rules of a source stand, for error texts.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// On the command line.
    Option,
    /// In a file that was named on the command line, or in a directory of the transfer.
    File(Vec<u8>),
    /// In a file that a file named: only where that was is said.
    Nested(Vec<u8>),
}

/// Rules that are being worked through.
#[derive(Debug)]
pub(super) struct Source {
    bytes: Vec<u8>,
    at: usize,
    line: usize,
    pub(super) template: Template,
    /// How a bare pattern is meant, in old-style sources.
    pub(super) bare: Choice,
    origin: Origin,
    pub(super) from_cvs: bool,
}

impl Source {
    pub(super) fn new(bytes: Vec<u8>, template: Template, bare: Choice, origin: Origin) -> Source {
        Source { bytes, at: 0, line: 0, template, bare, origin, from_cvs: false }
    }

    /// Words of the CVS list.
    pub(super) fn cvs(words: Vec<u8>, perishable: bool) -> Source {
        let only = Some(Choice::Exclude);
        let template = Template { word_split: true, only, cvs: true, perishable, ..Template::default() };
        let origin = Origin::File(b".cvsignore".to_vec());
        Source { from_cvs: true, ..Source::new(words, template, Choice::Exclude, origin) }
    }

    /// The next rule, without what ends it.
    pub(super) fn next_token(&mut self) -> Option<Vec<u8>> {
        if matches!(self.origin, Origin::Option) {
            // One rule, whatever bytes are in it.
            let is_first = core::mem::replace(&mut self.at, usize::MAX) == 0;
            return is_first.then(|| core::mem::take(&mut self.bytes));
        }
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let ends = |byte: &u8| match () {
                () if self.template.word_split => byte.is_ascii_whitespace() || *byte == 0x0b,
                () if self.template.nul => *byte == 0,
                () => matches!(byte, b'\n' | b'\r'),
            };
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            let token = rest[..length].to_vec();
            let ends_in_crlf = !self.template.word_split && rest[length..].starts_with(b"\r\n");
            self.at += length + if ends_in_crlf { 2 } else { 1 };
            self.line += 1;
            let is_comment = !self.template.word_split && matches!(token.first(), Some(b'#' | b';'));
            if !token.is_empty() && !is_comment {
                return Some(token);
            }
        }
    }

    /// Where the rule stands that was read last, if it is in a file.
    pub(super) fn place(&self) -> Option<Vec<u8>> {
        match &self.origin {
            Origin::Option => None,
            Origin::File(name) if self.template.word_split => Some(name.clone()),
            Origin::File(name) => Some([name, format!(" line {}", self.line).as_bytes()].concat()),
            Origin::Nested(place) => Some(place.clone()),
        }
    }
}
