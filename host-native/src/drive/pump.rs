//! Moves bytes between a session and its connection, as far as that goes without waiting.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, retry_on_intr, write};
use syncline_core::session::{Session, Wants};

use super::pace::Pace;
use crate::time::monotonic_ms;

/// A blocking pipe that is ready takes this much without blocking.
const PIPE_BYTES: usize = 4096;

/// The two directions of a connection.
#[derive(Debug)]
pub struct Connection {
    /// Where the peer's bytes come from.
    pub input: OwnedFd,
    /// Where bytes for the peer go; may be another descriptor of the same socket.
    pub output: OwnedFd,
    /// Bytes that were received already: they come before what `input` gives.
    pub pending: Vec<u8>,
    /// Leave the descriptors blocking (`--blocking-io`): some remote shells can't cope with anything else.
    pub blocking: bool,
}

impl Connection {
    /// Two pipes.
    pub fn new(input: OwnedFd, output: OwnedFd) -> Connection {
        Connection { input, output, pending: Vec::new(), blocking: false }
    }

    /// A socket.
    pub fn socket(socket: OwnedFd) -> io::Result<Connection> {
        Ok(Connection::new(socket.try_clone()?, socket))
    }
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Moved {
    /// Something went on: bytes, or the end.
    Some,
    /// It would have to wait.
    Nothing,
    /// The connection is broken.
    Failed(Errno),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    /// Worth a try.
    Open,
    /// Full when last tried.
    Full,
    /// Broken.
    Shut,
}

/// See the module's doc.
#[derive(Debug)]
pub struct Pump {
    connection: Connection,
    /// The flags of input and output as they were, if they were changed: another program may share them.
    flags: Option<(OFlags, OFlags)>,
    pace: Option<Pace>,
    out: Out,
}

impl Pump {
    /// Makes the descriptors non-blocking. Where that is not possible, they are used as blocking ones.
    pub fn new(connection: Connection, bwlimit: u64) -> Pump {
        let flags = if connection.blocking { None } else { set_nonblocking(&connection).ok() };
        Pump { connection, flags, pace: Pace::new(bwlimit, monotonic_ms()), out: Out::Open }
    }

    /// Whether sending is worth a try.
    pub fn may_send(&self) -> bool {
        self.out == Out::Open
    }

    /// Sending is worth a try again.
    pub fn retry(&mut self) {
        if self.out == Out::Full {
            self.out = Out::Open;
        }
    }

    /// Sends what the session has, once.
    pub fn send(&mut self, session: &mut Session) -> Moved {
        if self.out == Out::Shut {
            return Moved::Nothing;
        }
        let most = self.send_bytes_max();
        let fd = &self.connection.output;
        let mut moved = Moved::Nothing;
        let mut sent = 0;
        session.output(|bytes| {
            let bytes = &bytes[..bytes.len().min(most)];
            match if bytes.is_empty() { Err(Errno::AGAIN) } else { retry_on_intr(|| write(fd, bytes)) } {
                Ok(count) => (moved, sent) = (Moved::Some, count),
                Err(Errno::AGAIN) => {}
                Err(error) => moved = Moved::Failed(error),
            }
            sent
        });
        if let Some(pace) = &mut self.pace {
            pace.spend(sent);
        }
        self.out = match moved {
            Moved::Some => Out::Open,
            Moved::Nothing => Out::Full,
            Moved::Failed(_) => Out::Shut,
        };
        moved
    }

    fn send_bytes_max(&mut self) -> usize {
        let most = self.pace.as_mut().map_or(usize::MAX, |pace| pace.allowance(monotonic_ms()));
        match self.flags {
            Some(_) => most,
            None if is_ready(self.connection.output.as_fd(), PollFlags::OUT) => most.min(PIPE_BYTES),
            None => 0,
        }
    }

    /// Receives into the session, once.
    pub fn receive(&mut self, session: &mut Session) -> Moved {
        let Connection { input, pending, .. } = &mut self.connection;
        let blocks = self.flags.is_none();
        let mut moved = Moved::Nothing;
        let mut ended = false;
        session.input(|space| {
            if space.is_empty() {
                return 0;
            }
            if !pending.is_empty() {
                let count = pending.len().min(space.len());
                space[..count].copy_from_slice(&pending[..count]);
                pending.drain(..count);
                moved = Moved::Some;
                return count;
            }
            if blocks && !is_ready(input.as_fd(), PollFlags::IN) {
                return 0;
            }
            match retry_on_intr(|| read(&*input, &mut *space)) {
                Ok(count) => {
                    (moved, ended) = (Moved::Some, count == 0);
                    count
                }
                Err(Errno::AGAIN) => 0,
                Err(error) => {
                    moved = Moved::Failed(error);
                    0
                }
            }
        });
        if ended {
            session.input_end();
        }
        moved
    }

    /// Sleeps until something that the session wants can go on, `wake` is readable, or the deadline has come.
    pub fn sleep(&self, wants: Wants, until_ms: Option<u64>, wake: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
        let now = monotonic_ms();
        let paced = self.pace.as_ref().map(Pace::ready_ms).filter(|&at| at > now && wants.output);
        let until = [wants.deadline_ms, until_ms, paced].into_iter().flatten().min();
        let timeout = until.map(|at| timespec(at.saturating_sub(now)));
        let mut fds = Vec::with_capacity(3);
        if wants.input {
            fds.push(PollFd::new(&self.connection.input, PollFlags::IN));
        }
        if wants.output && paced.is_none() && self.out != Out::Shut {
            fds.push(PollFd::new(&self.connection.output, PollFlags::OUT));
        }
        fds.extend(wake.map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
        poll(&mut fds, timeout.as_ref())?;
        Ok(())
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if let Some((input, output)) = self.flags {
            // A descriptor that is closed already needs no flags.
            let _ = fcntl_setfl(&self.connection.input, input);
            let _ = fcntl_setfl(&self.connection.output, output);
        }
    }
}

fn set_nonblocking(connection: &Connection) -> Result<(OFlags, OFlags), Errno> {
    let before = (fcntl_getfl(&connection.input)?, fcntl_getfl(&connection.output)?);
    fcntl_setfl(&connection.input, before.0 | OFlags::NONBLOCK)?;
    fcntl_setfl(&connection.output, before.1 | OFlags::NONBLOCK)?;
    Ok(before)
}

fn is_ready(fd: BorrowedFd<'_>, flags: PollFlags) -> bool {
    poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&timespec(0))).is_ok_and(|count| count > 0)
}

fn timespec(ms: u64) -> Timespec {
    Timespec { tv_sec: (ms / 1000).min(i64::MAX as u64) as _, tv_nsec: (ms % 1000 * 1_000_000) as _ }
}
