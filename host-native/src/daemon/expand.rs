//! `%NAME%` in values of the configuration file (spec 5.2.4), and the variables that a worker defines for them.

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use syncline_core::{Error, Exit};

/// The environment of a worker: that of the process, and on top of it what is known of the connection. Hooks get both.
#[derive(Clone, Debug, Default)]
pub struct Env {
    own: Vec<(String, Vec<u8>)>,
}

impl Env {
    /// Defines a variable.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.own.retain(|(known, _)| known != name);
        self.own.push((name.to_owned(), value.to_vec()));
    }

    /// What was defined here, without the environment of the process.
    pub fn own(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.own.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The value of a variable.
    pub fn value(&self, name: &[u8]) -> Option<Vec<u8>> {
        let own = self.own.iter().find(|(known, _)| known.as_bytes() == name);
        if let Some((_, value)) = own {
            return Some(value.clone());
        }
        // A name with an equals sign is none; the standard library would refuse it.
        if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
            return None;
        }
        std::env::var_os(std::ffi::OsStr::from_bytes(name)).map(OsStringExt::into_vec)
    }
}

/// How many bytes longer than its source an expansion may get.
const GROWTH_MAX: usize = 2048;

/// Replaces the references in a value.
pub fn expand(raw: &[u8], env: &Env) -> Result<Vec<u8>, Error> {
    expand_with(raw, |name, _| Ok(env.value(name)))
}

/// Replaces the references in a command for the shell. The value of an `RSYNC_` variable is the peer's to choose, so it is
/// refused if the shell could see more in it than a plain word, and put into quotes.
pub fn expand_shell(raw: &[u8], env: &Env) -> Result<Vec<u8>, Error> {
    expand_with(raw, |name, before| {
        let Some(value) = env.value(name) else {
            return Ok(None);
        };
        if !name.starts_with(b"RSYNC_") {
            return Ok(Some(value));
        }
        if value.iter().any(|&byte| is_shell_special(byte)) {
            let text = [b"refusing to run shell hook: %", name, b"% holds a shell metacharacter"].concat();
            return Err(Error::host(Exit::UNSUPPORTED, text));
        }
        let in_single_quotes = quoting(before) == Some(b'\'');
        Ok(Some(if in_single_quotes { value } else { [b"'", value.as_slice(), b"'"].concat() }))
    })
}

fn is_shell_special(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || b"`'\"$\\;&|<>()*?[]#!~{}".contains(&byte)
}

/// The quotes that are open at the end of the start of a command.
fn quoting(start: &[u8]) -> Option<u8> {
    let mut open = None;
    let mut bytes = start.iter();
    while let Some(&byte) = bytes.next() {
        match (open, byte) {
            (None, b'\'' | b'"') => open = Some(byte),
            (Some(quote), _) if quote == byte => open = None,
            (None | Some(b'"'), b'\\') => {
                bytes.next();
            }
            _ => {}
        }
    }
    open
}

fn expand_with(
    raw: &[u8],
    mut value: impl FnMut(&[u8], &[u8]) -> Result<Option<Vec<u8>>, Error>,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        let name = (byte == b'%').then(|| reference(after)).flatten();
        let found = match name {
            Some(name) => value(name, &raw[..raw.len() - rest.len()])?.map(|value| (name, value)),
            None => None,
        };
        match found {
            Some((name, value)) => {
                out.extend_from_slice(&value);
                rest = &after[name.len() + 1..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    if out.len() > raw.len() + GROWTH_MAX {
        let text = [b"Overflowed buf in expand_vars() trying to expand: ", raw].concat();
        return Err(Error::host(Exit::MALLOC, text));
    }
    Ok(out)
}

/// The name of the reference that begins after a percent sign.
fn reference(after: &[u8]) -> Option<&[u8]> {
    let end = after.iter().position(|&byte| byte == b'%')?;
    after.first().is_some_and(u8::is_ascii_uppercase).then(|| &after[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        let mut env = Env::default();
        env.set("RSYNC_USER_NAME", b"joe");
        env.set("RSYNC_HOST_NAME", b"a;b");
        env.set("PLACE", b"/my place");
        env
    }

    #[test]
    fn references() {
        for (raw, expect) in [
            ("/home/%RSYNC_USER_NAME%/x", "/home/joe/x"),
            ("%%PLACE%%", "%/my place%"),
            ("%NOT_DEFINED_ANYWHERE%", "%NOT_DEFINED_ANYWHERE%"),
            ("%place% 100% %PLACE", "%place% 100% %PLACE"),
            ("", ""),
        ] {
            assert_eq!(expand(raw.as_bytes(), &env()).unwrap(), expect.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn commands_are_quoted() {
        for (raw, expect) in [
            ("log %RSYNC_USER_NAME%", "log 'joe'"),
            ("log '%RSYNC_USER_NAME%'", "log 'joe'"),
            ("log \"%RSYNC_USER_NAME%\"", "log \"'joe'\""),
            ("cd %PLACE%", "cd /my place"),
            ("echo it\\'s %RSYNC_USER_NAME%", "echo it\\'s 'joe'"),
        ] {
            assert_eq!(expand_shell(raw.as_bytes(), &env()).unwrap(), expect.as_bytes(), "{raw}");
        }
        let error = expand_shell(b"log %RSYNC_HOST_NAME%", &env()).unwrap_err();
        assert_eq!(error.exit, Exit::UNSUPPORTED);
        let expect = "refusing to run shell hook: %RSYNC_HOST_NAME% holds a shell metacharacter";
        assert_eq!(error.text_lossy(), expect);
    }

    #[test]
    fn growth_is_bounded() {
        let mut env = Env::default();
        env.set("LONG", &[b'x'; 1500]);
        assert!(expand(b"%LONG%", &env).is_ok());
        assert_eq!(expand(b"%LONG%%LONG%", &env).unwrap_err().exit, Exit::MALLOC);
    }
}
