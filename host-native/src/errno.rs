//! Error numbers of this system as the engine wants them: the number and the words of `strerror`.

use rustix::io::Errno as Code;
use syncline_core::session::Errno;

/// A failed system call.
pub fn errno(code: Code) -> Errno {
    let code = code.raw_os_error();
    let mut text = std::io::Error::from_raw_os_error(code).to_string();
    // The standard library says "No such file or directory (os error 2)"; the number is reported apart.
    if let Some(end) = text.rfind(" (os error ") {
        text.truncate(end);
    }
    Errno { code, text }
}

/// A failed call of the standard library.
pub fn of_io(error: &std::io::Error) -> Errno {
    errno(Code::from_io_error(error).unwrap_or(Code::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_strerror_says() {
        assert_eq!(errno(Code::NOENT), Errno { code: 2, text: "No such file or directory".into() });
        assert_eq!(errno(Code::LOOP), Errno { code: 40, text: "Too many levels of symbolic links".into() });
        assert_eq!(of_io(&std::io::Error::from_raw_os_error(13)).text, "Permission denied");
    }
}
