//! A socket to a daemon (spec 1.6.1, 4.23): its addresses in turn, through a proxy or a command if the environment says so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use syncline_core::options::{Family, Options};
use syncline_core::{Error, Exit};

use crate::daemon::sockopt;
use crate::errno::of_io;

/// Longest line of a proxy's answer.
const PROXY_LINE_BYTES: u64 = 1024;

/// Connects to a daemon.
pub fn open(host: &[u8], port: u16, options: &Options, role: &str) -> Result<OwnedFd, Error> {
    let host = String::from_utf8_lossy(host).into_owned();
    if let Some(program) = std::env::var_os("RSYNC_CONNECT_PROG") {
        return run_program(&program.to_string_lossy(), &host);
    }
    match std::env::var("RSYNC_PROXY") {
        Ok(proxy) if !proxy.is_empty() => through_proxy(&proxy, &host, port, options, role),
        _ => direct(&host, port, options, role),
    }
}

fn direct(host: &str, port: u16, options: &Options, role: &str) -> Result<OwnedFd, Error> {
    let found = (host, port).to_socket_addrs().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.rsplit(": ").next().unwrap_or_default().to_owned();
        Error::host(Exit::SOCKET_IO, format!("rsync: getaddrinfo: {host} {port}: {reason}"))
    })?;
    let fits = |address: &SocketAddr| match options.family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    };
    let mut failures = Vec::new();
    for address in found.filter(fits) {
        match attempt(address, options) {
            Ok(socket) => return Ok(socket),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut && options.contimeout > 0 => {
                let text = format!("rsync: [{role}] failed to connect to {host} ({}): Connection timed out (110)", address.ip());
                return Err(Error::host(Exit::CONNECT_TIMEOUT, text));
            }
            Err(error) => {
                let errno = of_io(&error);
                failures.push(format!(
                    "rsync: [{role}] failed to connect to {host} ({}): {} ({})",
                    address.ip(),
                    errno.text,
                    errno.code
                ));
            }
        }
    }
    if failures.is_empty() {
        failures.push(format!("rsync: getaddrinfo: {host} {port}: Address family for hostname not supported"));
    }
    Err(Error::host(Exit::SOCKET_IO, failures.join("\n")))
}

fn attempt(address: SocketAddr, options: &Options) -> std::io::Result<OwnedFd> {
    if options.contimeout > 0 && options.address.is_none() && options.sockopts.is_none() {
        let limit = Duration::from_secs(options.contimeout as u64);
        return Ok(TcpStream::connect_timeout(&address, limit)?.into());
    }
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let mut complaints = Vec::new();
    if let Some(list) = &options.sockopts {
        sockopt::apply(socket.as_fd(), list, &mut complaints);
    }
    for complaint in complaints {
        eprintln!("rsync: {complaint}");
    }
    if let Some(local) = &options.address {
        let local = String::from_utf8_lossy(local).into_owned();
        let local = (local.as_str(), 0).to_socket_addrs()?.find(|local| local.is_ipv4() == address.is_ipv4());
        if let Some(local) = local {
            bind(&socket, &local)?;
        }
    }
    connect(&socket, &address)?;
    Ok(socket)
}

/// `RSYNC_PROXY=[USER:PASS@]HOST:PORT`: an HTTP CONNECT.
fn through_proxy(proxy: &str, host: &str, port: u16, options: &Options, role: &str) -> Result<OwnedFd, Error> {
    let bad = |what: &str| Error::host(Exit::SOCKET_IO, format!("invalid proxy specification: should be {what}"));
    let (login, server) = match proxy.rsplit_once('@') {
        Some((login, server)) if login.contains(':') => (Some(login), server),
        Some(_) => return Err(bad("USER:PASS@HOST:PORT")),
        None => (None, proxy),
    };
    let (proxy_host, proxy_port) = server.rsplit_once(':').ok_or_else(|| bad("HOST:PORT"))?;
    let proxy_port = proxy_port.parse().map_err(|_| bad("HOST:PORT"))?;
    if host.bytes().any(|b| b.is_ascii_control()) {
        return Err(Error::host(Exit::SOCKET_IO, "invalid control character in proxy CONNECT host"));
    }
    let mut stream = TcpStream::from(direct(proxy_host, proxy_port, options, role)?);
    let mut request = format!("CONNECT {host}:{port} HTTP/1.0\r\n");
    if let Some(login) = login {
        request += &format!("Proxy-Authorization: Basic {}\r\n", base64(login.as_bytes()));
    }
    request += "\r\n";
    let failed = |_| Error::host(Exit::SOCKET_IO, "failed to write to proxy");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut first = String::new();
    loop {
        let line = proxy_line(&mut stream)?;
        if first.is_empty() {
            let status = line.strip_prefix("HTTP/").and_then(|rest| rest.split_whitespace().nth(1));
            if !status.is_some_and(|status| status.starts_with('2')) {
                return Err(Error::host(Exit::SOCKET_IO, format!("bad response from proxy -- {line}")));
            }
            first = line;
        } else if line.is_empty() {
            return Ok(stream.into());
        }
    }
}

/// One line, byte by byte, so that nothing behind it is taken.
fn proxy_line(stream: &mut TcpStream) -> Result<String, Error> {
    let mut line = Vec::new();
    let mut reader = BufReader::with_capacity(1, stream).take(PROXY_LINE_BYTES);
    let read = reader.read_until(b'\n', &mut line);
    match read {
        Ok(n) if n > 0 && line.ends_with(b"\n") => {
            let text = String::from_utf8_lossy(&line);
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        Ok(n) if n as u64 >= PROXY_LINE_BYTES => Err(Error::host(Exit::SOCKET_IO, "proxy response line too long")),
        _ => Err(Error::host(Exit::SOCKET_IO, "failed to read from proxy")),
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// `RSYNC_CONNECT_PROG`: a command whose standard input and output are the connection.
fn run_program(program: &str, host: &str) -> Result<OwnedFd, Error> {
    let unsafe_host = host.is_empty()
        || host.starts_with(['-', '+', '~', '%'])
        || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:%+~-".contains(&b));
    if program.contains('%') && unsafe_host {
        return Err(Error::host(Exit::SOCKET_IO, "unsafe host characters for RSYNC_CONNECT_PROG"));
    }
    let mut command = String::new();
    let mut rest = program.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('%', Some('H')) => {
                rest.next();
                command += &format!("'{host}'");
            }
            ('%', Some('%')) => {
                rest.next();
                command.push('%');
            }
            _ => command.push(c),
        }
    }
    let failed = |error: std::io::Error| {
        let errno = of_io(&error);
        Error::host(Exit::SOCKET_IO, format!("failed to run RSYNC_CONNECT_PROG: {} ({})", errno.text, errno.code))
    };
    let (ours, theirs) = crate::drive::socket_pair().map_err(failed)?;
    let shell = std::env::var_os("RSYNC_SHELL").unwrap_or_else(|| "sh".into());
    std::process::Command::new(shell)
        .arg("-c")
        .arg(command)
        .stdin(theirs.try_clone().map_err(failed)?)
        .stdout(theirs)
        .spawn()
        .map_err(failed)?;
    Ok(ours)
}

#[cfg(test)]
mod tests {
    #[test]
    fn padded_base64() {
        for (data, text) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("joe:secret", "am9lOnNlY3JldA==")] {
            assert_eq!(super::base64(data.as_bytes()), text);
        }
    }
}
