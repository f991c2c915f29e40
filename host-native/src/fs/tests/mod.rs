//! Tests of the asks, each in a directory of its own.

mod copies;
mod looking;
mod nodes;
mod outputs;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use syncline_core::checksum::Algorithm;
use syncline_core::delta::SumHead;
use syncline_core::session::{Ask, At, Create, Errno, FileId, HostResult, Meta, Output, OutputError, Reply, RootId};

use super::Fs;

/// An `Fs` with one root, a temporary directory.
struct Here {
    fs: Fs,
    root: RootId,
    dir: tempfile::TempDir,
}

impl Here {
    fn new() -> Here {
        let dir = tempfile::tempdir().unwrap();
        let mut fs = Fs::new();
        let root = open_root(&mut fs, dir.path());
        Here { fs, root, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, data: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), data).unwrap();
    }

    fn data(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        self.path(name).symlink_metadata().unwrap().mode() & 0o7777
    }

    fn at(&self, path: &str) -> At {
        At { root: self.root, path: path.into() }
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(dir)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A plan with nothing special about it.
    fn plan(&self, path: &str) -> Create {
        Create {
            at: self.at(path),
            output: Output::Temp { dir: None },
            basis: None,
            head: SumHead::NULL,
            mode: 0o600,
            size: 0,
            preallocate: false,
            sparse: false,
            skip: 0,
            skip_in_digest: false,
            digest: (Algorithm::Md5, 0),
        }
    }

    fn create(&mut self, create: Create) -> Result<(FileId, Option<Meta>), OutputError> {
        match self.fs.execute(Ask::Create(Box::new(create))) {
            Reply::Created(created) => created,
            reply => panic!("{reply:?}"),
        }
    }

    fn unit(&mut self, ask: Ask) -> HostResult<()> {
        match self.fs.execute(ask) {
            Reply::Unit(done) => done,
            reply => panic!("{reply:?}"),
        }
    }

    fn bytes(&mut self, ask: Ask) -> HostResult<Vec<u8>> {
        match self.fs.execute(ask) {
            Reply::Bytes(bytes) => bytes,
            reply => panic!("{reply:?}"),
        }
    }

    fn stat(&mut self, path: &str) -> HostResult<Meta> {
        match self.fs.execute(Ask::Stat { at: self.at(path), follow: Default::default() }) {
            Reply::Stat(meta) => meta,
            reply => panic!("{reply:?}"),
        }
    }
}

fn open_root(fs: &mut Fs, path: &Path) -> RootId {
    match fs.execute(Ask::Root { path: path.as_os_str().as_bytes().to_vec() }) {
        Reply::Root(Ok(root)) => root,
        reply => panic!("{reply:?}"),
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Errno>) -> i32 {
    result.unwrap_err().code
}

/// Bytes that look like nothing in particular.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn an_fs_can_go_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Fs::new());
}
