//! Batch files: what the sender said, kept to be said again to others (spec 1.12).
//!
//! A writer keeps the sender's data stream as it passes: what it reads if it receives, what it writes if it sends. A reader
//! has no peer. Its generator decides as ever, but its requests go nowhere; the receiver holds each recorded item against
//! what the generator wants.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::context::Context;
use super::decide::Item;
use super::receiving::Rx;
use super::say::Class;
use crate::Error;
use crate::options::{Append, Options, Recursion};
use crate::wire::item::{put_i32, put_varint};

/// What stands in front of the recorded stream, after the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// The protocol that was agreed on.
    pub protocol: u32,
    /// Compatibility flags; 0 below protocol 30.
    pub compat: i32,
    /// The seed of checksums.
    pub seed: i32,
}

/// Bytes of a record that are handed over at a time.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;

/// The options that shape the stream, as the first word of a batch.
pub fn stream_flags(o: &Options) -> i32 {
    let recursive = o.recursion != Recursion::Off;
    let flags = [
        recursive,
        o.owner,
        o.group,
        o.links,
        o.devices,
        o.hard_links > 0,
        o.checksum,
        o.dirs || recursive,
        o.wants_compression(),
        o.iconv.is_some(),
        o.acls,
        o.xattrs > 0,
        o.inplace,
        o.append == Append::Trust,
        o.append == Append::Verify,
    ];
    flags.iter().enumerate().map(|(bit, &on)| i32::from(on) << bit).sum()
}

/// Sets the options that a batch needs, and says which had to be changed.
pub fn adopt_flags(o: &mut Options, flags: i32, protocol: u32) -> Vec<String> {
    let mut said = Vec::new();
    let before = stream_flags(o);
    let known = if protocol < 29 {
        7
    } else if protocol < 30 {
        9
    } else {
        15
    };
    for bit in (0..known).filter(|bit| (before ^ flags) >> bit & 1 != 0) {
        let on = flags >> bit & 1 != 0;
        let name = match bit {
            0 => {
                o.recursion = if on { Recursion::On } else { Recursion::Off };
                "--recurse (-r)"
            }
            1 => {
                o.owner = on;
                "--owner (-o)"
            }
            2 => {
                o.group = on;
                "--group (-g)"
            }
            3 => {
                o.links = on;
                "--links (-l)"
            }
            4 => {
                o.devices = on;
                "--devices (-D)"
            }
            5 => {
                o.hard_links = u32::from(on);
                "--hard-links (-H)"
            }
            6 => {
                o.checksum = on;
                "--checksum (-c)"
            }
            7 => {
                o.dirs = on;
                "--dirs (-d)"
            }
            8 => {
                o.compress = u32::from(on);
                "--compress (-z)"
            }
            10 => {
                o.acls = on;
                "--acls (-A)"
            }
            11 => {
                o.xattrs = u32::from(on);
                "--xattrs (-X)"
            }
            12 => {
                o.inplace = on;
                "--inplace"
            }
            13 => {
                o.append = if on { Append::Trust } else { Append::Off };
                "--append"
            }
            14 => {
                o.append = if on { Append::Verify } else { Append::Off };
                "--append-verify"
            }
            _ => continue,
        };
        let verb = if on { "Setting" } else { "Clearing" };
        said.push(format!("{verb} the {name} option to match the batchfile."));
    }
    said
}

impl Context {
    /// Whether this side keeps the stream.
    pub(crate) fn records(&self) -> bool {
        !self.is_server() && self.config.options.write_batch.is_some()
    }

    /// Begins to keep the sender's data: what comes from here on.
    pub(crate) fn begin_record(&self) {
        if !self.records() {
            return;
        }
        let agreed = self.agreed();
        let mut head = Vec::new();
        put_i32(&mut head, stream_flags(&self.config.options));
        put_i32(&mut head, agreed.protocol as i32);
        if agreed.protocol >= 30 {
            put_varint(&mut head, agreed.compat);
        }
        put_i32(&mut head, agreed.seed);
        if self.is_sender() {
            self.outbox.borrow_mut().begin_record(head);
        } else {
            self.inbox.borrow_mut().begin_record(head);
        }
    }

    /// What was kept and not handed over yet, if it is at least this much.
    pub(crate) fn take_record(&self, min: usize) -> Option<Vec<u8>> {
        if !self.records() {
            return None;
        }
        if self.is_sender() {
            self.outbox.borrow_mut().take_record(min)
        } else {
            self.inbox.borrow_mut().take_record(min)
        }
    }

    /// While on, data is kept and not sent: `--only-write-batch`.
    pub(crate) fn only_record(&self, on: bool) {
        if self.records() && self.config.options.only_batch && self.is_sender() {
            self.outbox.borrow_mut().set_muted(on);
        }
    }

    /// Whether there is no peer, but a batch.
    pub(crate) fn replays(&self) -> bool {
        self.config.batch.is_some()
    }

    /// Whether items are worked out as in a dry run although their data flows.
    pub(crate) fn is_dry(&self) -> bool {
        self.config.options.dry_run && !self.config.options.only_batch
    }
}

/// A recorded item has to wait until the generator has decided about its entry. Whether it is wanted.
pub(crate) async fn is_wanted(rx: &Rx, item: &Item, transfers: bool) -> bool {
    if !rx.cx.replays() {
        return true;
    }
    rx.cx.moved.until(|| (rx.walked.get() >= item.ndx).then_some(())).await;
    if !transfers || rx.wanted.borrow_mut().remove(&item.ndx) {
        return true;
    }
    let text = [b"(Skipping batched update for \"".as_slice(), &item.name, b"\")"].concat();
    rx.cx.say(Class::Info, text);
    false
}

/// The end of a list, or of a phase: what the generator still wants up to `end` is not in the batch.
pub(crate) async fn list_ended(rx: &Rx, end: i32) -> Result<(), Error> {
    let cx = &rx.cx;
    if !cx.replays() {
        return Ok(());
    }
    cx.moved.until(|| (rx.walked.get() >= end).then_some(())).await;
    loop {
        let Some(ndx) = rx.wanted.borrow_mut().pop_first() else { break };
        if ndx > end {
            rx.wanted.borrow_mut().insert(ndx);
            break;
        }
        if let Some(item) = super::entries::item(rx, ndx) {
            let text = [b"(No batched update for \"".as_slice(), &item.name, b"\")"].concat();
            cx.say(Class::Transfer, text);
        }
        rx.settled(ndx);
    }
    cx.moved.until(|| (rx.marks.get() > 0).then_some(())).await;
    Ok(())
}
