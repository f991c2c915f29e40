//! What was deleted: lines, logs, and what a peer says of it (spec 3.11.1).

use alloc::vec::Vec;

use super::{ItemRecord, format_of, info, place, say_aside};
use crate::options::Info;
use crate::report::{self, Operation};
use crate::session::context::Context;
use crate::session::decide::Item;
use crate::wire::Tag;

/// Something was deleted here.
pub(crate) fn deleted(cx: &Context, path: &[u8], is_dir: bool) {
    if cx.is_server() && cx.protocol() < 29 {
        // No message for it: the client shows the line as it is, in the server's format.
        show_deletion(cx, path, is_dir);
    } else if cx.is_server() {
        let mut name = cx.text_to_wire(path.to_vec());
        if is_dir {
            name.push(0);
        }
        cx.outbox.borrow_mut().message(Tag::Deleted, &name);
    } else {
        show_deletion(cx, path, is_dir);
    }
    log_deletion(cx, path, is_dir);
}

pub(super) fn log_deletion(cx: &Context, path: &[u8], is_dir: bool) {
    if let Some(format) = cx.log_format().filter(|_| !cx.config.options.dry_run) {
        let line = deletion_line(cx, Some(format), path, is_dir);
        cx.log_line(&line);
    }
}

/// The peer deleted something.
pub(crate) fn peer_deleted(cx: &Context, payload: &[u8]) {
    let (path, is_dir) = match payload {
        [path @ .., 0] => (path, true),
        path => (path, false),
    };
    let path = &cx.text_from_wire(path.to_vec())[..];
    if !cx.is_server() {
        show_deletion(cx, path, is_dir);
        log_deletion(cx, path, is_dir);
    }
}

pub(super) fn show_deletion(cx: &Context, path: &[u8], is_dir: bool) {
    // `X` is a server's word for a format that it need not know.
    let format = format_of(cx).filter(|format| !cx.is_server() || *format != b"X");
    if cx.config.options.levels.info(Info::Del) < 1 && format_of(cx).is_none() {
        return;
    }
    let mut line = deletion_line(cx, format, path, is_dir);
    line.push(b'\n');
    say_aside(cx, line);
}

pub(super) fn deletion_line(cx: &Context, format: Option<&[u8]>, path: &[u8], is_dir: bool) -> Vec<u8> {
    let mode = if is_dir { crate::session::decide::DIRECTORY } else { crate::session::decide::REGULAR };
    let gone = Item { path: path.to_vec(), name: path.to_vec(), mode, ..Item::default() };
    let record = ItemRecord::default();
    let prefix = place(cx);
    let mut info = info(cx, &gone, &record, None, &prefix);
    info.operation = Operation::Delete;
    report::expand_deletion(format, &info)
}
