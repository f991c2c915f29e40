//! Who gets in: origins, tokens, secrets, targets, host names.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use tungstenite::Message;

use super::fake;
use super::front::{Front, get, open, post, read_to_close, read_until, send, token, token_in};
use super::support::scratch::Scratch;

const SECRET: &str = "a secret of this test";

struct Door {
    front: Front,
    /// Connections that reached the target.
    reached: Arc<AtomicUsize>,
    _scratch: Scratch,
}

fn door(words: &[&str]) -> Door {
    let scratch = Scratch::new("gateway door");
    let secrets = scratch.path().join("secrets");
    fs::write(&secrets, format!("# for tests\n{SECRET}\n")).unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let port = fake::target({
        let reached = reached.clone();
        move |mut stream| {
            reached.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"@RSYNCD: 32.0 md5\n");
            sleep(Duration::from_secs(30));
        }
    });
    let (target, secrets) = (format!("--target=nas=rsync://127.0.0.1:{port}"), secrets.display().to_string());
    let front = Front::start(scratch.path(), &[&[&target, "--token-file", &secrets], words].concat());
    Door { front, reached, _scratch: scratch }
}

impl Door {
    /// Expects a refusal before there is a WebSocket, counted and logged, and nothing at the target.
    #[track_caller]
    fn refuses(&self, path: &str, headers: &[(&str, &str)], status: u16, reason: &str) {
        let (count, reached) = (self.front.refused(reason), self.reached.load(Ordering::SeqCst));
        assert_eq!(open(self.front.port, path, headers).err(), Some(status), "{path} {headers:?}");
        assert_eq!(self.front.refused(reason), count + 1, "{path} {headers:?}: {reason}");
        assert_eq!(self.reached.load(Ordering::SeqCst), reached, "{path} reached the target");
    }

    #[track_caller]
    fn lets_in(&self, headers: &[(&str, &str)]) {
        let mut socket = open(self.front.port, "/ws/nas", headers).unwrap();
        assert_eq!(read_until(&mut socket, "\n"), "@RSYNCD: 32.0 md5\n");
    }
}

#[test]
fn foreign_pages_are_refused() {
    let door = door(&[]);
    let own = door.front.origin();
    door.lets_in(&[("Origin", &own)]);
    door.lets_in(&[("Origin", &own), ("Sec-WebSocket-Protocol", "binary")]);
    let cut = &own[..own.len() - 1];
    for origin in ["http://evil.example", "null", "", "http://127.0.0.1", cut, "https://127.0.0.1", &format!("{own}/")]
    {
        door.refuses("/ws/nas", &[("Origin", origin)], 403, "origin");
    }
    door.refuses("/ws/nas", &[("Origin", &own), ("Origin", "http://evil.example")], 403, "origin");
    let token = token(&door.front);
    let protocols = format!("binary, token.{token}");
    let foreign = [("Origin", "http://evil.example"), ("Sec-WebSocket-Protocol", protocols.as_str())];
    door.refuses("/ws/nas", &foreign, 403, "origin");
    assert!(door.front.log().contains("from 127.0.0.1 for /ws/nas: pages of this origin may not use the gateway"));
    for headers in [&[("Origin", "http://evil.example")][..], &[("Origin", "null"), ("Authorization", SECRET)]] {
        assert_eq!(post(door.front.port, "/api/token", headers).status, 403);
    }
}

