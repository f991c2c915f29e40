//! The cases of `engine.rs` as a module that imports nothing: what `cargo xtask bench browser` runs in node and in Chromium.
//! It is compiled as the page's module is, with the same hot loop.

#[path = "../../src/data.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod data;
#[path = "../../src/engine.rs"]
#[allow(dead_code, reason = "the names of the cases are told by the native run")]
mod engine;

use std::cell::RefCell;

thread_local! {
    static CASES: RefCell<Option<engine::Cases>> = const { RefCell::new(None) };
}

/// Makes the data: files of `len` bytes.
// SAFETY: no other function of this module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(len: usize) {
    CASES.set(Some(engine::Cases::new(len, syncline_wasm_scan::scan)));
}

/// Runs a case; see `Cases::run`.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub extern "C" fn run(case: usize) -> f64 {
    CASES.with_borrow(|cases| cases.as_ref().map_or(-1.0, |cases| cases.run(case) as f64))
}
