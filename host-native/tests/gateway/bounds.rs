//! What a client can use up: time, messages, connections, sessions, memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message, WebSocket};

use super::fake::{self, HELLO, WORDS};
use super::front::{Front, connect, get, open, read_to_close, read_until, send, until};
use super::support::scratch::Scratch;

/// A gateway to a target that greets and then waits.
fn front(scratch: &Scratch, words: &[&str]) -> Front {
    let port = fake::target(|mut stream| {
        fake::greet(&mut stream);
        let _ = stream.write_all(b"data");
        sleep(Duration::from_secs(30));
    });
    Front::start(scratch.path(), &[&[format!("--target=nas=rsync://127.0.0.1:{port}").as_str()], words].concat())
}

/// A session whose greeting is over.
fn established(front: &Front) -> WebSocket<TcpStream> {
    let mut socket = front.open("/ws/nas");
    send(&mut socket, HELLO);
    read_until(&mut socket, "OK\n");
    send(&mut socket, WORDS);
    read_until(&mut socket, "data");
    socket
}

#[test]
fn large_messages() {
    let scratch = Scratch::new("gateway messages");
    let front = front(&scratch, &["--message-bytes=100000"]);
    let mut socket = established(&front);
    send(&mut socket, &[0; 100_000]);
    socket.send(Message::binary(vec![0; 100_001])).unwrap();
    assert_eq!(read_to_close(&mut socket).1, 1009);

    // In fragments, each of which is small.
    let mut socket = established(&front);
    let piece = |at: usize| {
        let kind = if at == 0 { Data::Binary } else { Data::Continue };
        Message::Frame(Frame::message(vec![0; 1000], OpCode::Data(kind), false))
    };
    let sent = (0..200).take_while(|&at| socket.send(piece(at)).is_ok()).count();
    assert!(sent >= 100, "{sent} fragments were taken");
    assert_eq!(read_to_close(&mut socket).1, 1009);

    // A header that announces more than there is memory: nothing of it has to come.
    let mut socket = established(&front);
    socket.get_mut().write_all(b"\x82\xff\x00\xff\xff\xff\xff\xff\xff\xff\0\0\0\0").unwrap();
    assert_eq!(read_to_close(&mut socket).1, 1009);
    assert_eq!(front.refused("message_bytes"), 3);
    front.await_log("web session to nas from 127.0.0.1: a message is larger than the gateway allows");
}

#[test]
fn what_is_no_binary_message() {
    let scratch = Scratch::new("gateway garbage");
    let front = front(&scratch, &[]);
    let mut socket = established(&front);
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(read_to_close(&mut socket).1, 1003);
    for garbage in [&b"\x82\x01x"[..], b"\xff\x80\0\0\0\0", b"\xc2\x80\0\0\0\0", b"\x80\x80\0\0\0\0"] {
        let mut socket = established(&front);
        socket.get_mut().write_all(garbage).unwrap();
        assert_eq!(read_to_close(&mut socket).1, 1002, "{garbage:?}");
    }
    assert_eq!((front.refused("not_binary"), front.refused("garbage")), (1, 4));
    assert_eq!(front.metric("sessions_active{target=\"nas\"}"), 0);
}

/// Sends bytes one at a time until the gateway closes the connection; how long that took.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> Duration {
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    for byte in bytes.iter().cycle() {
        assert!(start.elapsed() < Duration::from_secs(15), "the gateway is too patient");
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        match stream.read(&mut [0; 1000]) {
            Ok(0) => break,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
            Ok(_) => {}
        }
    }
    start.elapsed()
}

#[test]
fn slow_handshakes() {
    let scratch = Scratch::new("gateway slow");
    let front = front(&scratch, &["--handshake-timeout=1"]);
    let request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ";
    let took = drip(connect(front.port), &[request.as_slice(), &[b'x'; 500]].concat());
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(5), "{took:?}");
    let mut silent = connect(front.port);
    let start = Instant::now();
    assert_eq!(silent.read(&mut [0; 10]).unwrap(), 0);
    assert!(start.elapsed() < Duration::from_secs(5));
    until(|| front.refused("handshake_timeout") == 2, || front.log());
    front.await_log("web connection from 127.0.0.1: the handshake took too long");
    // A head that is too large is not collected.
    let mut stream = connect(front.port);
    let sent = (0..1000).take_while(|_| stream.write_all(&[b'x'; 100_000]).is_ok()).count();
    assert!(sent < 1000, "the gateway collects everything");
    assert_eq!(get(front.port, "/", &[]).status, 200);
}

#[test]
fn slow_greetings() {
    let scratch = Scratch::new("gateway greeting");
    let front = front(&scratch, &["--greeting-timeout=1"]);
    let ends = |socket: &mut WebSocket<TcpStream>| {
        let start = Instant::now();
        let (_, code, reason) = read_to_close(socket);
        assert_eq!((code, reason.as_str()), (1008, "rsync's greeting and arguments took too long"));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    };
    // Nothing at all; no token; a greeting; words without an end, bit by bit.
    ends(&mut front.open("/ws/nas"));
    ends(&mut open(front.port, "/ws/nas", &[]).unwrap());
    let mut socket = front.open("/ws/nas");
    send(&mut socket, HELLO);
    ends(&mut socket);
    let mut socket = front.open("/ws/nas");
    send(&mut socket, HELLO);
    read_until(&mut socket, "OK\n");
    let start = Instant::now();
    while socket.send(Message::binary(b"-v\0".to_vec())).is_ok() && start.elapsed() < Duration::from_secs(2) {
        sleep(Duration::from_millis(50));
    }
    ends(&mut socket);
    assert_eq!(front.refused("greeting_timeout"), 4);
    // Who is done in time may stay.
    let mut socket = established(&front);
    sleep(Duration::from_millis(1500));
    send(&mut socket, b"more");
    assert_eq!(front.metric("sessions_active{target=\"nas\"}"), 1);
}

