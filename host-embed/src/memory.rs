//! How much memory the module has taken, and the limit that its host sets.
//!
//! What a limit forbids is refused with a status before it is tried: a failed allocation deep inside would be a trap. So a call
//! has to leave room for what it can't know beforehand: a few buffers, and a container that is full and takes twice its size
//! elsewhere before it gives up what it had.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static USED: AtomicU64 = AtomicU64::new(0);
static LIMIT: AtomicU64 = AtomicU64::new(DEFAULT_LIMIT);
/// The largest piece that the engine took by itself.
static LARGEST: AtomicU64 = AtomicU64::new(0);

/// The limit until a host sets one: 1 GiB.
pub const DEFAULT_LIMIT: u64 = 1 << 30;
/// What a call may need beside what it was given: the tables and windows of a session.
const HEADROOM: u64 = 2 << 20;
/// How much of its size the largest container may newly need.
const GROWTH: u64 = 2;

fn taken(bytes: usize) {
    USED.fetch_add(bytes as u64, Relaxed);
    LARGEST.fetch_max(bytes as u64, Relaxed);
}

/// Counts what the system's allocator gives.
pub struct Counting;

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        taken(bytes);
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

// A component's own crate does the same: what hosts use of this library keeps their allocator.
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

/// Whether `bytes` more may be taken at once, beside what a call needs anyway.
pub fn allows(bytes: u64) -> bool {
    bytes.saturating_add(HEADROOM).saturating_add(GROWTH * LARGEST.load(Relaxed)) <= left()
}

/// Takes pieces that will not grow.
pub fn fixed<T>(take: impl FnOnce() -> T) -> T {
    let largest = LARGEST.load(Relaxed);
    let result = take();
    LARGEST.store(largest, Relaxed);
    result
}

/// Nothing that was large is held any more.
pub fn settle() {
    LARGEST.store(0, Relaxed);
}
