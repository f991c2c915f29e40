//! A whole rsync session as a state machine: sender, or generator and receiver, on either end of a connection.
//!
//! The host's loop:
//!
//! ```text
//! loop {
//!     match session.poll() {
//!         Step::Ask(id, ask)   => do it (now or on another thread), then session.answer(id, reply)
//!         Step::Read { .. }    => session.fill(|space| read the file at that offset into space)
//!         Step::Write { .. }   => session.lend(|bytes| write them to that output)
//!         Step::Copy { .. }    => copy a matched block from the output's basis, then session.copied()
//!         Step::Notice(notice) => print it
//!         Step::Wait(wants)    => move bytes between the socket and input_space()/output(), or wait for answers
//!         Step::Done(exit)     => leave
//!     }
//! }
//! ```
//!
//! Inside, each role is an `async` function over one shared context, stepped by a tiny executor (`task`): the code of a
//! role reads top to bottom as the spec does, and the compiler makes the state machine. There is no runtime, no clock and
//! no thread; a role that waits costs nothing.

mod ask;
mod step;

pub use ask::*;
pub use step::*;

use crate::{Error, Exit};

/// A session; see the module's doc for how a host drives it.
pub struct Session {}

impl Session {
    /// A session that has not started.
    pub fn new(_config: Config) -> Session {
        Session {}
    }

    /// Goes as far as it can, and says what the host has to do next.
    pub fn poll(&mut self) -> Step {
        Step::Done(Exit::OK)
    }

    /// Answers an ask.
    pub fn answer(&mut self, _id: AskId, _reply: Reply) {}

    /// Carries out [`Step::Read`]: `read` fills the space that it is lent and returns how much it read, 0 at the end of the
    /// file.
    pub fn fill(&mut self, _read: impl FnOnce(&mut [u8]) -> HostResult<usize>) {}

    /// Carries out [`Step::Write`]: `write` takes all of the bytes that it is lent.
    pub fn lend(&mut self, _write: impl FnOnce(&[u8])) {}

    /// [`Step::Copy`] was carried out.
    pub fn copied(&mut self) {}

    /// Writing an output failed (disk full): the session ends with rsync's message. Outputs are discarded or kept first.
    pub fn write_failed(&mut self, _file: FileId, _error: Errno) {}

    /// Bytes from the peer: `read` puts some into the space and returns how many. The space is empty while the session
    /// can't take more.
    pub fn input(&mut self, _read: impl FnOnce(&mut [u8]) -> usize) {}

    /// The peer closed its direction.
    pub fn input_end(&mut self) {}

    /// Bytes for the peer: `write` sends some and returns how many.
    pub fn output(&mut self, _write: impl FnOnce(&[u8]) -> usize) {}

    /// The connection broke (exit 10 or 12), or the program was interrupted (exit 20): the session winds up; what it was
    /// receiving is removed or kept as `--partial` says, through further steps, and `Done` carries the exit code.
    pub fn abort(&mut self, _error: Error) {}

    /// Tells the time, in milliseconds since any fixed moment.
    pub fn tick(&mut self, _now_ms: u64) {}
}
