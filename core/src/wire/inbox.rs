//! Received bytes: one buffer, from which the data stream is lent and control messages are lifted.
//!
//! ```text
//!  buffer  ░░░░░░░░┃ data ┃·····┃ raw: rest of a frame, headers, more frames ┃      free
//!                start   end  raw                                          filled
//! ```
//!
//! `data` is contiguous and has lost its headers. When it runs low, the next frame joins it: either the few bytes left of
//! it move right, over the header, or a small frame moves left, whichever is less work. So a big payload never moves, and
//! many small ones each move once. While the connection is not framed, all received bytes are `data`.
//!
//! A bad header is kept as an error until the owner asks, when it is done with the data before it. The switch back to raw
//! bytes (files-from below protocol 31, spec 1.1.4) forgets it: what looked like a header was none.

use super::frame::{HEADER_BYTES, Message, Tag, parse_header};
use crate::{Error, Exit};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use alloc::{format, vec};

/// Size of the buffer, as long as no single item needs more.
const BUFFER_BYTES: usize = 256 * 1024;
/// Size to which it grows for an item that does not fit.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// The next frame joins once less data than this is left. Most items are shorter, and so never need [`Inbox::extend`].
const JOIN_BYTES: usize = 16 * 1024;
/// Lifted messages (with a share for their bookkeeping) that may wait; beyond it they stay in the buffer, and that fills.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// What a waiting message counts in addition to its payload.
const MESSAGE_OVERHEAD: usize = 64;

/// The receiving end of a connection.
#[derive(Debug, Default)]
pub struct Inbox {
    /// A copy of the data that was used.
    record: Option<Vec<u8>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    raw: usize,
    filled: usize,
    framed: bool,
    /// Bytes received before the last time that frames began.
    framed_at: u64,
    /// Bytes of the current data frame that are not in `data` yet.
    frame_left: usize,
    hold: bool,
    /// Each with its place in the data stream, in bytes since the start.
    messages: VecDeque<(u64, Message)>,
    /// Bytes of the data stream that were consumed.
    consumed: u64,
    message_bytes: usize,
    error: Option<Error>,
    ended: bool,
    received: u64,
    scratch: Vec<u8>,
}

impl Inbox {
    /// An empty inbox of a connection that is not framed yet.
    pub fn new() -> Inbox {
        Inbox::default()
    }

