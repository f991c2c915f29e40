//! The daemon's side of the text phase. The host looks modules up, decides who may use them and knows the passwords; this
//! side only knows the lines.

use alloc::format;
use alloc::vec::Vec;

use super::arguments::Arguments;
use super::line::{Line, Progress};
use super::{BadGreeting, EARLY_INPUT_MAX, Greeting, own_digests, own_greeting};
use crate::checksum::AuthDigest;
use crate::{Error, Exit};

/// Longest request line that a daemon reads.
const REQUEST_BYTES_MAX: usize = 1022;

/// What a daemon has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// The client wants the list of modules: [`ServerGreeting::listing`].
    List,
    /// The client wants this module: [`ServerGreeting::challenge`], [`ServerGreeting::accept`] or
    /// [`ServerGreeting::refuse`].
    Module(Vec<u8>),
    /// The client's answer to a challenge, to be judged by [`ServerGreeting::verifies`].
    Response {
        /// Who it claims to be.
        user: Vec<u8>,
        /// The proof.
        response: Vec<u8>,
    },
    /// The client's answer has no blank, so it names no user, or no end.
    BadResponse,
    /// The argument block; the binary stream follows at once, unless the words ask for secluded args, which
    /// [`Arguments::secluded`] reads.
    Arguments(Vec<Vec<u8>>),
    /// The text phase ended before a transfer: send what is left of the output and close the connection.
    Close,
}

#[derive(Debug)]
enum State {
    Greeting,
    Request,
    EarlyInput {
        missing: usize,
    },
    Response,
    Arguments(Arguments),
    /// The host decides, or all is over.
    Idle,
}

/// The daemon's side of the text phase; see the module's doc.
#[derive(Debug)]
pub struct ServerGreeting {
    protocol: u32,
    peer: Option<Greeting>,
    state: State,
    line: Line,
    early_input: Vec<u8>,
    challenge: Vec<u8>,
    output: Vec<u8>,
}

impl ServerGreeting {
    /// Begins with our greeting for the newest protocol `protocol`. `motd` is the content of the message of the day if one
    /// is configured (empty if its file can't be read).
    pub fn new(protocol: u32, motd: Option<&[u8]>) -> ServerGreeting {
        let mut output = own_greeting(protocol);
        if let Some(motd) = motd {
            output.extend_from_slice(motd);
            output.push(b'\n');
        }
        ServerGreeting {
            protocol,
            peer: None,
            state: State::Greeting,
            line: Line::new(REQUEST_BYTES_MAX),
            early_input: Vec::new(),
            challenge: Vec::new(),
            output,
        }
    }

