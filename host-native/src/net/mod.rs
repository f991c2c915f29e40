//! Connections: a remote shell, a daemon's socket, or a pair of sockets inside this process.
//!
//! | module | what |
//! |---|---|
//! | [`ssh`] | starts a remote shell, and makes an exit code of its end |
//! | [`tcp`] | connects to a daemon: addresses in turn, binding, time limit |
//! | [`proxy`] | the same by way of an HTTP proxy (`RSYNC_PROXY`) |
//! | [`program`] | the same by way of a program (`RSYNC_CONNECT_PROG`) |
//! | [`pipe`] | both ends of a local copy in one process |

pub mod pipe;
mod program;
mod proxy;
pub mod ssh;
pub mod tcp;
