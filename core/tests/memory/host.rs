//! Every ask of a session, carried out on a tree in memory. The n-th request can be made to fail, or the bytes of one to be
//! falsified.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use syncline_core::checksum::{Algorithm, Digest, DigestValue};
use syncline_core::delta::{Signer, SumHead};
use syncline_core::session::{
    Ask, At, CopyLocal, Create, Dirent, Errno, FileId, Follow, HostResult, KeepMode, Meta, Output as Place,
    OutputError, Reply, RootId, SetErrors, SetMeta,
};

use super::errno;
use super::output::Output;
use super::tree::{DIRECTORY, File, REGULAR, SYMLINK, TYPE, Tree, clean, join};

#[derive(Debug)]
enum Open {
    Source(File),
    Output(Box<Output>),
}

/// What a host counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests of any kind.
    pub requests: usize,
    pub creates: usize,
    pub writes: usize,
    pub copies: usize,
    pub reads: usize,
    pub changes: usize,
}

#[derive(Debug, Default)]
pub struct Host {
    pub tree: Tree,
    roots: Vec<Vec<u8>>,
    open: HashMap<u32, Open>,
    next_file: u32,
    pub counts: Counts,
    /// The request that fails, counted from 1, and how.
    pub fail: Option<(usize, i32)>,
    /// What failed.
    pub failed: Option<String>,
    /// The write that is falsified, counted from 1.
    pub corrupt_write: Option<usize>,
    /// The copied block that is falsified, counted from 1.
    pub corrupt_copy: Option<usize>,
    write_error: Option<(Vec<u8>, Errno)>,
}

/// All that was to be set could not be.
pub fn set_errors(meta: &SetMeta, error: &Errno) -> SetErrors {
    let when = |wanted: bool| wanted.then(|| error.clone());
    SetErrors {
        owner: when(meta.uid.is_some() || meta.gid.is_some()),
        times: when(meta.mtime.is_some() || meta.atime.is_some()),
        mode: when(meta.mode.is_some()),
        extended: Vec::new(),
    }
}

impl Host {
    pub fn new(tree: Tree) -> Host {
        Host { tree, ..Host::default() }
    }

    /// The error of this request, if it is the one that fails.
    fn failure(&mut self, what: impl FnOnce() -> String) -> Option<Errno> {
        self.counts.requests += 1;
        let (at, code) = self.fail?;
        if at != self.counts.requests {
            return None;
        }
        self.failed = Some(what());
        Some(errno(code))
    }

    fn path(&self, at: &At) -> Vec<u8> {
        // A root that was never handed out is a mistake of the session.
        let root = &self.roots[at.root.0 as usize];
        assert!(!at.path.starts_with(b"/") && !at.path.split(|&b| b == b'/').any(|part| part == b".."), "{at:?}");
        join(root, &at.path)
    }

    fn insert(&mut self, open: Open) -> FileId {
        self.next_file += 1;
        self.open.insert(self.next_file, open);
        FileId(self.next_file)
    }

    /// Files that are still open.
    pub fn open_files(&self) -> usize {
        self.open.len()
    }

    /// The program ends: temporary files of outputs that were not finished are removed.
    pub fn close(&mut self) {
        for (_, open) in self.open.drain() {
            if let Open::Output(output) = open {
                output.discard(&mut self.tree);
            }
        }
    }

