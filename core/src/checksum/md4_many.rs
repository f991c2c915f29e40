//! MD4 of several blocks at once.
//!
//! Each step of MD4 needs the one before, so that one digest leaves most of a processor idle. Blocks of equal length take the
//! same steps, and so several are summed in step, each number of the state a row of numbers, one for each block:
//!
//! ```text
//!             block 0   block 1   block 2   ..            the same of words[0] to words[15]: 64 bytes of each block
//!   state a [ a         a         a         .. ]
//!   state b [ b         b         b         .. ]          a step adds, mixes and turns whole rows
//!   ..
//! ```
//!
//! Rows are plain arrays, and what is done with them are loops that compilers turn into vectors. A host may compile
//! [`md4_rows`] anew for what its processor has and hand it in as a [`Md4Many`].

use super::digest::DIGEST_BYTES_MAX;

/// Writes to each of `out` the digest of a block followed by `end`, and zeros behind it. All blocks are of one length, which
/// `blocks` is cut to if some are not; `end` has 8 bytes at most.
pub type Md4Many = fn(blocks: &[&[u8]], end: &[u8], out: &mut [[u8; DIGEST_BYTES_MAX]]);

/// Whether plain loops become vectors where this is compiled for. Without vectors rows are slower than one by one.
pub(super) const HAS_VECTORS: bool =
    cfg!(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"));

/// Bytes that MD4 takes at once.
const CHUNK: usize = 64;

/// The [`Md4Many`] as compiled for every processor of its kind: rows are as long as the shortest vectors in use.
pub fn md4_many(blocks: &[&[u8]], end: &[u8], out: &mut [[u8; DIGEST_BYTES_MAX]]) {
    md4_rows::<4>(blocks, end, out);
}

/// [`md4_many`] with rows of `N` numbers.
#[inline(always)]
pub fn md4_rows<const N: usize>(blocks: &[&[u8]], end: &[u8], out: &mut [[u8; DIGEST_BYTES_MAX]]) {
    let len = blocks.iter().map(|block| block.len()).min().unwrap_or(0);
    for (blocks, out) in blocks.chunks(N).zip(out.chunks_mut(N)) {
        // Where there are too few the first one is summed again, to no purpose.
        let sums: [_; N] = row(core::array::from_fn(|k| &blocks.get(k).unwrap_or(&blocks[0])[..len]), end);
        for (sum, out) in sums.iter().zip(out) {
            *out = [0; DIGEST_BYTES_MAX];
            out[..16].copy_from_slice(sum);
        }
    }
}

/// A number of each block.
type Row<const N: usize> = [u32; N];

#[expect(clippy::needless_range_loop, reason = "what iterators call may be compiled for another processor: see `put`")]
#[inline(always)]
fn row<const N: usize>(blocks: [&[u8]; N], end: &[u8]) -> [[u8; 16]; N] {
    let mut state = [[0x6745_2301; N], [0xefcd_ab89; N], [0x98ba_dcfe; N], [0x1032_5476; N]];
    let chunks: [(&[[u8; CHUNK]], &[u8]); N] = core::array::from_fn(|k| blocks[k].as_chunks());
    let mut words = [[0; N]; 16];
    for at in 0..chunks[0].0.len() {
        for k in 0..N {
            put(&chunks[k].0[at], k, &mut words);
        }
        mix(&mut state, &words);
    }
    let tails: [_; N] = core::array::from_fn(|k| tail(chunks[k].1, end, blocks[k].len()));
    for at in 0..tails[0].1 {
        for k in 0..N {
            put(&tails[k].0[at], k, &mut words);
        }
        mix(&mut state, &words);
    }
    core::array::from_fn(|k| {
        let mut sum = [0; 16];
        let (numbers, _) = sum.as_chunks_mut::<4>();
        numbers.iter_mut().zip(&state).for_each(|(number, row)| *number = row[k].to_le_bytes());
        sum
    })
}

/// What is behind the last whole chunk: the rest of the block, `end`, a bit, zeros, and the length in bits. How many chunks.
fn tail(rest: &[u8], end: &[u8], block_bytes: usize) -> ([[u8; CHUNK]; 2], usize) {
    let mut chunks = [[0; CHUNK]; 2];
    let bytes = chunks.as_flattened_mut();
    let len = rest.len() + end.len();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes[rest.len()..len].copy_from_slice(end);
    bytes[len] = 0x80;
    let count = if len + 1 + 8 <= CHUNK { 1 } else { 2 };
    let bits = 8 * (block_bytes + end.len()) as u64;
    bytes[count * CHUNK - 8..count * CHUNK].copy_from_slice(&bits.to_le_bytes());
    (chunks, count)
}

/// Makes a column of the words of block `k`. (Plain loops: what iterators call may be compiled for another processor, and then
/// can't become part of this.)
#[inline(always)]
fn put<const N: usize>(chunk: &[u8; CHUNK], k: usize, words: &mut [Row<N>; 16]) {
    let (numbers, _) = chunk.as_chunks::<4>();
    for at in 0..16 {
        words[at][k] = u32::from_le_bytes(numbers[at]);
    }
}

/// MD4's compression (RFC 1320). A round's function comes in two summands, of which the first doesn't need the newest number:
/// it is out of the way when that arrives.
#[inline(always)]
fn mix<const N: usize>(state: &mut [Row<N>; 4], words: &[Row<N>; 16]) {
    const IN_ORDER: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const BY_FOURS: [usize; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
    const MIRRORED: [usize; 16] = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];
    let mut new = *state;
    round(&mut new, words, IN_ORDER, 0, [3, 7, 11, 19], |x, y, z| (0, z ^ (x & (y ^ z))));
    round(&mut new, words, BY_FOURS, 0x5a82_7999, [3, 5, 9, 13], |x, y, z| (y & z, x & (y ^ z)));
    round(&mut new, words, MIRRORED, 0x6ed9_eba1, [3, 9, 11, 15], |x, y, z| (0, x ^ (y ^ z)));
    for at in 0..4 {
        for k in 0..N {
            state[at][k] = state[at][k].wrapping_add(new[at][k]);
        }
    }
}

#[inline(always)]
fn round<const N: usize>(
    [a, b, c, d]: &mut [Row<N>; 4],
    words: &[Row<N>; 16],
    order: [usize; 16],
    constant: u32,
    turns: [u32; 4],
    function: impl Fn(u32, u32, u32) -> (u32, u32) + Copy,
) {
    for at in [0, 4, 8, 12] {
        step(a, [b, c, d], &words[order[at]], constant, turns[0], function);
        step(d, [a, b, c], &words[order[at + 1]], constant, turns[1], function);
        step(c, [d, a, b], &words[order[at + 2]], constant, turns[2], function);
        step(b, [c, d, a], &words[order[at + 3]], constant, turns[3], function);
    }
}

#[inline(always)]
fn step<const N: usize>(
    row: &mut Row<N>,
    [x, y, z]: [&Row<N>; 3],
    word: &Row<N>,
    constant: u32,
    turn: u32,
    function: impl Fn(u32, u32, u32) -> (u32, u32),
) {
    for k in 0..N {
        let (early, late) = function(x[k], y[k], z[k]);
        let sum = row[k].wrapping_add(word[k].wrapping_add(constant)).wrapping_add(early);
        row[k] = sum.wrapping_add(late).rotate_left(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use md4::Digest as _;

    #[test]
    fn rows_are_as_one_by_one() {
        let data: Vec<u8> = (0..4000u32).map(|n| (n * n / 8) as u8).collect();
        let check = |len: usize, count: usize, end: &[u8]| {
            let blocks: Vec<&[u8]> = (0..count).map(|k| &data[k * 7..][..len]).collect();
            let mut out = alloc::vec![[0xaa; DIGEST_BYTES_MAX]; count];
            for many in [md4_many as Md4Many, md4_rows::<1>, md4_rows::<16>] {
                many(&blocks, end, &mut out);
                for (block, sum) in blocks.iter().zip(&out) {
                    let one = md4::Md4::new().chain_update(block).chain_update(end).finalize();
                    assert_eq!(sum[..16], one[..], "{count} of {len}");
                    assert_eq!(sum[16..], [0; 16]);
                }
            }
        };
        for len in (0..200).chain([255, 256, 1000]) {
            check(len, 5, b"");
            check(len, 3, b"seed");
        }
        (0..20).for_each(|count| check(100, count, b""));
    }
}
