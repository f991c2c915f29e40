//! Standard output and standard error, as the user sees them.
//!
//! Names come from peers, so every message is escaped on its way (spec 4.9.4). Standard output is buffered, and flushed
//! before anything is waited for and before standard error is written to, so that the two keep their order on a terminal.
//! Both threads of a local copy share one `Output`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec, write};
use syncline_core::options::OutBuf;
use syncline_core::report::{Charset, escape};

/// Text that may wait in the buffer.
const BUFFER_BYTES: usize = 16 * 1024;

/// See the module's doc.
pub struct Output {
    charset: Charset,
    buffering: OutBuf,
    streams: Mutex<Streams>,
}

struct Streams {
    out: OwnedFd,
    err: OwnedFd,
    waiting: Vec<u8>,
    broken: bool,
}

impl Output {
    /// The streams of the process. Without `--outbuf`, a terminal gets line by line what a file gets in blocks.
    pub fn new(charset: Charset, buffering: Option<OutBuf>) -> io::Result<Output> {
        let out = fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        let err = fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
        Ok(Output::over(out, err, charset, buffering))
    }

    /// Other streams.
    pub fn over(out: OwnedFd, err: OwnedFd, charset: Charset, buffering: Option<OutBuf>) -> Output {
        let by_kind = if rustix::termios::isatty(&out) { OutBuf::Line } else { OutBuf::Block };
        let streams = Streams { out, err, waiting: Vec::new(), broken: false };
        Output { charset, buffering: buffering.unwrap_or(by_kind), streams: Mutex::new(streams) }
    }

    /// Shows one message on standard output. A newline or return at its end is its own; any other control character inside
    /// it is escaped.
    pub fn out(&self, message: &[u8]) {
        let mut streams = self.lock();
        if streams.broken {
            return;
        }
        escape::console(message, self.charset, &mut streams.waiting);
        let due = match self.buffering {
            OutBuf::None => true,
            OutBuf::Line => message.ends_with(b"\n") || message.ends_with(b"\r"),
            OutBuf::Block => false,
        };
        if due || streams.waiting.len() >= BUFFER_BYTES {
            streams.flush();
        }
    }

    /// Shows one message on standard error.
    pub fn err(&self, message: &[u8]) {
        let mut line = Vec::with_capacity(message.len() + 1);
        escape::console(message, self.charset, &mut line);
        let mut streams = self.lock();
        streams.flush();
        // There is nowhere to complain that standard error is gone.
        let _ = write_all(streams.err.as_fd(), &line);
    }

    /// Shows a text of ours on standard error, each of its lines as a message. The last newline is added.
    pub fn err_lines(&self, text: &[u8]) {
        for line in text.split(|&byte| byte == b'\n') {
            self.err(&[line, b"\n"].concat());
        }
    }

    /// Writes out what waits.
    pub fn flush(&self) {
        self.lock().flush();
    }

    /// Whether nobody can read standard output any more.
    pub fn is_broken(&self) -> bool {
        self.lock().broken
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Streams {
    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            self.broken |= write_all(self.out.as_fd(), &self.waiting).is_err();
            self.waiting.clear();
        }
    }
}

/// A terminal that another program made non-blocking is waited for.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None).or_else(|error| match error {
                    Errno::INTR => Ok(0),
                    error => Err(error),
                })?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn output(buffering: OutBuf) -> (Output, UnixStream, UnixStream) {
        let (out, out_end) = UnixStream::pair().unwrap();
        let (err, err_end) = UnixStream::pair().unwrap();
        out_end.set_nonblocking(true).unwrap();
        (Output::over(out.into(), err.into(), Charset::Utf8, Some(buffering)), out_end, err_end)
    }

    fn available(stream: &mut UnixStream) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap_or(0);
        buffer[..count].to_vec()
    }

    #[test]
    fn names_can_not_forge_lines() {
        let (output, mut out, mut err) = output(OutBuf::None);
        output.out(b"a\nrsync error: x\x1b[2J\n");
        assert_eq!(available(&mut out), b"a\\#012rsync error: x\\#033[2J\n");
        output.err_lines(b"one\ntwo\x07");
        drop(output);
        let mut text = Vec::new();
        err.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"one\ntwo\\#007\n");
    }

    #[test]
    fn buffering() {
        let (blocks, mut out, _err) = output(OutBuf::Block);
        blocks.out(b"name\n");
        assert_eq!(available(&mut out), b"");
        blocks.err(b"trouble\n");
        assert_eq!(available(&mut out), b"name\n", "standard output comes first");
        let (lines, mut out, _err) = output(OutBuf::Line);
        lines.out(b"building ... ");
        assert_eq!(available(&mut out), b"");
        lines.out(b"done\n");
        assert_eq!(available(&mut out), b"building ... done\n");
    }

    #[test]
    fn a_closed_reader_is_noticed() {
        let (output, out, _err) = output(OutBuf::None);
        assert!(!output.is_broken());
        drop(out);
        output.out(b"name\n");
        assert!(output.is_broken());
    }
}
