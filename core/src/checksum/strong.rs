//! The strong sum of a block: what confirms that two blocks with the same weak sum are the same (spec 3.5.3).
//!
//! The seed, drawn anew by the server for every session, keeps anybody from preparing files whose blocks collide.

use super::algorithm::Algorithm;
use super::digest::DIGEST_BYTES_MAX;
#[cfg(feature = "format")]
use super::digest::blake2_params;
use super::md4_many::{HAS_VECTORS, Md4Many, md4_many};
use md5::Digest as _;
use xxhash_rust::{xxh3, xxh64};

/// Blocks that [`Strong::blocks`] sums at most.
pub const BLOCKS_AT_ONCE: usize = 16;

/// How the blocks of one session are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Strong {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The session's seed, as the server sent it.
    pub seed: i32,
    /// Whether MD5 takes the seed before the data. True when both sides know the compatibility flag, or when MD5 was
    /// chosen by name; old peers put it behind. The other algorithms have one order each.
    pub seed_first: bool,
}

impl Strong {
    /// Writes the sum of the block `data` to the front of `out` and zeros behind it.
    pub fn block(&self, data: &[u8], out: &mut [u8; DIGEST_BYTES_MAX]) {
        *out = [0; DIGEST_BYTES_MAX];
        // All but XXH take the seed as four bytes of data, or none at all when it is 0 (spec 3.5.2).
        let seed = self.seed.to_le_bytes();
        let seed = if self.seed == 0 { &seed[..0] } else { &seed[..] };
        match self.algorithm {
            Algorithm::Xxh128 => {
                out[..16].copy_from_slice(&xxh3::xxh3_128_with_seed(data, self.xxh_seed()).to_le_bytes())
            }
            Algorithm::Xxh3 => out[..8].copy_from_slice(&xxh3::xxh3_64_with_seed(data, self.xxh_seed()).to_le_bytes()),
            Algorithm::Xxh64 => out[..8].copy_from_slice(&xxh64::xxh64(data, self.xxh_seed()).to_le_bytes()),
            Algorithm::Md5 if self.seed_first => {
                let sum = md5::Md5::new().chain_update(seed).chain_update(data).finalize();
                out[..16].copy_from_slice(&sum);
            }
            Algorithm::Md5 => {
                let sum = md5::Md5::new().chain_update(data).chain_update(seed).finalize();
                out[..16].copy_from_slice(&sum);
            }
            Algorithm::Md4 | Algorithm::Md4Old => {
                let sum = md4::Md4::new().chain_update(data).chain_update(seed).finalize();
                out[..16].copy_from_slice(&sum);
            }
            Algorithm::Sha1 => {
                let sum = sha1::Sha1::new().chain_update(seed).chain_update(data).finalize();
                out[..20].copy_from_slice(&sum);
            }
            #[cfg(feature = "format")]
            Algorithm::Blake2 => {
                let sum = blake2_params().to_state().update(seed).update(data).finalize();
                out.copy_from_slice(sum.as_bytes());
            }
            // There are no blocks without a checksum: such files travel whole.
            Algorithm::None => {}
        }
    }

    /// Whether [`Strong::blocks`], with the same `md4`, takes less time than block after block.
    pub fn is_wide(&self, md4: Option<Md4Many>) -> bool {
        match self.algorithm {
            #[cfg(feature = "format")]
            Algorithm::Blake2 => self.seed == 0,
            // A client that is made small has no room for it.
            Algorithm::Md4 | Algorithm::Md4Old => cfg!(feature = "format") && (HAS_VECTORS || md4.is_some()),
            _ => false,
        }
    }

    /// The sums of blocks of `block_bytes` that lie one behind the other in `data`, as many as `out` has room for and there
    /// are; how many. Where the processor can, several are summed at once, MD4 by `md4` if the host has one of its own.
    pub fn blocks(
        &self,
        data: &[u8],
        block_bytes: usize,
        md4: Option<Md4Many>,
        out: &mut [[u8; DIGEST_BYTES_MAX]; BLOCKS_AT_ONCE],
    ) -> usize {
        let blocks = data.chunks_exact(block_bytes.max(1)).take(BLOCKS_AT_ONCE);
        let count = blocks.len();
        if self.is_wide(md4) && count > 1 {
            let mut all: [&[u8]; BLOCKS_AT_ONCE] = [&[]; BLOCKS_AT_ONCE];
            all.iter_mut().zip(blocks).for_each(|(place, block)| *place = block);
            self.blocks_at_once(&all[..count], md4, &mut out[..count]);
            return count;
        }
        blocks.zip(out).for_each(|(block, out)| self.block(block, out));
        count
    }

