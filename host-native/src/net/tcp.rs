//! Connecting to a daemon (spec 1.6.1, 4.23).

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use syncline_core::{Error, Exit};

use super::{program, proxy};
use crate::daemon::names::{self, Family};
use crate::exit::reason;

/// Applies a list of socket options; the last argument takes complaints, none of which is fatal.
pub type SetOptions = fn(BorrowedFd<'_>, &[u8], &mut Vec<String>);

/// A daemon, and how to reach it.
#[derive(Clone, Debug)]
pub struct Daemon<'a> {
    /// Its host.
    pub host: &'a [u8],
    /// Its port.
    pub port: u16,
    /// `-4` and `-6`
    pub family: Family,
    /// The local address (`--address`).
    pub address: Option<&'a [u8]>,
    /// How long one attempt may take (`--contimeout`).
    pub limit: Option<Duration>,
    /// `--sockopts`, and who knows them.
    pub options: Option<(&'a [u8], SetOptions)>,
    /// What this end is called in messages.
    pub role: &'static str,
    /// `RSYNC_PROXY`
    pub proxy: Option<&'a [u8]>,
    /// `RSYNC_CONNECT_PROG`
    pub program: Option<&'a [u8]>,
}

impl Daemon<'_> {
    /// Connects, by a program or a proxy if there is one. Complaints are lines for standard error.
    pub fn connect(&self, complaints: &mut Vec<String>) -> Result<OwnedFd, Error> {
        if let Some(command) = self.program {
            return program::connect(command, self.host, self.role);
        }
        let Some(proxy) = self.proxy.filter(|proxy| !proxy.is_empty()) else {
            return self.dial(self.host, self.port, complaints);
        };
        let proxy = proxy::Proxy::parse(proxy)?;
        let request = proxy.request(self.host, self.port)?;
        let socket = self.dial(proxy.host, proxy.port, complaints)?;
        proxy::shake_hands(socket.as_fd(), &request, self.limit)?;
        Ok(socket)
    }

    /// Tries all addresses of a host, in the order that the system gives.
    fn dial(&self, host: &[u8], port: u16, complaints: &mut Vec<String>) -> Result<OwnedFd, Error> {
        let shown = String::from_utf8_lossy(host);
        let addresses = names::resolve(Some(host), port, self.family)
            .map_err(|why| socket_error(format!("rsync: getaddrinfo: {shown} {port}: {why}")))?;
        let local = match self.address {
            Some(address) => names::resolve(Some(address), 0, self.family).map_err(|why| {
                socket_error(format!("rsync: getaddrinfo {}: {why}", String::from_utf8_lossy(address)))
            })?,
            None => Vec::new(),
        };
        let mut failures = Vec::new();
        for address in addresses {
            match self.attempt(address, &local, complaints) {
                Ok(socket) => return Ok(socket),
                Err(Failure::Late) => return Err(Error::host(Exit::CONNECT_TIMEOUT, failures.join("\n"))),
                Err(Failure::Bind(error)) => {
                    failures.push(format!("rsync: [{}] bind() failed: {}", self.role, reason(error)))
                }
                Err(Failure::Connect(error)) => {
                    let (role, ip, why) = (self.role, address.ip(), reason(error));
                    failures.push(format!("rsync: [{role}] failed to connect to {shown} ({ip}): {why}"));
                }
            }
        }
        Err(socket_error(failures.join("\n")))
    }

    fn attempt(&self, to: SocketAddr, local: &[SocketAddr], complaints: &mut Vec<String>) -> Result<OwnedFd, Failure> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = net::socket_with(family, SocketType::STREAM, flags, None).map_err(Failure::Connect)?;
        if let Some((list, set)) = self.options {
            let mut said = Vec::new();
            set(socket.as_fd(), list, &mut said);
            // One socket after another takes the same options: complaining once is enough.
            said.retain(|line| !complaints.contains(line));
            complaints.append(&mut said);
        }
        if !local.is_empty() {
            let from = local.iter().find(|from| from.is_ipv4() == to.is_ipv4());
            let from = from.ok_or(Failure::Bind(Errno::AFNOSUPPORT))?;
            net::bind(&socket, from).map_err(Failure::Bind)?;
        }
        match net::connect(&socket, &to) {
            Ok(()) => {}
            Err(Errno::INPROGRESS | Errno::INTR) => self.await_connection(&socket)?,
            Err(error) => return Err(Failure::Connect(error)),
        }
        fcntl_setfl(&socket, OFlags::empty()).map_err(Failure::Connect)?;
        Ok(socket)
    }

    fn await_connection(&self, socket: &OwnedFd) -> Result<(), Failure> {
        if !wait(socket.as_fd(), PollFlags::OUT, self.limit.map(|limit| Instant::now() + limit))
            .map_err(Failure::Connect)?
        {
            return Err(Failure::Late);
        }
        match sockopt::socket_error(socket) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) | Err(error) => Err(Failure::Connect(error)),
        }
    }
}

/// Why one address did not work.
enum Failure {
    /// The time is over: no other address is tried.
    Late,
    Bind(Errno),
    Connect(Errno),
}

pub(super) fn socket_error(text: impl Into<Vec<u8>>) -> Error {
    Error::host(Exit::SOCKET_IO, text)
}

/// Waits until `fd` is ready; false when the deadline has passed.
pub(super) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Option<Instant>) -> Result<bool, Errno> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], timeout.as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
