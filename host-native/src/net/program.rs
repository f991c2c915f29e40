//! A program in place of a connection to a daemon: `RSYNC_CONNECT_PROG` (spec 1.6.1).

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use syncline_core::{Error, Exit};

use super::child;
use super::tcp::socket_error;
use crate::errno::of_io;

/// Runs the program by the shell, with one end of a socket for input and output, and returns the other end.
pub fn connect(command: &[u8], host: &[u8], role: &str) -> Result<OwnedFd, Error> {
    let command = expand(command, host)?;
    let failed = |error: std::io::Error| {
        let errno = of_io(&error);
        let text = format!("rsync: [{role}] failed to run RSYNC_CONNECT_PROG: {} ({})", errno.text, errno.code);
        Error::host(Exit::SOCKET_IO, text)
    };
    let (ours, theirs) = pair().map_err(failed)?;
    let own = std::env::var_os("RSYNC_SHELL");
    let is_usual = own.is_none();
    let shell = own.unwrap_or_else(|| OsString::from("/bin/sh"));
    let output = theirs.try_clone().map_err(failed)?;
    // The program ends when the connection does; its status tells nothing that the daemon's words don't.
    let mut program = Command::new(shell);
    if is_usual {
        // What it calls itself in its messages, as where `system` starts it.
        program.arg0("sh");
    }
    program.arg("-c").arg(OsStr::from_bytes(&command));
    program.stdin(Stdio::from(theirs)).stdout(Stdio::from(output));
    child::prepare(&mut program);
    program.spawn().map_err(failed)?;
    Ok(ours)
}

/// A connection of this process with itself over the loopback: a daemon that inetd could have started wants to know its peer's
/// address.
fn pair() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) else {
        return UnixStream::pair().map(|(ours, theirs)| (ours.into(), theirs.into()));
    };
    let ours = TcpStream::connect(listener.local_addr()?)?;
    loop {
        let (theirs, from) = listener.accept()?;
        // Anybody on this machine may have been quicker.
        if from == ours.local_addr()? {
            return Ok((ours.into(), theirs.into()));
        }
    }
}

/// Puts the host in the place of `%H`. It is quoted, but only a harmless name is put there at all.
fn expand(command: &[u8], host: &[u8]) -> Result<Vec<u8>, Error> {
    if command.contains(&b'%') && !is_harmless(host) {
        return Err(socket_error("unsafe host characters for RSYNC_CONNECT_PROG"));
    }
    let mut out = Vec::with_capacity(command.len() + host.len());
    let mut bytes = command.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'%', Some(b'H')) => {
                out.extend([b"'", host, b"'"].concat());
                bytes.next();
            }
            (b'%', Some(b'%')) => {
                out.push(b'%');
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    Ok(out)
}

fn is_harmless(host: &[u8]) -> bool {
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._:-%+~".contains(byte))
        && host.first().is_some_and(|first| !b"-+~%".contains(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn expansion() {
        assert_eq!(expand(b"nc %H %% %x 873%", b"host-1").unwrap(), b"nc 'host-1' % %x 873%");
        for host in [&b""[..], b"-x", b"~x", b"a b", b"a'b", b"a;b", b"a\nb"] {
            let error = expand(b"nc %H", host).unwrap_err();
            assert_eq!(error.text_lossy(), "unsafe host characters for RSYNC_CONNECT_PROG");
            assert_eq!(expand(b"nc", host).unwrap(), b"nc", "not used, not judged");
        }
    }

    #[test]
    fn it_talks_over_one_socket() {
        let mut socket = TcpStream::from(connect(b"read line; echo got $line from %H", b"h", "sender").unwrap());
        socket.write_all(b"hello\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        assert_eq!(text, "got hello from h\n");
    }
}
