//! The directory that a module serves, and whether the worker is locked into it by chroot (spec 5.9.3, 5.9.4).

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::log::{Log, reason, strerror};
use super::sys;

/// Where a module lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Where to chroot to, if at all.
    pub chroot: Option<Vec<u8>>,
    /// The module's directory: inside the chroot, or an absolute path.
    pub dir: Vec<u8>,
    /// The whole path, for the log and for hooks.
    pub full: Vec<u8>,
}

/// Why there is no root: the text after `@ERROR: `, and the line for the log.
pub type Refused = (&'static str, Vec<u8>);

/// The name that makes a munged symlink useless on this machine.
pub const MUNGED_DIR: &str = "/rsyncd-munged";

impl Root {
    /// Decides where a module lives. `use_chroot` of `None` takes a chroot if it can be had.
    pub fn resolve(path: &[u8], use_chroot: Option<bool>, module: &[u8], log: &Log) -> Result<Root, Refused> {
        if path.is_empty() {
            return Err(("no path setting.", [b"No path specified for module ", module].concat()));
        }
        let absolute = absolute(path);
        let split = find(&absolute, b"/./");
        let chroot = use_chroot.unwrap_or_else(|| split.is_some() || can_chroot(log));
        if !chroot {
            let dir = normalize(&absolute);
            return Ok(Root { chroot: None, full: dir.clone(), dir });
        }
        let (outer, inner) = match split {
            Some(at) => (normalize(&absolute[..at]), normalize(&absolute[at + 2..])),
            None => (normalize(&absolute), b"/".to_vec()),
        };
        let full = normalize(&[outer.as_slice(), b"/", &inner].concat());
        Ok(Root { chroot: Some(outer), dir: inner, full })
    }

    /// Whether client paths must be resolved as if the module were the root of the file system.
    pub fn sanitize(&self) -> bool {
        self.dir != b"/"
    }

    /// Whether symlinks are munged unless the module says otherwise.
    pub fn munge_default(&self) -> bool {
        self.chroot.is_none() || self.dir != b"/"
    }

    /// What messages call the module's directory.
    pub fn shown(&self) -> &'static [u8] {
        if self.chroot.is_some() && self.dir == b"/" { b"/" } else { b"" }
    }

    /// Whether the directory is there at all, so that no hook runs for one that isn't. One to be locked into is only tried
    /// when it is entered.
    pub fn check(&self) -> Result<(), Refused> {
        if self.chroot.is_some() {
            return Ok(());
        }
        let found = std::fs::metadata(OsStr::from_bytes(&self.dir));
        let error = match found {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => io::Error::from_raw_os_error(libc::ENOTDIR),
            Err(error) => error,
        };
        Err(no_dir(&self.dir, &error))
    }

    /// Goes there.
    pub fn enter(&self) -> Result<(), Refused> {
        if let Some(chroot) = &self.chroot {
            let refused = |error: io::Error| {
                let shown = String::from_utf8_lossy(chroot);
                (
                    "chroot failed",
                    format!("rsync: [Receiver] chroot(\"{shown}\") failed: {}", strerror(&error)).into_bytes(),
                )
            };
            sys::chroot(chroot).map_err(refused)?;
        }
        self.change_to(&self.dir)
    }

    fn change_to(&self, dir: &[u8]) -> Result<(), Refused> {
        std::env::set_current_dir(OsStr::from_bytes(dir)).map_err(|error| no_dir(dir, &error))
    }
}

fn no_dir(dir: &[u8], error: &io::Error) -> Refused {
    let shown = String::from_utf8_lossy(dir);
    ("chdir failed", format!("rsync: [Receiver] chdir {shown} failed: {}", strerror(error)).into_bytes())
}

/// Whether munged symlinks could be followed after all.
pub fn munging_is_unsafe() -> bool {
    Path::new(MUNGED_DIR).is_dir()
}

fn can_chroot(log: &Log) -> bool {
    match sys::chroot(b"/") {
        Ok(()) => true,
        Err(error) => {
            let reason = reason(&error);
            log.warn(format!("chroot test failed: {reason}. Switching 'use chroot' from unset to false."));
            false
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn absolute(path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    [here.into_os_string().into_vec().as_slice(), b"/", path].concat()
}

/// Without doubled slashes, `.` and `..`; the file system isn't asked.
fn normalize(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    [b"/", parts.join(&b'/').as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::log::Destination;

    #[test]
    fn roots() {
        let log = Log::new(Destination { file: Vec::new(), facility: 0, tag: Vec::new() });
        for (path, use_chroot, chroot, dir, full) in [
            ("/srv/pub", Some(true), Some("/srv/pub"), "/", "/srv/pub"),
            ("/srv/./pub/x", Some(true), Some("/srv"), "/pub/x", "/srv/pub/x"),
            ("/srv/./pub/./x", None, Some("/srv"), "/pub/x", "/srv/pub/x"),
            ("/srv/./pub", Some(false), None, "/srv/pub", "/srv/pub"),
            ("/srv//a/../b", Some(false), None, "/srv/b", "/srv/b"),
            ("/", Some(false), None, "/", "/"),
            ("/./x", Some(true), Some("/"), "/x", "/x"),
        ] {
            let root = Root::resolve(path.as_bytes(), use_chroot, b"m", &log).unwrap();
            let expect = Root { chroot: chroot.map(Into::into), dir: dir.into(), full: full.into() };
            assert_eq!(root, expect, "{path}");
        }
        assert_eq!(
            Root::resolve(b"", None, b"m", &log),
            Err(("no path setting.", b"No path specified for module m".to_vec()))
        );
    }

    /// The table of spec 5.9.3 and 5.9.4.
    #[test]
    fn confinement() {
        let root = |chroot: Option<&str>, dir: &str| Root {
            chroot: chroot.map(Into::into),
            dir: dir.into(),
            full: Vec::new(),
        };
        for (root, sanitize, munge, shown) in [
            (root(Some("/srv"), "/"), false, false, "/"),
            (root(Some("/srv"), "/x"), true, true, ""),
            (root(None, "/srv"), true, true, ""),
            (root(None, "/"), false, true, ""),
        ] {
            assert_eq!(root.sanitize(), sanitize, "{root:?}");
            assert_eq!(root.munge_default(), munge, "{root:?}");
            assert_eq!(root.shown(), shown.as_bytes(), "{root:?}");
        }
    }

    #[test]
    fn missing_directory() {
        let root = Root { chroot: None, dir: b"/nonexistent/module".to_vec(), full: Vec::new() };
        let (client, log) = root.check().unwrap_err();
        assert_eq!(client, "chdir failed");
        assert_eq!(log, b"rsync: [Receiver] chdir /nonexistent/module failed: No such file or directory (2)");
    }
}
