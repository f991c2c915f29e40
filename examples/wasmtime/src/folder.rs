//! What a session asks of files, done with the standard library: enough for regular files, directories and symlinks.
//!
//! What can't be done (devices, names of users, copies on this machine) is answered with an error, and the session tells of it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use syncline_core::checksum::{Algorithm, DigestValue};
use syncline_core::session::{
    Ask, At, Commit, Create, Dirent, Errno, FileId, Follow, HostResult, Meta, Output, OutputError, Reply, RootId,
    SetErrors, SetMeta,
};

use crate::sandbox::Session;

/// "Not supported", as Linux numbers it.
const ENOTSUP: i32 = 95;
/// "Bad file descriptor".
const EBADF: i32 = 9;
/// Bytes of a basis that are copied at once.
const PIECE_BYTES: usize = 1 << 20;
/// The type bits of a mode, and those of a symlink and a directory.
const TYPE: u32 = 0o170000;
const SYMLINK: u32 = 0o120000;
const DIRECTORY: u32 = 0o040000;

/// Directories and files that a session has open.
#[derive(Default)]
pub struct Folder {
    roots: Vec<PathBuf>,
    files: HashMap<u32, Open>,
    last: u32,
}

/// An open file: a basis or source, or an output with its basis.
struct Open {
    file: File,
    path: PathBuf,
    basis: Option<File>,
    digest: Algorithm,
    /// Where it is until it is complete, if not at its own path.
    temp: Option<PathBuf>,
    /// Where the next bytes go.
    at: u64,
}

fn errno(error: &io::Error) -> Errno {
    let code = error.raw_os_error().unwrap_or(ENOTSUP);
    // The number that the standard library appends is the session's to add.
    let text = error.to_string();
    Errno { code, text: text.split(" (os error").next().unwrap_or_default().to_string() }
}

fn unsupported() -> Errno {
    Errno { code: ENOTSUP, text: "Operation not supported".to_string() }
}

