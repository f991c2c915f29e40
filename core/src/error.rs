//! What can go wrong, grouped by who is at fault, and the exit code that each ends in.
//!
//! Texts are bytes, since they may quote file names. Only the host prints them.

use alloc::string::String;
use alloc::vec::Vec;

/// The process exit codes of rsync (spec 4.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Exit(pub i32);

impl Exit {
    /// Success.
    pub const OK: Exit = Exit(0);
    /// Syntax or usage error.
    pub const SYNTAX: Exit = Exit(1);
    /// Protocol incompatibility.
    pub const PROTOCOL: Exit = Exit(2);
    /// Errors selecting input/output files or directories.
    pub const FILE_SELECT: Exit = Exit(3);
    /// Requested action not supported.
    pub const UNSUPPORTED: Exit = Exit(4);
    /// Error starting the client-server protocol.
    pub const START: Exit = Exit(5);
    /// Error in socket I/O.
    pub const SOCKET_IO: Exit = Exit(10);
    /// Error in file I/O.
    pub const FILE_IO: Exit = Exit(11);
    /// Error in the protocol data stream.
    pub const STREAM: Exit = Exit(12);
    /// Errors with program diagnostics.
    pub const MESSAGE_IO: Exit = Exit(13);
    /// Error in interprocess communication.
    pub const IPC: Exit = Exit(14);
    /// A sibling process crashed.
    pub const CRASHED: Exit = Exit(15);
    /// A sibling process terminated abnormally.
    pub const TERMINATED: Exit = Exit(16);
    /// Received SIGINT, SIGTERM or SIGHUP.
    pub const SIGNAL: Exit = Exit(20);
    /// Out of memory, or over `--max-alloc`.
    pub const MALLOC: Exit = Exit(22);
    /// Some files or attributes were not transferred.
    pub const PARTIAL: Exit = Exit(23);
    /// Some source files vanished.
    pub const VANISHED: Exit = Exit(24);
    /// `--max-delete` stopped deletions.
    pub const DEL_LIMIT: Exit = Exit(25);
    /// Timeout in data send/receive.
    pub const TIMEOUT: Exit = Exit(30);
    /// Timeout waiting for a daemon connection.
    pub const CONNECT_TIMEOUT: Exit = Exit(35);

    /// The name that rsync prints for this code.
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "success",
            1 => "syntax or usage error",
            2 => "protocol incompatibility",
            3 => "errors selecting input/output files, dirs",
            4 => "requested action not supported",
            5 => "error starting client-server protocol",
            10 => "error in socket IO",
            11 => "error in file IO",
            12 => "error in rsync protocol data stream",
            13 => "errors with program diagnostics",
            14 => "error in IPC code",
            15 => "sibling process crashed",
            16 => "sibling process terminated abnormally",
            19 => "received SIGUSR1",
            20 => "received SIGINT, SIGTERM, or SIGHUP",
            21 => "waitpid() failed",
            22 => "error allocating core memory buffers",
            23 => "some files/attrs were not transferred (see previous errors)",
            24 => "some files vanished before they could be transferred",
            25 => "the --max-delete limit stopped deletions",
            30 => "timeout in data send/receive",
            35 => "timeout waiting for daemon connection",
            124 => "remote shell failed",
            125 => "remote shell killed",
            126 => "remote command could not be run",
            127 => "remote command not found",
            _ => "unexplained error",
        }
    }
}

/// Who is to blame for an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer broke the protocol.
    Peer,
    /// Both sides are sane but have no common ground.
    Incompatible,
    /// The user (or the caller of this library) asked for something impossible.
    Usage,
    /// The host could not do what it was asked to.
    Host,
}

/// No protocol in common, or no rsync at the other end.
pub const VERSION_MISMATCH: &str =
    "protocol version mismatch -- is your shell clean?\n(see the rsync manpage for an explanation)";

/// A fatal error: the session ends with `exit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Who is to blame.
    pub fault: Fault,
    /// The exit code of the process.
    pub exit: Exit,
    /// What to tell the user, without a trailing newline; may hold several lines; empty when everything was said already.
    pub text: Vec<u8>,
}

impl Error {
    /// The text as it is shown: one line, but for the one that has two. (Any other line feed is part of a name.)
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let two = self.text == VERSION_MISMATCH.as_bytes();
        self.text.split(move |&byte| two && byte == b'\n')
    }

    /// An error with a text.
    pub fn new(fault: Fault, exit: Exit, text: impl Into<Vec<u8>>) -> Error {
        Error { fault, exit, text: text.into() }
    }

    /// The peer broke the protocol.
    pub fn peer(exit: Exit, text: impl Into<Vec<u8>>) -> Error {
        Error::new(Fault::Peer, exit, text)
    }

    /// The user asked for something impossible: exit 1.
    pub fn usage(text: impl Into<Vec<u8>>) -> Error {
        Error::new(Fault::Usage, Exit::SYNTAX, text)
    }

    /// The host failed.
    pub fn host(exit: Exit, text: impl Into<Vec<u8>>) -> Error {
        Error::new(Fault::Host, exit, text)
    }

    /// The text for display only.
    pub fn text_lossy(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} (code {})", self.text_lossy(), self.exit.0)
    }
}

impl core::error::Error for Error {}
