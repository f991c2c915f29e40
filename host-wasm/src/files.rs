//! Every ask of a session: answered from the tree at once, or turned into operations that JavaScript carries out.

mod changes;
mod doing;

use std::collections::{HashMap, VecDeque};

use syncline_core::session::{Ask, AskId, At, Errno, FileId, HostResult, OutputError, Reply, RootId};

use crate::errno::{EBADF, EFBIG, EINVAL, ENOTSUP, errno};
use crate::files::doing::{Change, Doing};
use crate::jobs::{Job, Listing, Part, Work};
use crate::ops::{Op, What};
use crate::outputs::Output;
use crate::reads::{Reads, extent};
use crate::tree::{REGULAR, TYPE, Tree, clean};

enum Open {
    Source { path: Vec<u8>, size: u64 },
    Output(Box<Output>),
}

/// See the module's doc.
#[derive(Default)]
pub struct Files {
    /// What is known of the files.
    pub tree: Tree,
    roots: Vec<Vec<u8>>,
    open: HashMap<u32, Open>,
    next_file: u32,
    reads: Reads,
    jobs: VecDeque<Job>,
    /// Outputs that are to be complete, with what waits for that.
    finishing: Vec<(AskId, u32)>,
    ops: VecDeque<Op>,
    doing: HashMap<u32, Doing>,
    next_op: u32,
    answers: Vec<(AskId, Reply)>,
    failed: Option<(Vec<u8>, Errno)>,
}

fn root_path(path: &[u8]) -> HostResult<Vec<u8>> {
    clean(path).ok_or_else(|| errno(Errno::ENOENT))
}

impl Files {
    /// The next operation to carry out.
    pub fn take_op(&mut self) -> Option<Op> {
        self.ops.pop_front()
    }

    /// Answers that are complete.
    pub fn take_answers(&mut self) -> Vec<(AskId, Reply)> {
        std::mem::take(&mut self.answers)
    }

    /// A write that failed; the session can't go on.
    pub fn take_failed(&mut self) -> Option<(Vec<u8>, Errno)> {
        self.failed.take()
    }

    /// The path and length of a file that is open.
    pub fn describe(&self, file: FileId) -> Option<(&[u8], u64)> {
        match self.open.get(&file.0)? {
            Open::Source { path, size } => Some((path, *size)),
            Open::Output(output) => Some((&output.path, output.len())),
        }
    }

    /// The length that an output will have, as far as it is known.
    pub fn promised(&self, file: FileId) -> u64 {
        match self.open.get(&file.0) {
            Some(Open::Output(output)) => output.promised.max(output.len()),
            _ => 0,
        }
    }

    fn path(&self, at: &At) -> HostResult<Vec<u8>> {
        let root = self.roots.get(at.root.0 as usize).ok_or_else(|| errno(EBADF))?;
        root_path(&[root, b"/".as_slice(), &at.path].concat())
    }

    fn answer(&mut self, ask: AskId, reply: Reply) {
        self.answers.push((ask, reply));
    }

