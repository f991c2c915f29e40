//! The search's hot loop in WebAssembly's vectors, for builds that have them.
//!
//! What compilers make of the portable loop goes through memory after each step, and takes five instructions where one shift
//! of a vector's halves does. A build without vectors has the portable loop.

use syncline_core::checksum::WeakSum;
use syncline_core::delta::{ScanFn, scan_for};

/// The fastest scan for a weak sum.
pub fn best_scan_for(sum: WeakSum) -> ScanFn {
    #[cfg(target_feature = "simd128")]
    match sum {
        WeakSum::Rsync => return vectors::scan_rsync,
        WeakSum::RabinKarp => return vectors::scan_hash,
        WeakSum::Rollsum => {}
    }
    scan_for(sum)
}

#[cfg(target_feature = "simd128")]
mod vectors {
    use std::arch::wasm32::*;

    use syncline_core::checksum::weak_sum::Signed;
    use syncline_core::delta::{FILTER_FACTOR, GROUP, HashKernel, Kernel, Sums, TILE, Table, scan_with, step_by};

    /// Numbers in a vector.
    const LANES: usize = 8;

    pub(super) fn scan_rsync(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
        scan_with(Rsync, data, window, table, at, sum)
    }

    pub(super) fn scan_hash(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
        scan_with(Hash(HashKernel::new(window)), data, window, table, at, sum)
    }

    struct Rsync;

    impl Kernel for Rsync {
        #[inline(always)]
        fn step(&self, old: u8, new: u8, window: usize, sum: u32) -> u32 {
            step_by::<Signed>(old, new, window, sum)
        }

        #[inline(always)]
        fn roll(&mut self, old: &[u8; TILE], new: &[u8; TILE], window: usize, sum: u32, sums: &mut Sums) {
            roll(old, new, window as u16, sum, sums);
        }

        #[inline(always)]
        fn probe(&self, filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
            probe(filter, sums)
        }
    }

    /// The engine's own hash, and the look into the filter from here.
    struct Hash(HashKernel);

    impl Kernel for Hash {
        #[inline(always)]
        fn step(&self, old: u8, new: u8, window: usize, sum: u32) -> u32 {
            self.0.step(old, new, window, sum)
        }

        #[inline(always)]
        fn roll(&mut self, old: &[u8; TILE], new: &[u8; TILE], window: usize, sum: u32, sums: &mut Sums) {
            self.0.roll(old, new, window, sum, sums);
        }

        #[inline(always)]
        fn probe(&self, filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
            probe(filter, sums)
        }
    }

    #[inline(always)]
    fn roll(old: &[u8; TILE], new: &[u8; TILE], window: u16, sum: u32, sums: &mut Sums) {
        let window = u16x8_splat(window);
        let factor = u16x8_splat(FILTER_FACTOR);
        let (mut last_a, mut last_b) = (u16x8_splat(sum as u16), u16x8_splat((sum >> 16) as u16));
        for at in (0..TILE).step_by(LANES) {
            // SAFETY: eight bytes follow `at` in arrays of `TILE`, a multiple of eight; any address may be loaded from.
            let (old, new) = unsafe {
                (
                    i16x8_load_extend_i8x8(old.as_ptr().add(at).cast()),
                    i16x8_load_extend_i8x8(new.as_ptr().add(at).cast()),
                )
            };
            let a = u16x8_add(prefix_sums(u16x8_sub(new, old)), last_a);
            let b = u16x8_sub(a, u16x8_mul(old, window));
            let b = u16x8_add(prefix_sums(b), last_b);
            let words = u16x8_add(b, u16x8_mul(a, factor));
            // SAFETY: as above, eight numbers.
            unsafe {
                v128_store(sums.a.as_mut_ptr().add(at).cast(), a);
                v128_store(sums.b.as_mut_ptr().add(at).cast(), b);
                v128_store(sums.words.as_mut_ptr().add(at).cast(), words);
            }
            (last_a, last_b) = (last_of(a), last_of(b));
        }
    }

    /// Each of the eight becomes the sum of itself and all before it.
    #[inline(always)]
    fn prefix_sums(x: v128) -> v128 {
        let x = u16x8_add(x, u64x2_shl(x, 16));
        let x = u16x8_add(x, u64x2_shl(x, 32));
        // Each half is summed up by itself now: the upper one still lacks the total of the lower one.
        u16x8_add(x, u8x16_swizzle(x, u8x16(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 6, 7, 6, 7, 6, 7, 6, 7)))
    }

    /// The last of the eight, eight times.
    #[inline(always)]
    fn last_of(x: v128) -> v128 {
        u8x16_swizzle(x, u8x16(14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15))
    }

    /// As [`syncline_core::delta::probe`], with bit and word of each offset side by side in one number.
    #[inline(always)]
    fn probe(filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
        let mut hits = [0; TILE / GROUP];
        let Some(mask) = filter.len().checked_sub(1) else { return hits };
        let mask = u16x8_splat(mask as u16);
        for (group, hits) in hits.iter_mut().enumerate() {
            let mut keys = [0u32; GROUP];
            for half in 0..GROUP / LANES {
                let at = group * GROUP + half * LANES;
                // SAFETY: eight numbers follow `at` in arrays of `TILE`, and `keys` has room for twice eight.
                unsafe {
                    let a = v128_load(sums.a.as_ptr().add(at).cast());
                    let words = v128_and(v128_load(sums.words.as_ptr().add(at).cast()), mask);
                    let keys = keys.as_mut_ptr().add(half * LANES);
                    v128_store(keys.cast(), u16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, words));
                    v128_store(keys.add(4).cast(), u16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, words));
                }
            }
            // SAFETY: the upper half of a key was cut to the length of the filter, a power of two.
            let bit = |key: u32| unsafe { *filter.get_unchecked((key >> 16) as usize) } >> (key & 31);
            if keys.iter().fold(0, |any, &key| any | bit(key)) & 1 != 0 {
                *hits = (0..GROUP).fold(0, |hits, j| hits | ((bit(keys[j]) & 1) as u16) << j);
            }
        }
        hits
    }
}
