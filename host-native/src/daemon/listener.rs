//! The ways to run a daemon: stand-alone with a listener, one connection from inetd, or one behind a remote shell
//! (spec 5.1).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::net::{self, AddressFamily, SocketType, sockopt as socket};
use syncline_core::Exit;

use super::config::{self, Override, Part};
use super::expand::Env;
use super::files::PidFile;
use super::link::Link;
use super::log::{Destination, Log, reason, strerror};
use super::params::{self, P};
use super::sys::{self, Family, Forked};
use super::worker::{self, Start};
use super::{Engine, VERSION, error_line, lookup, sockopt};

/// Where the configuration is, unless the command line says otherwise.
const CONFIG: &[u8] = b"/etc/rsyncd.conf";
/// What rsync listens on.
const PORT: u16 = 873;
const SIGNALS: &[i32] = &[libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD];

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
    pub port: u16,
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
    if let Some((name, _)) = launch
        .overrides
        .iter()
        .find(|(name, _)| params::find(name).is_none())
    {
        eprintln!("Unknown parameter \"{}\"", String::from_utf8_lossy(name));
        eprintln!("{}", error_line(Exit::SYNTAX, "client"));
        return Exit::SYNTAX.0;
    }
    let behind_shell = launch.server && sys::euid() != 0;
    let default = if behind_shell { b"rsyncd.conf" } else { CONFIG };
    let config = launch.config.as_deref().unwrap_or(default);
    let mut start = Start {
        config,
        overrides: &launch.overrides,
        log_format: launch.log_format.as_deref(),
        bwlimit: launch.bwlimit,
        temp_dir: &launch.temp_dir,
        protocol: launch.protocol,
        shell: None,
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
fn first_log(launch: &Launch, global: Option<&config::Values>) -> Log {
    let env = Env::default();
    let text = |id| {
        global
            .and_then(|global| global.text(id, &env).ok())
            .unwrap_or_default()
    };
    let facility = global.map_or(libc::LOG_DAEMON, |global| {
        global.integer(P::SyslogFacility) as i32
    });
    let tag = if global.is_some() {
        text(P::SyslogTag)
    } else {
        b"rsyncd".to_vec()
    };
    Log::new(Destination {
        file: launch.log_file.clone().unwrap_or_else(|| text(P::LogFile)),
        facility,
        tag,
    })
}

/// The global part of the configuration, for those who need the log before the worker reads all of it.
fn globals(start: &Start<'_>, launch: &Launch) -> (Option<config::Config>, Log) {
    let mut lines = Vec::new();
    let config = config::load(
        start.config,
        Part::Globals,
        start.overrides,
        &Env::default(),
        &mut lines,
    );
    let log = first_log(launch, config.as_ref().map(|config| &config.global));
    if config.is_none() {
        lines.iter().for_each(|line| log.warn(line));
    }
    (config, log)
}

/// The connection on standard input; both become the null device, so that no hook can get at it.
fn from_inetd(start: &Start<'_>, launch: &Launch) -> io::Result<i32> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let other = rustix::io::fcntl_dupfd_cloexec(&socket, 3)?;
    null_stdio(true)?;
    let (_, log) = globals(start, launch);
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
        is_socket.then(|| super::access::Peer {
            host: lookup::UNDETERMINED.to_vec(),
            address: known,
        })
    });
    let Some(peer) = peer else {
        return Ok(Exit::SOCKET_IO.0);
    };
    start.shell = Some(peer);
    let (_, log) = globals(start, launch);
    Ok(worker::serve(start, Link::new(input, output), log))
}

