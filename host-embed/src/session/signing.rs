//! Signing a basis in here: the host is only asked to read it.

use syncline_core::checksum::Strong;
use syncline_core::delta::{Signer, SumHead};
use syncline_core::session::{Ask, FileId, Reply};

/// Bytes that the host is asked for at once.
const PIECE_BYTES: u64 = 1 << 20;

/// Some blocks of a basis, while they are signed.
pub(super) struct Signing {
    file: FileId,
    at: u64,
    end: u64,
    signer: Signer,
    sums: Vec<u8>,
}

impl Signing {
    pub(super) fn new(file: FileId, head: SumHead, (first, count): (u32, u32), strong: Strong) -> Signing {
        let last = first.saturating_add(count);
        let is_short = last == head.count;
        let end = if is_short { head.basis_bytes() } else { head.block_offset(last) };
        let part = SumHead { count, remainder: if is_short { head.remainder } else { 0 }, ..head };
        Signing { file, at: head.block_offset(first), end, signer: Signer::new(part, strong), sums: Vec::new() }
    }

    /// The next request.
    pub(super) fn read(&self) -> Ask {
        let len = self.end.saturating_sub(self.at).min(PIECE_BYTES) as u32;
        Ask::ReadFile { file: self.file, at: self.at, len }
    }

    /// Takes the answer to it; the answer for the session, once all is signed.
    pub(super) fn take(&mut self, reply: Reply) -> Option<Reply> {
        let Reply::Bytes(Ok(bytes)) = reply else { return Some(reply) };
        self.signer.push(&bytes, &mut self.sums);
        self.at += bytes.len() as u64;
        if !self.signer.is_done() && self.at < self.end && !bytes.is_empty() {
            return None;
        }
        // A basis that was truncated meanwhile counts as zeros.
        self.signer.finish(&mut self.sums);
        Some(Reply::Bytes(Ok(std::mem::take(&mut self.sums))))
    }
}
