//! Two sessions and the queues of bytes between them, run until both are done. Nothing is ever waited for: what makes no
//! progress any more hangs, and is told so.

use std::collections::VecDeque;

use syncline_core::Exit;
use syncline_core::session::{Ask, AskId, Config, Notice, Session, Step, Wants};

use super::Rng;
use super::host::Host;

/// How bytes and answers move.
#[derive(Clone, Debug)]
pub struct Pace {
    pub seed: u64,
    /// Longest piece that is read or written at once.
    pub piece_max: usize,
    /// Bytes that the connection holds in each direction.
    pub capacity: usize,
    /// Answers come late, and in any order.
    pub late_answers: bool,
}

impl Pace {
    /// As much as possible at once.
    pub const FAST: Pace = Pace { seed: 1, piece_max: 1 << 20, capacity: 1 << 20, late_answers: false };
}

/// A mistake on the way of the bytes in one direction.
#[derive(Clone, Debug)]
pub struct Spoil {
    pub to_server: bool,
    /// Where in the stream.
    pub at: usize,
    /// Bytes that get lost there.
    pub lost: usize,
    /// Bytes that come instead.
    pub instead: Vec<u8>,
}

/// Steps of one session without any wait between them, more than any test needs.
const STEPS_MAX: usize = 2_000_000;
/// How long two sessions may keep each other alive after a byte got lost, before the line is cut. Neither of them can know.
const PATIENCE_MS: u64 = 300_000;
/// Rounds in which bytes move.
const ROUNDS_MAX: usize = 20_000_000;

/// One end.
pub struct End {
    pub session: Session,
    pub host: Host,
    /// What it showed.
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    pub exit: Option<Exit>,
    wants: Wants,
    asks: Vec<(AskId, Ask)>,
    ended: bool,
}

impl End {
    pub fn new(config: Config, host: Host) -> End {
        let mut session = Session::new(config);
        session.tick(1);
        End {
            session,
            host,
            out: Vec::new(),
            err: Vec::new(),
            exit: None,
            wants: Wants::default(),
            asks: Vec::new(),
            ended: false,
        }
    }

    pub fn shown(&self) -> String {
        let (out, err) = (String::from_utf8_lossy(&self.out), String::from_utf8_lossy(&self.err));
        format!("exit {:?}\nout: {out}\nerr: {err}", self.exit)
    }

    /// Goes on until the session waits or is done.
    pub fn run(&mut self, late_answers: bool) {
        for _ in 0..STEPS_MAX {
            match self.session.poll() {
                Step::Ask(id, ask) if late_answers => self.asks.push((id, ask)),
                Step::Ask(id, ask) => {
                    let reply = self.host.execute(ask);
                    self.session.answer(id, reply);
                }
                Step::Read { file, at, .. } => {
                    let host = &mut self.host;
                    self.session.fill(|space| host.read(file, at, space));
                }
                Step::Write { file } => {
                    let host = &mut self.host;
                    self.session.lend(|bytes| host.write(file, bytes));
                    self.check_write();
                }
                Step::Copy { file, from, len } => {
                    self.host.copy(file, from, len);
                    self.session.copied();
                    self.check_write();
                }
                Step::Notice(Notice::Out(text)) => self.out.extend(text),
                Step::Notice(Notice::Err(text)) => self.err.extend(text),
                Step::Notice(Notice::Log(_) | Notice::Batch(_)) => {}
                Step::Wait(wants) => {
                    self.wants = wants;
                    return;
                }
                Step::Done(exit) => {
                    self.exit = Some(exit);
                    self.host.close();
                    return;
                }
            }
        }
        panic!("a session goes on forever without waiting");
    }

    /// The moment that it waits for, if it still waits.
    pub fn deadline(&self) -> Option<u64> {
        self.wants.deadline_ms.filter(|_| self.exit.is_none())
    }

    fn check_write(&mut self) {
        if let Some((path, error)) = self.host.take_write_error() {
            self.session.write_failed(&path, error);
        }
    }

    /// Answers one ask that was put off, any of them. False if there is none.
    pub fn answer_one(&mut self, rng: &mut Rng) -> bool {
        if self.asks.is_empty() {
            return false;
        }
        let (id, ask) = self.asks.swap_remove(rng.below(self.asks.len()));
        let reply = self.host.execute(ask);
        self.session.answer(id, reply);
        true
    }

    /// Takes up to `max` bytes of output.
    pub fn send(&mut self, max: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        self.session.output(|bytes| {
            taken.extend_from_slice(&bytes[..bytes.len().min(max)]);
            taken.len()
        });
        taken
    }

