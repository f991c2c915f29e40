//! Getting a connection: a remote shell, or a socket to a daemon.
//!
//! | module | what |
//! |---|---|
//! | [`shell`] | starts a remote shell, and makes an exit code of its end |
//! | [`tcp`] | connects to a daemon: addresses in turn, binding, time limit |
//! | [`proxy`] | the same by way of an HTTP proxy (`RSYNC_PROXY`) |
//! | [`program`] | the same by way of a program (`RSYNC_CONNECT_PROG`) |
//! | [`child`] | what all children of this process get |

mod child;
mod program;
mod proxy;
pub mod shell;
pub mod tcp;
