//! The client's side of the text phase.

use alloc::format;
use alloc::vec::Vec;

use super::line::{Line, Progress};
use super::{BadGreeting, EARLY_INPUT_MAX, Greeting, PREFIX, own_digests, own_greeting};
use crate::checksum::AuthDigest;
use crate::limits::LINE_BYTES_MAX;
use crate::{Error, Exit, Fault};

/// What a client asks a daemon for.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// Our newest protocol.
    pub protocol: u32,
    /// The module; `None` asks for the list of modules.
    pub module: Option<Vec<u8>>,
    /// Bytes for the daemon's "early exec" hook, at most [`EARLY_INPUT_MAX`]; usually none.
    pub early_input: Vec<u8>,
    /// Whom to log in as, if the daemon asks.
    pub user: Vec<u8>,
}

/// What a client has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Show this line, which has its newline, on standard output unless the user wants no such text.
    Text(Vec<u8>),
    /// Find a password and hand it to [`ClientGreeting::password`].
    Password,
    /// The daemon is ready: send the argument block for this protocol; the binary stream follows.
    Ready {
        /// The negotiated protocol.
        protocol: u32,
    },
    /// A listing is complete.
    Exit,
}

#[derive(Debug)]
enum State {
    /// Waiting for the server's greeting.
    Greeting,
    /// Waiting for `OK` or another verdict.
    Verdict(Greeting),
    /// The host is looking for a password.
    Password { greeting: Greeting, digest: AuthDigest, zeros: bool, challenge: Vec<u8> },
    /// The text phase is over.
    Over,
}

/// The client's side of the text phase; see the module's doc.
#[derive(Debug)]
pub struct ClientGreeting {
    request: ClientRequest,
    state: State,
    line: Line,
    output: Vec<u8>,
}

impl ClientGreeting {
    /// Begins with our greeting, which is sent without waiting for the server's.
    pub fn new(request: ClientRequest) -> Result<ClientGreeting, Error> {
        if request.early_input.len() > EARLY_INPUT_MAX {
            return Err(Error::usage(format!("early input is > {EARLY_INPUT_MAX} bytes.")));
        }
        let output = own_greeting(request.protocol);
        Ok(ClientGreeting { request, state: State::Greeting, line: Line::new(LINE_BYTES_MAX - 1), output })
    }

    /// What is to be sent now.
    pub fn output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Takes bytes from the server: how many belonged to the text phase, and what to do. Nothing is taken while a password
    /// is awaited or after [`ClientEvent::Ready`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Option<ClientEvent>), Error> {
        let mut taken = 0;
        while taken < bytes.len() && !matches!(self.state, State::Password { .. } | State::Over) {
            let (count, progress) = self.line.feed(&bytes[taken..]);
            taken += count;
            let line = match progress {
                Progress::More => break,
                Progress::Bad => return Err(self.broken_off()),
                Progress::Complete(line) => line,
            };
            if let Some(event) = self.take_line(line)? {
                return Ok((taken, Some(event)));
            }
        }
        Ok((taken, None))
    }

    /// The server closed the connection.
    pub fn end(&mut self) -> Result<ClientEvent, Error> {
        let listing = self.request.module.is_none();
        match &self.state {
            // Before protocol 25 the end of a listing was the end of the connection.
            State::Verdict(greeting) if listing && greeting.negotiate(self.request.protocol) < 25 => {
                self.state = State::Over;
                Ok(ClientEvent::Exit)
            }
            _ => Err(self.broken_off()),
        }
    }

    /// Answers [`ClientEvent::Password`].
    pub fn password(&mut self, password: &[u8]) {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Password { greeting, digest, zeros, challenge } => {
                let response = digest.respond(password, &challenge, zeros);
                self.output.extend_from_slice(&self.request.user);
                self.output.push(b' ');
                self.output.extend_from_slice(&response);
                self.output.push(b'\n');
                self.state = State::Verdict(greeting);
            }
            other => self.state = other,
        }
    }

    fn take_line(&mut self, line: Vec<u8>) -> Result<Option<ClientEvent>, Error> {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Greeting => {
                let greeting = Greeting::parse(&line).map_err(|bad| complaint(bad, &line))?;
                self.state = State::Verdict(greeting);
                self.send_request();
                Ok(None)
            }
            State::Verdict(greeting) => self.verdict(greeting, line).map(Some),
            other => {
                self.state = other;
                Ok(None)
            }
        }
    }

    fn send_request(&mut self) {
        let early = &self.request.early_input;
        if !early.is_empty() {
            let announcement = format!("#early_input={}\n", early.len());
            self.output.extend_from_slice(announcement.as_bytes());
            self.output.extend_from_slice(early);
        }
        self.output.extend_from_slice(self.request.module.as_deref().unwrap_or(b""));
        self.output.push(b'\n');
    }

    fn verdict(&mut self, greeting: Greeting, mut line: Vec<u8>) -> Result<ClientEvent, Error> {
        if line.starts_with(b"@ERROR") {
            return Err(Error::peer(Exit::START, line));
        }
        match line.strip_prefix(PREFIX) {
            Some(b"OK") => {
                // Stock finds out only after it has sent the arguments; a peer that means it can't tell the difference.
                greeting.check_range()?;
                let protocol = greeting.negotiate(self.request.protocol);
                Ok(ClientEvent::Ready { protocol })
            }
            Some(b"EXIT") => Ok(ClientEvent::Exit),
            Some(rest) if rest.starts_with(b"AUTHREQD ") => {
                let challenge = rest[b"AUTHREQD ".len()..].to_vec();
                let (digest, zeros) = choose_digest(&greeting, self.request.protocol)?;
                self.state = State::Password { greeting, digest, zeros, challenge };
                Ok(ClientEvent::Password)
            }
            _ => {
                self.state = State::Verdict(greeting);
                line.push(b'\n');
                Ok(ClientEvent::Text(line))
            }
        }
    }

    fn broken_off(&self) -> Error {
        let text = match self.state {
            State::Greeting => "rsync: did not see server greeting",
            _ => "rsync: didn't get server startup line",
        };
        Error::peer(Exit::START, text)
    }
}

