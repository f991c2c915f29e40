//! Progress on a terminal. Nothing is shown where standard error goes elsewhere, nor for what takes no time.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long work takes before it is worth a bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes done.
pub struct Bar {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    start: Instant,
    bar: Option<ProgressBar>,
    is_wanted: bool,
}

impl Bar {
    /// For `total` bytes, or for nobody knows how many.
    pub fn new(what: &'static str, total: Option<u64>) -> Bar {
        let is_wanted = std::io::stderr().is_terminal();
        Bar { what, total, done: 0, start: Instant::now(), bar: None, is_wanted }
    }

    /// `len` more are done.
    pub fn advance(&mut self, len: usize) {
        self.done += len as u64;
        if !self.is_wanted || (self.bar.is_none() && self.start.elapsed() < PATIENCE) {
            return;
        }
        let (what, total) = (self.what, self.total);
        self.bar.get_or_insert_with(|| make(what, total)).set_position(self.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn make(what: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {bytes} {binary_bytes_per_sec}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what)
}
