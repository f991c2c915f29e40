//! The loop between a session and the system: bytes to and from the connection, requests to the file system, texts to the
//! terminal.
//!
//! The connection is never waited for in one direction only. Output leaves when there is much of it or when the session has
//! nothing else to do, so that the wire stays batched.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use syncline_core::session::{Session, Step, Wants};
use syncline_core::{Error, Exit, Fault};

use crate::fs::Fs;
use crate::output::Console;
use crate::{signals, time};

/// Output that is sent while the session is still busy.
const BUSY_OUTPUT_BYTES: usize = 60 * 1024;
/// Steps between two looks at the clock while the session is busy.
const STEPS_PER_TICK: u32 = 64;

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

struct Driver<'a> {
    session: &'a mut Session,
    wire: Wire,
    throttle: Throttle,
    broken: bool,
}

/// Runs a session to its end and returns its exit code.
pub fn run(session: &mut Session, wire: Wire, fs: &mut Fs, console: &mut Console) -> Exit {
    set_nonblocking(&wire.input);
    set_nonblocking(&wire.output);
    let throttle = Throttle::new(wire.bytes_per_second);
    let mut driver = Driver { session, wire, throttle, broken: false };
    driver.session.tick(time::monotonic_ms());
    driver.receive_pending();
    let mut interrupted = false;
    let mut steps = 0u32;
    loop {
        if signals::caught() && !interrupted {
            interrupted = true;
            driver.session.abort(Error::new(Fault::Usage, Exit::SIGNAL, Vec::new()));
        }
        steps += 1;
        if steps.is_multiple_of(STEPS_PER_TICK) {
            driver.session.tick(time::monotonic_ms());
        }
        if driver.session.output_len() >= BUSY_OUTPUT_BYTES {
            driver.send();
        }
        match driver.session.poll() {
            Step::Ask(id, ask) => {
                let reply = fs.execute(ask);
                driver.session.answer(id, reply);
            }
            Step::Read { file, at, .. } => driver.session.fill(|space| fs.read(file, at, space)),
            Step::Write { file } => {
                driver.session.lend(|bytes| fs.write(file, bytes));
                driver.check_write(fs);
            }
            Step::Copy { file, from, len } => {
                fs.copy(file, from, len);
                driver.session.copied();
                driver.check_write(fs);
            }
            Step::Notice(notice) => console.show(&notice),
            Step::Wait(wants) => {
                console.flush();
                driver.wait(wants);
            }
            Step::Done(exit) => {
                console.flush();
                return exit;
            }
        }
    }
}

impl Driver<'_> {
    fn check_write(&mut self, fs: &mut Fs) {
        if let Some((path, errno)) = fs.take_write_error() {
            self.session.write_failed(&path, errno);
        }
    }

    fn receive_pending(&mut self) {
        let pending = std::mem::take(&mut self.wire.pending);
        let mut rest = &pending[..];
        while !rest.is_empty() {
            let before = rest.len();
            self.session.input(|space| {
                let n = space.len().min(rest.len());
                space[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                n
            });
            if rest.len() == before {
                break;
            }
        }
    }

    /// Waits until something can move, and moves it.
    fn wait(&mut self, wants: Wants) {
        let reads = wants.input && self.session.wants_input();
        let writes = wants.output && !self.broken;
        let delay = if writes { self.throttle.delay_ms() } else { 0 };
        let now = time::monotonic_ms();
        let mut timeout = wants.deadline_ms.map(|at| at.saturating_sub(now));
        if delay > 0 {
            timeout = Some(timeout.map_or(delay, |t| t.min(delay)));
        }
        let (input, output) = (self.wire.input.as_fd(), self.wire.output.as_fd());
        let mut fds = Vec::with_capacity(2);
        if reads {
            fds.push(PollFd::from_borrowed_fd(input, PollFlags::IN));
        }
        if writes && delay == 0 {
            fds.push(PollFd::from_borrowed_fd(output, PollFlags::OUT));
        }
        let limit = timeout.map(|ms| Timespec { tv_sec: (ms / 1000) as i64, tv_nsec: (ms % 1000 * 1_000_000) as i64 });
        let events = match poll(&mut fds, limit.as_ref()) {
            Ok(_) => fds.iter().map(PollFd::revents).collect::<Vec<_>>(),
            Err(_) => Vec::new(),
        };
        self.session.tick(time::monotonic_ms());
        let mut events = events.into_iter();
        if reads && events.next().is_some_and(|event| !event.is_empty()) {
            self.receive();
        }
        if writes && delay == 0 && events.next().is_some_and(|event| !event.is_empty()) {
            self.send();
        }
    }

    fn receive(&mut self) {
        let input = &self.wire.input;
        let mut end = false;
        self.session.input(|space| match rustix::io::read(input, space) {
            Ok(0) => {
                end = true;
                0
            }
            Ok(n) => n,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => 0,
            Err(_) => {
                end = true;
                0
            }
        });
        if end {
            self.session.input_end();
        }
    }

    fn send(&mut self) {
        if self.broken {
            return;
        }
        let (output, throttle) = (&self.wire.output, &mut self.throttle);
        let mut broken = false;
        self.session.output(|bytes| {
            let bytes = &bytes[..bytes.len().min(throttle.allowance())];
            match rustix::io::write(output, bytes) {
                Ok(n) => {
                    throttle.sent(n);
                    n
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => 0,
                Err(_) => {
                    broken = true;
                    0
                }
            }
        });
        if broken {
            self.broken = true;
            self.session.output_broken();
        }
    }
}

/// `--bwlimit`: keeps the average rate, in pieces small enough that it looks steady.
struct Throttle {
    bytes_per_second: u64,
    started_ms: u64,
    sent: u64,
}

impl Throttle {
    fn new(bytes_per_second: u64) -> Throttle {
        Throttle { bytes_per_second, started_ms: time::monotonic_ms(), sent: 0 }
    }

    fn due_ms(&self) -> u64 {
        self.started_ms + self.sent.saturating_mul(1000) / self.bytes_per_second.max(1)
    }

    fn delay_ms(&self) -> u64 {
        if self.bytes_per_second == 0 { 0 } else { self.due_ms().saturating_sub(time::monotonic_ms()) }
    }

    fn allowance(&self) -> usize {
        match self.bytes_per_second {
            0 => usize::MAX,
            _ if self.delay_ms() > 0 => 0,
            rate => (rate / 8).clamp(512, 1 << 20) as usize,
        }
    }

    fn sent(&mut self, n: usize) {
        let now = time::monotonic_ms();
        if self.bytes_per_second > 0 && self.due_ms() + 1000 < now {
            // Time in which nothing was to be sent can't be caught up.
            (self.started_ms, self.sent) = (now, 0);
        }
        self.sent += n as u64;
    }
}

fn set_nonblocking(fd: &OwnedFd) {
    if let Ok(flags) = rustix::fs::fcntl_getfl(fd) {
        let _ = rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK);
    }
}

/// A pair of connected sockets, with room for a good deal of bytes.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
    let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    for fd in [&a, &b] {
        let _ = sockopt::set_socket_send_buffer_size(fd, 512 * 1024);
    }
    debug_assert!(a.as_raw_fd() != b.as_raw_fd());
    Ok((a, b))
}
