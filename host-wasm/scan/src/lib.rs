//! The search's hot loop, a package of its own so that the profile `wasm` can compile it for speed, with vectors, while all
//! else is compiled for size.

use syncline_core::delta::Table;

/// See [`syncline_core::delta::ScanFn`].
pub fn scan(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    syncline_core::delta::scan(data, window, table, at, sum)
}
