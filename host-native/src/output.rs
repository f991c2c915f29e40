//! Standard output, standard error and the log: where the texts of a session go.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use syncline_core::options::{Options, OutBuf, StderrMode};
use syncline_core::report::{Charset, LocalTime, escape};
use syncline_core::session::Notice;
use syncline_core::{Error, Exit};

use crate::time;

/// Bytes kept back before they are written, when nobody watches.
const BUFFER_BYTES: usize = 32 * 1024;

/// Takes a line for a log.
pub type LogLine = Box<dyn FnMut(&[u8]) + Send>;

/// Where texts go.
pub struct Console {
    out: Vec<u8>,
    charset: Charset,
    eager: bool,
    log: Option<LogLine>,
    batch: Option<File>,
    /// The last line on standard output is not complete.
    mid_line: bool,
    /// Nobody looks at standard error.
    silent: bool,
}

impl Console {
    /// For a process with these options.
    pub fn new(options: &Options) -> Console {
        let eager = match options.outbuf {
            Some(OutBuf::None | OutBuf::Line) => true,
            Some(OutBuf::Block) => false,
            None => io::stdout().is_terminal(),
        };
        Console {
            out: Vec::new(),
            charset: charset(options.eight_bit_output),
            eager,
            log: None,
            batch: None,
            mid_line: false,
            silent: false,
        }
    }

    /// Prints no errors: a daemon has a log, and its standard error is whatever it was started from.
    pub fn silent(mut self) -> Console {
        self.silent = true;
        self
    }

    /// Writes the batch to `file`.
    pub fn keep_batch(&mut self, file: File) {
        self.batch = Some(file);
    }

    /// Gives log lines to `log`.
    pub fn with_log(mut self, log: LogLine) -> Console {
        self.log = Some(log);
        self
    }

    /// Opens `--log-file`; says so if that fails.
    pub fn open_log(&mut self, options: &Options) {
        let Some(path) = &options.log_file else { return };
        match OpenOptions::new().append(true).create(true).mode(0o644).open(std::ffi::OsStr::from_bytes(path)) {
            Ok(file) => self.log = Some(Box::new(move |line| write_log(&file, line))),
            Err(error) => {
                let errno = crate::errno::of_io(&error);
                let path = String::from_utf8_lossy(path);
                let text = format!("rsync: [client] failed to open log-file {path}: {} ({})\n", errno.text, errno.code);
                self.error(text.as_bytes());
                self.print(b"Ignoring \"log file\" setting.\n");
            }
        }
    }

    /// Shows a notice.
    pub fn show(&mut self, notice: &Notice) {
        match notice {
            Notice::Out(text) => self.print_line(text),
            Notice::Err(text) => self.error_line(text),
            Notice::Log(line) => self.log(line),
            Notice::Batch(bytes) => {
                let written = self.batch.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
                if let Err(error) = written {
                    self.batch = None;
                    let errno = crate::errno::of_io(&error);
                    self.error(format!("rsync: batch file write error: {} ({})\n", errno.text, errno.code).as_bytes());
                }
            }
        }
    }

    /// Prints lines to standard output.
    pub fn print(&mut self, text: &[u8]) {
        text.split_inclusive(|&b| b == b'\n').for_each(|line| self.print_line(line));
    }

    /// Prints a line about the work itself: not if the user wants silence, and to standard error if that takes everything.
    pub fn tell(&mut self, options: &Options, text: &[u8]) {
        match options.stderr {
            _ if options.quiet => {}
            StderrMode::All => self.error(&[text, b"\n"].concat()),
            _ => self.print(&[text, b"\n"].concat()),
        }
    }

    /// Prints one line: a newline inside belongs to a name, and must not look like the beginning of another line.
    fn print_line(&mut self, line: &[u8]) {
        self.mid_line = !line.ends_with(b"\n");
        escape::console(line, self.charset, &mut self.out);
        if self.eager || self.out.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Prints lines to standard error, behind everything printed before.
    pub fn error(&mut self, text: &[u8]) {
        text.split_inclusive(|&b| b == b'\n').for_each(|line| self.error_line(line));
    }

    /// Prints one line to standard error.
    fn error_line(&mut self, line: &[u8]) {
        self.flush();
        let mut shown = Vec::with_capacity(line.len() + 1);
        if std::mem::take(&mut self.mid_line) {
            // On a terminal it would go on behind what stands there already.
            shown.push(b'\n');
        }
        if self.silent {
            return;
        }
        escape::console(line, self.charset, &mut shown);
        let _ = io::stderr().write_all(&shown);
    }

    /// Prints an error that ends the program before there is a session, and the line that names its exit code.
    pub fn fail(&mut self, error: &Error, role: &str) -> i32 {
        if !error.text.is_empty() {
            error.lines().for_each(|line| self.error_and_log(line));
        }
        self.exit_line(error.exit, role);
        error.exit.0
    }

    /// Prints a line to standard error and keeps it in the log.
    pub fn error_and_log(&mut self, line: &[u8]) {
        self.error(&[line, b"\n"].concat());
        if !line.is_empty() {
            self.log(line);
        }
    }

    /// Keeps a line in the log, if there is one.
    pub fn log(&mut self, line: &[u8]) {
        if let Some(log) = &mut self.log {
            log(line);
        }
    }

    /// The last line of a process that failed.
    pub fn exit_line(&mut self, exit: Exit, role: &str) {
        // Nobody's role: the peer has said it already.
        if exit == Exit::OK || role.is_empty() {
            return;
        }
        let kind = if exit == Exit::VANISHED { "warning" } else { "error" };
        let text = format!("rsync {kind}: {} (code {}) at main.rs({}) [{role}=3.5.0]", exit.name(), exit.0, line!());
        self.error_and_log(text.as_bytes());
    }

    /// The same for a daemon, which has a log and no terminal.
    pub fn log_exit(&mut self, exit: Exit, role: &str) {
        let kind = if exit == Exit::VANISHED { "warning" } else { "error" };
        let text = format!("rsync {kind}: {} (code {}) at main.rs({}) [{role}=3.5.0]", exit.name(), exit.0, line!());
        self.log(text.as_bytes());
    }

    /// Writes out what was kept back.
    pub fn flush(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let mut stdout = io::stdout().lock();
        let result = stdout.write_all(&self.out).and_then(|()| stdout.flush());
        self.out.clear();
        if result.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            // Nobody reads: stock rsync goes on in silence, and so do we.
            self.out.shrink_to_fit();
        }
    }
}

/// What the terminal can show, by the locale's variables.
fn charset(eight_bit: bool) -> Charset {
    if eight_bit {
        return Charset::EightBit;
    }
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_ascii_lowercase().replace('-', "");
    if locale.contains("utf8") { Charset::Utf8 } else { Charset::Ascii }
}

fn write_log(mut file: &File, line: &[u8]) {
    let time = LocalTime::at(time::unix_seconds(), time::local_offset(time::unix_seconds()));
    let mut text = time.text(' ');
    text.extend_from_slice(format!(" [{}] ", std::process::id()).as_bytes());
    escape::log(line, &mut text);
    text.push(b'\n');
    let _ = file.write_all(&text);
}
