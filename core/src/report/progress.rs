//! Progress meters: rsync's own lines, which programs parse, and a line for people at a terminal (spec 3.11.3, 4.12).
//!
//! Time comes in as milliseconds, text goes out; nothing is printed here. A meter keeps the last five readings, one per
//! second, and shows the rate between the oldest of them and now:
//!
//! ```text
//!            oldest                    newest   now
//!   readings   o------o------o------o------o-----·
//!              '----------- rate -----------------'
//! ```

mod live;

pub use live::{Live, LiveUpdate};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::number::Numbers;

/// Milliseconds between two lines.
const CADENCE_MS: u64 = 1000;
/// A file that starts this soon after the last reading of the one before it counts its time from there.
const CONTINUES_MS: u64 = 1500;
/// Readings that the rate is taken over.
const READINGS: usize = 5;
/// Longest time that is shown, in seconds: 9999 hours.
const SECONDS_MAX: f64 = 9999.0 * 3600.0;

/// What a meter measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `--progress`: each file for itself, its last line ends in a newline.
    File,
    /// `--info=progress2`: the whole transfer, on one line that is written over and over.
    Transfer,
}

/// How far things are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressUpdate {
    /// Milliseconds since any fixed moment.
    pub now_ms: u64,
    /// Bytes of this file that are done.
    pub at: u64,
    /// Bytes of this file.
    pub size: u64,
    /// This file is complete; also the line at the end of each file list or phase, where nothing new was done.
    pub last: bool,
    /// Files transferred so far, this one included if it is complete.
    pub transferred: u32,
    /// Bytes of all files transferred before this one.
    pub done_before: u64,
    /// Bytes of all files in the list.
    pub total_size: u64,
    /// Entries after this one.
    pub left: u64,
    /// Entries in the list so far.
    pub total: u64,
    /// No more entries will come.
    pub list_complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    ms: u64,
    at: u64,
}

/// The readings of a meter since its start.
#[derive(Clone, Debug)]
struct History {
    start: Reading,
    ring: [Reading; READINGS],
    newest: usize,
}

impl History {
    fn new(start: Reading) -> History {
        History { start, ring: [start; READINGS], newest: 0 }
    }

    fn newest(&self) -> Reading {
        self.ring[self.newest]
    }

    /// Takes the place of the oldest reading.
    fn push(&mut self, reading: Reading) {
        self.newest = (self.newest + 1) % READINGS;
        self.ring[self.newest] = reading;
    }

    fn oldest(&self) -> Reading {
        self.ring[(self.newest + 1) % READINGS]
    }
}

/// One of rsync's meters.
#[derive(Clone, Debug)]
pub struct Progress {
    scope: Scope,
    numbers: Numbers,
    history: Option<History>,
    /// When the last reading of the file before this one was taken.
    previous_ms: Option<u64>,
    /// Columns of the last ending, which the next one has to cover.
    ending_columns: usize,
    /// A line stands on the screen without its newline.
    open: bool,
}

impl Progress {
    /// A meter that has seen nothing.
    pub fn new(scope: Scope, numbers: Numbers) -> Progress {
        Progress { scope, numbers, history: None, previous_ms: None, ending_columns: 0, open: false }
    }

    /// Takes a reading. Gives a line if one is due, which is always so for the last of a file.
    pub fn update(&mut self, update: &ProgressUpdate) -> Option<Vec<u8>> {
        let (at, size) = match self.scope {
            Scope::File => (update.at, update.size),
            Scope::Transfer => (update.done_before.saturating_add(update.at), update.total_size),
        };
        let now = Reading { ms: update.now_ms, at };
        if update.last { Some(self.last_line(now, size, update)) } else { self.running_line(now, size) }
    }

