//! A target that says what the test wants, for what no real daemon does.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// Starts a target, which treats each connection with `talk`; its port.
pub fn target(talk: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = talk.clone();
            thread::spawn(move || talk(stream));
        }
    });
    port
}

/// The daemon's half of a greeting without a password, up to the end of the arguments.
pub fn greet(stream: &mut TcpStream) {
    let mut reader = BufReader::with_capacity(1, stream.try_clone().unwrap());
    stream.write_all(b"@RSYNCD: 32.0 md5\n").unwrap();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    reader.read_line(&mut line).unwrap();
    stream.write_all(b"@RSYNCD: OK\n").unwrap();
    let mut words = Vec::new();
    while !words.ends_with(b"\0\0") {
        if reader.read_until(0, &mut words).unwrap() == 0 {
            return;
        }
    }
}

/// The client's half.
pub const HELLO: &[u8] = b"@RSYNCD: 32.0 md5\nmod\n";
/// The words after it.
pub const WORDS: &[u8] = b"--server\0--sender\0.\0mod/\0\0";
