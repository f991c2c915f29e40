//! One run of the client: options become a plan, the plan a connection, the connection a session.

mod reach;

use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use syncline_core::options::{
    Env, Info, Options, Plan, Recursion, Remote, aliases::Aliases, hostspec, plan, with_words,
};
use syncline_core::session::{Config, Role, Session, Side, Transport};
use syncline_core::wire::Codecs;
use syncline_core::{Error, Exit};

use crate::batch;
use crate::drive::{self, Wire, socket_pair};
use crate::fs::{Ahead, Fs, Handover};
use crate::net::shell::Shell;
use crate::output::Console;
use crate::{iconv, preload};
use crate::{simd, time, zstd};
use reach::{Answer, Reached, reach};

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
pub fn base_config(options: &Options, umask: u32) -> Config {
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

pub fn bytes_per_second(options: &Options) -> u64 {
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
            match args.first() {
                Some(arg) if hostspec::parse(arg).is_none() && options.read_batch.is_none() => "sender",
                // Without a single word it is nothing yet.
                None if std::env::args_os().len() < 2 => "client",
                _ => "Receiver",
            },
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

pub fn io_error(what: &str, error: &std::io::Error) -> Error {
    let errno = crate::errno::of_io(error);
    Error::host(Exit::IPC, format!("rsync: {what}: {} ({})", errno.text, errno.code))
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
    // Without a second processor it would only cost memory.
    let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let handover = several.then(Handover::default);
    let sending = Config { transport: Transport::Local, paths: sources, ..base };
    let far = Wire::new(clone(&far)?, far);
    let near = Wire::new(clone(&near)?, near);
    let handed = handover.clone();
    let receiver = std::thread::spawn(move || {
        let mut console = Console::new(&receiving.options);
        console.open_log(&receiving.options);
        let mut fs = Fs::for_session(umask, receiving.role, &receiving.options).with_ahead(other).with_handover(handed);
        let mut session = Session::new(receiving);
        let exit = drive::run(&mut session, far, &mut fs, &mut console);
        console.exit_line(exit, session.last_words_role().unwrap_or_default());
        console.flush();
        exit
    });
    let mut fs = Fs::for_session(umask, sending.role, &sending.options).with_ahead(mine).with_handover(handover);
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

/// What ends a session, and is not about its connection.
fn is_own_failure(exit: Exit) -> bool {
    let others = [Exit::OK, Exit::STREAM, Exit::SOCKET_IO, Exit::SIGNAL, Exit::TIMEOUT];
    !is_counted(exit) && !others.contains(&exit)
}

/// Errors that a session survives; its client tells of them at the end.
pub fn is_counted(exit: Exit) -> bool {
    [Exit::PARTIAL, Exit::VANISHED, Exit::DEL_LIMIT].contains(&exit)
}

/// No source, but a batch.
fn replay(name: &[u8], base: Config, dest: Option<Vec<u8>>, console: &mut Console) -> Outcome {
    let mut config = Config { role: Role::Receiver, paths: dest.into_iter().collect(), ..base };
    let input = batch::open(name, &mut config, console)?;
    let nowhere = File::options().write(true).open("/dev/null");
    let nowhere = nowhere.map_err(|error| io_error("failed to open /dev/null", &error))?;
    let mut fs = Fs::for_session(config.umask, config.role, &config.options);
    let options = config.options.clone();
    let mut session = Session::new(config);
    let exit = drive::run(&mut session, Wire::new(input, nowhere.into()), &mut fs, console);
    log_end(&session, exit, &options, console);
    Ok((exit, if exit == Exit::OK { "Receiver" } else { session.last_words_role().unwrap_or_default() }))
}

/// The options of the receiving half of a local copy: those of a server, which prints nothing itself.
fn receiving_options(options: &Options) -> Result<Options, Error> {
    let mut options = options.clone();
    options.server = true;
    options.log_file = None;
    options.dry_run |= options.only_batch;
    let words = std::mem::take(&mut options.remote_options);
    // The other half does not take incremental lists where it does not recurse.
    options.inc_recursive &= options.recursion != Recursion::Off;
    if words.is_empty() { Ok(options) } else { with_words(options, &words) }
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
    if let Err(error) = crate::copy_as::assume(&mut config, role) {
        console.fail(&error, role);
        reached.shell.iter().for_each(Shell::kill);
        return Ok((error.exit, ""));
    }
    config.conversion = iconv::conversion(config.options.iconv.as_deref(), false)?;
    let (receives, reached_shell) = (config.role == Role::Receiver, reached.shell.is_some());
    let mut fs = Fs::for_session(config.umask, config.role, &config.options);
    let options = config.options.clone();
    let mut session = Session::new(config);
    // Held open until the other program was told why: it would find a closed pipe first.
    let held = reached.shell.as_ref().map(|_| [reached.wire.input.try_clone(), reached.wire.output.try_clone()]);
    let exit = drive::run(&mut session, reached.wire, &mut fs, console);
    let mut role = if exit == Exit::OK { session.role() } else { session.last_words_role().unwrap_or_default() };
    if let Some(shell) = &reached.shell
        && is_own_failure(exit)
        && !session.ended_by_peer()
    {
        // What the other program says of the signal comes behind what we say.
        console.exit_line(exit, role);
        shell.kill();
        role = "";
    }
    drop(held);
    let last = reached.shell.map_or(exit, |shell| shell.finish(exit));
    if receives {
        log_end(&session, last, &options, console);
    }
    if reached_shell && is_counted(last) && session.got_nothing() {
        console.exit_line(last, role);
        console.error_and_log(b"rsync: [Receiver] write error: Broken pipe (32)");
        return Ok((last, ""));
    }
    if let Some(text) = session.parting_words() {
        console.exit_line(last, role);
        console.error_and_log(&text);
        return Ok((last, ""));
    }
    Ok((last, role))
}

/// What was moved, in the log of a client that received without fault, unless it was printed.
fn log_end(session: &Session, exit: Exit, options: &Options, console: &mut Console) {
    if exit == Exit::OK && options.levels.info(Info::Stats) == 0 {
        console.log(&session.stats().log_summary());
    }
}
