//! File data on its way between the host and the connection: one movement at a time, each a step that the host carries out
//! on memory that the session lends.
//!
//! ```text
//! sender:    file ── Step::Read ──> literal space of the outbox      (whole files: no copy in between)
//!                            └────> window of the search ── literals ──> outbox
//! receiver:  inbox ── Step::Write ──> output                          (plain literals: lent from the receive buffer)
//!            scratch ── Step::Write ──> output                        (literals that were compressed)
//!            basis ── Step::Copy ──> output                           (matched blocks)
//! ```

use core::cell::{Cell, RefCell};

use super::ask::{FileId, HostResult};
use super::context::Context;
use super::step::Step;
use super::task::Event;
use crate::checksum::Digest;
use crate::delta::Search;
use crate::limits::LITERAL_BYTES;

/// Where bytes that are read from a file go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// As a plain literal token into the outbox, counted by [`DataPlane::digest`].
    Literal,
    /// Into the window of [`DataPlane::search`].
    Window,
}

/// Where bytes that are written to a file come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The first bytes of the inbox's data.
    Inbox(usize),
    /// The first bytes of the buffer that literals were decompressed into.
    Scratch(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Movement {
    Read { file: FileId, at: u64, len: usize, target: Target },
    Write { file: FileId, source: Source },
    Copy { file: FileId, from: u64, len: u32 },
}

/// The movement under way, and the memory that it uses.
#[derive(Default)]
pub(crate) struct DataPlane {
    movement: Cell<Option<Movement>>,
    /// How a read ended.
    read: RefCell<Option<HostResult<usize>>>,
    done: Event,
    /// The search of the file being sent.
    pub(crate) search: RefCell<Option<Search>>,
    /// The digest of the file being sent whole.
    pub(crate) digest: RefCell<Option<Digest>>,
}

impl DataPlane {
    /// Forgets the movement under way.
    pub(crate) fn clear(&self) {
        self.movement.set(None);
    }
}

impl Context {
    /// Reads from an open file; returns how much came, 0 at its end.
    pub(crate) async fn read(&self, file: FileId, at: u64, len: usize, target: Target) -> HostResult<usize> {
        self.start(Movement::Read { file, at, len, target }).await;
        self.data.done.until(|| self.data.read.borrow_mut().take()).await
    }

    /// Appends lent bytes to an output.
    pub(crate) async fn write(&self, file: FileId, source: Source) {
        self.start(Movement::Write { file, source }).await;
        self.settled().await;
    }

    /// Appends a matched block to an output.
    pub(crate) async fn copy(&self, file: FileId, from: u64, len: u32) {
        self.start(Movement::Copy { file, from, len }).await;
        self.settled().await;
    }

    async fn start(&self, movement: Movement) {
        self.settled().await;
        self.data.movement.set(Some(movement));
    }

    async fn settled(&self) {
        self.data.done.until(|| self.data.movement.get().is_none().then_some(())).await;
    }

    /// The step for the movement under way.
    pub(crate) fn movement_step(&self) -> Option<Step> {
        Some(match self.data.movement.get()? {
            Movement::Read { file, at, len, .. } => Step::Read { file, at, len },
            Movement::Write { file, .. } => Step::Write { file },
            Movement::Copy { file, from, len } => Step::Copy { file, from, len },
        })
    }

    pub(crate) fn fill(&self, read: impl FnOnce(&mut [u8]) -> HostResult<usize>) {
        let Some(Movement::Read { len, target, .. }) = self.data.movement.get() else { return };
        let result = match target {
            Target::Literal => self.fill_literal(len.min(LITERAL_BYTES), read),
            Target::Window => self.fill_window(len, read),
        };
        *self.data.read.borrow_mut() = Some(result);
        self.finish_movement();
    }

    /// A plain literal token: its length goes in front once the read told it.
    fn fill_literal(&self, len: usize, read: impl FnOnce(&mut [u8]) -> HostResult<usize>) -> HostResult<usize> {
        let mut outbox = self.outbox.borrow_mut();
        let space = outbox.literal_space(4 + len);
        let result = read(&mut space[4..]).map(|n| n.min(len));
        let used = match result {
            Ok(n) if n > 0 => {
                if let Some(digest) = self.data.digest.borrow_mut().as_mut() {
                    digest.update(&space[4..4 + n]);
                }
                space[..4].copy_from_slice(&(n as u32).to_le_bytes());
                4 + n
            }
            _ => 0,
        };
        outbox.literal_done(used);
        result
    }

    fn fill_window(&self, len: usize, read: impl FnOnce(&mut [u8]) -> HostResult<usize>) -> HostResult<usize> {
        let mut search = self.data.search.borrow_mut();
        let Some(search) = search.as_mut() else { return Ok(0) };
        let space = search.space(len);
        let room = space.len();
        let n = read(space)?.min(room);
        search.filled(n);
        Ok(n)
    }

    pub(crate) fn lend(&self, write: impl FnOnce(&[u8])) {
        let Some(Movement::Write { source, .. }) = self.data.movement.get() else { return };
        match source {
            Source::Inbox(len) => {
                let mut inbox = self.inbox.borrow_mut();
                let len = len.min(inbox.data().len());
                write(&inbox.data()[..len]);
                inbox.consume(len);
            }
            Source::Scratch(len) => {
                let inbox = self.inbox.borrow();
                write(inbox.scratch().get(..len).unwrap_or_default());
            }
        }
        self.finish_movement();
    }

    pub(crate) fn copied(&self) {
        if let Some(Movement::Copy { .. }) = self.data.movement.get() {
            self.finish_movement();
        }
    }

    fn finish_movement(&self) {
        self.data.movement.set(None);
        self.data.done.notify();
    }
}
