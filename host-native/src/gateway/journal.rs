//! The gateway's log: lines in the daemon's style. A client that is refused a thousand times a second does not fill the disk:
//! of each reason there are a few lines, and then the number of those left out.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::refusal::Refusal;
use crate::daemon::log::{Log, stamped};

/// So many lines of a reason are written in [`WINDOW`].
const LINES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// A log that all threads write to.
pub struct Journal {
    /// Without one, lines go to standard error.
    log: Option<Mutex<Log>>,
    budgets: Mutex<Vec<Budget>>,
}

/// Lines of one reason.
#[derive(Clone, Copy)]
struct Budget {
    since: Instant,
    written: u32,
    left_out: u32,
}

impl Journal {
    /// Writes to a log of the daemon, or else to standard error.
    pub fn new(log: Option<Log>) -> Journal {
        let budget = Budget { since: Instant::now(), written: 0, left_out: 0 };
        Journal { log: log.map(Mutex::new), budgets: Mutex::new(vec![budget; Refusal::ALL.len()]) }
    }

    /// A line about an ordinary event.
    pub fn info(&self, text: &str) {
        match &self.log {
            Some(log) => log.lock().unwrap_or_else(PoisonError::into_inner).info(text),
            // Nobody to tell it to, if that fails.
            None => drop(std::io::stderr().write_all(&stamped(text.as_bytes()))),
        }
    }

    /// A line about a refusal, unless there were many like it just now.
    pub fn refused(&self, refusal: Refusal, text: &str) {
        let left_out = {
            let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
            match budgets.get_mut(refusal as usize).and_then(|budget| budget.spend(Instant::now())) {
                Some(left_out) => left_out,
                None => return,
            }
        };
        match left_out {
            0 => self.info(text),
            _ => self.info(&format!("{text} (and {left_out} more for the same reason, without a line)")),
        }
    }
}

impl Budget {
    /// Whether a line may be written, and how many were not since the last one.
    fn spend(&mut self, now: Instant) -> Option<u32> {
        if now.saturating_duration_since(self.since) > WINDOW {
            self.since = now;
            self.written = 0;
        }
        if self.written >= LINES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_summed_up() {
        let start = Instant::now();
        let mut budget = Budget { since: start, written: 0, left_out: 0 };
        let written = (0..1000).filter(|_| budget.spend(start).is_some()).count();
        assert_eq!(written, LINES_MAX as usize);
        let later = start + WINDOW + Duration::from_secs(1);
        assert_eq!(budget.spend(later), Some(1000 - LINES_MAX));
        assert_eq!(budget.spend(later), Some(0));
    }
}