fn null_stdio(stderr: bool) -> io::Result<()> {
    let null = openat(
        CWD,
        "/dev/null",
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    if stderr {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}

fn stand_alone(start: &Start<'_>, launch: &Launch) -> i32 {
    let (config, log) = globals(start, launch);
    let Some(config) = config else {
        eprintln!(
            "Failed to parse config file: {}",
            String::from_utf8_lossy(start.config)
        );
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
    let pid_file = match (!pid_file.is_empty())
        .then(|| PidFile::create(&pid_file))
        .transpose()
    {
        Ok(file) => file,
        Err(error) => {
            eprintln!("{error}");
            log.warn(error);
            log.warn(error_line(Exit::FILE_IO, "Receiver"));
            return Exit::FILE_IO.0;
        }
    };
    let configured = u16::try_from(global.integer(P::Port)).unwrap_or(0);
    let port = [launch.port, configured, PORT]
        .into_iter()
        .find(|&port| port != 0)
        .unwrap_or(PORT);
    let address = launch.address.clone().unwrap_or_else(|| text(P::Address));
    let options = launch
        .socket_options
        .clone()
        .unwrap_or_else(|| text(P::SocketOptions));
    log.info(format!(
        "rsyncd version {VERSION} starting, listening on port {port}"
    ));
    let wanted = Wanted {
        address: (!address.is_empty()).then_some(address),
        port,
        family: launch.family,
        options,
        backlog: global.integer(P::ListenBacklog) as i32,
        verbose: launch.verbose > 1,
    };
    let status = match wanted.open(&log) {
        Ok(sockets) => accept_loop(start, &log, sockets),
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

/// What to listen on.
struct Wanted {
    address: Option<Vec<u8>>,
    port: u16,
    family: Family,
    options: Vec<u8>,
    backlog: i32,
    verbose: bool,
}

impl Wanted {
    /// Binds a socket for each address and listens; the error is what the log says.
    fn open(&self, log: &Log) -> Result<Vec<OwnedFd>, Vec<String>> {
        let resolved =
            sys::resolve(self.address.as_deref(), self.port, self.family).map_err(|reason| {
                let address = String::from_utf8_lossy(self.address.as_deref().unwrap_or(b""));
                vec![format!(
                    "rsync: getaddrinfo: bind address {address}: {reason}"
                )]
            })?;
        let mut sockets = Vec::new();
        let mut failures = Vec::new();
        for address in resolved {
            match self.bind(address, log) {
                Ok(socket) => sockets.push(socket),
                Err(failure) => failures.push(failure),
            }
        }
        if sockets.is_empty() {
            failures.push(format!(
                "unable to bind any inbound sockets on port {}",
                self.port
            ));
            return Err(failures);
        }
        if self.verbose {
            failures.iter().for_each(|failure| log.warn(failure));
        }
        for socket in &sockets {
            net::listen(socket, self.backlog).map_err(|error| {
                let mut lines = vec![format!(
                    "rsync: [Receiver] listen() on socket failed: {}",
                    strerror(&error.into())
                )];
                if error == rustix::io::Errno::ADDRINUSE && sockets.len() > 1 {
                    lines.push(
                        "Try using --ipv4 or --ipv6 to avoid this listen() error.".to_owned(),
                    );
                }
                lines
            })?;
        }
        Ok(sockets)
    }

    fn bind(&self, address: std::net::SocketAddr, log: &Log) -> Result<OwnedFd, String> {
        let family = if address.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = net::SocketFlags::CLOEXEC;
        let opened =
            net::socket_with(family, SocketType::STREAM, flags, None).map_err(|error| {
                let reason = reason(&error.into());
                format!("socket({},1,6) failed: {reason}", family.as_raw())
            })?;
        let _ = socket::set_socket_reuseaddr(&opened, true);
        let mut complaints = Vec::new();
        sockopt::apply(opened.as_fd(), &self.options, &mut complaints);
        complaints.iter().for_each(|line| log.warn(line));
        if address.is_ipv6() {
            let _ = socket::set_ipv6_v6only(&opened, true);
        }
        net::bind(&opened, &address).map_err(|error| {
            let reason = reason(&error.into());
            format!(
                "bind() failed: {reason} (address-family {})",
                family.as_raw()
            )
        })?;
        Ok(opened)
    }
}

/// Accepts connections until a signal ends the daemon; in a worker, serves its connection.
fn accept_loop(start: &Start<'_>, log: &Log, sockets: Vec<OwnedFd>) -> i32 {
    let Ok((wake, waker)) = io::pipe() else {
        return Exit::IPC.0;
    };
    for end in [wake.as_fd(), waker.as_fd()] {
        let _ = rustix::io::ioctl_fionbio(end, true);
    }
    sys::catch_signals(SIGNALS, waker.as_raw_fd());
    loop {
        if let Some(status) = signalled(log) {
            return status;
        }
        // A log that is not held open can be rotated by renaming.
        log.close_file();
        let mut ready: Vec<PollFd<'_>> = sockets
            .iter()
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        ready.push(PollFd::new(&wake, PollFlags::IN));
        let polled = poll(&mut ready, None);
        let readable: Vec<bool> = ready.iter().map(|fd| !fd.revents().is_empty()).collect();
        if polled.is_err() {
            continue;
        }
        if readable.last() == Some(&true) {
            let mut bytes = [0; 64];
            let _ = rustix::io::read(&wake, &mut bytes);
            sys::reap();
        }
        for (socket, _) in sockets
            .iter()
            .zip(&readable)
            .filter(|(_, readable)| **readable)
        {
            let Ok(connection) = net::accept_with(socket, net::SocketFlags::CLOEXEC) else {
                continue;
            };
            match sys::fork() {
                Ok(Forked::Parent(_)) => {}
                Ok(Forked::Child) => {
                    sys::default_signals(SIGNALS);
                    drop((wake, waker));
                    drop(sockets);
                    return worker_of(start, log, connection);
                }
                Err(error) => {
                    let reason = strerror(&error);
                    log.warn(format!(
                        "rsync: [Receiver] could not create child server process: {reason}"
                    ));
                    drop(connection);
                    std::thread::sleep(Duration::from_secs(2));
                }
            }
        }
    }
}

/// The exit code, if a signal asks for the end.
fn signalled(log: &Log) -> Option<i32> {
    match sys::caught_signal() {
        0 => None,
        libc::SIGTERM => {
            log.info("sent 0 bytes  received 0 bytes  total size 0");
            Some(0)
        }
        _ => {
            log.warn(error_line(Exit::SIGNAL, "Receiver"));
            Some(Exit::SIGNAL.0)
        }
    }
}

fn worker_of(start: &Start<'_>, log: &Log, connection: OwnedFd) -> i32 {
    let _ = socket::set_socket_keepalive(&connection, true);
    match rustix::io::fcntl_dupfd_cloexec(&connection, 3) {
        Ok(other) => worker::serve(start, Link::new(connection, other), log.share()),
        Err(_) => Exit::SOCKET_IO.0,
    }
}
