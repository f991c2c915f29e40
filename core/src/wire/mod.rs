//! The wire: how numbers, indexes, messages and file contents become bytes, and back.
//!
//! ```text
//!            received bytes                                   bytes to send
//!                  │                                                ▲
//!   inbox    joins data frames, lifts messages      outbox    frames in place, queues messages
//!                  │                                                ▲
//!   item     one integer or string, or "not yet"    item      put_* onto a Vec
//!   index    delta coded file numbers               index     the same coder, other direction
//!   token    literals and block numbers of a file   token     the same, compressed or plain
//! ```
//!
//! Decoders either take a whole item or leave everything as it was, so that a caller may try again when more bytes have
//! arrived. What a peer may make us allocate is bounded by the constants of [`crate::limits`] and of each module.

pub mod compress;
pub mod frame;
pub mod inbox;
pub mod index;
pub mod item;
pub mod negotiate;
pub mod outbox;
pub mod token;

pub use compress::{Codecs, Compressor};
pub use frame::{Message, Tag};
pub use inbox::Inbox;
pub use index::NdxCoder;
pub use item::{Reader, Stop};
pub use outbox::Outbox;
pub use token::{Token, TokenDecoder, TokenEncoder, TokenFormat};
