//! The search: finds blocks of the basis in the sender's file, wherever they lie (spec 3.6).
//!
//! The file passes through a window of bounded size. Between what was handed out and the position under the sum lies at most
//! one literal:
//!
//! ```text
//! window   ░░░░░ handed out ░░░░░┃ literal ┃ block under the sum ┃ read ahead │ free
//!                              sent       pos              pos + block      filled
//! ```
//!
//! Work stays linear in the file's length whatever the sums are: chains of equal weak sums are short, since blocks with equal
//! sums count once, and strong sums are computed against a budget that grows with the bytes passed and that hits refund.

use alloc::vec;
use alloc::vec::Vec;

use super::scan::{Filter, ScanFn, scan};
use super::{Signature, SumHead};
use crate::checksum::rolling::{self, Rolling};
use crate::checksum::{Digest, DigestValue, Strong};
use crate::limits::LITERAL_BYTES;

/// Blocks with equal weak and different strong sums that are tried at one position.
const CHAIN_MAX: usize = 1024;
/// Bytes that strong sums may cover in vain, at the start and per byte passed.
const BUDGET_START: u64 = 64 << 20;
const BUDGET_PER_BYTE: u64 = 8;
/// Smallest window.
const WINDOW_BYTES: usize = 1 << 20;
const NONE: u32 = u32::MAX;

/// What the search depends on besides the sums.
#[derive(Debug, Default)]
pub struct SearchOptions {
    /// The basis is being overwritten: blocks behind the position may be gone (spec 3.6.3).
    pub updating_in_place: bool,
    /// The digest of the whole file, fed as it passes.
    pub digest: Option<Digest>,
    /// Bytes at the start of the file that only count for the digest (`--append-verify`).
    pub skip: u64,
}

/// What was found next.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Bytes that no block holds, at most [`LITERAL_BYTES`].
    Literal(&'a [u8]),
    /// A block of the basis.
    Block {
        /// Which.
        index: u32,
        /// Its bytes, as they are in the file.
        bytes: &'a [u8],
    },
    /// More of the file is needed.
    More,
    /// The file has passed.
    End,
}

/// What stock rsync counts at `-vv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks found.
    pub matches: u64,
    /// Positions whose weak sum was in the table.
    pub hash_hits: u64,
    /// Strong sums that did not match.
    pub false_alarms: u64,
    /// Literal bytes.
    pub literal: u64,
}

/// A search through one file.
pub struct Search {
    head: SumHead,
    signature: Signature,
    strong: Strong,
    scan: ScanFn,
    filter: Option<Filter>,
    heads: Vec<u32>,
    chain: Vec<u32>,
    in_place: bool,
    /// Blocks that lie where they are needed, in place.
    kept: Vec<bool>,
    digest: Option<Digest>,
    skip: u64,
    window: Vec<u8>,
    sent: usize,
    pos: usize,
    filled: usize,
    /// Offset of the window in the file.
    offset: u64,
    sum: Option<Rolling>,
    queued: Option<(u32, usize)>,
    previous: Option<u32>,
    ended: bool,
    tail_tried: bool,
    budget: u64,
    counters: Counters,
}

impl core::fmt::Debug for Search {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Search").field("head", &self.head).field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl Search {
    /// A search for the blocks of a signature; one without sums finds only literals.
    pub fn new(signature: Signature, strong: Strong, options: SearchOptions) -> Search {
        let head = signature.head;
        let count = signature.weak.len();
        let window = WINDOW_BYTES.max(4 * head.block_bytes as usize);
        let mut search = Search {
            head,
            strong,
            scan: |data, len, end, sum, filter| scan(data, len, end, sum, filter),
            filter: (count > 0).then(|| Filter::new(&signature.weak)),
            heads: Vec::new(),
            chain: Vec::new(),
            in_place: options.updating_in_place,
            kept: if options.updating_in_place { vec![false; count] } else { Vec::new() },
            digest: options.digest,
            skip: options.skip,
            window: vec![0; if count > 0 { window } else { WINDOW_BYTES }],
            sent: 0,
            pos: 0,
            filled: 0,
            offset: 0,
            sum: None,
            queued: None,
            previous: None,
            ended: false,
            tail_tried: false,
            budget: BUDGET_START,
            counters: Counters::default(),
            signature,
        };
        search.build_table();
        search
    }

    /// Uses another compilation of [`scan`].
    pub fn with_scan(mut self, scan: Option<ScanFn>) -> Search {
        if let Some(scan) = scan {
            self.scan = scan;
        }
        self
    }

