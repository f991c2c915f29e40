//! Chunks of files: those that are here, those that were asked for, and those that will be wanted next.
//!
//! A browser reads a file in its own time, and the engine reads in small pieces, mostly one behind the other. So files are
//! read in chunks, the next ones are asked for while this one is worked on, and no more than [`CHUNKS_MAX`] are kept.

use syncline_core::session::{Errno, HostResult};

/// Length of a chunk.
pub const CHUNK_BYTES: u64 = 1 << 20;
/// Chunks kept at a time.
pub const CHUNKS_MAX: usize = 12;
/// Chunks asked for ahead of a run: a browser takes long to begin with one, and reads several at a time.
const AHEAD: u64 = 4;

#[derive(Debug)]
enum State {
    Asked,
    Here(Vec<u8>),
    Failed(Errno),
}

#[derive(Debug)]
struct Chunk {
    file: u32,
    index: u64,
    used: u64,
    state: State,
}

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Reads {
    chunks: Vec<Chunk>,
    clock: u64,
    asked: Vec<(u32, u64)>,
}

/// The offset and length of a chunk of a file of `size` bytes.
pub fn extent(index: u64, size: u64) -> (u64, u32) {
    let at = index * CHUNK_BYTES;
    (at, size.saturating_sub(at).min(CHUNK_BYTES) as u32)
}

impl Reads {
    /// Chunks, file and index, that are to be read now.
    pub fn take_asked(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.asked)
    }

    /// Whether a part of a file of `size` bytes is here; asks for what is not, and for what comes behind it.
    pub fn has(&mut self, file: u32, size: u64, at: u64, len: usize) -> HostResult<bool> {
        let end = at.saturating_add(len as u64).min(size);
        if at >= end {
            return Ok(true);
        }
        let (first, last) = (at / CHUNK_BYTES, (end - 1) / CHUNK_BYTES);
        let mut all = true;
        for index in first..=last {
            all &= self.touch(file, index)?;
        }
        // A random access to a basis says nothing about the next; a run does.
        let is_run = first == 0 || self.position(file, first - 1).is_some();
        if is_run {
            for next in last + 1..=last + AHEAD {
                if next * CHUNK_BYTES < size && self.position(file, next).is_none() {
                    self.ask(file, next);
                }
            }
        }
        Ok(all)
    }

    /// Copies a part of a file that is here; returns how much there is of it.
    pub fn copy(&self, file: u32, at: u64, space: &mut [u8]) -> usize {
        let mut done = 0;
        while done < space.len() {
            let from = at + done as u64;
            let Some(chunk) = self.chunk(file, from / CHUNK_BYTES) else { break };
            let rest = chunk.get((from % CHUNK_BYTES) as usize..).unwrap_or_default();
            let n = rest.len().min(space.len() - done);
            if n == 0 {
                break;
            }
            space[done..done + n].copy_from_slice(&rest[..n]);
            done += n;
        }
        done
    }

    /// What is here from an offset on, to the end of its chunk.
    pub fn rest_of_chunk(&self, file: u32, at: u64) -> &[u8] {
        let chunk = self.chunk(file, at / CHUNK_BYTES).unwrap_or_default();
        chunk.get((at % CHUNK_BYTES) as usize..).unwrap_or_default()
    }

    /// A chunk was read, or could not be.
    pub fn supply(&mut self, file: u32, index: u64, result: HostResult<Vec<u8>>) {
        if let Some(position) = self.position(file, index) {
            self.chunks[position].state = match result {
                Ok(bytes) => State::Here(bytes),
                Err(error) => State::Failed(error),
            };
        }
    }

    /// Nothing of a file is wanted any more.
    pub fn forget(&mut self, file: u32) {
        self.chunks.retain(|chunk| chunk.file != file);
        self.asked.retain(|asked| asked.0 != file);
    }

    fn chunk(&self, file: u32, index: u64) -> Option<&[u8]> {
        match &self.chunks[self.position(file, index)?].state {
            State::Here(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn position(&self, file: u32, index: u64) -> Option<usize> {
        self.chunks.iter().position(|chunk| chunk.file == file && chunk.index == index)
    }

    fn touch(&mut self, file: u32, index: u64) -> HostResult<bool> {
        self.clock += 1;
        let Some(position) = self.position(file, index) else {
            self.ask(file, index);
            return Ok(false);
        };
        let chunk = &mut self.chunks[position];
        chunk.used = self.clock;
        match &chunk.state {
            State::Here(_) => Ok(true),
            State::Asked => Ok(false),
            State::Failed(error) => {
                let error = error.clone();
                self.chunks.remove(position);
                Err(error)
            }
        }
    }

    fn ask(&mut self, file: u32, index: u64) {
        self.clock += 1;
        if self.chunks.len() >= CHUNKS_MAX {
            let idle = self.chunks.iter().enumerate().filter(|(_, chunk)| !matches!(chunk.state, State::Asked));
            if let Some((oldest, _)) = idle.min_by_key(|(_, chunk)| chunk.used) {
                self.chunks.swap_remove(oldest);
            }
        }
        self.chunks.push(Chunk { file, index, used: self.clock, state: State::Asked });
        self.asked.push((file, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 5 * CHUNK_BYTES / 2;

    fn fill(reads: &mut Reads, bytes: u8) {
        for (file, index) in reads.take_asked() {
            reads.supply(file, index, Ok(vec![bytes + index as u8; extent(index, SIZE).1 as usize]));
        }
    }

    #[test]
    fn a_part_across_two_chunks_is_pieced_together_and_the_next_is_asked_for() {
        let mut reads = Reads::default();
        let at = CHUNK_BYTES - 2;
        assert_eq!(reads.has(1, SIZE, at, 4), Ok(false));
        fill(&mut reads, 7);
        assert_eq!(reads.has(1, SIZE, at, 4), Ok(true));
        let mut space = [0; 4];
        assert_eq!((reads.copy(1, at, &mut space), space), (4, [7, 7, 8, 8]));
        assert!(reads.position(1, 2).is_some());
    }

    #[test]
    fn what_lies_behind_the_end_is_short_and_needs_no_read() {
        let mut reads = Reads::default();
        assert_eq!(reads.has(1, SIZE, SIZE, 100), Ok(true));
        assert!(reads.take_asked().is_empty());
        assert_eq!(reads.has(1, SIZE, SIZE - 3, 100), Ok(false));
        fill(&mut reads, 1);
        assert_eq!(reads.copy(1, SIZE - 3, &mut [0; 100]), 3);
    }

    #[test]
    fn few_chunks_are_kept_and_failures_are_told_once() {
        let mut reads = Reads::default();
        for file in 0..50 {
            assert_eq!(reads.has(file, 10, 0, 10), Ok(false));
            fill(&mut reads, 1);
        }
        assert!(reads.chunks.len() <= CHUNKS_MAX);
        assert_eq!(reads.has(99, 10, 0, 10), Ok(false));
        reads.supply(99, 0, Err(crate::errno::errno(5)));
        assert!(reads.has(99, 10, 0, 10).is_err());
        assert_eq!(reads.has(99, 10, 0, 10), Ok(false));
    }
}
