//! The ways to run a daemon: stand-alone with a listener, one connection from inetd, or one behind a remote shell
//! (spec 5.1).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::net::{self, sockopt as socket};
use syncline_core::Exit;

use super::bind::Wanted;
use super::config::{self, Override, Part, Source};
use super::expand::Env;
use super::files::PidFile;
use super::link::Link;
use super::log::{Destination, Log, strerror};
use super::names::Family;
use super::params::{self, P};
use super::sys::{self, Forked};
use super::values::Values;
use super::web::{self, Web};
use super::worker::{self, Start};
use super::{Engine, VERSION, error_line, lookup};

/// Where the configuration is, unless the command line says otherwise.
const CONFIG: &[u8] = b"/etc/rsyncd.conf";
/// What rsync listens on.
const PORT: u16 = 873;
/// What the listener catches.
pub(super) const SIGNALS: &[i32] = &[libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD];

/// The command line of a daemon.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// `--address`
    pub address: Option<Vec<u8>>,
    /// `--bwlimit` in KiB/s, 0 for none.
    pub bwlimit: u64,
    /// `--config`
    pub config: Option<Vec<u8>>,
    /// `--dparam`, name and value.
    pub overrides: Vec<Override>,
    /// `--ipv4` or `--ipv6`.
    pub family: Family,
    /// `--no-detach`
    pub stay: bool,
    /// `--log-file`
    pub log_file: Option<Vec<u8>>,
    /// `--log-file-format`
    pub log_format: Option<Vec<u8>>,
    /// `--port`
    pub port: i32,
    /// `--protocol`
    pub protocol: Option<u32>,
    /// `--server`: the connection is on standard input and output, behind a remote shell.
    pub server: bool,
    /// `--sockopts`
    pub socket_options: Option<Vec<u8>>,
    /// `--temp-dir`
    pub temp_dir: Vec<u8>,
    /// `--verbose`, as often as it was given.
    pub verbose: u32,
}

/// Runs the daemon and returns the exit code of the process. Must be called before any thread is started.
pub fn run(launch: &Launch, engine: Engine) -> i32 {
    if let Some((name, _)) = launch.overrides.iter().find(|(name, _)| params::find(name).is_none()) {
        eprintln!("Unknown parameter \"{}\"", String::from_utf8_lossy(name));
        eprintln!("{}", error_line(Exit::SYNTAX, "client"));
        return Exit::SYNTAX.0;
    }
    let behind_shell = launch.server && sys::euid() != 0;
    let default = if behind_shell { b"rsyncd.conf" } else { CONFIG };
    let config = launch.config.as_deref().unwrap_or(default);
    let mut start = Start {
        config: Source::File(config),
        overrides: &launch.overrides,
        log_format: launch.log_format.as_deref(),
        bwlimit: launch.bwlimit,
        temp_dir: &launch.temp_dir,
        protocol: launch.protocol,
        shell: None,
        handed_over: false,
        engine,
    };
    if launch.server {
        return match behind_remote_shell(&mut start, launch) {
            Ok(status) => status,
            Err(error) => io_error(&error),
        };
    }
    if socket::socket_type(rustix::stdio::stdin()).is_ok() {
        return match from_inetd(&start, launch) {
            Ok(status) => status,
            Err(error) => io_error(&error),
        };
    }
    stand_alone(&start, launch)
}

fn io_error(error: &io::Error) -> i32 {
    eprintln!("rsync: [Receiver] daemon start failed: {}", strerror(error));
    Exit::SOCKET_IO.0
}

/// The log until a worker enters a module.
fn first_log(launch: &Launch, global: Option<&Values>) -> Log {
    let env = Env::default();
    let text = |id| global.and_then(|global| global.text(id, &env).ok()).unwrap_or_default();
    let facility = global.map_or(libc::LOG_DAEMON, |global| global.integer(P::SyslogFacility) as i32);
    let tag = if global.is_some() { text(P::SyslogTag) } else { b"rsyncd".to_vec() };
    Log::new(Destination { file: launch.log_file.clone().unwrap_or_else(|| text(P::LogFile)), facility, tag })
}

/// The global part of the configuration, for those who need the log before the worker reads all of it, and says the same
/// (unless it is told here, `aloud`).
fn globals(start: &Start<'_>, launch: &Launch, aloud: bool) -> (Option<config::Config>, Log) {
    let mut lines = Vec::new();
    let config = start.config.load(Part::Globals, start.overrides, &Env::default(), &mut lines);
    let log = first_log(launch, config.as_ref().map(|config| &config.global));
    if aloud || config.is_none() {
        lines.iter().for_each(|line| log.warn(line));
    }
    (config, log)
}

