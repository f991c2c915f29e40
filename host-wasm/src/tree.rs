//! What is known of the files: names, kinds, sizes and times, but no contents.
//!
//! A push fills it with what the user picked, a pull with what the target directory holds. Paths have no leading slash; the
//! empty path is the top.

use std::collections::BTreeMap;

use syncline_core::session::{Dirent, Errno, HostResult, Meta, SetMeta};

use crate::errno::errno;

/// The bits of a mode that say what a file is.
pub const TYPE: u32 = 0o170_000;
/// A regular file.
pub const REGULAR: u32 = 0o100_000;
/// A directory.
pub const DIRECTORY: u32 = 0o040_000;

/// A file or a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Type and permission bits.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    children: BTreeMap<Vec<u8>, Node>,
}

impl Node {
    /// A regular file.
    pub fn file(size: u64, mtime: (i64, u32)) -> Node {
        Node { mode: REGULAR | 0o644, size, mtime, ..Node::default() }
    }

    /// An empty directory.
    pub fn directory() -> Node {
        Node { mode: DIRECTORY | 0o755, ..Node::default() }
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & TYPE == DIRECTORY
    }

    fn meta(&self) -> Meta {
        Meta {
            mode: self.mode,
            size: self.size,
            mtime: self.mtime.0,
            mtime_nsec: self.mtime.1,
            atime: self.mtime.0,
            nlink: 1,
            ..Meta::default()
        }
    }
}

/// All files.
#[derive(Clone, Debug)]
pub struct Tree {
    top: Node,
    files: u64,
    bytes: u64,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { top: Node::directory(), files: 0, bytes: 0 }
    }
}

/// A path without empty and `.` components; `None` if it has one that leads upwards.
pub fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    for part in path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if part == b".." {
            return None;
        }
        parts.push(part);
    }
    Some(parts.join(&b'/'))
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty())
}

/// The directory that a path lies in, and its last component.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(cut) => (&path[..cut], &path[cut + 1..]),
        None => (b"", path),
    }
}

impl Tree {
    /// Regular files in it, and their bytes.
    pub fn totals(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }

    /// Looks a path up.
    pub fn find(&self, path: &[u8]) -> HostResult<&Node> {
        let mut node = &self.top;
        for part in parts(path) {
            if !node.is_dir() {
                return Err(errno(Errno::ENOTDIR));
            }
            node = node.children.get(part).ok_or_else(|| errno(Errno::ENOENT))?;
        }
        Ok(node)
    }

    fn find_mut(&mut self, path: &[u8]) -> HostResult<&mut Node> {
        let mut node = &mut self.top;
        for part in parts(path) {
            if !node.is_dir() {
                return Err(errno(Errno::ENOTDIR));
            }
            node = node.children.get_mut(part).ok_or_else(|| errno(Errno::ENOENT))?;
        }
        Ok(node)
    }

    /// What is known of a path.
    pub fn meta(&self, path: &[u8]) -> HostResult<Meta> {
        self.find(path).map(Node::meta)
    }

    /// The names in a directory.
    pub fn list(&self, path: &[u8]) -> HostResult<Vec<Dirent>> {
        let node = self.find(path)?;
        if !node.is_dir() {
            return Err(errno(Errno::ENOTDIR));
        }
        let one = |(name, node): (&Vec<u8>, &Node)| Dirent { name: name.clone(), meta: Ok(node.meta()), digest: None };
        Ok(node.children.iter().map(one).collect())
    }

    /// Puts something at a path, in place of what is there. Directories above it are made where they are missing.
    pub fn put(&mut self, path: &[u8], new: Node) {
        let (dir, name) = split(path);
        if name.is_empty() {
            return;
        }
        self.forget(path);
        let mut node = &mut self.top;
        for part in parts(dir) {
            node = node.children.entry(part.to_vec()).or_insert_with(Node::directory);
        }
        self.files += u64::from(!new.is_dir());
        self.bytes += new.size;
        node.children.insert(name.to_vec(), new);
    }

