//! How much memory the module has taken, and the limit that its host sets.
//!
//! What a limit forbids is refused with a status before it is tried: a failed allocation deep inside would be a trap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static USED: AtomicU64 = AtomicU64::new(0);
static LIMIT: AtomicU64 = AtomicU64::new(DEFAULT_LIMIT);

/// The limit until a host sets one: 1 GiB.
pub const DEFAULT_LIMIT: u64 = 1 << 30;
/// What a call may need beside what it was given: the tables and windows of a session.
const HEADROOM: u64 = 1 << 20;

/// Counts what the system's allocator gives.
pub struct Counting;

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        USED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        USED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        USED.fetch_add(bytes as u64, Relaxed);
        USED.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(feature = "abi")]
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes in use.
pub fn used() -> u64 {
    USED.load(Relaxed)
}

/// Sets how many may be in use.
pub fn set_limit(bytes: u64) {
    LIMIT.store(bytes, Relaxed);
}

/// How many more may be taken.
pub fn left() -> u64 {
    LIMIT.load(Relaxed).saturating_sub(used())
}

/// Whether `bytes` more may be taken at once.
pub fn allows(bytes: u64) -> bool {
    bytes.checked_add(HEADROOM).is_some_and(|bytes| bytes <= left())
}
