//! Answers that need contents: the sums of a basis, digests, a piece of a file. They go on as chunks come in.

use syncline_core::checksum::{Algorithm, Digest, DigestValue, Strong};
use syncline_core::delta::{Signer, SumHead};
use syncline_core::session::{AskId, Dirent, HostResult, Reply};

use crate::reads::Reads;
use crate::tree::{REGULAR, TYPE};

/// A part of a file that is read from front to back.
#[derive(Debug)]
pub struct Part {
    /// The number that the file is read under.
    pub file: u32,
    /// Its length.
    pub size: u64,
    /// Where the next byte comes from.
    pub at: u64,
    /// Where the part ends.
    pub end: u64,
}

impl Part {
    /// Feeds what is here to `take`, `budget` bytes at most; whether the end was reached.
    pub fn feed(&mut self, reads: &mut Reads, budget: &mut usize, mut take: impl FnMut(&[u8])) -> HostResult<bool> {
        while self.at < self.end.min(self.size) {
            if *budget == 0 || !reads.has(self.file, self.size, self.at, 1)? {
                return Ok(false);
            }
            let here = reads.rest_of_chunk(self.file, self.at);
            let len = here.len().min((self.end - self.at) as usize);
            if len == 0 {
                break;
            }
            take(&here[..len]);
            self.at += len as u64;
            *budget = budget.saturating_sub(len);
        }
        Ok(true)
    }
}

/// A listing with the digests of its files (`--checksum`).
#[derive(Debug)]
pub struct Listing {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The names.
    pub entries: Vec<Dirent>,
    /// For each name the number that the file is read under.
    pub files: Vec<u32>,
    /// The entry that is worked on.
    pub next: usize,
    /// What is left of it, and its digest so far.
    pub current: Option<(Part, Digest)>,
}

/// What a job makes.
#[derive(Debug)]
pub enum Work {
    /// The sums of some blocks.
    Sums(Part, Signer, Vec<u8>),
    /// A digest.
    Digest(Part, Digest),
    /// The bytes themselves.
    Bytes(Part, Vec<u8>),
    /// A listing.
    Listing(Listing),
}

/// An answer in the making.
#[derive(Debug)]
pub struct Job {
    /// What it answers.
    pub ask: AskId,
    /// What it does.
    pub work: Work,
}

impl Job {
    /// The sums of `count` blocks from `first` on.
    pub fn sign(
        ask: AskId,
        (file, size): (u32, u64),
        head: SumHead,
        (first, count): (u32, u32),
        strong: Strong,
    ) -> Job {
        let count = count.min(head.count.saturating_sub(first));
        let is_last = first.saturating_add(count) == head.count;
        // The range is signed as if it were a basis of its own; only the last block of all may be short.
        let range = SumHead { count, remainder: if is_last { head.remainder } else { 0 }, ..head };
        let at = head.block_offset(first);
        let end = at + if count == 0 { 0 } else { range.basis_bytes() };
        Job { ask, work: Work::Sums(Part { file, size, at, end }, Signer::new(range, strong), Vec::new()) }
    }

    /// The digest of a whole file.
    pub fn digest(ask: AskId, file: u32, size: u64, algorithm: Algorithm) -> Job {
        Job { ask, work: Work::Digest(Part { file, size, at: 0, end: size }, Digest::list(algorithm)) }
    }

    /// Goes on; the reply, once it is complete. Files that are no longer read go to `closed`.
    pub fn step(&mut self, reads: &mut Reads, budget: &mut usize, closed: &mut Vec<u32>) -> Option<Reply> {
        match &mut self.work {
            Work::Sums(part, signer, sums) => match part.feed(reads, budget, |bytes| signer.push(bytes, sums)) {
                Ok(false) => None,
                Ok(true) => {
                    signer.finish(sums);
                    Some(Reply::Bytes(Ok(std::mem::take(sums))))
                }
                Err(error) => Some(Reply::Bytes(Err(error))),
            },
            Work::Digest(part, digest) => match part.feed(reads, budget, |bytes| digest.update(bytes)) {
                Ok(false) => None,
                Ok(true) => {
                    closed.push(part.file);
                    Some(Reply::Digest(Ok(digest.clone().finish())))
                }
                Err(error) => {
                    closed.push(part.file);
                    Some(Reply::Digest(Err(error)))
                }
            },
            Work::Bytes(part, bytes) => match part.feed(reads, budget, |piece| bytes.extend_from_slice(piece)) {
                Ok(false) => None,
                Ok(true) => Some(Reply::Bytes(Ok(std::mem::take(bytes)))),
                Err(error) => Some(Reply::Bytes(Err(error))),
            },
            Work::Listing(listing) => listing.step(reads, budget, closed),
        }
    }
}

impl Listing {
    fn step(&mut self, reads: &mut Reads, budget: &mut usize, closed: &mut Vec<u32>) -> Option<Reply> {
        while let Some(entry) = self.entries.get_mut(self.next) {
            let regular = entry.meta.as_ref().ok().filter(|meta| meta.mode & TYPE == REGULAR);
            let Some(size) = regular.map(|meta| meta.size) else {
                self.next += 1;
                continue;
            };
            let file = self.files.get(self.next).copied().unwrap_or_default();
            let begin = || (Part { file, size, at: 0, end: size }, Digest::list(self.algorithm));
            let (part, digest) = self.current.get_or_insert_with(begin);
            let result = part.feed(reads, budget, |bytes| digest.update(bytes));
            entry.digest = Some(match result {
                Ok(false) => return None,
                Ok(true) => digest.clone().finish(),
                Err(_) => DigestValue::zero(self.algorithm.digest_bytes()),
            });
            closed.push(file);
            self.current = None;
            self.next += 1;
        }
        Some(Reply::Listing(Ok(std::mem::take(&mut self.entries))))
    }
}
