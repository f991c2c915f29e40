//! The programs of every comparison. "Ours" is the binary cargo has just built, or what `SYNCLINE_BIN` names: with
//! `SYNCLINE_BIN=/usr/bin/rsync` the whole suite compares stock with itself, which is how the suite itself is tested.
//!
//! An older stock is a peer in some tests. `cargo xtask test` unpacks it to where it is looked for here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// One of the implementations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// The program under test.
    Ours,
    /// The oracle.
    Stock,
    /// A stock rsync of some years ago, as a peer.
    Older,
}

/// Where the older stock is unpacked to, below the directory of this package.
const OLDER: &str = "../target/older-rsync/usr/bin/rsync";

impl Program {
    /// The executable.
    pub fn path(self) -> &'static Path {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        static STOCK: OnceLock<PathBuf> = OnceLock::new();
        static OLDER_STOCK: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Self::Ours => OURS.get_or_init(|| {
                env::var_os("SYNCLINE_BIN").map_or(env!("CARGO_BIN_EXE_syncline").into(), PathBuf::from)
            }),
            Self::Stock => STOCK.get_or_init(|| {
                let path = env::var_os("RSYNC_BIN").map_or("/usr/bin/rsync".into(), PathBuf::from);
                assert!(path.exists(), "{} is missing: install rsync 3.5.0, or name it in RSYNC_BIN", path.display());
                path
            }),
            Self::Older => OLDER_STOCK.get_or_init(|| {
                let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join(OLDER);
                env::var_os("RSYNC_OLDER_BIN").map_or_else(usual, PathBuf::from)
            }),
        }
    }

    /// A command that runs this program in a clean environment.
    pub fn command(self) -> Command {
        let mut command = Command::new(self.path());
        clean(&mut command);
        command
    }

    /// The word used in the names of cells.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Stock => "stock",
            Self::Older => "older",
        }
    }
}

/// Takes out of the environment all that changes what rsync does or prints.
pub fn clean(command: &mut Command) {
    for name in [
        "RSYNC_RSH",
        "RSYNC_ICONV",
        "RSYNC_OLD_ARGS",
        "RSYNC_PROTECT_ARGS",
        "RSYNC_PARTIAL_DIR",
        "RSYNC_MAX_ALLOC",
        "RSYNC_CHECKSUM_LIST",
        "RSYNC_COMPRESS_LIST",
        "RSYNC_PASSWORD",
        "RSYNC_PROXY",
        "RSYNC_CONNECT_PROG",
        "RSYNC_SHELL",
        "RSYNC_PORT",
        "CVSIGNORE",
        "POSIXLY_CORRECT",
        "SSH_ASKPASS",
        "LANG",
        "LANGUAGE",
    ] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("TZ", "UTC").env("USER", "tester");
}

/// Whether this process may create devices, change owners and so on.
pub fn privileged() -> bool {
    rustix::process::geteuid().is_root()
}
