//! An HTTP proxy on the way to a daemon: `RSYNC_PROXY=[USER:PASS@]HOST:PORT` (spec 1.6.1).

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::{Errno, read, write};
use syncline_core::{Error, Exit};

use super::tcp::{reason, socket_error, wait};

/// Longest request, and longest line of the reply.
const LINE_BYTES_MAX: usize = 1023;
/// Lines of a reply's header that are read before the proxy is given up.
const LINES_MAX: usize = 1000;

/// A proxy.
#[derive(Debug, PartialEq, Eq)]
pub struct Proxy<'a> {
    /// Its host.
    pub host: &'a [u8],
    /// Its port.
    pub port: u16,
    /// User and password, separated by a colon.
    login: Option<&'a [u8]>,
}

impl<'a> Proxy<'a> {
    /// Takes a specification apart: the user part ends at the last `@`.
    pub fn parse(text: &'a [u8]) -> Result<Proxy<'a>, Error> {
        let (login, place) = match text.iter().rposition(|&byte| byte == b'@') {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        if login.is_some_and(|login| !login.contains(&b':')) {
            return Err(socket_error("invalid proxy specification: should be USER:PASS@HOST:PORT"));
        }
        let colon = place.iter().rposition(|&byte| byte == b':');
        let port = colon.and_then(|at| std::str::from_utf8(&place[at + 1..]).ok()?.parse().ok());
        match (colon, port) {
            (Some(at), Some(port)) => Ok(Proxy { host: unbracketed(&place[..at]), port, login }),
            _ => Err(socket_error("invalid proxy specification: should be HOST:PORT")),
        }
    }

    /// What the proxy is sent.
    pub fn request(&self, host: &[u8], port: u16) -> Result<Vec<u8>, Error> {
        if host.iter().any(|byte| byte.is_ascii_control()) {
            return Err(socket_error("invalid control character in proxy CONNECT host"));
        }
        let mut request = [b"CONNECT ", host, format!(":{port} HTTP/1.0\r\n").as_bytes()].concat();
        if let Some(login) = self.login {
            request.extend([b"Proxy-Authorization: Basic ", base64(login).as_bytes(), b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        if request.len() > LINE_BYTES_MAX {
            return Err(socket_error("proxy CONNECT request too long"));
        }
        Ok(request)
    }
}

fn unbracketed(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
}

/// Sends the request and reads the reply, and not a byte more.
pub fn shake_hands(socket: BorrowedFd<'_>, request: &[u8], limit: Option<Duration>) -> Result<(), Error> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    send(socket, request, deadline)?;
    let status = line(socket, deadline)?;
    if !is_success(&status) {
        return Err(socket_error([b"bad response from proxy -- ", status.as_slice()].concat()));
    }
    for _ in 0..LINES_MAX {
        if line(socket, deadline)?.is_empty() {
            return Ok(());
        }
    }
    Err(socket_error("proxy response line too long"))
}

fn send(socket: BorrowedFd<'_>, mut bytes: &[u8], deadline: Option<Instant>) -> Result<(), Error> {
    let failed = |error| socket_error(format!("failed to write to proxy: {}", reason(error)));
    while !bytes.is_empty() {
        await_ready(socket, PollFlags::OUT, deadline)?;
        match write(socket, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// One line, byte by byte: what follows the reply is the daemon's.
fn line(socket: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<Vec<u8>, Error> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        await_ready(socket, PollFlags::IN, deadline)?;
        match read(socket, &mut byte) {
            Ok(0) => return Err(socket_error("failed to read from proxy: EOF")),
            Ok(_) if byte == *b"\n" => break,
            Ok(_) if line.len() == LINE_BYTES_MAX => return Err(socket_error("proxy response line too long")),
            Ok(_) => line.push(byte[0]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(socket_error(format!("failed to read from proxy: {}", reason(error)))),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn await_ready(socket: BorrowedFd<'_>, flags: PollFlags, deadline: Option<Instant>) -> Result<(), Error> {
    match wait(socket, flags, deadline) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::host(Exit::CONNECT_TIMEOUT, "")),
        Err(error) => Err(socket_error(format!("failed to wait for proxy: {}", reason(error)))),
    }
}

/// `HTTP/`, a version, blanks, and a status that begins with 2.
fn is_success(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"HTTP/") else { return false };
    let version = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let status = rest[version..].trim_ascii_start();
    status.len() < rest.len() - version && status.first() == Some(&b'2')
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { letter as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn specifications() {
        let proxy = |text| Proxy::parse(text).unwrap();
        assert_eq!(proxy(b"h:80"), Proxy { host: b"h", port: 80, login: None });
        assert_eq!(proxy(b"u:p@w@[::1]:80"), Proxy { host: b"::1", port: 80, login: Some(b"u:p@w") });
        let text = |text| Proxy::parse(text).unwrap_err().text_lossy();
        assert_eq!(text(b"foo"), "invalid proxy specification: should be HOST:PORT");
        assert_eq!(text(b"foo:"), "invalid proxy specification: should be HOST:PORT");
        assert_eq!(text(b"h:999999"), "invalid proxy specification: should be HOST:PORT");
        assert_eq!(text(b"u@h:1"), "invalid proxy specification: should be USER:PASS@HOST:PORT");
    }

    #[test]
    fn requests() {
        let proxy = Proxy::parse(b"user:pass@h:1").unwrap();
        let expect = b"CONNECT target:873 HTTP/1.0\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
        assert_eq!(proxy.request(b"target", 873).unwrap(), expect);
        assert_eq!(
            proxy.request(b"a\r\nb", 1).unwrap_err().text_lossy(),
            "invalid control character in proxy CONNECT host"
        );
        assert_eq!(proxy.request(&[b'a'; 1000], 1).unwrap_err().text_lossy(), "proxy CONNECT request too long");
    }

    #[test]
    fn base64_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    fn answered(reply: &[u8]) -> (Result<(), Error>, Vec<u8>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(reply).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let result = shake_hands(ours.as_fd(), b"CONNECT\r\n\r\n", None);
        let mut rest = Vec::new();
        (&ours).read_to_end(&mut rest).unwrap();
        (result, rest)
    }

    #[test]
    fn replies() {
        let (result, rest) = answered(b"HTTP/1.1  200 OK\r\nServer: x\r\n\r\n@RSYNCD: 32");
        assert!(result.is_ok());
        assert_eq!(rest, b"@RSYNCD: 32");
        let text = |reply: &[u8]| answered(reply).0.unwrap_err().text_lossy();
        assert_eq!(text(b"HTTP/1.0 403 No\r\n\r\n"), "bad response from proxy -- HTTP/1.0 403 No");
        assert_eq!(text(b"HTTP/1.0200\r\n\r\n"), "bad response from proxy -- HTTP/1.0200");
        assert_eq!(text(&[b'x'; 2000]), "proxy response line too long");
        assert_eq!(text(b"HTTP/1.0 200"), "failed to read from proxy: EOF");
    }

    #[test]
    fn a_silent_proxy() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let error = shake_hands(ours.as_fd(), b"x", Some(Duration::from_millis(10))).unwrap_err();
        assert_eq!(error.exit, Exit::CONNECT_TIMEOUT);
    }
}
