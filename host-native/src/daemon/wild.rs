//! Wildcards in the daemon's lists of hosts, users and options, and in the paths that clients ask for (spec 4.18).

pub use syncline_core::filter::wildmatch::{wildmatch as matches, wildmatch_fold as matches_any_case};

/// Whether a text has a wildcard in it.
pub fn is_wild(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}