    /// What is to be sent now.
    pub fn output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Takes bytes from the client: how many belonged to the text phase, and what to do. Nothing is taken while the host
    /// owes a decision. The only error is an argument block over the limit.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Option<ServerEvent>), Error> {
        let mut taken = 0;
        while taken < bytes.len() && !matches!(self.state, State::Idle) {
            let (count, event) = self.step(&bytes[taken..])?;
            taken += count;
            if event.is_some() {
                return Ok((taken, event));
            }
        }
        Ok((taken, None))
    }

    fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<ServerEvent>), Error> {
        match &mut self.state {
            State::EarlyInput { missing } => {
                let count = bytes.len().min(*missing);
                self.early_input.extend_from_slice(&bytes[..count]);
                *missing -= count;
                if *missing == 0 {
                    self.state = State::Request;
                }
                Ok((count, None))
            }
            State::Arguments(arguments) => {
                let (count, words) = arguments.feed(bytes)?;
                if words.is_some() {
                    self.state = State::Idle;
                }
                Ok((count, words.map(ServerEvent::Arguments)))
            }
            _ => {
                let (count, progress) = self.line.feed(bytes);
                let event = match progress {
                    Progress::More => None,
                    Progress::Bad if matches!(self.state, State::Response) => {
                        self.state = State::Idle;
                        Some(ServerEvent::BadResponse)
                    }
                    Progress::Bad => Some(self.close()),
                    Progress::Complete(line) => self.take_line(&line),
                };
                Ok((count, event))
            }
        }
    }

    fn take_line(&mut self, line: &[u8]) -> Option<ServerEvent> {
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Greeting => match Greeting::parse(line) {
                Ok(greeting) => {
                    self.peer = Some(greeting);
                    self.state = State::Request;
                    None
                }
                Err(bad) => Some(self.refuse(&complaint(bad, line))),
            },
            State::Request => self.take_request(line),
            _ => match line.iter().position(|&byte| byte == b' ') {
                Some(blank) => {
                    Some(ServerEvent::Response { user: line[..blank].to_vec(), response: line[blank + 1..].to_vec() })
                }
                None => Some(ServerEvent::BadResponse),
            },
        }
    }

    fn take_request(&mut self, line: &[u8]) -> Option<ServerEvent> {
        if let Some(length) = line.strip_prefix(b"#early_input=") {
            return match super::number(length) {
                Some((length, _)) if (1..=EARLY_INPUT_MAX).contains(&(length as usize)) => {
                    self.early_input.clear();
                    self.state = State::EarlyInput { missing: length as usize };
                    None
                }
                _ => Some(self.refuse(b"invalid early_input length")),
            };
        }
        match line {
            b"" | b"#list" => Some(ServerEvent::List),
            [b'#', ..] => Some(self.refuse(&[b"Unknown command '", line, b"'"].concat())),
            module => Some(ServerEvent::Module(module.to_vec())),
        }
    }

    /// What the client sent for the "early exec" hook.
    pub fn early_input(&self) -> &[u8] {
        &self.early_input
    }

    /// Sends the list of modules, names with comments, and closes.
    pub fn listing<'a>(&mut self, modules: impl Iterator<Item = (&'a [u8], Vec<u8>)>) -> ServerEvent {
        for (name, comment) in modules {
            self.output.extend_from_slice(name);
            self.output.resize(self.output.len() + 15usize.saturating_sub(name.len()), b' ');
            self.output.push(b'\t');
            self.output.extend_from_slice(&comment);
            self.output.push(b'\n');
        }
        if self.negotiated() >= 25 {
            self.output.extend_from_slice(b"@RSYNCD: EXIT\n");
        }
        self.close()
    }

    /// Sends an `@ERROR` line and closes.
    pub fn refuse(&mut self, text: &[u8]) -> ServerEvent {
        self.output.extend_from_slice(b"@ERROR: ");
        self.output.extend_from_slice(text);
        self.output.push(b'\n');
        self.close()
    }

    fn close(&mut self) -> ServerEvent {
        self.state = State::Idle;
        ServerEvent::Close
    }

    /// The digest to log in with: the first one that the client lists and we know; without a list the one that its protocol
    /// implies. `None` if there is none in common: [`ServerGreeting::refuse_digests`].
    ///
    /// Stock takes its own strongest one instead, and lists them in that order; following the client's order suits that as
    /// well, and also a client whose order differs and which, like stock, goes by its own.
    pub fn digest(&self) -> Option<AuthDigest> {
        self.digest_and_zeros().map(|(digest, _)| digest)
    }

    fn digest_and_zeros(&self) -> Option<(AuthDigest, bool)> {
        let peer = self.peer.as_ref()?;
        let Some(list) = &peer.digests else {
            return Some(peer.implied_digest(self.protocol));
        };
        let known = |word: &[u8]| {
            AuthDigest::ALL.iter().copied().find(|digest| word.eq_ignore_ascii_case(digest.name().as_bytes()))
        };
        let digest = list.split(|&byte| byte == b' ').find_map(known)?;
        Some((digest, false))
    }

    /// Says that no digest is common to both, and closes.
    pub fn refuse_digests(&mut self) -> ServerEvent {
        let text = b"your client does not support one of our daemon-auth checksums: ";
        self.refuse(&[text.as_slice(), &own_digests()].concat())
    }

    /// Asks who the client is. `challenge` must be unpredictable and without blanks or line ends.
    pub fn challenge(&mut self, challenge: Vec<u8>) {
        self.output.extend_from_slice(b"@RSYNCD: AUTHREQD ");
        self.output.extend_from_slice(&challenge);
        self.output.push(b'\n');
        self.challenge = challenge;
        self.state = State::Response;
    }

    /// Whether the response proves that the client knows the password. Takes the same time wherever they differ.
    pub fn verifies(&self, password: &[u8], response: &[u8]) -> bool {
        let Some((digest, zeros)) = self.digest_and_zeros() else {
            return false;
        };
        let expect = digest.respond(password, &self.challenge, zeros);
        let differences = expect.iter().zip(response).fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs));
        !self.challenge.is_empty() && expect.len() == response.len() && differences == 0
    }

    /// Tells the client to go on with its arguments.
    pub fn accept(&mut self) {
        self.output.extend_from_slice(b"@RSYNCD: OK\n");
        self.state = State::Arguments(Arguments::daemon(self.negotiated()));
    }

    /// The negotiated protocol: 0 before the client's greeting.
    pub fn negotiated(&self) -> u32 {
        self.peer.as_ref().map_or(0, |peer| peer.negotiate(self.protocol))
    }

    /// Whether the client's protocol is one that we can talk to. To be asked after the arguments, as stock does, so that the
    /// client understands the refusal.
    pub fn check_range(&self) -> Result<(), Error> {
        let peer = self.peer.as_ref();
        peer.map_or(Err(Error::peer(Exit::START, "")), Greeting::check_range)
    }
}

