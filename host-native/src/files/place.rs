//! Where bytes come from and go to.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, StdinLock, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use syncline_core::format::FormatError;
use tempfile::NamedTempFile;

/// Bytes read at once.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Why a subcommand ended.
#[derive(Debug)]
pub enum Failure {
    /// Because of its words, or since help was asked for.
    Words(Box<clap::Error>),
    /// The system would not.
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        name: String,
        /// What happened.
        error: io::Error,
    },
    /// A signature or delta is not what it should be.
    Format {
        /// The file.
        name: String,
        /// What is wrong.
        error: FormatError,
    },
}

/// A file, or the standard stream that `-` stands for.
#[derive(Clone, Debug)]
pub struct Place(Option<PathBuf>);

impl From<&OsStr> for Place {
    fn from(word: &OsStr) -> Place {
        Place((word != "-").then(|| word.into()))
    }
}

impl From<std::ffi::OsString> for Place {
    fn from(word: std::ffi::OsString) -> Place {
        Place::from(word.as_os_str())
    }
}

impl Place {
    /// For messages.
    pub fn shown(&self) -> String {
        self.0.as_ref().map_or_else(|| "standard input".into(), |path| path.display().to_string())
    }
}

fn io_failure(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Failure + use<> {
    let name = path.display().to_string();
    move |error| Failure::Io { doing, name: name.clone(), error }
}

/// Bytes that come one after the other.
pub struct Input {
    source: Source,
    bytes: Option<u64>,
    name: String,
}

enum Source {
    Standard(StdinLock<'static>),
    File(File),
}

impl Input {
    /// Opens it.
    pub fn open(place: &Place) -> Result<Input, Failure> {
        let name = place.shown();
        let Some(path) = &place.0 else {
            return Ok(Input { source: Source::Standard(io::stdin().lock()), bytes: None, name });
        };
        let file = File::open(path).map_err(io_failure("can't open", path))?;
        let meta = file.metadata().map_err(io_failure("can't look at", path))?;
        Ok(Input { source: Source::File(file), bytes: meta.is_file().then_some(meta.len()), name })
    }

    /// How much there is, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// The file, if it can be read at any place.
    pub fn file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file) if self.bytes.is_some() => Some(file),
            _ => None,
        }
    }

    /// Fills the front of `piece`; 0 at the end.
    pub fn read(&mut self, piece: &mut [u8]) -> Result<usize, Failure> {
        loop {
            let result = match &mut self.source {
                Source::Standard(stream) => stream.read(piece),
                Source::File(file) => file.read(piece),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
                Ok(len) => return Ok(len),
            }
        }
    }

    /// It can't be read.
    pub fn failure(&self, error: io::Error) -> Failure {
        Failure::Io { doing: "can't read", name: self.name.clone(), error }
    }
}

/// The old file, read anywhere.
pub struct Basis {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Basis {
    /// Opens it.
    pub fn open(path: &Path) -> Result<Basis, Failure> {
        let file = File::open(path).map_err(io_failure("can't open", path))?;
        let meta = file.metadata().map_err(io_failure("can't look at", path))?;
        if !meta.is_file() {
            let error = io::Error::other("the old file is read at any place, so it must be a regular file");
            return Err(io_failure("can't use", path)(error));
        }
        Ok(Basis { file, path: path.to_owned(), bytes: meta.len() })
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `bytes` from offset `at`.
    pub fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<(), Failure> {
        self.file.read_exact_at(bytes, at).map_err(io_failure("can't read", &self.path))
    }
}

/// Where a result goes.
///
/// A file appears all at once: its bytes go to a temporary file beside it, which takes the name when it is complete. What is
/// there already and is no regular file (a pipe, a device) is written to as it is.
pub struct Output {
    writer: Writer,
    name: String,
}

enum Writer {
    Stream(Box<dyn Write + Send>),
    New(NamedTempFile, PathBuf),
}

impl Output {
    /// Makes it ready to be written.
    pub fn create(place: &Place) -> Result<Output, Failure> {
        let Some(path) = &place.0 else {
            return Ok(Output { writer: Writer::Stream(Box::new(io::stdout())), name: "standard output".into() });
        };
        let name = path.display().to_string();
        let failed = io_failure("can't write", path);
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(meta) if !meta.is_file() => {
                let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                return Ok(Output { writer: Writer::Stream(Box::new(file)), name });
            }
            _ => {}
        }
        // A link stays one: it is its file that is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mode = fs::metadata(&path).map_or(0o666, |meta| meta.permissions().mode() & 0o777);
        let mut builder = tempfile::Builder::new();
        let temp = builder.prefix(".syncline.").permissions(fs::Permissions::from_mode(mode)).tempfile_in(dir);
        let temp = temp.map_err(io_failure("can't make a temporary file in", dir))?;
        Ok(Output { writer: Writer::New(temp, path), name })
    }

    /// Appends.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let result = match &mut self.writer {
            Writer::Stream(stream) => stream.write_all(bytes),
            Writer::New(file, _) => file.as_file_mut().write_all(bytes),
        };
        result.map_err(|error| self.failure(error))
    }

    /// Whether what was written can be overwritten.
    pub fn is_new(&self) -> bool {
        matches!(self.writer, Writer::New(..))
    }

    /// Overwrites what was written, if that is possible.
    pub fn overwrite(&mut self, at: u64, bytes: &[u8]) -> Result<(), Failure> {
        let Writer::New(file, _) = &self.writer else { return Ok(()) };
        file.as_file().write_all_at(bytes, at).map_err(|error| self.failure(error))
    }

    /// It is complete.
    pub fn commit(self) -> Result<(), Failure> {
        let name = self.name;
        let failed = |error| Failure::Io { doing: "can't write", name, error };
        match self.writer {
            Writer::Stream(mut stream) => stream.flush().map_err(failed),
            Writer::New(file, path) => file.persist(path).map(drop).map_err(|error| failed(error.error)),
        }
    }

    fn failure(&self, error: io::Error) -> Failure {
        Failure::Io { doing: "can't write", name: self.name.clone(), error }
    }
}
