//! A whole client or server: its command line is parsed here, the text phase with a daemon is held here, and then it is the
//! engine's session. The host moves bytes and answers requests.

mod open;
mod signing;

use std::collections::BTreeMap;
use std::mem;

use syncline_core::options::{Outgoing, Plan, Secluded, secluded::BlockReader};
use syncline_core::session::greeting::{ClientEvent, ClientGreeting, encode_arguments, encode_secluded};
use syncline_core::session::{Ask, AskId, Config, Errno, HostResult, Notice, Reply, Session, Step, Wants};
use syncline_core::{Error, Exit};

use crate::document::{Event, Peer};
use crate::memory;
use signing::Signing;

/// Output is gathered up to here before the host has to take it.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;

/// A session from its command line on.
pub struct Embedded {
    phase: Phase,
    peer: Option<Peer>,
    out: Vec<u8>,
    /// What the next events are, before the session's own.
    first: Vec<Event>,
    /// Requests that wait for their answers, and what is done here with the answer before the session gets it.
    asked: BTreeMap<u32, Option<Signing>>,
    reading: Option<usize>,
    /// Bytes of the last event: what is to be written.
    data: Vec<u8>,
    now_ms: u64,
}

enum Phase {
    /// The text phase of a client with its daemon.
    Greeting {
        greeting: ClientGreeting,
        setup: Box<Greet>,
        awaits_password: bool,
    },
    /// A server waits for the words that its client kept off the command line.
    Secluded {
        secluded: Option<Secluded>,
        reader: BlockReader,
        start: Box<crate::document::Start>,
    },
    Running(Box<Session>),
    Over(Exit),
}

/// What follows the text phase.
struct Greet {
    config: Config,
    plan: Plan,
    user: Vec<u8>,
    is_quiet: bool,
}

impl Embedded {
    fn new(phase: Phase) -> Embedded {
        Embedded {
            phase,
            peer: None,
            out: Vec::new(),
            first: Vec::new(),
            asked: BTreeMap::new(),
            reading: None,
            data: Vec::new(),
            now_ms: 0,
        }
    }

