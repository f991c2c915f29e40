//! One session: a WebSocket on one side, a target on the other, and bytes between them.
//!
//! ```text
//!  client ── binary messages ─→ up ──→ target        each direction holds one piece, and waits until the other side
//!  client ←─ binary messages ── down ← target        has taken it: whoever is slow slows the other down
//!                               watch                greeting, idle time, the gateway's end
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::Gateway;
use super::dial::Connection;
use super::greeting::{Greeting, Said};
use super::limits::{Group, Place};
use super::metrics::OfTarget;
use super::refusal::Refusal;
use super::visitor::Visitor;

/// How much is read from a target at a time.
const PIECE_BYTES: usize = 64 << 10;
/// A proxy on the way may take a connection for dead on which nothing moves; a ping moves.
const PING_AFTER: Duration = Duration::from_secs(30);
/// For the other side's goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
const TOKEN_WORD: &str = "token ";

/// Who wants to reach what.
pub struct Session {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The place of the target in the table.
    pub target: usize,
    /// The client.
    pub visitor: Visitor,
    /// Whether the first message must be a token.
    pub wants_token: bool,
    /// The client's places among all connections and sessions, kept until the end.
    pub _places: (Arc<Place>, Place),
}

/// How a session ends.
enum End {
    /// The daemon has closed the connection: all is said.
    Target,
    /// The client has.
    Client,
    /// We do.
    Refused(Refusal),
}

/// What the three parts of a session share.
struct State<'a> {
    session: &'a Session,
    counters: OfTarget,
    greeting: Mutex<Greeting>,
    established: AtomicBool,
    start: Instant,
    /// Milliseconds from the start to the last data.
    last: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

/// Carries a session to its end.
pub async fn run(socket: WebSocket, session: Session) {
    let (mut sink, mut stream) = socket.split();
    let deadline = session.gateway.settings.limits.greeting_timeout;
    if session.wants_token {
        let shown = timeout(deadline, first_token(&mut stream, &session)).await;
        if let Err(refusal) = shown.unwrap_or(Err(Refusal::SlowGreeting)) {
            session.refuse(refusal, "");
            return close(&mut sink, &mut stream, refusal.close_code(), refusal.text()).await;
        }
    }
    let limits = &session.gateway.settings.limits;
    let route = &session.target().route;
    let Visitor { client, local, .. } = session.visitor;
    match route.connect(client, local, limits.handshake_timeout).await {
        Ok(connection) => relay(sink, stream, connection, &session).await,
        Err(error) => {
            session.refuse(Refusal::Unreachable, &format!(": {error}"));
            close(&mut sink, &mut stream, Refusal::Unreachable.close_code(), Refusal::Unreachable.text()).await;
        }
    }
}

/// A client that could not put its token into the subprotocol sends it first: the text `token TOKEN`.
async fn first_token(stream: &mut Stream, session: &Session) -> Result<(), Refusal> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => {
                let token = text.as_str().strip_prefix(TOKEN_WORD).ok_or(Refusal::NoToken)?;
                let is_good = session.gateway.tokens.redeem(token.trim_end());
                return if is_good { Ok(()) } else { Err(Refusal::BadToken) };
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => return Err(broken(error).unwrap_or(Refusal::NoToken)),
            Some(Ok(Message::Binary(_) | Message::Close(_))) | None => return Err(Refusal::NoToken),
        }
    }
}

impl Session {
    fn target(&self) -> &super::settings::Target {
        &self.gateway.settings.targets[self.target]
    }

    fn refuse(&self, refusal: Refusal, why: &str) {
        let (name, client) = (&self.target().name, self.visitor.client.ip());
        self.gateway.refuse(refusal, &format!("web session to {name} from {client}: {}{why}", refusal.text()));
    }
}

