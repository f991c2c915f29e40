//! For processors with AVX2: the scan, sixteen sums at a time, or with AVX-512 thirty-two; and MD4 of sixteen blocks at a time.

use std::arch::asm;
use std::arch::x86_64::*;

use super::avx512;
use syncline_core::checksum::weak_sum::Signed;
use syncline_core::checksum::{DIGEST_BYTES_MAX, md4_rows};
use syncline_core::delta::{FILTER_FACTOR, GROUP, HashKernel, Kernel, Sums, TILE, Table, scan_with, step_by};

/// Only handed out by [`super::best_scan`], after it asked the processor.
pub(super) fn scan_avx2(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    // SAFETY: `best_scan` returns this function only where avx2 and bmi2 are there.
    unsafe { compiled_for_avx2(data, window, table, at, sum) }
}

/// As [`scan_avx2`], where AVX-512 is there too.
pub(super) fn scan_avx512(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    // SAFETY: `best_scan` returns this function only where all four are there.
    unsafe { compiled_for_avx512(data, window, table, at, sum) }
}

/// As [`scan_avx2`], for the hash of librsync's signatures: plain code, that compilers make wide vectors of.
pub(super) fn scan_hash_avx2(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    // SAFETY: `best_scan` returns this function only where avx2 and bmi2 are there.
    unsafe { hash_for_avx2(data, window, table, at, sum) }
}

#[target_feature(enable = "avx2,bmi2")]
fn hash_for_avx2(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan_with(HashAvx2(HashKernel::new(window)), data, window, table, at, sum)
}

#[target_feature(enable = "avx2,bmi2")]
fn compiled_for_avx2(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan_with(Vectors::<false>(()), data, window, table, at, sum)
}

#[target_feature(enable = "avx2,bmi2,avx512f,avx512bw")]
fn compiled_for_avx512(data: &[u8], window: usize, table: &Table, at: &mut usize, sum: &mut u32) -> bool {
    scan_with(Vectors::<true>(()), data, window, table, at, sum)
}

/// As [`md4_rows`], plain code. Only handed out by [`super::best_md4`], after it asked the processor.
pub(super) fn md4_avx2(blocks: &[&[u8]], end: &[u8], out: &mut [[u8; DIGEST_BYTES_MAX]]) {
    // SAFETY: `best_md4` returns this function only where avx2 and bmi2 are there.
    unsafe { md4_for_avx2(blocks, end, out) }
}

/// Rows of two vectors: each step waits for the one before, and two at a time fill what one would leave idle.
#[target_feature(enable = "avx2,bmi2")]
fn md4_for_avx2(blocks: &[&[u8]], end: &[u8], out: &mut [[u8; DIGEST_BYTES_MAX]]) {
    match blocks.len() {
        0..=4 => md4_rows::<4>(blocks, end, out),
        5..=8 => md4_rows::<8>(blocks, end, out),
        _ => md4_rows::<16>(blocks, end, out),
    }
}

/// Made only where AVX2 is there, and with `LONG` AVX-512.
struct Vectors<const LONG: bool>(());

impl<const LONG: bool> Kernel for Vectors<LONG> {
    #[inline(always)]
    fn step(&self, old: u8, new: u8, window: usize, sum: u32) -> u32 {
        step_by::<Signed>(old, new, window, sum)
    }

    #[inline(always)]
    fn roll(&mut self, old: &[u8; TILE], new: &[u8; TILE], window: usize, sum: u32, sums: &mut Sums) {
        let roll = if LONG { avx512::roll } else { roll };
        // SAFETY: this is made only where what it uses is there.
        unsafe { roll(old, new, window as u16, sum, sums) }
    }

    #[inline(always)]
    fn probe(&self, filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
        // SAFETY: as above.
        unsafe { probe_bits(filter, sums) }
    }
}

/// The engine's own hash, and the look into the filter from here. Made only where AVX2 is there.
struct HashAvx2(HashKernel);

impl Kernel for HashAvx2 {
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
        // SAFETY: `HashAvx2` is made in `hash_for_avx2` only.
        unsafe { probe_bits(filter, sums) }
    }
}