fn complaint(bad: BadGreeting, line: &[u8]) -> Vec<u8> {
    let what = match bad {
        BadGreeting::Garbage => return b"protocol startup error".to_vec(),
        BadGreeting::Subprotocol => "subprotocol value",
        BadGreeting::Digests => "digest name list",
    };
    [format!("your client omitted the {what}: ").as_bytes(), line].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const GREETING: &[u8] = b"@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n";

    /// Feeds a client's bytes in pieces until the first event; also how many were taken.
    fn first_event(server: &mut ServerGreeting, client: &[u8], chunk: usize) -> (Option<ServerEvent>, usize) {
        let mut at = 0;
        while at < client.len() {
            let end = (at + chunk).min(client.len());
            let (taken, event) = server.feed(&client[at..end]).unwrap();
            at += taken;
            if event.is_some() {
                return (event, at);
            }
        }
        (None, at)
    }

    fn greeted(greeting: &[u8], request: &[u8]) -> (ServerGreeting, Option<ServerEvent>) {
        let mut server = ServerGreeting::new(32, None);
        server.output();
        let event = first_event(&mut server, &[greeting, request].concat(), 1000).0;
        (server, event)
    }

    /// As recorded from stock, with its message of the day.
    #[test]
    fn recorded_listing() {
        let mut server = ServerGreeting::new(32, Some(b"Welcome\n"));
        let (event, _) = first_event(&mut server, &[GREETING, b"\n"].concat(), 7);
        assert_eq!(event, Some(ServerEvent::List));
        let modules: [(&[u8], &[u8]); 3] = [(b"pub", b"Public area"), (b"up", b"Upload area"), (b"auth", b"")];
        server.listing(modules.iter().map(|(name, comment)| (*name, comment.to_vec())));
        let lines = b"Welcome\n\npub            \tPublic area\nup             \tUpload area\nauth           \t\n@RSYNCD: EXIT\n";
        assert_eq!(server.output(), [GREETING, lines].concat());
    }

    /// A recorded login: alice, password `secret`, sha512. The stream after the arguments is left alone.
    #[test]
    fn recorded_login() {
        let response = b"Rhdqv5z5NK08RJipSEuQN5iWn4RQVtMe3GtscdsqBWivRqQr3Z3LiITGkHPWUVhXskV6IvjqLp5qrYIdj5Cccw";
        let challenge = b"7VIePbfw72k6EE6QgAezpBCMN4btHzKCHJ4r2PmF3seCPTBvWUXE7qIbk0Z46re7XuSUpmmafxKjUV/OMbIANw";
        let arguments = b"--server\0--sender\0-te.LsfxCIvu\0.\0auth/hello.txt\0\0\x1exxh128";
        for chunk in [1, 3, 1000] {
            let mut server = ServerGreeting::new(32, None);
            let (event, _) = first_event(&mut server, &[GREETING, b"auth\n"].concat(), chunk);
            assert_eq!(event, Some(ServerEvent::Module(b"auth".to_vec())));
            assert_eq!(server.digest(), Some(AuthDigest::Sha512));
            server.output();
            server.challenge(challenge.to_vec());
            assert_eq!(server.output(), [b"@RSYNCD: AUTHREQD ".as_slice(), challenge, b"\n"].concat());
            let (event, _) = first_event(&mut server, &[b"alice ", response.as_slice(), b"\n"].concat(), chunk);
            let expect = ServerEvent::Response { user: b"alice".to_vec(), response: response.to_vec() };
            assert_eq!(event, Some(expect));
            assert!(server.verifies(b"secret", response));
            assert!(!server.verifies(b"Secret", response));
            assert!(!server.verifies(b"secret", &response[1..]));
            server.accept();
            assert_eq!(server.output(), b"@RSYNCD: OK\n");
            let (event, taken) = first_event(&mut server, arguments, chunk);
            assert!(matches!(event, Some(ServerEvent::Arguments(words)) if words.len() == 5));
            assert_eq!(&arguments[taken..], b"\x1exxh128");
            assert_eq!(server.feed(b"more").unwrap(), (0, None));
        }
    }

    /// The lines of spec 5.4.2.
    #[test]
    fn refusals() {
        for (client, expect) in [
            ("hello\n", "@ERROR: protocol startup error\n"),
            ("@RSYNCD: 32\n", "@ERROR: your client omitted the subprotocol value: @RSYNCD: 32\n"),
            ("@RSYNCD: 32.0\n", "@ERROR: your client omitted the digest name list: @RSYNCD: 32.0\n"),
            ("@RSYNCD: 31.0\n#early_input=0\n", "@ERROR: invalid early_input length\n"),
            ("@RSYNCD: 31.0\n#early_input=5121\n", "@ERROR: invalid early_input length\n"),
            ("@RSYNCD: 31.0\n#help\n", "@ERROR: Unknown command '#help'\n"),
            ("@RSYNCD: 31.0\n\0\n", ""),
        ] {
            let (mut server, event) = greeted(b"", client.as_bytes());
            assert_eq!(event, Some(ServerEvent::Close), "{client}");
            assert_eq!(server.output(), expect.as_bytes(), "{client}");
        }
        let long = vec![b'x'; 1023];
        assert_eq!(greeted(GREETING, &long).1, Some(ServerEvent::Close));
        assert_eq!(greeted(GREETING, &long[1..]).1, None);
    }

    #[test]
    fn early_input_precedes_the_request() {
        let (server, event) = greeted(GREETING, b"#early_input=5\na\nb\0cmod\n");
        assert_eq!(event, Some(ServerEvent::Module(b"mod".to_vec())));
        assert_eq!(server.early_input(), b"a\nb\0c");
    }

    #[test]
    fn digests() {
        for (greeting, expect) in [
            ("@RSYNCD: 32.0 md5 sha1\n", Some(AuthDigest::Md5)),
            ("@RSYNCD: 32.0 foo SHA1 md5\n", Some(AuthDigest::Sha1)),
            ("@RSYNCD: 32.0 foo\n", None),
            ("@RSYNCD: 31.0\n", Some(AuthDigest::Md5)),
            ("@RSYNCD: 29.0\n", Some(AuthDigest::Md4)),
        ] {
            assert_eq!(greeted(greeting.as_bytes(), b"").0.digest(), expect, "{greeting}");
        }
        let (mut server, _) = greeted(b"@RSYNCD: 32.0 foo\n", b"m\n");
        server.refuse_digests();
        let expect =
            "@ERROR: your client does not support one of our daemon-auth checksums: sha512 sha256 sha1 md5 md4\n";
        assert_eq!(server.output(), expect.as_bytes());
    }

    /// Vectors of spec 1.6.5.
    #[test]
    fn old_digests_differ_by_zeros() {
        for (greeting, response) in
            [("@RSYNCD: 29.0\n", "alX9szSGkPFF0PHICLMjkw"), ("@RSYNCD: 29.0 md4\n", "Jm6l1mauvOrkY/TRtDSpQA")]
        {
            let (mut server, _) = greeted(greeting.as_bytes(), b"m\n");
            server.challenge(b"abc".to_vec());
            assert!(server.verifies(b"secret", response.as_bytes()));
            assert!(!server.verifies(b"secret", b""));
        }
    }
}
