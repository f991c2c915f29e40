//! `Options`: everything that a command line can say, as plain data.
//!
//! The parser fills the fields in the order of the words; `derive` then settles what one option implies for
//! another (spec 4.5). Where the way *how* something was asked for matters later (an explicit `-O` is sent to the server,
//! the form implied by `--backup` is not) the settled value has a field of its own.

use super::levels::Levels;
use super::stop::Stop;
use alloc::vec::Vec;

/// Whether and why directories are recursed into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recursion {
    /// Not at all.
    #[default]
    Off,
    /// Only because of `-a`: `--files-from` cancels it.
    Archive,
    /// `-r`.
    On,
}

/// What was said about `--dirs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dirs {
    /// Nothing: on for a listing, with `--files-from` and with recursion.
    #[default]
    Auto,
    /// `--no-dirs`.
    Off,
    /// `-d`.
    On,
    /// `--old-dirs`: recursion limited by a rule, for servers that do not know `-d`.
    Old,
}

/// When extraneous files are removed (spec 4.20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delete {
    /// Never.
    #[default]
    Off,
    /// `--delete` without a timing: during if the protocol is 30 or later, else before.
    Unspecified,
    /// Before any transfer.
    Before,
    /// Each directory just before its files.
    During,
    /// Found during, removed at the end.
    Delay,
    /// After all transfers.
    After,
}

/// What becomes of source arguments that do not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingArgs {
    /// An error for each.
    #[default]
    Error,
    /// Silently dropped.
    Ignore,
    /// Turned into deletion requests.
    Delete,
}

/// Whether sources are removed after their transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoveSource {
    /// No.
    #[default]
    Keep,
    /// `--remove-source-files`: also files that were up to date.
    Synced,
    /// `--remove-sent-files`: only files actually sent.
    Sent,
}

/// `--append` and its careful sibling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Append {
    /// No.
    #[default]
    Off,
    /// The old data is trusted.
    Trust,
    /// The old data is part of the whole-file checksum.
    Verify,
}

/// The tri-state of `--super`, `--no-super` and `--fake-super`; the last one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Super {
    /// By effective user id.
    #[default]
    Auto,
    /// `--no-super`.
    Off,
    /// `--super`.
    On,
    /// `--fake-super`.
    Fake,
}

/// The kind of the alternate basis directories; only one kind may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AltKind {
    /// `--compare-dest`
    Compare,
    /// `--copy-dest`
    Copy,
    /// `--link-dest`
    Link,
}

impl AltKind {
    /// The option that selects it.
    pub const fn option(self) -> &'static str {
        match self {
            AltKind::Compare => "--compare-dest",
            AltKind::Copy => "--copy-dest",
            AltKind::Link => "--link-dest",
        }
    }
}

/// Where messages go (spec 4.9.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StderrMode {
    /// Errors to each process's own stderr, info through the protocol.
    #[default]
    Errors,
    /// Everything to each process's own stderr.
    All,
    /// Everything to the client.
    Client,
}

/// Buffering of stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutBuf {
    /// None at all.
    None,
    /// Line by line.
    Line,
    /// Full blocks.
    Block,
}

/// The address family that a user insisted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Either.
    #[default]
    Any,
    /// `-4`
    V4,
    /// `-6`
    V6,
}

/// A user or group map, and whether `--chown` made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerMap {
    /// `FROM:TO,...`
    pub text: Vec<u8>,
    /// It came from `--chown`, which conflicts with an explicit map.
    pub by_chown: bool,
}

/// The list of names to transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesFrom {
    /// `[USER@]HOST` as typed when the list lives on the remote side; empty for `:FILE`. `None`: the list is local.
    pub host: Option<Vec<u8>>,
    /// The file; `-` is standard input, or on a server the connection.
    pub path: Vec<u8>,
}

/// One filter option, unparsed, in command-line order (spec 4.17.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterArg {
    /// `--filter=RULE`
    Filter(Vec<u8>),
    /// `--exclude=PATTERN`
    Exclude(Vec<u8>),
    /// `--include=PATTERN`
    Include(Vec<u8>),
    /// `--exclude-from=FILE`
    ExcludeFrom(Vec<u8>),
    /// `--include-from=FILE`
    IncludeFrom(Vec<u8>),
    /// One `-F`; the n-th one decides what it stands for.
    F,
    /// The exclude that a relative partial dir implies: directories only, perishable from protocol 30 on.
    PartialDir(Vec<u8>),
    /// `-C`: always last.
    CvsExclude,
}

/// The meaning of a whole command line. `Default` is what stock rsync does without any option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "one field per option, named after it; the rows document them")]
pub struct Options {
    // Report.
    pub verbose: u32,
    pub quiet: bool,
    pub motd: bool,
    pub stats: bool,
    /// 1 groups digits, 2 and 3 use units, 0 is plain.
    pub human_readable: u32,
    pub eight_bit_output: bool,
    pub progress: bool,
    /// How often `-i` was given.
    pub itemize: u32,
    pub out_format: Option<Vec<u8>>,
    /// Settled: the format in effect, from any of the options that select one.
    pub item_format: Option<Vec<u8>>,
    pub log_file: Option<Vec<u8>>,
    pub log_file_format: Option<Vec<u8>>,
    /// `--list-only` was given.
    pub list_only: bool,
    /// Settled: the transfer only lists, asked for or because there is no destination.
    pub listing: bool,
    pub stderr: StderrMode,
    /// `--stderr` was given: an old protocol does not choose for us.
    pub stderr_explicit: bool,
    pub outbuf: Option<OutBuf>,
    pub(super) outbuf_text: Option<Vec<u8>>,
    pub levels: Levels,
    pub dry_run: bool,
    pub(super) version: u32,

