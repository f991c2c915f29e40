//! Where a client finds its password: a file, the environment, or the user (spec 5.8.5).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use syncline_core::Error;

use super::log::strerror;
use super::sys;

/// Longer passwords are cut.
const PASSWORD_BYTES_MAX: usize = 511;

/// The password, from the first source that there is. `role` is ours in messages.
pub fn find(file: Option<&[u8]>, role: &str) -> Result<Vec<u8>, Error> {
    if let Some(file) = file {
        return from_file(file, role);
    }
    if let Some(password) = std::env::var_os("RSYNC_PASSWORD") {
        return Ok(password.into_vec());
    }
    // Who can't be asked has an empty password, which is as wrong as any.
    Ok(ask().or_else(|_| ask_plainly()).unwrap_or_default())
}

/// Without a terminal: the next line of standard input.
fn ask_plainly() -> io::Result<Vec<u8>> {
    io::stderr().write_all(b"Password: ")?;
    typed_line(&mut io::stdin().lock())
}

fn from_file(path: &[u8], role: &str) -> Result<Vec<u8>, Error> {
    let shown = String::from_utf8_lossy(path);
    let line = if path == b"-" {
        first_line(&mut io::stdin().lock())
    } else {
        let opened = File::open(OsStr::from_bytes(path));
        let opened = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (mut file, metadata) = opened.map_err(|error| {
            let reason = strerror(&error);
            Error::usage(format!("rsync: [{role}] could not open password file {shown}: {reason}"))
        })?;
        if let Some(complaint) = complaint(metadata.mode(), metadata.uid(), sys::euid()) {
            return Err(Error::usage(complaint));
        }
        first_line(&mut file)
    };
    if line.is_empty() {
        return Err(Error::usage(format!("ERROR: failed to read a password from {shown}")));
    }
    Ok(line)
}

fn complaint(mode: u32, owner: u32, euid: u32) -> Option<&'static str> {
    if mode & 0o6 != 0 {
        return Some("ERROR: password file must not be other-accessible");
    }
    (euid == 0 && owner != 0).then_some("ERROR: password file must be owned by root when running as root")
}

fn first_line(file: &mut dyn Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What can't be read is an empty password, and that is reported.
    drop(file.take(PASSWORD_BYTES_MAX as u64).read_to_end(&mut bytes));
    let end = bytes.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

/// Asks on the terminal, without showing what is typed.
fn ask() -> io::Result<Vec<u8>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(b"Password: ")?;
    let shown = tcgetattr(&terminal)?;
    let mut hidden = shown.clone();
    hidden.local_modes &= !LocalModes::ECHO;
    tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
    let line = typed_line(&mut terminal);
    tcsetattr(&terminal, OptionalActions::Flush, &shown)?;
    terminal.write_all(b"\n")?;
    line
}

fn typed_line(terminal: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while terminal.read(&mut byte)? == 1 && byte[0] != b'\n' {
        if line.len() < PASSWORD_BYTES_MAX {
            line.push(byte[0]);
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let read = |content: &str, mode: u32| {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            find(Some(path.as_os_str().as_bytes()), "Receiver").map_err(|error| error.text_lossy())
        };
        assert_eq!(read("pass word\r\nmore\n", 0o600), Ok(b"pass word".to_vec()));
        assert_eq!(read("x", 0o640), Ok(b"x".to_vec()));
        assert_eq!(read(&"y".repeat(600), 0o600).map(|password| password.len()), Ok(511));
        assert_eq!(read("x", 0o604), Err("ERROR: password file must not be other-accessible".to_owned()));
        assert_eq!(read("\nx", 0o600), Err(format!("ERROR: failed to read a password from {}", path.display())));
        let missing = find(Some(b"/nonexistent"), "Receiver").unwrap_err();
        let expect = "rsync: [Receiver] could not open password file /nonexistent: No such file or directory (2)";
        assert_eq!((missing.exit.0, missing.text_lossy().as_str()), (1, expect));
        assert!(complaint(0o100600, 5, 0).is_some_and(|text| text.contains("owned by root")));
    }
}
