//! Everything that a module holds between calls: the caller's buffers, and what handles stand for.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::files::{Checksum, Delta, Patch};
use super::status::Status;
use crate::memory;
use crate::session::Embedded;
use syncline_core::format::{BasisSignature, SignatureReader, SignatureWriter};

/// What `syncline_alloc` returns where the limit forbids it.
pub const SIZE_REFUSED: usize = 0;

/// What a handle stands for.
pub enum Object {
    /// A digest of bytes.
    Checksum(Checksum),
    /// A signature that is being written.
    Signature(SignatureWriter),
    /// A signature that is being read.
    Loading(SignatureReader),
    /// A signature that was read.
    Loaded(Box<BasisSignature>),
    /// A delta that is being written.
    Delta(Box<Delta>),
    /// A delta that is being applied.
    Patch(Box<Patch>),
    /// A session, the document of its last event, and the time of its clock.
    Session(Box<Embedded>, Vec<u8>),
}

/// The caller's buffers, by address.
#[derive(Default)]
pub struct Buffers(BTreeMap<usize, Box<[u8]>>);

impl Buffers {
    /// A new buffer, or [`SIZE_REFUSED`].
    pub fn alloc(&mut self, len: usize) -> usize {
        let mut bytes = Vec::new();
        if len == 0 || len > i32::MAX as usize || !memory::allows(len as u64) {
            return SIZE_REFUSED;
        }
        if memory::fixed(|| bytes.try_reserve_exact(len)).is_err() {
            return SIZE_REFUSED;
        }
        bytes.resize(len, 0);
        let bytes = bytes.into_boxed_slice();
        let address = bytes.as_ptr() as usize;
        self.0.insert(address, bytes);
        address
    }

    /// Gives one back; false if there is none.
    pub fn free(&mut self, address: usize) -> bool {
        self.0.remove(&address).is_some()
    }

    /// Bytes of the caller's.
    pub fn get(&self, address: usize, len: usize) -> Result<&[u8], Status> {
        if len == 0 {
            return Ok(&[]);
        }
        let (start, bytes) = self.0.range(..=address).next_back().ok_or(Status::BadPointer)?;
        let from = address - start;
        bytes.get(from..from.saturating_add(len)).ok_or(Status::BadPointer)
    }

    /// The same to be written to.
    pub fn get_mut(&mut self, address: usize, len: usize) -> Result<&mut [u8], Status> {
        if len == 0 {
            return Ok(&mut []);
        }
        let (start, bytes) = self.0.range_mut(..=address).next_back().ok_or(Status::BadPointer)?;
        let from = address - start;
        bytes.get_mut(from..from.saturating_add(len)).ok_or(Status::BadPointer)
    }
}

/// All of it.
#[derive(Default)]
pub struct State {
    /// The caller's buffers.
    pub buffers: Buffers,
    objects: BTreeMap<i32, Object>,
    last: i32,
    /// The text of the last error.
    pub error: String,
}

impl State {
    /// A new handle.
    pub fn insert(&mut self, object: Object) -> Result<usize, Status> {
        // A number is used once: a handle that was closed never means something else.
        self.last = self.last.checked_add(1).ok_or(Status::Memory)?;
        self.objects.insert(self.last, object);
        Ok(self.last as usize)
    }

    /// What a handle stands for, beside the buffers.
    pub fn object(&mut self, handle: i32) -> Result<(&mut Object, &mut Buffers), Status> {
        let object = self.objects.get_mut(&handle).ok_or(Status::BadHandle)?;
        Ok((object, &mut self.buffers))
    }

    /// Ends a handle.
    pub fn remove(&mut self, handle: i32) -> Result<Object, Status> {
        let object = self.objects.remove(&handle).ok_or(Status::BadHandle)?;
        if self.objects.is_empty() {
            memory::settle();
        }
        Ok(object)
    }
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Runs a call on the state, and keeps the text of what went wrong.
pub fn with<T>(call: impl FnOnce(&mut State) -> Result<T, Status>) -> Result<T, Status> {
    STATE.with(|state| {
        let Ok(mut state) = state.try_borrow_mut() else { return Err(Status::State) };
        let result = call(&mut state);
        if let Err(status) = &result {
            state.error = status.text();
        }
        result
    })
}

/// Refuses what the memory limit doesn't allow: `len` bytes come in, and a few times as much may be held of them.
pub fn allow(len: usize) -> Result<(), Status> {
    if memory::allows(2 * len as u64) { Ok(()) } else { Err(Status::Memory) }
}
