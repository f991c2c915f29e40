//! What [`super::Session::poll`] returns, and how a session is set up.

use alloc::vec::Vec;

use super::ask::{Ask, AskId, FileId};
use crate::delta::ScanFn;
use crate::options::{Chmod, Options};
use crate::report::LocalTime;
use crate::wire::Codecs;
use crate::{Error, Exit};

/// The next thing that the host has to do.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Step {
    /// Do this and answer, now or later, in any order.
    Ask(AskId, Ask),
    /// Read `len` bytes of `file` at offset `at` (fewer only at its end) by [`super::Session::fill`].
    Read {
        /// The open file.
        file: FileId,
        /// Where to read.
        at: u64,
        /// How many bytes the session wants.
        len: usize,
    },
    /// Append bytes to the output `file` by [`super::Session::lend`].
    Write {
        /// The output.
        file: FileId,
    },
    /// Append `len` bytes found at offset `from` of the basis of `file`, then [`super::Session::copied`].
    Copy {
        /// The output.
        file: FileId,
        /// Offset in its basis.
        from: u64,
        /// Bytes.
        len: u32,
    },
    /// Show this.
    Notice(Notice),
    /// Nothing to do until one of these happens.
    Wait(Wants),
    /// The session is over, with this exit code. Pending output has been handed out already.
    Done(Exit),
}

/// What a waiting session waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Wants {
    /// Bytes from the peer.
    pub input: bool,
    /// Room in the connection: there is output to send.
    pub output: bool,
    /// Answers to asks that are under way.
    pub replies: bool,
    /// A call of [`super::Session::tick`] at this time.
    pub deadline_ms: Option<u64>,
}

/// Something to show. Texts are raw: the host escapes what its terminal can't show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Notice {
    /// For standard output, newlines included.
    Out(Vec<u8>),
    /// For standard error, newlines included.
    Err(Vec<u8>),
    /// For the log file only, one line without a newline.
    Log(Vec<u8>),
    /// More of the batch file.
    Batch(Vec<u8>),
}

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that the user started.
    Client,
    /// The end that was started by the client.
    Server,
}

/// Which way the files flow, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This side owns the source.
    Sender,
    /// This side writes the destination: generator and receiver.
    Receiver,
}

/// How the two ends are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Two sessions in one process: file data does not travel (see [`super::CopyLocal`]).
    Local,
    /// A remote shell, or any pipe: the version numbers are exchanged first.
    Shell,
    /// A socket to a daemon: the text phase is over and gave the protocol.
    Daemon,
}

/// A daemon's module, as far as a session needs to know it.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Its name.
    pub name: Vec<u8>,
    /// Its rules (`filter`, `include`, `exclude`, their files), as rule texts in order.
    pub filters: Vec<Vec<u8>>,
    /// Pushes are refused.
    pub read_only: bool,
    /// Pulls are refused.
    pub write_only: bool,
    /// Symlink texts are made harmless.
    pub munge_symlinks: bool,
    /// Paths and symlink texts are resolved as if the module were the root of the file system.
    pub sanitize: bool,
    /// No names are looked up.
    pub numeric_ids: bool,
    /// What can't be read is left out of lists.
    pub ignore_nonreadable: bool,
    /// Deletions go on after read errors.
    pub ignore_errors: bool,
    /// I/O timeout in seconds, 0 for none.
    pub timeout: u32,
    /// The most verbose level that clients get.
    pub max_verbosity: u32,
    /// `dont compress = *`: what is sent with zlib is stored.
    pub stores: bool,
    /// What messages call the module's directory: the path shown for `.` (empty, or `/` when chrooted).
    pub shown_root: Vec<u8>,
    /// The format of transfer log lines, when they are wanted.
    pub log_format: Option<Vec<u8>>,
    /// The peer's name for the log.
    pub host: Vec<u8>,
    /// The peer's address for the log.
    pub address: Vec<u8>,
    /// The authenticated user, or nothing.
    pub user: Vec<u8>,
    /// The module's path for the log.
    pub path: Vec<u8>,
}

