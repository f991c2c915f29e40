use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

const DIAL: Dial<'static> =
    Dial { family: names::Family::Any, address: None, limit: None, options: None, role: "Receiver" };

fn failure(dial: &Dial<'_>, host: &str, port: u16) -> (Exit, String) {
    let error = dial.direct(host.as_bytes(), port).unwrap_err();
    (error.exit, error.text_lossy())
}

/// A port that nobody listens on.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn options_of_the_command_line() {
    let mut options = Options::default();
    (options.contimeout, options.family) = (7, Family::V6);
    (options.address, options.sockopts) = (Some(b"a".to_vec()), Some(b"TCP_NODELAY".to_vec()));
    let dial = Dial::new(&options, "sender");
    assert_eq!((dial.limit, dial.family), (Some(Duration::from_secs(7)), names::Family::V6));
    assert_eq!((dial.address, dial.options), (Some(&b"a"[..]), Some(&b"TCP_NODELAY"[..])));
    assert_eq!(Dial::new(&Options::default(), "sender").limit, None);
}

#[test]
fn connects_from_the_wanted_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dial = Dial { address: Some(b"127.0.0.2"), options: Some(b"SO_KEEPALIVE,TCP_NODELAY"), ..DIAL };
    let mut socket = TcpStream::from(dial.direct(b"127.0.0.1", port).unwrap());
    assert!(socket.nodelay().unwrap());
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
    assert_eq!(failure(&DIAL, "127.0.0.1", port), (Exit::SOCKET_IO, refused.into()));
    let (exit, text) = failure(&DIAL, "no.such.host.invalid", 873);
    assert_eq!(exit, Exit::SOCKET_IO);
    assert!(text.starts_with("rsync: getaddrinfo: no.such.host.invalid 873: "), "{text}");
    let (_, text) = failure(&Dial { family: names::Family::V6, ..DIAL }, "127.0.0.1", 1);
    assert_eq!(text, "rsync: getaddrinfo: 127.0.0.1 1: Address family for hostname not supported");
    let (exit, text) = failure(&Dial { address: Some(b"192.0.2.1"), ..DIAL }, "127.0.0.1", port);
    assert_eq!(exit, Exit::SOCKET_IO);
    assert_eq!(text, "rsync: [Receiver] bind() failed: Cannot assign requested address (99)");
    let (_, text) = failure(&Dial { address: Some(b"no.such.host.invalid"), ..DIAL }, "127.0.0.1", port);
    assert!(text.starts_with("rsync: getaddrinfo no.such.host.invalid: "), "{text}");
}

/// A listener whose queue is full lets a further attempt hang, as an unreachable host does.
#[test]
fn the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let hang = Duration::from_millis(50);
    let fillers: Vec<_> = (0..3).map(|_| TcpStream::connect_timeout(&address, hang)).collect();
    assert!(fillers.iter().any(Result::is_err), "the queue is full");
    let dial = Dial { limit: Some(hang), address: Some(b"127.0.0.1"), ..DIAL };
    assert_eq!(failure(&dial, "127.0.0.1", address.port()).0, Exit::CONNECT_TIMEOUT);
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
    let mut socket = TcpStream::from(DIAL.through(proxy.as_bytes(), b"far.example", 873).unwrap());
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert_eq!(text, "@RSYNCD:");
    let expect = "CONNECT far.example:873 HTTP/1.0\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
    assert_eq!(served.join().unwrap(), expect);
}