    pub fn execute(&mut self, ask: Ask) -> Reply {
        if let Some(error) = self.failure(|| describe(&ask)) {
            return self.refuse(ask, error);
        }
        match ask {
            Ask::Root { path } => Reply::Root(self.root(clean(&path))),
            Ask::SubRoot { at } => Reply::Root(self.root(self.path(&at))),
            Ask::StatPath { path } => Reply::Stat(self.tree.follow(&clean(&path)).map(|file| file.borrow().meta())),
            Ask::MkdirPath { path } => Reply::Unit(self.mkdir(&clean(&path), 0o755)),
            Ask::ReadPath { path, max } => Reply::Bytes(self.read_whole(&clean(&path), max)),
            Ask::ReadAt { at, max } => Reply::Bytes(self.read_whole(&self.path(&at), max)),
            Ask::Stat { at, follow } => Reply::Stat(self.stat(&self.path(&at), follow)),
            Ask::StatMany { root, paths } => {
                let one = |path| self.stat(&self.path(&At { root, path }), Follow::No);
                Reply::Stats(paths.into_iter().map(one).collect())
            }
            Ask::List { at, follow, digest, brief } => {
                let mut listing = self.list(&self.path(&at), follow, digest);
                for entry in listing.iter_mut().flatten().filter(|_| brief) {
                    shorten(&mut entry.meta);
                }
                Reply::Listing(listing)
            }
            Ask::Digest { at, algorithm } => Reply::Digest(self.digest(&self.path(&at), algorithm)),
            Ask::Names { uids, gids } => {
                let name = |kind: &str, id: u32| id.is_multiple_of(2).then(|| format!("{kind}{id}").into_bytes());
                Reply::Names(
                    uids.into_iter().map(|id| name("u", id)).collect(),
                    gids.into_iter().map(|id| name("g", id)).collect(),
                )
            }
            Ask::Ids { users, groups } => {
                let id = |name: Vec<u8>| String::from_utf8(name).ok()?.get(1..)?.parse().ok();
                Reply::Ids(users.into_iter().map(id).collect(), groups.into_iter().map(id).collect())
            }
            Ask::Open { at, follow } => Reply::Opened(self.open(&self.path(&at), follow)),
            Ask::Close { file } => Reply::Unit(match self.open.remove(&file.0) {
                Some(Open::Source(_)) => Ok(()),
                other => panic!("closing {other:?}"),
            }),
            Ask::Sign { file, head, first, count, strong } => Reply::Bytes(self.bytes_of(file).map(|data| {
                let from = (head.block_offset(first) as usize).min(data.len());
                let part = part_of(head, first, count);
                let mut out = Vec::new();
                let mut signer = Signer::new(part, strong);
                signer.push(&data[from..], &mut out);
                signer.finish(&mut out);
                out
            })),
            Ask::ReadFile { file, at, len } => Reply::Bytes(match &self.open[&file.0] {
                Open::Output(output) => output.basis_bytes(at, len),
                Open::Source(source) => {
                    let data = &source.borrow().data;
                    let from = (at as usize).min(data.len());
                    Ok(data[from..(from + len as usize).min(data.len())].to_vec())
                }
            }),
            Ask::Create(create) => Reply::Created(self.create(&create)),
            Ask::Finish { file } => Reply::Finished(self.output(file).finish().map_err(OutputError::Write)),
            Ask::Commit(commit) => {
                let (to, backup) = (self.path(&commit.to), commit.backup.as_ref().map(|at| self.path(at)));
                let output = self.take_output(commit.file);
                self.counts.changes += 1;
                Reply::Committed(output.commit(&mut self.tree, to, &commit.meta, backup).map(|errors| (errors, 0)))
            }
            Ask::Discard { file } => {
                let output = self.take_output(file);
                output.discard(&mut self.tree);
                Reply::Unit(Ok(()))
            }
            Ask::CopyLocal(copy) => Reply::Committed(self.copy_local(&copy)),
            Ask::Mkdir { at, mode } => Reply::Unit(self.mkdir(&self.path(&at), mode)),
            Ask::Symlink { at, target, replace } => {
                let inode = self.tree.new_inode(SYMLINK | 0o777);
                Reply::Unit(self.make(
                    &at,
                    Rc::new(RefCell::new(super::tree::Inode { data: target, ..inode })),
                    replace,
                ))
            }
            Ask::Mknod { at, mode, rdev, replace } => {
                let inode = self.tree.new_inode(mode);
                Reply::Unit(self.make(&at, Rc::new(RefCell::new(super::tree::Inode { rdev, ..inode })), replace))
            }
            Ask::Link { from, to, replace } => Reply::Unit(match self.tree.find(&self.path(&from)) {
                Ok(file) => self.make(&to, file, replace),
                Err(error) => Err(error),
            }),
            Ask::SetMeta { at, meta } => {
                self.counts.changes += 1;
                Reply::Set(self.tree.set(&self.path(&at), &meta))
            }
            Ask::Rename { from, to } => {
                self.counts.changes += 1;
                Reply::Unit(self.tree.rename(&self.path(&from), &self.path(&to)))
            }
            Ask::Unlink { at } => Reply::Unit(self.remove(&self.path(&at), false)),
            Ask::Rmdir { at } => Reply::Unit(self.remove(&self.path(&at), true)),
            // These sessions are not the halves of a local copy.
            Ask::ReadAhead { .. } => Reply::Unit(Ok(())),
            Ask::RemoveSource { at, size, mtime, mtime_nsec } => {
                self.remove_source(&self.path(&at), size, (mtime, mtime_nsec))
            }
        }
    }