/// The connection on standard input; both become the null device, so that no hook can get at it.
fn from_inetd(start: &Start<'_>, launch: &Launch) -> io::Result<i32> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let other = rustix::io::fcntl_dupfd_cloexec(&socket, 3)?;
    null_stdio(true)?;
    let (_, log) = globals(start, launch, false);
    let _ = socket::set_socket_keepalive(&socket, true);
    Ok(worker::serve(start, Link::new(socket, other), log))
}

fn behind_remote_shell(start: &mut Start<'_>, launch: &Launch) -> io::Result<i32> {
    let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let output = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    null_stdio(false)?;
    let variable = |name: &str| std::env::var(name).ok();
    let peer = lookup::shell_peer(variable).or_else(|| {
        // What the variable says makes no sense: perhaps the transport knows its peer.
        let address = lookup::socket_address(input.as_fd());
        let known = address.unwrap_or_else(|| b"localhost".to_vec());
        let is_socket = socket::socket_type(&input).is_ok();
        is_socket.then(|| super::access::Peer { host: lookup::UNDETERMINED.to_vec(), address: known })
    });
    let Some(peer) = peer else {
        return Ok(Exit::SOCKET_IO.0);
    };
    start.shell = Some(peer);
    let (_, log) = globals(start, launch, false);
    Ok(worker::serve(start, Link::new(input, output), log))
}

