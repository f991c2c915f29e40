//! Files made of noise and text: the same ones every time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A generator of bytes without order (xorshift64).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Noise {
        Noise((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 to below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

const PIECE: usize = 1 << 20;

/// A file of noise.
pub fn noise(path: &Path, len: u64, seed: u64) -> io::Result<()> {
    let (mut noise, mut file, mut piece) = (Noise::new(seed), File::create(path)?, vec![0; PIECE]);
    let mut left = len;
    while left > 0 {
        let now = left.min(PIECE as u64) as usize;
        noise.fill(&mut piece[..now]);
        file.write_all(&piece[..now])?;
        left -= now as u64;
    }
    Ok(())
}

/// A file of lines of words; few words are common and many rare, as in a language.
pub fn text(path: &Path, len: u64) -> io::Result<()> {
    let mut noise = Noise::new(7);
    let words: Vec<Vec<u8>> = (0..20_000).map(|_| word(&mut noise)).collect();
    let mut file = BufWriter::with_capacity(PIECE, File::create(path)?);
    let mut written = 0;
    let mut column = 0;
    while written < len {
        let range = 1 + noise.below(words.len() as u64);
        let word = &words[noise.below(range) as usize];
        let end = if column > 70 { b'\n' } else { b' ' };
        column = if column > 70 { 0 } else { column + word.len() + 1 };
        let now = (word.len() as u64).min(len - written) as usize;
        file.write_all(&word[..now])?;
        written += now as u64;
        if written < len {
            file.write_all(&[end])?;
            written += 1;
        }
    }
    file.flush()
}

fn word(noise: &mut Noise) -> Vec<u8> {
    let len = 2 + noise.below(9);
    (0..len).map(|_| b"etaoinshrdlucmfwypvbgkjqxz"[(noise.below(26) * noise.below(26) / 26) as usize]).collect()
}

/// Many files, 100 a folder, 100 folders a folder.
pub fn files(root: &Path, count: u64, max: u64) -> io::Result<()> {
    let mut noise = Noise::new(3);
    let mut bytes = vec![0; max as usize];
    let mut dir = root.to_path_buf();
    for index in 0..count {
        if index % 100 == 0 {
            dir = root.join(format!("{:03}/{:02}", index / 10_000, index / 100 % 100));
            fs::create_dir_all(&dir)?;
        }
        let len = noise.below(max + 1) as usize;
        noise.fill(&mut bytes[..len]);
        fs::write(dir.join(format!("file-{index:07}.dat")), &bytes[..len])?;
    }
    Ok(())
}
