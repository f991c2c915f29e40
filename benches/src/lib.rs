//! Benchmarks of the engine and of whole processes; the data and the helpers they share.

mod data;
pub mod engine;

pub use data::{one_inserted, random, scattered_edits, text};

/// The native host's choice of hot loops, so that what is measured is what runs.
#[path = "../../host-native/src/simd/mod.rs"]
pub mod simd;