    /// What a failed request is answered.
    fn refuse(&mut self, ask: Ask, error: Errno) -> Reply {
        match ask {
            Ask::Root { .. } | Ask::SubRoot { .. } => Reply::Root(Err(error)),
            Ask::StatPath { .. } | Ask::Stat { .. } => Reply::Stat(Err(error)),
            Ask::ReadPath { .. } | Ask::ReadAt { .. } | Ask::Sign { .. } | Ask::ReadFile { .. } => {
                Reply::Bytes(Err(error))
            }
            Ask::StatMany { paths, .. } => Reply::Stats(paths.iter().map(|_| Err(error.clone())).collect()),
            Ask::List { .. } => Reply::Listing(Err(error)),
            Ask::Digest { .. } => Reply::Digest(Err(error)),
            Ask::Names { uids, gids } => Reply::Names(vec![None; uids.len()], vec![None; gids.len()]),
            Ask::Ids { users, groups } => Reply::Ids(vec![None; users.len()], vec![None; groups.len()]),
            Ask::Open { .. } => Reply::Opened(Err(error)),
            Ask::Close { file } => {
                self.open.remove(&file.0);
                Reply::Unit(Err(error))
            }
            Ask::Create(create) => Reply::Created(Err(match create.output {
                Place::InPlace => OutputError::Open(error),
                Place::Temp { .. } => OutputError::Temp(create.at.path, error),
            })),
            Ask::Finish { .. } => Reply::Finished(Err(OutputError::Write(error))),
            Ask::Commit(commit) => {
                let output = self.take_output(commit.file);
                let temp = output.now_at.clone();
                output.discard(&mut self.tree);
                Reply::Committed(Err(OutputError::Rename(temp, error)))
            }
            Ask::CopyLocal(_) => Reply::Committed(Err(OutputError::Source(error))),
            Ask::Discard { file } => {
                self.take_output(file).discard(&mut self.tree);
                Reply::Unit(Err(error))
            }
            Ask::SetMeta { meta, .. } => Reply::Set(set_errors(&meta, &error)),
            _ => Reply::Unit(Err(error)),
        }
    }

    /// Reads from a source.
    pub fn read(&mut self, file: FileId, at: u64, space: &mut [u8]) -> HostResult<usize> {
        self.counts.reads += 1;
        if let Some(error) = self.failure(|| format!("read {file:?} at {at}")) {
            return Err(error);
        }
        let data = self.bytes_of(file)?;
        let from = (at as usize).min(data.len());
        let n = (data.len() - from).min(space.len());
        space[..n].copy_from_slice(&data[from..from + n]);
        Ok(n)
    }

    /// Appends to an output.
    pub fn write(&mut self, file: FileId, bytes: &[u8]) {
        self.counts.writes += 1;
        let mut bytes = bytes.to_vec();
        if self.corrupt_write == Some(self.counts.writes)
            && let Some(byte) = bytes.last_mut()
        {
            *byte ^= 1;
        }
        let error = self.failure(|| format!("write {file:?}"));
        let output = self.output(file);
        output.literal(&bytes);
        self.note_write_error(file, error);
    }

    /// Appends a block of the basis to an output.
    pub fn copy(&mut self, file: FileId, from: u64, len: u32) {
        self.counts.copies += 1;
        let error = self.failure(|| format!("copy {file:?}"));
        let corrupt = self.corrupt_copy == Some(self.counts.copies);
        let output = self.output(file);
        match output.basis_bytes(from, len) {
            Ok(bytes) if corrupt => output.literal(&bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()),
            _ => output.copy(from, len),
        }
        self.note_write_error(file, error);
    }

