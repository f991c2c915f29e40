//! The rsync engine without an operating system.
//!
//! Everything that makes rsync what it is lives here: checksums, delta matching, the wire protocol, file lists, filters,
//! options, the texts, and the session that plays sender, generator and receiver. It owns no clock, socket, file or
//! terminal: a host asks what to do next and answers (see [`session`]).
//!
//! Modules in reading order:
//!
//! | module | what |
//! |---|---|
//! | [`error`], [`limits`] | what can go wrong, and the bounds on what a peer may ask for |
//! | [`checksum`] | rolling sum and strong digests, one table |
//! | [`delta`] | block plan, signature, search, patch: the algorithm |
//! | [`wire`] | frames, integers, indexes, tokens, compression |
//! | [`format`] | signatures and deltas as files, ours and those of librsync |
//! | [`flist`] | file list entries, their encoding, order and numbering |
//! | [`filter`] | include and exclude rules |
//! | [`options`] | the command line, as the user types it and as it travels |
//! | [`report`] | every text that a user reads: items, progress, statistics, listings |
//! | [`session`] | the roles, and the one contract with the host |
//!
//! Features: `format` (on unless turned off) has the module of that name; `serde` writes down what a session asks and is
//! answered, for hosts on the other side of a boundary; `detect` has dependencies ask the processor what it can, which takes the
//! standard library. Without that the crate is `no_std` with `alloc`, forbids `unsafe`, and needs Rust 1.88.
//!
//! Nothing panics on what a peer or a file says. A signature or delta that is not what it should be is a
//! [`format::FormatError`], which tells eleven kinds apart and has a number and a sentence for each; a command line or a peer that
//! is wrong is an [`Error`], with the exit code that rsync has for it; and a session ends with such a code, after it has said why.
//!
//! # A delta of two slices
//!
//! ```
//! use syncline_core::format::{Format, SignatureOptions, slices};
//!
//! let old = b"The receiver has this text. It is about to be brought up to date.".repeat(100);
//! let new = [&old[..3000], b"Only these words are new.", &old[3010..]].concat();
//!
//! // Where the old file is: some bytes for each of its blocks.
//! let options = SignatureOptions::new(Format::Syncline, Some(old.len() as u64));
//! let signature = slices::sign(&old, options)?;
//! // Where the new file is: what the other side lacks.
//! let delta = slices::delta(&signature, &new)?;
//! assert!(delta.len() < 1000);
//! // Where the old file is: the new one, if it is at most a megabyte long.
//! assert_eq!(slices::patch(&old, &delta, 1_000_000)?, new);
//!
//! // A delta knows its basis.
//! let error = slices::patch(&old[1..], &delta, 1_000_000).unwrap_err();
//! assert_eq!(error.to_string(), "this is not the basis that the signature was made of: 6499 bytes instead of 6500");
//! # Ok::<(), syncline_core::format::FormatError>(())
//! ```
//!
//! # A delta of streams
//!
//! Files of any length take a few megabytes.
//!
//! ```
//! use std::io::{self, Read, Seek, SeekFrom, Write};
//! use syncline_core::format::*;
//!
//! fn sign(mut old: impl Read, len: u64, mut signature: impl Write) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut writer = SignatureWriter::new(SignatureOptions::new(Format::Syncline, Some(len)))?;
//!     let mut piece = vec![0; 1 << 18];
//!     loop {
//!         match old.read(&mut piece)? {
//!             0 => break,
//!             n => writer.push(&piece[..n]),
//!         }
//!         signature.write_all(writer.output())?;
//!         writer.consume(writer.output().len());
//!     }
//!     writer.finish();
//!     signature.write_all(writer.output())?;
//!     Ok(())
//! }
//!
//! fn delta(mut signature: impl Read, mut new: impl Read, mut delta: impl Write) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut bytes = Vec::new();
//!     signature.read_to_end(&mut bytes)?;
//!     let mut reader = SignatureReader::new(MEMORY_MAX);
//!     reader.push(&bytes)?;
//!     let mut writer = DeltaWriter::new(reader.finish()?, DeltaOptions::default())?;
//!     loop {
//!         // Straight into the window of the search.
//!         match new.read(writer.space(1 << 18))? {
//!             0 => break,
//!             n => writer.filled(n),
//!         }
//!         delta.write_all(writer.output())?;
//!         writer.consume(writer.output().len());
//!     }
//!     writer.finish();
//!     delta.write_all(writer.output())?;
//!     Ok(())
//! }
//!
//! fn patch(
//!     mut old: impl Read + Seek,
//!     mut delta: impl Read,
//!     mut new: impl Write,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let basis_bytes = old.seek(SeekFrom::End(0))?;
//!     let mut patcher = Patcher::new(PatchLimits { basis_bytes, output_max: 1 << 40 });
//!     let (mut piece, mut copied) = (vec![0; 1 << 18], Vec::new());
//!     loop {
//!         let n = delta.read(&mut piece)?;
//!         let mut rest = &piece[..n];
//!         loop {
//!             match patcher.step(&mut rest)? {
//!                 PatchStep::Write(bytes) => new.write_all(bytes)?,
//!                 PatchStep::Copy { from, len } => {
//!                     old.seek(SeekFrom::Start(from))?;
//!                     let mut left = len;
//!                     while left > 0 {
//!                         copied.resize(left.min(1 << 18) as usize, 0);
//!                         old.read_exact(&mut copied)?;
//!                         new.write_all(&copied)?;
//!                         patcher.copied(&copied)?;
//!                         left -= copied.len() as u64;
//!                     }
//!                 }
//!                 PatchStep::More | PatchStep::Done => break,
//!             }
//!         }
//!         if n == 0 {
//!             // Only now is it known that what was written is right.
//!             return Ok(patcher.finish()?);
//!         }
//!     }
//! }
//!
//! let old: Vec<u8> = (0..2_000_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
//! let new = [&old[500_000..], b"moved", &old[..500_000]].concat();
//! let (mut signature_file, mut delta_file, mut made) = (Vec::new(), Vec::new(), Vec::new());
//! sign(&old[..], old.len() as u64, &mut signature_file)?;
//! delta(&signature_file[..], &new[..], &mut delta_file)?;
//! patch(io::Cursor::new(&old), &delta_file[..], &mut made)?;
//! assert!(made == new && delta_file.len() < 5_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A session over a socket
//!
//! A client lists a directory, and a server, in a thread of its own, has it. What a session asks is answered by a host; this
//! one knows of one directory with one file in it.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::os::unix::net::UnixStream;
//! use syncline_core::options::{Command, Env, Link, Outgoing, Plan, parse, plan};
//! use syncline_core::session::*;
//!
//! fn meta(mode: u32, size: u64) -> Meta {
//!     Meta { mode, size, mtime: 1_000_000_000, nlink: 1, ..Meta::default() }
//! }
//!
//! fn answer(ask: Ask) -> Reply {
//!     let missing = || Errno { code: Errno::ENOENT, text: "No such file or directory".into() };
//!     match ask {
//!         Ask::Root { .. } | Ask::SubRoot { .. } => Reply::Root(Ok(RootId(0))),
//!         Ask::Stat { at, .. } if at.path == b"." => Reply::Stat(Ok(meta(0o040755, 4096))),
//!         Ask::Stat { .. } | Ask::StatPath { .. } => Reply::Stat(Err(missing())),
//!         Ask::List { .. } => Reply::Listing(Ok(vec![Dirent {
//!             name: b"notes.txt".to_vec(),
//!             meta: Ok(meta(0o100644, 1234)),
//!             digest: None,
//!         }])),
//!         Ask::Names { uids, gids } => Reply::Names(vec![None; uids.len()], vec![None; gids.len()]),
//!         _ => Reply::Unit(Err(missing())),
//!     }
//! }
//!
//! fn run(config: Config, mut socket: UnixStream) -> (i32, String) {
//!     let (mut session, mut shown) = (Session::new(config), String::new());
//!     session.tick(1);
//!     loop {
//!         match session.poll() {
//!             Step::Ask(id, ask) => session.answer(id, answer(ask)),
//!             Step::Notice(Notice::Out(text) | Notice::Err(text)) => shown += &String::from_utf8_lossy(&text),
//!             Step::Wait(wants) if wants.output => session.output(|bytes| socket.write(bytes).unwrap_or(0)),
//!             Step::Wait(_) => {
//!                 let mut n = 0;
//!                 session.input(|space| {
//!                     n = socket.read(space).unwrap_or(0);
//!                     n
//!                 });
//!                 if n == 0 {
//!                     session.input_end();
//!                 }
//!             }
//!             Step::Done(exit) => return (exit.0, shown),
//!             // Only transfers read, write and copy.
//!             _ => unreachable!(),
//!         }
//!     }
//! }
//!
//! // The command line as a user types it, and as it travels to the other side.
//! let words = ["-r", "host:docs/"].map(|word| word.as_bytes().to_vec());
//! let Command::Client { options, args } = parse(&words, &Env::default())? else { unreachable!() };
//! let Plan::Pull { remote, .. } = plan(&options, &args)? else { unreachable!() };
//! let outgoing = Outgoing { options: &options, push: false, protocol: PROTOCOL, link: Link::Shell, paths: &remote.paths };
//! let Command::Server(server) = parse(&outgoing.words().visible, &Env::default())? else { unreachable!() };
//!
//! let client = Config { requested: remote.paths, ..Config::new(*options, Side::Client, Role::Receiver) };
//! let (near, far) = UnixStream::pair()?;
//! let serving = std::thread::spawn(move || {
//!     let config = Config { paths: server.paths, ..Config::new(*server.options, Side::Server, Role::Sender) };
//!     run(config, far)
//! });
//! let (exit, shown) = run(client, near);
//! assert_eq!(exit, 0);
//! assert!(shown.contains("1,234 2001/09/09 01:46:40 notes.txt"), "{shown}");
//! assert_eq!(serving.join().unwrap().0, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod error;
pub mod limits;

pub mod checksum;
pub mod delta;
pub mod filter;
pub mod flist;
#[cfg(feature = "format")]
pub mod format;
pub mod options;
pub mod report;
pub mod session;
pub mod wire;

pub use error::{Error, Exit, Fault};