    /// Room to receive into: `want` bytes or more if the bound on memory allows it, else less. Empty when the data has to be
    /// consumed first (or [`Inbox::extend`]ed), or after an error.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER_BYTES];
        }
        if self.start == self.filled {
            (self.start, self.end, self.raw, self.filled) = (0, 0, 0, 0);
        }
        let free = self.buffer.len() - self.filled;
        let live = self.filled - self.start;
        // Moving what is left to the front has to be worth it.
        if free < want && live <= self.start {
            self.compact();
        }
        let from = if self.error.is_some() { self.buffer.len() } else { self.filled };
        &mut self.buffer[from..]
    }

    fn compact(&mut self) {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.end -= self.start;
        self.raw -= self.start;
        self.filled -= self.start;
        self.start = 0;
    }

    /// `n` bytes were received into [`Inbox::space`].
    pub fn filled(&mut self, n: usize) {
        let n = n.min(self.buffer.len() - self.filled);
        self.filled += n;
        self.received += n as u64;
        if self.framed {
            self.refill();
        } else {
            self.end = self.filled;
            self.raw = self.filled;
        }
    }

    /// Puts received bytes in, as many as fit, and says how many: for hosts and tests that have them in a slice.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let space = self.space(bytes.len());
        let n = bytes.len().min(space.len());
        space[..n].copy_from_slice(&bytes[..n]);
        self.filled(n);
        n
    }

    /// Says whether the bytes after the data consumed so far are frames.
    pub fn set_framed(&mut self, framed: bool) {
        if framed == self.framed {
            return;
        }
        self.framed = framed;
        self.frame_left = 0;
        self.error = None;
        if framed {
            self.framed_at = self.received - self.backlog();
            self.end = self.start;
            self.raw = self.start;
            self.refill();
        } else {
            self.close_gap();
            self.end = self.filled;
            self.raw = self.filled;
        }
    }

    /// While on, nothing behind the end of the current frame is looked at until [`Inbox::extend`] asks for it. Needed around
    /// the one place where a framed direction turns raw: the end of the filter list before a raw files-from list.
    pub fn set_hold(&mut self, hold: bool) {
        self.hold = hold;
        self.refill();
    }

    /// The data stream from where it was consumed, as far as it is contiguous. If an item in it is incomplete, try
    /// [`Inbox::extend`] before waiting for more.
    pub fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// [`Inbox::data`], and a buffer to decompress into that lives as long as it.
    pub fn data_and_scratch(&mut self) -> (&[u8], &mut Vec<u8>) {
        (&self.buffer[self.start..self.end], &mut self.scratch)
    }

    /// What was last decompressed into the scratch buffer.
    pub fn scratch(&self) -> &[u8] {
        &self.scratch
    }

    /// Bytes of the data stream that were used so far, without headers and messages.
    pub fn consumed_total(&self) -> u64 {
        self.consumed
    }

    /// Keeps a copy of all data that is used from now on, behind `head`.
    pub fn begin_record(&mut self, head: Vec<u8>) {
        self.record = Some(head);
    }

    /// The copy, if there is at least `min` of it.
    pub fn take_record(&mut self, min: usize) -> Option<Vec<u8>> {
        self.record.as_mut().filter(|record| record.len() >= min).map(core::mem::take)
    }

    fn keep(&mut self, n: usize) {
        if let Some(record) = &mut self.record {
            record.extend_from_slice(&self.buffer[self.start..self.start + n]);
        }
    }

    /// The first `n` bytes of the data have been used.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.keep(n);
        self.start += n;
        self.consumed += n as u64;
        self.refill();
    }

    /// Drops the data that is there, for who reads on only for the messages.
    pub fn discard(&mut self) {
        self.hold = false;
        while self.start < self.end {
            self.consumed += (self.end - self.start) as u64;
            self.start = self.end;
            self.refill();
        }
    }

    /// Consumes at most `n` bytes of the data and lends them.
    pub fn take(&mut self, n: usize) -> &[u8] {
        let from = self.start;
        let to = from + n.min(self.end - self.start);
        self.keep(to - from);
        self.start = to;
        self.consumed += (to - from) as u64;
        // Nothing is ever moved to before `start`, so the lent bytes stay as they are.
        self.refill();
        &self.buffer[from..to]
    }

    /// Makes more of what was received contiguous, for an item that is longer than [`Inbox::data`]. False if there is no
    /// more: then the caller has to wait. Grows the buffer if it is full; an item larger than 1 MiB is an error.
    pub fn extend(&mut self) -> bool {
        let before = self.end - self.start;
        // At least doubling keeps the work linear for a caller that starts over with each extension.
        let enough = if self.hold { before + 1 } else { (2 * before).max(1) };
        while self.framed && self.end - self.start < enough {
            if self.frame_left > 0 && self.raw < self.filled {
                self.join_payload();
            } else if self.frame_left > 0 || !self.next_header(enough) {
                break;
            }
        }
        let grew = self.end - self.start > before;
        if !grew {
            self.make_room();
        }
        grew
    }

    /// Gives the host room to receive more of an item that no one can consume yet.
    fn make_room(&mut self) {
        let full = self.filled == self.buffer.len() && !self.buffer.is_empty();
        if !full || self.error.is_some() || self.message_bytes >= MESSAGE_BYTES_MAX {
            return;
        }
        if self.start > 0 {
            self.compact();
        } else if self.buffer.len() < BUFFER_BYTES_MAX {
            self.buffer.resize(BUFFER_BYTES_MAX, 0);
        } else {
            let text = format!("item of more than {BUFFER_BYTES_MAX} bytes");
            self.error = Some(Error::peer(Exit::STREAM, text));
        }
    }

    /// The next control message, in the order of arrival.
    pub fn next_message(&mut self) -> Option<Message> {
        let (_, message) = self.messages.pop_front()?;
        self.message_bytes -= message.payload.len() + MESSAGE_OVERHEAD;
        self.refill();
        Some(message)
    }

    /// The next control message, if all data that came before it was consumed.
    pub fn next_due_message(&mut self) -> Option<Message> {
        let (at, _) = self.messages.front()?;
        if *at <= self.consumed { self.next_message() } else { None }
    }

    /// The error that broke the stream. Ask when the data can not be used any further: what came before it is still valid.
    /// Messages that are due come first; those behind data that nobody can use never will be.
    pub fn take_error(&mut self) -> Option<Error> {
        let is_due = self.messages.front().is_some_and(|(at, _)| *at <= self.consumed);
        if is_due { None } else { self.error.take() }
    }

    /// The peer has closed its end.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the peer has closed its end; there may still be data.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether the peer has closed its end, and everything it sent was used.
    pub fn is_exhausted(&self) -> bool {
        self.ended && self.start == self.filled && self.messages.is_empty()
    }

    /// Bytes received and not used, headers included.
    pub fn backlog(&self) -> u64 {
        (self.filled - self.start) as u64
    }

    /// Bytes received so far, headers and messages included.
    pub fn received_total(&self) -> u64 {
        self.received
    }

    /// Bytes received before the framing began.
    pub fn framed_at(&self) -> u64 {
        self.framed_at
    }

    /// The error for a peer that closed too early. `since` is the [`Inbox::received_total`] of the moment when framing
    /// began, since stock counts from there.
    pub fn closed_error(&self, since: u64) -> Error {
        let bytes = self.received.saturating_sub(since);
        let text = format!("connection unexpectedly closed ({bytes} bytes received so far)");
        Error::peer(Exit::STREAM, text)
    }

    /// Keeps the data above [`JOIN_BYTES`] if possible, and lifts the messages that stand next.
    fn refill(&mut self) {
        while self.framed && self.error.is_none() {
            if self.frame_left > 0 {
                let moves = self.raw > self.end;
                if self.raw == self.filled || (moves && self.end - self.start >= JOIN_BYTES) {
                    return;
                }
                self.join_payload();
            } else if self.hold || !self.next_header(JOIN_BYTES) {
                return;
            }
        }
    }

    /// Takes what has arrived of the current data frame into `data`.
    fn join_payload(&mut self) {
        let n = self.frame_left.min(self.filled - self.raw);
        if self.raw > self.end {
            if self.end - self.start <= n {
                self.close_gap();
            } else {
                self.buffer.copy_within(self.raw..self.raw + n, self.end);
            }
        }
        self.end += n;
        self.raw += n;
        self.frame_left -= n;
    }

    /// Moves the data right, up to the raw bytes.
    fn close_gap(&mut self) {
        let gap = self.raw - self.end;
        if gap > 0 {
            self.buffer.copy_within(self.start..self.end, self.start + gap);
            self.start += gap;
            self.end = self.raw;
        }
    }

    /// Looks at the header behind the last frame: begins a data frame or lifts a message. False if it has to wait.
    fn next_header(&mut self, enough: usize) -> bool {
        let Some(header) = self.buffer[self.raw..self.filled].first_chunk::<HEADER_BYTES>() else {
            return false;
        };
        let (tag, length) = parse_header(*header);
        if let Err(error) = tag.check(length) {
            self.error.get_or_insert(error);
            return false;
        }
        let payload = self.raw + HEADER_BYTES;
        if tag == Tag::Data {
            if self.end - self.start >= enough {
                return false;
            }
            self.raw = payload;
            self.frame_left = length;
        } else {
            if self.filled - payload < length || self.message_bytes >= MESSAGE_BYTES_MAX {
                return false;
            }
            self.raw = payload + length;
            self.message_bytes += length + MESSAGE_OVERHEAD;
            let at = self.consumed + (self.end - self.start) as u64;
            let payload = self.buffer[payload..self.raw].to_vec();
            self.messages.push_back((at, Message { tag, payload }));
        }
        if self.start == self.end {
            (self.start, self.end) = (self.raw, self.raw);
        }
        true
    }
}

#[cfg(test)]
mod tests;
