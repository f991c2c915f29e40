//! One run of the client: options become a plan, the plan a connection, the connection a session.

use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use syncline_core::options::{
    Command, Debug, Env, Link, Options, Outgoing, Plan, Remote, RemoteKind, Secluded, Server, Setup, aliases::Aliases,
    hostspec, plan, shell_command, with_words,
};
use syncline_core::report::text;
use syncline_core::session::greeting::{ClientRequest, EARLY_INPUT_MAX};
use syncline_core::session::{Config, PROTOCOL, Role, Session, Side, Transport};
use syncline_core::wire::Codecs;
use syncline_core::{Error, Exit};

use crate::batch;
use crate::daemon::client::{Answered, Call, Voice, Words};
use crate::drive::{self, Wire, socket_pair};
use crate::fs::{Ahead, Fs};
use crate::net::{shell, tcp};
use crate::output::Console;
use crate::{iconv, preload};
use crate::{simd, time, zstd};

/// The port of daemons.
const DAEMON_PORT: u32 = 873;

/// The compressors that this host adds to the engine's own.
pub const CODECS: Codecs = Codecs { zstd: Some(zstd::ZSTD) };

/// An environment variable that is set and not empty.
pub fn env(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(OsStringExt::into_vec).filter(|value| !value.is_empty())
}

/// What options want to know of the environment.
pub fn environment() -> Env {
    Env {
        rsh: env("RSYNC_RSH"),
        iconv: env("RSYNC_ICONV"),
        old_args: env("RSYNC_OLD_ARGS"),
        protect_args: env("RSYNC_PROTECT_ARGS"),
        partial_dir: env("RSYNC_PARTIAL_DIR"),
        max_alloc: env("RSYNC_MAX_ALLOC"),
        posixly_correct: std::env::var_os("POSIXLY_CORRECT").is_some(),
    }
}

/// The user's own options: `/etc/popt`, `/etc/popt.d/*` and `~/.popt`.
pub fn user_aliases() -> Aliases {
    let mut files = vec![Path::new("/etc/popt").to_owned()];
    let directory = std::fs::read_dir("/etc/popt.d").into_iter().flatten().flatten();
    files.extend(directory.map(|entry| entry.path()));
    if let Some(home) = std::env::var_os("HOME") {
        files.push(Path::new(&home).join(".popt"));
    }
    let mut aliases = Aliases::default();
    for file in files {
        if let Ok(text) = std::fs::read(file) {
            aliases.read(&text);
        }
    }
    aliases
}

/// What every session of this process starts from.
fn base_config(options: &Options, umask: u32) -> Config {
    let cwd = std::env::current_dir().map(|dir| dir.into_os_string().into_vec()).unwrap_or_default();
    let now = time::unix_seconds();
    let pid = std::process::id();
    Config {
        options: options.clone(),
        side: Side::Client,
        role: Role::Sender,
        transport: Transport::Shell,
        protocol: None,
        paths: Vec::new(),
        requested: Vec::new(),
        umask,
        root: rustix::process::geteuid().is_root(),
        ids: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        groups: time::groups(),
        cwd,
        home: env("HOME").unwrap_or_default(),
        cvsignore: env("CVSIGNORE").unwrap_or_default(),
        stop_after_ms: None,
        names: None,
        seed: (now as i32) ^ (pid as i32) << 6,
        unix_time: now,
        pid,
        local_time: time::local_time,
        checksum_list: env("RSYNC_CHECKSUM_LIST"),
        compress_list: env("RSYNC_COMPRESS_LIST"),
        codecs: CODECS,
        scan: Some(simd::best_scan()),
        conversion: None,
        module: None,
        module_chmod: None,
        batch: None,
        rule_files: Vec::new(),
        refused: None,
        errors_to_client: false,
    }
}

fn bytes_per_second(options: &Options) -> u64 {
    options.bwlimit * 1024
}

