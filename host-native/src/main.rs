//! The `syncline` command: client, server and daemon.

fn main() {}
