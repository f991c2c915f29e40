//! Hot loops compiled for what this processor has, chosen once at run time.
//!
//! The engine's scan is plain code that compilers vectorise. Built for the oldest processors of its kind it gets their short
//! vectors; built here once more with a feature enabled, the same source gets longer ones.

use syncline_core::delta::{ScanFn, Table, scan};

/// The fastest scan that this processor runs.
pub fn best_scan() -> ScanFn {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") {
        return x86::scan_avx2;
    }
    portable_scan
}

/// The scan as compiled for every processor of this kind.
pub fn portable_scan(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan(data, window, table, at, sum)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Table, scan};

    /// Only handed out by [`super::best_scan`], after it asked the processor.
    pub(super) fn scan_avx2(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
        // SAFETY: `best_scan` returns this function only where avx2 and bmi2 are there.
        unsafe { compiled_for_avx2(data, window, table, at, sum) }
    }

    #[target_feature(enable = "avx2,bmi2")]
    fn compiled_for_avx2(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
        scan(data, window, table, at, sum)
    }
}