/// Runs a client and returns the exit code of the process.
pub fn run(options: Options, args: &[Vec<u8>], umask: u32) -> i32 {
    let mut console = Console::new(&options);
    console.open_log(&options);
    let rules = match preload::rules(&options) {
        Ok(rules) => rules,
        Err(error) => return console.fail(&error, "client"),
    };
    if let Err(error) = batch::begin(&options, args, &rules.texts, &mut console) {
        return console.fail(&error, "Receiver");
    }
    let base = match preloaded(&options, rules, umask) {
        Ok(base) => base,
        Err(error) => return console.fail(&error, "client"),
    };
    if let Some(name) = &options.read_batch
        && let Err(error) = batch::check(name)
    {
        return console.fail(&error, "Receiver");
    }
    let (role, result) = match plan(&options, args) {
        // Nobody was called yet: it is the first source that says what this process would be.
        Err(error) => (
            if args.first().is_some_and(|arg| hostspec::parse(arg).is_some()) { "Receiver" } else { "sender" },
            Err(error),
        ),
        Ok(Plan::Local { sources, dest }) => {
            (if sources.is_empty() { "Receiver" } else { "sender" }, local(base, sources, dest, &mut console))
        }
        Ok(Plan::Push { sources, remote }) => ("sender", push(base, sources, remote, &mut console)),
        Ok(Plan::Pull { remote, dest }) => ("Receiver", pull(base, remote, dest, &mut console)),
        Ok(Plan::Modules { remote }) => ("Receiver", modules(&base, &remote, &mut console)),
    };
    match result {
        Ok((exit, role)) => {
            console.exit_line(exit, role);
            console.flush();
            exit.0
        }
        Err(error) => console.fail(&error, role),
    }
}

fn preloaded(options: &Options, rules: preload::Rules, umask: u32) -> Result<Config, Error> {
    let stop_after_ms = preload::stop_after_ms(options)?;
    let names = preload::names(options)?;
    Ok(Config { names, stop_after_ms, rule_files: rules.files, ..base_config(options, umask) })
}

