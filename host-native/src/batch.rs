//! Batch files on the disk: the stream that is written or replayed, and the script that replays it (spec 1.12).

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use syncline_core::options::{Info, Options, hostspec};
use syncline_core::session::{BatchHead, Config, adopt_flags};
use syncline_core::{Error, Exit};

use crate::output::Console;

/// Begins what may follow a script's rules.
const HERE: &str = "#E#";

fn path_of(name: &[u8]) -> PathBuf {
    let path = Path::new(std::ffi::OsStr::from_bytes(name));
    std::env::current_dir().map_or_else(|_| path.to_owned(), |dir| dir.join(path))
}

/// A name that is none.
fn check_name(name: &[u8], path: &Path) -> Result<(), Error> {
    let invalid = || open_error(path, Exit::FILE_IO, &std::io::Error::from_raw_os_error(libc::EINVAL), "Receiver");
    if name.is_empty() { Err(invalid()) } else { Ok(()) }
}

fn open_error(path: &Path, exit: Exit, error: &std::io::Error, role: &str) -> Error {
    let errno = crate::errno::of_io(error);
    let text = format!("rsync: [{role}] Batch file \"{}\" open error: {} ({})", path.display(), errno.text, errno.code);
    Error::host(exit, text)
}

/// Makes the batch file and its script, and has the console keep the stream.
pub fn begin(options: &Options, args: &[Vec<u8>], rules: &[Vec<u8>], console: &mut Console) -> Result<(), Error> {
    let Some(name) = options.write_batch.as_ref() else { return Ok(()) };
    let create = |path: &Path, mode| {
        let mut how = std::fs::OpenOptions::new();
        how.write(true).create(true).truncate(true).mode(mode).open(path)
    };
    let path = path_of(name);
    let mut script = path.clone().into_os_string();
    script.push(".sh");
    let script = PathBuf::from(script);
    let words: Vec<Vec<u8>> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let text = script_text(options, &words, args, rules);
    let failed = |error| open_error(&script, Exit::FILE_SELECT, &error, "Receiver");
    let mut commands = create(&script, 0o700).map_err(failed)?;
    check_name(name, &path)?;
    let file = create(&path, 0o600).map_err(|error| open_error(&path, Exit::FILE_IO, &error, "Receiver"))?;
    commands.write_all(&text).map_err(failed)?;
    console.keep_batch(file);
    Ok(())
}

/// The command that replays a batch.
fn script_text(options: &Options, words: &[Vec<u8>], args: &[Vec<u8>], rules: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut words = words.iter();
    put_quoted(&mut text, words.next().map_or(b"rsync", |word| word));
    if !rules.is_empty() {
        text.extend_from_slice(b" --filter='._-'");
    }
    // Replayed where it is run: a host does not count.
    let dest = args.last().map(|dest| hostspec::parse(dest).map_or(&dest[..], |spec| spec.path));
    let mut left: Vec<&Vec<u8>> = args.iter().collect();
    let mut drop_value = false;
    for word in words {
        if std::mem::take(&mut drop_value) {
            continue;
        }
        if let Some(at) = left.iter().position(|arg| *arg == word).filter(|_| !word.starts_with(b"-")) {
            left.remove(at);
            continue;
        }
        if is_selection(word) {
            drop_value = !word.contains(&b'=') && (word.len() == 2 || word.starts_with(b"--"));
            continue;
        }
        text.push(b' ');
        put_word(&mut text, word);
    }
    if let Some(dest) = dest {
        text.extend_from_slice(b" ${1:-");
        put_quoted(&mut text, dest);
        text.push(b'}');
    }
    if rules.is_empty() {
        text.push(b'\n');
        return text;
    }
    let end: &[u8] = if options.from0 { b"\0" } else { b"\n" };
    text.extend_from_slice(format!(" <<'{HERE}'\n").as_bytes());
    rules.iter().for_each(|rule| text.extend([rule, end].concat()));
    if options.from0 {
        text.extend_from_slice(b";\n");
    }
    text.extend_from_slice(format!("{HERE}\n").as_bytes());
    text
}

/// Options that say what is listed: the batch says that already.
fn is_selection(word: &[u8]) -> bool {
    let name = word.split(|&byte| byte == b'=').next().unwrap_or_default();
    let names: [&[u8]; 6] =
        [b"--filter", b"--include", b"--exclude", b"--include-from", b"--exclude-from", b"--files-from"];
    names.contains(&name) || word == b"-f"
}

