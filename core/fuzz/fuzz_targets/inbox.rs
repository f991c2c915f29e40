//! Frames in any chunking: the stream must not depend on how it arrives or is used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::wire::{Inbox, Message};

/// All data, the messages, and whether the stream broke.
fn read(bytes: &[u8], chunk: usize, take: usize) -> (Vec<u8>, Vec<Message>, bool) {
    let (mut data, mut messages, mut sent) = (Vec::new(), Vec::new(), 0);
    let mut inbox = Inbox::new();
    inbox.set_framed(true);
    loop {
        while !inbox.data().is_empty() || inbox.extend() {
            data.extend_from_slice(inbox.take(take));
        }
        while let Some(message) = inbox.next_message() {
            messages.push(message);
        }
        if !inbox.data().is_empty() {
            continue;
        }
        if inbox.take_error().is_some() {
            return (data, messages, true);
        }
        let n = inbox.receive(&bytes[sent..bytes.len().min(sent + chunk)]);
        if n == 0 {
            return (data, messages, false);
        }
        sent += n;
    }
}

fuzz_target!(|input: &[u8]| {
    let [chunk, take, bytes @ ..] = input else { return };
    let whole = read(bytes, bytes.len().max(1), usize::MAX);
    let pieces = read(bytes, usize::from(*chunk) + 1, usize::from(*take) + 1);
    assert_eq!(whole, pieces);
});
