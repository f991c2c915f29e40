//! One connection, from its first byte to the moment when a session takes over. The order of events is that of spec 5.4.1:
//! it decides what is checked first and which log a line goes to.
//!
//! A worker is a process of its own. By the time it reads the client's arguments it has entered the module's root and given
//! up its privileges, so whatever a client can do with them, it does as nobody in a bare directory.

use std::time::Duration;

use syncline_core::Exit;
use syncline_core::session::greeting::{PROTOCOL, ServerEvent, ServerGreeting};

use super::access::{self, Peer, Rules};
use super::config::{Config, Override, Part, Section, Source};
use super::expand::Env;
use super::files::{self, NoSlot};
use super::link::{Broken, Link};
use super::log::{Destination, Log};
use super::lookup::{self, System, UNDETERMINED};
use super::params::P;
use super::proxy::{self, Header};
use super::{End, Engine, identity, module};

/// What a worker is started with.
#[derive(Clone)]
pub struct Start<'a> {
    /// The configuration.
    pub config: Source<'a>,
    /// `--dparam`
    pub overrides: &'a [Override],
    /// `--log-file-format`: transfers are logged in this format in all modules.
    pub log_format: Option<&'a [u8]>,
    /// `--bwlimit` in KiB/s, 0 for none.
    pub bwlimit: u64,
    /// `--temp-dir`
    pub temp_dir: &'a [u8],
    /// `--protocol`
    pub protocol: Option<u32>,
    /// The peer, if the environment of a remote shell told it; a socket is asked otherwise.
    pub shell: Option<Peer>,
    /// The connection comes from our own gateway, which tells who the peer is.
    pub handed_over: bool,
    /// What happens after the text phase.
    pub engine: Engine,
}

/// A connection during its text phase.
pub struct Worker<'a> {
    pub(super) start: &'a Start<'a>,
    pub(super) link: Link,
    pub(super) log: Log,
    pub(super) env: Env,
    pub(super) peer: Peer,
    pub(super) greeting: ServerGreeting,
}

/// Serves one connection and returns the exit code of this process.
pub fn serve(start: &Start<'_>, link: Link, log: Log) -> i32 {
    let Some((config, worker)) = begin(start, link, log) else {
        return Exit::SYNTAX.0;
    };
    match worker {
        Ok(worker) => worker.run(&config),
        Err(end) => end.status(),
    }
}

/// Reads the configuration and gets to know the peer.
fn begin<'a>(start: &'a Start<'a>, link: Link, log: Log) -> Option<(Config, Result<Worker<'a>, End>)> {
    let env = Env::default();
    let mut lines = Vec::new();
    let config = start.config.load(Part::Whole, start.overrides, &env, &mut lines);
    lines.iter().for_each(|line| log.warn(line));
    let Some(config) = config else {
        log.warn("params.c:pm_process() - Failed.  Error returned from params.c:parse().");
        log.warn(super::error_line(Exit::SYNTAX, "Receiver"));
        return None;
    };
    let peer = Peer { host: UNDETERMINED.to_vec(), address: Vec::new() };
    let protocol = start.protocol.unwrap_or(PROTOCOL);
    let greeting = ServerGreeting::new(protocol, None);
    let mut worker = Worker { start, link, log, env, peer, greeting };
    let ready = worker.meet(&config, protocol);
    Some((config, ready.map(|()| worker)))
}