fn host<T>(result: io::Result<T>) -> HostResult<T> {
    result.map_err(|error| errno(&error))
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn meta_of(path: &Path, stat: &Metadata) -> Meta {
    let target = (stat.mode() & TYPE == SYMLINK).then(|| fs::read_link(path).unwrap_or_default());
    Meta {
        mode: stat.mode(),
        size: stat.size(),
        mtime: stat.mtime(),
        mtime_nsec: stat.mtime_nsec() as u32,
        atime: stat.atime(),
        uid: stat.uid(),
        gid: stat.gid(),
        dev: stat.dev(),
        ino: stat.ino(),
        nlink: stat.nlink(),
        target: target.map(|target| target.into_os_string().into_vec().into_boxed_slice()),
        ..Meta::default()
    }
}

fn look(path: &Path, follow: Follow) -> HostResult<Meta> {
    let stat = host(fs::symlink_metadata(path))?;
    let link = stat.mode() & TYPE == SYMLINK;
    let there = (link && follow != Follow::No).then(|| fs::metadata(path));
    match (follow, there) {
        (Follow::All, Some(there)) => Ok(meta_of(path, &host(there)?)),
        (Follow::Directories, Some(Ok(there))) if there.mode() & TYPE == DIRECTORY => Ok(meta_of(path, &there)),
        _ => Ok(meta_of(path, &stat)),
    }
}

impl Folder {
    /// Does what is asked.
    pub fn execute(&mut self, ask: Ask, session: &mut dyn Session) -> Reply {
        match ask {
            Ask::Root { path } => Reply::Root(self.root(path_of(&path).to_owned())),
            Ask::SubRoot { at } => Reply::Root(self.root(self.path(&at))),
            Ask::StatPath { path } => {
                let path = path_of(&path);
                Reply::Stat(host(fs::metadata(path)).map(|stat| meta_of(path, &stat)))
            }
            Ask::MkdirPath { path } => Reply::Unit(host(fs::create_dir(path_of(&path)))),
            Ask::ReadPath { path, .. } => Reply::Bytes(host(fs::read(path_of(&path)))),
            Ask::ReadAt { at, .. } => Reply::Bytes(host(fs::read(self.path(&at)))),
            Ask::Stat { at, follow } => Reply::Stat(look(&self.path(&at), follow)),
            Ask::StatMany { root, paths } => {
                let one = |path| look(&self.path(&At { root, path }), Follow::No);
                Reply::Stats(paths.into_iter().map(one).collect())
            }
            Ask::List { at, follow, .. } => Reply::Listing(list(&self.path(&at), follow)),
            Ask::Open { at, .. } => Reply::Opened(self.open(self.path(&at))),
            Ask::Close { file } => Reply::Unit(self.files.remove(&file.0).map(drop).ok_or_else(unsupported)),
            Ask::ReadFile { file, at, len } => Reply::Bytes(self.read(file, at, len as usize)),
            Ask::Create(create) => Reply::Created(self.create(&create)),
            Ask::Finish { file } => Reply::Finished(self.finish(file, session)),
            Ask::Commit(commit) => Reply::Committed(self.commit(&commit).map(|errors| (errors, 0))),
            Ask::Discard { file } => {
                if let Some(temp) = self.files.remove(&file.0).and_then(|open| open.temp) {
                    let _ = fs::remove_file(temp);
                }
                Reply::Unit(Ok(()))
            }
            Ask::Mkdir { at, mode } => Reply::Unit(self.mkdir(&at, mode)),
            Ask::Symlink { at, target, replace } => Reply::Unit(self.symlink(&at, &target, replace)),
            Ask::SetMeta { at, meta } => Reply::Set(set(&self.path(&at), &meta)),
            Ask::Rename { from, to } => Reply::Unit(host(fs::rename(self.path(&from), self.path(&to)))),
            Ask::Unlink { at } => Reply::Unit(host(fs::remove_file(self.path(&at)))),
            Ask::Rmdir { at } => Reply::Unit(host(fs::remove_dir(self.path(&at)))),
            Ask::Link { from, to, replace: false } => {
                Reply::Unit(host(fs::hard_link(self.path(&from), self.path(&to))))
            }
            Ask::Names { uids, gids } => Reply::Names(vec![None; uids.len()], vec![None; gids.len()]),
            Ask::Ids { users, groups } => Reply::Ids(vec![None; users.len()], vec![None; groups.len()]),
            Ask::Digest { .. } => Reply::Digest(Err(unsupported())),
            Ask::Sign { .. } => Reply::Bytes(Err(unsupported())),
            Ask::CopyLocal(_) => Reply::Committed(Err(OutputError::Source(unsupported()))),
            Ask::Mknod { .. } | Ask::Link { .. } | Ask::RemoveSource { .. } | Ask::ReadAhead { .. } => {
                Reply::Unit(Err(unsupported()))
            }
        }
    }

    /// Reads from a source, or from the basis of an output.
    pub fn read(&self, file: FileId, at: u64, len: usize) -> HostResult<Vec<u8>> {
        let open = self.files.get(&file.0).ok_or_else(unsupported)?;
        let source = open.basis.as_ref().unwrap_or(&open.file);
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match host(source.read_at(&mut bytes[filled..], at + filled as u64))? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Appends to an output.
    pub fn write(&mut self, file: FileId, bytes: Vec<u8>) -> Result<(), (Vec<u8>, Errno)> {
        let bad = || (Vec::new(), Errno { code: EBADF, text: "Bad file descriptor".to_string() });
        let open = self.files.get_mut(&file.0).ok_or_else(bad)?;
        let path = || open.path.as_os_str().as_bytes().to_vec();
        open.file.write_all_at(&bytes, open.at).map_err(|error| (path(), errno(&error)))?;
        open.at += bytes.len() as u64;
        Ok(())
    }

    /// Appends bytes of its basis to an output.
    pub fn copy(&mut self, file: FileId, mut from: u64, len: u32) -> Result<(), (Vec<u8>, Errno)> {
        let mut left = len as usize;
        while left > 0 {
            let bytes = self.read(file, from, left.min(PIECE_BYTES)).map_err(|error| (Vec::new(), error))?;
            if bytes.is_empty() {
                // The basis was truncated meanwhile: the digest will tell.
                return self.write(file, vec![0; left]);
            }
            (from, left) = (from + bytes.len() as u64, left - bytes.len());
            self.write(file, bytes)?;
        }
        Ok(())
    }

    fn path(&self, at: &At) -> PathBuf {
        let root = self.roots.get(at.root.0 as usize).cloned().unwrap_or_default();
        root.join(path_of(&at.path))
    }

    fn root(&mut self, path: PathBuf) -> HostResult<RootId> {
        let path = host(fs::canonicalize(path))?;
        host(fs::read_dir(&path))?;
        self.roots.push(path);
        Ok(RootId(self.roots.len() as u32 - 1))
    }

    fn insert(&mut self, open: Open) -> FileId {
        self.last += 1;
        self.files.insert(self.last, open);
        FileId(self.last)
    }

    fn open(&mut self, path: PathBuf) -> HostResult<(FileId, Meta)> {
        let file = host(File::open(&path))?;
        let meta = meta_of(&path, &host(file.metadata())?);
        Ok((self.insert(Open { file, path, basis: None, digest: Algorithm::None, temp: None, at: 0 }), meta))
    }

    fn create(&mut self, create: &Create) -> Result<(FileId, Option<Meta>), OutputError> {
        let path = self.path(&create.at);
        let basis = create.basis.as_ref().map(|at| self.path(at));
        let basis = basis.and_then(|path| Some((File::open(&path).ok()?, path)));
        let meta = basis.as_ref().and_then(|(file, path)| Some(meta_of(path, &file.metadata().ok()?)));
        let (file, temp) = match &create.output {
            Output::InPlace => {
                let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
                (file.map_err(|error| OutputError::Open(errno(&error)))?, None)
            }
            Output::Temp { .. } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let temp = path.with_file_name(format!(".{name}.{:06}", self.last));
                let shown = || temp.as_os_str().as_bytes().to_vec();
                let file = File::options().read(true).write(true).create(true).truncate(true).open(&temp);
                (file.map_err(|error| OutputError::Temp(shown(), errno(&error)))?, Some(temp))
            }
        };
        let (digest, _) = create.digest;
        let open = Open { file, path, basis: basis.map(|(file, _)| file), digest, temp, at: create.skip };
        Ok((self.insert(open), meta))
    }

    /// The digest of the whole output, made in the sandbox.
    fn finish(&mut self, file: FileId, session: &mut dyn Session) -> Result<DigestValue, OutputError> {
        let failed = |text: String| OutputError::Write(Errno { code: ENOTSUP, text });
        let open = self.files.get_mut(&file.0).ok_or_else(|| OutputError::Write(unsupported()))?;
        open.file
            .set_len(open.at)
            .and_then(|()| open.file.flush())
            .map_err(|error| OutputError::Write(errno(&error)))?;
        if open.digest == Algorithm::None {
            return Ok(DigestValue::zero(1));
        }
        let mut at = 0;
        let mut piece = || {
            let mut piece = vec![0; PIECE_BYTES];
            let len = open.file.read_at(&mut piece, at)?;
            piece.truncate(len);
            at += len as u64;
            Ok(piece)
        };
        let value = session.digest(open.digest, &mut piece).map_err(|error| failed(error.to_string()))?;
        Ok(DigestValue::from_bytes(&value))
    }

    fn commit(&mut self, commit: &Commit) -> Result<SetErrors, OutputError> {
        let open = self.files.remove(&commit.file.0).ok_or_else(|| OutputError::Write(unsupported()))?;
        let to = self.path(&commit.to);
        if let Some(backup) = &commit.backup {
            fs::rename(&to, self.path(backup)).map_err(|error| OutputError::Backup(errno(&error)))?;
        }
        let now = open.temp.as_ref().unwrap_or(&open.path);
        let errors = set(now, &commit.meta);
        fs::rename(now, &to)
            .map_err(|error| OutputError::Rename(now.as_os_str().as_bytes().to_vec(), errno(&error)))?;
        Ok(errors)
    }

    fn mkdir(&self, at: &At, mode: u32) -> HostResult<()> {
        let path = self.path(at);
        host(fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode))))
    }

    fn symlink(&self, at: &At, target: &[u8], replace: bool) -> HostResult<()> {
        let path = self.path(at);
        if !replace {
            return host(symlink(path_of(target), path));
        }
        let temp = path.with_file_name(format!(".link.{:06}", self.last));
        host(symlink(path_of(target), &temp).and_then(|()| fs::rename(&temp, &path)))
    }
}

