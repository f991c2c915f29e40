//! A progress line for people: what is moving, how far everything is, how fast, and how long it will take.
//!
//! It is redrawn in place, so it goes only to a terminal, whose width the host tells. Nothing parses it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::number::{Level, Numbers};

/// Milliseconds between two redraws.
const REDRAW_MS: u64 = 100;
/// How fast the shown rate follows the real one: the weight of the past is halved over this time.
const HALF_LIFE_MS: f64 = 2000.0;
/// Columns of the bar.
const BAR_COLUMNS: usize = 20;

/// How far things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveUpdate<'a> {
    /// Milliseconds since any fixed moment.
    pub now_ms: u64,
    /// What moves at the moment, already escaped for the terminal.
    pub name: &'a [u8],
    /// Bytes done, of all files.
    pub at: u64,
    /// Bytes of all files.
    pub size: u64,
    /// More files may be found, so that the size is only a lower bound.
    pub growing: bool,
    /// Files done.
    pub files: u64,
    /// Files found.
    pub files_total: u64,
}

/// The meter.
#[derive(Clone, Debug)]
pub struct Live {
    columns: usize,
    /// The terminal shows UTF-8.
    utf8: bool,
    numbers: Numbers,
    last: Option<(u64, u64)>,
    rate: Option<f64>,
    shown: bool,
}

impl Live {
    /// A meter for a terminal this wide.
    pub fn new(columns: usize, utf8: bool, numbers: Numbers) -> Live {
        Live { columns, utf8, numbers: numbers.at(Level::Binary), last: None, rate: None, shown: false }
    }

    /// The terminal has another width now.
    pub fn resize(&mut self, columns: usize) {
        self.columns = columns;
    }

    /// Takes a reading, and gives the line if it is time to draw it.
    pub fn update(&mut self, update: &LiveUpdate<'_>) -> Option<Vec<u8>> {
        let due = match self.last {
            None => true,
            Some((ms, _)) => update.now_ms.saturating_sub(ms) >= REDRAW_MS,
        };
        if !due {
            return None;
        }
        self.follow_rate(update);
        self.shown = true;
        Some(self.draw(update))
    }

    /// Wipes the line, before something else is printed and at the end.
    pub fn clear(&mut self) -> Option<&'static [u8]> {
        core::mem::take(&mut self.shown).then_some(b"\r\x1b[K")
    }

    /// An average of rates in which the past counts less and less, in bytes per second.
    fn follow_rate(&mut self, update: &LiveUpdate<'_>) {
        if let Some((ms, at)) = self.last {
            let passed = update.now_ms.saturating_sub(ms) as f64;
            let current = update.at.saturating_sub(at) as f64 * 1000.0 / passed.max(1.0);
            // 1 / (1 + x) stands for 2^-x: as good for the eye, and needs no library.
            let keep = 1.0 / (1.0 + passed / HALF_LIFE_MS);
            self.rate = Some(self.rate.map_or(current, |rate| rate * keep + current * (1.0 - keep)));
        }
        self.last = Some((update.now_ms, update.at));
    }

    fn draw(&self, update: &LiveUpdate<'_>) -> Vec<u8> {
        let share = if update.size == 0 { 0.0 } else { (update.at as f64 / update.size as f64).min(1.0) };
        let text = |number: u64| String::from_utf8_lossy(&self.numbers.count(number)).into_owned();
        let about = if update.growing { "~" } else { "" };
        let rate = self.rate.unwrap_or(0.0);
        let facts = format!(
            " {:3}%  {}/{about}{}  {}/s  {}  {}/{about}{} files",
            (share * 100.0) as u32,
            text(update.at),
            text(update.size),
            text(rate as u64),
            time_left(update.size.saturating_sub(update.at), rate),
            update.files,
            update.files_total,
        );
        let bar = self.bar(share);
        // Columns are shared out by importance: the facts, then the bar, then the name. The last column stays free, since
        // some terminals wrap when it is written.
        let mut room = self.columns.saturating_sub(1);
        let facts: Vec<u8> = facts.bytes().take(room).collect();
        room -= facts.len();
        let mut line = b"\r".to_vec();
        if room >= BAR_COLUMNS + 2 {
            line.extend_from_slice(bar.as_bytes());
            room -= BAR_COLUMNS + 2;
        }
        line.extend_from_slice(&facts);
        if room >= 12 {
            line.extend_from_slice(b"  ");
            line.extend_from_slice(&self.tail_of(update.name, room - 2));
        }
        line.extend_from_slice(b"\x1b[K");
        line
    }

    fn bar(&self, share: f64) -> String {
        let (full, empty) = if self.utf8 { ("█", "░") } else { ("#", ".") };
        let done = ((share * BAR_COLUMNS as f64) as usize).min(BAR_COLUMNS);
        format!("[{}{}]", full.repeat(done), empty.repeat(BAR_COLUMNS - done))
    }

    /// The end of a name, which tells more than its start, in at most `columns` columns.
    fn tail_of(&self, name: &[u8], columns: usize) -> Vec<u8> {
        let starts: Vec<usize> = name
            .iter()
            .enumerate()
            .filter(|&(_, byte)| !self.utf8 || byte & 0xc0 != 0x80)
            .map(|(index, _)| index)
            .collect();
        if starts.len() <= columns {
            return name.to_vec();
        }
        let dots: &[u8] = if self.utf8 { "…".as_bytes() } else { b"<" };
        let from = starts.get(starts.len() - (columns - 1)).copied().unwrap_or(0);
        [dots, &name[from..]].concat()
    }
}

