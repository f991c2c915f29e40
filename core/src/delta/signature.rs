//! The sums of all blocks of a basis: made on the receiving side, used by the sender's search.

use alloc::vec::Vec;

use super::SumHead;
use crate::checksum::{Strong, rolling};

/// Makes the sums of a basis, as they travel: for each block the weak sum and the leading bytes of the strong one.
#[derive(Debug)]
pub struct Signer {
    head: SumHead,
    strong: Strong,
    next: u32,
    /// The start of a block whose rest has not come yet.
    partial: Vec<u8>,
}

impl Signer {
    /// For a whole basis.
    pub fn new(head: SumHead, strong: Strong) -> Signer {
        Signer::starting_at(head, strong, 0)
    }

    /// For a basis from block `first` on.
    pub fn starting_at(head: SumHead, strong: Strong, first: u32) -> Signer {
        Signer { head, strong, next: first, partial: Vec::new() }
    }

    /// More bytes of the basis, in any pieces. Blocks that lie within one piece are summed where they are.
    pub fn update(&mut self, mut data: &[u8], out: &mut Vec<u8>) {
        while !data.is_empty() && self.next < self.head.count {
            let len = self.head.block_len(self.next) as usize;
            if self.partial.is_empty() && data.len() >= len {
                self.sum(&data[..len], out);
                data = &data[len..];
                continue;
            }
            let take = (len - self.partial.len()).min(data.len());
            self.partial.extend_from_slice(&data[..take]);
            data = &data[take..];
            if self.partial.len() == len {
                let block = core::mem::take(&mut self.partial);
                self.sum(&block, out);
                self.partial = block;
                self.partial.clear();
            }
        }
    }

    fn sum(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut strong = [0; 20];
        self.strong.block(block, &mut strong);
        out.extend_from_slice(&rolling::weak(block).to_le_bytes());
        out.extend_from_slice(&strong[..(self.head.strong_bytes as usize).min(strong.len())]);
        self.next += 1;
    }
}

/// The sums that came from the receiving side.
#[derive(Clone, Debug, Default)]
pub struct Signature {
    /// The plan.
    pub head: SumHead,
    /// Weak sums by block.
    pub weak: Vec<u32>,
    /// Strong sums by block, `head.strong_bytes` each.
    pub strong: Vec<u8>,
}

impl Signature {
    /// No sums yet; they are pushed.
    pub fn new(head: SumHead) -> Signature {
        Signature { head, ..Signature::default() }
    }

    /// A head without sums: nothing can match (`--append`).
    pub fn empty(head: SumHead) -> Signature {
        Signature::new(head)
    }

    /// Adds whole entries as they travel.
    pub fn push(&mut self, entries: &[u8]) {
        let strong_bytes = self.head.strong_bytes as usize;
        for entry in entries.chunks_exact(4 + strong_bytes) {
            let (weak, strong) = entry.split_at(4);
            self.weak.push(u32::from_le_bytes([weak[0], weak[1], weak[2], weak[3]]));
            self.strong.extend_from_slice(strong);
        }
    }

    /// The strong sum of a block.
    pub fn strong(&self, index: u32) -> &[u8] {
        let len = self.head.strong_bytes as usize;
        self.strong.get(index as usize * len..(index as usize + 1) * len).unwrap_or_default()
    }
}
