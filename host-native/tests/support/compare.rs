//! The comparer: are two trees equal in contents and metadata, as `lstat` and the bytes themselves tell it?

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// How finely modification times are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grain {
    /// All of it.
    Nanoseconds,
    /// Whole seconds: protocol 30 carries no more.
    Seconds,
}

/// What `lstat` and its like say of one entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: (i64, i64),
    /// 0 for all but regular files.
    pub size: u64,
    pub rdev: u64,
    pub target: PathBuf,
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
    /// The first name (in byte order) of the group of hard links this name belongs to, when there is more than one.
    pub group: Option<PathBuf>,
    /// Not compared: how much of the disk it takes, in bytes.
    pub disk: u64,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sec, nsec) = self.mtime;
        write!(f, "mode {:o} owner {}:{} mtime {sec}.{nsec:09} size {}", self.mode, self.uid, self.gid, self.size)?;
        if self.rdev != 0 {
            write!(f, " rdev {:x}", self.rdev)?;
        }
        if !self.target.as_os_str().is_empty() {
            write!(f, " -> {:?}", self.target)?;
        }
        if let Some(first) = &self.group {
            write!(f, " linked with {first:?}")?;
        }
        self.xattrs.iter().try_for_each(|(name, value)| write!(f, " {name:?}={}", value.escape_ascii()))
    }
}

/// A tree at one moment, by path below its root; the root itself is the empty path.
#[derive(Clone)]
pub struct Snapshot {
    root: PathBuf,
    pub entries: BTreeMap<PathBuf, Entry>,
}

impl Snapshot {
    /// Looks at every entry below `root`, and at `root`.
    pub fn take(root: &Path) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        let mut links: BTreeMap<(u64, u64), Vec<PathBuf>> = BTreeMap::new();
        let mut pending = vec![PathBuf::new()];
        while let Some(path) = pending.pop() {
            let full = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(&path) };
            let meta = fs::symlink_metadata(&full)?;
            if meta.is_dir() {
                for child in fs::read_dir(&full)? {
                    pending.push(path.join(child?.file_name()));
                }
            } else if meta.nlink() > 1 {
                links.entry((meta.dev(), meta.ino())).or_default().push(path.clone());
            }
            entries.insert(path, entry(&full, &meta)?);
        }
        for mut names in links.into_values().filter(|names| names.len() > 1) {
            names.sort();
            for name in &names {
                entries.get_mut(name).expect("a name just seen").group = Some(names[0].clone());
            }
        }
        Ok(Self { root: root.to_owned(), entries })
    }

    /// Everything in which `other` differs from this tree, one line each.
    pub fn differences(&self, other: &Self, grain: Grain) -> Vec<String> {
        let mut found = Vec::new();
        for (path, want) in &self.entries {
            match other.entries.get(path) {
                None => found.push(format!("{path:?} is missing")),
                Some(have) if !same(want, have, grain) => {
                    found.push(format!("{path:?}:\n    want {want}\n    have {have}"))
                }
                Some(_) => match same_bytes(&self.root.join(path), &other.root.join(path), want) {
                    Ok(None) => {}
                    Ok(Some(offset)) => found.push(format!("{path:?}: contents differ at byte {offset}")),
                    Err(error) => found.push(format!("{path:?}: {error}")),
                },
            }
        }
        found.extend(
            other
                .entries
                .keys()
                .filter(|path| !self.entries.contains_key(*path))
                .map(|path| format!("{path:?} is too much")),
        );
        found
    }
}

/// Ok, or a report of the first differences.
pub fn check_equal(want: &Snapshot, root: &Path, grain: Grain) -> Result<(), String> {
    let have = Snapshot::take(root).map_err(|error| format!("{}: {error}\n", root.display()))?;
    report(&want.differences(&have, grain))
}

/// The first lines of a list of differences, as an error unless there are none.
pub fn report(differences: &[String]) -> Result<(), String> {
    const SHOWN: usize = 12;
    if differences.is_empty() {
        return Ok(());
    }
    let mut text = format!("  {} differences:\n", differences.len());
    for line in differences.iter().take(SHOWN) {
        let _ = writeln!(text, "  {line}");
    }
    Err(text)
}

fn entry(path: &Path, meta: &Metadata) -> io::Result<Entry> {
    let kind = meta.file_type();
    let device = kind.is_block_device() || kind.is_char_device();
    Ok(Entry {
        mode: meta.mode(),
        uid: meta.uid(),
        gid: meta.gid(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        size: if kind.is_file() { meta.size() } else { 0 },
        rdev: if device { meta.rdev() } else { 0 },
        target: if kind.is_symlink() { fs::read_link(path)? } else { PathBuf::new() },
        xattrs: xattrs(path)?,
        group: None,
        disk: meta.blocks() * 512,
    })
}

fn same(a: &Entry, b: &Entry, grain: Grain) -> bool {
    let mut b = Entry { disk: a.disk, ..b.clone() };
    if grain == Grain::Seconds && a.mtime.0 == b.mtime.0 {
        b.mtime = a.mtime;
    }
    *a == b
}

fn xattrs(path: &Path) -> io::Result<BTreeMap<OsString, Vec<u8>>> {
    let mut names = vec![0; 4096];
    let len = match rustix::fs::llistxattr(path, &mut names) {
        Ok(len) => len,
        Err(rustix::io::Errno::NOTSUP) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = BTreeMap::new();
    // What the system's own security modules keep there is not the files'.
    for name in names[..len].split(|b| *b == 0).filter(|name| !name.is_empty() && !name.starts_with(b"security.")) {
        let mut value = vec![0; 65536];
        let len = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value)?;
        value.truncate(len);
        found.insert(OsStr::from_bytes(name).to_owned(), value);
    }
    Ok(found)
}

/// Where the contents of two entries known to be alike differ first.
fn same_bytes(a: &Path, b: &Path, entry: &Entry) -> io::Result<Option<u64>> {
    const REGULAR: u32 = 0o100_000;
    if entry.mode & 0o170_000 != REGULAR {
        return Ok(None);
    }
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    let (mut left, mut right) = (vec![0; 1 << 17], vec![0; 1 << 17]);
    let mut offset = 0;
    loop {
        let (n, m) = (fill(&mut a, &mut left)?, fill(&mut b, &mut right)?);
        if left[..n] != right[..m] {
            let same = left[..n].iter().zip(&right[..m]).take_while(|(a, b)| a == b).count();
            return Ok(Some(offset + same as u64));
        }
        if n == 0 {
            return Ok(None);
        }
        offset += n as u64;
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read(&mut buffer[len..])? {
            0 => break,
            n => len += n,
        }
    }
    Ok(len)
}
