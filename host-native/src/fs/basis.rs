//! The old file that matched blocks are taken from, read ahead where the blocks follow one another.

use std::os::fd::OwnedFd;

use rustix::io::Errno as Code;

use super::read::{CHUNK_BYTES, read_at};

/// Bytes that are read ahead at first, and after a jump.
const AHEAD_BYTES_MIN: usize = 16 << 10;

/// A basis. Blocks mostly come in order, so a few large reads serve many of them; a lone block costs little more than its
/// own length.
#[derive(Debug)]
pub struct Basis {
    file: OwnedFd,
    /// Whether the output is this very file.
    pub is_output: bool,
    buffer: Vec<u8>,
    at: u64,
    ahead: usize,
}

impl Basis {
    /// A basis that nothing was read from yet.
    pub fn new(file: OwnedFd, is_output: bool) -> Basis {
        Basis { file, is_output, buffer: Vec::new(), at: 0, ahead: 0 }
    }

    /// The file.
    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Some bytes from an offset on, at least one and at most `len` (which is not 0). What the file lacks by now, since
    /// somebody truncated it, counts as zeros; the digest will tell.
    pub fn bytes(&mut self, from: u64, len: usize) -> Result<&[u8], Code> {
        let end = self.at + self.buffer.len() as u64;
        if !(self.at..end).contains(&from) {
            let follows = from == end && self.ahead != 0;
            self.ahead = if follows { (self.ahead * 2).min(CHUNK_BYTES) } else { AHEAD_BYTES_MIN };
            self.fill(from, len.clamp(self.ahead, CHUNK_BYTES))?;
        }
        let skip = (from - self.at) as usize;
        let available = self.buffer.len() - skip;
        Ok(&self.buffer[skip..skip + available.min(len)])
    }

    fn fill(&mut self, from: u64, len: usize) -> Result<(), Code> {
        // Only what is new to the buffer is set to zero here: the read overwrites the rest.
        self.buffer.resize(len, 0);
        self.at = from;
        match read_at(&self.file, from, &mut self.buffer) {
            Ok(count) => {
                self.buffer[count..].fill(0);
                Ok(())
            }
            Err(code) => {
                self.buffer.clear();
                Err(code)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn any_order_of_blocks_gives_the_bytes_of_the_file_and_zeros_beyond() {
        let file = tempfile::tempfile().unwrap();
        let data: Vec<u8> = (0..700_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        file.write_all_at(&data, 0).unwrap();
        let mut basis = Basis::new(file.into(), false);
        let mut whole = data;
        whole.resize(800_000, 0);
        let mut offsets: Vec<usize> = (0..100).map(|block| block * 7000).collect();
        offsets.extend([650_000, 3, 699_000, 5, 400_000, 407_000, 414_000]);
        for from in offsets {
            let mut got = Vec::new();
            while got.len() < 7000 {
                let piece = basis.bytes((from + got.len()) as u64, 7000 - got.len()).unwrap();
                assert!(!piece.is_empty());
                got.extend_from_slice(piece);
            }
            assert!(got == whole[from..from + 7000], "{from}");
        }
    }
}
