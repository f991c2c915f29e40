//! One run of a client: its command line, the daemon's text phase, then a session. It moves on as far as it can each time it
//! is called, and never waits.

use std::collections::VecDeque;

use syncline_core::options::{Command, Env, Link, Options, Outgoing, Plan, Remote, RemoteKind, parse, plan};
use syncline_core::report::Stats;
use syncline_core::session::greeting::{ClientEvent, ClientGreeting, ClientRequest, encode_arguments, encode_secluded};
use syncline_core::session::{Config, Notice, PROTOCOL, Role, Session, Side, Step, Transport};
use syncline_core::{Error, Exit, Fault};

use crate::files::Files;
use crate::watch::Watch;

/// Contents worked on before control goes back, so that a page stays responsive and output leaves.
const BUDGET_BYTES: usize = 8 << 20;
/// Steps between two returns, for the same reason.
const STEPS_MAX: u32 = 20_000;

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Bytes from the peer, room for output, the end of an operation, or a moment.
    Waiting,
    /// A password.
    Password,
    /// Nothing: it gave control back so that others can work.
    Busy,
    /// It is over.
    Done(Exit),
}

/// Whose words a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// What a command line program prints: items, listings, statistics.
    Out,
    /// Errors and warnings.
    Err,
    /// The daemon's greeting, or its list of modules.
    Daemon,
}

/// What the command line asks for.
struct Wish {
    options: Options,
    push: bool,
    /// Sources of a push; nothing, or the destination, of a pull.
    paths: Vec<Vec<u8>>,
    remote: Remote,
    unix_time: i64,
    seed: i32,
}

enum Phase {
    Text(Box<ClientGreeting>),
    Session(Box<Session>),
    Over(Exit),
}

/// See the module's doc.
pub struct Client {
    wish: Wish,
    phase: Phase,
    awaits_password: bool,
    /// What the client's files are.
    pub files: Files,
    watch: Watch,
    input: Vec<u8>,
    output: VecDeque<u8>,
    notices: VecDeque<(Voice, Vec<u8>)>,
    deadline_ms: Option<u64>,
    ended: bool,
    /// The session was told to end.
    told: bool,
    sent: u64,
    received: u64,
    stats: Stats,
}

fn wish(words: &[Vec<u8>], user: &[u8], unix_time: i64, seed: i32) -> Result<Wish, Error> {
    let Command::Client { options, args } = parse(words, &Env::default())? else {
        return Err(Error::usage("these words are not a client's command line"));
    };
    let (push, mut paths, mut remote) = match plan(&options, &args)? {
        Plan::Push { sources, remote } => (true, sources, remote),
        Plan::Pull { remote, dest } => (false, dest.into_iter().collect(), remote),
        Plan::Modules { remote } => (false, Vec::new(), remote),
        Plan::Local { .. } => return Err(Error::usage("one side must be a daemon: rsync://host/module/path")),
    };
    if remote.kind != RemoteKind::Daemon {
        return Err(Error::usage("only daemons can be reached from here: rsync://host/module/path"));
    }
    if remote.user.is_none() && !user.is_empty() {
        remote.user = Some(user.to_vec());
    }
    paths.iter_mut().filter(|path| path.is_empty()).for_each(|path| *path = b".".to_vec());
    Ok(Wish { options: *options, push, paths, remote, unix_time, seed })
}

impl Client {
    /// A client that has said nothing yet. `words` are a command line without the program's name; sources and destination are
    /// paths in its own tree.
    pub fn new(words: &[Vec<u8>], user: &[u8], unix_time: i64, seed: i32) -> Result<Client, Error> {
        let wish = wish(words, user, unix_time, seed)?;
        let protocol = wish.options.protocol.map_or(PROTOCOL, |protocol| protocol.max(0) as u32);
        let module = (!wish.remote.paths.is_empty()).then(|| wish.remote.module().to_vec());
        let user = wish.remote.user.clone().unwrap_or_else(|| b"nobody".to_vec());
        let greeting = ClientGreeting::new(ClientRequest { protocol, module, early_input: Vec::new(), user })?;
        Ok(Client {
            wish,
            phase: Phase::Text(Box::new(greeting)),
            awaits_password: false,
            files: Files::default(),
            watch: Watch::default(),
            input: Vec::new(),
            output: VecDeque::new(),
            notices: VecDeque::new(),
            deadline_ms: None,
            ended: false,
            told: false,
            sent: 0,
            received: 0,
            stats: Stats::default(),
        })
    }

