//! The end of the file, where only a short last block of the basis still fits.

use super::{Progress, Search};

/// How many lengths of a last block may turn out wrong after their weak sum was right.
const SHORT_TRIES_MAX: u32 = 64;

impl Search {
    /// Moves `at` on where no full-length block fits any more, or where there is none at all.
    pub(super) fn advance_to_end(&mut self) -> Progress {
        let head = self.signature.head;
        let short =
            if self.signature.is_complete() && head.full_blocks() < head.count { head.remainder as usize } else { 0 };
        if !self.ended {
            // Without full-length blocks all but what may be the short last one is literal already.
            let literal_end = self.end.saturating_sub(short);
            if !self.table.is_empty() || literal_end <= self.at {
                return Progress::Starved;
            }
            self.at = literal_end;
            return Progress::Moved;
        }
        if self.at == self.end {
            return Progress::Exhausted;
        }
        if short > 0 && self.end - self.at >= short && self.is_short_block(self.end - short) {
            self.at = self.end - short;
            self.found = Some(head.count - 1);
        } else if let Some(len) = self.find_short_block() {
            self.signature.head.remainder = len as u32;
            self.at = self.end - len;
            self.found = Some(head.count - 1);
        } else {
            self.at = self.end;
        }
        Progress::Moved
    }

    /// Whether the rest of the file from `at` is the short last block of the basis.
    fn is_short_block(&mut self, at: usize) -> bool {
        let last = self.signature.head.count - 1;
        let rest = &self.window[at..self.end];
        if self.signature.weak.get(last as usize) != Some(&self.weak.of(rest))
            || !self.is_usable(last, self.file_offset(at))
        {
            return false;
        }
        self.tally.hash_hits += 1;
        let same = self.strong_at(at, self.end - at).matches(&self.signature, last);
        self.tally.false_alarms += u64::from(!same);
        same
    }

    /// How much of the end of the file is the last block of the basis, where it is not known how long that is.
    fn find_short_block(&mut self) -> Option<usize> {
        if !self.last_is_unknown || !self.signature.is_complete() {
            return None;
        }
        let last = self.signature.head.count.checked_sub(1)?;
        let wanted = *self.signature.weak.get(last as usize)?;
        let longest = self.block_bytes().saturating_sub(1);
        let mut tries = 0;
        self.weak.suffix(&self.window[self.at..self.end], longest, |sum, len| {
            let may_be = sum == wanted && tries < SHORT_TRIES_MAX;
            tries += u32::from(may_be);
            may_be && self.strong_at(self.end - len, len).matches(&self.signature, last)
        })
    }
}
