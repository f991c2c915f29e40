//! Where a text goes: the terminal, the log, or the peer (spec 1.7.4, 4.9).

use alloc::format;
use alloc::vec::Vec;

use super::ask::Errno;
use super::context::Context;
use super::step::Notice;
use crate::options::StderrMode;
use crate::wire::Tag;

/// What kind of text it is; decides the stream, the message tag and the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Names, summaries, notices.
    Info,
    /// Does not change the exit code.
    Warning,
    /// A message only.
    Error,
    /// Makes the exit code 23 if nothing worse happens.
    Transfer,
}

impl Context {
    /// Says one line; the newline is added here.
    pub(crate) fn say(&self, class: Class, text: impl Into<Vec<u8>>) {
        let mut text = text.into();
        text.push(b'\n');
        self.say_raw(class, text);
    }

    /// Says a text as it is.
    pub(crate) fn say_raw(&self, class: Class, text: Vec<u8>) {
        if class == Class::Transfer {
            self.transfer_error.set(true);
        }
        self.log(&text);
        let mode = self.config.options.stderr;
        if self.is_server() && !self.goes_to_stderr(class, mode) && self.frames_out() {
            let text = self.text_to_wire(text);
            self.outbox.borrow_mut().message(self.tag(class), &text);
            return;
        }
        let out = class == Class::Info && mode != StderrMode::All;
        if class == Class::Info && self.config.options.quiet {
            return;
        }
        let open = self.line_open.replace(false) | self.progress.borrow_mut().interrupt().is_some();
        let mut notices = self.notices.borrow_mut();
        if out && open {
            notices.push_back(Notice::Out(b"\n".to_vec()));
        }
        notices.push_back(if out { Notice::Out(text) } else { Notice::Err(text) });
    }

    /// Shows what the peer said.
    pub(crate) fn relay(&self, class: Class, text: Vec<u8>) {
        let text = self.text_from_wire(text);
        self.say_raw(class, text);
    }

    fn goes_to_stderr(&self, class: Class, mode: StderrMode) -> bool {
        if self.config.errors_to_client {
            return false;
        }
        let old = self.agreed.get().is_some_and(|agreed| agreed.protocol < 29);
        match mode {
            StderrMode::Errors if old && !self.config.options.stderr_explicit => false,
            StderrMode::All => true,
            StderrMode::Client => false,
            StderrMode::Errors => class != Class::Info,
        }
    }

    fn frames_out(&self) -> bool {
        self.agreed.get().is_some()
    }

    fn tag(&self, class: Class) -> Tag {
        let old = self.agreed.get().is_some_and(|a| a.protocol < 30);
        match class {
            Class::Info => Tag::Info,
            Class::Warning if old => Tag::Info,
            Class::Warning => Tag::Warning,
            Class::Error if !old => Tag::Error,
            Class::Error | Class::Transfer => Tag::ErrorXfer,
        }
    }

    /// Daemons and `--log-file` keep what was said.
    fn log(&self, text: &[u8]) {
        // An item has a line of its own in the log, made by the log's format.
        if !self.logs() || self.showing.get() {
            return;
        }
        for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            self.log_line(line);
        }
    }

    /// Whether anybody keeps a log.
    pub(crate) fn logs(&self) -> bool {
        self.config.module.is_some() || self.config.options.log_file.is_some()
    }

    /// Writes one line to the log.
    pub(crate) fn log_line(&self, line: &[u8]) {
        self.notices.borrow_mut().push_back(Notice::Log(line.to_vec()));
    }

    /// `rsync: [ROLE] WHAT failed: REASON (N)` and its kin: a failed system call.
    pub(crate) fn say_errno(&self, class: Class, role: &str, what: &[u8], errno: &Errno) {
        let mut text = format!("rsync: [{role}] ").into_bytes();
        text.extend_from_slice(what);
        text.extend_from_slice(format!(": {} ({})", errno.text, errno.code).as_bytes());
        self.say(class, text);
    }

    /// What messages call this process.
    pub(crate) fn role_name(&self) -> &'static str {
        let has_split = self.receiving.borrow().as_ref().is_some_and(|rx| rx.has_split.get());
        match (self.is_sender(), has_split) {
            (true, _) => "sender",
            (false, true) => "generator",
            (false, false) => "Receiver",
        }
    }
}
