//! Sessions: bytes in, bytes out, requests and their answers.

use syncline_core::Exit;
use syncline_core::session::{Errno, Reply};

use super::state::{Object, State, allow, with};
use super::status::{Status, code, count};
use crate::document::{Start, decode, encode};
use crate::session::Embedded;

/// What a session takes by itself: buffers for both directions, and the first list.
const SESSION_BYTES: usize = 4 << 20;

/// Begins a session, from a `Start` document.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_new(pointer: usize, len: usize) -> i32 {
    count(with(|state| {
        allow(len + SESSION_BYTES)?;
        let start: Start = decode(state.buffers.get(pointer, len)?).ok_or(Status::BadDocument)?;
        let session = Embedded::open(start).map_err(|error| Status::Usage(error.text_lossy()))?;
        state.insert(Object::Session(Box::new(session), Vec::new()))
    }))
}

fn session<T>(handle: i32, call: impl FnOnce(&mut Embedded, &mut Vec<u8>) -> Result<T, Status>) -> Result<T, Status> {
    with(|state| match state.object(handle)?.0 {
        Object::Session(session, event) => call(session, event),
        _ => Err(Status::BadHandle),
    })
}

/// With bytes of the caller's.
fn session_with<T>(
    handle: i32,
    (pointer, len): (usize, usize),
    call: impl FnOnce(&mut Embedded, &[u8]) -> Result<T, Status>,
) -> Result<T, Status> {
    with(|state: &mut State| {
        let (object, buffers) = state.object(handle)?;
        let Object::Session(session, _) = object else { return Err(Status::BadHandle) };
        call(session, buffers.get(pointer, len)?)
    })
}

/// Tells the time, in milliseconds since any fixed moment.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_tick(handle: i32, now_ms: u64) -> i32 {
    code(session(handle, |session, _| {
        session.tick(now_ms);
        Ok(())
    }))
}

/// What to do next: the length of an `Event` document, which is where `syncline_session_event_ptr` says until the next call
/// of this function.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_next(handle: i32) -> i32 {
    count(session(handle, |session, event| {
        *event = encode(&session.next_event());
        Ok(event.len())
    }))
}

/// Where the last event is.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_event_ptr(handle: i32) -> usize {
    session(handle, |_, event| Ok(event.as_ptr() as usize)).unwrap_or(0)
}

/// Where the bytes of the last event are, if it was a `Write`.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_data_ptr(handle: i32) -> usize {
    session(handle, |session, _| Ok(session.data().as_ptr() as usize)).unwrap_or(0)
}

/// How many there are.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_data_len(handle: i32) -> i32 {
    count(session(handle, |session, _| Ok(session.data().len())))
}

/// Gives bytes of the peer's: how many were taken. The rest has to be given again.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_feed(handle: i32, pointer: usize, len: usize) -> i32 {
    count(session_with(handle, (pointer, len), |session, bytes| Ok(session.feed(bytes))))
}

/// The peer closed its direction.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_feed_end(handle: i32) -> i32 {
    code(session(handle, |session, _| {
        session.feed_end();
        Ok(())
    }))
}

/// The peer takes no more output.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_output_broken(handle: i32) -> i32 {
    code(session(handle, |session, _| {
        session.output_broken();
        Ok(())
    }))
}

/// Answers a request with a `Reply` document.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_answer(handle: i32, id: u32, pointer: usize, len: usize) -> i32 {
    code(session_with(handle, (pointer, len), |session, bytes| {
        allow(len.saturating_mul(4))?;
        let reply: Reply = decode(bytes).ok_or(Status::BadDocument)?;
        if session.answer(id, reply) { Ok(()) } else { Err(Status::State) }
    }))
}

/// Carries out a `Read` with what was read.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_fill(handle: i32, pointer: usize, len: usize) -> i32 {
    code(session_with(
        handle,
        (pointer, len),
        |session, bytes| {
            if session.fill(Ok(bytes)) { Ok(()) } else { Err(Status::State) }
        },
    ))
}

/// A `Read` failed: an `Errno` document says how.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_fill_failed(handle: i32, pointer: usize, len: usize) -> i32 {
    code(session_with(handle, (pointer, len), |session, bytes| {
        let error: Errno = decode(bytes).ok_or(Status::BadDocument)?;
        if session.fill(Err(error)) { Ok(()) } else { Err(Status::State) }
    }))
}

/// A `Copy` was carried out.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_copied(handle: i32) -> i32 {
    code(session(handle, |session, _| {
        session.copied();
        Ok(())
    }))
}

/// A `Write` or `Copy` failed: a document of the path and an `Errno` says which and how.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_write_failed(handle: i32, pointer: usize, len: usize) -> i32 {
    code(session_with(handle, (pointer, len), |session, bytes| {
        let (path, error): (Vec<u8>, Errno) = decode(bytes).ok_or(Status::BadDocument)?;
        session.write_failed(&path, error);
        Ok(())
    }))
}

/// Gives the password that a `Password` event asks for.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_password(handle: i32, pointer: usize, len: usize) -> i32 {
    code(session_with(
        handle,
        (pointer, len),
        |session, bytes| {
            if session.password(bytes) { Ok(()) } else { Err(Status::State) }
        },
    ))
}

/// Ends the session early, with an exit code of rsync's: it winds up through further events.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_session_abort(handle: i32, exit: i32, pointer: usize, len: usize) -> i32 {
    code(session_with(handle, (pointer, len), |session, bytes| {
        session.abort(Exit(exit), bytes);
        Ok(())
    }))
}