    /// Before any other line is printed: ends a line that stands open.
    pub fn interrupt(&mut self) -> Option<&'static [u8]> {
        core::mem::take(&mut self.open).then_some(b"\n")
    }

    /// At the end of the session: the newline that is still missing.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        self.interrupt().map(<[u8]>::to_vec)
    }

    fn running_line(&mut self, now: Reading, size: u64) -> Option<Vec<u8>> {
        match &mut self.history {
            None => {
                let start = self.continued(now.ms).unwrap_or(now);
                self.history = Some(History::new(start));
            }
            Some(history) if now.ms.saturating_sub(history.newest().ms) < CADENCE_MS => {
                return None;
            }
            Some(history) => history.push(now),
        }
        let oldest = self.history.as_ref()?.oldest();
        let rate = rate(oldest, now, now.ms.saturating_sub(oldest.ms));
        // As rsync computes it: the rate is in units of 1024 bytes, the time takes them for 1000.
        let seconds = if rate == 0.0 { 0.0 } else { (size as f64 - now.at as f64) / rate / 1000.0 };
        self.open = true;
        Some(self.line(now.at, size, rate, seconds, b"  "))
    }

    fn last_line(&mut self, now: Reading, size: u64, update: &ProgressUpdate) -> Vec<u8> {
        let start = match &self.history {
            Some(history) => history.start,
            None => self.continued(now.ms).unwrap_or(Reading { ms: now.ms, at: 0 }),
        };
        let elapsed = now.ms.saturating_sub(start.ms).max(1);
        let mut ending = ending(update).into_bytes();
        match self.scope {
            Scope::File => {
                self.previous_ms = Some(self.history.take().map_or(start.ms, |history| history.newest().ms));
                ending.push(b'\n');
            }
            Scope::Transfer => {
                self.history.get_or_insert(History::new(start));
                let columns = core::mem::replace(&mut self.ending_columns, ending.len());
                ending.resize(ending.len().max(columns), b' ');
            }
        }
        self.open = self.scope == Scope::Transfer;
        self.line(now.at, size, rate(start, now, elapsed), elapsed as f64 / 1000.0, &ending)
    }

    /// Where a file starts that follows close on another.
    fn continued(&self, now_ms: u64) -> Option<Reading> {
        let ms = self.previous_ms.filter(|&ms| now_ms.saturating_sub(ms) < CONTINUES_MS)?;
        Some(Reading { ms, at: 0 })
    }

    fn line(&self, at: u64, size: u64, rate: f64, seconds: f64, ending: &[u8]) -> Vec<u8> {
        let bytes = self.numbers.count(at);
        let percent = if at == size { 100 } else { (100.0 * at as f64 / size as f64) as u64 };
        let (rate, unit) = match rate {
            rate if rate > 1024.0 * 1024.0 => (rate / 1024.0 / 1024.0, "GB/s"),
            rate if rate > 1024.0 => (rate / 1024.0, "MB/s"),
            rate => (rate, "kB/s"),
        };
        let rate = self.numbers.fixed(rate, 2);
        let mut line = Vec::with_capacity(80);
        line.push(b'\r');
        put_right(&mut line, &bytes, 15);
        line.push(b' ');
        put_right(&mut line, format!("{percent}%").as_bytes(), 4);
        line.push(b' ');
        put_right(&mut line, &rate, 7);
        line.extend_from_slice(format!("{unit} {}", clock(seconds)).as_bytes());
        line.extend_from_slice(ending);
        line
    }
}

/// Units of 1024 bytes per second between two readings.
fn rate(from: Reading, to: Reading, ms: u64) -> f64 {
    if ms == 0 {
        return 0.0;
    }
    (to.at as f64 - from.at as f64) * 1000.0 / ms as f64 / 1024.0
}

/// `   0:00:00`, or question marks where nobody can tell.
fn clock(seconds: f64) -> String {
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return "  ??:??:??".into();
    }
    let whole = seconds as u64;
    format!("{:4}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// ` (xfr#N, to-chk=R/T)`.
fn ending(update: &ProgressUpdate) -> String {
    let check = if update.list_complete { "to" } else { "ir" };
    format!(" (xfr#{}, {check}-chk={}/{})", update.transferred, update.left, update.total)
}

fn put_right(line: &mut Vec<u8>, text: &[u8], columns: usize) {
    line.resize(line.len() + columns.saturating_sub(text.len()), b' ');
    line.extend_from_slice(text);
}

#[cfg(test)]
mod tests;
