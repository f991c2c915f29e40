//! The `syncline` command: client, server and daemon.

mod daemon {
    pub mod names;
}
mod drive;
mod exit;
mod locale;
mod net;
mod output;
mod signals;
mod time;

fn main() {}