fn put_word(text: &mut Vec<u8>, word: &[u8]) {
    for name in ["--only-write-batch", "--write-batch"] {
        if let Some(rest) = word.strip_prefix(name.as_bytes()) {
            text.extend_from_slice(b"--read-batch");
            if let Some(value) = rest.strip_prefix(b"=") {
                text.push(b'=');
                put_quoted(text, value);
            }
            return;
        }
    }
    let cut = word.iter().position(|&byte| byte == b'=').filter(|_| word.starts_with(b"--"));
    let (name, value) = word.split_at(cut.map_or(0, |at| at + 1));
    text.extend_from_slice(name);
    put_quoted(text, value);
}

fn put_quoted(text: &mut Vec<u8>, word: &[u8]) {
    text.push(b'\'');
    for &byte in word {
        if byte == b'\'' {
            text.extend_from_slice(b"'\\''");
        } else {
            text.push(byte);
        }
    }
    text.push(b'\'');
}

/// Whether there is a batch of this name.
pub fn check(name: &[u8]) -> Result<(), Error> {
    open_file(name).map(drop)
}

fn open_file(name: &[u8]) -> Result<File, Error> {
    let path = path_of(name);
    check_name(name, &path)?;
    if name == b"-" {
        let stdin = rustix::io::dup(rustix::stdio::stdin()).map_err(std::io::Error::from);
        return stdin.map(File::from).map_err(|error| open_error(&path, Exit::FILE_IO, &error, "Receiver"));
    }
    let file = File::open(&path).map_err(|error| open_error(&path, Exit::FILE_IO, &error, "Receiver"))?;
    if file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Ok(file);
    }
    let text = format!("Batch file \"{}\" is not a regular file", path.display());
    Err(Error::host(Exit::FILE_IO, text))
}

/// Opens a batch to be replayed, and sets up a session for what it holds.
pub fn open(name: &[u8], config: &mut Config, console: &mut Console) -> Result<OwnedFd, Error> {
    let mut file = open_file(name)?;
    let flags = int(&mut file)?;
    let protocol = int(&mut file)?;
    let own = syncline_core::session::PROTOCOL as i32;
    if protocol > own {
        let text = format!("The protocol version in the batch file is too new ({protocol} > {own}).");
        return Err(Error::host(Exit::PROTOCOL, text));
    }
    let protocol = protocol.max(0) as u32;
    let converts = flags >> 9 & 1 != 0;
    if protocol >= 30 && converts != config.options.iconv.is_some() {
        let verb = if converts { "Please" } else { "Do not" };
        return Err(Error::usage(format!("{verb} specify the --iconv option to use this batch file.")));
    }
    let tells = config.options.levels.info(Info::Misc) >= 1;
    for line in adopt_flags(&mut config.options, flags, protocol).into_iter().filter(|_| tells) {
        console.print(format!("{line}\n").as_bytes());
    }
    let compat = if protocol >= 30 { varint(&mut file)? } else { 0 };
    let seed = int(&mut file)?;
    config.batch = Some(BatchHead { protocol, compat, seed });
    Ok(file.into())
}

fn bytes<const N: usize>(file: &mut File) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(|_| {
        Error::host(Exit::STREAM, "rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]")
    })?;
    Ok(bytes)
}

fn int(file: &mut File) -> Result<i32, Error> {
    bytes(file).map(i32::from_le_bytes)
}

/// The head is read byte by byte: the stream goes on where it ends.
fn varint(file: &mut File) -> Result<i32, Error> {
    let mut read = Vec::new();
    loop {
        read.extend(bytes::<1>(file)?);
        match syncline_core::wire::Reader::new(&read).varint() {
            Ok(value) => return Ok(value),
            Err(_) if read.len() < 5 => {}
            Err(_) => return Err(Error::peer(Exit::STREAM, "Overflow in read_varint()")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: &str, args: &[&str], rules: &[&str]) -> String {
        let bytes = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let words: Vec<&str> = line.split(' ').collect();
        let text = script_text(&Options::default(), &bytes(&words), &bytes(args), &bytes(rules));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn scripts() {
        let text = script("rsync -a --exclude=*.o --write-batch=B src/ dst/", &["src/", "dst/"], &["- *.o"]);
        assert_eq!(text, "'rsync' --filter='._-' '-a' --read-batch='B' ${1:-'dst/'} <<'#E#'\n- *.o\n#E#\n");
        let text = script("rsync -av --only-write-batch /C src/ dst --rsh=ssh -f P_x", &["src/", "dst"], &[]);
        assert_eq!(text, "'rsync' '-av' --read-batch '/C' --rsh='ssh' ${1:-'dst'}\n");
        assert!(script("it's --write-batch=B a b", &["a", "b"], &[]).starts_with("'it'\\''s' "));
    }
}
