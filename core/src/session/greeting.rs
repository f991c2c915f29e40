//! The text phase of a daemon connection: everything before the binary stream (spec 1.6, 5.4.2).
//!
//! ```text
//!  client                                        server
//!  @RSYNCD: 32.0 sha512 ...            <-->      @RSYNCD: 32.0 sha512 ...   both at once
//!                                      <--       message of the day
//!  #early_input=N, N bytes             -->       (optional)
//!  MODULE | #list | empty line         -->
//!                                      <--       @RSYNCD: AUTHREQD challenge
//!  user response                       -->
//!                                      <--       @RSYNCD: OK | @RSYNCD: EXIT | @ERROR: ...
//!  word NUL word NUL ... NUL           -->       the argument block; the binary stream follows at once
//! ```
//!
//! Both ends are state machines over bytes: `feed` takes what has arrived, says how much of it belonged to the text phase,
//! and at most one event. What is not consumed stays with the caller, because the binary stream follows without a gap.

mod arguments;
mod client;
mod line;
mod server;

pub use arguments::{Arguments, Words, encode_arguments, encode_secluded, unescape};
pub use client::{ClientEvent, ClientGreeting, ClientRequest};
pub use server::{ServerEvent, ServerGreeting};

use alloc::format;
use alloc::vec::Vec;

use crate::checksum::AuthDigest;
use crate::{Error, Exit, Fault};

/// The newest protocol.
pub const PROTOCOL: u32 = 32;
/// Peers that announce less are refused.
const PROTOCOL_MIN: u32 = 20;
/// Peers that announce more are refused: most likely they are no rsync at all.
const PROTOCOL_MAX: u32 = 40;
/// Our sub-protocol: 0 stands for "released".
const SUBPROTOCOL: u32 = 0;
/// Early input is at most this long.
pub const EARLY_INPUT_MAX: usize = 5120;

const PREFIX: &[u8] = b"@RSYNCD: ";

/// What a greeting line says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Greeting {
    /// The peer's newest protocol.
    protocol: u32,
    /// Its sub-protocol.
    subprotocol: u32,
    /// The names of its auth digests, if it has sent such a list (it may be empty).
    digests: Option<Vec<u8>>,
}

/// What is wrong with a greeting line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadGreeting {
    /// It isn't one.
    Garbage,
    /// Protocol 30 and later must name a sub-protocol.
    Subprotocol,
    /// Protocol 32 and later must list digests.
    Digests,
}

impl Greeting {
    fn parse(line: &[u8]) -> Result<Greeting, BadGreeting> {
        // Blanks may precede the number, or not.
        let rest = line.strip_prefix(PREFIX.trim_ascii_end()).ok_or(BadGreeting::Garbage)?;
        let (protocol, rest) = number(rest.trim_ascii_start()).ok_or(BadGreeting::Garbage)?;
        let subprotocol = rest.strip_prefix(b".").and_then(number);
        let subprotocol = match subprotocol {
            Some((subprotocol, _)) => subprotocol,
            None if protocol >= 30 => return Err(BadGreeting::Subprotocol),
            None => 0,
        };
        let blank = rest.iter().position(|&byte| byte == b' ');
        let digests = blank.map(|at| rest[at + 1..].to_vec());
        if digests.is_none() && protocol >= 32 {
            return Err(BadGreeting::Digests);
        }
        Ok(Greeting { protocol, subprotocol, digests })
    }

    /// The protocol that both ends speak. A pre-release, which has a sub-protocol other than 0, only counts as its
    /// predecessor, unless the other end is the same pre-release (spec 1.6.2).
    fn negotiate(&self, own: u32) -> u32 {
        let lower = own.min(self.protocol);
        let differs = self.subprotocol != SUBPROTOCOL;
        if differs && self.protocol <= own {
            return lower.saturating_sub(1);
        }
        lower
    }

    /// Whether the peer's number is one that rsync ever had or may get (spec 1.3.1). Stock checks this only when the text
    /// phase is over.
    fn check_range(&self) -> Result<(), Error> {
        if (PROTOCOL_MIN..=PROTOCOL_MAX).contains(&self.protocol) {
            return Ok(());
        }
        let text = "protocol version mismatch -- is your shell clean?\n(see the rsync manpage for an explanation)";
        Err(Error::new(Fault::Incompatible, Exit::PROTOCOL, text))
    }

