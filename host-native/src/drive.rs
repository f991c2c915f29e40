//! The loop between a session and the system: bytes to and from the connection, requests to the file system, texts to the
//! terminal.
//!
//! ```text
//!            ┌── poll ──> Ask, Read, Write, Copy ──> Fs ──┐
//!  Session ──┤            Notice ──> Console              ├──> poll again
//!            │            Wait ──> Pump, poll(2) ─────────┘
//!            └──────────> Done
//! ```
//!
//! Both directions of the connection are non-blocking, and whenever the session waits, each is tried: a peer that doesn't
//! read keeps us from writing, never from reading (spec 1.7.8). Output leaves when there is much of it or when the session
//! has nothing else to do, so that the wire stays batched.

mod pump;
#[cfg(test)]
mod tests;
mod throttle;

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use syncline_core::session::{Ask, Session, Step, Wants};
use syncline_core::{Error, Exit, Fault};

use crate::fs::Fs;
use crate::output::Console;
use crate::pool::Pool;
use crate::{errno, signals, time};
use pump::{Moved, Pump};

pub use pump::Wire;

/// Output that is sent while the session is still busy.
const BUSY_OUTPUT_BYTES: usize = 60 * 1024;
/// Bytes of files that are read before what was found in them is sent, be it ever so little.
const UNSENT_READ_BYTES: usize = 4 << 20;
/// Steps between two looks at the clock while the session is busy.
const STEPS_PER_TICK: u32 = 64;
/// How long a peer that takes no more output may stay silent before it counts as gone.
const SILENCE_MS: u64 = if cfg!(test) { 100 } else { 5_000 };

/// Runs a session to its end and returns its exit code. The connection is closed then.
pub fn run(session: &mut Session, wire: Wire, fs: &mut Fs, console: &mut Console) -> Exit {
    let pump = Pump::new(wire);
    let pool = Pool::new();
    Driver { session, pump, pool, fs, console, is_interrupted: false, silence: None, given_up: None, read_unsent: 0 }
        .run()
}

struct Driver<'a> {
    session: &'a mut Session,
    pump: Pump,
    pool: Option<Pool>,
    fs: &'a mut Fs,
    console: &'a mut Console,
    /// The session knows of a signal.
    is_interrupted: bool,
    /// When a peer that takes no more output counts as gone, and what writing to it gave.
    silence: Option<(u64, Errno)>,
    /// With which exit code a session was ended that could not go on.
    given_up: Option<Exit>,
    /// Bytes of files read since output was sent.
    read_unsent: usize,
}

