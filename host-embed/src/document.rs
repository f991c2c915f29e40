//! What crosses the boundary as values: each document is a byte with its version, and then the value as postcard writes it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use syncline_core::session::Step;

/// The version of every document.
pub const VERSION: u8 = 1;

/// How a session starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The command line, without the program's name: a client's, or a server's as its client sent it.
    pub words: Vec<Vec<u8>>,
    /// The environment, as far as rsync looks at it.
    pub environment: Vec<(String, Vec<u8>)>,
    /// The contents of the file of `--files-from`, where it is this side's.
    pub names: Option<Vec<u8>>,
    /// The working directory, for messages.
    pub cwd: Vec<u8>,
    /// Permission bits that new files don't get.
    pub umask: u32,
    /// Whether owners and devices can be set.
    pub is_root: bool,
    /// The user that new files belong to.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
    /// The groups that this user has.
    pub groups: Vec<u32>,
    /// Seconds since 1970.
    pub unix_time: i64,
    /// Seconds that local time is east of Greenwich.
    pub utc_offset: i32,
    /// A number for names and logs, as a process has one.
    pub pid: u32,
    /// Bits that nobody can guess: what a server seeds its checksums with.
    pub seed: i32,
}

/// What a host has to do next.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Connect to this peer; the first event of a client.
    Connect(Peer),
    /// Find the password of this user and give it.
    Password(Vec<u8>),
    /// A step of the session.
    Step(Step),
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// A daemon at a TCP port.
    Daemon {
        /// Its name or address.
        host: Vec<u8>,
        /// Its port.
        port: u16,
    },
    /// A program whose standard input and output are the connection.
    Program(Vec<Vec<u8>>),
}

/// Writes a document.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Writing to memory has no way to fail.
    postcard::to_extend(value, vec![VERSION]).unwrap_or_default()
}

/// Reads a document: all of it, and of this version.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (&version, rest) = bytes.split_first()?;
    let (value, rest) = postcard::take_from_bytes(rest).ok().filter(|_| version == VERSION)?;
    rest.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_core::session::{Reply, Wants};

    /// The example of `ABI.md`.
    #[test]
    fn the_bytes_are_as_written_down() {
        let event = Event::Step(Step::Wait(Wants { input: true, ..Wants::default() }));
        let bytes = [1, 2, 5, 1, 0, 0, 0];
        assert_eq!(encode(&event), bytes);
        assert_eq!(decode::<Event>(&bytes), Some(event));
        assert_eq!(decode::<Event>(&[2, 2, 5, 1, 0, 0, 0]), None, "another version");
        assert_eq!(decode::<Event>(&[1, 2, 5, 1, 0, 0]), None, "too short");
        assert_eq!(decode::<Event>(&[1, 2, 5, 1, 0, 0, 0, 0]), None, "too long");
    }

    #[test]
    fn a_reply_survives_the_trip() {
        let reply = Reply::Bytes(Ok(vec![7; 1000]));
        assert_eq!(decode(&encode(&reply)), Some(reply));
        let absurd = [1, 5, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode::<Reply>(&absurd), None, "four billion bytes that are not there");
    }
}
