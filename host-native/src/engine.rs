//! What the daemon needs of the rest of the program: a client's words parsed, a module's rules judged, a session run.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use syncline_core::filter::{Builder, Check, FilterList, PerDir, Subject};
use syncline_core::options::refuse::{Refusals, spellings};
use syncline_core::options::{Chmod, DaemonOptions, Env, Setup, Super, parse_worker};
use syncline_core::session::{Role, Session};
use syncline_core::{Error, Exit};

use crate::daemon::refuse::{Row, refused};
use crate::daemon::{Engine, Parsed, Served, listener};
use crate::drive::{self, Wire};
use crate::fs::Fs;
use crate::output::Console;
use crate::{iconv, signals, time};

/// What a daemon gets of the rest of the program.
pub const ENGINE: Engine = Engine { parse, check_filters, hides, serve };

/// Runs `syncline --daemon`.
pub fn run_daemon(options: DaemonOptions) -> i32 {
    let launch = listener::Launch {
        address: options.address,
        bwlimit: options.bwlimit.into(),
        config: options.config,
        overrides: options.parameters,
        family: match options.family {
            syncline_core::options::Family::Any => crate::daemon::names::Family::Any,
            syncline_core::options::Family::V4 => crate::daemon::names::Family::V4,
            syncline_core::options::Family::V6 => crate::daemon::names::Family::V6,
        },
        stay: !options.detach,
        log_file: options.log_file,
        log_format: options.log_file_format,
        port: options.port,
        protocol: options.protocol.and_then(|protocol| u32::try_from(protocol).ok()),
        server: options.server,
        socket_options: options.sockopts,
        temp_dir: options.temp_dir.unwrap_or_default(),
        verbose: options.verbose,
    };
    listener::run(&launch, ENGINE)
}

/// Daemon options without a daemon are an error, but a parameter that no daemon knows is one before that.
pub fn unknown_parameter(words: &[Vec<u8>], error: &Error) -> Option<Error> {
    if !error.text.starts_with(b"Daemon option(s)") {
        return None;
    }
    let name = |word: &Vec<u8>| {
        let (name, _) =
            word.strip_prefix(b"--dparam=".as_slice())?.split_at(word.iter().skip(9).position(|&b| b == b'=')?);
        Some(name.trim_ascii_end().to_vec())
    };
    let unknown = words.iter().filter_map(name).find(|name| crate::daemon::params::find(name).is_none())?;
    Some(Error::usage([b"Unknown parameter \"".as_slice(), &unknown, b"\""].concat()))
}

fn parse(words: &[Vec<u8>], refuse_list: &[u8], charset: &[u8]) -> Parsed {
    let known: Vec<_> = spellings().collect();
    let shorts: Vec<Option<u8>> = known.iter().map(|spelling| spelling.short.map(|short| short as u8)).collect();
    let rows: Vec<Row<'_>> = known
        .iter()
        .zip(&shorts)
        .map(|(spelling, short)| Row {
            long: spelling.long.as_bytes(),
            short: *short,
            alias: spelling.meaning,
            missing: spelling.missing,
        })
        .collect();
    let mut notes = Vec::new();
    let refusals = Refusals::new(&refused(refuse_list, !charset.is_empty(), &rows, &mut notes));
    let mut worker = parse_worker(words, &Env::default(), &Setup::default(), &refusals, None);
    // A module whose names have a character set may insist that its clients name theirs.
    let insists = refuse_list.split(u8::is_ascii_whitespace).any(|item| item.eq_ignore_ascii_case(b"no-iconv"));
    if insists && !charset.is_empty() && worker.options.iconv.is_none() && !worker.secluded {
        let text = "rsync: The server is configured to refuse --no-iconv";
        worker.refused.get_or_insert(Error::peer(Exit::UNSUPPORTED, text));
    }
    let options = worker.options;
    Parsed {
        sender: options.sender,
        relative: options.relative,
        paths: worker.paths,
        secluded: worker.secluded,
        notes,
        refused: worker.refused,
        options,
    }
}

fn rules(rules: &[Vec<u8>]) -> Result<FilterList, Error> {
    let mut builder = Builder::new();
    rules.iter().for_each(|rule| builder.filter(rule));
    while builder.run()?.is_some() {
        // A merge file of a module: read with the daemon's rights would be wrong, so it counts as empty.
        builder.supply(Ok(Vec::new()))?;
    }
    Ok(builder.finish())
}

fn check_filters(texts: &[Vec<u8>]) -> Result<(), Error> {
    rules(texts).map(drop)
}