    /// Takes bytes from the peer; returns how many, which are fewer than came while there is no room.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        match &mut self.phase {
            Phase::Text(_) => {
                self.input.extend_from_slice(bytes);
                taken = bytes.len();
            }
            Phase::Session(session) => {
                while taken < bytes.len() {
                    let before = taken;
                    session.input(|space| {
                        let n = space.len().min(bytes.len() - taken);
                        space[..n].copy_from_slice(&bytes[taken..taken + n]);
                        taken += n;
                        n
                    });
                    if taken == before {
                        break;
                    }
                }
            }
            Phase::Over(_) => taken = bytes.len(),
        }
        self.received += taken as u64;
        taken
    }

    /// The connection is closed, and all that came was handed over.
    pub fn end_input(&mut self) {
        self.ended = true;
        if let Phase::Session(session) = &mut self.phase {
            session.output_broken();
            session.input_end();
        }
    }

    /// The connection broke. The session winds up, and keeps what it should.
    pub fn lost(&mut self, text: &str) {
        self.abort(Error::host(Exit::SOCKET_IO, text));
        self.end_input();
    }

    /// The user has had enough.
    pub fn cancel(&mut self) {
        self.abort(Error::new(Fault::Usage, Exit::SIGNAL, Vec::new()));
    }

    fn abort(&mut self, error: Error) {
        match &mut self.phase {
            Phase::Session(session) if !self.told => {
                self.told = true;
                session.abort(error);
            }
            Phase::Text(_) => self.fail(&error),
            _ => {}
        }
    }

    /// Hands over the password that was asked for.
    pub fn password(&mut self, password: &[u8]) {
        if let Phase::Text(greeting) = &mut self.phase {
            self.awaits_password = false;
            greeting.password(password);
        }
    }

    /// Takes bytes for the peer, `max` at most.
    pub fn output(&mut self, max: usize) -> Vec<u8> {
        let mut taken: Vec<u8> = self.output.drain(..self.output.len().min(max)).collect();
        if let Phase::Session(session) = &mut self.phase
            && self.output.is_empty()
        {
            let room = max - taken.len();
            session.output(|bytes| {
                let n = bytes.len().min(room);
                taken.extend_from_slice(&bytes[..n]);
                n
            });
        }
        self.sent += taken.len() as u64;
        taken
    }

    /// A text to show.
    pub fn notice(&mut self) -> Option<(Voice, Vec<u8>)> {
        self.notices.pop_front()
    }

    /// When to call again at the latest, in the milliseconds of [`Client::run`].
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    /// Bytes that went over the connection: sent, received.
    pub fn travelled(&self) -> (u64, u64) {
        (self.sent, self.received)
    }

    /// The watch, with what was found so far; in the end that of the largest file.
    pub fn watched(&mut self) -> &Watch {
        if self.wish.push {
            let stats = self.stats();
            self.watch.settle((stats.matched, stats.literal));
        }
        match self.phase {
            Phase::Over(_) => self.watch.largest(),
            _ => &self.watch,
        }
    }

    /// What the session has counted.
    pub fn stats(&self) -> Stats {
        match &self.phase {
            Phase::Session(session) => session.stats(),
            _ => self.stats,
        }
    }

    /// Moves on as far as it goes. `now_ms` counts from any fixed moment.
    pub fn run(&mut self, now_ms: u64) -> State {
        if matches!(self.phase, Phase::Text(_)) {
            self.talk();
        }
        match &self.phase {
            Phase::Text(_) if self.awaits_password => State::Password,
            Phase::Text(_) => State::Waiting,
            Phase::Session(_) => self.drive(now_ms.max(1)),
            Phase::Over(exit) => State::Done(*exit),
        }
    }

    fn fail(&mut self, error: &Error) {
        error.lines().for_each(|line| self.notices.push_back((Voice::Err, line.to_vec())));
        self.phase = Phase::Over(error.exit);
    }

    fn talk(&mut self) {
        while let Phase::Text(greeting) = &mut self.phase {
            let fed = greeting.feed(&self.input);
            self.output.extend(greeting.output());
            let (taken, event) = match fed {
                Ok(fed) => fed,
                Err(error) => return self.fail(&error),
            };
            self.input.drain(..taken);
            match event {
                Some(ClientEvent::Text(line)) => self.notices.push_back((Voice::Daemon, line)),
                Some(ClientEvent::Password) => self.awaits_password = true,
                Some(ClientEvent::Exit) => self.phase = Phase::Over(Exit::OK),
                Some(ClientEvent::Ready { protocol }) => match self.begin(protocol) {
                    Ok(()) => return,
                    Err(error) => return self.fail(&error),
                },
                None if self.ended && !self.awaits_password => match greeting.end() {
                    Ok(_) => self.phase = Phase::Over(Exit::OK),
                    Err(error) => return self.fail(&error),
                },
                None => return,
            }
        }
    }

    /// The daemon is ready: our words go out, and the binary stream begins.
    fn begin(&mut self, protocol: u32) -> Result<(), Error> {
        let wish = &self.wish;
        let paths = &wish.remote.paths;
        let outgoing = Outgoing { options: &wish.options, push: wish.push, protocol, link: Link::Daemon, paths };
        let words = outgoing.words();
        self.output.extend(encode_arguments(&words.visible, protocol)?);
        if let Some(secluded) = &words.secluded {
            self.output.extend(encode_secluded(secluded)?);
        }
        self.phase = Phase::Session(Box::new(Session::new(config(wish, protocol))));
        let pending = std::mem::take(&mut self.input);
        self.received -= pending.len() as u64;
        self.receive(&pending);
        if self.ended {
            self.end_input();
        }
        Ok(())
    }

    fn drive(&mut self, now_ms: u64) -> State {
        let Phase::Session(session) = &mut self.phase else { return State::Waiting };
        let (files, watch) = (&mut self.files, &mut self.watch);
        session.tick(now_ms);
        self.deadline_ms = None;
        let mut budget = BUDGET_BYTES;
        for _ in 0..STEPS_MAX {
            files.work(&mut budget);
            for (ask, reply) in files.take_answers() {
                session.answer(ask, reply);
            }
            if let Some((path, error)) = files.take_failed() {
                session.write_failed(&path, error);
            }
            if budget == 0 {
                break;
            }
            match session.poll() {
                Step::Ask(ask, what) => files.execute(ask, what),
                Step::Read { file, at, len } => {
                    match files.read(file, at, len) {
                        Ok(false) => return waiting(session),
                        Ok(true) => session.fill(|space| {
                            let n = space.len().min(len);
                            Ok(files.fill(file, at, &mut space[..n]))
                        }),
                        Err(error) => session.fill(|_| Err(error)),
                    }
                    if let Some((path, size)) = files.describe(file) {
                        let stats = session.stats();
                        let found = (stats.matched, stats.literal);
                        watch.see(file, path, size, Some(found));
                        watch.reading(at, len as u64, found);
                    }
                    budget = budget.saturating_sub(len);
                }
                Step::Write { file } => {
                    if !files.has_room(file) {
                        return waiting(session);
                    }
                    let mut len = 0;
                    session.lend(|bytes| {
                        len = bytes.len();
                        files.write(file, bytes);
                    });
                    put(watch, files, file, len as u64, false);
                    budget = budget.saturating_sub(len);
                }
                Step::Copy { file, from, len } => {
                    if !files.has_room(file) || !files.copy(file, from, len) {
                        return waiting(session);
                    }
                    session.copied();
                    put(watch, files, file, len.into(), true);
                    budget = budget.saturating_sub(len as usize);
                }
                Step::Notice(Notice::Out(text)) => self.notices.push_back((Voice::Out, text)),
                Step::Notice(Notice::Err(text)) => self.notices.push_back((Voice::Err, text)),
                Step::Notice(Notice::Log(_) | Notice::Batch(_)) => {}
                Step::Wait(wants) => {
                    let stuck = !wants.input && !wants.output && wants.deadline_ms.is_none() && !files.is_busy();
                    if !stuck {
                        self.deadline_ms = wants.deadline_ms;
                        return State::Waiting;
                    }
                    if self.told {
                        // It was told, and still waits for what can't come.
                        self.stats = session.stats();
                        self.phase = Phase::Over(Exit::SOCKET_IO);
                        return State::Done(Exit::SOCKET_IO);
                    }
                    self.told = true;
                    session.abort(Error::host(Exit::IPC, "rsync: the session waits for nothing"));
                }
                Step::Done(exit) => {
                    self.stats = session.stats();
                    self.phase = Phase::Over(exit);
                    return State::Done(exit);
                }
            }
        }
        session.flush_output();
        State::Busy
    }
}

/// What was found so far goes out while contents are waited for.
fn waiting(session: &mut Session) -> State {
    session.flush_output();
    State::Waiting
}

fn put(watch: &mut Watch, files: &Files, file: syncline_core::session::FileId, len: u64, matched: bool) {
    if let Some((path, end)) = files.describe(file) {
        watch.see(file, path, files.promised(file), None);
        watch.writing(end - len, len, matched);
    }
}

fn config(wish: &Wish, protocol: u32) -> Config {
    let role = if wish.push { Role::Sender } else { Role::Receiver };
    Config {
        transport: Transport::Daemon,
        protocol: Some(protocol),
        paths: wish.paths.clone(),
        requested: if wish.push { Vec::new() } else { wish.remote.paths.clone() },
        cwd: b"/".to_vec(),
        seed: wish.seed,
        unix_time: wish.unix_time,
        pid: 1,
        scan: Some(syncline_wasm_scan::scan),
        ..Config::new(wish.options.clone(), Side::Client, role)
    }
}
