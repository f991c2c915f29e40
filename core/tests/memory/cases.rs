//! How many cases the property tests try.

use proptest::test_runner::{Config as ProptestConfig, RngSeed};

/// The same `default` cases in every run, so that a change is judged by what it changed. With `PROPTEST_CASES`, that many
/// others: to search for what nobody thought of.
pub fn cases(default: u32) -> ProptestConfig {
    let base = ProptestConfig { max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var("PROPTEST_CASES") {
        Ok(_) => base,
        Err(_) => ProptestConfig { cases: default, rng_seed: RngSeed::Fixed(1), ..base },
    }
}
