//! Which characters the user's terminal can show.

use std::ffi::CStr;

use syncline_core::report::Charset;

/// Takes the locale from the environment. Called once at the start, before there are threads.
///
/// `eight_bit` is `--8-bit-output`: everything but control characters is shown as it is.
pub fn charset(eight_bit: bool) -> Charset {
    // SAFETY: no other thread runs yet; the texts are static, and the one that is read is copied before the next call.
    let codeset = unsafe {
        libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
        let name = libc::nl_langinfo(libc::CODESET);
        if name.is_null() { Vec::new() } else { CStr::from_ptr(name).to_bytes().to_vec() }
    };
    if eight_bit { Charset::EightBit } else { charset_of(&codeset) }
}

fn charset_of(codeset: &[u8]) -> Charset {
    match codeset {
        b"UTF-8" | b"utf-8" | b"utf8" => Charset::Utf8,
        b"" | b"ANSI_X3.4-1968" | b"US-ASCII" | b"646" => Charset::Ascii,
        _ => Charset::EightBit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codesets() {
        assert_eq!(charset_of(b"UTF-8"), Charset::Utf8);
        assert_eq!(charset_of(b"ANSI_X3.4-1968"), Charset::Ascii);
        assert_eq!(charset_of(b"ISO-8859-1"), Charset::EightBit);
        assert_eq!(charset(true), Charset::EightBit);
    }
}
