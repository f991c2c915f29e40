//! Arguments inside the stream: NUL-terminated words behind a program name, ended by an empty one (spec 1.4.7), and the
//! like block that a daemon's client sends (spec 1.6.6).

use crate::{Error, Exit, limits};
use alloc::vec::Vec;

/// Bytes of one secluded word that count; the rest is cut off.
const WORD_BYTES_MAX: usize = 4095;
/// The same for a word of a daemon's block.
const DAEMON_WORD_BYTES_MAX: usize = limits::LINE_BYTES_MAX;

/// The block of secluded words.
pub fn encode_secluded(words: &[Vec<u8>]) -> Vec<u8> {
    let mut block = b"rsync\0".to_vec();
    append(&mut block, words, 0);
    block
}

/// The block that follows `@RSYNCD: OK`; old protocols separate words by newlines.
pub fn encode_daemon(words: &[Vec<u8>], protocol: u32) -> Vec<u8> {
    let mut block = Vec::new();
    append(&mut block, words, if protocol >= 30 { 0 } else { b'\n' });
    block
}

fn append(block: &mut Vec<u8>, words: &[Vec<u8>], end: u8) {
    for word in words {
        // An empty word would end the block.
        block.extend_from_slice(if word.is_empty() { b"." } else { word });
        block.push(end);
    }
    block.push(end);
}

/// The words of a block, and how many of the bytes last given belonged to it.
pub type Block = (Vec<Vec<u8>>, usize);

/// Reads a block piece by piece.
#[derive(Clone, Debug)]
pub struct BlockReader {
    words: Vec<Vec<u8>>,
    word: Vec<u8>,
    lines: bool,
    word_max: usize,
}

impl BlockReader {
    /// For secluded words.
    pub fn secluded() -> BlockReader {
        BlockReader { words: Vec::new(), word: Vec::new(), lines: false, word_max: WORD_BYTES_MAX }
    }

    /// For a daemon.
    pub fn daemon(protocol: u32) -> BlockReader {
        BlockReader { words: Vec::new(), word: Vec::new(), lines: protocol < 30, word_max: DAEMON_WORD_BYTES_MAX }
    }

    /// Takes bytes. Returns the words and how many bytes were used once the block has ended.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<Block>, Error> {
        for (at, &byte) in bytes.iter().enumerate() {
            let ends = if self.lines { matches!(byte, b'\n' | b'\r') } else { byte == 0 };
            if !ends {
                if self.word.len() < self.word_max {
                    self.word.push(byte);
                }
                continue;
            }
            if self.word.is_empty() {
                return Ok(Some((core::mem::take(&mut self.words), at + 1)));
            }
            if self.words.len() >= limits::DAEMON_ARGS_MAX {
                return Err(Error::peer(Exit::MALLOC, "too many arguments"));
            }
            self.words.push(core::mem::take(&mut self.word));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|t| t.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_recorded_block() {
        let block = encode_secluded(&words(&["--suffix=.o d", ".", "dst/new name"]));
        assert_eq!(block, b"rsync\0--suffix=.o d\0.\0dst/new name\0\0");
        let mut stream = block.clone();
        stream.extend_from_slice(&[0x20, 0, 0, 0]);
        let (read, used) = BlockReader::secluded().read(&stream).unwrap().unwrap();
        assert_eq!((read, used), (words(&["rsync", "--suffix=.o d", ".", "dst/new name"]), block.len()));
    }

    #[test]
    fn old_daemons_get_lines() {
        let sent = words(&["--server", "--sender", "-t", ".", "pub/hello.txt"]);
        let block = encode_daemon(&sent, 29);
        assert_eq!(block, b"--server\n--sender\n-t\n.\npub/hello.txt\n\n");
        assert_eq!(BlockReader::daemon(29).read(&block).unwrap(), Some((sent.clone(), block.len())));
        let block = encode_daemon(&sent, 32);
        assert!(block.ends_with(b".\0pub/hello.txt\0\0"));
        assert_eq!(BlockReader::daemon(32).read(&block).unwrap(), Some((sent, block.len())));
    }

    #[test]
    fn words_are_bounded() {
        let mut reader = BlockReader::secluded();
        assert_eq!(reader.read(&[b'x'; 5000]).unwrap(), None);
        let (read, used) = reader.read(b"\0\0").unwrap().unwrap();
        assert_eq!((read.len(), read[0].len(), used), (1, 4095, 2));
        let many = b"x\0".repeat(limits::DAEMON_ARGS_MAX + 1);
        assert_eq!(BlockReader::daemon(32).read(&many).unwrap_err().exit, Exit::MALLOC);
    }

    proptest! {
        #[test]
        fn blocks_survive_any_cut(
            sent in prop::collection::vec(prop::collection::vec(1u8.., 0..20), 0..8),
            cut in 1usize..9,
        ) {
            let block = encode_secluded(&sent);
            let mut reader = BlockReader::secluded();
            let mut got = None;
            for piece in block.chunks(cut) {
                prop_assert!(got.is_none());
                got = reader.read(piece).unwrap().map(|(words, _)| words);
            }
            let expect: Vec<_> = core::iter::once(b"rsync".to_vec())
                .chain(sent.iter().map(|w| if w.is_empty() { b".".to_vec() } else { w.clone() }))
                .collect();
            prop_assert_eq!(got, Some(expect));
        }
    }
}
