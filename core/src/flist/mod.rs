//! The file list: what the sender tells about every file, and how both sides number it.
//!
//! | module | what |
//! |---|---|
//! | [`entry`] | one file, wide: what is encoded and decoded |
//! | [`list`] | many files, compact: what stays in memory |
//! | [`order`] | the common order, duplicates, pruning |
//! | [`lists`] | all lists of a session, the directory table, index numbers |
//! | [`codec`] | the bytes of an entry and of the end of a list |
//! | [`acl`] | POSIX ACLs and their tables |
//! | [`xattr`] | extended attributes and their tables |
//! | [`ids`] | user and group names: the id lists, and mapping to local ids |
//! | [`verify`] | what a receiver must refuse, and path hygiene |

pub mod acl;
pub mod codec;
pub mod entry;
pub mod ids;
pub mod list;
pub mod lists;
pub mod order;
pub mod verify;
pub mod xattr;

pub use codec::{Caps, Decoded, Decoder, Encoder};
pub use entry::{Digest, Entry, Flags, Kind};
pub use list::{FileList, View};
pub use lists::{Found, Lists};
pub use order::Order;