    /// The digest used without a list: by the negotiated protocol, and whether zeros go in front of the password.
    fn implied_digest(&self, own: u32) -> (AuthDigest, bool) {
        match self.negotiate(own) {
            0..30 => (AuthDigest::Md4, true),
            _ => (AuthDigest::Md5, false),
        }
    }
}

/// Our own greeting line. The list of digests is sent whatever the protocol.
fn own_greeting(protocol: u32) -> Vec<u8> {
    let mut line = format!("@RSYNCD: {protocol}.{SUBPROTOCOL}").into_bytes();
    for digest in AuthDigest::ALL {
        line.push(b' ');
        line.extend_from_slice(digest.name().as_bytes());
    }
    line.push(b'\n');
    line
}

/// The names of our own auth digests, strongest first, as they stand in the greeting and in messages.
fn own_digests() -> Vec<u8> {
    let names: Vec<&[u8]> = AuthDigest::ALL.iter().map(|digest| digest.name().as_bytes()).collect();
    names.join(&b' ')
}

/// A decimal number at the start, blanks skipped as scanf does, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let add = |sum: u32, &digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some((text[..digits].iter().fold(0, add), &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Result<(u32, u32, Option<&str>), BadGreeting>) {
        let expect = expect.map(|(protocol, subprotocol, digests)| Greeting {
            protocol,
            subprotocol,
            digests: digests.map(|text| text.into()),
        });
        assert_eq!(Greeting::parse(line.as_bytes()), expect, "{line}");
    }

    #[test]
    fn greetings() {
        check("@RSYNCD: 32.0 sha512 md5", Ok((32, 0, Some("sha512 md5"))));
        check("@RSYNCD: 32.5 md5", Ok((32, 5, Some("md5"))));
        check("@RSYNCD: 31.0", Ok((31, 0, None)));
        check("@RSYNCD: 29", Ok((29, 0, None)));
        check("@RSYNCD: 29.0 md5", Ok((29, 0, Some("md5"))));
        check("@RSYNCD: 32.0 ", Ok((32, 0, Some(""))));
        check("@RSYNCD: 99999999999.0 x", Ok((u32::MAX, 0, Some("x"))));
        check("hello", Err(BadGreeting::Garbage));
        check("@RSYNCD: x", Err(BadGreeting::Garbage));
        check("@RSYNCD:32.0 md5", Ok((32, 0, Some("md5"))));
        check("RSYNCD: 32.0 md5", Err(BadGreeting::Garbage));
        check("@RSYNCD: 32", Err(BadGreeting::Subprotocol));
        check("@RSYNCD: 32. md5", Err(BadGreeting::Subprotocol));
        check("@RSYNCD: 30", Err(BadGreeting::Subprotocol));
        check("@RSYNCD: 32.0", Err(BadGreeting::Digests));
        check("@RSYNCD: 32.0md5", Err(BadGreeting::Digests));
    }

    /// The first rows were observed on stock (spec 1.6.2).
    #[test]
    fn negotiated_protocol() {
        for (own, line, expect) in [
            (32, "@RSYNCD: 32.5 md5", 31),
            (32, "@RSYNCD: 30.3", 29),
            (32, "@RSYNCD: 32.0 md5", 32),
            (32, "@RSYNCD: 33.5 md5", 32),
            (32, "@RSYNCD: 29", 29),
            (29, "@RSYNCD: 32.0 md5", 29),
            (30, "@RSYNCD: 30.1 md5", 29),
        ] {
            let greeting = Greeting::parse(line.as_bytes()).unwrap();
            assert_eq!(greeting.negotiate(own), expect, "{own} {line}");
        }
    }

    #[test]
    fn range() {
        for (protocol, ok) in [(19, false), (20, true), (32, true), (40, true), (41, false)] {
            let line = format!("@RSYNCD: {protocol}.0 md5");
            let checked = Greeting::parse(line.as_bytes()).unwrap().check_range();
            assert_eq!(checked.is_ok(), ok, "{protocol}");
            assert!(ok || checked.unwrap_err().exit == Exit::PROTOCOL);
        }
    }

    /// As recorded from stock in both directions.
    #[test]
    fn our_greeting() {
        assert_eq!(own_greeting(32), b"@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n");
        assert_eq!(own_greeting(29), b"@RSYNCD: 29.0 sha512 sha256 sha1 md5 md4\n");
    }
}
