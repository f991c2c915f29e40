//! The module that a browser loads: all of `syncline-wasm`, linked.
//!
//! The package that is compiled last decides whether loops become vectors, in all of them. So it has to be compiled for speed,
//! and must not have code of its own, which then could not be compiled for size.

pub use syncline_wasm::*;
