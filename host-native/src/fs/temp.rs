//! Temporary names: rsync's own scheme, so that its users, their filters and their clean-up scripts know them
//! (spec 3.8.3).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// What a directory entry may have, less a dot in front, the random part and a terminator.
const NAME_BYTES_MAX: usize = 246;
/// The characters of the random part.
const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// How many names are tried before the directory counts as full of them.
pub const TRIES: usize = 100;

/// Makes the random parts. A keyed hash of a counter, the key from the system, so that nobody can guess the next name.
#[derive(Debug, Default)]
pub struct Random {
    key: RandomState,
    count: u64,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.key.hash_one(self.count)
    }

    /// A temporary name for the file `name`. Beside the file it is hidden by a dot; in a directory for temporary files it
    /// is not.
    pub fn temp_name(&mut self, name: &[u8], hidden: bool) -> Vec<u8> {
        let mut temp = stem(name, hidden);
        temp.push(b'.');
        let mut bits = self.next();
        for _ in 0..6 {
            temp.push(LETTERS[(bits % 62) as usize]);
            bits /= 62;
        }
        temp
    }

    /// A temporary name for what is not a regular file: a number instead of letters.
    pub fn temp_number(&mut self, name: &[u8]) -> Vec<u8> {
        let mut temp = stem(name, true);
        temp.push(b'.');
        temp.extend_from_slice(format!("{:05}", self.next() % 100_000).as_bytes());
        temp
    }
}

fn stem(name: &[u8], hidden: bool) -> Vec<u8> {
    let mut stem = Vec::with_capacity(name.len().min(NAME_BYTES_MAX) + 8);
    let mut name = name;
    if hidden {
        stem.push(b'.');
        name = name.strip_prefix(b".").unwrap_or(name);
    }
    if name.len() > NAME_BYTES_MAX {
        name = &name[..NAME_BYTES_MAX];
        // The cut may have split a character; nothing that could be part of one is kept.
        let whole = name.iter().rposition(u8::is_ascii).map_or(0, |last| last + 1);
        name = &name[..whole];
    }
    stem.extend_from_slice(name);
    if stem.last() == Some(&b'.') {
        stem.pop();
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &[u8], hidden: bool, expect: &[u8]) {
        let temp = Random::default().temp_name(name, hidden);
        let (stem, random) = temp.split_at(temp.len() - 7);
        assert_eq!(stem, expect);
        assert!(random[0] == b'.' && random[1..].iter().all(u8::is_ascii_alphanumeric), "{random:?}");
        assert!(temp.len() < 255);
    }

    #[test]
    fn names_as_stock_rsync_makes_them() {
        check(b"name", true, b".name");
        check(b".hid", true, b".hid");
        check(b"..two", true, b"..two");
        check(b"dot.", true, b".dot");
        check("\u{e9}".repeat(125).as_bytes(), true, b"");
        check(b"name", false, b"name");
        check(b".hid", false, b".hid");
        check(b"..two", false, b"..two");
        check(b"dot.", false, b"dot");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let a = |count| vec![b'a'; count];
        let accents = "\u{e9}".repeat(4).into_bytes();
        check(&[a(245), accents.clone()].concat(), true, &[b".".to_vec(), a(245)].concat());
        check(&[a(246), accents.clone()].concat(), true, &[b".".to_vec(), a(246)].concat());
        check(&[a(245), b".bbbbbb".to_vec()].concat(), true, &[b".".to_vec(), a(245)].concat());
        check(&[a(246), accents].concat(), false, &a(246));
        check(
            &[a(238), "\u{e9}".repeat(4).into_bytes()].concat(),
            true,
            &[b".".to_vec(), a(238), "\u{e9}".repeat(4).into()].concat(),
        );
    }

    #[test]
    fn names_differ() {
        let mut random = Random::default();
        let names: std::collections::HashSet<_> = (0..1000).map(|_| random.temp_name(b"x", true)).collect();
        assert_eq!(names.len(), 1000);
        let number = random.temp_number(b".link");
        assert!(number.starts_with(b".link.") && number[6..].iter().all(u8::is_ascii_digit) && number.len() == 11);
    }
}