    /// Blocks by weak sum, lower ones first; of blocks with equal sums only the first.
    fn build_table(&mut self) {
        let count = self.signature.weak.len();
        if count == 0 {
            return;
        }
        self.heads = vec![NONE; (count * 2).next_power_of_two()];
        self.chain = vec![NONE; count];
        let mut tails = vec![NONE; self.heads.len()];
        let mut lengths = vec![0u16; self.heads.len()];
        for index in 0..count as u32 {
            let slot = self.slot(self.signature.weak[index as usize]);
            if usize::from(lengths[slot]) >= CHAIN_MAX || self.is_known(slot, index) {
                continue;
            }
            lengths[slot] += 1;
            match tails[slot] {
                NONE => self.heads[slot] = index,
                tail => self.chain[tail as usize] = index,
            }
            tails[slot] = index;
        }
    }

    /// Whether an equal block is in the chain already; looked for among the first few only, so that building stays linear.
    fn is_known(&self, slot: usize, index: u32) -> bool {
        let mut at = self.heads[slot];
        for _ in 0..16 {
            if at == NONE {
                return false;
            }
            let same_len = self.head.block_len(at) == self.head.block_len(index);
            let same_weak = self.signature.weak[at as usize] == self.signature.weak[index as usize];
            if same_len && same_weak && self.signature.strong(at) == self.signature.strong(index) {
                return true;
            }
            at = self.chain[at as usize];
        }
        false
    }

    fn slot(&self, weak: u32) -> usize {
        (weak.wrapping_mul(0x9e37_79b1) >> 7) as usize & (self.heads.len() - 1)
    }

