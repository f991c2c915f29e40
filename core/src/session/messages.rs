//! What the peer says beside the data: texts, errors, confirmations (spec 1.7.4, 1.7.6).

use alloc::format;

use super::context::{Context, io_error};
use super::say::Class;
use super::show;
use crate::options::Info;
use crate::wire::{Message, Tag};
use crate::{Error, Exit};

/// Largest timeout that a daemon may impose.
const TIMEOUT_MAX_S: i32 = 86_400;

/// Handles the messages that are due: those that stand before the data that comes next, or, when the roles can't read on
/// (`all`), every one that is there. Returns whether there was any.
pub(crate) fn dispatch(cx: &Context, all: bool) -> Result<bool, Error> {
    let mut any = false;
    loop {
        let message = {
            let mut inbox = cx.inbox.borrow_mut();
            if all { inbox.next_message() } else { inbox.next_due_message() }
        };
        let Some(message) = message else { return Ok(any) };
        any = true;
        handle(cx, message)?;
    }
}

fn handle(cx: &Context, message: Message) -> Result<(), Error> {
    let payload = &message.payload;
    let int = <[u8; 4]>::try_from(payload.as_slice()).ok().map(i32::from_le_bytes);
    match (message.tag, int) {
        (Tag::Info, _) => cx.relay(Class::Info, message.payload),
        (Tag::Warning, _) => cx.relay(Class::Warning, message.payload),
        (Tag::Error, _) => cx.relay(Class::Error, message.payload),
        (Tag::ErrorXfer, _) => cx.relay(Class::Transfer, message.payload),
        (Tag::IoError, Some(bits)) => {
            cx.add_io_error(bits & (io_error::GENERAL | io_error::VANISHED | io_error::DEL_LIMIT));
        }
        (Tag::IoTimeout, Some(seconds)) if !cx.is_server() => impose_timeout(cx, seconds),
        (Tag::Noop, _) => {}
        (Tag::ErrorExit, _) => return exit(cx, &message, int),
        (Tag::Deleted, _) if cx.is_sender() => show::peer_deleted(cx, payload),
        (Tag::Success, _) if cx.is_sender() && payload.len() >= 4 => {
            let ndx = i32::from_le_bytes([payload[0], payload[1], payload[2], payload[3]]);
            cx.stored.borrow_mut().push(ndx);
            cx.input.notify();
        }
        (Tag::NoSend, Some(ndx)) if !cx.is_sender() => {
            if let Some(rx) = cx.receiving.borrow().as_ref() {
                rx.settled(ndx);
            }
        }
        _ => return Err(message.invalid()),
    }
    Ok(())
}

/// A daemon tells its timeout: it can only shorten ours.
fn impose_timeout(cx: &Context, seconds: i32) {
    if !(1..=TIMEOUT_MAX_S).contains(&seconds) {
        return;
    }
    let own = cx.timeout_s.get();
    if own == 0 || own > seconds as u32 {
        cx.timeout_s.set(seconds as u32);
        if cx.config.options.levels.info(Info::Misc) >= 2 {
            cx.say(Class::Info, format!("Setting --timeout={seconds} to match server"));
        }
    }
}

/// The peer ends with an error, or answers that we do.
fn exit(cx: &Context, message: &Message, code: Option<i32>) -> Result<(), Error> {
    match (message.payload.len(), code) {
        (0, _) => cx.peer_exit.set(Some(Exit::OK)),
        (_, Some(code)) => {
            if cx.agreed.get().is_some_and(|a| a.has_exit_exchange()) {
                let echo = code.to_le_bytes();
                let reply: &[u8] = if cx.is_sender() || cx.receiving.borrow().is_none() { &[] } else { &echo };
                cx.outbox.borrow_mut().message(Tag::ErrorExit, reply);
            }
            cx.peer_exit.set(Some(Exit(code)));
        }
        (_, None) => return Err(message.invalid()),
    }
    Ok(())
}
