//! Getting a connection: a remote shell, a socket to a daemon, or a pair of sockets within one machine.

pub mod shell;
pub mod tcp;
