//! A small reproducible random generator (SplitMix64), so that every run sees the same trees.

/// The state is the seed.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// `len` bytes that do not compress.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// About `len` bytes of words, which compress about as text does.
    pub fn text(&mut self, len: usize) -> Vec<u8> {
        const WORDS: &[&str] = &[
            "basis",
            "block",
            "signature",
            "token",
            "literal",
            "the",
            "of",
            "generator",
            "sender",
            "receiver",
            "module",
            "a",
            "and",
            "checksum",
            "rolling",
            "window",
            "offset",
            "in",
            "file",
            "list",
        ];
        let mut text = Vec::with_capacity(len + 16);
        while text.len() < len {
            text.extend_from_slice(WORDS[self.below(WORDS.len())].as_bytes());
            text.push(if self.below(12) == 0 { b'\n' } else { b' ' });
            if self.below(9) == 0 {
                text.extend_from_slice(self.below(100_000).to_string().as_bytes());
            }
        }
        text.truncate(len);
        text
    }
}
