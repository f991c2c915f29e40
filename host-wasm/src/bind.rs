//! The client for JavaScript. Numbers that may pass 2^32 are floats, which hold integers up to 2^53.

use wasm_bindgen::prelude::*;

use syncline_core::session::Errno;

use crate::client::{self, State, Voice};
use crate::errno::errno;
use crate::ops;
use crate::tree::{Node, clean};

/// What a run waits for.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Bytes from the peer, room for output, the end of an operation, or a moment.
    Waiting = 0,
    /// A password.
    Password = 1,
    /// Nothing: call again when others have had their turn.
    Busy = 2,
    /// It is over; see `exit_code`.
    Done = 3,
}

/// What kind of operation is to be carried out.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read `len` bytes of the file at `path` from offset `at` on; fewer only at its end. Answer with `supply`.
    Read = 0,
    /// Begin a new version of the file at `path`, which gets its name only by `Commit`. `output` names it until then.
    Create = 1,
    /// Put `bytes` into the new version `output`, at offset `at`.
    Write = 2,
    /// The new version `output` of `size` bytes takes the name `path`; `mtime_ms` is to be remembered.
    Commit = 3,
    /// The new version `output` is not wanted.
    Discard = 4,
    /// Make the directory `path`.
    Mkdir = 5,
    /// Remove the file `path`.
    Unlink = 6,
    /// Remove the empty directory `path`.
    Rmdir = 7,
    /// Give `path` the path `to`.
    Rename = 8,
    /// Remember `mtime_ms` for the file `path`.
    Stamp = 9,
}

/// An operation on files, to be answered by its `id`.
#[wasm_bindgen]
pub struct Op {
    inner: ops::Op,
}

#[wasm_bindgen]
impl Op {
    /// Its number.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> u32 {
        self.inner.id
    }

    /// What to do.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> Kind {
        match self.inner.what {
            ops::What::Read { .. } => Kind::Read,
            ops::What::Create { .. } => Kind::Create,
            ops::What::Write { .. } => Kind::Write,
            ops::What::Commit { .. } => Kind::Commit,
            ops::What::Discard { .. } => Kind::Discard,
            ops::What::Mkdir => Kind::Mkdir,
            ops::What::Unlink => Kind::Unlink,
            ops::What::Rmdir => Kind::Rmdir,
            ops::What::Rename { .. } => Kind::Rename,
            ops::What::Stamp { .. } => Kind::Stamp,
        }
    }

    /// The path, without leading slash.
    #[wasm_bindgen(getter)]
    pub fn path(&self) -> String {
        self.inner.path.clone()
    }

    /// The new path of a `Rename`.
    #[wasm_bindgen(getter)]
    pub fn to(&self) -> Option<String> {
        match &self.inner.what {
            ops::What::Rename { to } => Some(to.clone()),
            _ => None,
        }
    }

    /// Offset of a `Read` or `Write`.
    #[wasm_bindgen(getter)]
    pub fn at(&self) -> f64 {
        match self.inner.what {
            ops::What::Read { at, .. } | ops::What::Write { at, .. } => at as f64,
            _ => 0.0,
        }
    }

    /// Bytes that a `Read` wants.
    #[wasm_bindgen(getter)]
    #[expect(clippy::len_without_is_empty, reason = "it is a number of the operation, which is no container")]
    pub fn len(&self) -> u32 {
        match self.inner.what {
            ops::What::Read { len, .. } => len,
            _ => 0,
        }
    }

    /// Which new version is meant.
    #[wasm_bindgen(getter)]
    pub fn output(&self) -> u32 {
        match self.inner.what {
            ops::What::Create { output }
            | ops::What::Write { output, .. }
            | ops::What::Commit { output, .. }
            | ops::What::Discard { output } => output,
            _ => 0,
        }
    }

    /// Length of a version that is complete.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> f64 {
        match self.inner.what {
            ops::What::Commit { size, .. } => size as f64,
            _ => 0.0,
        }
    }

    /// A time, in milliseconds since 1970.
    #[wasm_bindgen(getter)]
    pub fn mtime_ms(&self) -> f64 {
        match self.inner.what {
            ops::What::Commit { mtime_ms, .. } | ops::What::Stamp { mtime_ms } => mtime_ms,
            _ => 0.0,
        }
    }

    /// Takes the bytes of a `Write`; they are there once.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        match &mut self.inner.what {
            ops::What::Write { bytes, .. } => std::mem::take(bytes),
            _ => Vec::new(),
        }
    }
}

/// A text to show.
#[wasm_bindgen]
pub struct Text {
    voice: Voice,
    text: String,
}

#[wasm_bindgen]
impl Text {
    /// Who says it: `out` (items, listings), `err` (errors and warnings) or `daemon` (its greeting, its modules).
    #[wasm_bindgen(getter)]
    pub fn voice(&self) -> String {
        let voice = match self.voice {
            Voice::Out => "out",
            Voice::Err => "err",
            Voice::Daemon => "daemon",
        };
        voice.into()
    }

    /// What it says.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> String {
        self.text.clone()
    }
}

