//! The files of this machine: every ask of a session becomes system calls here, and nowhere else.
//!
//! | module | what |
//! |---|---|
//! | `roots` | open directories, and the way from them to a file without being led astray |
//! | `look` | what files are, directories, digests |
//! | `ahead` | digests of the destination while those of the source are made |
//! | `read` | sources, signatures, small files |
//! | `ids` | names of users and groups |
//! | `create` `temp` | making an output |
//! | `output` `sink` `zeros` `basis` | filling it: gathered writes, holes, blocks of the old file |
//! | `attributes` `fchmodat2` `extended` `fake` `commit` | attributes, ACLs, backup, rename |
//! | `clone` `pieces` `handover` `local` | whole files copied on this machine |
//! | `nodes` | what has a name but no contents |
//!
//! All calls block; a session has many asks under way, so a host that wants more runs several of these on threads.

mod ahead;
mod attributes;
mod basis;
mod clone;
mod commit;
mod create;
mod extended;
mod fake;
mod fchmodat2;
mod handover;
mod ids;
mod local;
mod look;
mod nodes;
mod output;
mod pieces;
mod read;
mod roots;
mod sink;
mod table;
mod temp;
mod unshare;
mod xattrat;
mod zeros;

pub use ahead::Ahead;
pub use handover::Handover;
pub use nodes::Doomed;

use std::collections::HashMap;

use rustix::io::Errno as Code;
use syncline_core::checksum::DigestValue;
use syncline_core::options::{Options, Super};
use syncline_core::session::{
    Ask, At, Commit, Create, Errno, FileId, HostResult, Meta, OutputError, Reply, Role, RootId, SetErrors,
};

use crate::errno::errno;
use clone::Cloning;
use commit::Ending;
use extended::Wants;
use ids::Ids;
use roots::Roots;
use table::{Open, Table};
use temp::Random;

/// Write buffers that are kept for the next output.
const BUFFERS_MAX: usize = 4;

/// The host's side of a session's files. Dropped, it removes the temporary files of outputs that were not finished.
#[derive(Default)]
pub struct Fs {
    roots: Roots,
    files: Table,
    ids: Ids,
    random: Random,
    cloning: Cloning,
    /// Roots of the sending half in a local copy, by their paths.
    sources: HashMap<Vec<u8>, RootId>,
    /// Small files on their way from the sending half of a local copy to the receiving half.
    handover: Option<Handover>,
    buffers: Vec<Vec<u8>>,
    write_error: Option<(Vec<u8>, Errno)>,
    /// The temporary name that the failures of the latest ask are about.
    failed_temp: Option<Vec<u8>>,
    umask: u32,
}

impl Fs {
    /// Nothing open yet. Files made from now on belong to the effective user of this process.
    pub fn new() -> Fs {
        Fs::default()
    }

    /// For a session with these options.
    pub fn for_session(umask: u32, role: Role, options: &Options) -> Fs {
        let mut fs = Fs::new().with_umask(umask);
        fs.roots.wants = Wants {
            acls: options.acls,
            xattrs: options.xattrs > 0,
            fake: options.super_mode == Super::Fake,
            fake_links: role == Role::Receiver,
            devices: options.copy_devices || options.write_devices,
        };
        fs.roots.lists_anywhere = role == Role::Sender && options.copy_unsafe_links;
        if role == Role::Receiver && !options.insecure_links {
            fs.roots.beware();
        }
        if let Some(root) =
            options.confine_root.as_ref().filter(|_| role == Role::Receiver || options.files_from.is_some())
        {
            fs.roots.fence(root, role == Role::Sender);
        }
        fs
    }

    /// With digests begun early, if the transfer wants any.
    pub fn with_ahead(mut self, ahead: Option<Ahead>) -> Fs {
        self.roots.ahead = ahead;
        self
    }

    /// With small files read by the sending half of a local copy.
    pub fn with_handover(mut self, handover: Option<Handover>) -> Fs {
        self.handover = handover;
        self
    }

