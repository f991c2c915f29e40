//! What the integration tests share: which programs are compared, scratch directories, trees to transfer, the comparer,
//! daemons, the stand-in for a remote shell, and a pool that runs many cells side by side.
//!
//! Nothing here uses the engine: what judges the program must not be the program.

// Each test crate compiles this module for itself and uses only a part of it.
#![allow(dead_code)]

pub mod compare;
pub mod daemon;
pub mod maker;
pub mod pool;
pub mod process;
pub mod programs;
pub mod random;
pub mod scratch;
pub mod shell;
pub mod sshd;
pub mod tree;
