//! Reading: whole small files, sources of a transfer, and the blocks of a basis.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::io::{Errno as Code, pread};
use syncline_core::checksum::{Digest, DigestValue, Strong};
use syncline_core::delta::{Signer, SumHead};
use syncline_core::session::{At, HostResult, Meta};

use super::look::{BLOCK, CHARACTER, REGULAR, TYPE, meta_of};
use super::roots::{Roots, not_regular};
use super::sink::retry;
use crate::errno::errno;

/// Bytes that are read at once where much is read.
pub const CHUNK_BYTES: usize = 256 << 10;
/// How a file is opened for reading. Not blocking, should it turn out to be a fifo.
pub const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Reads at an offset until the buffer is full or the file ends.
pub fn read_at(file: impl AsFd, at: u64, buf: &mut [u8]) -> Result<usize, Code> {
    let mut done = 0;
    while done < buf.len() {
        match pread(&file, &mut buf[done..], at.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Code::INTR) => {}
            Err(code) => return Err(code),
        }
    }
    Ok(done)
}

/// The buffer for a file of `size` bytes that is read to its end: one byte more than there should be, so that a single read
/// shows the end, and not too small for files that claim to be empty but are not.
pub fn chunk_bytes(size: u64) -> usize {
    size.saturating_add(1).clamp(4096, CHUNK_BYTES as u64) as usize
}

/// Reads until the buffer is full or the file ends. A read that ends just where the file should needs no other to prove it.
pub fn read_next(file: impl AsFd, from: u64, chunk: &mut [u8], size: u64) -> Result<usize, Code> {
    if from >= size && size > 0 {
        return Ok(0);
    }
    let first = retry(|| pread(&file, &mut chunk[..], from))?;
    if first == 0 || first == chunk.len() || from + first as u64 == size {
        return Ok(first);
    }
    read_at(file, from + first as u64, &mut chunk[first..]).map(|rest| first + rest)
}

/// Reads from where the file stands to its end; more than `max` bytes are an error.
fn read_bounded(file: impl AsFd, max: u64) -> HostResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    loop {
        let count = match rustix::io::read(&file, &mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(count) => count,
            Err(Code::INTR) => continue,
            Err(code) => return Err(errno(code)),
        };
        if (bytes.len() + count) as u64 > max {
            return Err(errno(Code::FBIG));
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}

/// [`syncline_core::session::Ask::ReadPath`].
pub fn read_path(roots: &Roots, path: &[u8], max: u64) -> HostResult<Vec<u8>> {
    if path == b"-" {
        return read_bounded(rustix::stdio::stdin(), max);
    }
    read_bounded(roots.open_operator(path, OFlags::RDONLY)?, max)
}

/// [`syncline_core::session::Ask::ReadAt`]. A symlink is followed if it stays beneath the root.
pub fn read_beneath(roots: &mut Roots, at: &At, max: u64) -> HostResult<Vec<u8>> {
    let file = match roots.spot(at) {
        // Without a symlink, which is the rule, the parent is at hand and the path need not be walked again.
        Ok(spot) => match openat(&*spot.dir, spot.name.as_slice(), READ | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Code::LOOP) => roots.open_following(at, READ, roots.following(false))?,
            opened => opened.map_err(errno)?,
        },
        Err(error) => return Err(error),
    };
    if fstat(&file).map_err(errno)?.st_mode & TYPE != REGULAR {
        return Err(not_regular());
    }
    read_bounded(file, max)
}

/// Opens a regular file for reading.
pub fn open(roots: &mut Roots, at: &At, follow: bool) -> HostResult<(OwnedFd, Meta)> {
    let reach = roots.following(follow);
    let file = if follow {
        roots.open_following(at, READ, reach)?
    } else {
        let spot = roots.spot(at)?;
        openat(&*spot.dir, spot.name.as_slice(), READ | OFlags::NOFOLLOW, Mode::empty()).map_err(errno)?
    };
    let mut meta = meta_of(&fstat(&file).map_err(errno)?);
    match meta.mode & TYPE {
        REGULAR => {}
        BLOCK | CHARACTER if roots.wants.devices => meta.size = reach_of(&file),
        _ => return Err(not_regular()),
    }
    Ok((file, meta))
}

