//! The command that reaches the remote side (spec 1.4.1, 4.1.6).
//!
//! ```text
//! RSH-WORDS  [-l USER]  [-4|-6]  HOST  RSYNC-PATH  server words ...
//! ```

use super::data::{Family, Options};
use super::plan::{Kind, Remote};
use crate::Error;
use alloc::vec::Vec;

/// Words of one command.
const ARGS_MAX: usize = 1000;

/// Splits a remote-shell command: at blanks, quotes group and are dropped, a doubled quote inside its own kind stands for
/// one. Nothing else is special.
pub fn split_command(text: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match quote {
            Some(open) if byte == open && bytes.peek() == Some(&open) => {
                bytes.next();
                word.get_or_insert_default().push(open);
            }
            Some(open) if byte == open => quote = None,
            None if byte == b' ' => words.extend(word.take()),
            None if matches!(byte, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if let Some(open) = quote {
        return Err(Error::usage([b"Missing trailing-", &[open][..], b" in remote-shell command."].concat()));
    }
    words.extend(word);
    Ok(words)
}

/// The whole command for `remote`. `words` start the server; a daemon behind a shell has its own.
pub fn shell_command(options: &Options, remote: &Remote, words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    let mut argv = split_command(options.rsh.as_deref().unwrap_or(b"ssh"))?;
    // With an empty command the host is taken for the program, which fails by itself.
    let program = argv.first().cloned().unwrap_or_default();
    if let Some(user) = &remote.user
        && !(remote.kind == Kind::Daemon && names_login(&argv))
    {
        argv.extend([b"-l".to_vec(), user.clone()]);
    }
    if base_name(&program) == b"ssh" {
        match options.family {
            Family::Any => {}
            Family::V4 => argv.push(b"-4".to_vec()),
            Family::V6 => argv.push(b"-6".to_vec()),
        }
    }
    argv.extend([remote.host.clone(), options.rsync_path.clone()]);
    match remote.kind {
        Kind::Shell => argv.extend_from_slice(words),
        Kind::Daemon => argv.extend(["--server", "--daemon", "."].map(|word| word.as_bytes().to_vec())),
    }
    if argv.len() > ARGS_MAX {
        return Err(Error::usage("internal: args[] overflowed in do_cmd()"));
    }
    Ok(argv)
}

/// Whether blocking I/O is used on the pipe: asked for, or needed by the old `rsh`.
pub fn uses_blocking_io(options: &Options) -> Result<bool, Error> {
    let argv = split_command(options.rsh.as_deref().unwrap_or(b"ssh"))?;
    let old_shell = argv.first().is_some_and(|program| matches!(base_name(program), b"rsh" | b"remsh"));
    Ok(options.blocking_io.unwrap_or(old_shell))
}

/// `-l NAME` is among the words already.
fn names_login(argv: &[Vec<u8>]) -> bool {
    argv.windows(2).any(|pair| matches!(pair, [option, name] if option == b"-l" && name.first() != Some(&b'-')))
}

fn base_name(program: &[u8]) -> &[u8] {
    program.rsplit(|&b| b == b'/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn text(words: &[Vec<u8>]) -> Vec<String> {
        words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
    }

    #[test]
    fn commands_are_split_at_blanks_outside_quotes() {
        for (command, expect) in [
            ("ssh", &["ssh"][..]),
            ("  a   b ", &["a", "b"]),
            ("a 'b c' d", &["a", "b c", "d"]),
            ("a \"b c\"d", &["a", "b cd"]),
            ("a b'c d'e", &["a", "bc de"]),
            ("a 'b''c'", &["a", "b'c"]),
            ("a ''", &["a", ""]),
            ("a \"\"\"\"", &["a", "\""]),
            ("a b\\ c", &["a", "b\\", "c"]),
            ("a \"b'c\"", &["a", "b'c"]),
            ("a 'b'\"c\"", &["a", "bc"]),
            ("a\tb", &["a\tb"]),
            ("", &[]),
        ] {
            assert_eq!(text(&split_command(command.as_bytes()).unwrap()), expect, "{command}");
        }
        for (command, quote) in [("a 'b", '\''), ("a \"b", '"'), ("a 'b''", '\'')] {
            let error = split_command(command.as_bytes()).unwrap_err();
            assert_eq!(error.text_lossy(), alloc::format!("Missing trailing-{quote} in remote-shell command."));
        }
    }

    #[test]
    fn the_command_names_user_family_and_host() {
        let remote = |kind| Remote { user: Some(b"u".to_vec()), host: b"h".to_vec(), port: 0, kind, paths: Vec::new() };
        let words = [b"--server".to_vec(), b".".to_vec()];
        for (rsh, kind, expect) in [
            ("bin/ssh", Kind::Shell, "bin/ssh -l u -4 h rsync --server ."),
            ("bin/sshx", Kind::Shell, "bin/sshx -l u h rsync --server ."),
            ("ssh -l x", Kind::Shell, "ssh -l x -l u -4 h rsync --server ."),
            ("ssh -l x", Kind::Daemon, "ssh -l x -4 h rsync --server --daemon ."),
            ("ssh -l -v", Kind::Daemon, "ssh -l -v -l u -4 h rsync --server --daemon ."),
        ] {
            let options = Options { rsh: Some(rsh.into()), family: Family::V4, ..Options::default() };
            let argv = shell_command(&options, &remote(kind), &words).unwrap();
            assert_eq!(text(&argv).join(" "), expect);
        }
        let many = alloc::vec![b"x".to_vec(); 1000];
        assert!(shell_command(&Options::default(), &remote(Kind::Shell), &many).is_err());
    }

    #[test]
    fn the_old_shell_blocks() {
        for (rsh, asked, expect) in
            [("rsh", None, true), ("/bin/remsh -x", None, true), ("ssh", None, false), ("rsh", Some(false), false)]
        {
            let options = Options { rsh: Some(rsh.into()), blocking_io: asked, ..Options::default() };
            assert_eq!(uses_blocking_io(&options), Ok(expect), "{rsh}");
        }
    }
}
