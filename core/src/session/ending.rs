//! How a session ends: by an error here, by one of the peer, or by a connection that breaks (spec 1.7.6).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::context::io_error;
use super::say::Class;
use super::{Session, State, Transport, messages, receiver};
use crate::options::StderrMode;
use crate::{Error, Exit};

/// How long an end that failed waits for the peer to hear of it, when the peer can't see our exit code otherwise.
const FAREWELL_MS: u64 = 5_000;

impl Session {
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

    /// What this process is called in the last line that it prints, if it has to print one: not if the peer ended the
    /// session, for then the peer has said why, and a server says nothing about errors that its client counts too.
    pub fn last_words_role(&self) -> Option<&'static str> {
        let State::Ending { exit, .. } = self.state else { return None };
        let counted = [Exit::PARTIAL, Exit::VANISHED, Exit::DEL_LIMIT].contains(&exit);
        // Who keeps a log writes there how it ended, and stock prints what it writes there.
        let by_peer = self.ended_by_peer && !(self.cx.is_sender() && self.cx.logs());
        // With --stderr=all it is said to nobody but the terminal.
        let tells = self.cx.config.options.stderr == StderrMode::All && !self.cx.is_sender();
        let silent = exit == Exit::OK || by_peer || (counted && self.cx.is_server() && !tells);
        (!silent).then(|| self.failed_as.unwrap_or(self.cx.role_name()))
    }

    /// Whether the last line of this process was said already, to the client and to the log.
    pub fn exit_is_told(&self) -> bool {
        self.exit_is_told
    }

    /// Whether it ended because the peer had nothing to send: a peer that failed can't be answered, since it is gone by then.
    pub fn got_nothing(&self) -> bool {
        let receives = self.cx.receiving.borrow().as_ref().is_some_and(|rx| rx.entries.get() == 0);
        receives && !self.cx.is_server() && self.cx.agreed.get().is_some_and(|agreed| agreed.has_exit_exchange())
    }

    /// Whether a daemon that had nothing to send is told that this is an error: it counts itself as done.
    pub(super) fn tells_of_nothing(&self) -> bool {
        self.got_nothing() && self.cx.config.transport == Transport::Daemon
    }

    /// Whether the peer said first that it ends.
    pub fn ended_by_peer(&self) -> bool {
        self.ended_by_peer
    }

    /// A role failed. Where the stream broke off after the peer had said why it ends, that is the reason.
    pub(super) fn task_failed(&mut self, error: Error) {
        let said = [Exit::STREAM, Exit::SOCKET_IO].contains(&error.exit) && messages::dispatch(&self.cx, true).is_ok();
        match self.cx.peer_exit.take().filter(|_| said) {
            Some(exit) => self.peer_ends(exit),
            None => self.fail(error),
        }
    }

    /// The peer told its exit code.
    pub(super) fn peer_ends(&mut self, exit: Exit) {
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
    pub(super) fn fail(&mut self, error: Error) {
        if self.state == State::Running && error.text.ends_with(b" [receiver]") {
            self.failed_as = Some("receiver");
        }
        // What fails after the end is a consequence of it.
        let told = self.cx.config.errors_to_client;
        // A client that is gone is told nothing: there is the log.
        let is_gone = told && error.exit == Exit::STREAM && self.cx.inbox.borrow().is_ended();
        if !error.text.is_empty() && self.state == State::Running {
            error.lines().for_each(|line| match is_gone {
                true => self.cx.log_line(line),
                false => self.cx.say(Class::Error, line),
            });
        }
        self.log_end_of_sender();
        if is_gone || self.cx.leaves_without_code() {
            return self.end(error.exit, false);
        }
        if told && self.state == State::Running && !self.ended_by_peer {
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
    pub(super) fn end(&mut self, exit: Exit, tell: bool) {
        if let State::Ending { .. } = self.state {
            return;
        }
        let cx = self.cx.clone();
        let silent = [Exit::OK, Exit::SOCKET_IO, Exit::STREAM, Exit(19), Exit::TIMEOUT].contains(&exit);
        let exchange = cx.agreed.get().is_some_and(|a| a.has_exit_exchange());
        // The host of a client ends what it started behind a shell.
        let kills = !cx.is_server() && cx.config.transport == Transport::Shell;
        let tells = tell && exchange && !silent && !kills && (!cx.goodbye.get() || self.tells_of_nothing());
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
    pub(super) fn exit_code(&self) -> Exit {
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
