//! Operations that JavaScript carries out: everything that touches contents or changes a directory.

/// What is to be done. Each is answered once, by its number.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Read `len` bytes of the file at `path` from offset `at` on; fewer only at its end.
    Read {
        /// Where to begin.
        at: u64,
        /// How many bytes.
        len: u32,
    },
    /// Begin a new version of the file at `path`, which gets its name only at [`What::Commit`]. `output` names it until then.
    Create {
        /// Names the new version.
        output: u32,
    },
    /// Put bytes into a new version, at an offset.
    Write {
        /// The new version.
        output: u32,
        /// Where.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// The new version is complete and takes its name; its time is to be remembered.
    Commit {
        /// The new version.
        output: u32,
        /// Its length.
        size: u64,
        /// Milliseconds since 1970.
        mtime_ms: f64,
    },
    /// The new version is not wanted.
    Discard {
        /// The new version.
        output: u32,
    },
    /// Make the directory at `path`.
    Mkdir,
    /// Remove the file at `path`.
    Unlink,
    /// Remove the empty directory at `path`.
    Rmdir,
    /// Give the file or directory at `path` another path.
    Rename {
        /// The new path.
        to: String,
    },
    /// Remember another time for the file at `path`.
    Stamp {
        /// Milliseconds since 1970.
        mtime_ms: f64,
    },
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Its number.
    pub id: u32,
    /// The path that it is about, without leading slash.
    pub path: String,
    /// What to do.
    pub what: What,
}