impl Worker<'_> {
    /// Steps 2 to 6, up to the greeting.
    fn meet(&mut self, config: &Config, protocol: u32) -> Result<(), End> {
        let global = &config.global;
        self.peer.address = match &self.start.shell {
            Some(peer) => {
                self.peer.host = peer.host.clone();
                peer.address.clone()
            }
            None => {
                self.arm(global.integer(P::Timeout));
                let address = lookup::socket_address(std::os::fd::AsFd::as_fd(&self.link.input));
                match address {
                    Some(address) => address,
                    None if self.start.handed_over => Vec::new(),
                    None => return Err(End::Exit(Exit::SOCKET_IO.0)),
                }
            }
        };
        if self.start.handed_over {
            self.proxy_header()?;
        } else if self.start.shell.is_none() && global.on(P::ProxyProtocol) {
            let trusted = global.text(P::ProxyHosts, &self.env).map_err(|error| End::error(&self.log, &error))?;
            self.check_proxy(&trusted)?;
            self.proxy_header()?;
        }
        let sections = config.modules.iter().map(|module| &module.values).chain([global]);
        if self.peer.host == UNDETERMINED
            && global.on(P::ReverseLookup)
            && sections.into_iter().any(|values| values.on(P::ReverseLookup))
        {
            self.peer.host = lookup::host_name(&self.peer.address, &self.log);
        }
        identity::confine_daemon(global, &self.env, &self.log)?;
        let line = [b"connect from ".as_slice(), &self.who()].concat();
        self.log.info(line);
        let motd = global.text(P::MotdFile, &self.env).map_err(|error| End::error(&self.log, &error))?;
        let motd = (!motd.is_empty()).then(|| files::motd(&motd));
        self.greeting = ServerGreeting::new(protocol, motd.as_deref());
        Ok(())
    }

    /// `HOST (ADDR)`, as in many lines of the log.
    pub(super) fn who(&self) -> Vec<u8> {
        [&self.peer.host, b" (".as_slice(), &self.peer.address, b")"].concat()
    }

    /// Starts the clock of the handshake: a minute, or a shorter timeout.
    pub(super) fn arm(&mut self, timeout: i64) {
        let seconds = if (1..60).contains(&timeout) { timeout as u64 } else { 60 };
        self.link.set_deadline(Some(Duration::from_secs(seconds)));
    }

    fn check_proxy(&self, trusted: &[u8]) -> Result<(), End> {
        let system = System { log: &self.log };
        if access::listed(&self.peer.address, trusted, &system) {
            return Ok(());
        }
        let text = b"proxy protocol rejected from untrusted peer UNDETERMINED (";
        self.log.warn([text, self.peer.address.as_slice(), b")"].concat());
        Err(End::Close)
    }

    fn proxy_header(&mut self) -> Result<(), End> {
        loop {
            match proxy::parse(&self.link.pending) {
                Header::Complete(length, address) => {
                    self.link.consume(length);
                    self.peer.address = address.unwrap_or_else(|| self.peer.address.clone());
                    return Ok(());
                }
                Header::Bad => return Err(End::Close),
                Header::More => self.receive()?,
            }
        }
    }

    /// The whole conversation; returns the exit code.
    fn run(mut self, config: &Config) -> i32 {
        match self.converse(config) {
            Ok(chosen) => module::enter(self, chosen),
            Err(end) => {
                let output = self.greeting.output();
                if self.link.send(&output).is_ok() {
                    self.link.close();
                }
                end.status()
            }
        }
    }

    /// Steps 7 to 14: who wants what, and may they?
    fn converse<'c>(&mut self, config: &'c Config) -> Result<module::Chosen<'c>, End> {
        let name = match self.next_event()? {
            ServerEvent::Module(name) => name,
            ServerEvent::List => return Err(self.list(config)?),
            _ => return Err(End::Close),
        };
        let Some(section) = config.module(&name) else {
            let line = [b"unknown module '", name.as_slice(), b"' tried from ", &self.who()].concat();
            self.log.warn(line);
            return Err(self.refuse(&[b"Unknown module '", name.as_slice(), b"'"].concat()));
        };
        if self.peer.host == UNDETERMINED && section.values.on(P::ReverseLookup) {
            self.peer.host = lookup::host_name(&self.peer.address, &self.log);
        }
        self.env.set("RSYNC_MODULE_NAME", &name);
        self.env.set("RSYNC_HOST_NAME", &self.peer.host);
        self.env.set("RSYNC_HOST_ADDR", &self.peer.address);
        self.check_host(section, &name)?;
        self.env.set("RSYNC_HOST_NAME", &self.peer.host);
        let slot = self.take_slot(section)?;
        let timeout = section.values.integer(P::Timeout);
        self.arm(timeout);
        let (user, read_only) = self.authenticate(section, &name)?;
        self.link.set_deadline(None);
        self.env.set("RSYNC_USER_NAME", &user);
        Ok(module::Chosen { section, name, user, read_only, _slot: slot })
    }

    fn list(&mut self, config: &Config) -> Result<End, End> {
        let line = [b"module-list request from ".as_slice(), &self.who()].concat();
        self.log.info(line);
        let mut listed = Vec::new();
        for module in config.modules.iter().filter(|module| module.values.on(P::List)) {
            listed.push((module.name(), self.text(module, P::Comment)?));
        }
        self.greeting.listing(listed.into_iter());
        Ok(End::Close)
    }

    fn check_host(&mut self, section: &Section, name: &[u8]) -> Result<(), End> {
        let (allow, deny) = (self.text(section, P::HostsAllow)?, self.text(section, P::HostsDeny)?);
        let rules = Rules { allow: &allow, deny: &deny, forward_lookup: section.values.on(P::ForwardLookup) };
        if access::allowed(&mut self.peer, rules, &System { log: &self.log }) {
            if self.start.shell.is_none() {
                let line = [b"rsync allowed access on module ", name, b" from ", &self.who()].concat();
                self.log.info(line);
            }
            return Ok(());
        }
        let line = [b"rsync denied on module ", name, b" from ", &self.who()].concat();
        self.log.warn(line);
        let text = match section.values.on(P::List) {
            true => [b"access denied to ", name, b" from ", &self.who()].concat(),
            false => [b"Unknown module '", name, b"'"].concat(),
        };
        Err(self.refuse(&text))
    }

    fn take_slot(&mut self, section: &Section) -> Result<Option<std::os::fd::OwnedFd>, End> {
        let max = section.values.integer(P::MaxConnections);
        if max == 0 {
            return Ok(None);
        }
        match files::take_slot(&self.text(section, P::LockFile)?, max) {
            Ok(slot) => Ok(Some(slot)),
            Err(NoSlot::Full) => {
                self.log.warn(format!("max connections ({max}) reached"));
                Err(self.refuse(format!("max connections ({max}) reached -- try again later").as_bytes()))
            }
            Err(NoSlot::Unopened(line)) => {
                self.log.warn(line);
                Err(self.refuse(b"failed to open lock file"))
            }
        }
    }

    /// A value with its references replaced.
    pub(super) fn text(&self, section: &Section, id: P) -> Result<Vec<u8>, End> {
        section.values.text(id, &self.env).map_err(|error| End::error(&self.log, &error))
    }

    /// Sends an `@ERROR` line; the connection ends.
    pub(super) fn refuse(&mut self, text: &[u8]) -> End {
        self.greeting.refuse(text);
        End::Close
    }

    /// Sends what is to be sent, and waits for the client.
    pub(super) fn next_event(&mut self) -> Result<ServerEvent, End> {
        loop {
            self.flush()?;
            let fed = self.greeting.feed(&self.link.pending);
            let (taken, event) = fed.map_err(|error| End::error(&self.log, &error))?;
            self.link.consume(taken);
            if let Some(event) = event {
                return Ok(event);
            }
            self.receive()?;
        }
    }

    /// Sends what is to be sent.
    pub(super) fn flush(&mut self) -> Result<(), End> {
        let output = self.greeting.output();
        let sent = self.link.send(&output);
        sent.map_err(|broken| self.broken(broken))
    }

    pub(super) fn receive(&mut self) -> Result<(), End> {
        let received = self.link.receive();
        received.map_err(|broken| self.broken(broken))
    }

    fn broken(&self, broken: Broken) -> End {
        match broken {
            Broken::End => End::Close,
            Broken::Late => {
                self.log.warn("[Receiver] daemon handshake timeout -- exiting");
                self.log.warn(super::error_line(Exit::TIMEOUT, "Receiver"));
                End::Exit(Exit::TIMEOUT.0)
            }
            Broken::Failed(error) => {
                let reason = super::log::strerror(&error);
                self.log.warn(format!("rsync: [Receiver] read error: {reason}"));
                End::Exit(Exit::SOCKET_IO.0)
            }
        }
    }

    /// The log of a module.
    pub(super) fn switch_log(&self, section: &Section) -> Result<(), End> {
        self.log.switch(Destination {
            file: self.text(section, P::LogFile)?,
            facility: section.values.integer(P::SyslogFacility) as i32,
            tag: self.text(section, P::SyslogTag)?,
        });
        Ok(())
    }
}
