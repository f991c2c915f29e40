//! Bytes to send: frames are written in place, in the buffer the host sends from.
//!
//! ```text
//!  buffer  ░░░░░░░┃ pending: closed frames ┃ header? ┃ open data frame ┃      free
//!                sent                     open                        end
//! ```
//!
//! The open frame's header is filled in when it closes, so data is appended without being copied again. A control message
//! never goes into a data frame: it waits until the open one closes, and then goes out before it, as stock rsync sends what
//! it says before the data that it has not sent yet (spec 1.7.2). Nothing is sent
//! before a frame closes; the owner flushes when it has nothing more to say for the moment, not once per item.

use super::frame::{HEADER_BYTES, Tag, header};
use crate::limits::LINE_BYTES_MAX;
use alloc::vec::Vec;

/// Above this the owner should stop producing.
const HIGH_BYTES: usize = 256 * 1024;
/// Largest payload of a frame we send; stock's buffer is 64 KiB with the header.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024 - HEADER_BYTES;

/// The sending end of a connection.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Initialised storage; only `sent..end` means something.
    buffer: Vec<u8>,
    sent: usize,
    /// Where the open frame begins (with its header, if framed); `end` if there is none.
    open: usize,
    end: usize,
    framed: bool,
    /// Frames of messages that wait for the open frame to close.
    messages: Vec<u8>,
    /// Reused by [`Outbox::data_with`].
    scratch: Vec<u8>,
    sent_total: u64,
    data_total: u64,
    /// A copy of the data.
    record: Option<Vec<u8>>,
    /// Data is copied and not sent.
    muted: bool,
}

impl Outbox {
    /// An empty outbox of a connection that is not framed yet.
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// Appends to the data stream.
    pub fn data(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let space = self.literal_space(rest.len());
            let n = rest.len().min(space.len());
            let (now, later) = rest.split_at(n);
            space[..n].copy_from_slice(now);
            self.literal_done(n);
            rest = later;
        }
    }

    /// Appends what `encode` puts into its argument.
    pub fn data_with<T>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.clear();
        let result = encode(&mut scratch);
        self.data(&scratch);
        self.scratch = scratch;
        result
    }

    /// Room inside the data stream, to read a file straight into: at least one byte, at most `len`, and shorter than `len`
    /// only if `len` exceeds a frame. [`Outbox::literal_done`] appends what was filled.
    pub fn literal_space(&mut self, len: usize) -> &mut [u8] {
        let len = len.clamp(1, PAYLOAD_BYTES_MAX);
        if self.end - self.open + len > PAYLOAD_BYTES_MAX + HEADER_BYTES {
            self.flush();
        }
        let from = if self.framed && self.open == self.end { self.end + HEADER_BYTES } else { self.end };
        self.reserve(from + len);
        &mut self.buffer[from..from + len]
    }

    /// The first `n` bytes of the last [`Outbox::literal_space`] are part of the stream.
    pub fn literal_done(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        let from = if self.framed && self.open == self.end { self.end + HEADER_BYTES } else { self.end };
        if let Some(record) = &mut self.record {
            record.extend_from_slice(&self.buffer[from..(from + n).min(self.buffer.len())]);
        }
        if self.muted {
            return;
        }
        self.end = (from + n).min(self.buffer.len());
        self.data_total += n as u64;
    }

    /// Keeps a copy of all data from now on, behind `head`.
    pub fn begin_record(&mut self, head: Vec<u8>) {
        self.record = Some(head);
    }

    /// The copy, if there is at least `min` of it.
    pub fn take_record(&mut self, min: usize) -> Option<Vec<u8>> {
        self.record.as_mut().filter(|record| record.len() >= min).map(core::mem::take)
    }

    /// While muted, data is only copied.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Sends a control message: at once if no data frame is open, else when that closes, and before it. A text is cut at the
    /// longest that peers accept. A direction that is not framed has no messages: there it is dropped.
    pub fn message(&mut self, tag: Tag, payload: &[u8]) {
        if !self.framed {
            return;
        }
        let payload = payload.get(..LINE_BYTES_MAX).unwrap_or(payload);
        self.messages.extend_from_slice(&header(tag, payload.len()));
        self.messages.extend_from_slice(payload);
        if self.open == self.end {
            self.flush();
        }
    }

    /// An empty data frame, for a peer that might think us dead. Nothing if the direction is not framed, or if there is
    /// something to send anyway.
    pub fn keep_alive(&mut self) {
        if self.framed && self.is_empty() {
            self.append_closed(&header(Tag::Data, 0));
        }
    }

    /// Says whether what follows is framed.
    pub fn set_framed(&mut self, framed: bool) {
        self.flush();
        self.framed = framed;
    }

    /// Closes the open frame, so that all data and messages so far are [`Outbox::pending`].
    pub fn flush(&mut self) {
        if self.framed && self.end > self.open {
            let length = self.end - self.open - HEADER_BYTES;
            self.buffer[self.open..self.open + HEADER_BYTES].copy_from_slice(&header(Tag::Data, length));
        }
        if !self.messages.is_empty() {
            let (frame, n) = (self.open, self.messages.len());
            self.reserve(self.end + n);
            self.buffer.copy_within(frame..self.end, frame + n);
            self.buffer[frame..frame + n].copy_from_slice(&self.messages);
            self.messages.clear();
            self.end += n;
        }
        self.open = self.end;
    }

    fn append_closed(&mut self, bytes: &[u8]) {
        self.reserve(self.end + bytes.len());
        self.buffer[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
        self.open = self.end;
    }

    /// Grows the storage to hold `to` bytes; geometric, so that it is initialised only once.
    fn reserve(&mut self, to: usize) {
        if to > self.buffer.len() {
            self.buffer.resize(to.next_power_of_two().max(HIGH_BYTES / 4), 0);
        }
    }

    /// What can be sent now.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.sent..self.open]
    }

    /// The first `n` bytes of [`Outbox::pending`] were sent.
    pub fn sent(&mut self, n: usize) {
        let n = n.min(self.open - self.sent);
        self.sent += n;
        self.sent_total += n as u64;
        let left = self.end - self.sent;
        if left <= self.sent {
            self.buffer.copy_within(self.sent..self.end, 0);
            self.open -= self.sent;
            self.end = left;
            self.sent = 0;
        }
    }

    /// Whether the owner should stop producing until some of it is sent.
    pub fn is_full(&self) -> bool {
        self.end - self.sent + self.messages.len() >= HIGH_BYTES
    }

    /// Whether there is nothing to send, not even in an open frame.
    pub fn is_empty(&self) -> bool {
        self.end == self.sent && self.messages.is_empty()
    }

    /// Bytes that the host has sent, headers and messages included.
    pub fn sent_total(&self) -> u64 {
        self.sent_total
    }

    /// Bytes of the data stream so far, without headers and messages.
    pub fn data_total(&self) -> u64 {
        self.data_total
    }

    /// Bytes that were sent or wait in closed frames: what the statistics call written, after a flush.
    pub fn written_total(&self) -> u64 {
        self.sent_total + (self.open - self.sent) as u64
    }
}

#[cfg(test)]
mod tests;
