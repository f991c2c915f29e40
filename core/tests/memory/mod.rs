//! A host without an operating system, for tests: files are a map in memory, the connection is two queues of bytes, and
//! everything that can fail can be made to fail.
//!
//! | module | what |
//! |---|---|
//! | [`tree`] | files, directories, symlinks, specials and what is known of them |
//! | [`host`] | every ask of a session, carried out on a tree |
//! | [`output`] | files in the making |
//! | [`wire`] | two sessions, run against each other until both are done |
//! | [`setup`] | command lines become configurations, as in real life |
//! | [`alone`] | one session, and bytes that somebody made up |
//!
//! `scenario` makes up trees, and `cases` says how many; only the property tests need them.
#![allow(dead_code, reason = "every test uses its part of it")]

pub mod alone;
pub mod host;
pub mod output;
pub mod setup;
pub mod tree;
pub mod wire;

use syncline_core::session::Errno;

/// A failed call, by its number on Linux.
pub fn errno(code: i32) -> Errno {
    let text = match code {
        2 => "No such file or directory",
        5 => "Input/output error",
        9 => "Bad file descriptor",
        13 => "Permission denied",
        17 => "File exists",
        20 => "Not a directory",
        21 => "Is a directory",
        22 => "Invalid argument",
        28 => "No space left on device",
        39 => "Directory not empty",
        _ => "Unknown error",
    };
    Errno { code, text: text.into() }
}

/// Numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() >> 11) as usize % end
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.number() >> 32) as u8).collect()
    }
}