#[test]
fn idle_sessions() {
    let scratch = Scratch::new("gateway idle");
    let front = front(&scratch, &["--idle-timeout=2"]);
    let mut socket = established(&front);
    let start = Instant::now();
    for _ in 0..12 {
        sleep(Duration::from_millis(250));
        send(&mut socket, b"x");
    }
    assert!(start.elapsed() > Duration::from_millis(2900), "data keeps it alive");
    // Pings are no data.
    sleep(Duration::from_millis(500));
    socket.send(Message::Ping(Vec::new().into())).unwrap();
    let (_, code, reason) = read_to_close(&mut socket);
    assert_eq!((code, reason.as_str()), (1008, "there was no data for too long"));
    assert_eq!(front.refused("idle_timeout"), 1);
}

#[test]
fn connections() {
    let scratch = Scratch::new("gateway connections");
    let front = front(&scratch, &["--connections=4", "--connections-per-address=3"]);
    let held: Vec<WebSocket<TcpStream>> = (0..3).map(|_| established(&front)).collect();
    let closed = |mut stream: TcpStream| {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        matches!(stream.read(&mut [0; 10]), Ok(0) | Err(_))
    };
    assert!(closed(connect(front.port)));
    front.await_log("web connection from 127.0.0.1: there are too many connections from your address");
    // Another address has one more, and no more than that.
    let from = |last: u8| {
        let socket = connect_from(last, front.port);
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    };
    let mut other = from(2);
    other.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    assert!(other.read(&mut [0; 10]).unwrap() > 0);
    assert!(closed(from(3)));
    front.await_log("web connection from 127.0.0.3: the gateway has as many connections as it may");
    drop((held, other));
    until(|| !closed(connect(front.port)), || front.log());
    assert!(front.refused("connections_per_address") >= 1 && front.refused("connections") >= 1);
}

/// A connection from another address of the loopback.
fn connect_from(last: u8, port: u16) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    use std::net::{Ipv4Addr, SocketAddrV4};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).unwrap();
    socket.into()
}

#[test]
fn sessions_in_a_minute() {
    let scratch = Scratch::new("gateway rate");
    let front = front(&scratch, &["--sessions-per-minute=5"]);
    let origin = front.origin();
    let statuses: Vec<_> = (0..8).map(|_| open(front.port, "/ws/nas", &[("Origin", &origin)]).err()).collect();
    assert_eq!(statuses, [[None; 5].as_slice(), &[Some(429); 3]].concat());
    assert_eq!(super::front::post(front.port, "/api/token", &[("Origin", &origin)]).status, 429);
    assert_eq!(front.refused("sessions_per_minute"), 4);
    front.await_log("for /ws/nas: too many sessions from your address");
}

/// Whoever does not read stops who writes: nothing is piled up in the gateway.
#[test]
fn slow_readers() {
    const BOUND: u64 = 64 << 20;
    let scratch = Scratch::new("gateway backpressure");
    let written = Arc::new(AtomicU64::new(0));
    let port = fake::target({
        let written = written.clone();
        move |mut stream| {
            fake::greet(&mut stream);
            while stream.write_all(&[7; 1 << 16]).is_ok() {
                written.fetch_add(1 << 16, Ordering::SeqCst);
            }
        }
    });
    let front = Front::start(scratch.path(), &[&format!("--target=nas=rsync://127.0.0.1:{port}")]);
    let mut socket = front.open("/ws/nas");
    send(&mut socket, HELLO);
    read_until(&mut socket, "OK\n");
    send(&mut socket, WORDS);
    let stops = |count: &AtomicU64| {
        let mut last = u64::MAX;
        until(
            || {
                let now = count.load(Ordering::SeqCst);
                assert!(now < BOUND, "{now} bytes are on the way");
                sleep(Duration::from_millis(300));
                std::mem::replace(&mut last, now) == now && now > 0
            },
            || "it does not stop".to_owned(),
        );
    };
    stops(&written);
    // The same in the other direction: this target reads nothing.
    let sent = Arc::new(AtomicU64::new(0));
    thread::spawn({
        let sent = sent.clone();
        move || {
            while socket.send(Message::binary(vec![1; 1 << 16])).is_ok() {
                sent.fetch_add(1 << 16, Ordering::SeqCst);
            }
        }
    });
    stops(&sent);
}

#[test]
fn the_end() {
    let scratch = Scratch::new("gateway end");
    let front = front(&scratch, &[]);
    let mut socket = established(&front);
    let end = thread::spawn(move || {
        let (_, code, _) = read_to_close(&mut socket);
        // The answer to the goodbye.
        while !matches!(socket.read(), Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_))) {}
        code
    });
    sleep(Duration::from_millis(100));
    let status = front.stop(Signal::TERM);
    assert_eq!((end.join().unwrap(), status.code()), (1001, Some(0)));
}
