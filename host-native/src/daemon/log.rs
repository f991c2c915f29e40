//! The daemon's log: a file, or syslog where there is none (spec 5.13).

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};

use super::sys;
use crate::trusted;

/// Lines are cut here.
const LINE_BYTES_MAX: usize = 2047;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The file; empty for syslog.
    pub file: Vec<u8>,
    /// Syslog facility.
    pub facility: i32,
    /// Name in syslog.
    pub tag: Vec<u8>,
}

/// An open log.
pub struct Log {
    state: RefCell<State>,
}

struct State {
    destination: Destination,
    file: Option<File>,
    /// The file could not be opened: syslog takes its place.
    failed: bool,
    syslog_open: bool,
}

impl Log {
    /// A log that is opened with its first line.
    pub fn new(destination: Destination) -> Log {
        let state = State { destination, file: None, failed: false, syslog_open: false };
        Log { state: RefCell::new(state) }
    }

    /// A line about an ordinary event.
    pub fn info(&self, text: impl AsRef<[u8]>) {
        self.state.borrow_mut().line(libc::LOG_INFO, text.as_ref());
    }

    /// A line about something wrong.
    pub fn warn(&self, text: impl AsRef<[u8]>) {
        self.state.borrow_mut().line(libc::LOG_WARNING, text.as_ref());
    }

    /// Another log with the same destination, for a process of its own.
    pub fn share(&self) -> Log {
        let state = self.state.borrow();
        // The open file, too: whoever has dropped its privileges could not open it again.
        let file = state.file.as_ref().and_then(|file| file.try_clone().ok());
        let state = State { destination: state.destination.clone(), file, failed: state.failed, syslog_open: false };
        Log { state: RefCell::new(state) }
    }

    /// Goes on elsewhere, if it is elsewhere. Opened at once, because a chroot may follow.
    pub fn switch(&self, destination: Destination) {
        let mut state = self.state.borrow_mut();
        if state.destination != destination {
            *state = State { destination, file: None, failed: false, syslog_open: false };
        }
        state.open();
    }

    /// Opens the log now.
    pub fn open(&self) {
        self.state.borrow_mut().open();
    }

    /// Closes the file until the next line, so that it can be rotated by renaming.
    pub fn close_file(&self) {
        self.state.borrow_mut().file = None;
    }
}

impl State {
    fn open(&mut self) {
        if self.file.is_none() && !self.destination.file.is_empty() && !self.failed {
            match open_file(&self.destination.file) {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    self.failed = true;
                    let reason = strerror(&error);
                    let file = self.destination.file.clone();
                    let text =
                        [b"rsync: [Receiver] failed to open log-file ".as_slice(), &file, b": ", reason.as_bytes()];
                    self.line(libc::LOG_WARNING, &text.concat());
                    self.line(libc::LOG_WARNING, b"Ignoring \"log file\" setting.");
                }
            }
        }
        if (self.destination.file.is_empty() || self.failed) && !self.syslog_open {
            sys::open_syslog(&self.destination.tag, self.destination.facility);
            self.syslog_open = true;
        }
    }

    fn line(&mut self, priority: i32, text: &[u8]) {
        for text in text.split(|&byte| byte == b'\n') {
            self.open();
            let text = &text[..text.len().min(LINE_BYTES_MAX)];
            match &mut self.file {
                // A log that can't be written must not end the transfer.
                Some(file) => drop(file.write_all(&stamped(text))),
                None => sys::syslog(priority, text),
            }
        }
    }
}

/// What stands for standard error where a file is named. Opening it by that name would not do: it may be a socket.
pub const STDERR: &[u8] = b"/dev/stderr";

fn open_file(path: &[u8]) -> io::Result<File> {
    if path == STDERR {
        return Ok(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?.into());
    }
    // Whatever the umask of the operator's shell was, others don't write to the log.
    let mask = sys::umask();
    sys::set_umask(mask | 0o022);
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
    let opened = trusted::open(path, flags, Mode::from_raw_mode(0o644));
    sys::set_umask(mask);
    opened.map(File::from)
}

/// A line as it stands in a log file.
pub fn stamped(text: &[u8]) -> Vec<u8> {
    let ([year, month, day, hour, minute, second], _) = sys::local_time(unix_time());
    let pid = std::process::id();
    let mut line = format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02} [{pid}] ").into_bytes();
    escape(text, &mut line);
    line.push(b'\n');
    line
}

/// Seconds since 1970.
pub fn unix_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// Control characters as `\#ooo`, and a backslash that could be mistaken for such an escape likewise.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for (at, &byte) in text.iter().enumerate() {
        let looks_escaped = byte == b'\\'
            && matches!(text.get(at + 1..at + 5), Some([b'#', digits @ ..]) if digits.iter().all(u8::is_ascii_digit));
        let control = (byte < b' ' && byte != b'\t') || (0x7f..=0x9f).contains(&byte);
        if control || looks_escaped {
            out.extend_from_slice(format!("\\#{byte:03o}").as_bytes());
        } else {
            out.push(byte);
        }
    }
}

/// The text of a system error with its number, as rsync writes it.
pub fn strerror(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => {
            let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text);
            format!("{text} ({code})")
        }
        None => text,
    }
}

/// The text of a system error without its number.
pub fn reason(error: &io::Error) -> String {
    let text = strerror(error);
    match text.rsplit_once(" (") {
        Some((text, _)) if error.raw_os_error().is_some() => text.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn escapes() {
        for (text, expect) in [
            ("plain \u{e9} text", "plain \u{e9} text".as_bytes()),
            ("a\nb\tc", b"a\\#012b\tc"),
            ("\\#123", b"\\#134#123"),
            ("\\#12x", b"\\#12x"),
            ("del\u{7f}", b"del\\#177"),
        ] {
            let mut out = Vec::new();
            escape(text.as_bytes(), &mut out);
            assert_eq!(out, expect, "{text:?}");
        }
        let mut out = Vec::new();
        escape(&[0x80, 0x9f, 0xa0], &mut out);
        assert_eq!(out, b"\\#200\\#237\xa0");
    }

    #[test]
    fn lines_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let file = path.as_os_str().as_bytes().to_vec();
        let log = Log::new(Destination { file, facility: libc::LOG_DAEMON, tag: b"rsyncd".to_vec() });
        log.info("one");
        log.close_file();
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        log.warn("two");
        let text = std::fs::read_to_string(&path).unwrap();
        let (stamp, rest) = text.split_at(20);
        assert!(stamp.bytes().all(|byte| byte.is_ascii_digit() || b"/: ".contains(&byte)), "{text}");
        assert_eq!(rest, format!("[{}] two\n", std::process::id()));
        assert!(std::fs::read_to_string(dir.path().join("old")).unwrap().ends_with("] one\n"));
    }

    #[test]
    fn error_texts() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(strerror(&error), "No such file or directory (2)");
        assert_eq!(reason(&error), "No such file or directory");
    }
}
