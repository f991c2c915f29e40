//! A running gateway, and small clients for it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::{Error, Message, WebSocket};

use super::support::programs::Program;

/// How long anything may take that is not meant to be slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway on a free port of the loopback, which ends with this value.
pub struct Front {
    child: Child,
    log: PathBuf,
    pub port: u16,
}

impl Front {
    /// Starts `syncline gateway` with these words; its log lies in `dir`.
    pub fn start(dir: &Path, words: &[&str]) -> Front {
        let log = dir.join("gateway.log");
        let _ = fs::remove_file(&log);
        let mut command = Program::Ours.command();
        command.args(["gateway", "--listen=127.0.0.1:0"]).args(words).arg("--log-file").arg(&log);
        let mut child = command.stdin(Stdio::null()).spawn().expect("starting a gateway");
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let port = text.split_once("://127.0.0.1:").and_then(|(_, rest)| rest.split_once('/'));
            if let Some((port, _)) = port {
                return Front { child, log, port: port.parse().expect("a port") };
            }
            assert!(matches!(child.try_wait(), Ok(None)), "the gateway has ended: {text}");
            assert!(start.elapsed() < PATIENCE, "the gateway does not start: {text}");
            sleep(Duration::from_millis(5));
        }
    }

    /// The origin of its own pages.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log holds this text.
    pub fn await_log(&self, text: &str) {
        until(|| self.log().contains(text), || format!("no {text:?} in the log:\n{}", self.log()));
    }

    /// The value of a line in `/metrics`.
    pub fn metric(&self, line: &str) -> u64 {
        let text = get(self.port, "/metrics", &[]).body;
        let name = format!("syncline_gateway_{line} ");
        let value = text.lines().find_map(|have| have.strip_prefix(&name));
        value.unwrap_or_else(|| panic!("no {name}in:\n{text}")).parse().expect("a number")
    }

    /// How often it has refused something for this reason.
    pub fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!("refusals_total{{reason=\"{reason}\"}}"))
    }

    /// Opens a WebSocket from a page of its own.
    pub fn open(&self, path: &str) -> WebSocket<TcpStream> {
        open(self.port, path, &[("Origin", &self.origin())]).unwrap_or_else(|status| panic!("{path}: {status}"))
    }

    /// Ends it by a signal.
    pub fn stop(mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
        ended(&mut self.child)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process.
pub fn ended(child: &mut Child) -> ExitStatus {
    let mut status = None;
    until(
        || {
            status = child.try_wait().expect("a child");
            status.is_some()
        },
        || "it does not end".to_owned(),
    );
    status.expect("just seen")
}

/// Waits until something is true.
pub fn until(mut is_so: impl FnMut() -> bool, report: impl Fn() -> String) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{}", report());
        sleep(Duration::from_millis(10));
    }
}

/// A connection that does not wait for ever.
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the gateway listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream
}

/// An answer to an HTTP request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub fn get(port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
    request("GET", port, path, headers)
}

pub fn post(port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
    request("POST", port, path, headers)
}

fn request(method: &str, port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        text.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = connect(port);
    stream.write_all(format!("{text}\r\n").as_bytes()).expect("sending a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    parse(&answer)
}

pub fn parse(answer: &[u8]) -> Answer {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A token for a page.
pub fn token(front: &Front) -> String {
    let answer = post(front.port, "/api/token", &[("Origin", &front.origin())]);
    token_in(&answer)
}

pub fn token_in(answer: &Answer) -> String {
    let json: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    json["token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned()
}

/// Opens a WebSocket, or tells the status of the refusal.
pub fn open(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request().expect("a URL");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header");
        request.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    }
    match tungstenite::client(request, connect(port)) {
        Ok((socket, response)) => {
            let asked =
                headers.iter().any(|(name, value)| *name == "Sec-WebSocket-Protocol" && value.contains("binary"));
            let chosen = response.headers().get("Sec-WebSocket-Protocol").map(HeaderValue::as_bytes);
            assert_eq!(chosen, asked.then_some(b"binary".as_slice()), "the subprotocol");
            Ok(socket)
        }
        Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(error) => panic!("{path}: {error}"),
    }
}

/// Everything that comes until the end, and the code and reason of the end.
pub fn read_to_close(socket: &mut WebSocket<TcpStream>) -> (Vec<u8>, u16, String) {
    let mut bytes = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(piece)) => bytes.extend_from_slice(&piece),
            Ok(Message::Close(Some(frame))) => return (bytes, frame.code.into(), frame.reason.to_string()),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            other => panic!("no close frame but {other:?} after {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
}

/// Reads until the bytes received end like this.
pub fn read_until(socket: &mut WebSocket<TcpStream>, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        match socket.read().unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&bytes))) {
            Message::Binary(piece) => bytes.extend_from_slice(&piece),
            Message::Ping(_) => {}
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
    String::from_utf8(bytes).expect("text")
}

/// Sends bytes as one message.
pub fn send(socket: &mut WebSocket<TcpStream>, bytes: &[u8]) {
    socket.send(Message::binary(bytes.to_vec())).expect("the gateway takes a message");
}