async fn relay(mut sink: Sink, mut stream: Stream, connection: Connection, session: &Session) {
    let Connection { mut input, mut output } = connection;
    let target = session.target();
    let counters = session.gateway.metrics.target(&target.name);
    let client = session.visitor.client.ip();
    session.gateway.journal.info(&format!("web session to {} from {client} begins", target.name));
    counters.sessions.inc();
    counters.active.inc();
    let state = State {
        session,
        counters,
        greeting: Mutex::new(Greeting::new()),
        established: AtomicBool::new(false),
        start: Instant::now(),
        last: AtomicU64::new(0),
        sent: AtomicU64::new(0),
        received: AtomicU64::new(0),
    };
    let mut login = Login { gateway: &session.gateway, group: client.into(), reserved: false };
    let end = tokio::select! {
        end = up(&mut stream, &mut output, &state) => end,
        end = down(&mut input, &mut sink, &state, &mut login) => end,
        refusal = watch(&state) => End::Refused(refusal),
    };
    if !state.greeting.lock().unwrap_or_else(PoisonError::into_inner).failed_login() {
        login.forgive();
    }
    state.counters.active.dec();
    match end {
        End::Target => close(&mut sink, &mut stream, 1000, "").await,
        End::Client => {
            // A connection that is dropped with unread bytes is reset, and the daemon might lose the client's last ones.
            let _ = output.shutdown().await;
            let mut rest = vec![0; PIECE_BYTES];
            let _ = timeout(GOODBYE, async { while input.read(&mut rest).await.is_ok_and(|count| count > 0) {} }).await;
            close(&mut sink, &mut stream, 1000, "").await;
        }
        End::Refused(refusal) => {
            session.refuse(refusal, "");
            close(&mut sink, &mut stream, refusal.close_code(), refusal.text()).await;
        }
    }
    let [received, sent] = [&state.received, &state.sent].map(|count| count.load(Ordering::Relaxed));
    let seconds = state.start.elapsed().as_secs_f64();
    let line = format!("web session to {} from {client} ends: {received} bytes up, {sent} down", target.name);
    session.gateway.journal.info(&format!("{line}, {seconds:.1} s"));
}

/// From the client to the target.
async fn up(stream: &mut Stream, output: &mut (dyn tokio::io::AsyncWrite + Send + Unpin), state: &State<'_>) -> End {
    loop {
        match stream.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                state.moved(bytes.len(), &state.received);
                state.counters.received.inc_by(bytes.len() as u64);
                state.heard_client(&bytes);
                if output.write_all(&bytes).await.is_err() {
                    // It may still have a last word for us, which the other direction waits for.
                    sleep(GOODBYE).await;
                    return End::Target;
                }
                // A target that takes its time is not idle.
                state.moved(0, &state.received);
            }
            Some(Ok(Message::Text(_))) => return End::Refused(Refusal::NotBinary),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return End::Client,
            Some(Err(error)) => return broken(error).map_or(End::Client, End::Refused),
        }
    }
}

/// From the target to the client.
async fn down(
    input: &mut (dyn tokio::io::AsyncRead + Send + Unpin),
    sink: &mut Sink,
    state: &State<'_>,
    login: &mut Login<'_>,
) -> End {
    let mut buffer = bytes::BytesMut::new();
    loop {
        buffer.reserve(PIECE_BYTES);
        let message = match timeout(PING_AFTER, input.read_buf(&mut buffer)).await {
            Err(_) => Message::Ping(Bytes::new()),
            Ok(Ok(0) | Err(_)) => {
                let rest = state.greeting.lock().unwrap_or_else(PoisonError::into_inner).rest();
                if !rest.is_empty() {
                    let _ = sink.send(Message::Binary(rest.into())).await;
                }
                return End::Target;
            }
            Ok(Ok(count)) => {
                state.moved(count, &state.sent);
                state.counters.sent.inc_by(count as u64);
                let piece = buffer.split().freeze();
                match state.heard_target(piece, login) {
                    Ok(bytes) if bytes.is_empty() => continue,
                    Ok(bytes) => Message::Binary(bytes),
                    Err((mut bytes, refusal)) => {
                        bytes.extend_from_slice(format!("@ERROR: {}\n", refusal.text()).as_bytes());
                        let _ = sink.send(Message::Binary(bytes.into())).await;
                        return End::Refused(refusal);
                    }
                }
            }
        };
        if sink.send(message).await.is_err() {
            return End::Client;
        }
        state.moved(0, &state.sent);
    }
}

