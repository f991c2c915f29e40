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
mod ending;
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
use context::{Context, Shared};
use say::Class;
use task::Executor;

/// How long a frame that is not full waits for work of our own.
const HELD_MS: u64 = 20;

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
    /// When what waits in a frame that is not full goes out.
    held_until: Option<u64>,
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
            held_until: None,
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
            if !self.builds_list()
                && let Err(error) = messages::dispatch(&self.cx, false)
            {
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
            if !self.builds_list() {
                match messages::dispatch(&self.cx, !self.cx.can_read_on()) {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => {
                        self.fail(error);
                        continue;
                    }
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

    /// Whether a client's line that tells of the list is still to be ended: what the peer says comes behind it, as long as there
    /// is room for that.
    fn builds_list(&self) -> bool {
        self.state == State::Running
            && self.cx.is_sender()
            && !self.cx.is_server()
            && self.cx.line_open.get()
            && self.wants_input()
    }

    /// Whether the roles wait for what never comes: for room where the peer takes no more output, or for each other where
    /// nothing that arrives can wake them any more.
    fn cut_off(&mut self) -> Option<Error> {
        let broken = self.cx.output_broken.get();
        if self.state != State::Running || !(broken || self.cx.inbox.borrow().is_ended()) {
            return None;
        }
        self.cx.outbox.borrow_mut().flush();
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
        let replies = self.cx.awaits_replies();
        let held_until = self.held_until(replies);
        if held_until.is_none() {
            self.cx.outbox.borrow_mut().flush();
        }
        let output = !self.cx.outbox.borrow().pending().is_empty() && !self.cx.output_broken.get();
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
            deadline_ms: [self.deadline(), held_until].into_iter().flatten().min(),
        })
    }

    /// Until when a frame that is not full may wait. What stock does by itself, as listing or summing, sends nothing: so texts,
    /// which go out at once, come before the items that are told of later. A peer that could work meanwhile gets it soon.
    fn held_until(&mut self, replies: bool) -> Option<u64> {
        if !replies || self.state != State::Running {
            self.held_until = None;
            return None;
        }
        let now = self.cx.now_ms.get();
        let until = *self.held_until.get_or_insert(now + HELD_MS);
        if until <= now {
            self.held_until = None;
        }
        self.held_until
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

    /// What was counted so far; the connection's bytes come in only at the end.
    pub fn stats(&self) -> Stats {
        *self.cx.stats.borrow()
    }

    /// What messages call this process.
    pub fn role(&self) -> &'static str {
        self.cx.role_name()
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
