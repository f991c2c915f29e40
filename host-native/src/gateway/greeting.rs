//! Looks on while client and daemon hold rsync's text phase (spec 5.4.2), to know when it is over, and when somebody tries to
//! log in. What it sees goes by unchanged, except that a line of the daemon is passed on only when it is complete: so one
//! can be replaced by a refusal.
//!
//! ```text
//!  client                     daemon
//!  @RSYNCD: 32.0 ...     ->   <- @RSYNCD: 32.0 ...
//!  module                ->   <- @RSYNCD: AUTHREQD challenge      a login begins
//!  user response         ->                                       it counts
//!                             <- @RSYNCD: OK                      it does not count after all
//!  arg NUL arg NUL NUL   ->                                       the session is established
//! ```

/// Longer lines of the daemon are passed on in pieces: none of those that matter is that long.
const LINE_BYTES_MAX: usize = 4096;

/// What a line of the daemon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A password is wanted.
    Challenge,
    /// The client may begin.
    Accepted,
    /// The password was wrong.
    LoginFailed,
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Lines,
    Arguments,
    Established,
}

/// The conversation so far.
pub struct Greeting {
    phase: Phase,
    /// The start of a line whose end has not come.
    held: Vec<u8>,
    /// The rest of an overlong line is being passed on.
    in_long_line: bool,
    challenged: bool,
    answered: bool,
    /// The client's last byte, as far as it may end a word.
    last: u8,
}

impl Greeting {
    /// Nobody has said anything.
    pub fn new() -> Greeting {
        Greeting {
            phase: Phase::Lines,
            held: Vec::new(),
            in_long_line: false,
            challenged: false,
            answered: false,
            last: 0xff,
        }
    }

    /// Whether greeting and arguments are over.
    pub fn is_established(&self) -> bool {
        self.phase == Phase::Established
    }

    /// Whether the client has answered a challenge and was not accepted, as far as we know.
    pub fn failed_login(&self) -> bool {
        self.answered && self.phase == Phase::Lines
    }

    /// Bytes of the client go by.
    pub fn hear_client(&mut self, bytes: &[u8]) {
        match self.phase {
            Phase::Lines => self.answered |= self.challenged && !bytes.is_empty(),
            Phase::Arguments => {
                for &byte in bytes {
                    // An empty word ends the arguments. Words end with NUL, before protocol 30 with a newline.
                    if byte == self.last && (byte == 0 || byte == b'\n') {
                        self.phase = Phase::Established;
                        return;
                    }
                    self.last = byte;
                }
            }
            Phase::Established => {}
        }
    }

    /// Bytes of the daemon come. `pass` gets what can be passed on. Returns what the daemon said, if the bytes hold such a
    /// line, and how many bytes were used: up to and including that line's end. The line itself is held back until the
    /// next call, so that the caller may end the conversation before it.
    pub fn hear_daemon(&mut self, bytes: &[u8], pass: &mut Vec<u8>) -> (usize, Option<Said>) {
        if self.phase != Phase::Lines {
            pass.append(&mut self.held);
            pass.extend_from_slice(bytes);
            return (bytes.len(), None);
        }
        if self.held.ends_with(b"\n") {
            pass.append(&mut self.held);
        }
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            let line = rest.iter().position(|&byte| byte == b'\n').map(|at| &rest[..=at]);
            used += line.unwrap_or(rest).len();
            if self.in_long_line {
                pass.extend_from_slice(line.unwrap_or(rest));
                self.in_long_line = line.is_none();
                continue;
            }
            self.held.extend_from_slice(line.unwrap_or(rest));
            match line.map(|_| said(&self.held)) {
                Some(Some(said)) => {
                    self.note(said);
                    return (used, Some(said));
                }
                Some(None) => pass.append(&mut self.held),
                None if self.held.len() > LINE_BYTES_MAX => {
                    pass.append(&mut self.held);
                    self.in_long_line = true;
                }
                None => {}
            }
        }
        (used, None)
    }

    /// Nothing more comes from the daemon: what was held back is passed on.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn note(&mut self, said: Said) {
        match said {
            Said::Challenge => {
                self.challenged = true;
                self.answered = false;
            }
            Said::Accepted => self.phase = Phase::Arguments,
            Said::LoginFailed => {}
        }
    }
}

