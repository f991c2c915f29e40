//! `syncline-wasmtime MODULE.wasm [OPTIONS] rsync://host[:port]/module/path/ DEST`: an rsync client in a sandbox.
//!
//! The options are rsync's own: the module parses the command line, talks to the daemon, decides, and rebuilds files. Out here
//! are a socket and a folder.
//!
//! | module | what |
//! |---|---|
//! | [`engine`] | the functions of the module |
//! | [`folder`] | what is asked of files |

mod engine;
mod folder;

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use engine::{Engine, Session};
use folder::Folder;
use syncline_core::session::{Notice, Step, Wants};
use syncline_embed::document::{Event, Peer, Start};

/// Bytes moved at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that are read before they are wanted.
const PIECES_AHEAD: usize = 32;
/// What the sandbox may take.
const MEMORY_BYTES: u64 = 256 << 20;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).map(OsStringExt::into_vec);
    let Some(module) = words.next() else {
        eprintln!("usage: syncline-wasmtime MODULE.wasm [OPTIONS] rsync://host[:port]/module/path/ DEST");
        return ExitCode::FAILURE;
    };
    match pull(&String::from_utf8_lossy(&module), words.collect()) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            eprintln!("syncline-wasmtime: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pull(module: &str, words: Vec<Vec<u8>>) -> Outcome<i32> {
    let mut engine = Engine::load(module, MEMORY_BYTES)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let environment = ["HOME", "USER"].into_iter();
    let start = Start {
        words,
        environment: environment
            .filter_map(|name| Some((name.to_string(), std::env::var_os(name)?.into_vec())))
            .collect(),
        cwd: std::env::current_dir()?.into_os_string().into_vec(),
        umask: 0o022,
        unix_time: now.as_secs() as i64,
        pid: std::process::id(),
        seed: now.subsec_nanos() as i32,
        ..Start::default()
    };
    let mut session = engine.session(&start)?;
    let mut folder = Folder::default();
    let mut line = None;
    let started = Instant::now();
    loop {
        match session.next()? {
            Event::Connect(Peer::Daemon { host, port }) => {
                line = Some(Line::connect(&String::from_utf8(host)?, port)?);
            }
            Event::Connect(Peer::Program(_)) => return Err("only daemons: rsync://host/module".into()),
            Event::Password(_) => {
                session.password(&std::env::var_os("RSYNC_PASSWORD").unwrap_or_default().into_vec())?
            }
            Event::Step(step) => match step {
                Step::Ask(id, ask) => {
                    let reply = folder.execute(ask, &mut session);
                    session.answer(id.0, &reply)?;
                }
                Step::Read { file, at, len } => session.fill(folder.read(file, at, len))?,
                Step::Write { file } => {
                    if let Err((path, error)) = folder.write(file, session.data()?) {
                        session.write_failed(&path, error)?;
                    }
                }
                Step::Copy { file, from, len } => {
                    let result = folder.copy(file, from, len);
                    session.copied()?;
                    if let Err((path, error)) = result {
                        session.write_failed(&path, error)?;
                    }
                }
                Step::Notice(Notice::Out(text)) => std::io::stdout().write_all(&text)?,
                Step::Notice(Notice::Err(text)) => std::io::stderr().write_all(&text)?,
                Step::Notice(_) => {}
                Step::Wait(wants) => {
                    session.tick(1 + started.elapsed().as_millis() as u64)?;
                    line.as_mut().ok_or("not connected")?.travel(&mut session, wants)?;
                }
                Step::Done(exit) => return Ok(exit.0),
            },
        }
    }
}

/// The connection. A thread reads ahead, so that neither end waits for the other to read.
struct Line {
    socket: TcpStream,
    pieces: Receiver<Vec<u8>>,
    /// What came and was not taken yet.
    piece: Vec<u8>,
}

impl Line {
    fn connect(host: &str, port: u16) -> Outcome<Line> {
        let socket = TcpStream::connect((host, port)).map_err(|error| format!("{host}:{port}: {error}"))?;
        let mut reader = socket.try_clone()?;
        let (sender, pieces) = sync_channel(PIECES_AHEAD);
        std::thread::spawn(move || {
            let mut piece = vec![0; PIECE_BYTES];
            while let Ok(len @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Line { socket, pieces, piece: Vec::new() })
    }

    /// Sends what there is to be sent, or else waits for what comes.
    fn travel(&mut self, session: &mut Session<'_>, wants: Wants) -> Outcome<()> {
        if wants.output {
            let output = session.output()?;
            if self.socket.write_all(&output).is_err() {
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
}