    /// Takes an ask; its answer comes by [`Files::take_answers`].
    pub fn execute(&mut self, ask: AskId, what: Ask) {
        let reply = match what {
            Ask::Root { path } => Reply::Root(root_path(&path).and_then(|path| self.root(path))),
            Ask::SubRoot { at } => Reply::Root(self.path(&at).and_then(|path| self.root(path))),
            Ask::StatPath { path } => Reply::Stat(root_path(&path).and_then(|path| self.tree.meta(&path))),
            Ask::Stat { at, .. } => Reply::Stat(self.path(&at).and_then(|path| self.tree.meta(&path))),
            Ask::StatMany { root, paths } => {
                let one = |path| self.path(&At { root, path }).and_then(|path| self.tree.meta(&path));
                Reply::Stats(paths.into_iter().map(one).collect())
            }
            Ask::List { at, digest: None, .. } => Reply::Listing(self.path(&at).and_then(|path| self.tree.list(&path))),
            Ask::List { at, digest: Some(algorithm), .. } => match self.listing(&at, algorithm) {
                Ok(listing) => return self.jobs.push_back(Job { ask, work: Work::Listing(listing) }),
                Err(error) => Reply::Listing(Err(error)),
            },
            Ask::ReadPath { path, max } => match root_path(&path).and_then(|path| self.whole(path, max)) {
                Ok(work) => return self.jobs.push_back(Job { ask, work }),
                Err(error) => Reply::Bytes(Err(error)),
            },
            Ask::ReadAt { at, max } => match self.path(&at).and_then(|path| self.whole(path, max)) {
                Ok(work) => return self.jobs.push_back(Job { ask, work }),
                Err(error) => Reply::Bytes(Err(error)),
            },
            Ask::Digest { at, algorithm } => match self.path(&at).and_then(|path| self.open_path(path)) {
                Ok((file, size)) => return self.jobs.push_back(Job::digest(ask, file, size, algorithm)),
                Err(error) => Reply::Digest(Err(error)),
            },
            Ask::Names { uids, gids } => Reply::Names(vec![None; uids.len()], vec![None; gids.len()]),
            Ask::Ids { users, groups } => Reply::Ids(vec![None; users.len()], vec![None; groups.len()]),
            Ask::Open { at, .. } => Reply::Opened(self.path(&at).and_then(|path| {
                let meta = self.tree.meta(&path)?;
                self.open_path(path).map(|(file, _)| (FileId(file), meta))
            })),
            Ask::Close { file } => {
                self.close(file.0);
                Reply::Unit(Ok(()))
            }
            Ask::Sign { file, head, first, count, strong } => match self.readable(file) {
                Ok(source) => return self.jobs.push_back(Job::sign(ask, source, head, (first, count), strong)),
                Err(error) => Reply::Bytes(Err(error)),
            },
            Ask::ReadFile { file, at, len } => match self.readable(file) {
                Ok((file, size)) => {
                    let part = Part { file, size, at, end: at.saturating_add(len.into()) };
                    return self.jobs.push_back(Job { ask, work: Work::Bytes(part, Vec::new()) });
                }
                Err(error) => Reply::Bytes(Err(error)),
            },
            Ask::Create(create) => match self.create(ask, &create) {
                Ok(()) => return,
                Err(error) => Reply::Created(Err(error)),
            },
            Ask::Finish { file } => {
                self.flush(file.0);
                return self.finishing.push((ask, file.0));
            }
            Ask::Commit(commit) => match self.commit(ask, *commit) {
                Ok(()) => return,
                Err(error) => Reply::Committed(Err(error)),
            },
            Ask::Discard { file } => {
                if let Some(Open::Output(output)) = self.open.remove(&file.0) {
                    self.close_basis(&output);
                    let what = What::Discard { output: file.0 };
                    self.start(&output.path, what, Doing::Unit { ask, change: Change::Nothing });
                    return;
                }
                Reply::Unit(Err(errno(EBADF)))
            }
            Ask::MkdirPath { path } => match root_path(&path).and_then(|path| self.mkdir(ask, path)) {
                Ok(()) => return,
                Err(error) => Reply::Unit(Err(error)),
            },
            Ask::Mkdir { at, .. } => match self.path(&at).and_then(|path| self.mkdir(ask, path)) {
                Ok(()) => return,
                Err(error) => Reply::Unit(Err(error)),
            },
            Ask::Unlink { at } => match self.path(&at).and_then(|path| self.remove(ask, path, false)) {
                Ok(()) => return,
                Err(error) => Reply::Unit(Err(error)),
            },
            Ask::Rmdir { at } => match self.path(&at).and_then(|path| self.remove(ask, path, true)) {
                Ok(()) => return,
                Err(error) => Reply::Unit(Err(error)),
            },
            Ask::Rename { from, to } => match self.rename(ask, &from, &to) {
                Ok(()) => return,
                Err(error) => Reply::Unit(Err(error)),
            },
            Ask::SetMeta { at, meta } => Reply::Set(self.set(&at, &meta)),
            Ask::CopyLocal(_) => Reply::Committed(Err(OutputError::Source(errno(ENOTSUP)))),
            Ask::Symlink { .. }
            | Ask::Mknod { .. }
            | Ask::Link { .. }
            | Ask::RemoveSource { .. }
            | Ask::ReadAhead { .. } => Reply::Unit(Err(errno(ENOTSUP))),
        };
        self.answer(ask, reply);
    }

    /// Goes on with what waits for contents; returns whether anything did.
    pub fn work(&mut self, budget: &mut usize) {
        let mut closed = Vec::new();
        while let Some(job) = self.jobs.front_mut() {
            let Some(reply) = job.step(&mut self.reads, budget, &mut closed) else { break };
            let ask = job.ask;
            self.jobs.pop_front();
            self.answer(ask, reply);
        }
        closed.into_iter().for_each(|file| self.close(file));
        let waiting = std::mem::take(&mut self.finishing);
        for (ask, file) in waiting {
            match self.open.get_mut(&file) {
                Some(Open::Output(output)) if !output.is_settled() => self.finishing.push((ask, file)),
                Some(Open::Output(output)) => {
                    let digest = output.finish();
                    let result = output.error.clone().map_or(Ok(digest), |error| Err(OutputError::Write(error)));
                    self.answer(ask, Reply::Finished(result));
                }
                _ => self.answer(ask, Reply::Finished(Err(OutputError::Write(errno(EBADF))))),
            }
        }
        self.read_on();
    }

    /// Turns chunks that are wanted into operations.
    fn read_on(&mut self) {
        for (file, index) in self.reads.take_asked() {
            let Some(Open::Source { path, size }) = self.open.get(&file) else { continue };
            let (at, len) = extent(index, *size);
            let path = path.clone();
            self.start(&path, What::Read { at, len }, Doing::Chunk { file, index });
        }
    }

