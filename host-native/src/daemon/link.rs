//! The connection during the text phase: blocking reads and writes with a deadline. What the peer sent beyond the text
//! phase is kept for the session.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};

/// Why the peer can't be talked to any more.
#[derive(Debug)]
pub enum Broken {
    /// It closed the connection.
    End,
    /// The deadline has passed.
    Late,
    /// The system says so.
    Failed(io::Error),
}

/// Both directions of a connection; see the module's doc.
#[derive(Debug)]
pub struct Link {
    /// Where the peer's bytes come from.
    pub input: OwnedFd,
    /// Where bytes for the peer go.
    pub output: OwnedFd,
    /// Received, but not used yet.
    pub pending: Vec<u8>,
    pub(super) deadline: Option<Instant>,
}

impl Link {
    /// A connection of two descriptors, which may be two of the same socket.
    pub fn new(input: OwnedFd, output: OwnedFd) -> Link {
        Link { input, output, pending: Vec::new(), deadline: None }
    }

    /// Starts the clock, or stops it.
    pub fn set_deadline(&mut self, within: Option<Duration>) {
        self.deadline = within.map(|within| Instant::now() + within);
    }

    /// Reads some bytes into `pending`.
    pub fn receive(&mut self) -> Result<(), Broken> {
        let mut buffer = [0; 8192];
        loop {
            wait(&self.input, PollFlags::IN, self.deadline)?;
            match read(&self.input, &mut buffer) {
                Ok(0) => return Err(Broken::End),
                Ok(count) => {
                    self.pending.extend_from_slice(&buffer[..count]);
                    return Ok(());
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(Broken::Failed(error.into())),
            }
        }
    }

    /// Sends all of these bytes.
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            wait(&self.output, PollFlags::OUT, self.deadline)?;
            match write(&self.output, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(Broken::Failed(error.into())),
            }
        }
        Ok(())
    }

    /// Takes the first bytes off `pending`.
    pub fn consume(&mut self, count: usize) {
        self.pending.drain(..count);
    }

    /// Ends the conversation so that the peer gets our last line: unread bytes would make the system throw it away, so
    /// they are read for a moment.
    pub fn close(mut self) {
        self.set_deadline(Some(Duration::from_millis(400)));
        if rustix::net::shutdown(&self.output, rustix::net::Shutdown::Write).is_ok() {
            while self.receive().is_ok() {
                self.pending.clear();
            }
        }
    }
}

fn wait(fd: impl AsFd, flags: PollFlags, deadline: Option<Instant>) -> Result<(), Broken> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(&fd, flags)], timeout.as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Err(Broken::Late),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(Broken::Failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    #[test]
    fn deadline_and_end() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut link = Link::new(ours.try_clone().unwrap().into(), ours.into());
        theirs.write_all(b"abc").unwrap();
        link.receive().unwrap();
        link.consume(1);
        assert_eq!(link.pending, b"bc");
        link.set_deadline(Some(Duration::from_millis(10)));
        assert!(matches!(link.receive(), Err(Broken::Late)));
        // Not by dropping it: another test may just have forked, and its child keeps the descriptor.
        theirs.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(link.receive(), Err(Broken::End)));
    }
}