    /// The umask for directories that the engine leaves the mode of to the host, where that of the process was cleared.
    pub fn with_umask(mut self, umask: u32) -> Fs {
        self.umask = umask;
        self
    }

    /// Keeps every path within the working directory, even where symlinks are followed: for a daemon that serves a module
    /// without `chroot`. Paths of the operator must be relative from now on.
    pub fn confined(mut self) -> Fs {
        self.roots.confine();
        self
    }

    /// Another file system over the same open roots, for another thread.
    pub fn fork(&self) -> Fs {
        let mut fs = Fs::new().with_umask(self.umask);
        fs.roots = self.roots.fork();
        fs
    }

    /// Changes whenever what a fork knows may have become wrong.
    pub fn version(&self) -> u64 {
        self.roots.version()
    }

    /// Does what a session asks.
    pub fn execute(&mut self, ask: Ask) -> Reply {
        let reply = self.act(ask);
        match self.failed_temp.take() {
            None => reply,
            Some(temp) => Reply::OfTemp(temp, Box::new(reply)),
        }
    }

    fn act(&mut self, ask: Ask) -> Reply {
        match ask {
            Ask::Root { path } => Reply::Root(self.roots.open_root(&path)),
            Ask::SubRoot { at } => Reply::Root(self.roots.open_sub_root(&at)),
            Ask::StatPath { path } => Reply::Stat(look::stat_path(&self.roots, &path)),
            Ask::MkdirPath { path } => Reply::Unit(self.roots.make_operator_dir(&path, self.umask)),
            Ask::ReadPath { path, max } => Reply::Bytes(read::read_path(&self.roots, &path, max)),
            Ask::ReadAt { at, max } => Reply::Bytes(read::read_beneath(&mut self.roots, &at, max)),
            Ask::Stat { at, follow } => Reply::Stat(look::stat(&mut self.roots, &at, follow)),
            Ask::StatMany { root, paths } => Reply::Stats(look::stat_many(&mut self.roots, root, paths)),
            Ask::List { at, brief: true, .. } => Reply::Listing(look::list_briefly(&mut self.roots, &at)),
            Ask::List { at, follow, digest, .. } => Reply::Listing(look::list(&mut self.roots, &at, follow, digest)),
            Ask::Digest { at, algorithm } => Reply::Digest(look::digest(&mut self.roots, &at, algorithm)),
            Ask::Names { uids, gids } => Reply::Names(
                uids.into_iter().map(|uid| self.ids.user_name(uid)).collect(),
                gids.into_iter().map(|gid| self.ids.group_name(gid)).collect(),
            ),
            Ask::Ids { users, groups } => Reply::Ids(
                users.into_iter().map(|name| self.ids.user(name)).collect(),
                groups.into_iter().map(|name| self.ids.group(name)).collect(),
            ),
            Ask::Open { at, follow } => Reply::Opened(self.open(&at, follow)),
            Ask::Close { file } => Reply::Unit(self.close(file)),
            Ask::Sign { file, head, first, count, strong } => {
                Reply::Bytes(self.files.readable(file).and_then(|file| read::sign(file, head, first, count, strong)))
            }
            Ask::ReadFile { file, at, len } => {
                Reply::Bytes(self.files.readable(file).and_then(|file| read::read_piece(file, at, len)))
            }
            Ask::Create(create) => Reply::Created(self.create(&create)),
            Ask::Finish { file } => Reply::Finished(self.finish(file)),
            Ask::Commit(commit) => Reply::Committed(self.commit(*commit)),
            Ask::Discard { file } => Reply::Unit(self.files.take_output(file).and_then(|output| self.discard(output))),
            Ask::CopyLocal(copy) => Reply::Committed(self.copy_local(*copy)),
            Ask::Mkdir { at, mode } => Reply::Unit(self.mkdir(&at, mode)),
            Ask::Symlink { at, target, replace } => Reply::Unit(self.symlink(&at, &target, replace)),
            Ask::Mknod { at, mode, rdev, replace } => Reply::Unit(self.mknod(&at, mode, rdev, replace)),
            Ask::Link { from, to, replace } => Reply::Unit(self.link(&from, &to, replace)),
            Ask::SetMeta { at, meta } => {
                Reply::Set(attributes::set_path(self.roots.spot(&at), &meta, self.roots.wants.fake))
            }
            Ask::Rename { from, to } => Reply::Unit(self.rename(&from, &to)),
            Ask::Unlink { at } => Reply::Unit(self.unlink(&at)),
            Ask::Rmdir { at } => Reply::Unit(self.rmdir(&at)),
            Ask::RemoveSource { at, size, mtime, mtime_nsec } => self.remove_source(&at, size, mtime, mtime_nsec),
            Ask::ReadAhead { at, root, size } => Reply::Unit(self.read_ahead(&at, &root, size)),
        }
    }