/// How far one can go in a device: its size, or 0 where it has none.
pub fn reach_of(file: impl AsFd) -> u64 {
    rustix::fs::seek(file, rustix::fs::SeekFrom::End(0)).unwrap_or(0)
}

/// Digests a whole file.
pub fn digest_whole(file: impl AsFd, mut digest: Digest) -> HostResult<DigestValue> {
    let size = fstat(&file).map_err(errno)?.st_size.max(0) as u64;
    let mut chunk = vec![0; chunk_bytes(size)];
    let mut at = 0;
    loop {
        let count = read_next(&file, at, &mut chunk, size).map_err(errno)?;
        digest.update(&chunk[..count]);
        at += count as u64;
        if count < chunk.len() {
            return Ok(digest.finish());
        }
    }
}

/// Up to `len` bytes at an offset; fewer at the end of the file.
pub fn read_piece(file: impl AsFd, at: u64, len: u32) -> HostResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut left = len as usize;
    while left > 0 {
        // Grown step by step, so that a length that the file does not have costs no memory.
        let (start, step) = (bytes.len(), left.min(CHUNK_BYTES));
        bytes.resize(start + step, 0);
        let count = read_at(&file, at.saturating_add(start as u64), &mut bytes[start..]).map_err(errno)?;
        bytes.truncate(start + count);
        if count < step {
            break;
        }
        left -= step;
    }
    Ok(bytes)
}

/// A basis of so many bytes is signed in two halves at once.
const HALVED_BYTES: u64 = 8 << 20;

/// The sums of `count` blocks of a basis from `first` on, as they travel. What the basis lacks by now counts as zeros.
pub fn sign(file: impl AsFd, head: SumHead, first: u32, count: u32, strong: Strong) -> HostResult<Vec<u8>> {
    let file = file.as_fd();
    let count = count.min(head.count.saturating_sub(first));
    if u64::from(count) * u64::from(head.block_bytes) < HALVED_BYTES {
        return sign_here(file, head, first, count, strong);
    }
    let half = count / 2;
    std::thread::scope(|threads| {
        let second = threads.spawn(|| sign_here(file, head, first + half, count - half, strong));
        let mut sums = sign_here(file, head, first, half, strong)?;
        let second = second.join().unwrap_or_else(|_| sign_here(file, head, first + half, count - half, strong))?;
        sums.extend_from_slice(&second);
        Ok(sums)
    })
}

fn sign_here(file: impl AsFd, head: SumHead, first: u32, count: u32, strong: Strong) -> HostResult<Vec<u8>> {
    let is_last = first.saturating_add(count) == head.count;
    // The range is signed as if it were a basis of its own; only the last block of all may be short.
    let range = SumHead { count, remainder: if is_last { head.remainder } else { 0 }, ..head };
    let mut at = u64::from(first) * u64::from(head.block_bytes);
    let end = at + if count == 0 { 0 } else { range.basis_bytes() };
    let mut signer = Signer::new(range, strong);
    let mut sums = Vec::new();
    let mut chunk = vec![0; (end - at).min(piece_bytes(head.block_bytes)) as usize];
    while at < end {
        let len = (end - at).min(chunk.len() as u64) as usize;
        let got = read_at(&file, at, &mut chunk[..len]).map_err(errno)?;
        chunk[got..len].fill(0);
        signer.push(&chunk[..len], &mut sums);
        at += len as u64;
    }
    Ok(sums)
}

/// Whole blocks where they are not too large, so that none has to be pieced together.
fn piece_bytes(block_bytes: u32) -> u64 {
    let (block, chunk) = (u64::from(block_bytes.max(1)), CHUNK_BYTES as u64);
    if block > chunk { chunk } else { chunk / block * block }
}
