//! A tree of files in memory. Paths are absolute, without a leading slash; the empty path is the top.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use syncline_core::session::{HostResult, Meta, SetErrors, SetMeta};

use super::errno;

pub const TYPE: u32 = 0o170000;
pub const REGULAR: u32 = 0o100000;
pub const DIRECTORY: u32 = 0o040000;
pub const SYMLINK: u32 = 0o120000;

/// A file, whatever its type, with all that is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inode {
    pub ino: u64,
    pub mode: u32,
    pub mtime: (i64, u32),
    pub atime: i64,
    pub uid: u32,
    pub gid: u32,
    pub rdev: (u32, u32),
    /// Contents of a regular file, text of a symlink.
    pub data: Vec<u8>,
}

impl Inode {
    pub fn is(&self, kind: u32) -> bool {
        self.mode & TYPE == kind
    }

    pub fn meta(&self) -> Meta {
        Meta {
            mode: self.mode,
            size: if self.is(DIRECTORY) { 4096 } else { self.data.len() as u64 },
            mtime: self.mtime.0,
            mtime_nsec: self.mtime.1,
            atime: self.atime,
            uid: self.uid,
            gid: self.gid,
            rdev: self.rdev,
            dev: 1,
            ino: self.ino,
            nlink: 1,
            target: self.is(SYMLINK).then(|| self.data.clone().into_boxed_slice()),
            extended: None,
        }
    }

    pub fn set(&mut self, meta: &SetMeta) {
        self.uid = meta.uid.unwrap_or(self.uid);
        self.gid = meta.gid.unwrap_or(self.gid);
        self.atime = meta.atime.unwrap_or(self.atime);
        self.mtime = meta.mtime.unwrap_or(self.mtime);
        if let Some(mode) = meta.mode {
            self.mode = self.mode & TYPE | mode & 0o7777;
        }
    }
}

pub type File = Rc<RefCell<Inode>>;

/// What a test compares: the files below a directory by their paths, without inode numbers and access times.
pub type Snapshot = BTreeMap<String, Inode>;

#[derive(Debug)]
pub struct Tree {
    names: BTreeMap<Vec<u8>, File>,
    /// Seconds since 1970; every change takes one.
    pub now: i64,
    next_ino: u64,
}

impl Default for Tree {
    fn default() -> Self {
        let top = Inode { ino: 1, mode: DIRECTORY | 0o755, ..Inode::default() };
        let names = BTreeMap::from([(Vec::new(), Rc::new(RefCell::new(top)))]);
        Tree { names, now: 1_900_000_000, next_ino: 2 }
    }
}

pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&byte| byte == b'/').map_or(b"", |cut| &path[..cut])
}

/// A path without empty and `.` components.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    parts.join(&b'/')
}

pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    clean(&[dir, b"/", name].concat())
}

impl Tree {
    pub fn new_inode(&mut self, mode: u32) -> Inode {
        self.next_ino += 1;
        Inode { ino: self.next_ino, mode, mtime: (self.now, 5), ..Inode::default() }
    }

    pub fn find(&self, path: &[u8]) -> HostResult<File> {
        if let Some(file) = self.names.get(path) {
            return Ok(file.clone());
        }
        let above = parent(path);
        match self.names.get(above) {
            _ if path.is_empty() => Err(errno(2)),
            Some(dir) if !dir.borrow().is(DIRECTORY) => Err(errno(20)),
            Some(_) => Err(errno(2)),
            None => self.find(above),
        }
    }

