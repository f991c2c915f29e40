//! Operations under way: how one begins, and what follows when JavaScript has carried it out.

use syncline_core::session::{AskId, Errno, FileId, HostResult, OutputError, Reply, SetErrors, SetMeta};

use super::{Files, Open};
use crate::errno::{EBADF, EILSEQ, errno};
use crate::ops::{Op, What};
use crate::tree::Node;

/// What follows when an operation is done.
pub(super) enum Doing {
    Chunk { file: u32, index: u64 },
    Write { file: u32, len: usize },
    Create { ask: AskId, file: u32 },
    Commit { ask: AskId, file: u32, path: Vec<u8>, size: u64, meta: SetMeta },
    Unit { ask: AskId, change: Change },
    Quiet,
}

/// What the tree learns then.
pub(super) enum Change {
    Made(Vec<u8>),
    Removed(Vec<u8>),
    Renamed(Vec<u8>, Vec<u8>),
    Nothing,
}

impl Files {
    /// Begins an operation. A name that JavaScript can't have fails at once.
    pub(super) fn start(&mut self, path: &[u8], what: What, doing: Doing) {
        self.next_op = self.next_op.wrapping_add(1);
        let id = self.next_op;
        self.doing.insert(id, doing);
        match String::from_utf8(path.to_vec()) {
            Ok(path) => self.ops.push_back(Op { id, path, what }),
            Err(_) => self.end_op(id, Err(errno(EILSEQ))),
        }
    }

    /// An operation came to its end: a read has bytes, the others have none.
    pub fn end_op(&mut self, id: u32, result: HostResult<Vec<u8>>) {
        let unit = result.as_ref().map(drop).map_err(Errno::clone);
        match self.doing.remove(&id) {
            Some(Doing::Chunk { file, index }) => self.reads.supply(file, index, result),
            Some(Doing::Write { file, len }) => {
                if let Some(Open::Output(output)) = self.open.get_mut(&file) {
                    output.written(len, unit.clone());
                    if let Err(error) = unit {
                        self.failed = Some((output.path.clone(), error));
                    }
                }
            }
            Some(Doing::Create { ask, file }) => {
                let reply = self.created(file, unit);
                self.answer(ask, reply);
            }
            Some(Doing::Commit { ask, file, path, size, meta }) => {
                let reply = match unit {
                    Ok(()) => {
                        self.tree.put(&path, Node::file(size, (0, 0)));
                        self.tree.set(&path, &meta);
                        Ok((SetErrors::default(), 0))
                    }
                    Err(error) => Err(OutputError::Rename(path, error)),
                };
                if let Some(Open::Output(output)) = self.open.remove(&file) {
                    self.close_basis(&output);
                }
                self.answer(ask, Reply::Committed(reply));
            }
            Some(Doing::Unit { ask, change }) => {
                if unit.is_ok() {
                    match change {
                        Change::Made(path) => self.tree.put(&path, Node::directory()),
                        Change::Removed(path) => drop(self.tree.forget(&path)),
                        Change::Renamed(from, to) => self.tree.rename(&from, &to),
                        Change::Nothing => {}
                    }
                }
                self.answer(ask, Reply::Unit(unit));
            }
            Some(Doing::Quiet) | None => {}
        }
    }

    fn created(&mut self, file: u32, unit: HostResult<()>) -> Reply {
        let Some(Open::Output(output)) = self.open.get(&file) else {
            return Reply::Created(Err(OutputError::Open(errno(EBADF))));
        };
        match unit {
            Ok(()) => {
                let basis = output.basis.and_then(|(basis, _)| match self.open.get(&basis) {
                    Some(Open::Source { path, .. }) => self.tree.meta(path).ok(),
                    _ => None,
                });
                Reply::Created(Ok((FileId(file), basis)))
            }
            Err(error) => {
                let path = output.path.clone();
                if let Some(Open::Output(output)) = self.open.remove(&file) {
                    self.close_basis(&output);
                }
                Reply::Created(Err(OutputError::Temp(path, error)))
            }
        }
    }
}
