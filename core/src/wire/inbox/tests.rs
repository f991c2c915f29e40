//! Frames in any chunking, and the bounds on memory.

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
    inbox.receive(&[frame(Tag::Data, b"ab"), frame(Tag::Info, b"hi\n"), frame(Tag::Data, b"cd")].concat());
    assert_eq!(inbox.data(), b"abcd");
    assert_eq!(inbox.next_message(), Some(Message { tag: Tag::Info, payload: b"hi\n".to_vec() }));
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
    inbox.receive(&[&frame(Tag::Data, b"rules"), raw.as_slice(), b"xy", &frame(Tag::Data, b"next")].concat());
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
    assert_eq!(inbox.take_error().unwrap().text, b"multiplexing overflow 4:5120");
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
    assert_eq!(inbox.closed_error(0).text, b"connection unexpectedly closed (5 bytes received so far)");
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