/// As [`syncline_core::delta::probe`], in five instructions an offset and without a branch.
///
/// In assembly, since compilers that know vectors gather the words of the filter into them, which takes longer than testing a
/// bit of each where it is.
#[inline]
#[target_feature(enable = "avx2,bmi2")]
fn probe_bits(filter: &[u32], sums: &Sums) -> [u16; TILE / GROUP] {
    let mut hits = [0; TILE / GROUP];
    let Some(mask) = filter.len().checked_sub(1) else { return hits };
    let mask = _mm256_set1_epi16(mask as i16);
    let mut words = [0u16; TILE];
    for at in (0..TILE).step_by(GROUP) {
        // SAFETY: sixteen numbers follow `at` in arrays of `TILE`.
        unsafe {
            let cut = _mm256_and_si256(_mm256_loadu_si256(sums.words.as_ptr().add(at).cast()), mask);
            _mm256_storeu_si256(words.as_mut_ptr().add(at).cast(), cut);
        }
    }
    let (words, _) = words.as_chunks::<GROUP>();
    let (sums, _) = sums.a.as_chunks::<GROUP>();
    for ((words, sums), hits) in words.iter().zip(sums).zip(&mut hits) {
        let mut found = 0u32;
        for k in (0..GROUP).rev() {
            // SAFETY: the number of the word was cut to the length of the filter, a power of two.
            let word = unsafe { *filter.get_unchecked(usize::from(words[k])) };
            // SAFETY: works on registers only. `bt` takes the lowest five bits of the sum, `adc` shifts the bit into `found`.
            unsafe {
                asm!(
                    "bt {word:e}, {sum:e}",
                    "adc {found:e}, {found:e}",
                    word = in(reg) word,
                    sum = in(reg) u32::from(sums[k]),
                    found = inout(reg) found,
                    options(pure, nomem, nostack),
                );
            }
        }
        *hits = found as u16;
    }
    hits
}

#[inline]
#[target_feature(enable = "avx2,bmi2")]
fn roll(old: &[u8; TILE], new: &[u8; TILE], window: u16, sum: u32, sums: &mut Sums) {
    let window = _mm256_set1_epi16(window as i16);
    let (mut last_a, mut last_b) = (_mm256_set1_epi16(sum as i16), _mm256_set1_epi16((sum >> 16) as i16));
    for at in (0..TILE).step_by(GROUP) {
        // SAFETY: sixteen bytes follow `at` in arrays of `TILE`, a multiple of sixteen.
        let (old, new) =
            unsafe { (_mm_loadu_si128(old.as_ptr().add(at).cast()), _mm_loadu_si128(new.as_ptr().add(at).cast())) };
        let (old, new) = (_mm256_cvtepi8_epi16(old), _mm256_cvtepi8_epi16(new));
        let a = _mm256_add_epi16(prefix_sums(_mm256_sub_epi16(new, old)), last_a);
        let b = _mm256_sub_epi16(a, _mm256_mullo_epi16(old, window));
        let b = _mm256_add_epi16(prefix_sums(b), last_b);
        let words = _mm256_add_epi16(b, _mm256_mullo_epi16(a, _mm256_set1_epi16(FILTER_FACTOR as i16)));
        // SAFETY: as above, sixteen numbers.
        unsafe {
            _mm256_storeu_si256(sums.a.as_mut_ptr().add(at).cast(), a);
            _mm256_storeu_si256(sums.b.as_mut_ptr().add(at).cast(), b);
            _mm256_storeu_si256(sums.words.as_mut_ptr().add(at).cast(), words);
        }
        (last_a, last_b) = (last_of(a), last_of(b));
    }
}

/// Each of the sixteen becomes the sum of itself and all before it.
#[inline]
#[target_feature(enable = "avx2,bmi2")]
fn prefix_sums(x: __m256i) -> __m256i {
    // Shifts of 64 bits and shuffles wait for different parts of the processor, so both are used.
    let x = _mm256_add_epi16(x, _mm256_slli_epi64::<16>(x));
    let x = _mm256_add_epi16(x, _mm256_slli_epi64::<32>(x));
    let none = 0x8080_8080_8080_8080u64 as i64;
    let fourth = 0x0706_0706_0706_0706;
    let x = _mm256_add_epi16(x, _mm256_shuffle_epi8(x, _mm256_setr_epi64x(none, fourth, none, fourth)));
    // Each half is summed up by itself now: the upper one still lacks the total of the lower one.
    let lower = _mm256_permute2x128_si256::<0x08>(x, x);
    _mm256_add_epi16(x, _mm256_shuffle_epi8(lower, _mm256_set1_epi16(0x0f0e)))
}

/// The last of the sixteen, sixteen times.
#[inline]
#[target_feature(enable = "avx2,bmi2")]
fn last_of(x: __m256i) -> __m256i {
    _mm256_shuffle_epi8(_mm256_permute4x64_epi64::<0xff>(x), _mm256_set1_epi16(0x0f0e))
}
