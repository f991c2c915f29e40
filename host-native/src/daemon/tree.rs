//! The module's directory as far as the expansion of wildcards looks into it: never past a symlink that leads out.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::paths::Tree;

/// The current directory, which is the module's root by then.
pub struct ModuleTree<F> {
    /// Whether the kernel already keeps everything below the root of the file system (a plain chroot).
    pub chrooted: bool,
    /// Whether the module's filter hides a path.
    pub hides: F,
}

impl<F: Fn(&[u8]) -> bool> ModuleTree<F> {
    fn open(&self, dir: &[u8]) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if self.chrooted {
            return openat(CWD, dir, flags, Mode::empty());
        }
        match openat2(CWD, dir, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::NOSYS | Errno::PERM) => open_without_links(dir, flags),
            opened => opened,
        }
    }
}

/// For kernels that can't resolve beneath a directory: no symlink is followed at all.
fn open_without_links(path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut dir = openat(CWD, ".", flags, Mode::empty())?;
    for part in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
        dir = openat(&dir, part, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(dir)
}

impl<F: Fn(&[u8]) -> bool> Tree for ModuleTree<F> {
    fn names(&self, dir: &[u8]) -> Vec<Vec<u8>> {
        let Ok(dir) = self.open(dir).and_then(Dir::new) else {
            return Vec::new();
        };
        let names = dir.flatten().map(|entry| entry.file_name().to_bytes().to_vec());
        names.filter(|name| name != b"." && name != b"..").collect()
    }

    fn is_dir(&self, path: &[u8]) -> bool {
        self.open(path).is_ok()
    }

    fn hidden(&self, path: &[u8]) -> bool {
        (self.hides)(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn looks_only_where_no_link_leads() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("real/below")).unwrap();
        std::fs::write(at("real/file"), "").unwrap();
        symlink("/", at("out")).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let open = |name: &str| open_without_links(at(name).as_os_str().as_bytes(), flags);
        // The walk begins in the current directory, so the path is given from there.
        assert!(open("out").is_err());
        let here = ModuleTree { chrooted: false, hides: |path: &[u8]| path == b"src" };
        assert!(here.names(b".").contains(&b"Cargo.toml".to_vec()));
        assert!(here.is_dir(b"src") && !here.is_dir(b"Cargo.toml"));
        assert!(!here.is_dir(b"..") && here.names(b"/").is_empty());
        assert!(here.hidden(b"src"));
    }
}