/// Our strongest digest that the server lists; without a list the one that its protocol implies.
fn choose_digest(greeting: &Greeting, own: u32) -> Result<(AuthDigest, bool), Error> {
    let Some(list) = &greeting.digests else {
        return Ok(greeting.implied_digest(own));
    };
    let listed = |digest: &AuthDigest| {
        let name = digest.name().as_bytes();
        list.split(|&byte| byte == b' ').any(|word| word.eq_ignore_ascii_case(name))
    };
    if let Some(digest) = AuthDigest::ALL.iter().copied().find(listed) {
        return Ok((digest, false));
    }
    let text = [
        b"Failed to negotiate a daemon auth checksum choice.\nServer list: ",
        list.as_slice(),
        b"\nClient list: ",
        &own_digests(),
    ]
    .concat();
    Err(Error::new(Fault::Incompatible, Exit::UNSUPPORTED, text))
}

fn complaint(bad: BadGreeting, line: &[u8]) -> Error {
    let text = match bad {
        BadGreeting::Garbage => [b"rsync: server sent \"", line, b"\" rather than greeting"].concat(),
        BadGreeting::Subprotocol => [b"rsync: the server omitted the subprotocol value: ", line].concat(),
        BadGreeting::Digests => [b"rsync: the server omitted the digest name list: ", line].concat(),
    };
    Error::peer(Exit::START, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const GREETING: &str = "@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n";

    fn client(module: Option<&str>) -> ClientGreeting {
        ClientGreeting::new(ClientRequest {
            protocol: 32,
            module: module.map(|name| name.into()),
            early_input: Vec::new(),
            user: b"joe".to_vec(),
        })
        .unwrap()
    }

    /// What a client made of a server's bytes: events, what it sent, and the bytes that it left.
    type Played = (Vec<ClientEvent>, Vec<u8>, Vec<u8>);

    /// Plays a server's bytes in pieces of `chunk`, with the password `secret`.
    fn play(module: Option<&str>, server: &[u8], chunk: usize) -> Result<Played, Error> {
        let mut client = client(module);
        let mut events = vec![];
        let mut output = client.output();
        let mut at = 0;
        while at < server.len() {
            let end = (at + chunk).min(server.len());
            let (taken, event) = client.feed(&server[at..end])?;
            output.extend(client.output());
            at += taken;
            if event == Some(ClientEvent::Password) {
                client.password(b"secret");
                output.extend(client.output());
            }
            let over = matches!(event, Some(ClientEvent::Ready { .. } | ClientEvent::Exit));
            events.extend(event);
            if over {
                return Ok((events, output, server[at..].to_vec()));
            }
        }
        client.end().map(|event| (vec![event], output, vec![]))
    }

    fn text(line: &str) -> ClientEvent {
        ClientEvent::Text(format!("{line}\n").into_bytes())
    }

    /// Texts recorded from stock; the compat flags follow `OK` at once and stay untouched.
    #[test]
    fn recorded_pull() {
        let server = [GREETING.as_bytes(), b"Welcome\n\n@RSYNCD: OK\n\x81\xfe#xxh128"].concat();
        for chunk in [1, 2, 7, 1000] {
            let (events, output, rest) = play(Some("pub"), &server, chunk).unwrap();
            assert_eq!(events, [text("Welcome"), text(""), ClientEvent::Ready { protocol: 32 }]);
            assert_eq!(output, [GREETING.as_bytes(), b"pub\n"].concat());
            assert_eq!(rest, b"\x81\xfe#xxh128");
        }
    }

    #[test]
    fn recorded_listing() {
        let server = [GREETING, "pub            \tPublic area\nup             \t\n@RSYNCD: EXIT\n"].concat();
        let (events, output, _) = play(None, server.as_bytes(), 5).unwrap();
        let expect = [text("pub            \tPublic area"), text("up             \t"), ClientEvent::Exit];
        assert_eq!(events, expect);
        assert_eq!(output, [GREETING, "\n"].concat().as_bytes());
    }

    /// Vectors of spec 1.6.5 for the challenge `abc`.
    #[test]
    fn responses() {
        for (greeting, response) in [
            ("@RSYNCD: 32.0 md4 sha1\n", "M4EnVA3MvkhYmg/zCHVUj8JMdMg"),
            ("@RSYNCD: 32.0 MD5\n", "xCuToaw7OC6IBxUQKWqWzg"),
            ("@RSYNCD: 31.0\n", "xCuToaw7OC6IBxUQKWqWzg"),
            ("@RSYNCD: 29.0 md4\n", "Jm6l1mauvOrkY/TRtDSpQA"),
            ("@RSYNCD: 29\n", "alX9szSGkPFF0PHICLMjkw"),
        ] {
            let server = [greeting, "@RSYNCD: AUTHREQD abc\n@RSYNCD: OK\n"].concat();
            let (events, output, _) = play(Some("m"), server.as_bytes(), 3).unwrap();
            assert_eq!(events[0], ClientEvent::Password);
            let expect = format!("{}m\njoe {response}\n", GREETING);
            assert_eq!(output, expect.as_bytes(), "{greeting}");
        }
    }

    /// Texts and codes that stock shows for each of these servers.
    #[test]
    fn failures() {
        for (server, exit, expect) in [
            ("", 5, "rsync: did not see server greeting"),
            ("@RSYN", 5, "rsync: did not see server greeting"),
            ("hello\n", 5, "rsync: server sent \"hello\" rather than greeting"),
            ("@RSYNCD: 32\n", 5, "rsync: the server omitted the subprotocol value: @RSYNCD: 32"),
            ("@RSYNCD: 32.0\n", 5, "rsync: the server omitted the digest name list: @RSYNCD: 32.0"),
            ("@RSYNCD: 32.0 md5\n", 5, "rsync: didn't get server startup line"),
            ("@RSYNCD: 32.0 md5\n@RSYNCD: OK \n", 5, "rsync: didn't get server startup line"),
            ("@RSYNCD: 32.0 md5\nmotd\n@ERROR: Unknown module 'm'\n", 5, "@ERROR: Unknown module 'm'"),
            (
                "@RSYNCD: 32.0 foo bar\n@RSYNCD: AUTHREQD abc\n",
                4,
                "Failed to negotiate a daemon auth checksum choice.\n\
                 Server list: foo bar\nClient list: sha512 sha256 sha1 md5 md4",
            ),
            (
                "@RSYNCD: 45.0 md5\n@RSYNCD: OK\n",
                2,
                "protocol version mismatch -- is your shell clean?\n(see the rsync manpage for an explanation)",
            ),
        ] {
            let error = play(Some("m"), server.as_bytes(), 100).unwrap_err();
            assert_eq!((error.exit, error.text_lossy().as_str()), (Exit(exit), expect), "{server}");
        }
    }

    #[test]
    fn old_listing_ends_with_the_connection() {
        let (events, ..) = play(None, b"@RSYNCD: 24\npub\tx\n", 100).unwrap();
        assert_eq!(events, [ClientEvent::Exit]);
    }

    #[test]
    fn early_input() {
        let mut client = client(Some("m"));
        client.request.early_input = b"x\ny".to_vec();
        client.output();
        client.feed(GREETING.as_bytes()).unwrap();
        assert_eq!(client.output(), b"#early_input=3\nx\nym\n");
    }
}
