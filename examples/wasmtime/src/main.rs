//! `syncline-wasmtime ENGINE.wasm RSYNC'S WORDS`: rsync in a sandbox, as a client in both directions, and as the server that a
//! client starts. `ENGINE.wasm` is the module or the component.
//!
//! The words are rsync's own: the engine parses the command line, talks to the peer, decides, and rebuilds files. Out here are a
//! connection and a folder.
//!
//! | module | what |
//! |---|---|
//! | [`sandbox`] | what a session can be told and asked, in either kind of sandbox |
//! | [`engine`] | the functions of the module |
//! | [`component`] | the world of the component |
//! | [`folder`] | what is asked of files |
//! | [`line`] | the connection |

mod component;
mod engine;
mod folder;
mod line;
mod sandbox;

use std::error::Error;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use folder::Folder;
use line::Line;
use syncline_core::session::{Notice, Step};
use syncline_embed::document::{Event, Start};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).map(OsStringExt::into_vec);
    let Some(module) = words.next() else {
        eprintln!(
            "usage: syncline-wasmtime ENGINE.wasm [OPTIONS] SOURCE DEST, one of them at a peer, as rsync takes them"
        );
        return ExitCode::FAILURE;
    };
    match run(&String::from_utf8_lossy(&module), words.collect()) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            eprintln!("syncline-wasmtime: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(engine: &str, words: Vec<Vec<u8>>) -> Outcome<i32> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut line = words.first().is_some_and(|word| word == b"--server").then(Line::own);
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
    let mut session = sandbox::start(engine, &start)?;
    let session = session.as_mut();
    let mut folder = Folder::default();
    let started = Instant::now();
    loop {
        match session.next()? {
            Event::Connect(peer) => line = Some(Line::connect(peer)?),
            Event::Password(_) => {
                session.password(&std::env::var_os("RSYNC_PASSWORD").unwrap_or_default().into_vec())?
            }
            Event::Step(step) => match step {
                Step::Ask(id, ask) => {
                    let reply = folder.execute(ask, session);
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
                    line.as_mut().ok_or("not connected")?.travel(session, wants)?;
                }
                Step::Done(exit) => {
                    line.into_iter().for_each(Line::close);
                    return Ok(exit.0);
                }
            },
        }
    }
}
