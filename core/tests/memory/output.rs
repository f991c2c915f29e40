//! Files in the making: a temporary file beside the final name, or the file itself.

use std::cell::RefCell;
use std::rc::Rc;

use syncline_core::checksum::{Digest, DigestValue};
use syncline_core::session::{Create, Errno, HostResult, Meta, Output as Place, OutputError, SetErrors, SetMeta};

use super::errno;
use super::tree::{File, REGULAR, TYPE, Tree, join, parent};

#[derive(Debug)]
pub struct Output {
    pub path: Vec<u8>,
    /// Where it is now.
    pub now_at: Vec<u8>,
    pub in_place: bool,
    file: File,
    basis: Option<File>,
    at: usize,
    digest: Option<Digest>,
    pub error: Option<Errno>,
}

fn temp_error(path: Vec<u8>) -> impl FnOnce(Errno) -> OutputError {
    move |error| OutputError::Temp(path, error)
}

impl Output {
    pub fn create(
        tree: &mut Tree,
        create: &Create,
        path: Vec<u8>,
        temp_dir: Option<Vec<u8>>,
        basis_path: Option<Vec<u8>>,
    ) -> Result<(Output, Option<Meta>), OutputError> {
        let regular = |file: &File| file.borrow().mode & TYPE == REGULAR;
        let basis = basis_path.as_ref().map(|path| tree.find(path).ok().filter(regular));
        let in_place = create.output == Place::InPlace;
        let (file, now_at, found) = match &create.output {
            Place::InPlace => match tree.find(&path) {
                Ok(file) if regular(&file) => {
                    let meta = file.borrow().meta();
                    (file, path.clone(), Some(meta))
                }
                Ok(_) => return Err(OutputError::Open(errno(22))),
                Err(error) if error.is_not_found() => {
                    let file = Rc::new(RefCell::new(tree.new_inode(REGULAR | 0o600)));
                    tree.put(&path, file.clone()).map_err(OutputError::Open)?;
                    (file, path.clone(), None)
                }
                Err(error) => return Err(OutputError::Open(error)),
            },
            Place::Temp { .. } => {
                let inode = tree.new_inode(REGULAR | create.mode & 0o777);
                let name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
                let temp = [b".".as_slice(), name, format!(".{:06}", inode.ino).as_bytes()].concat();
                let temp = join(temp_dir.as_deref().unwrap_or(parent(&path)), &temp);
                let file = Rc::new(RefCell::new(inode));
                tree.put(&temp, file.clone()).map_err(temp_error(temp.clone()))?;
                (file, temp, None)
            }
        };
        let digest = Some(Digest::whole_file(create.digest.0, create.digest.1));
        let mut output = Output { path, now_at, in_place, file, basis: None, at: 0, digest, error: None };
        let meta = match basis {
            None => found,
            Some(None) => None,
            Some(Some(file)) => {
                let meta = file.borrow().meta();
                output.basis = Some(file);
                found.or(Some(meta))
            }
        };
        output.skip(create.skip as usize, create.skip_in_digest);
        Ok((output, meta))
    }

    fn skip(&mut self, len: usize, in_digest: bool) {
        let source = self.basis.clone().unwrap_or_else(|| self.file.clone());
        let mut kept = source.borrow().data.clone();
        kept.resize(len, 0);
        if in_digest && let Some(digest) = &mut self.digest {
            digest.update(&kept);
        }
        self.put(&kept);
    }

    fn put(&mut self, bytes: &[u8]) {
        let data = &mut self.file.borrow_mut().data;
        if data.len() < self.at + bytes.len() {
            data.resize(self.at + bytes.len(), 0);
        }
        data[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    pub fn literal(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.put(bytes);
    }

    /// Bytes of the basis.
    pub fn basis_bytes(&self, from: u64, len: u32) -> HostResult<Vec<u8>> {
        let basis = self.basis.as_ref().ok_or_else(|| errno(9))?.borrow();
        let end = (from as usize).saturating_add(len as usize).min(basis.data.len());
        Ok(basis.data.get(from as usize..end).unwrap_or_default().to_vec())
    }

    pub fn copy(&mut self, from: u64, len: u32) {
        match self.basis_bytes(from, len) {
            Ok(bytes) => self.literal(&bytes),
            Err(error) => self.error = Some(error),
        }
    }

    pub fn finish(&mut self) -> Result<DigestValue, Errno> {
        let digest = self.digest.take();
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        self.file.borrow_mut().data.truncate(self.at);
        Ok(digest.map_or(DigestValue::zero(0), Digest::finish))
    }

    /// Sets attributes and gives the file its name.
    pub fn commit(
        mut self,
        tree: &mut Tree,
        to: Vec<u8>,
        meta: &SetMeta,
        backup: Option<Vec<u8>>,
    ) -> Result<SetErrors, OutputError> {
        if self.digest.is_some()
            && let Err(error) = self.finish()
        {
            self.discard(tree);
            return Err(OutputError::Write(error));
        }
        let in_place = self.in_place && self.path == to;
        // Setting attributes is the last thing that happens, so a write can't spoil the times.
        let settle = |file: &File, now: i64| {
            file.borrow_mut().mtime = (now, 9);
            file.borrow_mut().set(meta);
        };
        settle(&self.file, tree.now);
        if in_place {
            return Ok(SetErrors::default());
        }
        if let Some(backup) = backup {
            let old = tree.find(&to).map_err(OutputError::Backup)?;
            if let Err(error) = tree.put(&backup, old) {
                self.discard(tree);
                return Err(OutputError::Backup(error));
            }
        }
        if let Err(error) = tree.rename(&self.now_at, &to) {
            let temp = self.now_at.clone();
            self.discard(tree);
            return Err(OutputError::Rename(temp, error));
        }
        Ok(SetErrors::default())
    }

    pub fn discard(self, tree: &mut Tree) {
        if !self.in_place {
            // A deletion may have come across it, if the peer sent data before it was asked to.
            let _ = tree.remove(&self.now_at, false);
        }
    }
}
