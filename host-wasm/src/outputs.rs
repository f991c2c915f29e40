//! Files in the making: bytes are gathered into large writes, and counted until they are where they belong.

use syncline_core::checksum::{Digest, DigestValue};
use syncline_core::session::Errno;

/// Bytes gathered before they are written.
pub const BUFFER_BYTES: usize = 1 << 20;
/// Bytes that may be on their way to the disk; more wait.
pub const UNDERWAY_BYTES_MAX: usize = 4 << 20;

/// A new version of a file.
#[derive(Debug)]
pub struct Output {
    /// Where it will be.
    pub path: Vec<u8>,
    /// The file to take blocks from, by the number it is read under, and its length.
    pub basis: Option<(u32, u64)>,
    /// The length that the list promised.
    pub promised: u64,
    /// What failed.
    pub error: Option<Errno>,
    digest: Option<Digest>,
    buffer: Vec<u8>,
    /// Where the buffer begins.
    at: u64,
    /// Bytes handed out to be written, that nobody has confirmed yet.
    underway: usize,
}

impl Output {
    /// An empty one.
    pub fn new(path: Vec<u8>, basis: Option<(u32, u64)>, promised: u64, digest: Digest) -> Output {
        Output { path, basis, promised, error: None, digest: Some(digest), buffer: Vec::new(), at: 0, underway: 0 }
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    /// Whether nothing was put in yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes more now.
    pub fn has_room(&self) -> bool {
        self.underway < UNDERWAY_BYTES_MAX
    }

    /// Appends bytes. Returns a write that is due: its offset and bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { None }
    }

    /// The rest that was gathered.
    pub fn flush(&mut self) -> Option<(u64, Vec<u8>)> {
        if self.buffer.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.buffer);
        let at = self.at;
        self.at += bytes.len() as u64;
        self.underway += bytes.len();
        Some((at, bytes))
    }

    /// A write came to its end.
    pub fn written(&mut self, count: usize, result: Result<(), Errno>) {
        self.underway -= count;
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    /// Whether all that was put in is where it belongs.
    pub fn is_settled(&self) -> bool {
        self.underway == 0 && self.buffer.is_empty()
    }

    /// The digest of all that was put in.
    pub fn finish(&mut self) -> DigestValue {
        self.digest.take().map_or(DigestValue::zero(0), Digest::finish)
    }
}
