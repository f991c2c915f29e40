//! Bytes on their way into an output: gathered into large writes, with holes where they are wanted, always at explicit
//! offsets.

use std::os::fd::OwnedFd;

use rustix::fs::{FallocateFlags, fallocate, ftruncate};
use rustix::io::{Errno as Code, pwrite};

use super::zeros::runs;

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;
/// Pieces of this length are written from where they lie.
const DIRECT_BYTES: usize = 64 << 10;
const ZEROS: [u8; 4096] = [0; 4096];

/// An output file, written from front to back.
#[derive(Debug)]
pub struct Sink {
    file: OwnedFd,
    /// Where the buffer goes.
    at: u64,
    buffer: Vec<u8>,
    sparse: bool,
    /// Bytes the file had before, or has been given in advance: below this a hole must be punched.
    stale: u64,
    /// The length of the file as it is on the disk.
    end: u64,
    /// Whether blocks may be reserved beyond the end.
    reserved: u64,
    /// Where a hole begins and ends that is not made yet: zeros come block by block, and only whole pages become holes.
    pending: Option<(u64, u64)>,
}

impl Sink {
    /// A file of `len` bytes that is written from `at` on. `buffer` is an old one to be used again.
    pub fn new(file: OwnedFd, at: u64, len: u64, sparse: bool, mut buffer: Vec<u8>) -> Sink {
        buffer.clear();
        Sink { file, at, buffer, sparse, stale: len, end: len, reserved: 0, pending: None }
    }

    /// The file.
    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// The file, and the buffer for the next.
    pub fn into_parts(self) -> (OwnedFd, Vec<u8>) {
        (self.file, self.buffer)
    }

