use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn daemon(port: u16) -> Daemon<'static> {
    Daemon {
        host: b"127.0.0.1",
        port,
        family: Family::Any,
        address: None,
        limit: None,
        options: None,
        role: "Receiver",
        proxy: None,
        program: None,
    }
}

fn failure(daemon: &Daemon<'_>) -> (Exit, String) {
    let error = daemon.connect(&mut Vec::new()).unwrap_err();
    (error.exit, error.text_lossy())
}

/// A port that nobody listens on.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn connects_from_the_wanted_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let complain: SetOptions = |socket, list, complaints| {
        assert!(sockopt::socket_keepalive(socket).is_ok());
        complaints.push(String::from_utf8_lossy(list).into_owned());
    };
    let daemon = Daemon { address: Some(b"127.0.0.2"), options: Some((b"FOO", complain)), ..daemon(port) };
    let mut complaints = Vec::new();
    let mut socket = TcpStream::from(daemon.connect(&mut complaints).unwrap());
    assert_eq!(complaints, ["FOO"]);
    let (mut accepted, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip().to_string(), "127.0.0.2");
    accepted.write_all(b"@RSYNCD: 32.0\n").unwrap();
    drop(accepted);
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert_eq!(text, "@RSYNCD: 32.0\n", "the socket is blocking");
}

#[test]
fn failures() {
    let port = dead_port();
    let refused = "rsync: [Receiver] failed to connect to 127.0.0.1 (127.0.0.1): Connection refused (111)";
    assert_eq!(failure(&daemon(port)), (Exit::SOCKET_IO, refused.into()));
    let (exit, text) = failure(&Daemon { host: b"no.such.host.invalid", ..daemon(873) });
    assert_eq!(exit, Exit::SOCKET_IO);
    assert!(text.starts_with("rsync: getaddrinfo: no.such.host.invalid 873: "), "{text}");
    let (_, text) = failure(&Daemon { family: Family::V6, ..daemon(1) });
    assert_eq!(text, "rsync: getaddrinfo: 127.0.0.1 1: Address family for hostname not supported");
    let (exit, text) = failure(&Daemon { address: Some(b"192.0.2.1"), ..daemon(port) });
    assert_eq!(exit, Exit::SOCKET_IO);
    assert_eq!(text, "rsync: [Receiver] bind() failed: Cannot assign requested address (99)");
}

/// A listener whose queue is full lets a further attempt hang, as an unreachable host does.
#[test]
fn the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let hang = Duration::from_millis(50);
    let fillers: Vec<_> = (0..3).map(|_| TcpStream::connect_timeout(&address, hang)).collect();
    assert!(fillers.iter().any(Result::is_err), "the queue is full");
    let daemon = Daemon { limit: Some(hang), ..daemon(address.port()) };
    assert_eq!(failure(&daemon).0, Exit::CONNECT_TIMEOUT);
}

#[test]
fn by_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("u:p@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let served = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        socket.write_all(b"HTTP/1.0 200 Fine\r\n\r\n@RSYNCD:").unwrap();
        String::from_utf8(request).unwrap()
    });
    let daemon = Daemon { host: b"far.example", proxy: Some(proxy.as_bytes()), ..daemon(873) };
    let mut socket = TcpStream::from(daemon.connect(&mut Vec::new()).unwrap());
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert_eq!(text, "@RSYNCD:");
    let expect = "CONNECT far.example:873 HTTP/1.0\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
    assert_eq!(served.join().unwrap(), expect);
    let broken = Daemon { proxy: Some(b"foo"), ..daemon };
    assert_eq!(failure(&broken), (Exit::SOCKET_IO, "invalid proxy specification: should be HOST:PORT".into()));
}

#[test]
fn by_program() {
    let daemon = Daemon { program: Some(b"echo for %H"), proxy: Some(b"foo"), ..daemon(873) };
    let mut socket = std::os::unix::net::UnixStream::from(daemon.connect(&mut Vec::new()).unwrap());
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert_eq!(text, "for 127.0.0.1\n");
}