/// How far a run has come.
#[wasm_bindgen]
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Bytes sent over the connection.
    pub sent: f64,
    /// Bytes received over the connection.
    pub received: f64,
    /// Bytes of file contents that had to travel.
    pub literal: f64,
    /// Bytes of file contents that the receiving end had already.
    pub matched: f64,
    /// Bytes of all files in the list.
    pub total_size: f64,
    /// Files whose contents were compared or sent.
    pub files: f64,
    /// Their bytes.
    pub files_size: f64,
    /// Length of the file that is worked on.
    pub size: f64,
    /// How far the work on it has come.
    pub position: f64,
    path: String,
    picture: Vec<u8>,
}

#[wasm_bindgen]
impl Progress {
    /// The file that is worked on.
    #[wasm_bindgen(getter)]
    pub fn path(&self) -> String {
        self.path.clone()
    }

    /// Which parts of it the receiving end had: a byte a part, 0 where it is not known yet, 1 for nothing, 255 for all.
    #[wasm_bindgen(getter)]
    pub fn picture(&self) -> Vec<u8> {
        self.picture.clone()
    }
}

/// One run of an rsync client.
#[wasm_bindgen]
pub struct Client {
    inner: client::Client,
    exit: Option<i32>,
}

#[wasm_bindgen]
impl Client {
    /// A client with a command line such as `["-rt", "/photos", "rsync://host/module/"]`. Local paths are those given to
    /// `add`; the host's name is not used, since the connection is yours. `seed` is any number.
    #[wasm_bindgen(constructor)]
    pub fn new(words: Vec<String>, user: &str, unix_time: f64, seed: i32) -> Result<Client, JsError> {
        let bytes: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
        let inner = client::Client::new(&bytes, user.as_bytes(), unix_time as i64, seed)
            .map_err(|error| JsError::new(&error.text_lossy()))?;
        Ok(Client { inner, exit: None })
    }

    /// Adds a file to the tree that it works on.
    pub fn add_file(&mut self, path: &str, size: f64, mtime_ms: f64) -> bool {
        let seconds = (mtime_ms / 1000.0).floor();
        let nanoseconds = (mtime_ms - seconds * 1000.0) * 1e6;
        self.add(path, Node::file(size as u64, (seconds as i64, nanoseconds as u32)))
    }

    /// Adds a directory to the tree that it works on.
    pub fn add_directory(&mut self, path: &str) -> bool {
        self.add(path, Node::directory())
    }

    fn add(&mut self, path: &str, node: Node) -> bool {
        match clean(path.as_bytes()) {
            Some(path) if !path.is_empty() => {
                self.inner.files.tree.put(&path, node);
                true
            }
            _ => false,
        }
    }

    /// Takes bytes from the peer; returns how many. Offer the rest again after the next `run`.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.inner.receive(bytes)
    }

    /// The peer closed the connection, and all that it said was handed over.
    pub fn end_input(&mut self) {
        self.inner.end_input();
    }

    /// The connection broke.
    pub fn lost(&mut self, text: &str) {
        self.inner.lost(text);
    }

    /// Ends the run; call `run` on until it is done.
    pub fn cancel(&mut self) {
        self.inner.cancel();
    }

    /// The password that was asked for.
    pub fn password(&mut self, password: &str) {
        self.inner.password(password.as_bytes());
    }

    /// Moves on as far as it goes; `now_ms` as from `performance.now()`.
    pub fn run(&mut self, now_ms: f64) -> Status {
        match self.inner.run(now_ms as u64) {
            State::Waiting => Status::Waiting,
            State::Password => Status::Password,
            State::Busy => Status::Busy,
            State::Done(exit) => {
                self.exit = Some(exit.0);
                Status::Done
            }
        }
    }

    /// Takes bytes for the peer, `max` at most.
    pub fn output(&mut self, max: usize) -> Vec<u8> {
        self.inner.output(max)
    }

    /// When `run` is to be called again at the latest.
    pub fn deadline_ms(&self) -> Option<f64> {
        self.inner.deadline_ms().map(|at| at as f64)
    }

    /// rsync's exit code, once it is done.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit
    }

    /// The next operation on files.
    pub fn next_op(&mut self) -> Option<Op> {
        self.inner.files.take_op().map(|inner| Op { inner })
    }

    /// Answers a `Read`.
    pub fn supply(&mut self, id: u32, bytes: Vec<u8>) {
        self.inner.files.end_op(id, Ok(bytes));
    }

    /// An operation other than `Read` was carried out.
    pub fn done(&mut self, id: u32) {
        self.inner.files.end_op(id, Ok(Vec::new()));
    }

    /// An operation failed, with an error number as on Linux and a text, or an empty one for the usual.
    pub fn fail(&mut self, id: u32, code: i32, text: &str) {
        let usual = errno(code);
        let text = if text.is_empty() { usual.text } else { text.into() };
        self.inner.files.end_op(id, Err(Errno { code, text }));
    }

    /// The next text to show.
    pub fn next_text(&mut self) -> Option<Text> {
        let (voice, text) = self.inner.notice()?;
        Some(Text { voice, text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// How far it has come.
    pub fn progress(&mut self) -> Progress {
        let (sent, received) = self.inner.travelled();
        let stats = self.inner.stats();
        let watch = self.inner.watched();
        Progress {
            sent: sent as f64,
            received: received as f64,
            literal: stats.literal as f64,
            matched: stats.matched as f64,
            total_size: stats.total_size as f64,
            files: stats.transferred_files as f64,
            files_size: stats.transferred_size as f64,
            size: watch.size as f64,
            position: watch.position as f64,
            path: watch.path.clone(),
            picture: watch.picture(),
        }
    }
}

/// The version of this package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
