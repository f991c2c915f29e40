//! A socket to a daemon (spec 1.6.1, 4.23): its addresses in turn, through a proxy or a program if the environment says so.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt as socket_option};
use syncline_core::options::{Family, Options};
use syncline_core::{Error, Exit};

use super::{program, proxy};
use crate::daemon::{names, sockopt};
use crate::errno::errno;

/// Connects to a daemon.
pub fn open(host: &[u8], port: u16, options: &Options, role: &str) -> Result<OwnedFd, Error> {
    let variable = |name| std::env::var_os(name).map(OsStringExt::into_vec);
    let dial = Dial::new(options, role);
    if let Some(command) = variable("RSYNC_CONNECT_PROG") {
        return program::connect(&command, host, role);
    }
    match variable("RSYNC_PROXY").filter(|proxy| !proxy.is_empty()) {
        Some(proxy) => dial.through(&proxy, host, port),
        None => dial.direct(host, port),
    }
}

/// How to connect.
#[derive(Clone, Debug)]
struct Dial<'a> {
    family: names::Family,
    /// `--address`
    address: Option<&'a [u8]>,
    /// `--contimeout`: how long one attempt may take.
    limit: Option<Duration>,
    /// `--sockopts`
    options: Option<&'a [u8]>,
    role: &'a str,
}

/// Why one address did not work.
enum Failure {
    /// The time is over: no other address is tried.
    Late,
    Bind(Errno),
    Connect(Errno),
}

impl<'a> Dial<'a> {
    fn new(options: &'a Options, role: &'a str) -> Dial<'a> {
        Dial {
            family: match options.family {
                Family::Any => names::Family::Any,
                Family::V4 => names::Family::V4,
                Family::V6 => names::Family::V6,
            },
            address: options.address.as_deref(),
            limit: u64::try_from(options.contimeout).ok().filter(|&limit| limit > 0).map(Duration::from_secs),
            options: options.sockopts.as_deref(),
            role,
        }
    }

    fn through(&self, proxy: &[u8], host: &[u8], port: u16) -> Result<OwnedFd, Error> {
        let proxy = proxy::Proxy::parse(proxy)?;
        let request = proxy.request(host, port)?;
        let socket = self.direct(proxy.host, proxy.port)?;
        proxy::shake_hands(socket.as_fd(), &request, self.limit)?;
        Ok(socket)
    }

    /// Tries all addresses of a host, in the order that the system gives.
    fn direct(&self, host: &[u8], port: u16) -> Result<OwnedFd, Error> {
        let shown = String::from_utf8_lossy(host);
        let addresses = names::resolve(Some(host), port, self.family)
            .map_err(|why| socket_error(format!("rsync: getaddrinfo: {shown} {port}: {why}")))?;
        let local = self.local_addresses()?;
        let mut failures = Vec::new();
        let mut complaints = Vec::new();
        for address in addresses {
            match self.attempt(address, local.as_deref(), &mut complaints) {
                Ok(socket) => return Ok(socket),
                Err(Failure::Late) => return Err(Error::host(Exit::CONNECT_TIMEOUT, failures.join("\n"))),
                Err(Failure::Bind(error)) => {
                    failures.push(format!("rsync: [{}] bind() failed: {}", self.role, reason(error)));
                }
                Err(Failure::Connect(error)) => {
                    let (role, ip, why) = (self.role, address.ip(), reason(error));
                    failures.push(format!("rsync: [{role}] failed to connect to {shown} ({ip}): {why}"));
                }
            }
        }
        Err(socket_error(failures.join("\n")))
    }

    fn local_addresses(&self) -> Result<Option<Vec<SocketAddr>>, Error> {
        let Some(address) = self.address else { return Ok(None) };
        let found = names::resolve(Some(address), 0, self.family);
        let shown = String::from_utf8_lossy(address);
        found.map(Some).map_err(|why| socket_error(format!("rsync: getaddrinfo {shown}: {why}")))
    }

    fn attempt(
        &self,
        to: SocketAddr,
        local: Option<&[SocketAddr]>,
        complaints: &mut Vec<String>,
    ) -> Result<OwnedFd, Failure> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = net::socket_with(family, SocketType::STREAM, flags, None).map_err(Failure::Connect)?;
        if let Some(list) = self.options {
            self.set_options(&socket, list, complaints);
        }
        if let Some(local) = local {
            let from = local.iter().find(|from| from.is_ipv4() == to.is_ipv4());
            net::bind(&socket, from.ok_or(Failure::Bind(Errno::AFNOSUPPORT))?).map_err(Failure::Bind)?;
        }
        match net::connect(&socket, &to) {
            Ok(()) => {}
            Err(Errno::INPROGRESS | Errno::INTR) => self.await_connection(&socket)?,
            Err(error) => return Err(Failure::Connect(error)),
        }
        fcntl_setfl(&socket, OFlags::empty()).map_err(Failure::Connect)?;
        Ok(socket)
    }

    /// What one socket complains about, the next one would too: it is said once.
    fn set_options(&self, socket: &OwnedFd, list: &[u8], complaints: &mut Vec<String>) {
        let mut said = Vec::new();
        sockopt::apply(socket.as_fd(), list, &mut said);
        for line in said {
            if !complaints.contains(&line) {
                eprintln!("{line}");
                complaints.push(line);
            }
        }
    }

    fn await_connection(&self, socket: &OwnedFd) -> Result<(), Failure> {
        let deadline = self.limit.map(|limit| Instant::now() + limit);
        if !wait(socket.as_fd(), PollFlags::OUT, deadline).map_err(Failure::Connect)? {
            return Err(Failure::Late);
        }
        match socket_option::socket_error(socket) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) | Err(error) => Err(Failure::Connect(error)),
        }
    }
}

/// An error that ends in exit 10.
pub(super) fn socket_error(text: impl Into<Vec<u8>>) -> Error {
    Error::host(Exit::SOCKET_IO, text)
}

/// What the system calls an error, with its number.
pub(super) fn reason(error: Errno) -> String {
    let errno = errno(error);
    format!("{} ({})", errno.text, errno.code)
}

/// Waits until `fd` is ready; false when the deadline has passed.
pub(super) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Option<Instant>) -> Result<bool, Errno> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], timeout.as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
            Ok(0) => {}
            // The user interrupts a connection that does not come about; there is no session to wind up.
            Err(Errno::INTR) if crate::signals::caught() => return Err(Errno::INTR),
            Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
