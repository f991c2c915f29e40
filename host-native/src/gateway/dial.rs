//! The way to a target: a socket to a daemon somewhere, or a connection handed to the daemon that this gateway belongs to.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UnixDatagram, UnixStream};
use tokio::time::timeout;

/// How a target is told the address of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Not at all.
    None,
    /// By a PROXY header, version 1.
    Text,
    /// By a PROXY header, version 2.
    Binary,
}

/// How a target is reached.
#[derive(Clone, Debug)]
pub enum Route {
    /// By a socket.
    Socket {
        /// A name or an address.
        host: String,
        /// The daemon's port.
        port: u16,
        /// Whether the client's address is told.
        header: Header,
    },
    /// One end of a socket pair goes to the daemon's listener through this descriptor.
    HandedOver(Arc<UnixDatagram>),
}

/// The two directions of a connection to a target.
pub struct Connection {
    /// What the daemon sends.
    pub input: Box<dyn AsyncRead + Send + Unpin>,
    /// What it gets.
    pub output: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Route {
    /// Connects on behalf of a client, who talks to us at `local`.
    pub async fn connect(&self, client: SocketAddr, local: SocketAddr, limit: Duration) -> io::Result<Connection> {
        match timeout(limit, self.connect_unbounded(client, local)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn connect_unbounded(&self, client: SocketAddr, local: SocketAddr) -> io::Result<Connection> {
        let (mut connection, header) = match self {
            Route::Socket { host, port, header } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                let _ = stream.set_nodelay(true);
                let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
                let (input, output) = stream.into_split();
                (Connection { input: Box::new(input), output: Box::new(output) }, *header)
            }
            Route::HandedOver(control) => {
                let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
                hand_over(control, &theirs).await?;
                ours.set_nonblocking(true)?;
                let (input, output) = UnixStream::from_std(ours)?.into_split();
                // The daemon takes what comes this way for its own gateway's word.
                (Connection { input: Box::new(input), output: Box::new(output) }, Header::Binary)
            }
        };
        let bytes = header.bytes(client, local);
        connection.output.write_all(&bytes).await?;
        Ok(connection)
    }
}

async fn hand_over(control: &UnixDatagram, descriptor: &std::os::unix::net::UnixStream) -> io::Result<()> {
    let send = || {
        let descriptors = [descriptor.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let sent = sendmsg(control.as_fd(), &[IoSlice::new(b"c")], &mut ancillary, SendFlags::NOSIGNAL);
        sent.map(drop).map_err(io::Error::from)
    };
    control.async_io(Interest::WRITABLE, send).await
}

impl Header {
    /// What is sent before all else.
    pub fn bytes(self, client: SocketAddr, local: SocketAddr) -> Vec<u8> {
        let (from, to) = alike(client.ip().to_canonical(), local.ip().to_canonical());
        let (from_port, to_port) = (client.port().max(1), local.port().max(1));
        match self {
            Header::None => Vec::new(),
            Header::Text => {
                let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
                format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
            }
            Header::Binary => {
                let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21".to_vec();
                match (from, to) {
                    (IpAddr::V4(from), IpAddr::V4(to)) => {
                        bytes.extend([0x11, 0, 12]);
                        bytes.extend([from.octets(), to.octets()].concat());
                    }
                    (from, to) => {
                        bytes.extend([0x21, 0, 36]);
                        bytes.extend([v6(from).octets(), v6(to).octets()].concat());
                    }
                }
                bytes.extend([from_port.to_be_bytes(), to_port.to_be_bytes()].concat());
                bytes
            }
        }
    }
}

/// A header has room for two addresses of one family. Should a reverse proxy name a client of another family than its own
/// connection's, our own address is left open: nobody decides by it.
fn alike(from: IpAddr, to: IpAddr) -> (IpAddr, IpAddr) {
    match (from, to) {
        (IpAddr::V4(_), IpAddr::V6(_)) => (from, Ipv4Addr::UNSPECIFIED.into()),
        (IpAddr::V6(_), IpAddr::V4(_)) => (from, Ipv6Addr::UNSPECIFIED.into()),
        _ => (from, to),
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let bytes = |header: Header, from: &str, to: &str| header.bytes(from.parse().unwrap(), to.parse().unwrap());
        let (v4, mapped, local) = ("192.0.2.1:4660", "[::ffff:192.0.2.1]:4660", "192.0.2.2:873");
        assert_eq!(bytes(Header::None, v4, local), b"");
        for from in [v4, mapped] {
            assert_eq!(bytes(Header::Text, from, local), b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 873\r\n");
            let expect = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x34\x03\x69";
            assert_eq!(bytes(Header::Binary, from, local), expect);
        }
        let v6 = "[2001:db8::1]:1";
        assert_eq!(bytes(Header::Text, v6, "[::1]:2"), b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
        assert_eq!(bytes(Header::Text, v6, local), b"PROXY TCP6 2001:db8::1 :: 1 873\r\n");
        assert_eq!(bytes(Header::Text, v4, "[::1]:2"), b"PROXY TCP4 192.0.2.1 0.0.0.0 4660 2\r\n");
        assert_eq!(bytes(Header::Binary, v6, "[::1]:2").len(), 16 + 36);
    }
}
