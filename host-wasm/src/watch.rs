//! What a progress display wants to know: the file that is worked on, how far, and which parts of it the other end had.
//!
//! Nothing is reported by the engine for this. Its counts of matched and literal bytes are looked at whenever it asks for
//! more of a file; what they grew by belongs to what it had read before.

use syncline_core::session::FileId;

/// Parts that a file is divided into for the picture.
pub const CELLS: usize = 240;

/// The file that is worked on.
#[derive(Clone, Debug)]
pub struct Watch {
    file: Option<FileId>,
    /// Its path.
    pub path: String,
    /// Its length.
    pub size: u64,
    /// How far the work has come.
    pub position: u64,
    cells: [(u64, u64); CELLS],
    /// Where the bytes begin that were read but not yet decided upon.
    open_from: u64,
    counts: (u64, u64),
    /// The largest of the files before, as it was at its end.
    largest: Option<Box<Watch>>,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            file: None,
            path: String::new(),
            size: 0,
            position: 0,
            cells: [(0, 0); CELLS],
            open_from: 0,
            counts: (0, 0),
            largest: None,
        }
    }
}

impl Watch {
    /// The work is at this file now, and the engine has found this much so far: matched, literal. Of a receiving engine that
    /// need not be known.
    pub fn see(&mut self, file: FileId, path: &[u8], size: u64, found: Option<(u64, u64)>) {
        if self.file != Some(file) {
            if let Some(found) = found {
                self.settle(found);
            }
            let path = String::from_utf8_lossy(path).into_owned();
            let next = Watch { file: Some(file), path, size, counts: self.counts, ..Watch::default() };
            let mut last = std::mem::replace(self, next);
            let largest = last.largest.take();
            self.largest = match largest {
                Some(largest) if largest.size > last.size => Some(largest),
                _ => last.file.is_some().then(|| Box::new(last)),
            };
        }
        self.size = self.size.max(size);
    }

    /// The engine wants bytes from `at` on, and has found this much so far: matched, literal.
    pub fn reading(&mut self, at: u64, len: u64, found: (u64, u64)) {
        let (matched, literal) = (found.0 - self.counts.0, found.1 - self.counts.1);
        self.counts = found;
        if matched + literal > 0 || at == 0 {
            let covered = at.saturating_sub(self.open_from);
            // In tenths of a percent, so that lengths that don't agree to the byte do no harm.
            let share = matched * 1000 / (matched + literal).max(1);
            self.mark(self.open_from, covered, covered * share / 1000);
            self.open_from = at;
        }
        self.position = (at + len).min(self.size);
    }

    /// The file that tells most of what was done: the largest of all.
    pub fn largest(&self) -> &Watch {
        match &self.largest {
            Some(largest) if largest.size > self.size => largest,
            _ => self,
        }
    }

    /// What was found since the last read belongs to it: a display wants to show it now.
    pub fn settle(&mut self, found: (u64, u64)) {
        if found != self.counts && self.file.is_some() && self.open_from < self.position {
            let to = self.position;
            self.reading(to, 0, found);
        }
    }

    /// Bytes were put into an output at its end.
    pub fn writing(&mut self, at: u64, len: u64, matched: bool) {
        self.mark(at, len, if matched { len } else { 0 });
        self.position = at + len;
    }

    fn mark(&mut self, from: u64, len: u64, matched: u64) {
        if self.size == 0 || len == 0 {
            return;
        }
        let cell = |at: u64| ((u128::from(at) * CELLS as u128 / u128::from(self.size)) as usize).min(CELLS - 1);
        let first = cell(from);
        let last = (u128::from(from + len) * CELLS as u128).div_ceil(u128::from(self.size)) as usize;
        let last = last.saturating_sub(1).clamp(first, CELLS - 1);
        let count = (last - first + 1) as u64;
        for (known, of_it) in &mut self.cells[first..=last] {
            *known += len.div_ceil(count);
            *of_it += matched.div_ceil(count);
        }
    }

    /// One byte a cell: 0 where nothing is known, else from 1 (nothing of it was there) to 255 (all of it was).
    pub fn picture(&self) -> Vec<u8> {
        let level = |&(known, matched): &(u64, u64)| match known {
            0 => 0,
            known => 1 + (matched.min(known) * 254 / known) as u8,
        };
        self.cells.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_what_was_found_where() {
        let mut watch = Watch::default();
        watch.see(FileId(1), b"x", 1000, None);
        watch.reading(0, 250, (0, 0));
        watch.reading(250, 250, (250, 0));
        watch.reading(500, 250, (250, 250));
        let picture = watch.picture();
        assert_eq!((picture[10], picture[100], picture[200]), (255, 1, 0));
        assert_eq!(watch.position, 750);
    }

    #[test]
    fn counts_of_an_earlier_file_do_not_colour_the_next() {
        let mut watch = Watch::default();
        watch.see(FileId(1), b"x", 10, None);
        watch.reading(0, 10, (0, 0));
        watch.see(FileId(2), b"y", 10, None);
        watch.reading(0, 10, (10, 0));
        watch.reading(10, 0, (10, 10));
        assert_eq!(watch.picture()[0], 1);
    }

    #[test]
    fn at_the_end_the_largest_is_shown_whole() {
        let mut watch = Watch::default();
        watch.see(FileId(1), b"small", 10, Some((0, 0)));
        watch.reading(0, 10, (0, 0));
        watch.see(FileId(2), b"large", 1000, Some((0, 10)));
        watch.reading(0, 500, (0, 10));
        watch.reading(500, 500, (500, 10));
        watch.see(FileId(3), b"tiny", 3, Some((500, 510)));
        watch.reading(0, 3, (500, 510));
        watch.settle((503, 510));
        assert_eq!(watch.picture(), [255; CELLS]);
        let largest = watch.largest();
        let picture = largest.picture();
        assert_eq!((largest.path.as_str(), picture[0], picture[CELLS - 1]), ("large", 255, 1));
    }
}
