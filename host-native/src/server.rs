//! The remote end that a client starts through a shell, on standard input and output.

use std::time::Duration;

use syncline_core::options::{Command, Secluded, Server, Setup};
use syncline_core::session::{Config, Role, Session, Side};
use syncline_core::{Error, Exit};

use crate::client::{base_config, bytes_per_second, environment, io_error};
use crate::drive::{self, Wire};
use crate::fs::Fs;
use crate::output::Console;
use crate::{iconv, preload, signals};

/// Runs a server that a client started through a remote shell, on standard input and output.
pub fn serve(server: Server, pending: Vec<u8>, umask: u32) -> i32 {
    let options = *server.options;
    let sender = options.sender;
    let base = base_config(&options, umask);
    let mut console = Console::new(&options);
    console.open_log(&options);
    let names = match preload::names(&options) {
        Ok(names) => names,
        Err(error) => return console.fail(&error, "server"),
    };
    let mut config = Config {
        names,
        side: Side::Server,
        role: if sender { Role::Sender } else { Role::Receiver },
        paths: server.paths,
        ..base
    };
    let role = if sender { "sender" } else { "Receiver" };
    match iconv::conversion(config.options.iconv.as_deref(), true) {
        Ok(conversion) => config.conversion = conversion,
        Err(error) => return console.fail(&error, role),
    }
    if let Err(error) = crate::copy_as::assume(&mut config, role) {
        return console.fail(&error, role);
    }
    let clone = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    let (input, output) = match (clone(rustix::stdio::stdin()), clone(rustix::stdio::stdout())) {
        (Ok(input), Ok(output)) => (input, output),
        (Err(error), _) | (_, Err(error)) => return console.fail(&io_error("dup failed", &error), "server"),
    };
    let wire = Wire { input, output, pending, bytes_per_second: bytes_per_second(&options) };
    let mut fs = Fs::for_session(umask, config.role, &config.options);
    let mut session = Session::new(config);
    let exit = drive::run(&mut session, wire, &mut fs, &mut console);
    if signals::exit().is_some_and(|code| code == exit) {
        // Whoever interrupts us has its say first.
        std::thread::sleep(Duration::from_millis(50));
    }
    console.exit_line(exit, session.last_words_role().unwrap_or_default());
    console.flush();
    exit.0
}

/// Reads the words that `--secluded-args` keeps off the command line, and goes on as the server that they make.
pub fn serve_secluded(secluded: Secluded, umask: u32) -> i32 {
    let mut console = Console::new(&secluded.options);
    let mut reader = syncline_core::options::secluded::BlockReader::secluded();
    let mut buffer = [0u8; 4096];
    let (words, rest) = loop {
        let n = match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => {
                return console.fail(
                    &Error::peer(
                        Exit::STREAM,
                        "rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]",
                    ),
                    "Receiver",
                );
            }
            Ok(n) => n,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return console.fail(&io_error("read error", &error.into()), "Receiver"),
        };
        match reader.read(&buffer[..n]) {
            Ok(Some((words, used))) => break (words, buffer[used..n].to_vec()),
            Ok(None) => {}
            Err(error) => return console.fail(&error, "server"),
        }
    };
    let words = match iconv::conversion(secluded.options.iconv.as_deref(), true) {
        Ok(Some(conversion)) => conversion.words_from_wire(&words),
        Ok(None) => words,
        Err(error) => return console.fail(&error, "server"),
    };
    match secluded.resume(&words, &environment(), &Setup::default()) {
        Ok(Command::Server(mut server)) => {
            server.paths = crate::glob::expand_all(server.paths);
            serve(server, rest, umask)
        }
        Ok(_) => console.fail(&Error::usage("the secluded words are not those of a server"), "server"),
        Err(error) => console.fail(&error, "server"),
    }
}
