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

mod agreed;
mod alternates;
mod ask;
mod backup;
mod batch;
mod connection;
mod context;
mod conversion;
mod dataplane;
mod decide;
mod destination;
mod directories;
mod entries;
mod files;
mod filters;
mod finishing;
mod fuzzy;
mod generator;
mod glance;
mod goodbye;
pub mod greeting;
mod handshake;
mod hardlinks;
mod lister;
mod listing;
mod messages;
mod names;
mod partial;
mod receiver;
mod receiving;
mod removal;
mod say;
mod sender;
mod show;
mod step;
mod task;
mod xattrs;

pub use ask::*;
pub use batch::{BatchHead, adopt_flags};
pub use conversion::{Conversion, Convert};
pub use filters::check_rules;
pub use handshake::{PROTOCOL, PROTOCOL_MIN};
pub use names::unreadable;
pub use step::*;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::report::Stats;
use crate::{Error, Exit};
use context::{Context, Shared, io_error};
use say::Class;
use task::Executor;

/// How long an end that failed waits for the peer to hear of it, when the peer can't see our exit code otherwise.
const FAREWELL_MS: u64 = 5_000;

/// A session; see the module's doc for how a host drives it.
pub struct Session {
    cx: Shared,
    tasks: Executor,
    state: State,
    ended_by_peer: bool,
    last_traffic_ms: u64,
    last_output_ms: u64,
    started_ms: u64,
    exit_is_told: bool,
    /// The role that failed, where that is not what the whole is called.
    failed_as: Option<&'static str>,
    /// Whether an exit code went over the connection, one way or the other.
    exit_exchanged: bool,
    /// How reading failed after that.
    parting: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The roles are at work.
    Running,
    /// It is over with this code; what was under way is tidied up and what was said goes out.
    Ending { exit: Exit, deadline_ms: Option<u64> },
}

impl Drop for Session {
    /// What the context holds holds the context.
    fn drop(&mut self) {
        self.cx.spawned.take();
        self.cx.receiving.take();
    }
}

impl Session {
    /// A session that has not started.
    pub fn new(config: Config) -> Session {
        let cx = Rc::new(Context::new(config));
        let mut tasks = Executor::default();
        tasks.spawn(Box::pin(roles(cx.clone())));
        Session {
            cx,
            tasks,
            state: State::Running,
            ended_by_peer: false,
            last_traffic_ms: 0,
            last_output_ms: 0,
            started_ms: 0,
            exit_is_told: false,
            failed_as: None,
            exit_exchanged: false,
            parting: None,
        }
    }

