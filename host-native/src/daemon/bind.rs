//! The sockets that the listener waits at, one for each address (spec 5.1.3).

use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{self, AddressFamily, SocketType, sockopt as socket};

use super::log::{Log, reason, strerror};
use super::names::{self, Family};
use super::sockopt;

/// What to listen on.
pub struct Wanted {
    /// The host to bind to; all addresses without one.
    pub address: Option<Vec<u8>>,
    /// The port; of a number that is too large the low bits count, as with stock.
    pub port: i32,
    /// IPv4, IPv6 or both.
    pub family: Family,
    /// Socket options.
    pub options: Vec<u8>,
    /// How many connections may wait.
    pub backlog: i32,
    /// Whether failures are logged although some socket could be bound.
    pub verbose: bool,
}

impl Wanted {
    /// Binds a socket for each address and listens; the error is what the log says.
    pub fn open(&self, log: &Log) -> Result<Vec<OwnedFd>, Vec<String>> {
        let failed = |reason: &str| {
            let address = String::from_utf8_lossy(self.address.as_deref().unwrap_or(b"(null)"));
            vec![format!("rsync: getaddrinfo: bind address {address}: {reason}")]
        };
        if self.port < 0 {
            return Err(failed("Servname not supported for ai_socktype"));
        }
        let resolved = names::resolve(self.address.as_deref(), self.port as u16, self.family);
        let resolved = resolved.map_err(|reason| failed(&reason))?;
        let mut sockets = Vec::new();
        let mut failures = Vec::new();
        for address in resolved {
            match self.bind(address, log) {
                Ok(socket) => sockets.push(socket),
                Err(failure) => failures.push(failure),
            }
        }
        if sockets.is_empty() {
            failures.push(format!("unable to bind any inbound sockets on port {}", self.port));
            return Err(failures);
        }
        if self.verbose {
            failures.iter().for_each(|failure| log.warn(failure));
        }
        for socket in &sockets {
            net::listen(socket, self.backlog).map_err(|error| {
                let mut lines =
                    vec![format!("rsync: [Receiver] listen() on socket failed: {}", strerror(&error.into()))];
                if error == rustix::io::Errno::ADDRINUSE && sockets.len() > 1 {
                    lines.push("Try using --ipv4 or --ipv6 to avoid this listen() error.".to_owned());
                }
                lines
            })?;
        }
        Ok(sockets)
    }

    fn bind(&self, address: std::net::SocketAddr, log: &Log) -> Result<OwnedFd, String> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        // A connection that is gone before it is accepted must not block the others.
        let flags = net::SocketFlags::CLOEXEC | net::SocketFlags::NONBLOCK;
        let opened = net::socket_with(family, SocketType::STREAM, flags, None).map_err(|error| {
            let reason = reason(&error.into());
            format!("socket({},1,6) failed: {reason}", family.as_raw())
        })?;
        let _ = socket::set_socket_reuseaddr(&opened, true);
        let mut complaints = Vec::new();
        sockopt::apply(opened.as_fd(), &self.options, &mut complaints);
        complaints.iter().for_each(|line| log.warn(line));
        if address.is_ipv6() {
            let _ = socket::set_ipv6_v6only(&opened, true);
        }
        net::bind(&opened, &address).map_err(|error| {
            let reason = reason(&error.into());
            format!("bind() failed: {reason} (address-family {})", family.as_raw())
        })?;
        Ok(opened)
    }
}
