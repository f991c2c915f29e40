//! From a command line to a session.

use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use syncline_core::Error;
use syncline_core::checksum::WeakSum;
use syncline_core::options::{
    Command, Env, Link, Options, Outgoing, Plan, Remote, RemoteKind, Secluded, Server, Setup, parse_with, plan,
    secluded::BlockReader, shell_command,
};
use syncline_core::report::LocalTime;
use syncline_core::session::greeting::{ClientGreeting, ClientRequest};
use syncline_core::session::{Config, PROTOCOL, Role, Side, Transport};

use super::{Embedded, Greet, Phase};
use crate::document::{Peer, Start};
use crate::simd::best_scan_for;

/// The port of daemons.
const DAEMON_PORT: u16 = 873;

/// The engine asks by a plain function, which can't hold anything itself. One module has one clock.
static UTC_OFFSET: AtomicI32 = AtomicI32::new(0);

fn local_time(unix: i64) -> LocalTime {
    LocalTime::at(unix, UTC_OFFSET.load(Relaxed))
}

fn environment(start: &Start) -> Env {
    let value = |wanted: &str| {
        let found = start.environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    Env {
        rsh: value("RSYNC_RSH"),
        iconv: value("RSYNC_ICONV"),
        old_args: value("RSYNC_OLD_ARGS"),
        protect_args: value("RSYNC_PROTECT_ARGS"),
        partial_dir: value("RSYNC_PARTIAL_DIR"),
        max_alloc: value("RSYNC_MAX_ALLOC"),
        posixly_correct: start.environment.iter().any(|(name, _)| name == "POSIXLY_CORRECT"),
    }
}

fn base(options: Options, start: &Start) -> Config {
    let value = |wanted: &str| {
        start
            .environment
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    Config {
        umask: start.umask,
        root: start.is_root,
        groups: start.groups.clone(),
        cwd: start.cwd.clone(),
        seed: start.seed,
        unix_time: start.unix_time,
        pid: start.pid,
        local_time,
        ids: (start.uid, start.gid),
        home: value("HOME").unwrap_or_default(),
        cvsignore: value("CVSIGNORE").unwrap_or_default(),
        names: start.names.clone(),
        scan: Some(best_scan_for(WeakSum::Rsync)),
        checksum_list: value("RSYNC_CHECKSUM_LIST"),
        compress_list: value("RSYNC_COMPRESS_LIST"),
        ..Config::new(options, Side::Client, Role::Sender)
    }
}

impl Embedded {
    /// A session as its command line says. What is wrong with that is told here; later mistakes are notices.
    pub fn open(start: Start) -> Result<Embedded, Error> {
        UTC_OFFSET.store(start.utc_offset, Relaxed);
        match parse_with(&start.words, &environment(&start), &Setup::default())? {
            Command::Client { options, args } => client(*options, &args, &start),
            Command::Server(server) => {
                let mut embedded = Embedded::new(Phase::Over(syncline_core::Exit::OK));
                embedded.run(server_config(server, &start));
                Ok(embedded)
            }
            Command::Secluded(secluded) => Ok(Embedded::new(Phase::Secluded {
                secluded: Some(secluded),
                reader: BlockReader::secluded(),
                start: Box::new(start),
            })),
            Command::Print(text) => Err(Error::usage(text)),
            Command::Daemon(_) => {
                Err(Error::usage("a daemon's port is its host's: start a server for each connection"))
            }
        }
    }
}

/// The configuration of a server that has its words now.
pub(super) fn resumed(secluded: Secluded, words: &[Vec<u8>], start: &Start) -> Result<Config, Error> {
    match secluded.resume(words, &environment(start), &Setup::default())? {
        Command::Server(server) => Ok(server_config(server, start)),
        _ => Err(Error::usage("the secluded words are not those of a server")),
    }
}

fn server_config(server: Server, start: &Start) -> Config {
    let role = if server.options.sender { Role::Sender } else { Role::Receiver };
    Config { side: Side::Server, role, paths: server.paths, ..base(*server.options, start) }
}

fn client(mut options: Options, args: &[Vec<u8>], start: &Start) -> Result<Embedded, Error> {
    let plan = plan(&options, args)?;
    let (push, remote) = match &plan {
        Plan::Push { remote, .. } => (true, remote.clone()),
        Plan::Pull { remote, .. } | Plan::Modules { remote } => (false, remote.clone()),
        Plan::Local { .. } => return Err(Error::usage("both ends are here: one of them must be a peer's")),
    };
    if !push {
        options.dry_run |= options.only_batch;
    }
    let base = base(options.clone(), start);
    let config = match &plan {
        Plan::Push { sources, .. } => Config { paths: sources.clone(), ..base },
        Plan::Pull { dest, .. } => {
            let paths = dest.iter().cloned().collect();
            Config { role: Role::Receiver, paths, requested: remote.paths.clone(), ..base }
        }
        _ => base,
    };
    let protocol = options.protocol.map_or(PROTOCOL, |protocol| protocol.max(0) as u32);
    if remote.kind == RemoteKind::Shell {
        shell(config, push, &remote, protocol)
    } else {
        daemon(config, plan, &remote, protocol, start)
    }
}

fn shell(config: Config, push: bool, remote: &Remote, protocol: u32) -> Result<Embedded, Error> {
    let options = &config.options;
    let words = Outgoing { options, push, protocol, link: Link::Shell, paths: &remote.paths }.words();
    let argv = shell_command(options, remote, &words.visible)?;
    let mut embedded = Embedded::new(Phase::Over(syncline_core::Exit::OK));
    embedded.peer = Some(Peer::Program(argv));
    if let Some(secluded) = &words.secluded {
        embedded.out = syncline_core::options::secluded::encode_secluded(secluded);
    }
    embedded.run(config);
    Ok(embedded)
}

fn daemon(config: Config, plan: Plan, remote: &Remote, protocol: u32, start: &Start) -> Result<Embedded, Error> {
    let options = &config.options;
    let peer = if remote.is_socket(options) {
        let port = if remote.port == 0 { DAEMON_PORT } else { remote.port as u16 };
        Peer::Daemon { host: remote.host.clone(), port }
    } else {
        let words = [b"--server".to_vec(), b"--daemon".to_vec(), b".".to_vec()];
        Peer::Program(shell_command(options, remote, &words)?)
    };
    let login = ["USER", "LOGNAME"].iter().find_map(|wanted| {
        start
            .environment
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.clone())
    });
    let user = remote.user.clone().or(login).unwrap_or_default();
    let module = (!remote.paths.is_empty()).then(|| remote.module().to_vec());
    let request = ClientRequest { protocol, module, early_input: Vec::new(), user: user.clone() };
    let mut greeting = ClientGreeting::new(request)?;
    let out = greeting.output();
    let is_quiet = options.quiet || !options.motd;
    let config = Config { transport: Transport::Daemon, ..config };
    let setup = Box::new(Greet { config, plan, user, is_quiet });
    let mut embedded = Embedded::new(Phase::Greeting { greeting, setup, awaits_password: false });
    embedded.peer = Some(peer);
    embedded.out = out;
    Ok(embedded)
}
