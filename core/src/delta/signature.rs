//! Signing a basis, and reading a signature off the wire: for each block its weak sum and a piece of its strong sum
//! (spec 3.4).

use super::plan::SumHead;
use crate::checksum::{DIGEST_BYTES_MAX, Strong, weak};
use crate::{Error, Exit};
use alloc::format;
use alloc::vec::Vec;

/// Signs a basis that arrives in pieces.
///
/// A block that lies wholly inside a piece is summed where it lies; only blocks that straddle two pieces are copied
/// together first. So pieces should be much longer than a block.
#[derive(Debug)]
pub struct Signer {
    head: SumHead,
    strong: Strong,
    next: u32,
    straddling: Vec<u8>,
}

impl Signer {
    /// Will sign the basis that `head` describes.
    pub fn new(head: SumHead, strong: Strong) -> Signer {
        Signer { head, strong, next: 0, straddling: Vec::new() }
    }

    /// Whether all blocks are signed. Data beyond the last block is ignored.
    pub fn is_done(&self) -> bool {
        self.next >= self.head.count
    }

    /// Takes the next piece of the basis and appends the entries of all blocks it completes to `out`, as they travel.
    pub fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while !self.is_done() {
            let block_len = self.head.block_len(self.next) as usize;
            if self.straddling.is_empty() && piece.len() >= block_len {
                let (block, rest) = piece.split_at(block_len);
                self.sign(block, out);
                piece = rest;
                continue;
            }
            let (taken, rest) = piece.split_at(piece.len().min(block_len - self.straddling.len()));
            self.straddling.extend_from_slice(taken);
            piece = rest;
            if self.straddling.len() < block_len {
                return;
            }
            self.sign_straddling(out);
        }
    }

    /// The basis turned out shorter than the head says, since somebody truncated it meanwhile: what is missing counts as
    /// zeros, as it does in stock rsync. The digest of the file will tell whether it mattered.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        while !self.is_done() {
            self.straddling.resize(self.head.block_len(self.next) as usize, 0);
            self.sign_straddling(out);
        }
    }

    fn sign_straddling(&mut self, out: &mut Vec<u8>) {
        let mut block = core::mem::take(&mut self.straddling);
        self.sign(&block, out);
        block.clear();
        self.straddling = block;
    }

    fn sign(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut strong = [0; DIGEST_BYTES_MAX];
        self.strong.block(block, &mut strong);
        out.extend_from_slice(&weak(block).to_le_bytes());
        out.extend_from_slice(&strong[..(self.head.strong_bytes as usize).min(DIGEST_BYTES_MAX)]);
        self.next += 1;
    }
}

/// The sums of a basis on the other side.
#[derive(Clone, Debug)]
pub struct Signature {
    /// How the basis is cut.
    pub head: SumHead,
    /// Weak sums, one per block.
    pub weak: Vec<u32>,
    /// Leading bytes of the strong sums, `head.strong_bytes` per block.
    pub strong: Vec<u8>,
    partial: Vec<u8>,
}

impl Signature {
    /// What a search holds per block in memory, beside the strong sum: weak sum, order, keys, directory, filter.
    const BLOCK_MEMORY_BYTES: u64 = 32;

    /// An empty signature that `head` announces. Refuses one whose search would need more than `alloc_max` bytes.
    /// Memory is taken only as entries arrive, so that a head alone can not claim any.
    pub fn new(head: SumHead, alloc_max: u64, who: &str) -> Result<Signature, Error> {
        let block = Signature::BLOCK_MEMORY_BYTES + u64::from(head.strong_bytes);
        if u64::from(head.count) * block > alloc_max {
            let text = format!("[{who}] exceeded --max-alloc={alloc_max} setting");
            return Err(Error::peer(Exit::MALLOC, text));
        }
        Ok(Signature { head, weak: Vec::new(), strong: Vec::new(), partial: Vec::new() })
    }

    /// A head without sums: everything travels as literals. For whole files and for appending.
    pub fn without_sums(head: SumHead) -> Signature {
        Signature { head, weak: Vec::new(), strong: Vec::new(), partial: Vec::new() }
    }

    /// Whether the sums of all blocks are here.
    pub fn is_complete(&self) -> bool {
        self.weak.len() >= self.head.count as usize
    }

    /// Takes the next bytes off the wire and returns how many belonged to the signature.
    pub fn push(&mut self, wire: &[u8]) -> usize {
        let entry_bytes = self.head.entry_bytes();
        let mut rest = wire;
        if !self.partial.is_empty() {
            let (taken, behind) = rest.split_at(rest.len().min(entry_bytes - self.partial.len()));
            self.partial.extend_from_slice(taken);
            rest = behind;
            if self.partial.len() < entry_bytes {
                return wire.len();
            }
            let entry = core::mem::take(&mut self.partial);
            self.take_entry(&entry);
        }
        let missing = self.head.count as usize - self.weak.len().min(self.head.count as usize);
        let whole = (rest.len() / entry_bytes).min(missing);
        self.weak.reserve(whole);
        self.strong.reserve(whole * self.head.strong_bytes as usize);
        let (entries, behind) = rest.split_at(whole * entry_bytes);
        entries.chunks_exact(entry_bytes).for_each(|entry| self.take_entry(entry));
        if whole == missing {
            return wire.len() - behind.len();
        }
        self.partial.extend_from_slice(behind);
        wire.len()
    }