/// Ends when the session must.
async fn watch(state: &State<'_>) -> Refusal {
    let limits = &state.session.gateway.settings.limits;
    let mut stopping = state.session.gateway.stopping.subscribe();
    loop {
        let now = state.start.elapsed();
        let idle_at = Duration::from_millis(state.last.load(Ordering::Relaxed)) + limits.idle_timeout;
        let greeted = state.established.load(Ordering::Relaxed);
        if now >= idle_at {
            return Refusal::Idle;
        }
        if !greeted && now >= limits.greeting_timeout {
            return Refusal::SlowGreeting;
        }
        let until = if greeted { idle_at } else { idle_at.min(limits.greeting_timeout) };
        tokio::select! {
            () = sleep(until - now) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return Refusal::Stopping,
        }
    }
}

impl State<'_> {
    /// Data has moved.
    fn moved(&self, count: usize, counter: &AtomicU64) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
        self.last.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn heard_client(&self, bytes: &[u8]) {
        if !self.established.load(Ordering::Relaxed) {
            let mut greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
            greeting.hear_client(bytes);
            self.established.store(greeting.is_established(), Ordering::Relaxed);
        }
    }

    /// What can be passed on to the client; with a refusal, what comes before it.
    fn heard_target(&self, piece: Bytes, login: &mut Login<'_>) -> Result<Bytes, (Vec<u8>, Refusal)> {
        if self.established.load(Ordering::Relaxed) {
            return Ok(piece);
        }
        let mut greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pass = Vec::new();
        let mut left = piece.as_ref();
        while !left.is_empty() {
            let (used, said) = greeting.hear_daemon(left, &mut pass);
            left = &left[used..];
            match said {
                Some(Said::Challenge) if !login.reserve() => return Err((pass, Refusal::Logins)),
                Some(Said::LoginFailed) => {
                    self.counters.failed_logins.inc();
                    let line = format!(
                        "failed login at {} from {}",
                        self.session.target().name,
                        self.session.visitor.client.ip()
                    );
                    self.session.gateway.journal.info(&line);
                }
                Some(Said::Accepted) => login.forgive(),
                Some(Said::Challenge) | None => {}
            }
            greeting.hear_daemon(b"", &mut pass);
        }
        Ok(pass.into())
    }
}

/// A permit to fail: it is taken when a password is asked for, and given back unless a wrong one comes.
struct Login<'a> {
    gateway: &'a Gateway,
    group: Group,
    reserved: bool,
}

impl Login<'_> {
    fn reserve(&mut self) -> bool {
        self.reserved = self.reserved || self.gateway.logins.take(self.group);
        self.reserved
    }

    fn forgive(&mut self) {
        if std::mem::take(&mut self.reserved) {
            self.gateway.logins.give_back(self.group);
        }
    }
}

/// What was wrong with a message; nothing, if the connection is just gone.
fn broken(error: axum::Error) -> Option<Refusal> {
    use tungstenite::Error;
    use tungstenite::error::ProtocolError;
    match error.into_inner().downcast_ref::<Error>()? {
        Error::Capacity(_) => Some(Refusal::TooLarge),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) | Error::Utf8(_) => Some(Refusal::Garbage),
        _ => None,
    }
}

/// Says goodbye, and waits a moment for the client's: else it might not get what was sent last.
async fn close(sink: &mut Sink, stream: &mut Stream, code: u16, reason: &str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let farewell = async {
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    let _ = timeout(GOODBYE, farewell).await;
}
