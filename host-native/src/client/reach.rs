//! How a client gets to its peer: a remote shell, a daemon's socket, a program in place of one.

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use syncline_core::options::{Debug, Link, Options, Outgoing, Remote, RemoteKind, shell_command};
use syncline_core::report::text;
use syncline_core::session::greeting::{ClientRequest, EARLY_INPUT_MAX};
use syncline_core::session::{PROTOCOL, Transport};
use syncline_core::{Error, Exit};

use super::{DAEMON_PORT, env, io_error};
use crate::daemon::client::{Answered, Call, Voice, Words};
use crate::drive::Wire;
use crate::iconv;
use crate::net::{shell, tcp};
use crate::output::Console;
use crate::time;

/// A connection to the remote side, ready for the session.
pub(super) struct Reached {
    pub(super) wire: Wire,
    pub(super) shell: Option<shell::Shell>,
    pub(super) protocol: Option<u32>,
    pub(super) transport: Transport,
}

pub(super) enum Answer {
    Reached(Reached),
    /// The daemon listed its modules.
    Listed,
}

pub(super) fn reach(
    options: &Options,
    remote: &Remote,
    push: bool,
    umask: u32,
    console: &mut Console,
) -> Result<Answer, Error> {
    let role = if push { "sender" } else { "Receiver" };
    let protocol = options.protocol.map_or(PROTOCOL, |protocol| protocol.max(0) as u32);
    let conversion = iconv::conversion(options.iconv.as_deref(), false)?;
    let on_wire = |words: Vec<Vec<u8>>| match &conversion {
        Some(conversion) => conversion.words_to_wire(&words),
        None => words,
    };
    if remote.kind == RemoteKind::Shell {
        let outgoing = Outgoing { options, push, protocol, link: Link::Shell, paths: &remote.paths };
        let words = outgoing.words();
        let argv = shell_command(options, remote, &words.visible)?;
        if options.levels.debug(Debug::Cmd) >= 1 {
            console.tell(options, &text::words(b"opening connection using: ", &argv));
        }
        // The remote shell, and what it starts on this machine, gets the user's umask back.
        rustix::process::umask(rustix::fs::Mode::from_bits_truncate(umask));
        let started = shell::start(&argv, None, role);
        time::umask_and_clear();
        let (shell, input, output) = started?;
        if let Some(secluded) = words.secluded {
            if options.levels.debug(Debug::Cmd) >= 1 {
                console.tell(options, &text::words(b"protected args: ", &secluded));
            }
            let block = syncline_core::options::secluded::encode_secluded(&on_wire(secluded));
            write_all(&output, &block)?;
        }
        let wire = Wire::new(input, output);
        return Ok(Answer::Reached(Reached { wire, shell: Some(shell), protocol: None, transport: Transport::Shell }));
    }
    let port = if remote.port == 0 { DAEMON_PORT } else { remote.port };
    let (shell, input, output) = if remote.is_socket(options) {
        if options.levels.debug(Debug::Connect) >= 1 {
            let opening = match env("RSYNC_CONNECT_PROG") {
                Some(program) => {
                    let instead = b"Using RSYNC_CONNECT_PROG instead of opening tcp connection to ".as_slice();
                    let port = format!(" port {port}\nRunning socket program: \"");
                    [instead, &remote.host, port.as_bytes(), &program, b"\""].concat()
                }
                None => [b"opening tcp connection to ".as_slice(), &remote.host, format!(" port {port}").as_bytes()]
                    .concat(),
            };
            console.tell(options, &opening);
        }
        let socket = tcp::open(&remote.host, port as u16, options, role)?;
        let other = socket.try_clone().map_err(|error| io_error("dup failed", &error))?;
        (None, socket, other)
    } else {
        let words = [b"--server".to_vec(), b"--daemon".to_vec(), b".".to_vec()];
        let argv = shell_command(options, remote, &words)?;
        let (shell, input, output) = shell::start(&argv, Some(remote.port as i32), role)?;
        (Some(shell), input, output)
    };
    let early_input = match &options.early_input {
        Some(path) => early_input(path, role)?,
        None => Vec::new(),
    };
    // A variable that is set counts even if it is empty.
    let variable = |name| std::env::var_os(name).map(OsStringExt::into_vec);
    let user = remote.user.clone().or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| b"nobody".to_vec());
    let module = (!remote.paths.is_empty()).then(|| remote.module().to_vec());
    let request = ClientRequest { protocol, module, early_input, user };
    let words = |protocol: u32| {
        let outgoing = Outgoing { options, push, protocol, link: Link::Daemon, paths: &remote.paths };
        let words = outgoing.words();
        Words { plain: words.visible, secluded: words.secluded.map(on_wire) }
    };
    let quiet = options.quiet || !options.motd;
    let tells_words = options.levels.debug(Debug::Cmd) >= 1;
    let mut show = |voice: Voice, line: &[u8]| match voice {
        Voice::Daemon if quiet => {}
        Voice::Daemon => console.print(line),
        Voice::Client => console.tell(options, line),
    };
    let password_file = options.password_file.as_deref();
    let call = Call { request, password_file, role, words: &words, tells_words, show: &mut show };
    match crate::daemon::client::call(input, output, call)? {
        Answered::Listed => Ok(Answer::Listed),
        Answered::Ready { protocol, pending, input, output } => {
            let wire = Wire { input, output, pending, bytes_per_second: 0 };
            let protocol = Some(protocol);
            Ok(Answer::Reached(Reached { wire, shell, protocol, transport: Transport::Daemon }))
        }
    }
}

fn write_all(fd: &std::os::fd::OwnedFd, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io_error("write to the remote shell failed", &error.into())),
        }
    }
    Ok(())
}

/// What a daemon's early hook gets to read.
pub(super) fn early_input(path: &[u8], role: &str) -> Result<Vec<u8>, Error> {
    let shown = String::from_utf8_lossy(path);
    let bytes = std::fs::read(std::ffi::OsStr::from_bytes(path)).map_err(|error| {
        let errno = crate::errno::of_io(&error);
        Error::host(Exit::START, format!("rsync: [{role}] failed to open {shown}: {} ({})", errno.text, errno.code))
    })?;
    if bytes.len() > EARLY_INPUT_MAX {
        return Err(Error::host(Exit::START, format!("{shown} is > {EARLY_INPUT_MAX} bytes.")));
    }
    Ok(bytes)
}
