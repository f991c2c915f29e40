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
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod error;
pub mod limits;

pub mod checksum;
pub mod delta;
pub mod filter;
pub mod flist;
pub mod format;
pub mod options;
pub mod report;
pub mod session;
pub mod wire;

pub use error::{Error, Exit, Fault};
