//! The gateway: a page and a WebSocket in front of rsync daemons, so that a browser can be their client.
//!
//! ```text
//!  browser ─ HTTP ─→ listen ─→ routes ─→ page                         files in the program
//!                      │         ├─────→ tokens, origin, limits       who may, and how much
//!                      │         └ ws ─→ tunnel ─ greeting ─ dial ─→ daemon
//!                  TLS, bounds            looks on until rsync's text phase is over
//! ```
//!
//! It carries bytes and understands next to nothing of them: passwords, files and modules are between client and daemon. What
//! it adds is a door that is safe to leave open: see the sections of ARCHITECTURE.md on its security.
//!
//! | module | what |
//! |---|---|
//! | [`args`], [`settings`] | what it is told to do |
//! | [`listen`], [`tls`], [`routes`], [`page`], [`rebase`] | HTTP |
//! | [`origin`], [`visitor`], [`tokens`], [`limits`], [`refusal`] | who may, and how much |
//! | [`tunnel`], [`greeting`], [`dial`] | a session |
//! | [`mod@journal`], [`metrics`] | what it tells its operator |

pub mod args;
pub mod dial;
mod greeting;
pub mod journal;
mod limits;
mod listen;
mod metrics;
mod origin;
mod page;
mod rebase;
mod refusal;
mod routes;
pub mod settings;
mod tls;
mod tokens;
mod tunnel;
mod visitor;

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio::net::UnixDatagram;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::dial::Route;
use self::journal::Journal;
use self::limits::{Places, Rate};
use self::metrics::Metrics;
use self::refusal::Refusal;
use self::settings::{Settings, Target};
use self::tokens::Tokens;
use crate::daemon::log::{Destination, Log};

/// Sessions get so long to say goodbye at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all connections share.
pub struct Gateway {
    settings: Settings,
    tokens: Tokens,
    /// Places of connections.
    places: Arc<Places>,
    /// Places of sessions, by the address of the client even behind a reverse proxy.
    places_of_sessions: Arc<Places>,
    /// How fast an address may begin sessions.
    sessions: Rate,
    /// How many logins of an address may fail.
    logins: Rate,
    metrics: Metrics,
    journal: Journal,
    stopping: watch::Sender<bool>,
}

impl Gateway {
    fn new(settings: Settings, journal: Journal) -> Arc<Gateway> {
        let limits = &settings.limits;
        let (total, each) = (limits.connections as usize, limits.connections_per_address as usize);
        let gateway = Gateway {
            tokens: Tokens::new(limits.token_lifetime),
            places: Places::new(total, each),
            places_of_sessions: Places::new(total, each),
            sessions: Rate::new(limits.sessions_per_minute, Duration::from_secs(60)),
            logins: Rate::new(limits.failed_logins, Duration::from_secs(600)),
            metrics: Metrics::new(),
            journal,
            stopping: watch::Sender::new(false),
            settings,
        };
        for target in &gateway.settings.targets {
            drop(gateway.metrics.target(&target.name));
        }
        Arc::new(gateway)
    }

    /// Counts a refusal and writes a line about it.
    fn refuse(&self, refusal: Refusal, line: &str) {
        self.metrics.refused(refusal);
        self.journal.refused(refusal, line);
    }

    /// Serves until `stop` comes to pass, and then lets sessions say goodbye.
    async fn serve(self: Arc<Self>, listeners: Vec<TcpListener>, stop: impl Future<Output = ()>) -> io::Result<()> {
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(listen::accept(self.clone(), listener));
        }
        stop.await;
        self.stopping.send_replace(true);
        let all_gone = async {
            while self.places_of_sessions.taken() > 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = timeout(FAREWELL, all_gone).await;
        Ok(())
    }
}

/// Runs `syncline gateway` with these words after it; returns the exit code.
pub fn run(words: Vec<OsString>) -> i32 {
    let words = [vec![OsString::from("syncline gateway")], words].concat();
    let args = match args::Gateway::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => return told(&error),
    };
    match start(&args) {
        Ok(()) => 0,
        Err(text) => {
            eprintln!("syncline gateway: {text}");
            1
        }
    }
}

/// Prints help, or what is wrong with the words; returns the exit code.
pub fn told(error: &clap::Error) -> i32 {
    let _ = error.print();
    i32::from(error.use_stderr())
}

fn start(args: &args::Gateway) -> Result<(), String> {
    let settings = Settings::new(&args.web, args.limits.clone(), settings::targets(args)?)?;
    let mut listeners = Vec::new();
    for word in &args.listen {
        for address in settings::addresses(word)? {
            let listener = TcpListener::bind(address).map_err(|error| format!("can't listen on {address}: {error}"))?;
            listeners.push(listener);
        }
    }
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let journal = journal(&args.web);
    for listener in &listeners {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let names: Vec<&str> = settings.targets.iter().map(|target| target.name.as_str()).collect();
        journal.info(&format!("web gateway at {scheme}://{address}/ to {}", names.join(", ")));
    }
    let runtime = Runtime::new().map_err(|error| format!("can't start threads: {error}"))?;
    let gateway = Gateway::new(settings, journal);
    let served = runtime.block_on(async {
        let stop = signals()?;
        gateway.serve(listeners, stop).await
    });
    // What still runs then has had its time.
    runtime.shutdown_background();
    served.map_err(|error| error.to_string())
}

/// The log that the command line asks for.
pub fn journal(web: &args::Web) -> Journal {
    Journal::new(web.log_file.as_ref().map(|file| {
        Log::new(Destination {
            file: file.as_os_str().as_bytes().to_vec(),
            facility: libc::LOG_DAEMON,
            tag: b"syncline".to_vec(),
        })
    }))
}

/// Comes to pass with a signal that asks for the end.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [mut interrupt, mut terminate, mut hangup] = match kinds.map(signal) {
        [Ok(interrupt), Ok(terminate), Ok(hangup)] => [interrupt, terminate, hangup],
        results => {
            return Err(results.into_iter().find_map(Result::err).unwrap_or_else(|| io::ErrorKind::Other.into()));
        }
    };
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// A gateway that belongs to a daemon: it hands its sessions over to it, and ends with it.
pub struct Beside {
    /// Leads to the daemon's listener.
    pub control: OwnedFd,
    /// Where to listen.
    pub listeners: Vec<TcpListener>,
    /// What to do; without targets.
    pub settings: Settings,
    /// Name and title of the one target.
    pub target: (String, String),
    /// The log.
    pub journal: Journal,
}

/// Runs it; returns the exit code of this process.
pub fn run_beside(beside: Beside) -> i32 {
    let Beside { control, listeners, mut settings, target: (name, title), journal } = beside;
    let Ok(runtime) = Runtime::new() else { return 1 };
    let served = runtime.block_on(async {
        let stop = signals()?;
        let control = std::os::unix::net::UnixDatagram::from(control);
        control.set_nonblocking(true)?;
        let control = Arc::new(UnixDatagram::from_std(control)?);
        settings.targets = vec![Target { name, title, route: Route::HandedOver(control.clone()) }];
        let gateway = Gateway::new(settings, journal);
        let daemon_ends = async move {
            // The daemon sends nothing: whatever can be read there is its end.
            let _ = control.readable().await;
        };
        let stop = async {
            tokio::select! {
                () = stop => {}
                () = daemon_ends => {}
            }
        };
        gateway.serve(listeners, stop).await
    });
    runtime.shutdown_background();
    i32::from(served.is_err())
}
