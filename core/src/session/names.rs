//! `--files-from`: names for the sender, from a file of its own or handed on by the receiving side (spec 1.10, 2.7.3).

use alloc::vec::Vec;

use super::ask::Ask;
use super::context::{Context, Shared};
use crate::flist::verify::{Sanitize, sanitize};
use crate::limits::PATH_BYTES_MAX;
use crate::wire::item::Stop;
use crate::{Error, Exit, Fault};

/// Largest list that is read.
const LIST_BYTES_MAX: u64 = 1 << 30;
/// Bytes handed on between two looks at the room that there is.
const PIECE_BYTES: usize = 4096;

/// Where the sender's names come from.
pub(crate) enum Names {
    /// What is left of a list of its own.
    Own { list: Vec<u8>, at: usize, from0: bool },
    /// The peer.
    Peer,
}

/// Whether this sender hears the names from the receiving side.
pub(crate) fn come_from_peer(cx: &Context) -> bool {
    let Some(list) = cx.config.options.files_from.as_ref().filter(|_| cx.is_sender() && !cx.is_local()) else {
        return false;
    };
    if cx.is_server() { list.path == b"-" } else { list.host.is_some() }
}

/// Whether this receiver hands a list on.
pub(crate) fn are_handed_on(cx: &Context) -> bool {
    let list = cx.config.options.files_from.as_ref().filter(|_| !cx.is_sender() && !cx.is_local());
    list.is_some_and(|list| cx.is_server() || list.host.is_none())
}

/// Below protocol 31 names travel outside of frames.
fn are_raw(cx: &Context) -> bool {
    cx.protocol() < 31
}

impl Names {
    /// Opens the list.
    pub(crate) async fn open(cx: &Context) -> Result<Names, Error> {
        if come_from_peer(cx) {
            if are_raw(cx) {
                cx.inbox.borrow_mut().set_framed(false);
            }
            return Ok(Names::Peer);
        }
        let list = read(cx).await?;
        Ok(Names::Own { list, at: 0, from0: cx.config.options.from0 })
    }

    /// The next name.
    pub(crate) async fn next(&mut self, cx: &Context) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Names::Own { list, at, from0 } => Ok(next_line(list, at, *from0)),
            Names::Peer => {
                let name = cx.item(|r| {
                    let end = r.rest().iter().position(|&b| b == 0);
                    match end {
                        Some(end) => Ok(r.bytes(end + 1)?[..end].to_vec()),
                        None if r.rest().len() > PATH_BYTES_MAX => {
                            Err(Error::peer(Exit::STREAM, "overflow: name in a files-from list").into())
                        }
                        None => Err(Stop::Short),
                    }
                });
                let name = name.await?;
                if !name.is_empty() {
                    return Ok(Some(if cx.converts_arguments() { cx.text_from_wire(name) } else { name }));
                }
                if are_raw(cx) {
                    let framed = cx.protocol() >= 30 || !cx.is_server();
                    let mut inbox = cx.inbox.borrow_mut();
                    inbox.set_hold(false);
                    inbox.set_framed(framed);
                }
                Ok(None)
            }
        }
    }
}

/// A line that is neither empty nor a comment.
fn next_line(list: &[u8], at: &mut usize, from0: bool) -> Option<Vec<u8>> {
    let ends = |byte: &u8| if from0 { *byte == 0 } else { matches!(byte, b'\n' | b'\r') };
    while *at < list.len() {
        let rest = &list[*at..];
        let line = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        *at += line.len() + 1;
        if !matches!(line.first(), None | Some(b'#' | b';')) {
            // No name has a NUL in it: what follows one on its line does not count, and before it may be nothing.
            let name = line.split(|&byte| byte == 0).next().filter(|name| !name.is_empty());
            return Some(name.unwrap_or(b".").to_vec());
        }
    }
    None
}

async fn read(cx: &Context) -> Result<Vec<u8>, Error> {
    if let Some(names) = cx.config.names.clone().or_else(|| cx.served_names.take()) {
        return Ok(names);
    }
    let path = cx.config.options.files_from.as_ref().map(|list| list.path.clone()).unwrap_or_default();
    let read = cx.bytes(Ask::ReadPath { path: path.clone(), max: LIST_BYTES_MAX }).await;
    read.map_err(|errno| unreadable(&path, &errno.text))
}

/// Reads the list that a daemon's client asks for, before the session begins: if it can't be read, nothing else happens.
pub(crate) async fn read_served(cx: &Context) -> Result<(), Error> {
    let list = cx.config.options.files_from.as_ref().filter(|list| cx.is_sender() && list.path != b"-");
    let (Some(list), Some(module)) = (list, &cx.config.module) else { return Ok(()) };
    let path = sanitize(&list.path, Sanitize { depth: 0, keep_dots: false });
    let read = cx.bytes(Ask::ReadPath { path: path.clone(), max: LIST_BYTES_MAX }).await;
    let names = read.map_err(|errno| {
        cx.leaves.set(true);
        // A module that is a root of its own has no other name for it.
        let root: &[u8] = if module.sanitize { &module.path } else { &[] };
        unreadable(&[root, b"/", &path].concat(), &errno.text)
    })?;
    cx.served_names.replace(Some(names));
    Ok(())
}

/// What is said of a list that can't be read.
pub fn unreadable(path: &[u8], reason: &str) -> Error {
    let text = [b"rsync: failed to open files-from file ".as_slice(), path, b": ", reason.as_bytes()].concat();
    Error::new(Fault::Usage, Exit::SYNTAX, text)
}

/// Hands the list on to the sender, beside the file list that comes meanwhile.
pub(crate) async fn hand_on(cx: Shared) -> Result<(), Error> {
    let mut bytes = converted(&read(&cx).await?, cx.config.options.from0);
    if cx.converts_arguments() {
        bytes = cx.text_to_wire(bytes);
    }
    if are_raw(&cx) {
        cx.outbox.borrow_mut().set_framed(false);
    }
    for piece in bytes.chunks(PIECE_BYTES) {
        cx.room().await;
        cx.put(|out| out.extend_from_slice(piece));
    }
    if are_raw(&cx) {
        cx.outbox.borrow_mut().set_framed(cx.protocol() >= 30 || cx.is_server());
    }
    Ok(())
}

/// The form in which a list travels.
fn converted(list: &[u8], from0: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(list.len() + 2);
    for &byte in list {
        let byte = if !from0 && matches!(byte, b'\n' | b'\r') { 0 } else { byte };
        if byte != 0 || bytes.last().is_some_and(|&last| last != 0) {
            bytes.push(byte);
        }
    }
    if bytes.last().is_some_and(|&last| last != 0) {
        bytes.push(0);
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_travelling_form_has_no_empty_names() {
        assert_eq!(converted(b"a\n\nsub/b\nsub/deep/c", false), b"a\0sub/b\0sub/deep/c\0\0");
        assert_eq!(converted(b"\n\r\na b\r\n#c\n", false), b"a b\0#c\0\0");
        assert_eq!(converted(b"a\nb\0c", true), b"a\nb\0c\0\0");
        assert_eq!(converted(b"", false), b"\0");
    }

    #[test]
    fn lines_without_comments() {
        let (list, mut at) = (b"\n#x\r\na\r\n;y\n b \n\nc", 0);
        let mut lines = core::iter::from_fn(|| next_line(list, &mut at, false));
        assert_eq!(lines.next(), Some(b"a".to_vec()));
        assert_eq!(lines.next(), Some(b" b ".to_vec()));
        assert_eq!(lines.next(), Some(b"c".to_vec()));
        assert_eq!(lines.next(), None);
    }
}
