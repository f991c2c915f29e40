//! Frames as they leave, and back through an inbox.

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
fn messages_overtake_an_open_data_frame() {
    let mut outbox = framed();
    outbox.message(Tag::Info, b"early");
    assert_eq!(drain(&mut outbox), b"\x05\0\0\x09early");
    outbox.data(b"ab");
    outbox.message(Tag::NoSend, &[1, 0, 0, 0]);
    outbox.data(b"cd");
    assert_eq!(outbox.pending(), b"");
    outbox.flush();
    assert_eq!(drain(&mut outbox), b"\x04\0\0\x6d\x01\0\0\0\x04\0\0\x07abcd");
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
