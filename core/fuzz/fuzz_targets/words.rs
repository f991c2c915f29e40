//! The command line that a client sends to a daemon.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::options::{Env, Refusals, Setup, parse_worker};

fuzz_target!(|input: &[u8]| {
    let words: Vec<Vec<u8>> = input.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    parse_worker(&words, &Env::default(), &Setup::default(), &Refusals::new(&[]), None);
});