    /// What a path leads to if symlinks are followed in its last place.
    pub fn follow(&self, path: &[u8]) -> HostResult<File> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let file = self.find(&path)?;
            if !file.borrow().is(SYMLINK) {
                return Ok(file);
            }
            let target = file.borrow().data.clone();
            path = if target.starts_with(b"/") { clean(&target) } else { join(parent(&path), &target) };
        }
        Err(errno(40))
    }

    /// Puts a new name into its directory.
    pub fn put(&mut self, path: &[u8], file: File) -> HostResult<()> {
        let dir = self.find(parent(path))?;
        if !dir.borrow().is(DIRECTORY) {
            return Err(errno(20));
        }
        if self.names.contains_key(path) {
            return Err(errno(17));
        }
        self.names.insert(path.to_vec(), file);
        self.touch(&dir);
        Ok(())
    }

    fn touch(&mut self, dir: &File) {
        self.now += 1;
        dir.borrow_mut().mtime = (self.now, 7);
    }

    /// Names in a directory.
    pub fn list(&self, path: &[u8]) -> HostResult<Vec<(Vec<u8>, File)>> {
        if !self.find(path)?.borrow().is(DIRECTORY) {
            return Err(errno(20));
        }
        let inside = self.names.iter().filter(|(name, _)| !name.is_empty() && parent(name) == path);
        let last = |name: &[u8]| name[parent(name).len()..].strip_prefix(b"/").unwrap_or(name).to_vec();
        Ok(inside.map(|(name, file)| (last(name), file.clone())).collect())
    }

    pub fn remove(&mut self, path: &[u8], dir: bool) -> HostResult<()> {
        let file = self.find(path)?;
        let is_dir = file.borrow().is(DIRECTORY);
        match (is_dir, dir) {
            (true, false) => return Err(errno(21)),
            (false, true) => return Err(errno(20)),
            (true, true) if !self.list(path)?.is_empty() => return Err(errno(39)),
            _ => {}
        }
        self.names.remove(path);
        let above = self.find(parent(path))?;
        self.touch(&above);
        Ok(())
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> HostResult<()> {
        let file = self.find(from)?;
        let dir = self.find(parent(to))?;
        if !dir.borrow().is(DIRECTORY) {
            return Err(errno(20));
        }
        let is_dir = file.borrow().is(DIRECTORY);
        if let Ok(there) = self.find(to) {
            match (is_dir, there.borrow().is(DIRECTORY)) {
                (false, true) => return Err(errno(21)),
                (true, false) => return Err(errno(20)),
                (true, true) if !self.list(to)?.is_empty() => return Err(errno(39)),
                _ => {}
            }
        }
        let below = [from, b"/"].concat();
        let moving: Vec<_> =
            self.names.keys().filter(|name| *name == from || name.starts_with(&below)).cloned().collect();
        for old in moving {
            if let Some(file) = self.names.remove(&old) {
                self.names.insert([to, &old[from.len()..]].concat(), file);
            }
        }
        let old_dir = self.find(parent(from))?;
        self.touch(&old_dir);
        self.touch(&dir);
        Ok(())
    }

    pub fn set(&mut self, path: &[u8], meta: &SetMeta) -> SetErrors {
        match self.find(path) {
            Ok(file) => {
                file.borrow_mut().set(meta);
                SetErrors::default()
            }
            Err(error) => super::host::set_errors(meta, &error),
        }
    }

    // ---- for tests ----

    pub fn add(&mut self, path: &str, inode: Inode) {
        for (cut, _) in path.match_indices('/') {
            if self.find(&path.as_bytes()[..cut]).is_err() {
                self.add(
                    &path[..cut],
                    Inode { mode: DIRECTORY | 0o755, mtime: (1_000_000_000, 0), ..Inode::default() },
                );
            }
        }
        let dir = self.find(parent(path.as_bytes())).unwrap();
        let mtime = dir.borrow().mtime;
        let ino = self.new_inode(0).ino;
        self.put(path.as_bytes(), Rc::new(RefCell::new(Inode { ino, ..inode }))).unwrap();
        dir.borrow_mut().mtime = mtime;
    }

    pub fn add_file(&mut self, path: &str, data: &[u8], mtime: i64) {
        self.add(path, Inode { mode: REGULAR | 0o644, mtime: (mtime, 0), data: data.to_vec(), ..Inode::default() });
    }

    pub fn add_dir(&mut self, path: &str) {
        self.add(path, Inode { mode: DIRECTORY | 0o755, mtime: (1_000_000_000, 0), ..Inode::default() });
    }

    pub fn snapshot(&self, dir: &str) -> Snapshot {
        let below = format!("{dir}/");
        let name = |path: &[u8]| match path == dir.as_bytes() {
            true => Some(".".into()),
            false => path.strip_prefix(below.as_bytes()).map(|rest| String::from_utf8_lossy(rest).into_owned()),
        };
        let plain = |file: &File| Inode { ino: 0, atime: 0, ..file.borrow().clone() };
        self.names.iter().filter_map(|(path, file)| Some((name(path)?, plain(file)))).collect()
    }
}
