//! What a receiver does with tokens: where to read the basis, where to write, and the digest of it all (spec 3.8.1, 3.8.2).
//!
//! Bookkeeping only: the host reads and writes.

use super::plan::SumHead;
use crate::checksum::{Digest, DigestValue};
use crate::{Error, Exit};
use alloc::format;

/// Bytes to copy from the basis to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where they are in the basis.
    pub from: u64,
    /// Where they go in the output.
    pub at: u64,
    /// How many.
    pub len: u64,
}

impl Copy {
    /// Whether they are where they go already. When the basis is the output, nothing needs writing then.
    pub fn stays(&self) -> bool {
        self.from == self.at
    }

    /// Joins `next` if it continues this copy in basis and output and the sum stays within `len_max`, so that a host reads
    /// long runs of short blocks at once.
    pub fn join(&mut self, next: Copy, len_max: u64) -> bool {
        let adjoins = self.from + self.len == next.from && self.at + self.len == next.at;
        let fits = self.len + next.len <= len_max;
        if adjoins && fits {
            self.len += next.len;
        }
        adjoins && fits
    }
}

/// A file in the course of being rebuilt.
///
/// For each literal call [`Patch::literal`] and write the bytes where it says. For each block call [`Patch::block`], read
/// and write what it says, and give the bytes read to [`Patch::copied`]. Copies may be joined and done later, but before
/// the next literal: the digest needs the bytes in order.
#[derive(Clone, Debug)]
pub struct Patch {
    head: SumHead,
    digest: Digest,
    at: u64,
    owed: u64,
    literal_bytes: u64,
    matched_bytes: u64,
}

impl Patch {
    /// Rebuilds a file from its beginning.
    pub fn new(head: SumHead, digest: Digest) -> Patch {
        Patch { head, digest, at: 0, owed: 0, literal_bytes: 0, matched_bytes: 0 }
    }

    /// Appends to the file that `head` describes. If the digest is to cover what is there already, give it to
    /// [`Patch::prefix`] (spec 3.6.4).
    pub fn appending(head: SumHead, digest: Digest) -> Patch {
        Patch { at: head.basis_bytes(), ..Patch::new(head, digest) }
    }

    /// Takes bytes in front of the appended part into the digest.
    pub fn prefix(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Takes a literal and returns where to write it.
    pub fn literal(&mut self, bytes: &[u8]) -> u64 {
        debug_assert_eq!(self.owed, 0, "copy before the next literal");
        self.digest.update(bytes);
        self.literal_bytes += bytes.len() as u64;
        self.advance(bytes.len() as u64)
    }

    /// Takes the number of a block and returns what to copy. A block that the basis does not have is fatal.
    pub fn block(&mut self, index: u32) -> Result<Copy, Error> {
        if index >= self.head.count {
            let text = format!("Invalid block index {index} (count={}) [receiver]", self.head.count);
            return Err(Error::peer(Exit::PROTOCOL, text));
        }
        let len = u64::from(self.head.block_len(index));
        self.matched_bytes += len;
        self.owed += len;
        Ok(Copy { from: self.head.block_offset(index), at: self.advance(len), len })
    }

    /// Takes the bytes of a copy, in order, in any pieces.
    pub fn copied(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.owed = self.owed.saturating_sub(bytes.len() as u64);
    }

    /// Where the next token goes: the length of the output so far.
    pub fn output_bytes(&self) -> u64 {
        self.at
    }

    /// Bytes that came as literals.
    pub fn literal_bytes(&self) -> u64 {
        self.literal_bytes
    }

    /// Bytes that came from the basis.
    pub fn matched_bytes(&self) -> u64 {
        self.matched_bytes
    }

    /// The digest of the output, to compare with the sender's.
    pub fn finish(self) -> DigestValue {
        self.digest.finish()
    }

    fn advance(&mut self, len: u64) -> u64 {
        let at = self.at;
        self.at = at.saturating_add(len);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Algorithm;
    use alloc::vec::Vec;

    const BASIS: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOPghijklmnopqrstuvQRSTUVWXYZ!?.,:;tail42";
    const SOURCE: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOP<new ABCDEFGHIJKL>QRSTUVWXYZ!?.,:;tail42";
    const HEAD: SumHead = SumHead { count: 5, block_bytes: 16, strong_bytes: 2, remainder: 6 };

    fn patch() -> Patch {
        Patch::new(HEAD, Digest::whole_file(Algorithm::Xxh128, 12345))
    }

    /// The tokens of a recorded session (spec 3.13.2).
    #[test]
    fn rebuilds_the_small_file() {
        let mut patch = patch();
        let mut output: Vec<u8> = Vec::new();
        let copy = |patch: &mut Patch, output: &mut Vec<u8>, index| {
            let copy = patch.block(index).unwrap();
            let bytes = &BASIS[copy.from as usize..][..copy.len as usize];
            assert_eq!(copy.at, output.len() as u64);
            patch.copied(bytes);
            output.extend_from_slice(bytes);
            copy.stays()
        };
        assert!(copy(&mut patch, &mut output, 0));
        assert!(copy(&mut patch, &mut output, 1));
        let literal = b"<new ABCDEFGHIJKL>";
        assert_eq!(patch.literal(literal), 32);
        output.extend_from_slice(literal);
        assert!(!copy(&mut patch, &mut output, 3));
        assert!(!copy(&mut patch, &mut output, 4));
        assert_eq!(output, SOURCE);
        assert_eq!((patch.literal_bytes(), patch.matched_bytes(), patch.output_bytes()), (18, 54, 72));
        assert_eq!(format!("{:?}", patch.finish()), "6a0220a36dbcd1a28a1eb9f911f7351c");
    }

    /// The text was taken from a stock receiver that was fed block 99.
    #[test]
    fn blocks_out_of_range_are_fatal() {
        assert!(patch().block(4).is_ok());
        let error = patch().block(99).unwrap_err();
        assert_eq!(error.text_lossy(), "Invalid block index 99 (count=5) [receiver]");
        assert_eq!(error.exit, Exit::PROTOCOL);
        assert!(Patch::new(SumHead::NULL, Digest::list(Algorithm::None)).block(0).is_err());
    }

    #[test]
    fn runs_join() {
        let mut patch = patch();
        let mut run = patch.block(0).unwrap();
        assert!(run.join(patch.block(1).unwrap(), 64));
        assert!(run.join(patch.block(2).unwrap(), 64));
        assert_eq!(run, Copy { from: 0, at: 0, len: 48 });
        assert!(!run.join(patch.block(4).unwrap(), 64), "a block was left out");
        let mut run = self::patch().block(0).unwrap();
        assert!(!run.join(Copy { from: 16, at: 16, len: 16 }, 20), "too long");
    }

    #[test]
    fn appending_starts_behind_the_basis() {
        let mut patch = Patch::appending(HEAD, Digest::whole_file(Algorithm::Md5, 1));
        patch.prefix(b"a");
        assert_eq!(patch.literal(b"bc"), 70);
        assert_eq!(format!("{:?}", patch.finish()), "900150983cd24fb0d6963f7d28e17f72");
    }
}