    fn blocks_at_once(&self, blocks: &[&[u8]], md4: Option<Md4Many>, out: &mut [[u8; DIGEST_BYTES_MAX]]) {
        #[cfg(feature = "format")]
        if self.algorithm == Algorithm::Blake2 {
            let params = blake2_params();
            let mut jobs: [_; BLOCKS_AT_ONCE] = core::array::from_fn(|k| {
                blake2b_simd::many::HashManyJob::new(&params, blocks.get(k).copied().unwrap_or_default())
            });
            blake2b_simd::many::hash_many(&mut jobs[..blocks.len()]);
            jobs.iter().zip(out).for_each(|(job, out)| out.copy_from_slice(job.to_hash().as_bytes()));
            return;
        }
        let seed = self.seed.to_le_bytes();
        md4.unwrap_or(md4_many)(blocks, if self.seed == 0 { &[] } else { &seed }, out);
    }

    /// The seed as XXH takes it: sign-extended (spec 3.5.2).
    fn xxh_seed(&self) -> u64 {
        i64::from(self.seed) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::tests::hex;
    use super::*;

    fn sum(algorithm: Algorithm, seed: i32, seed_first: bool, data: &[u8]) -> alloc::string::String {
        let mut out = [0xaa; DIGEST_BYTES_MAX];
        Strong { algorithm, seed, seed_first }.block(data, &mut out);
        assert!(out[algorithm.digest_bytes()..].iter().all(|&byte| byte == 0));
        hex(&out[..algorithm.digest_bytes()])
    }

    #[test]
    fn worked_values_of_the_spec() {
        let data = b"0123456789abcdef";
        for (algorithm, seed, first, expect) in [
            (Algorithm::Xxh128, 12345, true, "e580c6789674a3aae271b3066857858a"),
            (Algorithm::Xxh3, 12345, true, "a94e7f379ce497b2"),
            (Algorithm::Xxh64, 12345, true, "340f28c21a3597a0"),
            (Algorithm::Md5, 12345, true, "f31ded067ffe2245e70e2db9c0d157fd"),
            (Algorithm::Md5, 12345, false, "071da9155f1dfda50fbbc46feff6a756"),
            (Algorithm::Sha1, 12345, true, "2d0440c555307a6514ea7386fd71d5c75cd774bb"),
            (Algorithm::Md4, 12345, true, "23d17bfacbffed326697308ca025602f"),
            (Algorithm::Md4Old, 12345, false, "23d17bfacbffed326697308ca025602f"),
            (Algorithm::Xxh128, -7, true, "48ca3f3aca30912acc8b3ca994ddc274"),
            (Algorithm::Xxh3, -7, true, "c7cb8fa609a1eaf9"),
            (Algorithm::Xxh64, -7, true, "785edd449343dc9b"),
            (Algorithm::Md5, -7, true, "ca793848abe233c40e3890d36b70f226"),
            (Algorithm::Md5, -7, false, "71ec9ce9c86c4013f833974cc52a7c00"),
            (Algorithm::Sha1, -7, true, "689c395b91dc4c8c917554d4bc9cbe06dff0d79a"),
            (Algorithm::Md4, -7, true, "5b2b82f5a7c770ee4c9e1dfb9904deea"),
        ] {
            assert_eq!(sum(algorithm, seed, first, data), expect, "{algorithm:?} seed {seed} first {first}");
        }
        let count: alloc::vec::Vec<u8> = (0..60).collect();
        assert_eq!(sum(Algorithm::Md4, 12345, false, &count), "dfb4d7ac0a8c0c9410abbdf3950b7a80");
    }

    #[cfg(feature = "format")]
    #[test]
    fn blocks_at_once_are_as_one_by_one() {
        let data: alloc::vec::Vec<u8> = (0..4000u32).map(|n| (n * n / 8) as u8).collect();
        for algorithm in [Algorithm::Xxh128, Algorithm::Md5, Algorithm::Md4, Algorithm::Sha1, Algorithm::Blake2] {
            for (seed, len, count) in
                [(0, 200, 16), (5, 200, 16), (0, 3999, 1), (0, 1300, 3), (7, 700, 5), (0, 5000, 0)]
            {
                let strong = Strong { algorithm, seed, seed_first: true };
                let mut out = [[0xaa; DIGEST_BYTES_MAX]; BLOCKS_AT_ONCE];
                assert_eq!(strong.blocks(&data, len, None, &mut out), count);
                for (block, sum) in data.chunks_exact(len).zip(&out) {
                    let mut one = [0; DIGEST_BYTES_MAX];
                    strong.block(block, &mut one);
                    assert_eq!(sum, &one, "{algorithm:?}");
                }
            }
        }
    }

    #[test]
    fn a_zero_seed_adds_nothing() {
        assert_eq!(sum(Algorithm::Md5, 0, true, b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(sum(Algorithm::Md4, 0, true, b"abc"), "a448017aaf21d8525fc10ae87aa6729d");
        assert_eq!(sum(Algorithm::Sha1, 0, true, b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