    /// Tells the time, in milliseconds since any fixed moment but 0.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms.max(1);
        if let Phase::Running(session) = &mut self.phase {
            session.tick(self.now_ms);
        }
    }

    /// What the host has to do next.
    pub fn next_event(&mut self) -> Event {
        if !memory::allows(0) {
            // The peer made us hold too much: end it in order, with what there is left.
            self.abort(Exit::MALLOC, b"the memory limit was reached");
        }
        if let Some(peer) = self.peer.take() {
            return Event::Connect(peer);
        }
        if !self.first.is_empty() {
            return self.first.remove(0);
        }
        let output = !self.out.is_empty();
        let session = match &mut self.phase {
            Phase::Running(session) => session,
            Phase::Over(_) if output => return wait(false, true),
            Phase::Over(exit) => return Event::Step(Step::Done(*exit)),
            Phase::Greeting { awaits_password: true, setup, .. } => return Event::Password(setup.user.clone()),
            Phase::Greeting { .. } | Phase::Secluded { .. } => return wait(true, output),
        };
        let step = session.poll();
        match &step {
            Step::Ask(AskId(id), Ask::Sign { file, head, first, count, strong }) => {
                let signing = Signing::new(*file, *head, (*first, *count), *strong);
                let read = signing.read();
                self.asked.insert(*id, Some(signing));
                return Event::Step(Step::Ask(AskId(*id), read));
            }
            Step::Ask(AskId(id), _) => drop(self.asked.insert(*id, None)),
            Step::Read { len, .. } => self.reading = Some(*len),
            Step::Write { .. } => {
                let data = &mut self.data;
                data.clear();
                session.lend(|bytes| data.extend_from_slice(bytes));
            }
            Step::Done(_) => return self.done(step),
            Step::Wait(wants) => {
                let input = wants.input && session.wants_input();
                return Event::Step(Step::Wait(Wants { input, output: wants.output || output, ..*wants }));
            }
            _ => {}
        }
        Event::Step(step)
    }

    fn done(&mut self, step: Step) -> Event {
        if self.out.is_empty() { Event::Step(step) } else { wait(false, true) }
    }

    /// The bytes of the last [`Step::Write`].
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Takes bytes from the peer: how many of them, which may be none while the session can't take more.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        match &mut self.phase {
            Phase::Running(session) => {
                let mut taken = 0;
                session.input(|space| {
                    taken = space.len().min(bytes.len());
                    space[..taken].copy_from_slice(&bytes[..taken]);
                    taken
                });
                taken
            }
            Phase::Greeting { .. } => self.greet(bytes),
            Phase::Secluded { .. } => self.take_words(bytes),
            Phase::Over(_) => bytes.len(),
        }
    }

    /// The peer closed its direction.
    pub fn feed_end(&mut self) {
        match &mut self.phase {
            Phase::Running(session) => session.input_end(),
            Phase::Greeting { greeting, .. } => match greeting.end() {
                Ok(_) => self.phase = Phase::Over(Exit::OK),
                Err(error) => self.fail(&error),
            },
            Phase::Secluded { .. } => self.fail(&Error::peer(Exit::STREAM, "rsync: connection unexpectedly closed")),
            Phase::Over(_) => {}
        }
    }

    /// Bytes for the peer.
    pub fn output(&mut self) -> &[u8] {
        if self.out.len() < OUTPUT_BYTES_MAX
            && let Phase::Running(session) = &mut self.phase
        {
            let out = &mut self.out;
            session.output(|bytes| {
                out.extend_from_slice(bytes);
                bytes.len()
            });
        }
        &self.out
    }

    /// The first `len` bytes of the output were sent.
    pub fn consume(&mut self, len: usize) {
        self.out.drain(..len.min(self.out.len()));
    }

    /// The peer takes no more output.
    pub fn output_broken(&mut self) {
        self.out.clear();
        if let Phase::Running(session) = &mut self.phase {
            session.output_broken();
        }
    }

    /// Answers a request; false if there is none of that number.
    pub fn answer(&mut self, id: u32, reply: Reply) -> bool {
        let Phase::Running(session) = &mut self.phase else { return false };
        match self.asked.remove(&id) {
            None => return false,
            Some(None) => session.answer(AskId(id), reply),
            Some(Some(mut signing)) => match signing.take(reply) {
                Some(reply) => session.answer(AskId(id), reply),
                None => {
                    self.first.push(Event::Step(Step::Ask(AskId(id), signing.read())));
                    self.asked.insert(id, Some(signing));
                }
            },
        }
        true
    }

    /// Carries out [`Step::Read`]: what was read, at most as much as was wanted. False if nothing is being read.
    pub fn fill(&mut self, read: HostResult<&[u8]>) -> bool {
        let Phase::Running(session) = &mut self.phase else { return false };
        let Some(wanted) = self.reading.take() else { return false };
        session.fill(|space| {
            let bytes = read?;
            let len = bytes.len().min(space.len()).min(wanted);
            space[..len].copy_from_slice(&bytes[..len]);
            Ok(len)
        });
        true
    }

    /// [`Step::Copy`] was carried out.
    pub fn copied(&mut self) {
        if let Phase::Running(session) = &mut self.phase {
            session.copied();
        }
    }

    /// Writing an output failed.
    pub fn write_failed(&mut self, path: &[u8], error: Errno) {
        if let Phase::Running(session) = &mut self.phase {
            session.write_failed(path, error);
        }
    }

    /// The connection broke, or the user has had enough.
    pub fn abort(&mut self, exit: Exit, text: &[u8]) {
        let error = Error::host(exit, text);
        match &mut self.phase {
            Phase::Running(session) => session.abort(error),
            Phase::Over(_) => {}
            _ => self.fail(&error),
        }
    }

    /// Answers [`Event::Password`]; false if none is wanted.
    pub fn password(&mut self, password: &[u8]) -> bool {
        let Phase::Greeting { greeting, awaits_password, .. } = &mut self.phase else { return false };
        let was_wanted = mem::take(awaits_password);
        if was_wanted {
            greeting.password(password);
            self.out.extend(greeting.output());
        }
        was_wanted
    }

    /// It is over before it began.
    fn fail(&mut self, error: &Error) {
        let mut text = error.text.clone();
        text.push(b'\n');
        self.first.push(Event::Step(Step::Notice(Notice::Err(text))));
        self.phase = Phase::Over(error.exit);
    }

    fn run(&mut self, config: Config) {
        let mut session = Session::new(config);
        session.tick(self.now_ms.max(1));
        self.phase = Phase::Running(Box::new(session));
    }

    fn greet(&mut self, bytes: &[u8]) -> usize {
        let Phase::Greeting { greeting, setup, awaits_password } = &mut self.phase else { return 0 };
        if *awaits_password {
            return 0;
        }
        let (taken, event) = match greeting.feed(bytes) {
            Ok(found) => found,
            Err(error) => {
                self.fail(&error);
                return bytes.len();
            }
        };
        self.out.extend(greeting.output());
        match event {
            Some(ClientEvent::Text(line)) if !setup.is_quiet => {
                self.first.push(Event::Step(Step::Notice(Notice::Out(line))));
            }
            Some(ClientEvent::Password) => *awaits_password = true,
            Some(ClientEvent::Exit) => self.phase = Phase::Over(Exit::OK),
            Some(ClientEvent::Ready { protocol }) => self.begin(protocol),
            Some(ClientEvent::Text(_)) | None => {}
        }
        taken
    }

    /// The daemon is ready: the words for its server, and then the session.
    fn begin(&mut self, protocol: u32) {
        let Phase::Greeting { setup, .. } = mem::replace(&mut self.phase, Phase::Over(Exit::OK)) else { return };
        let Greet { config, plan, .. } = *setup;
        let (push, remote) = match &plan {
            Plan::Push { remote, .. } => (true, remote),
            Plan::Pull { remote, .. } | Plan::Modules { remote } => (false, remote),
            Plan::Local { .. } => return,
        };
        let options = &config.options;
        let link = syncline_core::options::Link::Daemon;
        let words = Outgoing { options, push, protocol, link, paths: &remote.paths }.words();
        let block = encode_arguments(&words.visible, protocol).and_then(|mut block| {
            if let Some(secluded) = &words.secluded {
                block.extend(encode_secluded(secluded)?);
            }
            Ok(block)
        });
        match block {
            Ok(block) => {
                self.out.extend(block);
                self.run(Config { protocol: Some(protocol), ..config });
            }
            Err(error) => self.fail(&error),
        }
    }

    fn take_words(&mut self, bytes: &[u8]) -> usize {
        let Phase::Secluded { secluded, reader, start } = &mut self.phase else { return 0 };
        let (words, used) = match reader.read(bytes) {
            Ok(Some(found)) => found,
            Ok(None) => return bytes.len(),
            Err(error) => {
                self.fail(&error);
                return bytes.len();
            }
        };
        let config = secluded.take().map(|secluded| open::resumed(secluded, &words, start));
        match config {
            Some(Ok(config)) => self.run(config),
            Some(Err(error)) => self.fail(&error),
            None => {}
        }
        used
    }
}

fn wait(input: bool, output: bool) -> Event {
    Event::Step(Step::Wait(Wants { input, output, replies: false, deadline_ms: None }))
}
