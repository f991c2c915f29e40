//! Lines of the text phase: up to LF, every CR dropped, and an end to patience with a NUL byte or a line that is too long.

use alloc::vec::Vec;

/// A line that is being read, byte by byte as it comes.
#[derive(Debug)]
pub(super) struct Line {
    bytes: Vec<u8>,
    max: usize,
}

/// What became of a line after more bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It isn't complete.
    More,
    /// Complete, without its LF.
    Complete(Vec<u8>),
    /// No line: it holds a NUL or exceeds the limit.
    Bad,
}

impl Line {
    /// An empty line of at most `max` bytes.
    pub(super) fn new(max: usize) -> Line {
        Line { bytes: Vec::new(), max }
    }

    /// Takes bytes up to the end of the line and says how many those were.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> (usize, Progress) {
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => return (at + 1, Progress::Complete(core::mem::take(&mut self.bytes))),
                b'\r' => {}
                0 => return (at + 1, Progress::Bad),
                _ if self.bytes.len() >= self.max => return (at + 1, Progress::Bad),
                _ => self.bytes.push(byte),
            }
        }
        (bytes.len(), Progress::More)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_more_than_the_line() {
        let mut line = Line::new(10);
        assert_eq!(line.feed(b"ab"), (2, Progress::More));
        assert_eq!(line.feed(b"\rc\r\nrest"), (4, Progress::Complete(b"abc".to_vec())));
        assert_eq!(line.feed(b"\n"), (1, Progress::Complete(b"".to_vec())));
    }

    #[test]
    fn gives_up() {
        assert_eq!(Line::new(3).feed(b"abc\n"), (4, Progress::Complete(b"abc".to_vec())));
        assert_eq!(Line::new(3).feed(b"abcd\n"), (4, Progress::Bad));
        assert_eq!(Line::new(3).feed(b"a\0b\n"), (2, Progress::Bad));
    }
}