/// Everything that a session knows from the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The parsed command line of this side.
    pub options: Options,
    /// Client or server.
    pub side: Side,
    /// Sender or receiver.
    pub role: Role,
    /// The connection.
    pub transport: Transport,
    /// The protocol that a daemon's greeting settled on; `None` when the session exchanges versions itself.
    pub protocol: Option<u32>,
    /// Sender: the sources. Receiver: the destination, or nothing for a listing.
    pub paths: Vec<Vec<u8>>,
    /// Receiving client: the sources as they were asked for, for checking what comes.
    pub requested: Vec<Vec<u8>>,
    /// Permission bits that new files don't get.
    pub umask: u32,
    /// Whether owners and devices can be set.
    pub root: bool,
    /// The groups of the process, when it is not root.
    pub groups: Vec<u32>,
    /// The working directory, for full paths in messages.
    pub cwd: Vec<u8>,
    /// Server: the checksum seed to announce when the options give none.
    pub seed: i32,
    /// Seconds since 1970 when the session began, for `%t` and logs.
    pub unix_time: i64,
    /// The process id, for `%p` and logs.
    pub pid: u32,
    /// Local time of a moment in seconds since 1970.
    pub local_time: fn(i64) -> LocalTime,
    /// User and group that new files belong to.
    pub ids: (u32, u32),
    /// The user's home directory.
    pub home: Vec<u8>,
    /// After how many milliseconds the session ends, finished or not.
    pub stop_after_ms: Option<u64>,
    /// `CVSIGNORE`.
    pub cvsignore: Vec<u8>,
    /// The contents of the file of `--files-from`, where the host has read it.
    pub names: Option<Vec<u8>>,
    /// `RSYNC_CHECKSUM_LIST`.
    pub checksum_list: Option<Vec<u8>>,
    /// `RSYNC_COMPRESS_LIST`.
    pub compress_list: Option<Vec<u8>>,
    /// Compressors that the host adds.
    pub codecs: Codecs,
    /// The host's compilation of the search's hot loop, if it has a better one.
    pub scan: Option<ScanFn>,
    /// How file names are converted (`--iconv`).
    pub conversion: Option<super::Conversion>,
    /// The module, in a daemon.
    pub module: Option<Module>,
    /// A daemon's `incoming chmod` or `outgoing chmod`.
    pub module_chmod: Option<Chmod>,
    /// Files of rules that were read already, by the names that the command line gives: a pipe gives its contents but once.
    pub rule_files: Vec<(Vec<u8>, Vec<u8>)>,
    /// There is no peer, but a recorded stream that begins like this.
    pub batch: Option<super::BatchHead>,
    /// A daemon: what to tell the client instead of a transfer.
    pub refused: Option<Error>,
    /// Server: whether errors are framed (a daemon) rather than written to standard error.
    pub errors_to_client: bool,
}

impl Config {
    /// A session over a pipe, with these options and nothing else known: no working directory, no owner, local time in
    /// Greenwich, and the seed 0, which a server had better replace by bits that nobody can guess.
    pub fn new(options: Options, side: Side, role: Role) -> Config {
        Config {
            options,
            side,
            role,
            transport: Transport::Shell,
            protocol: None,
            paths: Vec::new(),
            requested: Vec::new(),
            umask: 0o022,
            root: false,
            groups: Vec::new(),
            cwd: Vec::new(),
            seed: 0,
            unix_time: 0,
            pid: 0,
            local_time: |unix| LocalTime::at(unix, 0),
            ids: (0, 0),
            home: Vec::new(),
            stop_after_ms: None,
            conversion: None,
            cvsignore: Vec::new(),
            names: None,
            checksum_list: None,
            compress_list: None,
            codecs: Codecs::default(),
            scan: None,
            module: None,
            module_chmod: None,
            rule_files: Vec::new(),
            batch: None,
            refused: None,
            errors_to_client: false,
        }
    }
}