    // Select.
    pub recursion: Recursion,
    pub inc_recursive: bool,
    pub dirs_choice: Dirs,
    /// Settled: directories are transferred.
    pub dirs: bool,
    pub relative_choice: Option<bool>,
    /// Settled.
    pub relative: bool,
    /// Settled: off without `--relative`.
    pub implied_dirs: bool,
    pub(super) files_from_text: Option<Vec<u8>>,
    /// Settled.
    pub files_from: Option<FilesFrom>,
    pub from0: bool,
    pub one_file_system: u32,
    pub ignore_times: bool,
    pub size_only: bool,
    /// Seconds; negative compares nanoseconds. `None`: not given, which is 0.
    pub modify_window: Option<i32>,
    pub checksum: bool,
    /// As typed; `None` also stands for `auto`.
    pub checksum_choice: Option<Vec<u8>>,
    pub checksum_seed: i32,
    pub update: bool,
    pub existing: bool,
    pub ignore_existing: bool,
    pub max_size: Option<i64>,
    pub min_size: Option<i64>,
    pub missing_args: MissingArgs,
    pub prune_empty_dirs: bool,
    pub filters: Vec<FilterArg>,
    /// How many of them came before `--protocol`.
    pub filters_before_protocol: usize,
    pub cvs_exclude: bool,
    pub qsort: bool,

    // Preserve.
    pub links: bool,
    pub copy_links: bool,
    pub copy_dirlinks: bool,
    pub keep_dirlinks: bool,
    pub copy_unsafe_links: bool,
    pub safe_links: bool,
    pub munge_links: bool,
    pub insecure_links: bool,
    pub confine_root: Option<Vec<u8>>,
    pub hard_links: u32,
    pub perms: bool,
    pub executability: bool,
    /// The values of all `--chmod` together.
    pub chmod: Option<super::chmod::Chmod>,
    pub acls: bool,
    pub xattrs: u32,
    pub owner: bool,
    pub group: bool,
    pub devices: bool,
    pub specials: bool,
    pub drop_devices: bool,
    pub times: bool,
    pub atimes: u32,
    pub open_noatime: bool,
    pub crtimes: bool,
    /// `-O` was given.
    pub omit_dir_times_asked: bool,
    /// Settled: also implied by a backup without a backup dir.
    pub omit_dir_times: bool,
    pub omit_link_times: bool,
    pub super_mode: Super,
    pub numeric_ids: bool,
    pub usermap: Option<OwnerMap>,
    pub groupmap: Option<OwnerMap>,
    pub copy_as: Option<Vec<u8>>,
    pub iconv: Option<Vec<u8>>,

    // Transfer.
    pub whole_file: Option<bool>,
    /// 0 is automatic.
    pub block_size: u32,
    pub inplace: bool,
    pub append: Append,
    pub sparse: bool,
    pub preallocate: bool,
    pub write_devices: bool,
    pub copy_devices: bool,
    pub partial: bool,
    pub partial_dir: Option<Vec<u8>>,
    pub delay_updates: bool,
    pub temp_dir: Option<Vec<u8>>,
    pub fsync: bool,
    pub backup: bool,
    pub backup_dir: Option<Vec<u8>>,
    pub suffix: Option<Vec<u8>>,
    pub alt_kind: Option<AltKind>,
    pub alt_dirs: Vec<Vec<u8>>,
    pub fuzzy: u32,
    pub mkpath: bool,
    pub compress: u32,
    /// As typed; `None` also stands for `auto`.
    pub compress_choice: Option<Vec<u8>>,
    pub compress_level: Option<i32>,
    pub compress_threads: i32,
    pub skip_compress: Option<Vec<u8>>,

    // Delete.
    pub delete: Delete,
    pub(super) delete_asked: bool,
    pub(super) delete_before: bool,
    pub(super) delete_during: bool,
    pub(super) delete_delay: bool,
    pub(super) delete_after: bool,
    pub delete_excluded: bool,
    pub force: bool,
    /// Never negative once settled.
    pub max_delete: Option<i32>,
    pub ignore_errors: bool,
    pub remove_source: RemoveSource,

    // Connect.
    pub rsh: Option<Vec<u8>>,
    /// `-e` was given: a daemon is then reached through the shell.
    pub rsh_asked: bool,
    /// On a server: the argument of `-e`.
    pub capabilities: Option<Vec<u8>>,
    pub rsync_path: Vec<u8>,
    pub remote_options: Vec<Vec<u8>>,
    /// KiB per second, 0 is unlimited.
    pub bwlimit: u64,
    /// Seconds, 0 is none.
    pub timeout: i32,
    /// Seconds, 0 is none.
    pub contimeout: i32,
    pub stop: Option<Stop>,
    pub blocking_io: Option<bool>,
    pub address: Option<Vec<u8>>,
    pub port: i32,
    pub sockopts: Option<Vec<u8>>,
    pub family: Family,
    pub password_file: Option<Vec<u8>>,
    pub early_input: Option<Vec<u8>>,
    pub protocol: Option<i32>,
    /// As typed.
    pub max_alloc_text: Option<Vec<u8>>,
    /// Settled: bytes; 0 is unlimited.
    pub max_alloc: u64,
    pub old_args: Option<u32>,
    pub secluded_args: Option<bool>,
    pub trust_sender: bool,
    pub write_batch: Option<Vec<u8>>,
    /// `--only-write-batch`: the destination stays as it is.
    pub only_batch: bool,
    pub read_batch: Option<Vec<u8>>,

    // Roles.
    /// This process is the server.
    pub server: bool,
    /// On a server: it sends.
    pub sender: bool,
}
