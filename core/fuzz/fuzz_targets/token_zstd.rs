//! Token streams with the compressor "zstd", as the native host does it.
#![no_main]

#[path = "common_token.rs"]
mod common;
#[path = "../../../host-native/src/zstd.rs"]
mod zstd;

use libfuzzer_sys::fuzz_target;
use syncline_core::wire::{Codecs, Compressor};

fuzz_target!(|input: &[u8]| common::run(input, Compressor::Zstd, &Codecs { zstd: Some(zstd::ZSTD) }));
