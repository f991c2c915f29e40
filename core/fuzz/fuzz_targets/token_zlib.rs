//! Token streams with the compressor "zlib".
#![no_main]

#[path = "common_token.rs"]
mod common;

use libfuzzer_sys::fuzz_target;
use syncline_core::wire::{Codecs, Compressor};

fuzz_target!(|input: &[u8]| common::run(input, Compressor::Zlib, &Codecs::default()));
