//! The delta algorithm: rebuild a file from an old version of it by sending only what is new (spec 3.4 to 3.6).
//!
//! ```text
//! receiving side                                   sender
//!   basis ─ plan ─ signature ── sums ──────────────> signature
//!                                                      │ search (its file, the sums)
//!   new file <─ literals and blocks of the basis <─────┘
//! ```
//!
//! Everything streams over buffers of bounded size; files may be larger than memory.

mod plan;
mod scan;
mod search;
mod signature;

pub use plan::{PlanOptions, SumHead};
pub use scan::{Filter, ScanFn, scan};
pub use search::{Counters, Found, Search, SearchOptions};
pub use signature::{Signature, Signer};