    fn note_write_error(&mut self, file: FileId, error: Option<Errno>) {
        let output = self.output(file);
        if error.is_some() {
            output.error = error;
        }
        if let Some(error) = output.error.clone() {
            self.write_error = Some((output.path.clone(), error));
        }
    }

    /// A write that has just failed.
    pub fn take_write_error(&mut self) -> Option<(Vec<u8>, Errno)> {
        self.write_error.take()
    }

    fn root(&mut self, path: Vec<u8>) -> HostResult<RootId> {
        if !self.tree.follow(&path)?.borrow().is(DIRECTORY) {
            return Err(errno(20));
        }
        self.roots.push(path);
        Ok(RootId(self.roots.len() as u32 - 1))
    }

    fn mkdir(&mut self, path: &[u8], mode: u32) -> HostResult<()> {
        self.counts.changes += 1;
        let inode = self.tree.new_inode(DIRECTORY | mode & 0o7777);
        self.tree.put(path, Rc::new(RefCell::new(inode)))
    }

    fn make(&mut self, at: &At, file: File, replace: bool) -> HostResult<()> {
        self.counts.changes += 1;
        let path = self.path(at);
        if !replace {
            return self.tree.put(&path, file);
        }
        let temp = [&path, b".~tmp~".as_slice()].concat();
        self.tree.put(&temp, file)?;
        self.tree.rename(&temp, &path)
    }

    fn remove(&mut self, path: &[u8], dir: bool) -> HostResult<()> {
        self.counts.changes += 1;
        self.tree.remove(path, dir)
    }

    fn remove_source(&mut self, path: &[u8], size: u64, mtime: (i64, u32)) -> Reply {
        match self.tree.find(path).map(|file| file.borrow().meta()) {
            Err(error) => Reply::Unit(Err(error)),
            Ok(meta) => {
                let same_time = meta.mtime == mtime.0 && (mtime.1 == 0 || mtime.1 == meta.mtime_nsec);
                if meta.size == size && same_time { Reply::Unit(self.remove(path, false)) } else { Reply::Changed }
            }
        }
    }

    fn stat(&self, path: &[u8], follow: Follow) -> HostResult<Meta> {
        let file = self.tree.find(path)?;
        let meta = file.borrow().meta();
        if meta.target.is_none() {
            return Ok(meta);
        }
        match follow {
            Follow::No | Follow::Unsafe => Ok(meta),
            Follow::All => self.tree.follow(path).map(|file| file.borrow().meta()),
            Follow::Directories => {
                let to = self.tree.follow(path).map(|file| file.borrow().meta());
                Ok(to.ok().filter(|to| to.mode & TYPE == DIRECTORY).unwrap_or(meta))
            }
        }
    }

    fn list(&self, path: &[u8], follow: Follow, algorithm: Option<Algorithm>) -> HostResult<Vec<Dirent>> {
        let one = |(name, file): (Vec<u8>, File)| {
            let digest = algorithm.filter(|_| file.borrow().is(REGULAR)).map(|a| digest_of(&file, a));
            Dirent { meta: self.stat(&join(path, &name), follow), name, digest }
        };
        Ok(self.tree.list(path)?.into_iter().map(one).collect())
    }

    fn digest(&self, path: &[u8], algorithm: Algorithm) -> HostResult<DigestValue> {
        let file = self.tree.find(path)?;
        if file.borrow().is(REGULAR) { Ok(digest_of(&file, algorithm)) } else { Err(errno(22)) }
    }

    fn read_whole(&self, path: &[u8], max: u64) -> HostResult<Vec<u8>> {
        let data = self.tree.follow(path)?.borrow().data.clone();
        if data.len() as u64 > max { Err(errno(27)) } else { Ok(data) }
    }

    fn open(&mut self, path: &[u8], follow: bool) -> HostResult<(FileId, Meta)> {
        let file = if follow { self.tree.follow(path)? } else { self.tree.find(path)? };
        if !file.borrow().is(REGULAR) {
            return Err(errno(22));
        }
        let meta = file.borrow().meta();
        Ok((self.insert(Open::Source(file)), meta))
    }

    fn bytes_of(&self, file: FileId) -> HostResult<Vec<u8>> {
        match self.open.get(&file.0) {
            Some(Open::Source(source)) => Ok(source.borrow().data.clone()),
            _ => Err(errno(9)),
        }
    }

