//! The gateway that belongs to a daemon: a process beside the listener, which runs threads as the listener must not.
//!
//! ```text
//!  listener ──fork──> gateway: HTTP, TLS, WebSockets, as nobody
//!     ↑                  │
//!     └─ a descriptor ───┘ for each session, with a PROXY header on it: the worker learns whom it serves
//! ```
//!
//! A session comes through a socket pair that nobody else can reach: no port, no secret. So modules see the address of the
//! browser in `hosts allow`, in logs and in hooks.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags, SocketType, recv,
    recvmsg, send, socketpair,
};

use super::bind::Wanted;
use super::expand::Env;
use super::listener::SIGNALS;
use super::log::{Log, strerror};
use super::names::{self, Family};
use super::params::{P, PARAMS};
use super::sys::{self, Forked};
use super::values::Values;
use super::{lists, log};
use crate::gateway::journal::Journal;
use crate::gateway::settings::Settings;
use crate::gateway::{self, Beside, args};

/// The name of the one target.
const TARGET: &str = "daemon";
/// Nobody, where the system knows nobody of that name.
const NOBODY: u32 = 65534;
/// At the end, the gateway gets so long.
const PATIENCE: Duration = Duration::from_secs(4);

/// The gateway's process, as the listener knows it. Its end is the gateway's.
pub struct Web {
    control: Option<OwnedFd>,
    pid: i32,
}

/// Each of these is called as an option of `syncline gateway` is: `web idle timeout` is `--idle-timeout`.
const LIMITS: [P; 9] = [
    P::WebConnections,
    P::WebEach,
    P::WebRate,
    P::WebFailedLogins,
    P::WebHandshake,
    P::WebGreeting,
    P::WebIdle,
    P::WebTokenLifetime,
    P::WebMessageBytes,
];

/// What gateway is wanted.
pub struct Wish {
    /// Who may come in, and how.
    pub web: args::Web,
    /// Bounds.
    pub limits: args::LimitWords,
    /// Where to listen.
    pub sockets: Vec<OwnedFd>,
    /// What the page calls the daemon.
    pub title: String,
}

/// The first message of a gateway that has started; another one tells why it has not.
const STARTED: &[u8] = b"+";
const MESSAGE_BYTES_MAX: usize = 4096;

impl Wish {
    /// What the configuration wants, if it wants one; the error is for the log.
    pub fn new(global: &Values) -> Result<Option<Wish>, Vec<String>> {
        let env = Env::default();
        let text = |id| global.text(id, &env).unwrap_or_default();
        let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let words = |id| -> Vec<String> { lists::comma_aware(&text(id)).into_iter().map(word).collect() };
        let file = |id| Some(text(id)).filter(|path| !path.is_empty()).map(|path| PathBuf::from(word(&path)));
        let address = word(&text(P::WebAddress));
        if address.is_empty() {
            return Ok(None);
        }
        let proxies = words(P::WebProxies)
            .into_iter()
            .map(|word| word.parse().map_err(|_| vec![format!("web trusted proxies: \"{word}\" is not an address")]));
        let web = args::Web {
            origins: words(P::WebOrigins),
            token_file: file(P::WebTokenFile),
            certificate: file(P::WebCertificate),
            key: file(P::WebKey),
            trusted_proxies: proxies.collect::<Result<_, _>>()?,
            metrics: global.on(P::WebMetrics),
            ..args::Web::default()
        };
        if web.certificate.is_some() != web.key.is_some() {
            return Err(vec!["web certificate and web key belong together: one of them is missing".to_owned()]);
        }
        let given: Vec<(&str, String)> = LIMITS
            .iter()
            .map(|&id| (PARAMS[id as usize].name, word(&text(id))))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let option = |name: &str| name.trim_start_matches("web ").replace(' ', "-");
        let pairs: Vec<_> = given.iter().map(|(name, value)| (option(name), value.clone())).collect();
        let limits = args::LimitWords::read(&pairs).map_err(|(at, reason)| {
            let (name, value) = &given[at];
            vec![format!("{name}: \"{value}\": {reason}")]
        })?;
        let title = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let sockets = listen(&address)?;
        Ok(Some(Wish { web, limits, sockets, title }))
    }

