//! Trees that a property test makes up: a source, and a destination that is the source as it was some time ago.

use proptest::prelude::*;

use crate::memory::Rng;
use crate::memory::tree::{DIRECTORY, Inode, REGULAR, SYMLINK, Tree};

/// What became of an entry at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Missing,
    Same,
    /// Other contents of about the same length.
    Edited,
    /// Another beginning, as after an append to the source.
    Prefix,
    /// Another mode and time.
    Touched,
    /// A directory or a file in its place.
    OtherType,
    /// Not at the source.
    Extra,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Which of the directories made so far it lies in.
    dir: u8,
    name: u8,
    /// Regular files are the rule.
    kind: u8,
    size: u32,
    seed: u64,
    mode: u8,
    fate: Fate,
}

pub fn entries(max: usize) -> impl Strategy<Value = Vec<Planned>> {
    let fate = prop_oneof![
        3 => Just(Fate::Missing),
        2 => Just(Fate::Same),
        3 => Just(Fate::Edited),
        1 => Just(Fate::Prefix),
        1 => Just(Fate::Touched),
        1 => Just(Fate::OtherType),
        1 => Just(Fate::Extra),
    ];
    let size = prop_oneof![Just(0u32), 1..100u32, 100..10_000u32, 10_000..120_000u32];
    let one = (any::<u8>(), any::<u8>(), 0..10u8, size, 0..1000u64, any::<u8>(), fate);
    let planned = |(dir, name, kind, size, seed, mode, fate)| Planned { dir, name, kind, size, seed, mode, fate };
    prop::collection::vec(one.prop_map(planned), 0..max)
}

/// Whether destination entries of another type than the source's are wanted: without `--delete` a directory with contents
/// stays in the way.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    pub other_types: bool,
    pub extras: bool,
    pub specials: bool,
    pub nanoseconds: bool,
}

/// The trees of both sides, `src` in the first and `dst` in the second.
pub fn trees(entries: &[Planned], wishes: Wishes) -> (Tree, Tree) {
    let (mut source, mut dest) = (Tree::default(), Tree::default());
    source.add_dir("src");
    dest.add_dir("dst");
    let mut dirs = vec![String::new()];
    for entry in entries {
        let dir = dirs[usize::from(entry.dir) % dirs.len()].clone();
        let path = format!("{dir}{}", name(entry.name));
        let new = entry.inode(wishes);
        let there = source.find(format!("src/{path}").as_bytes()).is_ok()
            || dest.find(format!("dst/{path}").as_bytes()).is_ok();
        if there {
            continue;
        }
        let is_dir = new.mode & 0o170000 == DIRECTORY;
        if entry.fate != Fate::Extra {
            source.add(&format!("src/{path}"), new.clone());
            if is_dir {
                dirs.push(format!("{path}/"));
            }
        }
        // What lies in a directory that the destination lacks is lacking too.
        let parent = format!("dst/{dir}");
        let parent = parent.trim_end_matches('/');
        let has_parent = dest.find(parent.as_bytes()).is_ok_and(|file| file.borrow().mode & 0o170000 == DIRECTORY);
        if let Some(old) = entry.old(new, wishes).filter(|_| has_parent) {
            let holds = entry.fate == Fate::OtherType && old.mode & 0o170000 == DIRECTORY;
            dest.add(&format!("dst/{path}"), old);
            if holds {
                dest.add_file(&format!("dst/{path}/inside"), b"in the way", 5);
            }
        }
    }
    (source, dest)
}

/// Names that sort in interesting ways.
fn name(number: u8) -> String {
    let names = [
        "a",
        "b",
        "b-c",
        "B",
        "a.txt",
        "~x",
        "long-name-with-more-letters",
        "0",
        ".hidden",
        "z z",
        "\u{e4}",
        "foo",
        "foo.d",
    ];
    let number = usize::from(number);
    format!("{}{}", names[number % names.len()], ["", "1", "2"][number / names.len() % 3])
}

impl Planned {
    fn mtime(&self, wishes: Wishes) -> (i64, u32) {
        let nsec = if wishes.nanoseconds { (self.seed % 7 * 100_000_000) as u32 } else { 0 };
        (1_500_000_000 + self.seed as i64 * 1000, nsec)
    }

    fn inode(&self, wishes: Wishes) -> Inode {
        let mtime = self.mtime(wishes);
        let mode = |kind: u32, bits: &[u32]| kind | bits[usize::from(self.mode) % bits.len()];
        let mut rng = Rng::new(self.seed);
        match self.kind {
            0 | 1 => Inode { mode: mode(DIRECTORY, &[0o755, 0o700, 0o2775, 0o555]), mtime, ..Inode::default() },
            2 => Inode {
                mode: SYMLINK | 0o777,
                mtime,
                data: format!("to/{}", self.seed).into_bytes(),
                ..Inode::default()
            },
            3 if wishes.specials => Inode { mode: mode(0o010000, &[0o644, 0o600]), mtime, ..Inode::default() },
            4 if wishes.specials => {
                Inode { mode: 0o020000 | 0o660, mtime, rdev: (self.seed as u32 % 300, 7), ..Inode::default() }
            }
            _ => {
                let data = rng.bytes(self.size as usize);
                Inode { mode: mode(REGULAR, &[0o644, 0o600, 0o755, 0o444, 0o4755]), mtime, data, ..Inode::default() }
            }
        }
    }

    /// What the destination has.
    fn old(&self, new: Inode, wishes: Wishes) -> Option<Inode> {
        let older = (new.mtime.0 - 500, 0);
        let regular = new.mode & 0o170000 == REGULAR;
        match self.fate {
            Fate::Missing => None,
            Fate::Same => Some(new),
            Fate::Touched => {
                let mode = if new.mode & 0o170000 == SYMLINK { new.mode } else { new.mode & !0o777 | 0o640 };
                Some(Inode { mode, mtime: older, ..new })
            }
            Fate::Edited if regular => {
                let mut data = new.data;
                let mut rng = Rng::new(self.seed + 1);
                for _ in 0..1 + data.len() / 20_000 {
                    let at = rng.below(data.len() + 1);
                    data.insert(at, b'!');
                    let cut = rng.below(data.len());
                    data.drain(cut..(cut + rng.below(300)).min(data.len()));
                }
                Some(Inode { data, mtime: older, ..new })
            }
            Fate::Edited => Some(Inode { mtime: older, ..new }),
            Fate::Prefix => {
                let len = if regular { new.data.len() * 2 / 3 } else { new.data.len() };
                Some(Inode { data: new.data[..len].to_vec(), mtime: older, ..new })
            }
            Fate::OtherType if !wishes.other_types => None,
            Fate::OtherType if regular => Some(Inode { mode: DIRECTORY | 0o755, data: Vec::new(), ..new }),
            Fate::OtherType => Some(Inode { mode: REGULAR | 0o644, data: b"a file".to_vec(), rdev: (0, 0), ..new }),
            Fate::Extra => Some(new).filter(|_| wishes.extras),
        }
    }
}
