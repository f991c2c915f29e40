//! The functions that a module exports. `ABI.md` describes them for those who call them.
//!
//! | module | what |
//! |---|---|
//! | [`status`] | what a call returns |
//! | [`state`] | buffers and handles |
//! | [`files`] | checksums, signatures, deltas, patches |
//! | [`sessions`] | sessions |
//!
//! A caller's pointer is looked up among the buffers that it was given, and never followed otherwise, so there is no call
//! that could make the module read or write where it must not.

pub mod files;
pub mod sessions;
pub mod state;
pub mod status;

use state::{SIZE_REFUSED, with};
use status::Status;

/// The version of this interface. It changes when a function does.
pub const VERSION: u32 = 1;

/// The version of this interface.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_abi_version() -> u32 {
    VERSION
}

/// A buffer of `len` bytes for the caller to write into, or 0 if the limit forbids it.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_alloc(len: usize) -> usize {
    with(|state| Ok(state.buffers.alloc(len))).unwrap_or(SIZE_REFUSED)
}

/// Gives a buffer back.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_free(pointer: usize) -> i32 {
    status::code(with(|state| if state.buffers.free(pointer) { Ok(()) } else { Err(Status::BadPointer) }))
}

/// Sets how many bytes the module may have in use. What needs more is refused.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_set_memory_limit(bytes: u64) {
    crate::memory::set_limit(bytes);
}

/// Bytes in use.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_memory_used() -> u64 {
    crate::memory::used()
}

/// Where the text of the last error is: UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_error_ptr() -> usize {
    with(|state| Ok(state.error.as_ptr() as usize)).unwrap_or(0)
}

/// Its length.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_error_len() -> usize {
    with(|state| Ok(state.error.len())).unwrap_or(0)
}

/// Ends what a handle stands for.
#[unsafe(no_mangle)]
pub extern "C" fn syncline_close(handle: i32) -> i32 {
    status::code(with(|state| state.remove(handle).map(drop)))
}

#[cfg(test)]
mod tests;