fn time_left(bytes: u64, rate: f64) -> String {
    let seconds = bytes as f64 / rate;
    if !seconds.is_finite() || seconds >= 360_000.0 {
        return "--:--".into();
    }
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn update(now_ms: u64, at: u64) -> LiveUpdate<'static> {
        LiveUpdate { now_ms, name: b"dir/file", at, size: 4 << 20, growing: false, files: 1, files_total: 3 }
    }

    fn line(live: &mut Live, update: &LiveUpdate<'_>) -> String {
        String::from_utf8(live.update(update).expect("due")).expect("UTF-8")
    }

    #[test]
    fn a_transfer() {
        let mut live = Live::new(100, false, Numbers::default());
        let expect = "\r[....................]   0%  0/4.00M  0/s  --:--  1/3 files  dir/file\x1b[K";
        assert_eq!(line(&mut live, &update(0, 0)), expect);
        assert_eq!(live.update(&update(99, 1)), None, "not yet");
        let expect = "\r[##########..........]  50%  2.00M/4.00M  2.00M/s  00:01  1/3 files  dir/file\x1b[K";
        assert_eq!(line(&mut live, &update(1000, 2 << 20)), expect);
        let growing = LiveUpdate { growing: true, ..update(2000, 3 << 20) };
        assert!(line(&mut live, &growing).contains("3.00M/~4.00M  1.67M/s"));
        assert_eq!(live.clear(), Some(&b"\r\x1b[K"[..]));
        assert_eq!(live.clear(), None);
    }

    #[test]
    fn long_names_lose_their_start() {
        let mut live = Live::new(80, true, Numbers::default());
        let name = "a/very/long/path/that/ends/in/größe.txt".as_bytes();
        let text = line(&mut live, &LiveUpdate { name, ..update(0, 0) });
        assert!(text.ends_with("  …ends/in/größe.txt\x1b[K"), "{text}");
    }

    proptest! {
        #[test]
        fn never_wider_than_the_terminal(
            columns in 0usize..200, utf8: bool, at: u64, size: u64, name in "[a-zäöü/]{0,60}", files: u64,
        ) {
            let mut live = Live::new(columns, utf8, Numbers::default());
            let name = if utf8 { name } else { name.replace(|letter: char| !letter.is_ascii(), "?") };
            let update = LiveUpdate { name: name.as_bytes(), at, size, files, ..update(0, 0) };
            let text = line(&mut live, &update);
            let visible = text.trim_start_matches('\r').trim_end_matches("\x1b[K");
            prop_assert!(visible.chars().count() < columns.max(1), "{} in {}", text, columns);
        }
    }
}