impl Driver<'_> {
    fn run(mut self) -> Exit {
        self.session.tick(time::monotonic_ms());
        let mut steps = 0u32;
        loop {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(STEPS_PER_TICK) {
                self.session.tick(time::monotonic_ms());
                self.pump.retry();
            }
            if let Some(exit) = signals::exit().filter(|_| !self.is_interrupted) {
                self.is_interrupted = true;
                self.session.abort(Error::new(Fault::Usage, exit, Vec::new()));
            }
            if self.session.output_len() >= BUSY_OUTPUT_BYTES && self.pump.may_send() {
                self.send();
            }
            let step = self.session.poll();
            if let Step::Ask(_, ask) = &step
                && !matches!(ask, Ask::Unlink { .. })
            {
                self.await_removals();
            }
            let fs = &mut *self.fs;
            match step {
                Step::Ask(id, ask) => match &mut self.pool {
                    Some(pool) if pool.takes(&ask, self.session.has_asks()) => {
                        if let Some(reply) = pool.submit(id, ask, fs) {
                            self.session.answer(id, reply);
                        }
                        if !self.session.has_asks() {
                            // Otherwise the session would send what it has to say of other things meanwhile.
                            self.await_removals();
                        }
                    }
                    _ => self.session.answer(id, fs.execute(ask)),
                },
                Step::Read { file, at, .. } => {
                    let unsent = &mut self.read_unsent;
                    self.session.fill(|space| {
                        *unsent += space.len();
                        fs.read(file, at, space)
                    });
                    self.send_after_reading();
                }
                Step::Write { file } => {
                    self.session.lend(|bytes| fs.write(file, bytes));
                    self.check_write();
                }
                Step::Copy { file, from, len } => {
                    fs.copy(file, from, len);
                    self.session.copied();
                    self.check_write();
                }
                Step::Notice(notice) => self.console.show(&notice),
                Step::Wait(wants) => match self.given_up.filter(|_| self.is_stuck(wants)) {
                    // It was told, and still waits for what can't come.
                    Some(exit) => return self.end(exit),
                    None => self.wait(wants),
                },
                Step::Done(exit) => return self.end(exit),
            }
        }
    }

    /// Where nearly all of a file is found at the other end, little output stands for much work.
    fn send_after_reading(&mut self) {
        if self.read_unsent >= UNSENT_READ_BYTES && self.pump.may_send() {
            self.read_unsent = 0;
            self.session.flush_output();
            if self.session.output_len() > 0 {
                self.send();
            }
        }
    }

    fn end(self, exit: Exit) -> Exit {
        self.console.flush();
        exit
    }

    fn check_write(&mut self) {
        if let Some((path, errno)) = self.fs.take_write_error() {
            self.session.write_failed(&path, errno);
        }
    }

    /// Moves what can be moved, or else sleeps until something happens.
    fn wait(&mut self, wants: Wants) {
        self.pump.retry();
        let wants = Wants { input: wants.input && self.session.wants_input(), ..wants };
        let sent = wants.output && self.send();
        let received = wants.input && self.receive();
        let answered = self.collect();
        if sent || received || answered {
            return;
        }
        self.console.flush();
        if self.is_stuck(wants) {
            match self.silence {
                // The peer takes nothing and gives nothing any more.
                Some((_, error)) => self.connection_failed("write", error),
                None => self.give_up(Error::host(Exit::IPC, "rsync: the session waits for nothing")),
            }
            return;
        }
        self.sleep(wants);
        let now = time::monotonic_ms();
        self.session.tick(now);
        if let Some((at, error)) = self.silence
            && now >= at
        {
            self.connection_failed("write", error);
        }
    }

    /// Whether nothing could ever wake the session.
    fn is_stuck(&self, wants: Wants) -> bool {
        let is_busy = self.pool.as_ref().is_some_and(Pool::is_busy);
        !wants.input && !wants.output && wants.deadline_ms.is_none() && !is_busy
    }

    fn sleep(&mut self, wants: Wants) {
        let until = self.silence.map(|(at, _)| at);
        let signal = signals::descriptor().filter(|_| !self.is_interrupted);
        let reply = self.pool.as_ref().filter(|pool| pool.is_busy()).map(Pool::event);
        match self.pump.sleep(wants, until, [signal, reply]) {
            Ok(()) | Err(Errno::INTR) => {}
            Err(error) => self.connection_failed("poll", error),
        }
    }

    /// What is removed on other threads is gone before anything else is done.
    fn await_removals(&mut self) {
        while self.pool.as_ref().is_some_and(Pool::is_removing) {
            if !self.collect() {
                self.pool.iter().for_each(Pool::wait);
            }
        }
    }

    /// Hands over what the threads have done.
    fn collect(&mut self) -> bool {
        let Some(pool) = self.pool.as_mut().filter(|pool| pool.is_busy()) else { return false };
        let replies = pool.collect();
        let any = !replies.is_empty();
        for (id, reply) in replies {
            self.session.answer(id, reply);
        }
        any
    }

    fn send(&mut self) -> bool {
        match self.pump.send(self.session) {
            Moved::Some => true,
            Moved::Nothing => false,
            // What the peer said before it went away, and its exit code, tell more than our failure: read on to the end.
            Moved::Failed(error) => {
                self.session.output_broken();
                self.silence = Some((time::monotonic_ms() + SILENCE_MS, error));
                true
            }
        }
    }

    fn receive(&mut self) -> bool {
        match self.pump.receive(self.session) {
            Moved::Some => {
                if let Some((at, _)) = &mut self.silence {
                    *at = time::monotonic_ms() + SILENCE_MS;
                }
                true
            }
            Moved::Nothing => false,
            Moved::Failed(error) => {
                self.connection_failed("read", error);
                true
            }
        }
    }

    fn connection_failed(&mut self, call: &str, error: Errno) {
        let errno = errno::errno(error);
        // Stock's receiver reads, its generator writes.
        let role = match self.session.role() {
            "generator" if call == "read" => "receiver",
            role => role,
        };
        self.given_up.get_or_insert(Exit::SOCKET_IO);
        self.session.connection_failed(format!("rsync: [{role}] {call} error: {} ({})", errno.text, errno.code).into());
        self.session.output_broken();
        self.session.input_end();
        self.silence = None;
    }

    fn give_up(&mut self, error: Error) {
        self.given_up.get_or_insert(error.exit);
        self.session.abort(error);
    }
}

/// A pair of connected sockets, with room for a good deal of bytes.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
    let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    for fd in [&a, &b] {
        // A system that doesn't grant the size still has a socket.
        let _ = sockopt::set_socket_send_buffer_size(fd, 512 * 1024);
    }
    Ok((a, b))
}
