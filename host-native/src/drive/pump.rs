//! Moves bytes between a session and its connection, as far as that goes without waiting.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, retry_on_intr, write};
use syncline_core::session::{Session, Wants};

use super::throttle::Throttle;
use crate::time::monotonic_ms;

/// A connection.
pub struct Wire {
    /// Where the peer's bytes come from.
    pub input: OwnedFd,
    /// Where bytes for the peer go; may be another handle of the same socket.
    pub output: OwnedFd,
    /// Bytes that were received before the session began.
    pub pending: Vec<u8>,
    /// Bytes per second that may be sent, 0 for any.
    pub bytes_per_second: u64,
}

impl Wire {
    /// A connection that nothing was received from yet.
    pub fn new(input: OwnedFd, output: OwnedFd) -> Wire {
        Wire { input, output, pending: Vec::new(), bytes_per_second: 0 }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Out {
    /// Worth a try.
    Open,
    /// Full when last tried.
    Full,
    /// Broken.
    Shut,
}

/// See the module's doc.
pub struct Pump {
    wire: Wire,
    /// The flags of input and output as they were: other programs may share them.
    flags: (Option<OFlags>, Option<OFlags>),
    throttle: Option<Throttle>,
    out: Out,
}

impl Pump {
    /// Makes the descriptors non-blocking.
    pub fn new(wire: Wire) -> Pump {
        let flags = (set_nonblocking(&wire.input), set_nonblocking(&wire.output));
        let throttle = Throttle::new(wire.bytes_per_second, monotonic_ms());
        Pump { wire, flags, throttle, out: Out::Open }
    }

    /// Whether sending is worth a try.
    pub fn may_send(&self) -> bool {
        self.out == Out::Open
    }

    /// The peer may have made room meanwhile.
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
        let most = self.throttle.as_mut().map_or(usize::MAX, |throttle| throttle.allowance(monotonic_ms()));
        let fd = &self.wire.output;
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
        if let Some(throttle) = &mut self.throttle {
            throttle.spend(sent);
        }
        self.out = match moved {
            Moved::Some => Out::Open,
            Moved::Nothing => Out::Full,
            Moved::Failed(_) => Out::Shut,
        };
        moved
    }

    /// Receives into the session, once.
    pub fn receive(&mut self, session: &mut Session) -> Moved {
        let Wire { input, pending, .. } = &mut self.wire;
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

    /// Sleeps until something that the session wants can go on, one of `wakes` is readable, or a deadline has come.
    pub fn sleep(&self, wants: Wants, until_ms: Option<u64>, wakes: [Option<BorrowedFd<'_>>; 2]) -> Result<(), Errno> {
        let now = monotonic_ms();
        let throttled = self.throttle.as_ref().map(Throttle::ready_ms).filter(|&at| at > now && wants.output);
        let until = [wants.deadline_ms, until_ms, throttled].into_iter().flatten().min();
        let timeout = until.map(|at| timespec(at.saturating_sub(now)));
        let mut fds = Vec::with_capacity(4);
        if wants.input {
            fds.push(PollFd::new(&self.wire.input, PollFlags::IN));
        }
        if wants.output && throttled.is_none() && self.out != Out::Shut {
            fds.push(PollFd::new(&self.wire.output, PollFlags::OUT));
        }
        fds.extend(wakes.into_iter().flatten().map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
        poll(&mut fds, timeout.as_ref())?;
        Ok(())
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        for (fd, flags) in [(&self.wire.input, self.flags.0), (&self.wire.output, self.flags.1)] {
            if let Some(flags) = flags {
                // If it fails there is no harm: the connection is closed next.
                let _ = fcntl_setfl(fd, flags);
            }
        }
    }
}

/// Returns the flags as they were, if they could be changed.
fn set_nonblocking(fd: &OwnedFd) -> Option<OFlags> {
    let before = fcntl_getfl(fd.as_fd()).ok()?;
    fcntl_setfl(fd, before | OFlags::NONBLOCK).ok()?;
    (!before.contains(OFlags::NONBLOCK)).then_some(before)
}

fn timespec(ms: u64) -> Timespec {
    Timespec { tv_sec: (ms / 1000).min(i64::MAX as u64) as _, tv_nsec: (ms % 1000 * 1_000_000) as _ }
}
