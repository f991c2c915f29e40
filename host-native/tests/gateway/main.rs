//! The gateway, as its clients see it: rsync through WebSockets to our daemon and to stock's, and everything that it must
//! refuse. WebSockets are opened by a library that is not the gateway's own code, and odd bytes are sent by hand.

mod bounds;
mod bridge;
mod daemon;
mod doors;
mod fake;
mod front;
mod logins;
mod page;
mod secure;
mod serve;
#[path = "../support/mod.rs"]
mod support;
mod transfer;