    /// Makes a directory, if nothing has its name.
    pub fn can_make(&self, path: &[u8]) -> HostResult<()> {
        if self.find(path).is_ok() {
            return Err(errno(Errno::EEXIST));
        }
        match self.find(split(path).0)?.is_dir() {
            true => Ok(()),
            false => Err(errno(Errno::ENOTDIR)),
        }
    }

    /// Whether a path can be removed as what it should be.
    pub fn can_remove(&self, path: &[u8], is_dir: bool) -> HostResult<()> {
        let node = self.find(path)?;
        match (is_dir, node.is_dir()) {
            (true, false) => Err(errno(Errno::ENOTDIR)),
            (false, true) => Err(errno(crate::errno::EISDIR)),
            (true, true) if !node.children.is_empty() => Err(errno(Errno::ENOTEMPTY)),
            _ => Ok(()),
        }
    }

    /// Takes a path out.
    pub fn forget(&mut self, path: &[u8]) -> Option<Node> {
        let (dir, name) = split(path);
        let node = self.find_mut(dir).ok()?.children.remove(name)?;
        let (files, bytes) = sums(&node);
        self.files -= files;
        self.bytes -= bytes;
        Some(node)
    }

    /// Gives something another name, in place of what has it.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        if let Some(node) = self.forget(from) {
            let (files, bytes) = sums(&node);
            self.put(to, node);
            // `put` has counted the node itself, not what lies beneath.
            let counted = self.find(to).map(|node| (u64::from(!node.is_dir()), node.size)).unwrap_or_default();
            self.files += files - counted.0;
            self.bytes += bytes - counted.1;
        }
    }

    /// Takes over attributes.
    pub fn set(&mut self, path: &[u8], meta: &SetMeta) {
        if let Ok(node) = self.find_mut(path) {
            node.mtime = meta.mtime.unwrap_or(node.mtime);
            node.mode = meta.mode.map_or(node.mode, |mode| node.mode & TYPE | mode & 0o7777);
        }
    }
}

fn sums(node: &Node) -> (u64, u64) {
    let own = (u64::from(!node.is_dir()), node.size);
    node.children.values().map(sums).fold(own, |sum, more| (sum.0 + more.0, sum.1 + more.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.put(b"a/b/c.txt", Node::file(10, (5, 0)));
        tree.put(b"a/d.txt", Node::file(7, (6, 0)));
        tree
    }

    #[test]
    fn paths_are_looked_up_and_errors_are_those_of_a_system() {
        let tree = tree();
        assert_eq!(tree.meta(b"a/b/c.txt").map(|meta| (meta.size, meta.mtime)), Ok((10, 5)));
        assert!(tree.find(b"").is_ok_and(Node::is_dir));
        let code = |path: &[u8]| tree.meta(path).map_err(|error| error.code).err();
        assert_eq!((code(b"x"), code(b"a/d.txt/x")), (Some(2), Some(20)));
        assert_eq!(tree.can_remove(b"a", true).map_err(|error| error.code), Err(39));
        assert_eq!(tree.can_make(b"a/b").map_err(|error| error.code), Err(17));
    }

    #[test]
    fn totals_follow_every_change() {
        let mut tree = tree();
        assert_eq!(tree.totals(), (2, 17));
        tree.put(b"a/d.txt", Node::file(9, (6, 0)));
        assert_eq!(tree.totals(), (2, 19));
        tree.rename(b"a/b", b"e");
        assert_eq!((tree.totals(), tree.meta(b"e/c.txt").map(|meta| meta.size)), ((2, 19), Ok(10)));
        tree.forget(b"e");
        assert_eq!(tree.totals(), (1, 9));
    }

    #[test]
    fn a_path_that_leads_upwards_is_none() {
        assert_eq!(clean(b"/a//./b/"), Some(b"a/b".to_vec()));
        assert_eq!(clean(b"a/../b"), None);
    }
}
