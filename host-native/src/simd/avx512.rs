//! The scan's roll for processors with AVX-512: thirty-two sums at a time. All else is as with AVX2.

use std::arch::x86_64::*;

use syncline_core::delta::{FILTER_FACTOR, Sums, TILE};

/// Sums in one vector.
const LANES: usize = 32;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn roll(old: &[u8; TILE], new: &[u8; TILE], window: u16, sum: u32, sums: &mut Sums) {
    let window = _mm512_set1_epi16(window as i16);
    let factor = _mm512_set1_epi16(FILTER_FACTOR as i16);
    let (mut last_a, mut last_b) = (_mm512_set1_epi16(sum as i16), _mm512_set1_epi16((sum >> 16) as i16));
    for at in (0..TILE).step_by(LANES) {
        // SAFETY: thirty-two bytes follow `at` in arrays of `TILE`, a multiple of thirty-two.
        let (old, new) = unsafe {
            (_mm256_loadu_si256(old.as_ptr().add(at).cast()), _mm256_loadu_si256(new.as_ptr().add(at).cast()))
        };
        let (old, new) = (_mm512_cvtepi8_epi16(old), _mm512_cvtepi8_epi16(new));
        let a = _mm512_add_epi16(prefix_sums(_mm512_sub_epi16(new, old)), last_a);
        let b = _mm512_sub_epi16(a, _mm512_mullo_epi16(old, window));
        let b = _mm512_add_epi16(prefix_sums(b), last_b);
        let words = _mm512_add_epi16(b, _mm512_mullo_epi16(a, factor));
        // SAFETY: as above, thirty-two numbers.
        unsafe {
            _mm512_storeu_si512(sums.a.as_mut_ptr().add(at).cast(), a);
            _mm512_storeu_si512(sums.b.as_mut_ptr().add(at).cast(), b);
            _mm512_storeu_si512(sums.words.as_mut_ptr().add(at).cast(), words);
        }
        (last_a, last_b) = (last_of(a), last_of(b));
    }
}

/// Each of the thirty-two becomes the sum of itself and all before it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn prefix_sums(x: __m512i) -> __m512i {
    let x = _mm512_add_epi16(x, _mm512_slli_epi64::<16>(x));
    let x = _mm512_add_epi16(x, _mm512_slli_epi64::<32>(x));
    let fourth = _mm512_set4_epi64(
        0x0706_0706_0706_0706,
        0x8080_8080_8080_8080u64 as i64,
        0x0706_0706_0706_0706,
        0x8080_8080_8080_8080u64 as i64,
    );
    let x = _mm512_add_epi16(x, _mm512_shuffle_epi8(x, fourth));
    // Each quarter is summed up by itself now, and still lacks the totals of those below it.
    let none = _mm512_setzero_si512();
    let totals = _mm512_shuffle_epi8(x, _mm512_set1_epi16(0x0f0e));
    let below = _mm512_alignr_epi64::<6>(totals, none);
    let below_two = _mm512_add_epi16(below, _mm512_alignr_epi64::<4>(_mm512_add_epi16(totals, below), none));
    _mm512_add_epi16(x, below_two)
}

/// The last of the thirty-two, thirty-two times.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn last_of(x: __m512i) -> __m512i {
    _mm512_permutexvar_epi16(_mm512_set1_epi16(31), x)
}