    /// The strong sum of block `index`, as far as it travelled; empty if there is no such block.
    pub fn strong_of(&self, index: u32) -> &[u8] {
        let len = self.head.strong_bytes as usize;
        let start = index as usize * len;
        self.strong.get(start..start + len).unwrap_or(&[])
    }

    fn take_entry(&mut self, entry: &[u8]) {
        if let Some((weak, strong)) = entry.split_first_chunk::<4>() {
            self.weak.push(u32::from_le_bytes(*weak));
            self.strong.extend_from_slice(strong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Algorithm;
    use proptest::prelude::*;

    const STRONG: Strong = Strong { algorithm: Algorithm::Xxh128, seed: 12345, seed_first: true };
    const BASIS: &[u8] = b"0123456789abcdefABCDEFGHIJKLMNOPghijklmnopqrstuvQRSTUVWXYZ!?.,:;tail42";
    const HEAD: SumHead = SumHead { count: 5, block_bytes: 16, strong_bytes: 2, remainder: 6 };
    /// The signature of `BASIS` as a stock generator sent it (spec 3.13.2).
    const WIRE: [u8; 30] = [
        0x62, 0x04, 0x5b, 0x1f, 0xe5, 0x80, 0x88, 0x04, 0x30, 0x25, 0x92, 0xf5, 0xe8, 0x06, 0x60, 0x39, 0x65, 0xdb,
        0x86, 0x04, 0x02, 0x2a, 0xda, 0x01, 0x10, 0x02, 0x1f, 0x08, 0x75, 0xae,
    ];

    #[test]
    fn signs_as_stock_does() {
        let mut out = Vec::new();
        let mut signer = Signer::new(HEAD, STRONG);
        signer.push(BASIS, &mut out);
        assert!(signer.is_done());
        assert_eq!(out, WIRE);
        signer.push(b"more", &mut out);
        signer.finish(&mut out);
        assert_eq!(out, WIRE);
    }

    #[test]
    fn a_truncated_basis_counts_as_zeros() {
        let (mut short, mut full) = (Vec::new(), Vec::new());
        let mut signer = Signer::new(HEAD, STRONG);
        signer.push(&BASIS[..20], &mut short);
        signer.finish(&mut short);
        let mut padded = BASIS[..20].to_vec();
        padded.resize(70, 0);
        Signer::new(HEAD, STRONG).push(&padded, &mut full);
        assert_eq!(short, full);
        assert_eq!(short.len(), WIRE.len());
    }

    #[test]
    fn reads_what_was_signed_and_leaves_the_rest() {
        let mut signature = Signature::new(HEAD, u64::MAX, "sender").unwrap();
        let mut wire = WIRE.to_vec();
        wire.extend_from_slice(b"next");
        assert_eq!(signature.push(&wire), WIRE.len());
        assert!(signature.is_complete());
        assert_eq!(signature.weak[1], 0x2530_0488);
        assert_eq!(signature.strong_of(4), [0x75, 0xae]);
        assert_eq!(signature.strong_of(5), []);
        assert_eq!(signature.push(b"next"), 0);
    }

    #[test]
    fn a_head_alone_claims_no_memory() {
        let huge = SumHead { count: i32::MAX as u32, block_bytes: 16, strong_bytes: 16, remainder: 0 };
        let error = Signature::new(huge, 1 << 30, "sender").unwrap_err();
        assert_eq!(error.text_lossy(), "[sender] exceeded --max-alloc=1073741824 setting");
        assert_eq!(error.exit, Exit::MALLOC);
        assert_eq!(Signature::new(huge, u64::MAX, "sender").unwrap().weak.capacity(), 0);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            basis in proptest::collection::vec(any::<u8>(), 1..400),
            block_bytes in 1u32..60,
            strong_bytes in 0u32..=16,
            piece in 1usize..100,
        ) {
            let len = basis.len() as u32;
            let head = SumHead { count: len.div_ceil(block_bytes), block_bytes, strong_bytes, remainder: len % block_bytes };
            let mut naive = Vec::new();
            for block in basis.chunks(block_bytes as usize) {
                let mut strong = [0; DIGEST_BYTES_MAX];
                STRONG.block(block, &mut strong);
                naive.extend_from_slice(&weak(block).to_le_bytes());
                naive.extend_from_slice(&strong[..strong_bytes as usize]);
            }
            let mut out = Vec::new();
            let mut signer = Signer::new(head, STRONG);
            basis.chunks(piece).for_each(|piece| signer.push(piece, &mut out));
            prop_assert!(signer.is_done());
            prop_assert_eq!(&out, &naive);

            let mut signature = Signature::new(head, u64::MAX, "sender").unwrap();
            for piece in out.chunks(piece) {
                prop_assert_eq!(signature.push(piece), piece.len());
            }
            prop_assert!(signature.is_complete());
            prop_assert_eq!(signature.push(b"behind"), 0);
            for (index, entry) in naive.chunks(head.entry_bytes()).enumerate() {
                prop_assert_eq!(&signature.weak[index].to_le_bytes()[..], &entry[..4]);
                prop_assert_eq!(signature.strong_of(index as u32), &entry[4..]);
            }
        }
    }
}