#[test]
fn named_origins_replace_the_own_one() {
    let door = door(&["--origin=https://files.example.org", "--origin=http://other.example:8080/"]);
    for origin in ["https://files.example.org", "http://other.example:8080"] {
        door.lets_in(&[("Origin", origin)]);
        let answer = post(door.front.port, "/api/token", &[("Origin", origin)]);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin)));
    }
    for origin in [door.front.origin().as_str(), "http://files.example.org", "https://files.example.org.evil.example"] {
        door.refuses("/ws/nas", &[("Origin", origin)], 403, "origin");
        let answer = get(door.front.port, "/api/targets", &[("Origin", origin)]);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_program_needs_a_token() {
    let door = door(&[]);
    let port = door.front.port;
    // Its first message must be one: whatever comes instead does not get to the target.
    for (message, reason) in [
        (Message::binary(fake::HELLO.to_vec()), "token_missing"),
        (Message::text("hello"), "token_missing"),
        (Message::text("token 0123"), "token_invalid"),
    ] {
        let count = door.front.refused(reason);
        let mut socket = open(port, "/ws/nas", &[]).unwrap();
        socket.send(message).unwrap();
        let (bytes, code, _) = read_to_close(&mut socket);
        assert_eq!((bytes.as_slice(), code, door.front.refused(reason)), (&b""[..], 1008, count + 1), "{reason}");
    }
    assert_eq!(door.reached.load(Ordering::SeqCst), 0);
    for (headers, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer wrong")], 401),
        (&[("Authorization", SECRET)], 401),
        (&[("Authorization", "Bearer ")], 401),
        (&[("Cookie", "token=x; Authorization=Bearer a secret of this test")], 401),
    ] {
        assert_eq!(post(port, "/api/token", headers).status, status, "{headers:?}");
    }
    let bearer = format!("Bearer {SECRET}");
    let fresh = || token_in(&post(port, "/api/token", &[("Authorization", &bearer)]));
    door.lets_in(&[("Sec-WebSocket-Protocol", &format!("binary, token.{}", fresh()))]);
    let mut socket = open(port, "/ws/nas", &[("Sec-WebSocket-Protocol", "binary")]).unwrap();
    socket.send(Message::text(format!("token {}", fresh()))).unwrap();
    assert_eq!(read_until(&mut socket, "\n"), "@RSYNCD: 32.0 md5\n");
    send(&mut socket, fake::HELLO);
}

#[test]
fn a_token_works_once_and_soon() {
    let door = door(&["--token-lifetime=1"]);
    let used = format!("token.{}", token(&door.front));
    door.lets_in(&[("Sec-WebSocket-Protocol", &format!("binary,{used}"))]);
    door.refuses("/ws/nas", &[("Sec-WebSocket-Protocol", &used)], 403, "token_invalid");
    let late = format!("token.{}", token(&door.front));
    sleep(Duration::from_millis(1200));
    door.refuses("/ws/nas", &[("Sec-WebSocket-Protocol", &late)], 403, "token_invalid");
    // Even a page that needs none must not show a bad one.
    let own = door.front.origin();
    door.refuses("/ws/nas", &[("Origin", &own), ("Sec-WebSocket-Protocol", &late)], 403, "token_invalid");
    assert!(!door.front.log().contains(&late), "tokens stay out of the log");
}

#[test]
fn targets_are_looked_up_exactly() {
    let door = door(&[]);
    let own = door.front.origin();
    for name in [
        "",
        "box",
        "NAS",
        "nas/",
        "nas/..",
        "../nas",
        "..",
        ".",
        "%2e%2e",
        "%2e%2e%2fnas",
        "%6eas",
        "nas%00",
        "nas%20",
        "n%61s",
        "127.0.0.1:873",
        "rsync://127.0.0.1:22/",
        "nas%2f..%2f..%2fetc%2fpasswd",
        "nas;x",
        "nas\\x",
        "..%5cnas",
        "//nas",
    ] {
        door.refuses(&format!("/ws/{}", name.replace('\\', "%5C")), &[("Origin", &own)], 404, "target");
    }
    door.refuses("/ws/nas?token=abc", &[("Origin", &own)], 400, "websocket_handshake");
    assert!(!door.front.log().contains("abc"), "a token in a URL stays out of the log");
    for protocol in ["base64", "chat, base64", "token"] {
        let headers = [("Origin", own.as_str()), ("Sec-WebSocket-Protocol", protocol)];
        door.refuses("/ws/nas", &headers, 400, "websocket_handshake");
    }
    assert_eq!(get(door.front.port, "/ws/nas", &[("Origin", &own)]).status, 400);
    assert_eq!(get(door.front.port, "/WS/nas", &[]).status, 404);
}

#[test]
fn names_that_others_may_own_are_refused() {
    let door = door(&[]);
    let port = door.front.port;
    let host = format!("evil.example:{port}");
    for path in ["/", "/api/targets", "/a/x/y"] {
        assert_eq!(get(port, path, &[("Host", &host)]).status, 421, "{path}");
    }
    let origin = format!("http://{host}");
    assert_eq!(post(port, "/api/token", &[("Host", &host), ("Origin", &origin)]).status, 421);
    assert_eq!(get(port, "/", &[("Host", &format!("localhost:{port}"))]).status, 200);
    assert_eq!(door.front.refused("host"), 4);
}

#[test]
fn a_flood_of_refusals_is_summed_up_in_the_log() {
    let door = door(&[]);
    for _ in 0..60 {
        assert_eq!(open(door.front.port, "/ws/nas", &[("Origin", "http://evil.example")]).err(), Some(403));
    }
    assert_eq!(door.front.refused("origin"), 60);
    assert_eq!(door.front.log().matches("pages of this origin").count(), 10);
}