    /// Reads from an open file, or from the basis of an output, until `buf` is full or the file ends.
    pub fn read(&mut self, file: FileId, at: u64, buf: &mut [u8]) -> HostResult<usize> {
        read::read_at(self.files.readable(file)?, at, buf).map_err(errno)
    }

    /// Appends bytes to an output. A failure is kept there: [`Ask::Finish`] reports it, and [`Fs::take_write_error`] now.
    pub fn write(&mut self, file: FileId, bytes: &[u8]) {
        self.with_output(file, |output| output.literal(bytes));
    }

    /// Appends bytes of its basis to an output; failures as for [`Fs::write`].
    pub fn copy(&mut self, file: FileId, from: u64, len: u32) {
        self.with_output(file, |output| output.copy(from, len));
    }

    /// A write that has just failed, with the path of the output beneath its root: it is no use going on.
    pub fn take_write_error(&mut self) -> Option<(Vec<u8>, Errno)> {
        self.write_error.take()
    }

    fn with_output(&mut self, file: FileId, act: impl FnOnce(&mut output::Output)) {
        let Ok(output) = self.files.output(file) else { return };
        if output.error.is_some() {
            return;
        }
        act(output);
        if let Some(error) = &output.error {
            self.write_error = Some((output.at.path.clone(), error.clone()));
        }
    }

    fn open(&mut self, at: &At, follow: bool) -> HostResult<(FileId, Meta)> {
        let (file, meta) = read::open(&mut self.roots, at, follow)?;
        Ok((self.files.insert(Open::Source(file)), meta))
    }

    fn close(&mut self, file: FileId) -> HostResult<()> {
        self.files.take_source(file).map(drop)
    }

    fn create(&mut self, create: &Create) -> Result<(FileId, Option<Meta>), OutputError> {
        let buffer = self.buffer();
        let (output, basis) = create::create(&mut self.roots, &mut self.random, create, buffer)?;
        Ok((self.files.insert(Open::Output(Box::new(output))), basis))
    }

    fn finish(&mut self, file: FileId) -> Result<DigestValue, OutputError> {
        self.files.output(file).and_then(output::Output::finish).map_err(OutputError::Write)
    }

    fn commit(&mut self, commit: Commit) -> Result<(SetErrors, u64), OutputError> {
        let output = self.files.take_output(commit.file).map_err(OutputError::Write)?;
        let ending = Ending { to: commit.to, meta: commit.meta, backup: commit.backup, sync: commit.sync };
        self.settle(output, &ending).map(|errors| (errors, 0))
    }

    /// A write buffer, an old one if there is one.
    fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        if self.buffers.len() < BUFFERS_MAX {
            self.buffers.push(buffer);
        }
    }
}

impl Drop for Fs {
    fn drop(&mut self) {
        for output in self.files.drain_outputs() {
            // There is nobody left to tell.
            let _ = self.discard(output);
        }
    }
}

/// What an unknown file is.
fn unknown_file() -> Errno {
    errno(Code::BADF)
}

#[cfg(test)]
mod tests;
