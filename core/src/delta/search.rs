//! Finding what the other side already has: turns a stream of file data into literals and block numbers (spec 3.6).
//!
//! ```text
//!   window:   [ given out | literal so far |<-- block length -->| not examined | room ]
//!             0           start            at                                  end
//! ```
//!
//! The caller reads the file straight into the window and takes literals out of it without a copy. The window is a few
//! blocks long, however long the file.
//!
//! Any stream of tokens that rebuilds the file is right, so what a peer sends as signature can cost matches but never
//! correctness: in the worst case we stop checking candidates that turn out false too often, see `Credit`.

mod credit;
mod last;
mod sums;

use super::scan::{ScanFn, scan_for};
use super::signature::Signature;
use super::table::Table;
use crate::checksum::{BLOCKS_AT_ONCE, DIGEST_BYTES_MAX, Digest, DigestValue, Md4Many, Strong, WeakSum};
use crate::limits::LITERAL_BYTES;
use alloc::vec;
use alloc::vec::Vec;
use credit::Credit;
use sums::{Ahead, StrongSum};

/// The window is at least this long, unless the caller offers less.
const WINDOW_BYTES: usize = 1 << 20;
/// Blocks whose strong sums are made together when a run of blocks begins.
const BLOCKS_AHEAD_FIRST: usize = 4;
/// In place, how many equal blocks are looked at for one that is not overwritten yet.
const SAME_BLOCKS_MAX: usize = 1024;

/// What a search has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Bytes that no block has: at most [`LITERAL_BYTES`].
    Literal(&'a [u8]),
    /// A whole block of the basis, by number.
    Block(u32),
    /// Nothing without more input: call [`Search::space`], or [`Search::end`].
    More,
    /// The file is at its end.
    End,
}

/// What decides which blocks may be used.
#[derive(Debug, Default)]
pub struct SearchOptions {
    /// The basis is the file being written, so what is overwritten must not be referred to (spec 3.6.3).
    pub updating_in_place: bool,
    /// The digest to feed with the file.
    pub digest: Option<Digest>,
    /// Leading bytes of the input that go into the digest but are not sent: the other side has them (spec 3.6.4).
    pub skip: u64,
    /// The signature's weak sum.
    pub weak: WeakSum,
    /// The last block may be shorter than the signature's head says, and it is not known by how much: it is looked for at
    /// the end of the file at every length.
    pub last_is_unknown: bool,
    /// Runs of blocks cost as much as one: of equal blocks take that at the same offset, or else the first, so that long runs
    /// follow.
    pub wants_runs: bool,
    /// MD4 of several blocks, if the host has one that is faster than the portable one.
    pub md4: Option<Md4Many>,
}

/// What a search has counted, for statistics and debug texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks found.
    pub matches: u64,
    /// Offsets whose weak sum some block has.
    pub hash_hits: u64,
    /// Those of them whose strong sum no usable block has.
    pub false_alarms: u64,
    /// Bytes given out as literals.
    pub literal_bytes: u64,
    /// Bytes in blocks found.
    pub matched_bytes: u64,
}

/// A search of one file against one signature.
#[derive(Debug)]
pub struct Search {
    signature: Signature,
    table: Table,
    strong: Strong,
    weak: WeakSum,
    last_is_unknown: bool,
    wants_runs: bool,
    md4: Option<Md4Many>,
    scan: ScanFn,
    digest: Option<Digest>,
    skip: u64,
    /// Which blocks were used at their own offset, one bit each; only if the basis is being overwritten.
    kept: Option<Vec<u64>>,
    window: Vec<u8>,
    start: usize,
    at: usize,
    end: usize,
    /// The weak sum at `at` if that offset was examined.
    examined: Option<u32>,
    /// The block that starts at `at`.
    found: Option<u32>,
    /// The block behind the one found last.
    wanted: Option<u32>,
    /// Strong sums of the next blocks, made together with one that was needed.
    ahead: Ahead,
    /// Offset of the window in the file.
    window_offset: u64,
    ended: bool,
    credit: Credit,
    tally: Tally,
}

