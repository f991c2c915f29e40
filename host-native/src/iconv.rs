//! Character sets: the C library's tables behind the engine's [`Convert`] (spec 2.14). They know every set that the users of
//! this machine know, by the same names.

use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError};

use syncline_core::session::{Conversion, Convert, HostResult};
use syncline_core::{Error, Exit};

use crate::errno::of_io;

/// How names travel.
const WIRE: &str = "UTF-8";

/// A conversion in one direction.
struct Descriptor(Mutex<libc::iconv_t>);

// SAFETY: a descriptor is plain memory of the C library, used by one thread at a time behind the lock.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    fn open(to: &[u8], from: &[u8]) -> Option<Descriptor> {
        let (to, from) = (CString::new(to).ok()?, CString::new(from).ok()?);
        // SAFETY: both are C strings.
        let descriptor = unsafe { libc::iconv_open(to.as_ptr(), from.as_ptr()) };
        (descriptor as isize != -1).then(|| Descriptor(Mutex::new(descriptor)))
    }

    fn convert(&self, bytes: &[u8]) -> HostResult<Vec<u8>> {
        let descriptor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = vec![0u8; bytes.len() * 2 + 16];
        loop {
            let (mut input, mut left) = (bytes.as_ptr().cast_mut().cast(), bytes.len());
            let (mut output, mut room) = (out.as_mut_ptr().cast(), out.len());
            // SAFETY: the pointers and lengths are those of `bytes`, which is only read, and of `out`. The first call puts the
            // descriptor into its first state, the last one writes what leads back to it.
            let done = unsafe {
                libc::iconv(
                    *descriptor,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                );
                match libc::iconv(*descriptor, &mut input, &mut left, &mut output, &mut room) {
                    usize::MAX => usize::MAX,
                    _ => libc::iconv(*descriptor, std::ptr::null_mut(), std::ptr::null_mut(), &mut output, &mut room),
                }
            };
            if done != usize::MAX {
                out.truncate(out.len() - room);
                return Ok(out);
            }
            let error = std::io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::E2BIG) {
                return Err(of_io(&error));
            }
            out.resize(out.len() * 2, 0);
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let descriptor = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: it was opened by `iconv_open`, and nobody uses it any more.
        unsafe { libc::iconv_close(*descriptor) };
    }
}

struct Pair {
    to_wire: Descriptor,
    from_wire: Descriptor,
}

impl Convert for Pair {
    fn to_wire(&self, local: &[u8]) -> HostResult<Vec<u8>> {
        self.to_wire.convert(local)
    }

    fn to_local(&self, wire: &[u8]) -> HostResult<Vec<u8>> {
        self.from_wire.convert(wire)
    }
}

/// The conversion that `--iconv=SPEC` means for a client (`LOCAL,REMOTE`) or a server (`REMOTE` alone is what it gets).
pub fn conversion(spec: Option<&[u8]>, server: bool) -> Result<Option<Conversion>, Error> {
    let Some(spec) = spec else { return Ok(None) };
    let set = match spec.iter().position(|&byte| byte == b',') {
        Some(at) if server => &spec[at + 1..],
        Some(at) => &spec[..at],
        None => spec,
    };
    named(set).map(Some)
}

/// The conversion from and to a set.
pub fn named(set: &[u8]) -> Result<Conversion, Error> {
    let set = match set {
        b"" | b"." => of_locale(),
        set => set.to_vec(),
    };
    let failed = |to: &[u8], from: &[u8]| {
        let text = [b"iconv_open(\"".as_slice(), to, b"\", \"", from, b"\") failed"].concat();
        Error { exit: Exit::UNSUPPORTED, ..Error::usage(text) }
    };
    let wire = WIRE.as_bytes();
    let to_wire = Descriptor::open(wire, &set).ok_or_else(|| failed(wire, &set))?;
    let from_wire = Descriptor::open(&set, wire).ok_or_else(|| failed(&set, wire))?;
    Ok(Conversion(Arc::new(Pair { to_wire, from_wire })))
}

/// The set of the user's locale.
fn of_locale() -> Vec<u8> {
    // SAFETY: the locale is set while there is one thread; `nl_langinfo` gives a C string that lives on.
    let name = unsafe {
        libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
        std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET))
    };
    name.to_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_and_fro() {
        let latin = named(b"ISO-8859-1").expect("a set that every system has");
        assert_eq!(latin.0.to_wire(b"z\xe9").unwrap(), "z\u{e9}".as_bytes());
        assert_eq!(latin.0.to_local("z\u{e9}".as_bytes()).unwrap(), b"z\xe9");
        assert!(latin.0.to_local("\u{65e5}".as_bytes()).is_err());
        assert!(named(b"UTF-8").unwrap().0.to_wire(b"b\xff").is_err());
        // Growing beyond the first guess.
        let wide = named(b"UTF-32LE").expect("a set that every system has");
        assert_eq!(wide.0.to_local(&[b'a'; 100]).unwrap().len(), 400);
        assert!(named(b"no-such-set").is_err());
    }
}