    /// Where the next byte goes.
    pub fn offset(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    /// Whether the file is empty, and nothing is on its way into it.
    pub fn is_untouched(&self) -> bool {
        self.offset() == 0 && self.end == 0 && self.reserved == 0 && self.pending.is_none()
    }

    /// Reserves blocks for a file of `size` bytes. That it may fail is why this is a service, not a promise.
    pub fn reserve(&mut self, size: u64) -> Result<(), Code> {
        if size <= self.end {
            return Ok(());
        }
        // With `--sparse` the size is set as well (spec 3.8.2).
        let flags = if self.sparse { FallocateFlags::empty() } else { FallocateFlags::KEEP_SIZE };
        retry(|| fallocate(&self.file, flags, 0, size))?;
        self.reserved = size;
        self.stale = self.stale.max(size);
        if self.sparse {
            self.end = self.end.max(size);
        }
        Ok(())
    }

    /// Writes, sooner or later.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Code> {
        if bytes.len() >= DIRECT_BYTES {
            self.flush()?;
            return self.put(bytes);
        }
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Passes over bytes that are in the file already.
    pub fn keep(&mut self, bytes: &[u8]) -> Result<(), Code> {
        self.flush()?;
        if self.sparse {
            for run in runs(bytes).iter().filter(|run| run.hole) {
                self.hole(self.at + run.start as u64, (run.end - run.start) as u64)?;
            }
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Passes over bytes that will be zeros, with `--sparse`.
    pub fn skip(&mut self, len: u64) -> Result<(), Code> {
        if len > 0 {
            self.flush()?;
            self.hole(self.at, len)?;
            self.at += len;
        }
        Ok(())
    }

    /// Takes note of bytes that were written to the file directly.
    pub fn advance(&mut self, count: u64) {
        self.at += count;
        self.end = self.end.max(self.at);
    }

    /// Goes on writing at another place. What is buffered is written first.
    pub fn go_to(&mut self, at: u64) -> Result<(), Code> {
        self.flush()?;
        self.punch()?;
        self.at = at;
        Ok(())
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) -> Result<(), Code> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.put(&buffer);
        buffer.clear();
        self.buffer = buffer;
        done
    }

    fn is_device(&self) -> bool {
        rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_mode & 0o170000 != 0o100000)
    }

    /// Writes what is buffered and gives the file its exact length.
    pub fn finish(&mut self) -> Result<(), Code> {
        self.flush()?;
        self.punch()?;
        if (self.end != self.at || self.reserved > self.at) && !self.is_device() {
            retry(|| ftruncate(&self.file, self.at))?;
            self.end = self.at;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Code> {
        if self.sparse {
            for run in runs(bytes) {
                let at = self.at + run.start as u64;
                if run.hole {
                    self.hole(at, (run.end - run.start) as u64)?;
                } else {
                    self.write_at(at, &bytes[run.start..run.end])?;
                }
            }
        } else {
            self.write_at(self.at, bytes)?;
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// From an offset on, `len` bytes will read as zeros.
    fn hole(&mut self, at: u64, len: u64) -> Result<(), Code> {
        match &mut self.pending {
            Some((_, end)) if *end == at => *end += len,
            _ => {
                self.punch()?;
                self.pending = Some((at, at + len));
            }
        }
        Ok(())
    }

    fn punch(&mut self) -> Result<(), Code> {
        let Some((at, end)) = self.pending.take() else { return Ok(()) };
        let len = end - at;
        let len = len.min(self.stale.saturating_sub(at));
        if len == 0 {
            return Ok(());
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match retry(|| fallocate(&self.file, flags, at, len)) {
            Ok(()) => Ok(()),
            Err(_) => self.write_zeros(at, len),
        }
    }

    fn write_zeros(&mut self, mut at: u64, mut len: u64) -> Result<(), Code> {
        while len > 0 {
            let step = len.min(ZEROS.len() as u64);
            self.write_at(at, &ZEROS[..step as usize])?;
            at += step;
            len -= step;
        }
        Ok(())
    }

    fn write_at(&mut self, mut at: u64, mut bytes: &[u8]) -> Result<(), Code> {
        self.punch()?;
        while !bytes.is_empty() {
            match pwrite(&self.file, bytes, at) {
                Ok(0) => return Err(Code::NOSPC),
                Ok(count) => {
                    at += count as u64;
                    bytes = &bytes[count..];
                }
                Err(Code::INTR) => {}
                Err(code) => return Err(code),
            }
        }
        self.end = self.end.max(at);
        Ok(())
    }
}

/// Calls again when a signal came between.
pub fn retry<T>(mut call: impl FnMut() -> Result<T, Code>) -> Result<T, Code> {
    loop {
        match call() {
            Err(Code::INTR) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    fn sink(old: &[u8], sparse: bool) -> (std::fs::File, Sink) {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(old, 0).unwrap();
        let sink = Sink::new(file.try_clone().unwrap().into(), 0, old.len() as u64, sparse, Vec::new());
        (file, sink)
    }

    fn contents(file: &std::fs::File) -> Vec<u8> {
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn pieces_of_all_sizes_arrive_in_order() {
        let (file, mut sink) = sink(b"", false);
        let mut expect = Vec::new();
        for (index, len) in [1, 70_000, 3, 300_000, 60_000, 65_536, 0, 200_000, 63_000, 5].into_iter().enumerate() {
            let piece = vec![index as u8 + 1; len];
            sink.write(&piece).unwrap();
            expect.extend(piece);
            assert_eq!(sink.offset(), expect.len() as u64);
        }
        sink.finish().unwrap();
        assert!(contents(&file) == expect);
    }

    #[test]
    fn zeros_become_holes_in_a_new_file_and_in_an_old_one() {
        let wanted = [vec![1; 4096], vec![0; 1 << 20], vec![2; 10], vec![0; 1 << 20]].concat();
        for old in [0, 3 << 20] {
            let (file, mut sink) = sink(&vec![9; old], true);
            for piece in wanted.chunks(100_000) {
                sink.write(piece).unwrap();
            }
            sink.finish().unwrap();
            assert!(contents(&file) == wanted);
            assert!(file.metadata().unwrap().blocks() * 512 < 200_000, "old: {old}");
        }
    }

    #[test]
    fn kept_bytes_stay_but_their_zeros_are_punched() {
        let old = [vec![1; 8192], vec![0; 1 << 20], vec![2; 10]].concat();
        let (file, mut sink) = sink(&old, true);
        sink.keep(&old).unwrap();
        sink.write(b"more").unwrap();
        sink.finish().unwrap();
        assert!(contents(&file) == [old, b"more".to_vec()].concat());
        assert!(file.metadata().unwrap().blocks() * 512 < 100_000);
    }

    #[test]
    fn what_was_reserved_in_excess_is_cut_off() {
        for sparse in [false, true] {
            let (file, mut sink) = sink(b"", sparse);
            if sink.reserve(1 << 20) == Err(Code::OPNOTSUPP) {
                return;
            }
            sink.write(b"short").unwrap();
            sink.finish().unwrap();
            assert_eq!(contents(&file), b"short");
            assert!(file.metadata().unwrap().blocks() * 512 < 100_000);
        }
    }
}