fn null_stdio(stderr: bool) -> io::Result<()> {
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    if stderr {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}

fn stand_alone(start: &Start<'_>, launch: &Launch) -> i32 {
    let (config, log) = globals(start, launch, true);
    let Some(config) = config else {
        let shown = launch.config.as_deref().unwrap_or(CONFIG);
        eprintln!("Failed to parse config file: {}", String::from_utf8_lossy(shown));
        log.warn(error_line(Exit::SYNTAX, "client"));
        return Exit::SYNTAX.0;
    };
    let global = &config.global;
    let env = Env::default();
    let text = |id| global.text(id, &env).unwrap_or_default();
    if global.on(P::ProxyProtocol) && text(P::ProxyHosts).is_empty() {
        log.warn(
            "\"proxy protocol = true\" but \"proxy protocol hosts\" is unset: all connections will be rejected as \
             untrusted proxy peers.  Set \"proxy protocol hosts\" to your trusted proxy's address.",
        );
    }
    if !launch.stay {
        match detach() {
            Ok(Forked::Child) => {}
            Ok(Forked::Parent(_)) => return 0,
            Err(error) => return io_error(&error),
        }
    }
    let pid_file = text(P::PidFile);
    let pid_file = match (!pid_file.is_empty()).then(|| PidFile::create(&pid_file)).transpose() {
        Ok(file) => file,
        Err(error) => {
            log.warn(error);
            log.warn(error_line(Exit::FILE_IO, "Receiver"));
            return Exit::FILE_IO.0;
        }
    };
    let configured = global.integer(P::Port) as i32;
    let port = [launch.port, configured].into_iter().find(|&port| port != 0).unwrap_or(PORT.into());
    let configured = Some(text(P::Address)).filter(|address| !address.is_empty());
    let address = launch.address.clone().or(configured);
    let options = launch.socket_options.clone().unwrap_or_else(|| text(P::SocketOptions));
    log.info(format!("rsyncd version {VERSION} starting, listening on port {port}"));
    let wanted = Wanted {
        address,
        port,
        family: launch.family,
        options,
        backlog: global.integer(P::ListenBacklog) as i32,
        verbose: launch.verbose > 1,
    };
    let opened = wanted.open(&log).and_then(|sockets| match web::Wish::new(global)? {
        None => Ok((sockets, None)),
        Some(wish) => wish.start(sockets, &log).map(|(sockets, web)| (sockets, Some(web))),
    });
    let status = match opened {
        Ok((sockets, web)) => match accept_loop(start, &log, sockets, web) {
            Ok(Over::Signal(signal)) => signalled(&log, signal),
            Ok(Over::Worker(status)) => status,
            Err(error) => io_error(&error),
        },
        Err(text) => {
            text.iter().for_each(|line| log.warn(line));
            log.warn(error_line(Exit::SOCKET_IO, "Receiver"));
            Exit::SOCKET_IO.0
        }
    };
    drop(pid_file);
    status
}

fn detach() -> io::Result<Forked> {
    let forked = sys::fork()?;
    if let Forked::Child = forked {
        sys::setsid();
        null_stdio(true)?;
    }
    Ok(forked)
}

/// A byte in this pipe says that a signal came.
struct Wake {
    out: io::PipeReader,
    _in: io::PipeWriter,
}

impl Wake {
    fn on_signals() -> io::Result<Wake> {
        let (out, into) = io::pipe()?;
        rustix::io::ioctl_fionbio(&out, true)?;
        rustix::io::ioctl_fionbio(&into, true)?;
        sys::catch_signals(SIGNALS, into.as_raw_fd());
        Ok(Wake { out, _in: into })
    }

    /// Waits for a signal or a connection; the sockets that have one.
    fn wait<'a>(&self, sockets: impl Iterator<Item = BorrowedFd<'a>>) -> Vec<usize> {
        let mut ready: Vec<PollFd<'_>> = vec![PollFd::new(&self.out, PollFlags::IN)];
        ready.extend(sockets.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
        if poll(&mut ready, None).is_err() {
            return Vec::new();
        }
        let mut at = ready.iter().map(|fd| !fd.revents().is_empty());
        if at.next() == Some(true) {
            let _ = rustix::io::read(&self.out, &mut [0; 64]);
            sys::reap();
        }
        let waiting = at.enumerate().filter(|(_, ready)| *ready);
        waiting.map(|(at, _)| at).collect()
    }
}

/// How a process leaves the loop.
pub(super) enum Over {
    /// The listener got this signal.
    Signal(i32),
    /// A worker has served its connection; this is its exit code.
    Worker(i32),
}

/// Accepts connections until a signal ends the daemon; in a worker, serves its connection.
pub(super) fn accept_loop(
    start: &Start<'_>,
    log: &Log,
    sockets: Vec<OwnedFd>,
    mut web: Option<Web>,
) -> io::Result<Over> {
    let wake = Wake::on_signals()?;
    loop {
        match sys::caught_signal() {
            0 => {}
            signal => return Ok(Over::Signal(signal)),
        }
        // A log that is not held open can be rotated by renaming.
        log.close_file();
        let control = web.as_ref().map(Web::control);
        for at in wake.wait(sockets.iter().map(AsFd::as_fd).chain(control)) {
            let accepted = match sockets.get(at) {
                Some(socket) => net::accept_with(socket, net::SocketFlags::CLOEXEC).map(Some),
                None => handed_over(&mut web, log),
            };
            let connection = match accepted {
                Ok(Some(connection)) => connection,
                Ok(None) | Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => continue,
                Err(_) => {
                    // Most likely there are too many open files: it must not be tried without a pause.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            match sys::fork() {
                Ok(Forked::Parent(_)) => {}
                Ok(Forked::Child) => {
                    sys::default_signals(SIGNALS);
                    let handed_over = at >= sockets.len();
                    if let Some(web) = web {
                        web.forget();
                    }
                    drop((wake, sockets));
                    return Ok(Over::Worker(worker_of(&Start { handed_over, ..start.clone() }, log, connection)));
                }
                Err(error) => {
                    let reason = strerror(&error);
                    let text = "rsync: [Receiver] could not create child server process";
                    log.warn(format!("{text}: {reason}"));
                    drop(connection);
                    std::thread::sleep(Duration::from_secs(2));
                }
            }
        }
    }
}

/// The next connection that comes from our own gateway.
fn handed_over(web: &mut Option<Web>, log: &Log) -> Result<Option<OwnedFd>, Errno> {
    let Some(gateway) = web else { return Ok(None) };
    let connection = gateway.receive()?;
    if connection.is_none() {
        log.warn("the web gateway has ended; the daemon goes on without it");
        *web = None;
    }
    Ok(connection)
}

/// What the log says of a signal that ends the daemon, and the exit code.
fn signalled(log: &Log, signal: i32) -> i32 {
    if signal == libc::SIGTERM {
        log.info("sent 0 bytes  received 0 bytes  total size 0");
        return 0;
    }
    log.warn(error_line(Exit::SIGNAL, "Receiver"));
    Exit::SIGNAL.0
}

fn worker_of(start: &Start<'_>, log: &Log, connection: OwnedFd) -> i32 {
    let _ = socket::set_socket_keepalive(&connection, true);
    match rustix::io::fcntl_dupfd_cloexec(&connection, 3) {
        Ok(other) => worker::serve(start, Link::new(connection, other), log.share()),
        Err(_) => Exit::SOCKET_IO.0,
    }
}