fn list(path: &Path, follow: Follow) -> HostResult<Vec<Dirent>> {
    let mut names = Vec::new();
    for entry in host(fs::read_dir(path))? {
        let name = host(entry)?.file_name();
        let meta = look(&path.join(&name), follow);
        names.push(Dirent { name: name.into_vec(), meta, digest: None });
    }
    Ok(names)
}

/// Sets what is wanted, each whatever became of the others.
fn set(path: &Path, meta: &SetMeta) -> SetErrors {
    let mut errors = SetErrors::default();
    let failed = |result: io::Result<()>| result.err().map(|error| errno(&error));
    if meta.uid.is_some() || meta.gid.is_some() {
        errors.owner = failed(std::os::unix::fs::lchown(path, meta.uid, meta.gid));
    }
    if let Some((seconds, nanoseconds)) = meta.mtime {
        let mtime = FileTime::from_unix_time(seconds, nanoseconds);
        let atime = meta.atime.map_or(FileTime::now(), |atime| FileTime::from_unix_time(atime, 0));
        errors.times = failed(filetime::set_symlink_file_times(path, atime, mtime));
    }
    if let Some(mode) = meta.mode {
        errors.mode = failed(fs::set_permissions(path, Permissions::from_mode(mode)));
    }
    errors
}
