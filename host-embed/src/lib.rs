//! The engine for hosts that are not written in Rust, or that want it in a sandbox: a WebAssembly module without imports.
//!
//! | module | what |
//! |---|---|
//! | [`document`] | what crosses the boundary as values, and its version |
//! | [`session`] | a whole client or server, from its command line on |
//! | [`memory`] | how much the module has taken, and what it may |
//! | [`simd`] | the search in vectors |
//! | `abi` | the functions that a module exports; `ABI.md` describes them |
//!
//! The component has the same modules beneath it and another surface: see `component/`.

#[cfg(feature = "abi")]
pub mod abi;
pub mod document;
pub mod memory;
pub mod session;
pub mod simd;
