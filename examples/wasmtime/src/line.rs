//! The connection: a socket, a program's pipes, or what this program itself was started with.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStringExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use syncline_core::session::Wants;
use syncline_embed::document::Peer;

use crate::Outcome;
use crate::sandbox::Session;

/// Bytes moved at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that are read before they are wanted.
const PIECES_AHEAD: usize = 32;

/// A connection. A thread reads ahead, so that neither end waits for the other to read.
pub struct Line {
    writer: Box<dyn Write>,
    pieces: Receiver<Vec<u8>>,
    /// What came and was not taken yet.
    piece: Vec<u8>,
    child: Option<Child>,
}

impl Line {
    /// To the peer that the session wants.
    pub fn connect(peer: Peer) -> Outcome<Line> {
        match peer {
            Peer::Daemon { host, port } => {
                let host = String::from_utf8(host)?;
                let socket =
                    TcpStream::connect((host.as_str(), port)).map_err(|error| format!("{host}:{port}: {error}"))?;
                socket.set_nodelay(true)?;
                Ok(Line::new(socket.try_clone()?, socket, None))
            }
            Peer::Program(words) => {
                let mut words = words.into_iter().map(OsString::from_vec);
                let name = words.next().ok_or("no program to start")?;
                let mut command = Command::new(&name);
                command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
                let mut child = command.spawn().map_err(|error| format!("{}: {error}", name.display()))?;
                let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
                    return Err("the program has no pipes".into());
                };
                Ok(Line::new(stdout, stdin, Some(child)))
            }
        }
    }

    /// To the client that started this program.
    pub fn own() -> Line {
        Line::new(io::stdin(), io::stdout(), None)
    }

    fn new(mut reader: impl Read + Send + 'static, writer: impl Write + 'static, child: Option<Child>) -> Line {
        let (sender, pieces) = sync_channel(PIECES_AHEAD);
        std::thread::spawn(move || {
            let mut piece = vec![0; PIECE_BYTES];
            while let Ok(len @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Line { writer: Box::new(writer), pieces, piece: Vec::new(), child }
    }

    /// Sends what there is to be sent, or else waits for what comes.
    pub fn travel(&mut self, session: &mut dyn Session, wants: Wants) -> Outcome<()> {
        if wants.output {
            let output = session.output()?;
            if self.writer.write_all(&output).and_then(|()| self.writer.flush()).is_err() {
                session.output_broken()?;
            }
            return Ok(());
        }
        if !wants.input {
            return Err("the session waits for nothing".into());
        }
        if self.piece.is_empty() {
            match self.pieces.recv() {
                Ok(piece) => self.piece = piece,
                Err(_) => return session.feed_end(),
            }
        }
        let taken = session.feed(&self.piece)?;
        self.piece.drain(..taken);
        Ok(())
    }

    /// Hangs up, and waits for the program at the other end.
    pub fn close(self) {
        drop((self.writer, self.pieces));
        if let Some(mut child) = self.child {
            let _ = child.wait();
        }
    }
}
