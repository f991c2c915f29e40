//! A daemon without a configuration file: directories as modules, a gateway beside it, in the foreground until somebody
//! interrupts it.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::bind::Wanted;
use super::config::{Config, Section, Source};
use super::listener::{self, Over};
use super::log::{self, Destination, Log};
use super::names::Family;
use super::params::{P, Value};
use super::values::Values;
use super::web::Wish;
use super::worker::Start;
use super::{Engine, sys};
use crate::gateway::args::{LimitWords, Web};

/// What is shared, and where.
pub struct Share {
    /// The names of modules, and their directories.
    pub modules: Vec<(String, PathBuf)>,
    /// Whether clients may change them.
    pub writable: bool,
    /// Where daemon and gateway listen.
    pub address: IpAddr,
    /// The daemon's port; 0 for any that is free.
    pub port: u16,
    /// The gateway's port; 0 for any that is free.
    pub web_port: u16,
    /// Who may come in by the gateway; also says where the log is, which is standard error by default.
    pub web: Web,
    /// Bounds.
    pub limits: LimitWords,
}

/// The two addresses of a share: the daemon's and the gateway's.
pub struct Addresses {
    /// For rsync.
    pub daemon: SocketAddr,
    /// For browsers.
    pub web: SocketAddr,
}

/// Shares until a signal comes, and returns the exit code. `tell` is called as soon as clients can come.
pub fn run(share: Share, engine: Engine, tell: impl FnOnce(&Addresses)) -> Result<i32, String> {
    let log_file = share.web.log_file.as_ref().map_or(log::STDERR, |file| file.as_os_str().as_bytes());
    let config = configure(&share, log_file);
    let facility = libc::LOG_DAEMON;
    let log = Log::new(Destination { file: log_file.to_vec(), facility, tag: b"syncline".to_vec() });
    let (sockets, daemon) = listen(share.address, share.port, &log)?;
    let (web_sockets, web) = listen(share.address, share.web_port, &log)?;
    let title = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let wish = Wish { web: share.web.clone(), limits: share.limits.clone(), sockets: web_sockets, title };
    let start = Start {
        config: Source::Ready(&config),
        overrides: &[],
        log_format: None,
        bwlimit: 0,
        temp_dir: b"",
        protocol: None,
        shell: None,
        handed_over: false,
        engine,
    };
    let (sockets, gateway) = wish.start(sockets, &log).map_err(|lines| lines.join("\n"))?;
    tell(&Addresses { daemon, web });
    match listener::accept_loop(&start, &log, sockets, Some(gateway)) {
        // That is how it is meant to end.
        Ok(Over::Signal(_)) => Ok(0),
        Ok(Over::Worker(status)) => Ok(status),
        Err(error) => Err(log::strerror(&error)),
    }
}

fn configure(share: &Share, log_file: &[u8]) -> Config {
    let yes = |on| Value::Bool(Some(on));
    let exact = |text: &[u8]| Value::Exact(text.to_vec());
    let mut global = Values::defaults();
    global.put(P::ReverseLookup, yes(false));
    global.put(P::ReadOnly, yes(!share.writable));
    global.put(P::LogFile, exact(log_file));
    // Files are read and written by whoever shares them.
    if sys::euid() == 0 {
        global.put(P::Uid, exact(b"0"));
        global.put(P::Gid, exact(b"0"));
    }
    let modules = share.modules.iter().map(|(name, dir)| {
        let mut values = global.clone();
        values.put(P::Path, exact(dir.as_os_str().as_bytes()));
        Section::new(name.clone().into_bytes(), values)
    });
    Config { modules: modules.collect(), global }
}

fn listen(address: IpAddr, port: u16, log: &Log) -> Result<(Vec<OwnedFd>, SocketAddr), String> {
    let wanted = Wanted {
        address: Some(address.to_string().into_bytes()),
        port: port.into(),
        family: Family::Any,
        options: Vec::new(),
        backlog: 64,
        verbose: false,
    };
    let sockets = wanted.open(log).map_err(|lines| format!("can't listen on {address}: {}", lines.join("; ")))?;
    let bound = sockets.first().and_then(|socket| rustix::net::getsockname(socket).ok());
    let bound = bound.and_then(|address| SocketAddr::try_from(address).ok());
    Ok((sockets, bound.ok_or("the system does not say what it listens on")?))
}