fn hides(texts: &[Vec<u8>], path: &[u8]) -> bool {
    let Ok(list) = rules(texts) else { return true };
    let trimmed = path.strip_prefix(b"/").unwrap_or(path);
    let is = |is_dir| list.check(&Subject::new(trimmed, is_dir), Check::RECEIVER, &PerDir::new()).is_excluded();
    is(false) || is(true)
}

/// Runs the session of a worker, which has no more rights than it needs by now.
fn serve(served: Served) -> i32 {
    let Served { mut config, policy, refused, input, output, pending, log } = served;
    signals::catch();
    config.umask = time::umask_and_clear();
    let mut console = Console::new(&config.options).silent().with_log({
        let log = log.share();
        Box::new(move |line| log.info(line))
    });
    let role = if config.role == Role::Sender { "sender" } else { "generator" };
    let (chmod, sends) = match config.role {
        Role::Sender => (policy.outgoing_chmod, true),
        Role::Receiver => (policy.incoming_chmod, false),
    };
    match Chmod::parse(&chmod) {
        _ if chmod.is_empty() => {}
        Some(chmod) => config.module_chmod = Some(chmod),
        None => {
            let name = if sends { "outgoing" } else { "incoming" };
            log.warn([b"Invalid \"".as_slice(), name.as_bytes(), b" chmod\" directive: ", &chmod].concat());
        }
    }
    if !sends && config.options.temp_dir.is_none() && !policy.temp_dir.is_empty() {
        config.options.temp_dir = Some(policy.temp_dir);
    }
    if policy.fake_super {
        config.options.super_mode = Super::Fake;
    }
    config.refused = refused;
    if config.options.iconv.is_some() {
        // Whatever set the client thinks that the names are in.
        match iconv::named(&policy.charset) {
            Ok(conversion) => config.conversion = Some(conversion),
            Err(error) => config.refused = config.refused.or(Some(error)),
        }
    }
    if let Some(module) = &config.module {
        config.options.levels.limit(module.max_verbosity);
    }
    let own = config.options.bwlimit;
    let limit = match (own, policy.bwlimit) {
        (0, limit) | (limit, 0) => limit,
        (own, theirs) => own.min(theirs),
    };
    let unread = input.try_clone();
    let wire = Wire { input, output, pending, bytes_per_second: limit * 1024 };
    // A daemon's modules are its fences.
    config.options.confine_root = None;
    config.options.insecure_links = policy.insecure_links;
    let mut fs = Fs::for_session(config.umask, config.role, &config.options);
    if config.module.as_ref().is_some_and(|module| module.sanitize) {
        if !policy.insecure_links {
            fs = fs.confined();
        }
        let root = std::env::current_dir().map(|dir| dir.into_os_string().into_vec()).unwrap_or_default();
        config.paths = config.paths.iter().map(|path| beneath(&root, path)).collect();
        if let Some(dir) = &mut config.options.backup_dir {
            *dir = clamped(dir);
        }
    }
    if let Some(module) = &mut config.module {
        module.ignore_nonreadable = policy.ignore_nonreadable;
        config.options.levels.limit(module.max_verbosity);
        // Messages show paths as the module's clients know them.
        config.cwd.clone_from(&module.shown_root);
    }
    let mut session = Session::new(config);
    let exit = drive::run(&mut session, wire, &mut fs, &mut console);
    if let Ok(input) = unread
        && session.leaves()
    {
        part(&input);
    }
    // What merely sums up the errors that were logged is not one itself.
    let sums_up = [Exit::PARTIAL, Exit::VANISHED, Exit::DEL_LIMIT].contains(&exit);
    if exit != Exit::OK && !sums_up && !session.exit_is_told() {
        console.log_exit(exit, role);
    }
    exit.0
}

/// Gives a client time to read why it gets nothing, and then sees to it that something of what it sent is unread: the
/// connection is then reset, and the client says so, as with stock, whatever the two processes' speeds.
fn part(input: &OwnedFd) {
    std::thread::sleep(Duration::from_millis(100));
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    // Whatever comes of it, the process ends now.
    let _ = poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&second));
}

/// A relative directory that does not lead out of where it starts: `..` there counts for nothing.
fn clamped(dir: &[u8]) -> Vec<u8> {
    if dir.starts_with(b"/") {
        return dir.to_vec();
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in dir.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') }
}

/// A path of the client, which the daemon has put beneath the module's root, relative to that root.
fn beneath(root: &[u8], path: &[u8]) -> Vec<u8> {
    let rest = path.strip_prefix(root).unwrap_or(path);
    let rest = match rest.iter().position(|&b| b != b'/') {
        Some(at) => &rest[at..],
        None => b".".as_slice(),
    };
    match rest {
        [b'.', b'/'] => b"./".to_vec(),
        rest => rest.to_vec(),
    }
}
