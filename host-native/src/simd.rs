//! The search's hot loop, compiled once more for processors with wider vectors and chosen at run time.

use syncline_core::checksum::rolling::Rolling;
use syncline_core::delta::{Filter, ScanFn, scan as portable};

/// The best compilation for this processor; `None` for the portable one.
pub fn scan() -> Option<ScanFn> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") {
        return Some(with_avx2);
    }
    None
}

#[cfg(target_arch = "x86_64")]
fn with_avx2(data: &[u8], len: usize, end: usize, sum: &mut Rolling, filter: &Filter) -> usize {
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn inner(data: &[u8], len: usize, end: usize, sum: &mut Rolling, filter: &Filter) -> usize {
        portable(data, len, end, sum, filter)
    }
    // SAFETY: only [`scan`] hands this function out, after it saw that the processor has these features; every processor
    // with AVX2 has BMI1 and POPCNT.
    unsafe { inner(data, len, end, sum, filter) }
}