    /// Hands over the first bytes of `queue`, at most `max`; returns how many the session took.
    pub fn receive(&mut self, queue: &mut VecDeque<u8>, max: usize) -> usize {
        let mut n = 0;
        self.session.input(|space| {
            n = space.len().min(queue.len()).min(max);
            space.iter_mut().zip(queue.drain(..n)).for_each(|(to, from)| *to = from);
            n
        });
        n
    }

    /// The peer is gone, and all that it said was handed over.
    pub fn receive_end(&mut self) -> bool {
        !std::mem::replace(&mut self.ended, true) && {
            self.session.input_end();
            true
        }
    }
}

/// Two ends of a connection.
pub struct Pair {
    pub client: End,
    pub server: End,
    pub to_server: VecDeque<u8>,
    pub to_client: VecDeque<u8>,
    /// Everything that travelled, per direction: to the server, to the client.
    pub travelled: [Vec<u8>; 2],
    pub spoil: Option<Spoil>,
    pub now_ms: u64,
}

impl Pair {
    pub fn new(client: End, server: End) -> Pair {
        let queues = (VecDeque::new(), VecDeque::new());
        Pair {
            client,
            server,
            to_server: queues.0,
            to_client: queues.1,
            travelled: Default::default(),
            spoil: None,
            now_ms: 1,
        }
    }

    /// Runs both until they are done.
    pub fn run(&mut self, pace: &Pace) {
        let mut rng = Rng::new(pace.seed);
        for _ in 0..ROUNDS_MAX {
            for end in [&mut self.client, &mut self.server] {
                if end.exit.is_none() {
                    end.run(pace.late_answers);
                }
            }
            if self.client.exit.is_some() && self.server.exit.is_some() {
                return;
            }
            if !self.move_bytes(pace, &mut rng) && !self.pass_time() {
                panic!(
                    "both sessions hang\nclient {:?}\n{}\nserver {:?}\n{}",
                    self.client.wants,
                    self.client.shown(),
                    self.server.wants,
                    self.server.shown()
                );
            }
        }
        panic!("the sessions go on forever");
    }

    /// Moves bytes and answers once in each direction. Returns whether anything moved.
    fn move_bytes(&mut self, pace: &Pace, rng: &mut Rng) -> bool {
        let [up, down] = &mut self.travelled;
        let (client, server) = (&mut self.client, &mut self.server);
        let lengths = (up.len(), down.len());
        let mut moved = move_one_way(client, server, &mut self.to_server, up, pace, rng);
        moved |= move_one_way(server, client, &mut self.to_client, down, pace, rng);
        if let Some(spoil) = &self.spoil {
            let (queue, before, after) = match spoil.to_server {
                true => (&mut self.to_server, lengths.0, up.len()),
                false => (&mut self.to_client, lengths.1, down.len()),
            };
            if (before..after).contains(&spoil.at) {
                // The end of the queue is what came last; some of it may have been taken already.
                let from = queue.len().saturating_sub(after - spoil.at);
                let to = (from + spoil.lost).min(queue.len());
                let rest: Vec<u8> = queue.drain(from..).skip(to - from).collect();
                queue.extend(spoil.instead.iter().chain(&rest));
            }
        }
        moved
    }

    /// Nothing travels any more.
    fn cut(&mut self) {
        for end in [&mut self.client, &mut self.server].into_iter().filter(|end| end.exit.is_none()) {
            end.session.output_broken();
            end.receive_end();
        }
    }

    /// Goes to the next moment that somebody waits for.
    fn pass_time(&mut self) -> bool {
        let ends = [&mut self.client, &mut self.server];
        let Some(at) = ends.iter().filter_map(|end| end.deadline()).min() else { return false };
        self.now_ms = at.max(self.now_ms + 1);
        ends.into_iter().for_each(|end| end.session.tick(self.now_ms));
        if self.spoil.is_some() && self.now_ms > PATIENCE_MS {
            self.cut();
        }
        true
    }
}

fn move_one_way(
    from: &mut End,
    to: &mut End,
    queue: &mut VecDeque<u8>,
    travelled: &mut Vec<u8>,
    pace: &Pace,
    rng: &mut Rng,
) -> bool {
    let mut moved = false;
    let room = pace.capacity.saturating_sub(queue.len());
    if from.exit.is_none() && to.exit.is_some() && from.session.output_len() > 0 {
        from.session.output_broken();
        moved = true;
    } else if from.exit.is_none() && room > 0 {
        let bytes = from.send((1 + rng.below(pace.piece_max)).min(room));
        moved |= !bytes.is_empty();
        travelled.extend(&bytes);
        queue.extend(bytes);
    }
    if to.exit.is_none() {
        moved |= to.receive(queue, 1 + rng.below(pace.piece_max)) > 0;
        moved |= queue.is_empty() && from.exit.is_some() && to.receive_end();
    }
    moved | (from.exit.is_none() && from.answer_one(rng))
}