    /// Starts it, and waits until it has. In its process, the daemon's sockets are closed.
    pub fn start(self, sockets: Vec<OwnedFd>, log: &Log) -> Result<(Vec<OwnedFd>, Web), Vec<String>> {
        let failed =
            |what: &str, error: std::io::Error| vec![format!("{what} for the web gateway: {}", strerror(&error))];
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.map_err(|error| failed("no socket pair", error.into()))?;
        // Opened as long as we may, for it and for us.
        log.open();
        match sys::fork().map_err(|error| failed("no process", error))? {
            Forked::Parent(pid) => {
                drop((theirs, self));
                let mut message = [0; MESSAGE_BYTES_MAX];
                let got = recv(&ours, &mut message, RecvFlags::empty()).map_or(0, |(count, _)| count);
                match &message[..got] {
                    STARTED => {}
                    b"" => return Err(vec!["the web gateway ended before it had started".to_owned()]),
                    text => return Err(vec![String::from_utf8_lossy(text).into_owned()]),
                }
                rustix::io::ioctl_fionbio(&ours, true).map_err(|error| failed("no socket pair", error.into()))?;
                Ok((sockets, Web { control: Some(ours), pid }))
            }
            Forked::Child => {
                sys::default_signals(SIGNALS);
                drop((ours, sockets));
                // Nothing that the listener has set up may be undone here.
                std::process::exit(self.run(theirs, log))
            }
        }
    }

    /// What it has to read is read here: a private key must not lie about in the memory of every worker.
    fn run(self, control: OwnedFd, log: &Log) -> i32 {
        // Whoever works on a page in a folder must be able to read it.
        let keeps_rights = self.web.page.is_some() || sys::euid() != 0;
        let settings = Settings::new(&self.web, self.limits, Vec::new()).and_then(|settings| {
            let is_safe = keeps_rights || become_nobody();
            if is_safe { Ok(settings) } else { Err("the web gateway can't give up its rights".to_owned()) }
        });
        let tell = |text: &[u8]| send(&control, &text[..text.len().min(MESSAGE_BYTES_MAX)], SendFlags::NOSIGNAL);
        let told = tell(settings.as_ref().map_or_else(|text| text.as_bytes(), |_| STARTED));
        let (Ok(settings), Ok(_)) = (settings, told) else { return 1 };
        gateway::run_beside(Beside {
            control,
            listeners: self.sockets.into_iter().map(TcpListener::from).collect(),
            settings,
            target: (TARGET.to_owned(), self.title),
            journal: Journal::new(Some(log.share())),
        })
    }
}

impl Web {
    /// Readable when a session comes.
    pub fn control(&self) -> BorrowedFd<'_> {
        self.control.as_ref().expect("it is there until the end").as_fd()
    }

    /// The connection of the next session; `None` if the gateway has ended.
    pub fn receive(&self) -> Result<Option<OwnedFd>, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let got = recvmsg(self.control(), &mut [IoSliceMut::new(&mut byte)], &mut ancillary, flags)?;
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match (got.bytes, descriptor) {
            (0, _) => Ok(None),
            (_, Some(descriptor)) => Ok(Some(descriptor)),
            // We had no room for another descriptor: that session is lost.
            (_, None) => Err(Errno::MFILE),
        }
    }

    /// In a worker: the gateway is none of its business.
    pub fn forget(mut self) {
        self.control = None;
        self.pid = 0;
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.control = None;
        let deadline = Instant::now() + PATIENCE;
        while self.pid != 0 && !sys::has_ended(self.pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Listens on `[ADDRESS:]PORT`.
fn listen(word: &str) -> Result<Vec<OwnedFd>, Vec<String>> {
    let (address, port) = word.rsplit_once(':').unwrap_or(("", word));
    let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    let port: u16 =
        port.parse().map_err(|_| vec![format!("web address: \"{word}\" is not of the form [ADDRESS:]PORT")])?;
    let silent = Log::new(log::Destination { file: b"/dev/null".to_vec(), facility: 0, tag: Vec::new() });
    let wanted = Wanted {
        address: (!address.is_empty()).then(|| address.as_bytes().to_vec()),
        port: port.into(),
        family: Family::Any,
        options: Vec::new(),
        backlog: 64,
        verbose: false,
    };
    wanted.open(&silent)
}

/// Gives up what a gateway doesn't need; whether that could be done.
fn become_nobody() -> bool {
    let (uid, gid) = names::user_by_name(b"nobody").map_or((NOBODY, NOBODY), |user| (user.uid, user.gid));
    sys::setgroups(&[]).is_ok() && sys::setgid(gid).is_ok() && sys::setuid(uid).is_ok()
}
