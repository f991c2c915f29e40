//! An output: the new file while it is being rebuilt from literals and blocks of its basis.
//!
//! A failed write is kept in the output, which takes no more bytes from then on, and comes to light when it is finished: the
//! data plane need not be checked call by call.

use rustix::io::Errno as Code;
use syncline_core::checksum::{Digest, DigestValue};
use syncline_core::session::{At, Errno};

use super::basis::Basis;
use super::look::{REGULAR, TYPE};
use super::read::{CHUNK_BYTES, read_at};
use super::roots::Spot;
use super::sink::Sink;
use crate::errno::errno;

/// A new file in the making.
#[derive(Debug)]
pub struct Output {
    /// The path it shall have, or has already if it is in place.
    pub at: At,
    /// Where it is now.
    pub spot: Spot,
    /// Its present path for messages.
    pub shown: Vec<u8>,
    /// Whether it is the file itself rather than a temporary one.
    pub in_place: bool,
    /// Type and permission bits as they are now.
    pub mode: u32,
    /// Owner, if known.
    pub uid: Option<u32>,
    /// Group, if known.
    pub gid: Option<u32>,
    /// Where the bytes go.
    pub sink: Sink,
    /// Where matched blocks come from.
    pub basis: Option<Basis>,
    /// Of all bytes so far; none once it is finished.
    pub digest: Option<Digest>,
    /// Why no more bytes are taken.
    pub error: Option<Errno>,
}

impl Output {
    /// Appends bytes that came over the wire.
    pub fn literal(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        self.digest_update(bytes);
        let done = self.sink.write(bytes);
        self.note(done);
    }

    /// Appends bytes of the basis. In place, bytes that stay where they are need not be written.
    pub fn copy(&mut self, from: u64, len: u32) {
        let mut from = from;
        let mut left = len as usize;
        while left > 0 && self.error.is_none() {
            let Some(basis) = &mut self.basis else {
                // The session refuses blocks without a basis; should one get here, it can not verify.
                return self.note(Err(Code::BADF));
            };
            let stays = basis.is_output && from == self.sink.offset();
            let bytes = match basis.bytes(from, left) {
                Ok(bytes) => bytes,
                Err(code) => return self.note(Err(code)),
            };
            let count = bytes.len();
            if let Some(digest) = &mut self.digest {
                digest.update(bytes);
            }
            let done = if stays { self.sink.keep(bytes) } else { self.sink.write(bytes) };
            self.note(done);
            from += count as u64;
            left -= count;
        }
    }

    /// The start of the file stays as it is (`--append`): writing begins behind it.
    pub fn skip(&mut self, len: u64, in_digest: bool) {
        if self.in_place && !in_digest {
            let done = self.sink.go_to(len);
            return self.note(done);
        }
        let mut chunk = vec![0; len.min(CHUNK_BYTES as u64) as usize];
        let mut at = 0;
        while at < len && self.error.is_none() {
            let step = (len - at).min(chunk.len() as u64) as usize;
            let read = match &self.basis {
                Some(basis) if basis.is_output || !self.in_place => read_at(basis.file(), at, &mut chunk[..step]),
                _ => read_at(self.sink.file(), at, &mut chunk[..step]),
            };
            let count = match read {
                Ok(count) => count,
                Err(code) => return self.note(Err(code)),
            };
            chunk[count..step].fill(0);
            if in_digest {
                self.digest_update(&chunk[..step]);
            }
            let done = if self.in_place { self.sink.go_to(at + step as u64) } else { self.sink.write(&chunk[..step]) };
            self.note(done);
            at += step as u64;
        }
    }

    /// Writes what is buffered, sets the exact length, and gives the digest. Only the first call has one to give.
    pub fn finish(&mut self) -> Result<DigestValue, Errno> {
        if self.error.is_none() {
            // A device has no length to set.
            let done = if self.mode & TYPE == REGULAR { self.sink.finish() } else { self.sink.flush() };
            self.note(done);
        }
        match (&self.error, self.digest.take()) {
            (Some(error), _) => Err(error.clone()),
            (None, digest) => Ok(digest.map_or(DigestValue::zero(0), Digest::finish)),
        }
    }

    fn digest_update(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
    }

    /// Keeps the first failure.
    pub fn note(&mut self, done: Result<(), Code>) {
        if let (Err(code), None) = (done, &self.error) {
            self.error = Some(errno(code));
        }
    }
}