    /// Goes as far as it can, and says what the host has to do next.
    pub fn poll(&mut self) -> Step {
        loop {
            if let Some(step) = self.next_step() {
                return step;
            }
            self.spawn_new();
            if let Err(error) = messages::dispatch(&self.cx, false) {
                self.fail(error);
                continue;
            }
            match self.tasks.step() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    self.task_failed(error);
                    continue;
                }
            }
            if self.state != State::Running && self.tasks.is_empty() {
                self.cx.inbox.borrow_mut().discard();
            }
            match messages::dispatch(&self.cx, !self.cx.can_read_on()) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    self.fail(error);
                    continue;
                }
            }
            if let Some(exit) = self.cx.peer_exit.take() {
                self.peer_ends(exit);
                continue;
            }
            if self.tasks.is_empty() && self.cx.spawned.borrow().is_empty() && self.state == State::Running {
                let exit = self.exit_code();
                show::summary(&self.cx, exit);
                self.end(exit, self.tells_of_nothing());
                continue;
            }
            if let Some(error) = self.cut_off() {
                self.task_failed(error);
                continue;
            }
            return self.idle();
        }
    }

    /// A role failed. Where the stream broke off after the peer had said why it ends, that is the reason.
    fn task_failed(&mut self, error: Error) {
        let said = [Exit::STREAM, Exit::SOCKET_IO].contains(&error.exit) && messages::dispatch(&self.cx, true).is_ok();
        match self.cx.peer_exit.take().filter(|_| said) {
            Some(exit) => self.peer_ends(exit),
            None => self.fail(error),
        }
    }

    /// Whether the roles wait for what never comes: for room where the peer takes no more output, or for each other where
    /// nothing that arrives can wake them any more.
    fn cut_off(&mut self) -> Option<Error> {
        if self.state != State::Running {
            return None;
        }
        self.cx.outbox.borrow_mut().flush();
        let broken = self.cx.output_broken.get();
        let no_room = broken && self.cx.outbox.borrow().is_full() && !self.wants_input();
        let deaf = self.cx.inbox.borrow().is_ended()
            && (broken || self.cx.outbox.borrow().is_empty())
            && !self.cx.awaits_replies()
            && self.cx.alarm_ms.get().is_none();
        if !no_room && !deaf {
            return None;
        }
        let lost = || {
            let text = alloc::format!("rsync: [{}] write error: Broken pipe (32)", self.cx.role_name());
            Error::host(Exit::SOCKET_IO, text)
        };
        Some(self.cx.end_of_input().unwrap_or_else(lost))
    }

    fn next_step(&mut self) -> Option<Step> {
        if let Some(step) = self.cx.movement_step() {
            return Some(step);
        }
        if let Some(bytes) = self.cx.take_record(batch::PIECE_BYTES) {
            return Some(Step::Notice(Notice::Batch(bytes)));
        }
        if let Some(notice) = self.cx.notices.borrow_mut().pop_front() {
            return Some(Step::Notice(notice));
        }
        self.cx.next_ask().map(|(id, ask)| Step::Ask(id, ask))
    }

    fn spawn_new(&mut self) {
        for work in self.cx.spawned.borrow_mut().drain(..) {
            self.tasks.spawn(work);
        }
    }

    /// Nothing can go on by itself.
    fn idle(&mut self) -> Step {
        self.cx.outbox.borrow_mut().flush();
        let output = !self.cx.outbox.borrow().is_empty() && !self.cx.output_broken.get();
        let replies = self.cx.awaits_replies();
        if let State::Ending { exit, deadline_ms } = self.state
            && !output
            && self.tasks.is_empty()
        {
            let waits = deadline_ms.is_some_and(|at| self.cx.now_ms.get() < at) && !self.cx.inbox.borrow().is_ended();
            if !waits {
                if let Some(bytes) = self.cx.take_record(1) {
                    return Step::Notice(Notice::Batch(bytes));
                }
                return Step::Done(exit);
            }
        }
        Step::Wait(Wants {
            input: !self.cx.leaves.get() && !self.cx.inbox.borrow().is_ended(),
            output,
            replies,
            deadline_ms: self.deadline(),
        })
    }

    fn deadline(&self) -> Option<u64> {
        if let State::Ending { deadline_ms, .. } = self.state {
            return deadline_ms;
        }
        let timeout = u64::from(self.cx.timeout_s.get()) * 1000;
        let idle =
            (timeout > 0).then(|| (self.last_traffic_ms + timeout).min(self.last_output_ms + timeout.div_ceil(2)));
        [idle, self.cx.alarm_ms.get(), self.stop_at()].into_iter().flatten().min()
    }

    /// When `--stop-after` or `--stop-at` ends it.
    fn stop_at(&self) -> Option<u64> {
        self.cx.config.stop_after_ms.map(|ms| self.started_ms.saturating_add(ms))
    }

    /// Reading or writing failed: `text` says how. Where an exit code was exchanged before, that is all there is to say,
    /// after everything else, and [`Session::parting_words`] has it.
    pub fn connection_failed(&mut self, text: Vec<u8>) {
        if self.exit_exchanged {
            self.parting.get_or_insert(text);
        } else {
            self.fail(Error::host(Exit::SOCKET_IO, text));
        }
    }

    /// What a client says behind its last line.
    pub fn parting_words(&mut self) -> Option<Vec<u8>> {
        self.parting.take()
    }

    /// Whether a daemon's session ends with what its client sent left unread: the host gives the client a moment before it
    /// closes, and reads no more.
    pub fn leaves(&self) -> bool {
        self.cx.leaves.get()
    }

    /// The connection broke (exit 10 or 12), or the program was interrupted (exit 20): the session winds up; what it was
    /// receiving is removed or kept as `--partial` says, through further steps, and `Done` carries the exit code.
    pub fn abort(&mut self, error: Error) {
        self.fail(error);
    }

    /// Tells the time, in milliseconds since any fixed moment.
    pub fn tick(&mut self, now_ms: u64) {
        let first = self.cx.now_ms.replace(now_ms) == 0;
        if first {
            self.cx.note_start();
            self.last_traffic_ms = now_ms;
            self.last_output_ms = now_ms;
            self.started_ms = now_ms;
        }
        if self.state == State::Running && self.stop_at().is_some_and(|at| at <= now_ms) {
            self.fail(Error::host(Exit::TIMEOUT, "stopping at requested limit"));
            return;
        }
        if self.cx.alarm_ms.get().is_some_and(|at| at <= now_ms) {
            self.cx.alarm_ms.set(None);
            self.cx.moved.notify();
        }
        let timeout = u64::from(self.cx.timeout_s.get()) * 1000;
        if timeout == 0 || self.state != State::Running {
            return;
        }
        if now_ms.saturating_sub(self.last_traffic_ms) >= timeout {
            let seconds = now_ms.saturating_sub(self.last_traffic_ms) / 1000;
            let text = alloc::format!("[{}] io timeout after {seconds} seconds -- exiting", self.cx.role_name());
            self.fail(Error::host(Exit::TIMEOUT, text));
        } else if now_ms.saturating_sub(self.last_output_ms) >= timeout.div_ceil(2) {
            self.last_output_ms = now_ms;
            self.cx.keep_alive();
        }
    }

    /// What this process is called in the last line that it prints, if it has to print one: not if the peer ended the
    /// session, for then the peer has said why, and a server says nothing about errors that its client counts too.
    pub fn last_words_role(&self) -> Option<&'static str> {
        let State::Ending { exit, .. } = self.state else { return None };
        let counted = [Exit::PARTIAL, Exit::VANISHED, Exit::DEL_LIMIT].contains(&exit);
        // Who keeps a log writes there how it ended, and stock prints what it writes there.
        let by_peer = self.ended_by_peer && !(self.cx.is_sender() && self.cx.logs());
        let silent = exit == Exit::OK || by_peer || (counted && self.cx.is_server());
        (!silent).then(|| self.failed_as.unwrap_or(self.cx.role_name()))
    }

    /// Whether the last line of this process was said already, to the client and to the log.
    pub fn exit_is_told(&self) -> bool {
        self.exit_is_told
    }

    /// What was counted so far; the connection's bytes come in only at the end.
    pub fn stats(&self) -> Stats {
        *self.cx.stats.borrow()
    }

    /// Whether it ended because the peer had nothing to send: a peer that failed can't be answered, since it is gone by then.
    pub fn got_nothing(&self) -> bool {
        let receives = self.cx.receiving.borrow().as_ref().is_some_and(|rx| rx.entries.get() == 0);
        receives && !self.cx.is_server() && self.cx.agreed.get().is_some_and(|agreed| agreed.has_exit_exchange())
    }

    /// Whether a daemon that had nothing to send is told that this is an error: it counts itself as done.
    fn tells_of_nothing(&self) -> bool {
        self.got_nothing() && self.cx.config.transport == Transport::Daemon
    }

    /// What messages call this process.
    pub fn role(&self) -> &'static str {
        self.cx.role_name()
    }

    /// The peer told its exit code.
    fn peer_ends(&mut self, exit: Exit) {
        if let State::Ending { exit, .. } = self.state {
            // That is its answer to ours: there is no more to wait for.
            self.state = State::Ending { exit, deadline_ms: None };
            return;
        }
        self.exit_exchanged = true;
        self.log_end_of_sender();
        self.ended_by_peer = true;
        self.end(exit, false);
    }

    /// In a log a sender counts whatever became of it.
    fn log_end_of_sender(&self) {
        if self.cx.logs() && self.cx.is_sender() && self.state == State::Running {
            let line = self.cx.stats.borrow().log_summary();
            self.cx.log_line(&line);
        }
    }

    /// The session can't go on.
    fn fail(&mut self, error: Error) {
        if self.state == State::Running && error.text.ends_with(b" [receiver]") {
            self.failed_as = Some("receiver");
        }
        // What fails after the end is a consequence of it.
        if !error.text.is_empty() && self.state == State::Running {
            error.lines().for_each(|line| self.cx.say(Class::Error, line));
        }
        self.log_end_of_sender();
        if self.cx.leaves_without_code() {
            return self.end(error.exit, false);
        }
        if self.cx.config.errors_to_client && self.state == State::Running && !self.ended_by_peer {
            // A client that can't see how its server ends is told.
            let (name, role) = (error.exit.name(), self.cx.role_name());
            let text =
                alloc::format!("rsync error: {name} (code {}) at session.rs({}) [{role}=3.5.0]", error.exit.0, line!());
            self.cx.say(Class::Error, text);
            self.exit_is_told = true;
        }
        self.end(error.exit, true);
    }

    /// Stops the roles, and leaves the rest to tidying up. `tell`: the peer doesn't know yet.
    fn end(&mut self, exit: Exit, tell: bool) {
        if let State::Ending { .. } = self.state {
            return;
        }
        let cx = self.cx.clone();
        let silent = [Exit::OK, Exit::SOCKET_IO, Exit::STREAM, Exit(19), Exit::TIMEOUT].contains(&exit);
        let exchange = cx.agreed.get().is_some_and(|a| a.has_exit_exchange());
        let tells = tell && exchange && !silent && (!cx.goodbye.get() || self.tells_of_nothing());
        self.exit_exchanged |= tells;
        if tells {
            cx.outbox.borrow_mut().message(crate::wire::Tag::ErrorExit, &exit.0.to_le_bytes());
        }
        let whole = self.tasks.is_empty() && self.cx.spawned.borrow().is_empty();
        if tell || !whole {
            self.tasks.clear();
            self.cx.spawned.borrow_mut().clear();
            cx.drop_work();
            if let Some(rx) = cx.receiving.borrow().clone() {
                self.tasks.spawn(Box::pin(async move {
                    receiver::wind_up(rx).await;
                    Ok(())
                }));
            }
        }
        let is_daemon = tell && cx.config.errors_to_client && exit != Exit::OK && !cx.leaves.get();
        // What a client fails at by itself is nothing that a daemon could answer.
        let answers = self.exit_exchanged && (!tell || self.tells_of_nothing());
        let is_client = answers && !cx.is_server() && cx.config.transport == Transport::Daemon;
        let farewell = is_daemon || is_client;
        let deadline_ms = farewell.then(|| cx.now_ms.get() + FAREWELL_MS);
        self.state = State::Ending { exit, deadline_ms };
    }

    /// The exit code of a session that went to its end.
    fn exit_code(&self) -> Exit {
        let bits = self.cx.io_error.get();
        if self.cx.transfer_error.get() || bits & io_error::GENERAL != 0 {
            Exit::PARTIAL
        } else if bits & io_error::VANISHED != 0 {
            Exit::VANISHED
        } else if bits & io_error::DEL_LIMIT != 0 {
            Exit::DEL_LIMIT
        } else {
            Exit::OK
        }
    }
}

/// The whole of a session.
async fn roles(cx: Shared) -> Result<(), Error> {
    let names = names::read_served(&cx).await;
    cx.handshake().await?;
    cx.announce_timeout();
    if let Some(refused) = &cx.config.refused {
        cx.leaves.set(true);
        // What a command of the operator's printed may be many lines.
        let mut lines: Vec<&[u8]> = refused.text.split(|&byte| byte == b'\n').collect();
        let last = lines.pop().unwrap_or_default();
        lines.into_iter().for_each(|line| cx.say(Class::Error, line));
        return Err(Error { text: last.to_vec(), ..refused.clone() });
    }
    names?;
    cx.check_module()?;
    match cx.config.role {
        Role::Sender => sender::run(cx).await,
        Role::Receiver => listing::run(cx).await,
    }
}
