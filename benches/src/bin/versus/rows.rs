//! The workloads, and how much faster than stock each should be.

/// What there is to send.
#[derive(Clone, Copy)]
pub enum Source {
    /// One file of noise, in MiB.
    Noise(u64),
    /// One file of words, in MiB.
    Text(u64),
    /// So many files in folders of 100, each of 0 to so many bytes.
    Files(u64, u64),
    /// So many names of files, so many of them for each file.
    Links(u64, u64),
    /// So many files as above, each with extended attributes and an ACL.
    Tagged(u64, u64),
    /// One image of so many MiB that holds so many MiB of noise, in pieces, and holes.
    Image(u64, u64),
}

/// What stands at the destination beforehand.
#[derive(Clone, Copy, PartialEq)]
pub enum Basis {
    /// Nothing at all.
    Nothing,
    /// What is at the source, with the same times.
    Same,
    /// The same, but for what the rules of [`crate::data::rules`] leave out, which must not come.
    Ruled,
    /// Nothing, but the same stands beside it: all of it must be linked.
    Beside,
    /// The same, and so many files more.
    More(u64),
    /// The source's file with 500 scattered edits of 32 bytes.
    Edits,
    /// The source's file without its first byte.
    Shift,
    /// A file of the same size with other noise.
    Other,
}

/// How the two ends are connected.
#[derive(Clone, Copy)]
pub enum Link {
    /// One machine, no wire.
    Local,
    /// A push through a remote shell that runs its words on this machine.
    Pipe,
    /// A pull from a daemon on the loopback interface.
    Pull,
    /// A push to one.
    Push,
}

/// What a row's ratio is made of.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Wall time.
    Time,
    /// Peak memory.
    Memory,
}

/// A workload.
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    pub source: Source,
    pub basis: Basis,
    pub link: Link,
    /// Beside `-a`.
    pub options: &'static [&'static str],
    pub kind: Kind,
    /// The least acceptable ratio of stock's figure to ours.
    pub target: f64,
}

const fn row(name: &'static str, what: &'static str, source: Source, basis: Basis, link: Link, target: f64) -> Row {
    Row { name, what, source, basis, link, options: &[], kind: Kind::Time, target }
}

/// All rows, in the order in which they run.
pub const ROWS: &[Row] = &[
    row("local-one", "local first copy, one file of 1 GiB", Source::Noise(1024), Basis::Nothing, Link::Local, 3.5),
    row("local-small", "local first copy, 50,000 files of 0-8 KiB", SMALL, Basis::Nothing, Link::Local, 1.5),
    row("local-unchanged", "local re-sync, 200,000 unchanged files", MANY, Basis::Same, Link::Local, 1.3),
    Row {
        options: &["-c"],
        ..row("local-checksum", "-c re-sync, 1 GiB unchanged", Source::Noise(1024), Basis::Same, Link::Local, 2.0)
    },
    row("delta-edits", "pipe, 512 MiB with 500 edits of 32 bytes", Source::Noise(512), Basis::Edits, Link::Pipe, 1.3),
    row("delta-shift", "pipe, 512 MiB, one byte put in front", Source::Noise(512), Basis::Shift, Link::Pipe, 1.5),
    row("delta-nothing", "pipe, 256 MiB with nothing in common", Source::Noise(256), Basis::Other, Link::Pipe, 6.0),
    Row {
        options: &["-z"],
        ..row("compress", "-z over a pipe, 128 MiB of text", Source::Text(128), Basis::Nothing, Link::Pipe, 1.0)
    },
    row("daemon-pull", "daemon pull, one file of 1 GiB", Source::Noise(1024), Basis::Nothing, Link::Pull, 1.3),
    row("daemon-push", "daemon push, 50,000 files of 0-8 KiB", SMALL, Basis::Nothing, Link::Push, 1.3),
    Row {
        options: &["-H"],
        ..row("links", "-H, 100,000 names of 25,000 files", Source::Links(100_000, 4), Basis::Nothing, Link::Local, 1.0)
    },
    Row {
        options: &["-A", "-X"],
        ..row("attributes", "-A -X, 50,000 files", Source::Tagged(50_000, 256), Basis::Nothing, Link::Local, 1.0)
    },
    Row {
        options: &["--link-dest=../basis"],
        ..row("snapshot", "--link-dest, 200,000 unchanged files", MANY, Basis::Beside, Link::Local, 1.3)
    },
    Row {
        options: &["--delete"],
        ..row("delete", "--delete of 100,000 files", Source::Files(10_000, 256), Basis::More(100_000), Link::Local, 1.2)
    },
    Row {
        options: &["--exclude-from=rules"],
        ..row("rules", "1,000 filter rules, 200,000 unchanged files", MANY, Basis::Ruled, Link::Local, 2.0)
    },
    Row {
        options: &["-S"],
        ..row("sparse", "-S, 4 GiB image, 100 MiB of data", Source::Image(4096, 100), Basis::Nothing, Link::Local, 3.0)
    },
    Row {
        options: &["--no-inc-recursive"],
        kind: Kind::Memory,
        ..row("memory", "peak memory over a pipe, 200,000 files, one list", MANY, Basis::Same, Link::Pipe, 1.0)
    },
];

const SMALL: Source = Source::Files(50_000, 8192);
const MANY: Source = Source::Files(200_000, 256);
