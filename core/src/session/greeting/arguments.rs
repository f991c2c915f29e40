//! The argument block: the words that a client sends to a daemon, each with a terminator, and an empty word as the end
//! (spec 1.6.6); and the second block of secluded args, always NUL-terminated (spec 1.4.7).

use alloc::vec::Vec;

use crate::limits::{DAEMON_ARGS_MAX, LINE_BYTES_MAX, PATH_BYTES_MAX};
use crate::{Error, Exit};

/// The block for the words of the server's command line.
///
/// Below protocol 30 the terminator is a LF, so a word with a LF can't be sent there: the server would see two.
pub fn encode_arguments(words: &[Vec<u8>], protocol: u32) -> Result<Vec<u8>, Error> {
    let terminator = if protocol >= 30 { 0 } else { b'\n' };
    encode(words.iter().map(Vec::as_slice), terminator)
}

/// The second block of secluded args: `rsync` takes the place of the program's name.
pub fn encode_secluded(words: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    let name: &[u8] = b"rsync";
    encode(core::iter::once(name).chain(words.iter().map(Vec::as_slice)), 0)
}

fn encode<'a>(words: impl Iterator<Item = &'a [u8]>, terminator: u8) -> Result<Vec<u8>, Error> {
    let mut block = Vec::new();
    for word in words {
        if word.contains(&terminator) || word.contains(&0) {
            return Err(Error::usage("an argument holds a byte that can't be sent to the daemon"));
        }
        // An empty word would end the block.
        block.extend_from_slice(if word.is_empty() { b"." } else { word });
        block.push(terminator);
    }
    block.push(terminator);
    Ok(block)
}

/// Removes one level of backslashes: `\X` becomes `X`, a lone last backslash stays.
pub fn unescape(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut bytes = word.iter().copied();
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'\\').then(|| bytes.next()).flatten();
        plain.push(escaped.unwrap_or(byte));
    }
    plain
}

/// Words of a command line.
pub type Words = Vec<Vec<u8>>;

/// Reads one block, whatever the size of the pieces it comes in.
#[derive(Debug)]
pub struct Arguments {
    words: Words,
    word: Vec<u8>,
    lines: bool,
    word_bytes_max: usize,
}

impl Arguments {
    /// The block of a daemon connection.
    pub fn daemon(protocol: u32) -> Arguments {
        Arguments::new(protocol < 30, LINE_BYTES_MAX)
    }

    /// The block of secluded args. Its first word is the name of a program.
    pub fn secluded() -> Arguments {
        Arguments::new(false, PATH_BYTES_MAX)
    }

    fn new(lines: bool, word_bytes_max: usize) -> Arguments {
        Arguments { words: Vec::new(), word: Vec::new(), lines, word_bytes_max }
    }

    /// Takes bytes up to the end of the block: how many, and the words once the block is complete. Words are cut at their
    /// limit, as stock does; too many of them are fatal.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Option<Words>), Error> {
        for (at, &byte) in bytes.iter().enumerate() {
            let ends = byte == 0 || (self.lines && matches!(byte, b'\n' | b'\r'));
            if !ends {
                if self.word.len() < self.word_bytes_max {
                    self.word.push(byte);
                }
                continue;
            }
            if self.word.is_empty() {
                return Ok((at + 1, Some(core::mem::take(&mut self.words))));
            }
            if self.words.len() >= DAEMON_ARGS_MAX {
                return Err(Error::peer(Exit::PROTOCOL, "too many daemon arguments"));
            }
            self.words.push(core::mem::take(&mut self.word));
        }
        Ok((bytes.len(), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn words(list: &[&str]) -> Vec<Vec<u8>> {
        list.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    /// Recorded from stock, protocols 32 and 29.
    #[test]
    fn recorded_blocks() {
        let pull = words(&["--server", "--sender", "-te.LsfxCIvu", ".", "pub/hello.txt"]);
        let block = b"--server\0--sender\0-te.LsfxCIvu\0.\0pub/hello.txt\0\0";
        assert_eq!(encode_arguments(&pull, 32).unwrap(), block);
        assert_eq!(Arguments::daemon(32).feed(block).unwrap(), (block.len(), Some(pull)));

        let pull = words(&["--server", "--sender", "-t", ".", "pub/hello.txt"]);
        let block = b"--server\n--sender\n-t\n.\npub/hello.txt\n\n";
        assert_eq!(encode_arguments(&pull, 29).unwrap(), block);
        assert_eq!(Arguments::daemon(29).feed(block).unwrap(), (block.len(), Some(pull)));
    }

    /// Recorded from stock: the second block begins where the first one ends.
    #[test]
    fn recorded_secluded_blocks() {
        let stream = b"--server\0--sender\0-ste.LsfxCIvu\0\0rsync\0.\0pub/hello.txt\0\0\x1exxh128";
        let (first, options) = Arguments::daemon(32).feed(stream).unwrap();
        assert_eq!(options.unwrap(), words(&["--server", "--sender", "-ste.LsfxCIvu"]));
        let (second, paths) = Arguments::secluded().feed(&stream[first..]).unwrap();
        assert_eq!(paths.unwrap(), words(&["rsync", ".", "pub/hello.txt"]));
        assert_eq!(&stream[first + second..], b"\x1exxh128");
        let sent = encode_secluded(&words(&[".", "pub/hello.txt"])).unwrap();
        assert_eq!(sent, &stream[first..first + second]);
    }

    #[test]
    fn limits() {
        let long = [vec![b'x'; 6000], vec![0, 0]].concat();
        let (_, cut) = Arguments::daemon(32).feed(&long).unwrap();
        assert_eq!(cut.unwrap()[0].len(), 5119);
        let error = Arguments::daemon(32).feed(&b"x\0".repeat(16_001)).unwrap_err();
        assert_eq!((error.exit, error.text.as_slice()), (Exit::PROTOCOL, b"too many daemon arguments".as_slice()));
        assert!(Arguments::daemon(32).feed(&b"x\0".repeat(16_000)).is_ok());
        assert!(encode_arguments(&words(&["a\nb"]), 29).is_err());
        assert!(encode_arguments(&words(&["a\nb"]), 30).is_ok());
    }

    #[test]
    fn backslashes() {
        for (word, expect) in [("a\\ b", "a b"), ("a\\\\b", "a\\b"), ("end\\", "end\\"), ("plain", "plain")] {
            assert_eq!(unescape(word.as_bytes()), expect.as_bytes(), "{word}");
        }
    }

    proptest! {
        /// A block survives the trip in pieces of any size, and what follows it is left alone.
        #[test]
        fn any_chunking(list in prop::collection::vec("[^\0\n\r]{1,20}", 0..20), chunk in 1usize..40, old: bool) {
            let list: Vec<Vec<u8>> = list.into_iter().map(String::into_bytes).collect();
            let protocol = if old { 29 } else { 32 };
            let block = encode_arguments(&list, protocol).unwrap();
            let stream = [block.as_slice(), b"stream"].concat();
            let mut reader = Arguments::daemon(protocol);
            let mut at = 0;
            let found = loop {
                let end = (at + chunk).min(stream.len());
                let (consumed, found) = reader.feed(&stream[at..end]).unwrap();
                at += consumed;
                if let Some(found) = found {
                    break found;
                }
            };
            prop_assert_eq!(found, list);
            prop_assert_eq!(&stream[at..], b"stream");
        }
    }

    use alloc::string::String;
}
