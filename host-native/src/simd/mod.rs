//! Hot loops compiled for what this processor has, chosen once at run time.
//!
//! The engine's scan is plain code that compilers vectorise. Built for the oldest processors of its kind it gets their short
//! vectors. The two steps of it that matter most are written for AVX2 in `x86`, and one of them for AVX-512 in `avx512`.

use syncline_core::checksum::{Md4Many, WeakSum};
use syncline_core::delta::{ScanFn, Table, scan, scan_for};

/// The fastest scan for a weak sum that this processor runs.
pub fn best_scan_for(sum: WeakSum) -> ScanFn {
    #[cfg(target_arch = "x86_64")]
    if sum == WeakSum::RabinKarp && is_recent() {
        return x86::scan_hash_avx2;
    }
    if sum == WeakSum::Rsync { best_scan() } else { scan_for(sum) }
}

#[cfg(target_arch = "x86_64")]
fn is_recent() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2")
}

#[cfg(target_arch = "x86_64")]
fn has_long_vectors() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512bw")
}

/// The fastest scan that this processor runs.
pub fn best_scan() -> ScanFn {
    #[cfg(target_arch = "x86_64")]
    if is_recent() {
        return if has_long_vectors() { x86::scan_avx512 } else { x86::scan_avx2 };
    }
    portable_scan
}

/// The fastest MD4 of several blocks that this processor runs; none if that is the engine's own.
pub fn best_md4() -> Option<Md4Many> {
    #[cfg(target_arch = "x86_64")]
    if is_recent() {
        return Some(x86::md4_avx2);
    }
    None
}

/// The scan as compiled for every processor of this kind.
pub fn portable_scan(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan(data, window, table, at, sum)
}

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_core::checksum::{DIGEST_BYTES_MAX, md4_many, weak};
    use syncline_core::delta::{Signature, SumHead};

    #[test]
    fn md4_is_that_of_the_engine() {
        let Some(best) = best_md4() else { return };
        let data: Vec<u8> = (0..70_000u32).map(|n| (n * n / 8) as u8).collect();
        for count in 0..33 {
            for (len, end) in [(0, &b"seed"[..]), (119, b""), (120, b""), (700, b""), (1000, b"seed")] {
                let blocks: Vec<&[u8]> = (0..count).map(|k| &data[k * 2000..][..len]).collect();
                let mut sums = [vec![[1; DIGEST_BYTES_MAX]; count], vec![[2; DIGEST_BYTES_MAX]; count]];
                best(&blocks, end, &mut sums[0]);
                md4_many(&blocks, end, &mut sums[1]);
                assert!(sums[0] == sums[1], "{count} blocks of {len}");
            }
        }
    }

    #[test]
    fn stops_where_the_portable_scan_stops() {
        let mut state = 1u64;
        let data: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 56) as u8
        })
        .take(200_000)
        .collect();
        for blocks in [1usize, 50, 3000] {
            let head = SumHead { count: blocks as u32, block_bytes: 700, strong_bytes: 0, remainder: 0 };
            let mut signature = Signature::without_sums(head);
            signature.weak = (0..blocks).map(|k| weak(&data[k * 61 + 99..][..700])).collect();
            let table = Table::new(&signature);
            let mut found = 0;
            let (mut here, mut there) = ((0, weak(&data[..700])), (0, weak(&data[..700])));
            while best_scan()(&data, 700, &table, &mut here.0, &mut here.1) {
                assert!(portable_scan(&data, 700, &table, &mut there.0, &mut there.1));
                assert_eq!(here, there);
                found += 1;
            }
            assert!(!portable_scan(&data, 700, &table, &mut there.0, &mut there.1));
            assert_eq!(here, there);
            assert!(found >= blocks);
        }
    }
}
