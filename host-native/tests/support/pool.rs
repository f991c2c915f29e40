//! Runs the cells of a matrix on a few threads and says at the end how many passed.
//!
//! Test functions themselves run side by side, so the limit on cells at work holds for the whole process.

use std::env;
use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

/// How many failures are printed in full; of the others, only the names.
const SHOWN: usize = 60;

/// Slots taken, of the whole process.
static SLOTS: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

struct Slot;

impl Slot {
    fn take(limit: usize) -> Self {
        let mut taken = SLOTS.1.wait_while(SLOTS.0.lock().expect("slots"), |taken| *taken >= limit).expect("slots");
        *taken += 1;
        Self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *SLOTS.0.lock().expect("slots") -= 1;
        SLOTS.1.notify_one();
    }
}

/// Runs `check` on every cell and panics with the failures' reports when any fails. `SYNCLINE_CELL` narrows the cells to those
/// whose name contains each of its words; `SYNCLINE_THREADS` sets how many run at a time.
pub fn run<C: Sync>(
    group: &str,
    cells: &[C],
    name: impl Fn(&C) -> String + Sync,
    check: impl Fn(&C) -> Result<(), String> + Sync,
) {
    let words = env::var("SYNCLINE_CELL").unwrap_or_default();
    let chosen: Vec<&C> =
        cells.iter().filter(|cell| words.split_whitespace().all(|word| has_word(&name(cell), word))).collect();
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let threads = env::var("SYNCLINE_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(cores).max(1);
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(cell) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _slot = Slot::take(threads);
                    let result = catch_unwind(AssertUnwindSafe(|| check(cell)));
                    let result =
                        result.unwrap_or_else(|panic| Err(format!("the cell panicked: {}", panic_text(&*panic))));
                    if let Err(report) = result {
                        failures.lock().expect("failures").push(format!("FAILED {group}: {}\n{report}", name(cell)));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("failures");
    let passed = chosen.len() - failures.len();
    // Written to the stream itself, since `println!` of a passing test is not shown.
    let _ = writeln!(
        stderr(),
        "{group}: {passed} of {} cells passed in {:.1} s",
        chosen.len(),
        start.elapsed().as_secs_f32()
    );
    let shown = env::var("SYNCLINE_SHOWN").ok().and_then(|n| n.parse().ok()).unwrap_or(SHOWN);
    for failure in failures.iter().take(shown) {
        let _ = writeln!(stderr(), "{failure}");
    }
    for failure in failures.iter().skip(shown) {
        let _ = writeln!(stderr(), "{}", failure.lines().next().unwrap_or_default());
    }
    assert!(failures.is_empty(), "{group}: {} of {} cells failed", failures.len(), chosen.len());
}

fn has_word(name: &str, word: &str) -> bool {
    name.split_whitespace().any(|part| part == word)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "no text".to_owned())
}
