//! Output that waits for the caller to take it.
//!
//! ```text
//!   [ taken | ready                | command's room | open literal ]
//!           start                  open                            end
//! ```
//!
//! A literal grows in place until it is closed, since its length stands before its bytes; or it is let go of, and its command
//! is put in later.

use alloc::vec::Vec;

/// Taken bytes that are kept before the rest is moved to the front.
const SLACK_BYTES: usize = 1 << 20;

/// A queue of bytes.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    bytes: Vec<u8>,
    start: usize,
    /// How much was taken before the front of `bytes`.
    dropped: u64,
    /// Where an open literal's command goes, and how much room that has.
    open: Option<(usize, usize)>,
}

impl Outlet {
    /// What may be taken.
    pub(super) fn ready(&self) -> &[u8] {
        let end = self.open.map_or(self.bytes.len(), |(at, _)| at);
        &self.bytes[self.start..end]
    }

    /// `len` bytes were taken.
    pub(super) fn consume(&mut self, len: usize) {
        self.start += len.min(self.ready().len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.dropped += self.start as u64;
            self.start = 0;
        } else if self.start >= SLACK_BYTES {
            self.bytes.drain(..self.start);
            if let Some((at, _)) = &mut self.open {
                *at -= self.start;
            }
            self.dropped += self.start as u64;
            self.start = 0;
        }
    }

    /// The end of the queue, to append to. No literal may be open.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Opens a literal if none is, with `room` for its command, and appends to it. Returns its length now.
    pub(super) fn grow(&mut self, room: usize, literal: &[u8]) -> usize {
        let at = self.bytes.len();
        let (at, room) = *self.open.get_or_insert((at, room));
        if self.bytes.len() == at {
            self.bytes.resize(at + room, 0);
        }
        self.bytes.extend_from_slice(literal);
        self.bytes.len() - at - room
    }

    /// Closes the open literal, if there is one: `command` writes its command, of at most the room there is, for its length.
    /// Returns command and literal.
    pub(super) fn close(&mut self, command: impl FnOnce(u64, &mut Vec<u8>)) -> Option<(&[u8], &[u8])> {
        let (at, room) = self.open.take()?;
        let mut head = Vec::new();
        command((self.bytes.len() - at - room) as u64, &mut head);
        let spare = room.saturating_sub(head.len());
        if spare > 0 {
            self.bytes.copy_within(at + room.., at + room - spare);
            self.bytes.truncate(self.bytes.len() - spare);
        }
        self.bytes[at..at + head.len()].copy_from_slice(&head);
        Some(self.bytes[at..].split_at(head.len()))
    }

    /// The open literal's bytes may be taken, and before them what has the place of its command. Returns where that is in all
    /// of the output, and the bytes.
    pub(super) fn let_go(&mut self) -> Option<(u64, &[u8])> {
        let (at, room) = self.open.take()?;
        Some((self.dropped + at as u64, &self.bytes[at + room..]))
    }

    /// Puts `command` at its place in all of the output, as far as that wasn't taken yet. Whether it was not taken at all.
    pub(super) fn put_in(&mut self, place: u64, command: &[u8]) -> bool {
        let taken = (self.dropped + self.start as u64).saturating_sub(place).min(command.len() as u64);
        let command = &command[taken as usize..];
        let at = (place + taken).checked_sub(self.dropped).and_then(|at| usize::try_from(at).ok());
        let there = at.and_then(|at| self.bytes.get_mut(at..at + command.len()));
        if let Some(there) = there {
            there.copy_from_slice(command);
        }
        taken == 0
    }
}
