//! Agreeing on a checksum or a compressor (spec 1.5.3): each side sends the names it can do, best first.
//!
//! Stock lets each side choose by its own order, so two that order differently choose differently. We send the canonical
//! order unless the user forces another, choose by our own order as a client, and as a server follow the client's. That
//! agrees with every client, since each goes by its own order.

use super::item::put_vstring;
use super::{Reader, Stop};
use crate::limits::NEGOTIATION_BYTES_MAX;
use crate::{Error, Exit, Fault};
use alloc::format;
use alloc::vec::Vec;

/// What is sent if the user allows only names that we do not know, so that it fails on both sides.
const INVALID: &[u8] = b"INVALID";
/// The name that a client does not offer.
const NONE: &str = "none";

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Started by the user.
    Client,
    /// Started by the client, or a daemon.
    Server,
}

/// A name that a list may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// As it is sent.
    pub name: &'static str,
    /// Another name for it, for which the main one is sent.
    pub alias: Option<&'static str>,
}

impl Name {
    /// A name without an alias.
    pub const fn new(name: &'static str) -> Name {
        Name { name, alias: None }
    }

    fn is(&self, word: &[u8]) -> bool {
        let same = |name: &str| name.as_bytes().eq_ignore_ascii_case(word);
        same(self.name) || self.alias.is_some_and(same)
    }
}

/// The names that one side is willing to use, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    side: Side,
    names: Vec<Name>,
    forced: bool,
}

impl Offer {
    /// The offer of this side: all of `supported`, which is in canonical order, or what the user's environment names of it.
    pub fn new(supported: &[Name], environment: Option<&[u8]>, side: Side) -> Offer {
        let wanted = environment.map(|value| part(value, side)).unwrap_or_default();
        let mut words = words(wanted).peekable();
        let forced = words.peek().is_some();
        let mut names = Vec::new();
        if !forced {
            names.extend_from_slice(supported);
        }
        for word in words {
            match supported.iter().find(|name| name.is(word)) {
                Some(name) if !names.contains(name) => names.push(*name),
                _ => {}
            }
        }
        Offer { side, names, forced }
    }

    /// The list as it is sent: names separated by single blanks.
    pub fn text(&self) -> Vec<u8> {
        if self.names.is_empty() {
            return INVALID.to_vec();
        }
        let names: Vec<&[u8]> = self.sent().map(|name| name.name.as_bytes()).collect();
        names.join(&b' ')
    }

    /// What is on the list: a client leaves out "none" unless the user asks for it.
    fn sent(&self) -> impl Iterator<Item = &Name> {
        let all = self.forced || self.side == Side::Server;
        self.names.iter().filter(move |name| all || name.name != NONE)
    }

    /// Appends the list to the data stream.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        put_vstring(out, &self.text())
    }

    /// Whether the user allows this name, be it chosen explicitly or implied by the protocol.
    pub fn admits(&self, name: &[u8]) -> bool {
        self.names.iter().any(|known| known.is(name))
    }

    /// The name that both sides now use, given the peer's list; `None` if there is no common one.
    pub fn choose(&self, peer: &[u8]) -> Option<&'static str> {
        let chosen = match self.side {
            Side::Client => self.sent().find(|name| words(peer).any(|word| name.is(word))),
            Side::Server => words(peer).find_map(|word| self.sent().find(|name| name.is(word))),
        };
        chosen.map(|name| name.name)
    }
}

/// Takes the peer's list. One that is too long is as good as none, as in stock: it leads to [`failure`].
pub fn decode_list<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    reader.vstring(NEGOTIATION_BYTES_MAX).map_err(|stop| match stop {
        Stop::Bad(error) => Stop::Bad(Error { exit: Exit::UNSUPPORTED, ..error }),
        Stop::Short => Stop::Short,
    })
}

/// The error when two lists have nothing in common. `what` is "checksum" or "compress". A server says nothing, since
/// nothing it could say would reach the user.
pub fn failure(what: &str, offer: &Offer, peer: &[u8]) -> Error {
    let mut text = Vec::new();
    if offer.side == Side::Client {
        text.extend_from_slice(format!("Failed to negotiate a {what} choice.").as_bytes());
        text.extend_from_slice(b"\nServer list: ");
        text.extend_from_slice(peer);
        text.extend_from_slice(b"\nClient list: ");
        text.extend_from_slice(&offer.text());
    }
    Error::new(Fault::Incompatible, Exit::UNSUPPORTED, text)
}

/// The part of an environment value that concerns this side.
fn part(value: &[u8], side: Side) -> &[u8] {
    let mut parts = value.splitn(2, |&byte| byte == b'&');
    let client = parts.next().unwrap_or_default();
    match (side, parts.next()) {
        (Side::Server, Some(server)) => server,
        _ => client,
    }
}

fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHECKSUMS: &[Name] = &[
        Name::new("xxh128"),
        Name::new("xxh3"),
        Name { name: "xxh64", alias: Some("xxhash") },
        Name::new("md5"),
        Name::new("md4"),
        Name::new("sha1"),
        Name::new("none"),
    ];

    fn sent(environment: Option<&[u8]>, side: Side) -> Vec<u8> {
        Offer::new(CHECKSUMS, environment, side).text()
    }

    /// As stock 3.5.0 sends them.
    #[test]
    fn lists() {
        let table: &[(Option<&str>, &str, &str)] = &[
            (None, "xxh128 xxh3 xxh64 md5 md4 sha1", "xxh128 xxh3 xxh64 md5 md4 sha1 none"),
            (Some(""), "xxh128 xxh3 xxh64 md5 md4 sha1", "xxh128 xxh3 xxh64 md5 md4 sha1 none"),
            (Some("none"), "none", "none"),
            (Some("none md5"), "none md5", "none md5"),
            (Some("md4&xxh3"), "md4", "xxh3"),
            (Some("&md5"), "xxh128 xxh3 xxh64 md5 md4 sha1", "md5"),
            (Some("md5 & "), "md5", "xxh128 xxh3 xxh64 md5 md4 sha1 none"),
            (Some("md5&foo"), "md5", "INVALID"),
            (Some("md5,md4"), "INVALID", "INVALID"),
            (Some("xxhash foo xxh3 xxh64"), "xxh64 xxh3", "xxh64 xxh3"),
            (Some(" md5\tmd4 "), "md5 md4", "md5 md4"),
        ];
        for (environment, client, server) in table {
            let environment = environment.map(str::as_bytes);
            assert_eq!(sent(environment, Side::Client), client.as_bytes(), "{environment:?}");
            assert_eq!(sent(environment, Side::Server), server.as_bytes(), "{environment:?}");
        }
    }

    #[test]
    fn both_sides_go_by_the_client() {
        let client = Offer::new(CHECKSUMS, Some(b"sha1 md5"), Side::Client);
        let server = Offer::new(CHECKSUMS, None, Side::Server);
        assert_eq!(client.choose(&server.text()), Some("sha1"));
        assert_eq!(server.choose(&client.text()), Some("sha1"));
        assert_eq!(server.choose(b"nonesuch XXHASH md5"), Some("xxh64"));
        // A client uses only what it offered.
        assert_eq!(Offer::new(CHECKSUMS, None, Side::Client).choose(b"none"), None);
    }

    #[test]
    fn no_common_name() {
        let client = Offer::new(CHECKSUMS, Some(b"md4"), Side::Client);
        assert_eq!(client.choose(b"xxh3"), None);
        assert_eq!(client.choose(b""), None);
        let error = failure("checksum", &client, b"xxh3");
        assert_eq!(error.exit, Exit::UNSUPPORTED);
        assert_eq!(error.text, b"Failed to negotiate a checksum choice.\nServer list: xxh3\nClient list: md4");
        assert!(failure("checksum", &Offer::new(CHECKSUMS, None, Side::Server), b"md4").text.is_empty());
        assert!(!client.admits(b"md5") && client.admits(b"MD4"));
        let invalid = Offer::new(CHECKSUMS, Some(b"foo"), Side::Client);
        assert_eq!(invalid.choose(b"INVALID"), None);
    }

    #[test]
    fn lists_on_the_wire() {
        let mut out = Vec::new();
        Offer::new(CHECKSUMS, None, Side::Client).encode(&mut out).unwrap();
        assert_eq!(out, b"\x1exxh128 xxh3 xxh64 md5 md4 sha1");
        assert_eq!(decode_list(&mut Reader::new(&out)), Ok(&out[1..]));
        let Err(Stop::Bad(error)) = decode_list(&mut Reader::new(b"\x81\0")) else { panic!("accepted") };
        assert_eq!((error.exit, &*error.text), (Exit::UNSUPPORTED, &b"over-long vstring received (256 > 255)"[..]));
    }

    proptest! {
        #[test]
        fn two_of_us_always_agree(client in "[a-z0-9 &]{0,40}", server in "(md[45]|sha1|none|xxh3| |&){0,9}") {
            for environment in [client.as_bytes(), server.as_bytes()] {
                let client = Offer::new(CHECKSUMS, Some(environment), Side::Client);
                let server = Offer::new(CHECKSUMS, Some(server.as_bytes()), Side::Server);
                prop_assert_eq!(client.choose(&server.text()), server.choose(&client.text()));
            }
        }
    }
}