    /// Room to read the file into: at most `want` bytes.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        let keep = self.sent;
        if keep > 0 && (self.window.len() - self.filled < want || keep == self.filled) {
            self.window.copy_within(keep..self.filled, 0);
            self.offset += keep as u64;
            self.filled -= keep;
            self.pos -= keep;
            self.sent = 0;
        }
        let end = self.window.len().min(self.filled + want);
        &mut self.window[self.filled..end]
    }

    /// `n` bytes were read into [`Search::space`].
    pub fn filled(&mut self, n: usize) {
        self.filled = (self.filled + n).min(self.window.len());
    }

    /// The file has no more bytes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Goes on to the next finding.
    #[allow(clippy::should_implement_trait, reason = "it lends")]
    pub fn next(&mut self) -> Found<'_> {
        self.pass_skipped();
        loop {
            if let Some((index, len)) = self.queued {
                if self.sent < self.pos {
                    return self.literal();
                }
                self.queued = None;
                return self.block(index, len);
            }
            if self.pos - self.sent >= LITERAL_BYTES {
                return self.literal();
            }
            if self.advance() {
                continue;
            }
            if !self.ended {
                return Found::More;
            }
            self.pos = self.filled;
            return if self.sent < self.filled { self.literal() } else { Found::End };
        }
    }

    /// The digest of everything that passed.
    pub fn take_digest(&mut self) -> DigestValue {
        self.digest.take().map(Digest::finish).unwrap_or_default()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn pass_skipped(&mut self) {
        if self.skip == 0 {
            return;
        }
        let n = ((self.filled - self.sent) as u64).min(self.skip) as usize;
        if let Some(digest) = &mut self.digest {
            digest.update(&self.window[self.sent..self.sent + n]);
        }
        self.skip -= n as u64;
        self.sent += n;
        self.pos = self.sent;
    }

    fn literal(&mut self) -> Found<'_> {
        let from = self.sent;
        let to = self.pos.min(from + LITERAL_BYTES);
        self.sent = to;
        self.counters.literal += (to - from) as u64;
        let bytes = &self.window[from..to];
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Found::Literal(bytes)
    }

    fn block(&mut self, index: u32, len: usize) -> Found<'_> {
        let from = self.pos;
        if self.in_place && self.offset + from as u64 == u64::from(index) * u64::from(self.head.block_bytes) {
            self.kept[index as usize] = true;
        }
        self.pos += len;
        self.sent = self.pos;
        self.sum = None;
        self.previous = Some(index);
        self.counters.matches += 1;
        let bytes = &self.window[from..from + len];
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Found::Block { index, bytes }
    }

    /// Moves the position on, to a match or over a stretch without one. False if the bytes at hand are used up.
    fn advance(&mut self) -> bool {
        let Some(filter) = &self.filter else {
            let moved = self.pos < self.filled;
            self.pos = self.filled.min(self.sent + LITERAL_BYTES);
            return moved && self.pos - self.sent >= LITERAL_BYTES;
        };
        let len = self.head.block_bytes as usize;
        if self.filled - self.pos < len {
            return self.ended && self.match_tail();
        }
        let pos = self.pos;
        let mut sum = self.sum.unwrap_or_else(|| Rolling::of(&self.window[pos..pos + len]));
        // The last position that has a whole block, or where a literal is full.
        let end = (self.filled - len - pos).min(self.sent + LITERAL_BYTES - pos);
        let moved = (self.scan)(&self.window[pos..self.filled], len, end, &mut sum, filter);
        let hit = filter.has(sum.value());
        self.pos += moved;
        self.budget += moved as u64 * BUDGET_PER_BYTE;
        self.sum = Some(sum);
        if hit && self.match_here(sum.value(), len) {
            return true;
        }
        if self.pos + len < self.filled {
            let (old, new) = (self.window[self.pos], self.window[self.pos + len]);
            sum.roll(len as u32, old, new);
            self.sum = Some(sum);
            self.pos += 1;
            return true;
        }
        // The last whole block at hand doesn't match; what follows it isn't known yet, so the position moves without a sum.
        self.pos += 1;
        self.sum = None;
        self.ended && self.match_tail()
    }

    /// The last block, if it is shorter than the others, can only be at the very end.
    fn match_tail(&mut self) -> bool {
        let len = self.head.remainder as usize;
        if self.tail_tried || len == 0 || self.filled < self.pos + len || self.signature.weak.is_empty() {
            return false;
        }
        self.tail_tried = true;
        let index = self.signature.weak.len() as u32 - 1;
        let at = self.filled - len;
        let tail = &self.window[at..self.filled];
        if rolling::weak(tail) != self.signature.weak[index as usize] || !self.may_use(index, at) {
            return false;
        }
        self.counters.hash_hits += 1;
        if !self.is_strong(tail, index) {
            self.counters.false_alarms += 1;
            return false;
        }
        self.pos = at;
        self.queued = Some((index, len));
        true
    }

    fn is_strong(&self, data: &[u8], index: u32) -> bool {
        let mut strong = [0; 20];
        self.strong.block(data, &mut strong);
        strong.starts_with(self.signature.strong(index))
    }

    /// Looks for a whole block at the position.
    fn match_here(&mut self, weak: u32, len: usize) -> bool {
        let first = self.heads[self.slot(weak)];
        let mut at = first;
        while at != NONE && self.signature.weak[at as usize] != weak {
            at = self.chain[at as usize];
        }
        if at == NONE || self.budget < len as u64 {
            return false;
        }
        self.counters.hash_hits += 1;
        self.budget -= len as u64;
        let mut strong = [0; 20];
        self.strong.block(&self.window[self.pos..self.pos + len], &mut strong);
        let Some(index) = self.choose(weak, len, &strong, at) else {
            self.counters.false_alarms += 1;
            return false;
        };
        self.budget += len as u64;
        self.queued = Some((index, len));
        true
    }

    /// The block to use: in place the one that lies here already, else the one after the previous, else the first that matches.
    fn choose(&self, weak: u32, len: usize, strong: &[u8; 20], first: u32) -> Option<u32> {
        let is = |index: u32| {
            (index as usize) < self.signature.weak.len()
                && self.signature.weak[index as usize] == weak
                && self.head.block_len(index) as usize == len
                && strong.starts_with(self.signature.strong(index))
                && self.may_use(index, self.pos)
        };
        let offset = self.offset + self.pos as u64;
        if self.in_place && offset.is_multiple_of(len as u64) {
            let here = offset / len as u64;
            if here < u64::from(NONE) && is(here as u32) {
                return Some(here as u32);
            }
        }
        if let Some(next) = self.previous.map(|index| index + 1).filter(|&next| is(next)) {
            return Some(next);
        }
        let mut at = first;
        while at != NONE {
            if is(at) {
                return Some(at);
            }
            at = self.chain[at as usize];
        }
        None
    }

    /// In place, a block can be used while it has not been overwritten.
    fn may_use(&self, index: u32, at: usize) -> bool {
        !self.in_place
            || u64::from(index) * u64::from(self.head.block_bytes) >= self.offset + at as u64
            || self.kept[index as usize]
    }
}

#[cfg(test)]
mod tests;
