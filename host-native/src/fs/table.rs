//! The files that are open, by their ids.

use std::os::fd::OwnedFd;

use syncline_core::session::{FileId, HostResult};

use super::output::Output;
use super::unknown_file;

/// An open file.
pub enum Open {
    /// For reading.
    Source(OwnedFd),
    /// In the making.
    Output(Box<Output>),
}

/// Open files. A slot is used again when its file is closed, so that the data plane finds a file by one index.
#[derive(Default)]
pub struct Table {
    slots: Vec<Option<Open>>,
    free: Vec<u32>,
}

impl Table {
    /// Keeps a file and names it.
    pub fn insert(&mut self, file: Open) -> FileId {
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = Some(file);
            return FileId(id);
        }
        self.slots.push(Some(file));
        FileId((self.slots.len() - 1) as u32)
    }

    /// What can be read: a source, or the basis of an output.
    pub fn readable(&self, file: FileId) -> HostResult<&OwnedFd> {
        match self.slots.get(file.0 as usize) {
            Some(Some(Open::Source(file))) => Ok(file),
            Some(Some(Open::Output(output))) => {
                output.basis.as_ref().map(|basis| basis.file()).ok_or_else(unknown_file)
            }
            _ => Err(unknown_file()),
        }
    }

    /// An output.
    pub fn output(&mut self, file: FileId) -> HostResult<&mut Output> {
        match self.slots.get_mut(file.0 as usize) {
            Some(Some(Open::Output(output))) => Ok(output),
            _ => Err(unknown_file()),
        }
    }

    /// Takes out an output.
    pub fn take_output(&mut self, file: FileId) -> HostResult<Output> {
        match self.take_if(file, |open| matches!(open, Open::Output(_))) {
            Some(Open::Output(output)) => Ok(*output),
            _ => Err(unknown_file()),
        }
    }

    /// Takes out a source.
    pub fn take_source(&mut self, file: FileId) -> HostResult<OwnedFd> {
        match self.take_if(file, |open| matches!(open, Open::Source(_))) {
            Some(Open::Source(file)) => Ok(file),
            _ => Err(unknown_file()),
        }
    }

    fn take_if(&mut self, file: FileId, wanted: impl FnOnce(&Open) -> bool) -> Option<Open> {
        let slot = self.slots.get_mut(file.0 as usize)?;
        if !slot.as_ref().is_some_and(wanted) {
            return None;
        }
        self.free.push(file.0);
        slot.take()
    }

    /// Takes out all outputs.
    pub fn drain_outputs(&mut self) -> Vec<Output> {
        let slots = std::mem::take(&mut self.slots).into_iter().flatten();
        slots.filter_map(|open| if let Open::Output(output) = open { Some(*output) } else { None }).collect()
    }
}