impl Search {
    /// A search with the portable scan.
    pub fn new(signature: Signature, strong: Strong, options: SearchOptions) -> Search {
        let scan = scan_for(options.weak);
        Search::with_scan(signature, strong, options, scan)
    }

    /// A search with a scan that the host chose, for the weak sum of the options.
    pub fn with_scan(signature: Signature, strong: Strong, options: SearchOptions, scan: ScanFn) -> Search {
        let kept = options.updating_in_place.then(|| vec![0; signature.weak.len().div_ceil(64)]);
        Search {
            table: Table::new(&signature),
            strong,
            weak: options.weak,
            last_is_unknown: options.last_is_unknown,
            wants_runs: options.wants_runs,
            md4: options.md4,
            scan,
            digest: options.digest,
            skip: options.skip,
            kept,
            window: Vec::new(),
            start: 0,
            at: 0,
            end: 0,
            examined: None,
            found: None,
            wanted: None,
            ahead: Ahead::default(),
            window_offset: 0,
            ended: false,
            credit: Credit::new(),
            tally: Tally::default(),
            signature,
        }
    }

    /// Room for up to `want` bytes of the file; say with [`Search::filled`] how many were put there. Call it after
    /// [`Found::More`]: then there is always room; at other times it may be empty. The window grows to a few blocks or
    /// 1 MiB, but only as far as needed for what is asked.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        if self.end + want > self.window.len() && self.start > 0 {
            self.window.copy_within(self.start..self.end, 0);
            self.window_offset += self.start as u64;
            self.at -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        let longest = self.block_bytes().saturating_mul(4).max(WINDOW_BYTES);
        let needed = (self.end + want).min(longest);
        if needed > self.window.len() {
            self.window.resize(needed, 0);
        }
        let room = want.min(self.window.len() - self.end);
        &mut self.window[self.end..self.end + room]
    }

    /// `len` bytes were put into what [`Search::space`] lent.
    pub fn filled(&mut self, len: usize) {
        self.end = (self.end + len).min(self.window.len());
    }

    /// There is no more input.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// What comes next in the file.
    #[expect(clippy::should_implement_trait, reason = "what it gives borrows from the search")]
    pub fn next(&mut self) -> Found<'_> {
        self.digest_skipped();
        loop {
            if self.at - self.start >= LITERAL_BYTES || (self.found.is_some() && self.at > self.start) {
                return self.give_literal();
            }
            if let Some(block) = self.found.take() {
                return self.give_block(block);
            }
            match self.advance() {
                Progress::Moved => {}
                Progress::Starved => return Found::More,
                Progress::Exhausted if self.at > self.start => return self.give_literal(),
                Progress::Exhausted => return Found::End,
            }
        }
    }

    /// The bytes of the block that [`Found::Block`] just told of, until the window moves on.
    pub fn block_data(&self, block: u32) -> &[u8] {
        let len = self.signature.head.block_len(block) as usize;
        &self.window[self.at.saturating_sub(len)..self.at]
    }

    /// The digest of everything given out and skipped, once; `None` if there was none to feed.
    pub fn take_digest(&mut self) -> Option<DigestValue> {
        self.digest.take().map(Digest::finish)
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn give_literal(&mut self) -> Found<'_> {
        let start = self.start;
        let len = (self.at - start).min(LITERAL_BYTES);
        self.feed_digest(start, len);
        self.tally.literal_bytes += len as u64;
        self.start += len;
        Found::Literal(&self.window[start..start + len])
    }

    fn give_block(&mut self, block: u32) -> Found<'_> {
        let len = self.signature.head.block_len(block) as usize;
        self.feed_digest(self.at, len);
        if self.signature.head.block_offset(block) == self.file_offset(self.at) {
            self.keep(block);
        }
        self.tally.matches += 1;
        self.tally.matched_bytes += len as u64;
        self.credit.earn(len);
        self.at += len;
        self.start = self.at;
        self.examined = None;
        self.wanted = block.checked_add(1);
        Found::Block(block)
    }

    /// Moves `at` on: to the next block, or past bytes at which no block starts.
    fn advance(&mut self) -> Progress {
        let block_bytes = self.block_bytes();
        let ahead = self.end - self.at;
        if self.table.is_empty() || ahead < block_bytes {
            return self.advance_to_end();
        }
        match self.examined {
            None => {
                let sum = self.weak.of(&self.window[self.at..self.at + block_bytes]);
                self.examined = Some(sum);
                let wanted = self.wanted.and_then(|block| self.signature.weak.get(block as usize));
                if wanted == Some(&sum) || self.table.contains(sum) { self.confirm(sum, true) } else { Progress::Moved }
            }
            Some(_) if ahead == block_bytes => self.advance_to_end(),
            Some(mut sum) => {
                // A literal's worth at a time, so that its bytes are still in the cache when they are given out.
                let end = self.end.min(self.start + LITERAL_BYTES + block_bytes);
                let before = self.at;
                let hit = (self.scan)(&self.window[..end], block_bytes, &self.table, &mut self.at, &mut sum);
                self.examined = Some(sum);
                self.credit.earn(self.at - before);
                if hit { self.confirm(sum, false) } else { Progress::Moved }
            }
        }
    }

    /// Some block has the weak sum of the window: is it one that we may use?
    fn confirm(&mut self, sum: u32, is_first: bool) -> Progress {
        let block_bytes = self.block_bytes();
        // The first offset after a block is always worth a look: it moved the search on by a whole block.
        if !is_first && !self.credit.is_left() {
            return Progress::Moved;
        }
        self.tally.hash_hits += 1;
        let strong = if is_first && self.wanted.is_some() && self.strong.is_wide(self.md4) {
            self.strong_in_run()
        } else {
            self.strong_at(self.at, block_bytes)
        };
        let Some(block) = self.choose(sum, &strong) else {
            self.tally.false_alarms += 1;
            self.credit.spend(block_bytes);
            return Progress::Moved;
        };
        if self.kept.is_some() && sum == 0 {
            return self.align_zeros(block);
        }
        self.found = Some(block);
        Progress::Moved
    }

    /// The block to use for the window: in place the one that is there already, else the one that continues the last
    /// match, else the last that has these sums (spec 3.6.2, 3.6.3).
    fn choose(&self, sum: u32, strong: &StrongSum) -> Option<u32> {
        let offset = self.file_offset(self.at);
        let is_same = |block: &u32| {
            *block < self.signature.head.full_blocks()
                && self.signature.weak.get(*block as usize) == Some(&sum)
                && strong.matches(&self.signature, *block)
        };
        let here = self.kept.as_ref().and_then(|_| self.block_at(offset));
        if let Some(block) = here.filter(is_same) {
            return Some(block);
        }
        let wanted = self.wanted.filter(|&block| is_same(&block) && self.is_usable(block, offset));
        if wanted.is_some() {
            return wanted;
        }
        let same = self.table.find(sum, strong.as_bytes(), &self.signature);
        if self.wants_runs {
            return self.block_at(offset).filter(is_same).or(same.first().copied());
        }
        same.iter().rev().take(SAME_BLOCKS_MAX).copied().find(|&block| self.is_usable(block, offset))
    }

    /// In place, a run of zeros had better match where it already is, a little further on: that saves writing (spec
    /// 3.6.3). `block` is what matches right here.
    fn align_zeros(&mut self, block: u32) -> Progress {
        let block_bytes = self.block_bytes();
        let into_block = (self.file_offset(self.at) % block_bytes as u64) as usize;
        let aligned = self.at + (block_bytes - into_block) % block_bytes;
        if aligned > self.at && aligned + block_bytes > self.end && !self.ended {
            self.examined = None;
            return Progress::Starved;
        }
        self.found = Some(block);
        let there = self.block_at(self.file_offset(aligned));
        if let (Some(there), Some(data)) = (there, self.window[..self.end].get(aligned..aligned + block_bytes)) {
            let is_zero = self.weak.of(data) == 0 && self.signature.weak.get(there as usize) == Some(&0);
            if is_zero && self.strong_at(aligned, block_bytes).matches(&self.signature, there) {
                self.at = aligned;
                self.examined = Some(0);
                self.found = Some(there);
            }
        }
        Progress::Moved
    }

    /// The full-length block of the basis at exactly `offset`.
    fn block_at(&self, offset: u64) -> Option<u32> {
        let block_bytes = u64::from(self.signature.head.block_bytes);
        let block = u32::try_from(offset.checked_div(block_bytes)?).ok()?;
        (offset.is_multiple_of(block_bytes) && block < self.signature.head.full_blocks()).then_some(block)
    }

    /// Whether `block` is still what it was when output has been written up to `offset`.
    fn is_usable(&self, block: u32, offset: u64) -> bool {
        let Some(kept) = &self.kept else { return true };
        let is_kept = || kept.get(block as usize / 64).is_some_and(|bits| bits >> (block % 64) & 1 == 1);
        self.signature.head.block_offset(block) >= offset || is_kept()
    }

    fn keep(&mut self, block: u32) {
        if let Some(bits) = self.kept.as_mut().and_then(|kept| kept.get_mut(block as usize / 64)) {
            *bits |= 1 << (block % 64);
        }
    }

    fn strong_at(&self, at: usize, len: usize) -> StrongSum {
        let mut bytes = [0; DIGEST_BYTES_MAX];
        self.strong.block(&self.window[at..at + len], &mut bytes);
        StrongSum { bytes, len: (self.signature.head.strong_bytes as usize).min(DIGEST_BYTES_MAX) }
    }

    /// The strong sum of the block right behind one that was found. Where one is, more follow, so their sums are made at once:
    /// of a few at first, and of many where that went well.
    fn strong_in_run(&mut self) -> StrongSum {
        let (offset, block_bytes) = (self.file_offset(self.at), self.block_bytes());
        let bytes = self.ahead.at(offset, block_bytes).unwrap_or_else(|| {
            let most = if self.ahead.ends_at(offset, block_bytes) { BLOCKS_AT_ONCE } else { BLOCKS_AHEAD_FIRST };
            let end = self.end.min(self.at.saturating_add(block_bytes.saturating_mul(most)));
            let count = self.strong.blocks(&self.window[self.at..end], block_bytes, self.md4, &mut self.ahead.sums);
            (self.ahead.offset, self.ahead.count) = (offset, count);
            self.ahead.sums[0]
        });
        StrongSum { bytes, len: (self.signature.head.strong_bytes as usize).min(DIGEST_BYTES_MAX) }
    }

    fn digest_skipped(&mut self) {
        if self.skip > 0 && self.end > self.start {
            let len = self.skip.min((self.end - self.start) as u64) as usize;
            self.feed_digest(self.start, len);
            self.skip -= len as u64;
            self.start += len;
            self.at = self.start;
        }
    }

    fn feed_digest(&mut self, at: usize, len: usize) {
        if let Some(digest) = &mut self.digest {
            digest.update(&self.window[at..at + len]);
        }
    }

    fn block_bytes(&self) -> usize {
        self.signature.head.block_bytes as usize
    }

    fn file_offset(&self, at: usize) -> u64 {
        self.window_offset + at as u64
    }
}

enum Progress {
    /// `at` moved, or something was found there.
    Moved,
    /// Nothing moves without more input.
    Starved,
    /// `at` is at the end of the file.
    Exhausted,
}

#[cfg(test)]
mod tests;
