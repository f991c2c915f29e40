//! How the program ends: which of several exit codes counts, and the last line that a failing rsync prints (spec 4.9.3).

use syncline_core::report::text::{Place, exit_line};
use syncline_core::{Error, Exit};

use crate::output::Output;

/// The version that texts name: the one of rsync that we are compatible with.
pub const VERSION: &str = "3.5.0";

/// Where this expression stands, for the last line of a failing program. Scripts expect `main.rs(12)`, without directories.
#[macro_export]
macro_rules! place {
    () => {
        syncline_core::report::text::Place { file: $crate::exit::file_name(file!()), line: line!() }
    };
}

/// The last component of a path.
pub const fn file_name(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b'/' {
        start -= 1;
    }
    path.split_at(start).1
}

/// Ends the program's output: the last line, if `exit` calls for one. Returns the status for the system.
pub fn finish(output: &Output, exit: Exit, place: Place, role: &str) -> i32 {
    if exit != Exit::OK {
        let mut line = exit_line(exit, place, role, VERSION);
        line.push(b'\n');
        output.err(&line);
    }
    output.flush();
    exit.0
}

/// As [`finish`], for an error that has not been told yet.
pub fn fail(output: &Output, error: &Error, place: Place, role: &str) -> i32 {
    if !error.text.is_empty() {
        output.err_lines(&error.text);
    }
    finish(output, error.exit, place, role)
}

/// What the system calls an error, with its number: `Broken pipe (32)`.
pub fn reason(error: impl Into<std::io::Error>) -> String {
    let error = error.into();
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => format!("{} ({code})", text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use syncline_core::report::Charset;

    fn shown(end: impl FnOnce(&Output) -> i32) -> (i32, String) {
        let (out, _out_end) = UnixStream::pair().unwrap();
        let (err, mut err_end) = UnixStream::pair().unwrap();
        let output = Output::over(out.into(), err.into(), Charset::Utf8, None);
        let status = end(&output);
        drop(output);
        let mut text = String::new();
        err_end.read_to_string(&mut text).unwrap();
        (status, text)
    }

    #[test]
    fn last_line() {
        let here = Place { file: file_name("src/main.rs"), line: 7 };
        assert_eq!(shown(|output| finish(output, Exit::OK, here, "sender")), (0, String::new()));
        let (status, text) = shown(|output| fail(output, &Error::usage("one\ntwo"), here, "client"));
        assert_eq!(status, 1);
        assert_eq!(text, "one\ntwo\nrsync error: syntax or usage error (code 1) at main.rs(7) [client=3.5.0]\n");
        assert_eq!(place!().file, "exit.rs");
        assert_eq!(reason(rustix::io::Errno::PIPE), "Broken pipe (32)");
    }
}
