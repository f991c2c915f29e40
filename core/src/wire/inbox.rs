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
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    raw: usize,
    filled: usize,
    framed: bool,
    /// Bytes of the current data frame that are not in `data` yet.
    frame_left: usize,
    hold: bool,
    messages: VecDeque<Message>,
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
        let from = if self.error.is_some() {
            self.buffer.len()
        } else {
            self.filled
        };
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

    /// The first `n` bytes of the data have been used.
    pub fn consume(&mut self, n: usize) {
        self.start += n.min(self.end - self.start);
        self.refill();
    }

    /// Consumes at most `n` bytes of the data and lends them.
    pub fn take(&mut self, n: usize) -> &[u8] {
        let from = self.start;
        let to = from + n.min(self.end - self.start);
        self.start = to;
        // Nothing is ever moved to before `start`, so the lent bytes stay as they are.
        self.refill();
        &self.buffer[from..to]
    }

    /// Makes more of what was received contiguous, for an item that is longer than [`Inbox::data`]. False if there is no
    /// more: then the caller has to wait. Grows the buffer if it is full; an item larger than 1 MiB is an error.
    pub fn extend(&mut self) -> bool {
        let before = self.end - self.start;
        // At least doubling keeps the work linear for a caller that starts over with each extension.
        let enough = if self.hold {
            before + 1
        } else {
            (2 * before).max(1)
        };
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
        let message = self.messages.pop_front()?;
        self.message_bytes -= message.payload.len() + MESSAGE_OVERHEAD;
        self.refill();
        Some(message)
    }

    /// The error that broke the stream. Ask when the data can not be used any further: what came before it is still valid.
    pub fn take_error(&mut self) -> Option<Error> {
        if self.messages.is_empty() {
            self.error.take()
        } else {
            None
        }
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

    /// Bytes received so far, headers and messages included.
    pub fn received_total(&self) -> u64 {
        self.received
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
            self.buffer
                .copy_within(self.start..self.end, self.start + gap);
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
            self.messages.push_back(Message {
                tag,
                payload: self.buffer[payload..self.raw].to_vec(),
            });
        }
        if self.start == self.end {
            (self.start, self.end) = (self.raw, self.raw);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::header;
    use proptest::prelude::*;

    fn framed() -> Inbox {
        let mut inbox = Inbox::new();
        inbox.set_framed(true);
        inbox
    }

    fn frame(tag: Tag, payload: &[u8]) -> Vec<u8> {
        [&header(tag, payload.len())[..], payload].concat()
    }

    #[test]
    fn an_item_over_frames_and_a_message_within() {
        let mut inbox = framed();
        inbox.receive(
            &[
                frame(Tag::Data, b"ab"),
                frame(Tag::Info, b"hi\n"),
                frame(Tag::Data, b"cd"),
            ]
            .concat(),
        );
        assert_eq!(inbox.data(), b"abcd");
        assert_eq!(
            inbox.next_message(),
            Some(Message {
                tag: Tag::Info,
                payload: b"hi\n".to_vec()
            })
        );
        assert_eq!(inbox.next_message(), None);
        assert_eq!(inbox.take(3), b"abc");
        assert_eq!(inbox.data(), b"d");
        assert_eq!(inbox.received_total(), 2 + 3 + 2 + 12);
    }

    #[test]
    fn a_partial_data_frame_is_delivered() {
        let mut inbox = framed();
        inbox.receive(&[&header(Tag::Data, 0xff_ffff)[..], b"start"].concat());
        assert_eq!(inbox.data(), b"start");
        inbox.consume(5);
        inbox.receive(b"more");
        assert_eq!(inbox.data(), b"more");
    }

    #[test]
    fn framing_begins_where_the_raw_bytes_were_consumed() {
        let mut inbox = Inbox::new();
        inbox.receive(&[b"seed".as_slice(), &frame(Tag::Data, b"list")].concat());
        inbox.consume(4);
        inbox.set_framed(true);
        assert_eq!(inbox.data(), b"list");
    }

    /// Spec 1.1.4: a framed filter list, raw names, frames again; the names look like a complete message.
    #[test]
    fn a_raw_list_between_frames() {
        let raw = b"\x02\0\0\x09";
        let mut inbox = framed();
        inbox.set_hold(true);
        inbox.receive(
            &[
                &frame(Tag::Data, b"rules"),
                raw.as_slice(),
                b"xy",
                &frame(Tag::Data, b"next"),
            ]
            .concat(),
        );
        assert!(inbox.extend());
        assert_eq!(inbox.data(), b"rules");
        inbox.consume(5);
        assert_eq!(inbox.data(), b"");
        inbox.set_framed(false);
        assert_eq!(inbox.take(4), raw);
        assert_eq!(inbox.take(2), b"xy");
        inbox.set_framed(true);
        inbox.set_hold(false);
        assert_eq!(inbox.data(), b"next");
        assert_eq!(inbox.next_message(), None);
    }

    #[test]
    fn a_bad_header_comes_after_the_data_before_it() {
        let mut inbox = framed();
        inbox.receive(&[frame(Tag::Data, b"ok"), frame(Tag::Unknown(0), b"")].concat());
        assert_eq!(inbox.data(), b"ok");
        inbox.consume(2);
        assert_eq!(inbox.take_error().unwrap().text, b"unexpected tag -7");
    }

    #[test]
    fn an_overlong_text_is_refused_by_its_header() {
        let mut inbox = framed();
        inbox.receive(&header(Tag::Warning, 5120));
        assert_eq!(
            inbox.take_error().unwrap().text,
            b"multiplexing overflow 4:5120"
        );
    }

    #[test]
    fn memory_is_bounded_when_the_consumer_lags() {
        let mut inbox = framed();
        let mut sent = inbox.receive(&header(Tag::Data, 0xff_ffff));
        loop {
            match inbox.receive(&[7; 4096]) {
                0 => break,
                n => sent += n,
            }
        }
        assert_eq!(sent, HEADER_BYTES + BUFFER_BYTES);
        // One item of everything: the buffer grows once, then gives up.
        while !inbox.space(1).is_empty() || !inbox.extend() && inbox.take_error().is_none() {
            inbox.receive(&[7; 4096]);
            assert!(inbox.data().len() <= BUFFER_BYTES_MAX);
        }
        assert!(inbox.data().len() > BUFFER_BYTES_MAX - 4096);
    }

    #[test]
    fn messages_that_nobody_takes_fill_up() {
        let mut inbox = framed();
        let flood = frame(Tag::Noop, b"").repeat(1024);
        let mut received = 0;
        loop {
            match inbox.receive(&flood) {
                0 => break,
                n => received += n,
            }
            assert!(received <= 2 * BUFFER_BYTES);
        }
        let mut taken = 0;
        while inbox.next_message().is_some() {
            taken += HEADER_BYTES;
        }
        assert_eq!(taken, received / HEADER_BYTES * HEADER_BYTES);
    }

    #[test]
    fn end_and_the_text_for_an_early_one() {
        let mut inbox = framed();
        inbox.receive(&frame(Tag::Data, b"x"));
        inbox.end();
        assert!(inbox.is_ended() && !inbox.is_exhausted());
        assert_eq!(
            inbox.closed_error(0).text,
            b"connection unexpectedly closed (5 bytes received so far)"
        );
        inbox.consume(1);
        assert!(inbox.is_exhausted());
    }

    fn frames() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
        let payload = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..8),
            proptest::collection::vec(any::<u8>(), 0..3000),
            proptest::collection::vec(any::<u8>(), 40_000..40_001),
        ];
        proptest::collection::vec((any::<bool>(), payload), 0..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Against the naive twin: concatenate the payloads, list the messages.
        #[test]
        fn any_chunking_gives_the_same_stream(
            frames in frames(),
            chunks in proptest::collection::vec(prop_oneof![1usize..6, 1usize..70_000], 1..20),
            uses in proptest::collection::vec(prop_oneof![0usize..6, 0usize..70_000], 1..20),
        ) {
            let (mut wire, mut data, mut messages) = (Vec::new(), Vec::new(), Vec::new());
            for (is_data, payload) in &frames {
                let tag = if *is_data { Tag::Data } else { Tag::Info };
                let payload = if *is_data { payload } else { &payload[..payload.len().min(5119)] };
                wire.extend_from_slice(&frame(tag, payload));
                if *is_data {
                    data.extend_from_slice(payload);
                } else {
                    messages.push(payload.to_vec());
                }
            }
            let mut inbox = framed();
            let (mut got, mut lifted) = (Vec::new(), Vec::new());
            let (mut sent, mut step) = (0, 0);
            while sent < wire.len() || !inbox.data().is_empty() || inbox.extend() {
                let chunk = chunks[step % chunks.len()].min(wire.len() - sent);
                sent += inbox.receive(&wire[sent..sent + chunk]);
                let before = inbox.data().to_vec();
                if step % 3 == 0 {
                    inbox.extend();
                    prop_assert!(inbox.data().starts_with(&before));
                }
                let wanted = uses[step % uses.len()] + step / 1000;
                got.extend_from_slice(inbox.take(wanted));
                if step % 2 == 0 {
                    lifted.extend(inbox.next_message().map(|message| message.payload));
                }
                step += 1;
            }
            while let Some(message) = inbox.next_message() {
                lifted.push(message.payload);
            }
            prop_assert!(inbox.take_error().is_none());
            prop_assert!(got == data);
            prop_assert!(lifted == messages);
        }
    }
}
