//! Moving a whole file's bytes on this machine in the cheapest way that works: sharing its blocks, letting the kernel copy,
//! or copying by hand. What a file system does not support is tried once only.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use rustix::fs::{SeekFrom, copy_file_range, fstat, ioctl_ficlone, seek};
use rustix::io::Errno as Code;
use syncline_core::session::OutputError;

use super::pieces;
use super::read::{chunk_bytes, read_at, read_next};
use super::sink::{Sink, retry};
use crate::errno::errno;

/// Smaller files are read and written in one piece: that is cheaper than asking for anything clever.
pub const BY_HAND_BYTES_MAX: u64 = 64 << 10;
/// Bytes that the kernel is asked to copy at once.
const RANGE_BYTES: usize = 1 << 30;

/// What is known of the file systems here, by the devices of source and output.
#[derive(Debug, Default)]
pub struct Cloning {
    no_clone: HashSet<(u64, u64)>,
    no_range: HashSet<(u64, u64)>,
}

/// How a copy is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The devices of source and output.
    pub devs: (u64, u64),
    /// Bytes of the source.
    pub size: u64,
    /// Blocks may be shared.
    pub clone: bool,
    /// Zeros must be looked for, so all data must be seen.
    pub sparse: bool,
}

impl Cloning {
    /// Copies the whole of `source` to where `sink` stands; the bytes copied.
    pub fn copy(&mut self, source: &OwnedFd, sink: &mut Sink, way: Way) -> Result<u64, OutputError> {
        let start = sink.offset();
        if way.size > BY_HAND_BYTES_MAX {
            if way.clone && start == 0 && self.clone_file(source, sink, way.devs) {
                return Ok(sink.offset());
            }
            if way.sparse {
                data_by_hand(source, sink, way.size)?;
                return Ok(sink.offset() - start);
            }
            if sink.is_untouched() {
                sink.advance(pieces::copy(source, sink.file(), way.size));
            }
            self.copy_range(source, sink, sink.offset() - start, way);
        }
        by_hand(source, sink, sink.offset() - start, way.size)?;
        Ok(sink.offset() - start)
    }

    fn clone_file(&mut self, source: &OwnedFd, sink: &mut Sink, devs: (u64, u64)) -> bool {
        if self.no_clone.contains(&devs) {
            return false;
        }
        if ioctl_ficlone(sink.file(), source).is_err() {
            self.no_clone.insert(devs);
            return false;
        }
        // The source may have changed its length since it was looked at; what was cloned is what counts.
        match fstat(source) {
            Ok(stat) => sink.advance(stat.st_size as u64),
            Err(_) => return false,
        }
        true
    }

    /// Goes on at byte `from` of the source, as far as the kernel is able to. Where it fails, copying by hand goes on and finds out whose fault it is.
    fn copy_range(&mut self, source: &OwnedFd, sink: &mut Sink, mut from: u64, way: Way) {
        if self.no_range.contains(&way.devs) || sink.flush().is_err() {
            return;
        }
        while from < way.size {
            let mut to = sink.offset();
            let len = (way.size - from).min(RANGE_BYTES as u64) as usize;
            match retry(|| copy_file_range(source, Some(&mut from), sink.file(), Some(&mut to), len)) {
                Ok(0) => return,
                Ok(count) => sink.advance(count as u64),
                Err(code) => {
                    if matches!(code, Code::NOSYS | Code::XDEV | Code::OPNOTSUPP | Code::INVAL | Code::PERM) {
                        self.no_range.insert(way.devs);
                    }
                    return;
                }
            }
        }
    }
}

/// Copies the data between the holes of a source; where it can't be told apart from holes, all counts as data.
fn data_by_hand(source: &OwnedFd, sink: &mut Sink, size: u64) -> Result<(), OutputError> {
    let mut chunk = vec![0; chunk_bytes(size)];
    let mut from = 0;
    while from < size {
        let data = match seek(source, SeekFrom::Data(from)) {
            Ok(data) => data.min(size),
            Err(Code::NXIO) => size,
            Err(_) => from,
        };
        sink.skip(data - from).map_err(|code| OutputError::Write(errno(code)))?;
        let end = seek(source, SeekFrom::Hole(data)).map_or(size, |end| end.min(size));
        from = data;
        while from < end {
            let len = (end - from).min(chunk.len() as u64) as usize;
            let count = read_at(source, from, &mut chunk[..len]).map_err(|code| OutputError::Read(errno(code)))?;
            sink.write(&chunk[..count]).map_err(|code| OutputError::Write(errno(code)))?;
            from += count as u64;
            if count < len {
                // It is shorter by now.
                return Ok(());
            }
        }
    }
    Ok(())
}

fn by_hand(source: &OwnedFd, sink: &mut Sink, mut from: u64, size: u64) -> Result<(), OutputError> {
    let mut chunk = vec![0; chunk_bytes(size.saturating_sub(from))];
    loop {
        let count = read_next(source, from, &mut chunk, size).map_err(|code| OutputError::Read(errno(code)))?;
        sink.write(&chunk[..count]).map_err(|code| OutputError::Write(errno(code)))?;
        from += count as u64;
        if count < chunk.len() {
            return Ok(());
        }
    }
}