/// What a complete line says.
fn said(line: &[u8]) -> Option<Said> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        b"@RSYNCD: OK" => Some(Said::Accepted),
        _ if line.starts_with(b"@RSYNCD: AUTHREQD ") => Some(Said::Challenge),
        _ if line.starts_with(b"@ERROR: auth failed") => Some(Said::LoginFailed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the daemon's bytes in pieces of this size; what was passed on, and what was said.
    fn feed(greeting: &mut Greeting, bytes: &[u8], size: usize) -> (Vec<u8>, Vec<Said>) {
        let (mut passed, mut heard) = (Vec::new(), Vec::new());
        for mut piece in bytes.chunks(size) {
            while !piece.is_empty() {
                let (used, said) = greeting.hear_daemon(piece, &mut passed);
                assert!(used > 0);
                heard.extend(said);
                piece = &piece[used..];
            }
        }
        passed.extend(greeting.rest());
        (passed, heard)
    }

    #[test]
    fn any_pieces() {
        let text = [
            b"@RSYNCD: 32.0 sha512 md5\nmotd: @RSYNCD: OK\n\n@RSYNCD: AUTHREQD abc\n@RSYNCD: OK\nbinary\n\0".as_slice(),
            &[b'x'; 100],
        ]
        .concat();
        for size in 1..text.len() {
            let mut greeting = Greeting::new();
            let (passed, heard) = feed(&mut greeting, &text, size);
            assert_eq!(passed, text, "{size}");
            assert_eq!(heard, [Said::Challenge, Said::Accepted]);
        }
    }

    #[test]
    fn long_lines_are_not_kept() {
        let text = [&[b'm'; 3 * LINE_BYTES_MAX], b"@RSYNCD: OK\n@ERROR: auth failed on module x\n".as_slice()].concat();
        for size in [1, 100, LINE_BYTES_MAX, text.len()] {
            let mut greeting = Greeting::new();
            let mut passed = Vec::new();
            for piece in text.chunks(size) {
                greeting.hear_daemon(piece, &mut passed);
                assert!(greeting.held.len() <= 2 * LINE_BYTES_MAX.max(size));
            }
            let (all, heard) = feed(&mut Greeting::new(), &text, size);
            assert_eq!(all, text);
            assert_eq!(heard, [Said::LoginFailed]);
        }
    }

    #[test]
    fn the_end_of_the_arguments() {
        for (words, ends) in [
            (&b"--server\0.\0mod/\0\0rest"[..], true),
            (b"--server\n.\nmod/\n\n", true),
            (b"--server\0.\0mod/\0", false),
            (b"", false),
        ] {
            for size in 1..words.len().max(2) {
                let mut greeting = Greeting::new();
                greeting.hear_client(b"@RSYNCD: 32.0\nmod\n\n\0\0");
                feed(&mut greeting, b"@RSYNCD: 32.0\n@RSYNCD: OK\n", 7);
                words.chunks(size).for_each(|piece| greeting.hear_client(piece));
                assert_eq!(greeting.is_established(), ends);
            }
        }
    }

    #[test]
    fn logins() {
        let mut greeting = Greeting::new();
        greeting.hear_client(b"@RSYNCD: 32.0\nmod\n");
        feed(&mut greeting, b"@RSYNCD: AUTHREQD abc\n", 100);
        assert!(!greeting.failed_login(), "nothing was tried");
        greeting.hear_client(b"user response\n");
        assert!(greeting.failed_login());
        feed(&mut greeting, b"@RSYNCD: OK\n", 100);
        assert!(!greeting.failed_login());
    }
}