type Outcome = Result<(Exit, &'static str), Error>;

fn io_error(what: &str, error: &std::io::Error) -> Error {
    let errno = crate::errno::of_io(error);
    Error::host(Exit::IPC, format!("rsync: {what}: {} ({})", errno.text, errno.code))
}

/// What a daemon's early hook gets to read.
fn early_input(path: &[u8], role: &str) -> Result<Vec<u8>, Error> {
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

/// Both ends are here: two sessions, each on a thread of its own, with a pair of sockets between them.
fn local(base: Config, sources: Vec<Vec<u8>>, dest: Option<Vec<u8>>, console: &mut Console) -> Outcome {
    if let Some(name) = base.options.read_batch.clone() {
        return replay(&name, base, dest, console);
    }
    let (near, far) = socket_pair().map_err(|error| io_error("failed to make a socket pair", &error))?;
    let clone = |fd: &std::os::fd::OwnedFd| fd.try_clone().map_err(|error| io_error("dup failed", &error));
    let umask = base.umask;
    let receiving = Config {
        side: Side::Server,
        role: Role::Receiver,
        transport: Transport::Local,
        paths: dest.into_iter().collect(),
        options: match receiving_options(&base.options) {
            Ok(options) => options,
            Err(error) => {
                // The other half ends by that, and this one by its end.
                console.fail(&error, "Receiver");
                let text = "rsync: connection unexpectedly closed (0 bytes received so far) [sender]";
                return Err(Error::host(Exit::STREAM, text));
            }
        },
        ..base.clone()
    };
    let mut base = base;
    if let Err(error) = crate::copy_as::assume(&mut base, "sender") {
        // Each half says so.
        error.lines().for_each(|line| console.error(&[line, b"\n"].concat()));
        console.exit_line(error.exit, "Receiver");
        return Err(error);
    }
    base.conversion = iconv::conversion(base.options.iconv.as_deref(), false)?;
    let conversion = iconv::conversion(receiving.options.iconv.as_deref(), true)?;
    let receiving = Config { conversion, root: base.root, ids: base.ids, groups: base.groups.clone(), ..receiving };
    let rate = bytes_per_second(&base.options);
    let (mine, other) =
        receiving.paths.first().filter(|_| base.options.checksum).and_then(|dest| Ahead::pair(dest)).unzip();
    let sending = Config { transport: Transport::Local, paths: sources, ..base };
    let far = Wire::new(clone(&far)?, far);
    let near = Wire::new(clone(&near)?, near);
    let receiver = std::thread::spawn(move || {
        let mut console = Console::new(&receiving.options);
        console.open_log(&receiving.options);
        let mut fs = Fs::for_session(umask, receiving.role, &receiving.options).with_ahead(other);
        let mut session = Session::new(receiving);
        let exit = drive::run(&mut session, far, &mut fs, &mut console);
        console.exit_line(exit, session.last_words_role().unwrap_or_default());
        console.flush();
        exit
    });
    let mut fs = Fs::for_session(umask, sending.role, &sending.options).with_ahead(mine);
    let mut session = Session::new(sending);
    let mut wire = near;
    wire.bytes_per_second = rate;
    let exit = drive::run(&mut session, wire, &mut fs, console);
    // A receiving half that went down without a word is told of here.
    let role = session.last_words_role().unwrap_or_default();
    drop(session);
    let other = receiver.join().unwrap_or(Exit::CRASHED);
    let role = if other == Exit::CRASHED || (exit == Exit::OK && is_counted(other)) { "sender" } else { role };
    Ok((exit.max(other), role))
}

/// Errors that a session survives; its client tells of them at the end.
fn is_counted(exit: Exit) -> bool {
    [Exit::PARTIAL, Exit::VANISHED, Exit::DEL_LIMIT].contains(&exit)
}

/// No source, but a batch.
fn replay(name: &[u8], base: Config, dest: Option<Vec<u8>>, console: &mut Console) -> Outcome {
    let mut config = Config { role: Role::Receiver, paths: dest.into_iter().collect(), ..base };
    let input = batch::open(name, &mut config, console)?;
    let nowhere = File::options().write(true).open("/dev/null");
    let nowhere = nowhere.map_err(|error| io_error("failed to open /dev/null", &error))?;
    let mut fs = Fs::for_session(config.umask, config.role, &config.options);
    let mut session = Session::new(config);
    let exit = drive::run(&mut session, Wire::new(input, nowhere.into()), &mut fs, console);
    Ok((exit, if exit == Exit::OK { "Receiver" } else { session.last_words_role().unwrap_or_default() }))
}

/// The options of the receiving half of a local copy: those of a server, which prints nothing itself.
fn receiving_options(options: &Options) -> Result<Options, Error> {
    let mut options = options.clone();
    options.server = true;
    options.log_file = None;
    options.dry_run |= options.only_batch;
    let words = std::mem::take(&mut options.remote_options);
    if words.is_empty() { Ok(options) } else { with_words(options, &words) }
}

/// A connection to the remote side, ready for the session.
struct Reached {
    wire: Wire,
    shell: Option<shell::Shell>,
    protocol: Option<u32>,
    transport: Transport,
}

enum Answer {
    Reached(Reached),
    /// The daemon listed its modules.
    Listed,
}

fn push(base: Config, sources: Vec<Vec<u8>>, remote: Remote, console: &mut Console) -> Outcome {
    let Answer::Reached(reached) = reach(&base.options, &remote, true, base.umask, console)? else {
        return Ok((Exit::OK, "sender"));
    };
    finish(Config { paths: sources, ..base }, reached, console)
}

fn pull(base: Config, remote: Remote, dest: Option<Vec<u8>>, console: &mut Console) -> Outcome {
    let Answer::Reached(reached) = reach(&base.options, &remote, false, base.umask, console)? else {
        return Ok((Exit::OK, "Receiver"));
    };
    let mut base = base;
    base.options.dry_run |= base.options.only_batch;
    let config = Config { role: Role::Receiver, paths: dest.into_iter().collect(), requested: remote.paths, ..base };
    finish(config, reached, console)
}

fn modules(base: &Config, remote: &Remote, console: &mut Console) -> Outcome {
    reach(&base.options, remote, false, base.umask, console)?;
    Ok((Exit::OK, "Receiver"))
}

fn finish(config: Config, mut reached: Reached, console: &mut Console) -> Outcome {
    reached.wire.bytes_per_second = bytes_per_second(&config.options);
    let mut config = Config { protocol: reached.protocol, transport: reached.transport, ..config };
    let role = if config.role == Role::Sender { "sender" } else { "Receiver" };
    crate::copy_as::assume(&mut config, role)?;
    config.conversion = iconv::conversion(config.options.iconv.as_deref(), false)?;
    let mut fs = Fs::for_session(config.umask, config.role, &config.options);
    let mut session = Session::new(config);
    let exit = drive::run(&mut session, reached.wire, &mut fs, console);
    let role = if exit == Exit::OK { session.role() } else { session.last_words_role().unwrap_or_default() };
    let Some(shell) = reached.shell else { return Ok((exit, role)) };
    let last = shell.finish(exit);
    if is_counted(last) && session.got_nothing() {
        console.error(b"rsync: [Receiver] write error: Broken pipe (32)\n");
    }
    Ok((last, role))
}

fn reach(options: &Options, remote: &Remote, push: bool, umask: u32, console: &mut Console) -> Result<Answer, Error> {
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
    let user = remote.user.clone().or_else(|| env("USER")).or_else(|| env("LOGNAME")).unwrap_or_default();
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