    /// Fills `space` from an open file, if what is wanted is here.
    pub fn read(&mut self, file: FileId, at: u64, space_len: usize) -> HostResult<bool> {
        let (file, size) = self.readable(file)?;
        let has = self.reads.has(file, size, at, space_len);
        self.read_on();
        has
    }

    /// Copies what [`Files::read`] said is here.
    pub fn fill(&self, file: FileId, at: u64, space: &mut [u8]) -> usize {
        self.reads.copy(file.0, at, space)
    }

    /// Whether an output takes more now.
    pub fn has_room(&self, file: FileId) -> bool {
        !matches!(self.open.get(&file.0), Some(Open::Output(output)) if !output.has_room())
    }

    /// Appends bytes to an output.
    pub fn write(&mut self, file: FileId, bytes: &[u8]) {
        if let Some(Open::Output(output)) = self.open.get_mut(&file.0) {
            let due = output.push(bytes);
            self.write_out(file.0, due);
        }
    }

    /// Appends a block of the basis to an output; false if it is not here yet. What the basis lacks by now counts as zeros:
    /// the digest of the file will tell whether it mattered.
    pub fn copy(&mut self, file: FileId, from: u64, len: u32) -> bool {
        let Some(Open::Output(output)) = self.open.get(&file.0) else { return true };
        let mut bytes = vec![0; len as usize];
        if let Some((basis, size)) = output.basis {
            if self.reads.has(basis, size, from, len as usize) == Ok(false) {
                self.read_on();
                return false;
            }
            self.reads.copy(basis, from, &mut bytes);
            self.read_on();
        }
        self.write(file, &bytes);
        true
    }

    fn flush(&mut self, file: u32) {
        if let Some(Open::Output(output)) = self.open.get_mut(&file) {
            let due = output.flush();
            self.write_out(file, due);
        }
    }

    fn write_out(&mut self, file: u32, due: Option<(u64, Vec<u8>)>) {
        let Some((at, bytes)) = due else { return };
        let Some(Open::Output(output)) = self.open.get(&file) else { return };
        let (path, len) = (output.path.clone(), bytes.len());
        self.start(&path, What::Write { output: file, at, bytes }, Doing::Write { file, len });
    }

    /// Whether operations are under way, or wait to be taken.
    pub fn is_busy(&self) -> bool {
        !self.doing.is_empty()
    }

    fn root(&mut self, path: Vec<u8>) -> HostResult<RootId> {
        if !self.tree.find(&path)?.is_dir() {
            return Err(errno(Errno::ENOTDIR));
        }
        self.roots.push(path);
        Ok(RootId(self.roots.len() as u32 - 1))
    }

    fn insert(&mut self, open: Open) -> u32 {
        self.next_file += 1;
        self.open.insert(self.next_file, open);
        self.next_file
    }

    fn open_path(&mut self, path: Vec<u8>) -> HostResult<(u32, u64)> {
        let meta = self.tree.meta(&path)?;
        if meta.mode & TYPE != REGULAR {
            return Err(errno(EINVAL));
        }
        Ok((self.insert(Open::Source { path, size: meta.size }), meta.size))
    }

    fn close(&mut self, file: u32) {
        self.open.remove(&file);
        self.reads.forget(file);
    }

    fn close_basis(&mut self, output: &Output) {
        if let Some((basis, _)) = output.basis {
            self.close(basis);
        }
    }

    /// What an open file is read under, and its length; of an output it is the basis that is meant.
    fn readable(&self, file: FileId) -> HostResult<(u32, u64)> {
        match self.open.get(&file.0) {
            Some(Open::Source { size, .. }) => Ok((file.0, *size)),
            Some(Open::Output(output)) => output.basis.ok_or_else(|| errno(EBADF)),
            None => Err(errno(EBADF)),
        }
    }

    fn whole(&mut self, path: Vec<u8>, max: u64) -> HostResult<Work> {
        let (file, size) = self.open_path(path)?;
        if size > max {
            self.close(file);
            return Err(errno(EFBIG));
        }
        Ok(Work::Bytes(Part { file, size, at: 0, end: size }, Vec::new()))
    }

    fn listing(&mut self, at: &At, algorithm: syncline_core::checksum::Algorithm) -> HostResult<Listing> {
        let path = self.path(at)?;
        let entries = self.tree.list(&path)?;
        let mut files = Vec::with_capacity(entries.len());
        for entry in &entries {
            let path = root_path(&[&path, b"/".as_slice(), &entry.name].concat())?;
            files.push(self.open_path(path).map_or(0, |(file, _)| file));
        }
        Ok(Listing { algorithm, entries, files, next: 0, current: None })
    }
}
