//! Files made of noise and text: the same ones every time.

use crate::xattr;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

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
    named(root, "file", count, max).map(|_| ())
}

/// The same beginning with `word`; the paths of all.
pub fn named(root: &Path, word: &str, count: u64, max: u64) -> io::Result<Vec<PathBuf>> {
    let mut noise = Noise::new(3);
    let mut bytes = vec![0; max as usize];
    let mut dir = root.to_path_buf();
    let mut paths = Vec::with_capacity(count as usize);
    for index in 0..count {
        if index % 100 == 0 {
            dir = root.join(format!("{:03}/{:02}", index / 10_000, index / 100 % 100));
            fs::create_dir_all(&dir)?;
        }
        let len = noise.below(max + 1) as usize;
        noise.fill(&mut bytes[..len]);
        let path = dir.join(format!("{word}-{index:07}.dat"));
        fs::write(&path, &bytes[..len])?;
        paths.push(path);
    }
    Ok(paths)
}

/// Many names of files; those of one file are in different folders.
pub fn links(root: &Path, names: u64, of_each: u64) -> io::Result<()> {
    let files = (names / of_each).max(1);
    let firsts = named(&root.join("0"), "file", files, 256)?;
    for again in 1..of_each {
        for first in &firsts {
            let path = root.join(again.to_string()).join(first.strip_prefix(root.join("0")).unwrap_or(first));
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            fs::hard_link(first, path)?;
        }
    }
    Ok(())
}

/// Files with attributes: one that all share, one of a few values, one of its own, and an ACL of a few.
pub fn tagged(root: &Path, count: u64, max: u64) -> io::Result<()> {
    for (index, path) in named(root, "file", count, max)?.iter().enumerate() {
        xattr::set(path, c"user.origin", b"https://example.org/the/place/where/all/of/these/files/come/from")?;
        xattr::set(path, c"user.kind", format!("kind {}", index % 10).as_bytes())?;
        xattr::set(path, c"user.sum", format!("{:032x}", index * 0x9e37_79b9).as_bytes())?;
        xattr::set(path, xattr::ACL, &xattr::acl(1000 + index as u32 % 7))?;
    }
    Ok(())
}

/// An image of holes, and of pieces of noise that are 256 KiB long and end anywhere.
pub fn image(path: &Path, len: u64, full: u64) -> io::Result<()> {
    let (mut noise, file, mut piece) = (Noise::new(4), File::create(path)?, vec![0; PIECE / 4]);
    file.set_len(len)?;
    let pieces = (full / piece.len() as u64).max(1);
    for index in 0..pieces {
        noise.fill(&mut piece);
        let room = (len / pieces).saturating_sub(piece.len() as u64).max(1);
        file.write_all_at(&piece, index * (len / pieces) + noise.below(room))?;
    }
    file.set_len(len)
}

/// 1,000 rules such as lists of what not to save have: all are tried for nearly every name, and the last is the one that
/// some names of [`files`] match.
pub fn rules(path: &Path) -> io::Result<()> {
    let mut text = String::new();
    for n in 0..999 {
        let rule = match n % 10 {
            0..3 => format!("*.ext{n}"),
            3 | 4 => format!("name-{n}.dat"),
            5 => format!("/{:03}/cache-{n}", n % 20),
            6 => format!("cache-{n}/"),
            7 => format!("prefix-{n}-*"),
            8 => format!("**/build-{n}/*.o"),
            _ => format!("file-*-part[0-9]{n}.d?t"),
        };
        text += &rule;
        text.push('\n');
    }
    fs::write(path, text + "file-*99.dat\n")
}

/// Whether the rules above leave out a file of this name.
pub fn is_left_out(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b"99.dat")
}
