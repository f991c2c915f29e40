//! The cases that are measured in WebAssembly too, measured natively on one thread: `cases LEN TRIES`, lines of JSON.

use std::time::Instant;
use syncline_benches::engine::{CASES, Cases};
use syncline_benches::simd::best_scan;

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<usize>().unwrap_or(0));
    let (len, tries) = (words.next().unwrap_or(16 << 20), words.next().unwrap_or(3));
    let cases = Cases::new(len, best_scan());
    for (case, name) in CASES.iter().enumerate() {
        let mut best = f64::INFINITY;
        let mut result = 0;
        for _ in 0..tries.max(1) {
            let begun = Instant::now();
            result = cases.run(case);
            best = best.min(begun.elapsed().as_secs_f64());
        }
        println!(r#"{{"name":"{name}","seconds":{best},"result":{result}}}"#);
    }
}