    fn create(&mut self, create: &Create) -> Result<(FileId, Option<Meta>), OutputError> {
        self.counts.creates += 1;
        let temp_dir = match create.output {
            Place::Temp { dir: Some(root) } => Some(self.path(&At { root, path: b".".to_vec() })),
            _ => None,
        };
        let (path, basis) = (self.path(&create.at), create.basis.as_ref().map(|at| self.path(at)));
        let (output, meta) = Output::create(&mut self.tree, create, path, temp_dir, basis)?;
        Ok((self.insert(Open::Output(Box::new(output))), meta))
    }

    fn copy_local(&mut self, copy: &CopyLocal) -> Result<(SetErrors, u64), OutputError> {
        let from = match &copy.from {
            syncline_core::session::CopySource::Beneath(at) => self.path(at),
            syncline_core::session::CopySource::Named { root, path } => join(root, path),
        };
        let data = self.tree.find(&from).map_err(OutputError::Source)?.borrow().data.clone();
        let to = self.path(&copy.create.at);
        let mut meta = copy.meta.clone();
        if let Ok(there) = self.tree.find(&to) {
            let mode = there.borrow().mode;
            meta.mode = match copy.keep_mode {
                KeepMode::No => meta.mode,
                KeepMode::Yes => Some(mode & 0o7777),
                KeepMode::Executability(source) if source & 0o111 == 0 => Some(mode & 0o7666),
                KeepMode::Executability(_) => Some(mode & 0o7777 | (mode & 0o444) >> 2),
            };
        }
        let (mut output, _) = Output::create(&mut self.tree, &copy.create, to.clone(), None, None)?;
        output.literal(&data);
        let backup = copy.backup.as_ref().map(|at| self.path(at));
        output.commit(&mut self.tree, to, &meta, backup).map(|errors| (errors, data.len() as u64))
    }

    fn output(&mut self, file: FileId) -> &mut Output {
        match self.open.get_mut(&file.0) {
            Some(Open::Output(output)) => output,
            other => panic!("{file:?} is no output but {other:?}"),
        }
    }

    fn take_output(&mut self, file: FileId) -> Output {
        match self.open.remove(&file.0) {
            Some(Open::Output(output)) => *output,
            other => panic!("{file:?} is no output but {other:?}"),
        }
    }
}

/// An ask with its path readable.
fn describe(ask: &Ask) -> String {
    let text = format!("{ask:?}");
    let path = match ask {
        Ask::Root { path } | Ask::StatPath { path } | Ask::MkdirPath { path } | Ask::ReadPath { path, .. } => path,
        Ask::Stat { at, .. } | Ask::List { at, .. } | Ask::Mkdir { at, .. } | Ask::Open { at, .. } => &at.path,
        Ask::Unlink { at } | Ask::Rmdir { at } | Ask::SetMeta { at, .. } | Ask::Digest { at, .. } => &at.path,
        Ask::Symlink { at, .. } | Ask::Mknod { at, .. } | Ask::ReadAt { at, .. } => &at.path,
        Ask::Rename { from, .. } | Ask::Link { from, .. } => &from.path,
        Ask::Create(create) => &create.at.path,
        Ask::Commit(commit) => &commit.to.path,
        _ => return text,
    };
    let name = text.split([' ', '(']).next().unwrap_or_default();
    format!("{name} {}", String::from_utf8_lossy(path))
}

fn digest_of(file: &File, algorithm: Algorithm) -> DigestValue {
    let mut digest = Digest::list(algorithm);
    digest.update(&file.borrow().data);
    digest.finish()
}

/// The head of some of the blocks that another describes.
fn part_of(head: SumHead, first: u32, count: u32) -> SumHead {
    let is_last = first + count == head.count;
    SumHead { count, remainder: if is_last { head.remainder } else { 0 }, ..head }
}

/// Leaves nothing of a file but its type.
fn shorten(meta: &mut HostResult<Meta>) {
    if let Ok(meta) = meta
        && meta.mode & TYPE != DIRECTORY
    {
        *meta = Meta { mode: meta.mode & TYPE, ..Meta::default() };
    }
}
