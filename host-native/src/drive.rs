//! The loop of a session: steps it, carries out what it asks, and moves bytes between it and its connection.
//!
//! ```text
//!            ┌── poll ──> Ask, Read, Write, Copy ──> Files ──┐
//!  Session ──┤            Notice ──> Output, log             ├──> poll again
//!            │            Wait ──> connection, poll(2) ──────┘
//!            └──────────> Done
//! ```
//!
//! Both directions of the connection are non-blocking, and whenever the session waits, each is tried: a peer that doesn't
//! read keeps us from writing, never from reading (spec 1.7.8).

mod pace;
mod pump;
#[cfg(test)]
mod tests;

use rustix::io::Errno;
use syncline_core::session::{self, Ask, FileId, HostResult, Notice, Reply, Session, Step, Wants};
use syncline_core::{Error, Exit, Fault};

use crate::output::Output;
use crate::signals::Signals;
use crate::time::monotonic_ms;
pub use pump::Connection;
use pump::{Moved, Pump};

/// Output that a session under way may gather before it is sent.
const SEND_BYTES: usize = 64 * 1024;
/// How often a busy loop looks at the clock, in steps.
const STEPS_PER_TICK: u32 = 256;
/// How long a peer that takes no more output may stay silent before it counts as gone.
const SILENCE_MS: u64 = 5_000;

/// Who carries out what a session asks for.
pub trait Files {
    /// Carries out an ask.
    fn execute(&mut self, ask: Ask) -> Reply;
    /// Reads from an open file; 0 at its end.
    fn read(&mut self, file: FileId, at: u64, space: &mut [u8]) -> HostResult<usize>;
    /// Appends to an output.
    fn write(&mut self, file: FileId, bytes: &[u8]);
    /// Appends a block of an output's basis to it.
    fn copy(&mut self, file: FileId, from: u64, len: u32);
    /// A write that failed since the last call, with the path of the output.
    fn take_write_error(&mut self) -> Option<(Vec<u8>, session::Errno)>;
}

/// What a session runs in.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// What this end is called in messages: `sender`, `receiver`.
    pub role: &'static str,
    /// The terminal.
    pub output: &'a Output,
    /// Takes lines for the log file, if there is one.
    pub log: Option<&'a dyn Fn(&[u8])>,
    /// What interrupts the session.
    pub signals: &'a Signals,
    /// KiB per second that may be sent, 0 for any.
    pub bwlimit: u64,
}

/// Runs a session to its end, and returns its exit code. The connection is closed then.
pub fn run(session: &mut Session, files: &mut impl Files, connection: Connection, around: &Surroundings<'_>) -> Exit {
    let pump = Pump::new(connection, around.bwlimit);
    Drive { session, files, pump, around, steps: 0, is_interrupted: false, is_mute: false, silent_until: None }.run()
}

struct Drive<'a, F> {
    session: &'a mut Session,
    files: &'a mut F,
    pump: Pump,
    around: &'a Surroundings<'a>,
    steps: u32,
    /// The session knows of a signal.
    is_interrupted: bool,
    /// The session knows that standard output is gone.
    is_mute: bool,
    /// When a peer that takes no more output counts as gone, and why it is thought to be.
    silent_until: Option<(u64, Errno)>,
}

impl<F: Files> Drive<'_, F> {
    fn run(mut self) -> Exit {
        self.session.tick(monotonic_ms());
        loop {
            self.look_around();
            let files = &mut *self.files;
            match self.session.poll() {
                Step::Ask(id, ask) => self.session.answer(id, files.execute(ask)),
                Step::Read { file, at, len } => self.session.fill(|space| {
                    let len = space.len().min(len);
                    files.read(file, at, &mut space[..len])
                }),
                Step::Write { file } => {
                    self.session.lend(|bytes| files.write(file, bytes));
                    self.check_written();
                }
                Step::Copy { file, from, len } => {
                    files.copy(file, from, len);
                    self.session.copied();
                    self.check_written();
                }
                Step::Notice(notice) => self.show(&notice),
                Step::Wait(wants) => self.wait(wants),
                Step::Done(exit) => {
                    self.around.output.flush();
                    return exit;
                }
            }
            if self.session.output_len() >= SEND_BYTES && self.pump.may_send() {
                self.send();
            }
        }
    }

    /// Tells the session what happens beside it.
    fn look_around(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_TICK) {
            self.session.tick(monotonic_ms());
            // The peer may have made room meanwhile.
            self.pump.retry();
        }
        if !self.is_interrupted && self.around.signals.is_interrupted() {
            self.is_interrupted = true;
            self.session.abort(Error::new(Fault::Usage, Exit::SIGNAL, ""));
        }
    }

    fn check_written(&mut self) {
        if let Some((path, error)) = self.files.take_write_error() {
            self.session.write_failed(&path, error);
        }
    }

    fn show(&mut self, notice: &Notice) {
        match notice {
            Notice::Out(message) => self.around.output.out(message),
            Notice::Err(message) => self.around.output.err(message),
            Notice::Log(line) => {
                if let Some(log) = self.around.log {
                    log(line);
                }
            }
        }
        self.check_audience();
    }

    /// Nobody reads the output any more (`| head`): the session need not go on.
    fn check_audience(&mut self) {
        if !self.is_mute && self.around.output.is_broken() {
            self.is_mute = true;
            self.session.abort(Error::host(Exit::MESSAGE_IO, ""));
        }
    }

    /// Moves what can be moved, or else sleeps until something happens.
    fn wait(&mut self, wants: Wants) {
        self.pump.retry();
        let sent = wants.output && self.send();
        let received = wants.input && self.receive();
        if sent || received {
            return;
        }
        self.around.output.flush();
        self.check_audience();
        let wake = self.around.signals.descriptor().filter(|_| !self.is_interrupted);
        let until = self.silent_until.map(|(at, _)| at);
        if !wants.input && !wants.output && wants.deadline_ms.is_none() && until.is_none() {
            self.session.abort(Error::host(Exit::IPC, "rsync: the session waits for nothing"));
        } else if let Err(error) = self.pump.sleep(wants, until, wake)
            && error != Errno::INTR
        {
            self.connection_failed("poll", error);
        }
        let now = monotonic_ms();
        self.session.tick(now);
        if let Some((at, error)) = self.silent_until
            && now >= at
        {
            self.silent_until = None;
            self.connection_failed("write", error);
        }
    }

    fn send(&mut self) -> bool {
        match self.pump.send(self.session) {
            Moved::Some => true,
            Moved::Nothing => false,
            // What the peer said before it went away, and its exit code, tell more than our failure: read on to the end.
            Moved::Failed(error) => {
                self.session.output_broken();
                self.silent_until = Some((monotonic_ms() + SILENCE_MS, error));
                true
            }
        }
    }

    fn receive(&mut self) -> bool {
        match self.pump.receive(self.session) {
            Moved::Some => {
                if let Some((at, _)) = &mut self.silent_until {
                    *at = monotonic_ms() + SILENCE_MS;
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
        let reason = crate::exit::reason(error);
        let text = format!("rsync: [{}] {call} error: {reason}", self.around.role);
        self.session.abort(Error::host(Exit::SOCKET_IO, text));
        self.session.output_broken();
        self.session.input_end();
        self.silent_until = None;
    }
}
