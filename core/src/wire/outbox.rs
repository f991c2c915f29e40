//! Bytes to send: frames are written in place, in the buffer the host sends from.
//!
//! ```text
//!  buffer  ░░░░░░░┃ pending: closed frames ┃ header? ┃ open data frame ┃      free
//!                sent                     open                        end
//! ```
//!
//! The open frame's header is filled in when it closes, so data is appended without being copied again. A control message
//! never goes into a data frame: it waits until the open one closes and precedes the next (spec 1.7.2). Nothing is sent
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
        let from = if self.framed && self.open == self.end {
            self.end + HEADER_BYTES
        } else {
            self.end
        };
        self.reserve(from + len);
        &mut self.buffer[from..from + len]
    }

    /// The first `n` bytes of the last [`Outbox::literal_space`] are part of the stream.
    pub fn literal_done(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        let from = if self.framed && self.open == self.end {
            self.end + HEADER_BYTES
        } else {
            self.end
        };
        self.end = (from + n).min(self.buffer.len());
    }

    /// Sends a control message: at once if no data frame is open, else right behind the open one. A text is cut at the
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
            self.buffer[self.open..self.open + HEADER_BYTES]
                .copy_from_slice(&header(Tag::Data, length));
        }
        self.open = self.end;
        if !self.messages.is_empty() {
            let mut messages = core::mem::take(&mut self.messages);
            self.append_closed(&messages);
            messages.clear();
            self.messages = messages;
        }
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
            self.buffer
                .resize(to.next_power_of_two().max(HIGH_BYTES / 4), 0);
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

    /// Bytes that were sent or wait in closed frames: what the statistics call written, after a flush.
    pub fn written_total(&self) -> u64 {
        self.sent_total + (self.open - self.sent) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::inbox::Inbox;
    use alloc::vec;
    use proptest::prelude::*;

    fn framed() -> Outbox {
        let mut outbox = Outbox::new();
        outbox.set_framed(true);
        outbox
    }

    fn drain(outbox: &mut Outbox) -> Vec<u8> {
        let bytes = outbox.pending().to_vec();
        outbox.sent(bytes.len());
        bytes
    }

    #[test]
    fn raw_then_framed() {
        let mut outbox = Outbox::new();
        outbox.data(b"seed");
        outbox.set_framed(true);
        outbox.data(&[1]);
        outbox.data_with(|out| out.push(2));
        assert_eq!(outbox.pending(), b"seed");
        outbox.flush();
        assert_eq!(drain(&mut outbox), b"seed\x02\0\0\x07\x01\x02");
        assert!(outbox.is_empty());
        assert_eq!(outbox.sent_total(), 10);
    }

    #[test]
    fn messages_never_split_a_data_frame() {
        let mut outbox = framed();
        outbox.message(Tag::Info, b"early");
        assert_eq!(drain(&mut outbox), b"\x05\0\0\x09early");
        outbox.data(b"ab");
        outbox.message(Tag::NoSend, &[1, 0, 0, 0]);
        outbox.data(b"cd");
        assert_eq!(outbox.pending(), b"");
        outbox.flush();
        assert_eq!(
            drain(&mut outbox),
            b"\x04\0\0\x07abcd\x04\0\0\x6d\x01\0\0\0"
        );
    }

    #[test]
    fn long_texts_are_cut_and_raw_directions_have_none() {
        let mut outbox = Outbox::new();
        outbox.message(Tag::Error, b"lost");
        assert!(outbox.is_empty());
        outbox.set_framed(true);
        outbox.message(Tag::Error, &[b'x'; 6000]);
        assert_eq!(outbox.pending().len(), 4 + 5119);
    }

    #[test]
    fn a_file_is_read_into_the_frame() {
        let mut outbox = framed();
        outbox.data(&[9, 0, 0, 0]);
        let space = outbox.literal_space(9);
        assert_eq!(space.len(), 9);
        space.copy_from_slice(b"from file");
        outbox.literal_done(9);
        outbox.flush();
        assert_eq!(drain(&mut outbox), b"\x0d\0\0\x07\x09\0\0\0from file");
    }

    #[test]
    fn whole_literals_stay_in_one_frame() {
        let mut outbox = framed();
        for _ in 0..3 {
            outbox.data(&[0, 0x80, 0, 0]);
            assert_eq!(outbox.literal_space(32768).len(), 32768);
            outbox.literal_done(32768);
        }
        outbox.flush();
        let frames = drain(&mut outbox);
        assert_eq!(frames.len(), 3 * (32768 + 4) + 3 * HEADER_BYTES);
        assert_eq!(frames[..4], header(Tag::Data, 32768 + 8));
    }

    #[test]
    fn frames_are_bounded_and_keep_alives_empty() {
        let mut outbox = framed();
        outbox.data(&vec![5; 200_000]);
        assert!(!outbox.is_full());
        outbox.data(&vec![5; 100_000]);
        assert!(outbox.is_full());
        outbox.keep_alive();
        outbox.flush();
        assert_eq!(outbox.written_total(), outbox.pending().len() as u64);
        let bytes = drain(&mut outbox);
        assert_eq!(bytes[..4], header(Tag::Data, PAYLOAD_BYTES_MAX));
        assert!(outbox.is_empty() && !outbox.is_full());
        outbox.keep_alive();
        assert_eq!(outbox.pending(), [0, 0, 0, 7]);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Data(usize),
        Space(usize, usize),
        Message(usize),
        Flush,
        Sent(usize),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let length = || prop_oneof![0usize..9, 0usize..70_000];
        let act = prop_oneof![
            length().prop_map(Act::Data),
            (length(), length()).prop_map(|(want, got)| Act::Space(want, got)),
            (0usize..300).prop_map(Act::Message),
            Just(Act::Flush),
            length().prop_map(Act::Sent),
        ];
        proptest::collection::vec(act, 0..60)
    }

    proptest! {
        /// Whatever the order of calls, an inbox gets the same stream and the same messages.
        #[test]
        fn an_inbox_understands_it(acts in acts()) {
            let (mut outbox, mut inbox) = (framed(), Inbox::new());
            inbox.set_framed(true);
            let (mut data, mut messages) = (Vec::new(), Vec::new());
            let (mut got, mut lifted) = (Vec::new(), Vec::new());
            let pump = |outbox: &mut Outbox, inbox: &mut Inbox, n: usize, got: &mut Vec<u8>| {
                let n = inbox.receive(&outbox.pending()[..n.min(outbox.pending().len())]);
                outbox.sent(n);
                while !inbox.data().is_empty() || inbox.extend() {
                    got.extend_from_slice(inbox.take(usize::MAX));
                }
                n
            };
            for (step, act) in acts.iter().enumerate() {
                match *act {
                    Act::Data(n) => {
                        let bytes = vec![step as u8; n];
                        outbox.data(&bytes);
                        data.extend_from_slice(&bytes);
                    }
                    Act::Space(want, fill) => {
                        let space = outbox.literal_space(want);
                        prop_assert!(!space.is_empty() && space.len() <= want.max(1));
                        let fill = fill.min(space.len());
                        space[..fill].fill(step as u8);
                        data.extend_from_slice(&space[..fill]);
                        outbox.literal_done(fill);
                    }
                    Act::Message(n) => {
                        outbox.message(Tag::Info, &vec![step as u8; n]);
                        messages.push(vec![step as u8; n]);
                    }
                    Act::Flush => outbox.flush(),
                    Act::Sent(n) => {
                        pump(&mut outbox, &mut inbox, n, &mut got);
                    }
                }
                lifted.extend(core::iter::from_fn(|| inbox.next_message()).map(|message| message.payload));
            }
            outbox.flush();
            while pump(&mut outbox, &mut inbox, usize::MAX, &mut got) > 0 {}
            lifted.extend(core::iter::from_fn(|| inbox.next_message()).map(|message| message.payload));
            prop_assert!(outbox.is_empty());
            prop_assert!(got == data);
            prop_assert_eq!(lifted, messages);
        }
    }
}
