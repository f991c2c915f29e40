//! The client's end of a daemon connection, until the binary stream begins.

use std::os::fd::OwnedFd;

use syncline_core::report::text;
use syncline_core::session::greeting::{ClientEvent, ClientGreeting, ClientRequest, encode_arguments, encode_secluded};
use syncline_core::{Error, Exit};

use super::link::{Broken, Link};
use super::log::strerror;
use super::password;

/// What is asked of the daemon, and by whom.
pub struct Call<'a> {
    /// Protocol, module, user, early input.
    pub request: ClientRequest,
    /// `--password-file`
    pub password_file: Option<&'a [u8]>,
    /// What we are called in messages: `sender` on a push, `Receiver` on a pull.
    pub role: &'a str,
    /// Gives the words for the server once the protocol is known.
    pub words: &'a dyn Fn(u32) -> Words,
    /// The words are shown too.
    pub tells_words: bool,
    /// Shows a line. (It doesn't, where the user wants no such text.)
    pub show: &'a mut dyn FnMut(Voice, &[u8]),
}

/// Whose a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// The daemon's, newline included.
    Daemon,
    /// Our own, without one.
    Client,
}

/// The words for the server's command line.
pub struct Words {
    /// Those of the argument block.
    pub plain: Vec<Vec<u8>>,
    /// Those of the second block, if args are secluded.
    pub secluded: Option<Vec<Vec<u8>>>,
}

/// What became of a call.
#[derive(Debug)]
pub enum Answered {
    /// The arguments are sent; the binary stream follows.
    Ready {
        /// The negotiated protocol.
        protocol: u32,
        /// Bytes that came already.
        pending: Vec<u8>,
        /// Where the daemon's bytes come from.
        input: OwnedFd,
        /// Where bytes for the daemon go.
        output: OwnedFd,
    },
    /// The list of modules has been shown.
    Listed,
}

/// Holds the text phase over a connection.
pub fn call(input: OwnedFd, output: OwnedFd, call: Call<'_>) -> Result<Answered, Error> {
    let Call { request, password_file, role, words, tells_words, show } = call;
    let mut link = Link::new(input, output);
    let mut greeting = ClientGreeting::new(request)?;
    loop {
        // What a line made us say goes out before we wait for the next one.
        let (taken, event) = greeting.feed(&link.pending)?;
        link.consume(taken);
        // A daemon that says why it closes may do so before it has read everything: its words count more than our failure.
        let sent = link.send(&greeting.output());
        match event {
            Some(ClientEvent::Text(line)) => show(Voice::Daemon, &line),
            Some(ClientEvent::Password) => greeting.password(&password::find(password_file, role)?),
            Some(ClientEvent::Exit) => return Ok(Answered::Listed),
            Some(ClientEvent::Ready { protocol }) => {
                let words = words(protocol);
                if tells_words {
                    show(Voice::Client, &text::words(b"sending daemon args: ", &words.plain));
                    if let Some(secluded) = &words.secluded {
                        show(Voice::Client, &text::words(b"protected args: ", secluded));
                    }
                }
                send_words(&mut link, &words, protocol)?;
                let Link { input, output, pending, .. } = link;
                return Ok(Answered::Ready { protocol, pending, input, output });
            }
            None => match link.receive() {
                Ok(()) => {}
                Err(Broken::Failed(_)) if sent.is_err() => {
                    return greeting.end().map(|_| Answered::Listed);
                }
                Err(Broken::Failed(error)) => {
                    let reason = strerror(&error);
                    let text = format!("rsync: [{role}] safe_read failed to read 1 bytes: {reason}");
                    return Err(Error::host(Exit::STREAM, text));
                }
                Err(_) => return greeting.end().map(|_| Answered::Listed),
            },
        }
    }
}

fn send_words(link: &mut Link, words: &Words, protocol: u32) -> Result<(), Error> {
    let mut block = encode_arguments(&words.plain, protocol)?;
    if let Some(secluded) = &words.secluded {
        block.extend(encode_secluded(secluded)?);
    }
    let sent = link.send(&block);
    sent.map_err(|_| Error::host(Exit::STREAM, "rsync: the daemon closed the connection before it got its arguments"))
}
