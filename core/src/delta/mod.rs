//! The algorithm: bring a file up to date by sending only what the other side does not have.
//!
//! ```text
//!  receiving side                                       sending side
//!
//!  basis file ── plan: how long are blocks?
//!      └──────── signature: two sums per block ───────► table: which block has this sum?
//!                                                          │
//!                                                       search: slide over the new file
//!                                                          │
//!  new file ◄─── patch: literals and old blocks ◄────── tokens
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`plan`] | the sum head: block length, sum length, how many |
//! | [`signature`] | signing a basis, and reading a signature off the wire |
//! | [`table`] | finding blocks by weak sum, with a filter that says no quickly |
//! | [`mod@scan`] | the hot loop: the weak sum at every offset, many offsets at a time |
//! | [`search`] | literals and blocks out of a stream of file data |
//! | [`patch`] | where a receiver reads and writes |

pub mod patch;
pub mod plan;
pub mod scan;
pub mod search;
pub mod signature;
pub mod table;

pub use patch::{Copy, Patch};
pub use plan::{PlanOptions, SumHead};
pub use scan::{GROUP, Kernel, ScanFn, Sums, TILE, scan, scan_with};
pub use search::{Found, Search, SearchOptions, Tally};
pub use signature::{Signature, Signer};
pub use table::{FILTER_FACTOR, Table, filter_word};
