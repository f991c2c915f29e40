//! What the roles of one session share: the connection, the open asks, the data plane, what was agreed, and what was counted.
//!
//! Everything stands behind cells, and no borrow lives across an `await`: a role looks, decides, and lets go.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};
use core::future::Future;
use core::task::{Poll, Waker};

use super::agreed::Agreed;
use super::ask::{Ask, AskId, Errno, FileId, HostResult, Meta, Reply, RootId};
use super::dataplane::DataPlane;
use super::receiving::Rx;
use super::step::{Config, Notice, Role, Side, Transport};
use super::task::{Event, Work};
use crate::filter::{Check, FilterList, PerDir, Subject};
use crate::options::{Chmod, Info, RemoveSource};
use crate::report::{self, Numbers, Progress, Scope, Stats};
use crate::wire::{Inbox, NdxCoder, Outbox, Reader, Stop, Tag};
use crate::{Error, Exit};

/// The sender's error set (spec 2.4).
pub(crate) mod io_error {
    /// Something that exists could not be listed or read.
    pub(crate) const GENERAL: i32 = 1;
    /// Something vanished.
    pub(crate) const VANISHED: i32 = 2;
    /// `--max-delete` stopped deletions.
    pub(crate) const DEL_LIMIT: i32 = 4;
}

pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) inbox: RefCell<Inbox>,
    pub(crate) outbox: RefCell<Outbox>,
    pub(crate) ndx_in: RefCell<NdxCoder>,
    pub(crate) ndx_out: RefCell<NdxCoder>,
    /// Bytes came, or the peer closed.
    pub(crate) input: Event,
    /// The connection took output.
    pub(crate) room: Event,
    /// Some state that roles share changed.
    pub(crate) moved: Event,
    asks: RefCell<Asks>,
    pub(crate) notices: RefCell<VecDeque<Notice>>,
    pub(crate) data: DataPlane,
    pub(crate) spawned: RefCell<Vec<Work>>,
    pub(crate) agreed: OnceCell<Agreed>,
    pub(crate) now_ms: Cell<u64>,
    /// Bits of [`io_error`].
    pub(crate) io_error: Cell<i32>,
    /// Those of them that did not come with a list.
    pub(crate) own_errors: Cell<i32>,
    /// An error was reported that makes the exit code 23.
    pub(crate) transfer_error: Cell<bool>,
    /// The peer ended the session with this exit code.
    pub(crate) peer_exit: Cell<Option<Exit>>,
    /// The goodbye began: errors no longer travel.
    pub(crate) goodbye: Cell<bool>,
    pub(crate) stats: RefCell<Stats>,
    /// The rest of the receiving side, once it has begun.
    pub(crate) receiving: RefCell<Option<Rx>>,
    /// Sender: entries that the peer has stored (`--remove-source-files`).
    pub(crate) stored: RefCell<Vec<i32>>,
    /// Sender: number of the list that the item worked on is in, among all of the session.
    pub(crate) list_number: Cell<usize>,
    /// All lists are there.
    pub(crate) list_complete: Cell<bool>,
    pub(crate) progress: RefCell<Progress>,
    /// Raw bytes before framing began: they don't count.
    pub(crate) counted_in: Cell<u64>,
    pub(crate) counted_out: Cell<u64>,
    /// Entries that progress has come past, in the order of the lists.
    pub(crate) reached: Cell<u64>,
    /// A line that is not finished stands on standard output, where another would have to begin below it.
    pub(crate) line_open: Cell<bool>,
    /// What is said is for the terminal only: the log has its own form of it.
    pub(crate) showing: Cell<bool>,
    /// The counts when the item that is worked on began.
    item_start: Cell<(u64, u64)>,
    /// The peer takes no more output.
    pub(crate) output_broken: Cell<bool>,
    /// A role wants to be woken at this time.
    pub(crate) alarm_ms: Cell<Option<u64>>,
    started_ms: Cell<u64>,
    daemon_rules: FilterList,
    /// Seconds without traffic after which the session gives up; 0 for never.
    pub(crate) timeout_s: Cell<u32>,
}

#[derive(Default)]
struct Asks {
    queue: VecDeque<(AskId, Ask)>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

enum Slot {
    Free,
    Waiting(Option<Waker>),
    Answered(Reply),
}

impl Context {
    pub(crate) fn new(config: Config) -> Context {
        let timeout = config.options.timeout.max(0) as u32;
        let scope = if config.options.levels.info(Info::Progress) > 1 { Scope::Transfer } else { Scope::File };
        let level = report::Level::from_count(config.options.human_readable);
        let meter = Progress::new(scope, Numbers { level, ..Numbers::default() });
        let rules = config.module.as_ref().map(|module| super::filters::daemon(&module.filters));
        Context {
            config,
            inbox: RefCell::new(Inbox::new()),
            outbox: RefCell::new(Outbox::new()),
            ndx_in: RefCell::new(NdxCoder::new(32)),
            ndx_out: RefCell::new(NdxCoder::new(32)),
            input: Event::default(),
            room: Event::default(),
            moved: Event::default(),
            asks: RefCell::default(),
            notices: RefCell::default(),
            data: DataPlane::default(),
            spawned: RefCell::default(),
            agreed: OnceCell::new(),
            now_ms: Cell::new(0),
            io_error: Cell::new(0),
            own_errors: Cell::new(0),
            transfer_error: Cell::new(false),
            peer_exit: Cell::new(None),
            goodbye: Cell::new(false),
            stats: RefCell::default(),
            receiving: RefCell::default(),
            stored: RefCell::default(),
            list_number: Cell::default(),
            list_complete: Cell::new(false),
            progress: RefCell::new(meter),
            counted_in: Cell::new(0),
            counted_out: Cell::new(0),
            reached: Cell::new(0),
            line_open: Cell::default(),
            showing: Cell::default(),
            item_start: Cell::default(),
            output_broken: Cell::new(false),
            alarm_ms: Cell::new(None),
            started_ms: Cell::new(0),
            // A daemon checks its rules before it starts a session.
            daemon_rules: rules.and_then(Result::ok).unwrap_or_default(),
            timeout_s: Cell::new(timeout),
        }
    }

    pub(crate) fn is_server(&self) -> bool {
        self.config.side == Side::Server
    }

    pub(crate) fn is_sender(&self) -> bool {
        self.config.role == Role::Sender
    }

    pub(crate) fn is_local(&self) -> bool {
        self.config.transport == Transport::Local
    }

    /// What the handshake settled. Roles start after it.
    pub(crate) fn agreed(&self) -> &Agreed {
        self.agreed.get().expect("the handshake is the first thing that a session does")
    }

    pub(crate) fn protocol(&self) -> u32 {
        self.agreed().protocol
    }

    /// Runs work beside the roles.
    pub(crate) fn spawn(&self, work: impl Future<Output = Result<(), Error>> + 'static) {
        self.spawned.borrow_mut().push(alloc::boxed::Box::pin(work));
    }

    pub(crate) fn add_io_error(&self, bits: i32) {
        self.io_error.set(self.io_error.get() | bits);
        self.own_errors.set(self.own_errors.get() | bits);
    }

    /// An error that came with a list: it counts from there on.
    pub(crate) fn add_list_error(&self, bits: i32) {
        self.io_error.set(self.io_error.get() | bits);
    }

    // ---- the connection ----

    /// Decodes one item of the data stream, waiting until all of it is there. `decode` starts over with more bytes each
    /// time, so it must not change anything before it succeeds.
    pub(crate) async fn item<T>(&self, mut decode: impl FnMut(&mut Reader<'_>) -> Result<T, Stop>) -> Result<T, Error> {
        let attempt = || {
            let mut inbox = self.inbox.borrow_mut();
            loop {
                let (result, used) = {
                    let mut reader = Reader::new(inbox.data());
                    let result = decode(&mut reader);
                    (result, reader.position())
                };
                match result {
                    Ok(value) => {
                        inbox.consume(used);
                        return Some(Ok(value));
                    }
                    Err(Stop::Bad(error)) => return Some(Err(error)),
                    Err(Stop::Short) if inbox.extend() => continue,
                    Err(Stop::Short) => break,
                }
            }
            drop(inbox);
            self.end_of_input().map(Err)
        };
        self.input.until(attempt).await
    }

    /// The error to report when no more data can come, if that is so.
    pub(crate) fn end_of_input(&self) -> Option<Error> {
        let mut inbox = self.inbox.borrow_mut();
        if let Some(error) = inbox.take_error() {
            let text = [&error.text[..], b" [", self.role_name().as_bytes(), b"]"].concat();
            return Some(Error { text, ..error });
        }
        inbox.is_ended().then(|| {
            let bytes = inbox.received_total().saturating_sub(self.counted_in.get());
            Error::peer(Exit::STREAM, report::text::connection_closed(bytes, self.role_name()))
        })
    }

    /// Waits until the connection takes more output.
    pub(crate) async fn room(&self) {
        self.room.until(|| (!self.outbox.borrow().is_full()).then_some(())).await;
    }

    /// Appends to the data stream. The caller waits for [`Context::room`] now and then.
    pub(crate) fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.outbox.borrow_mut().data_with(encode);
    }

    /// Appends a file index to the data stream.
    pub(crate) fn put_ndx(&self, ndx: i32) {
        self.put(|out| self.ndx_out.borrow_mut().encode(ndx, out));
    }

    /// Reads a file index. Messages that stand before it are handled first, so that texts keep their order.
    pub(crate) async fn read_ndx(&self) -> Result<i32, Error> {
        super::messages::dispatch(self, false)?;
        self.item(|r| self.ndx_in.borrow_mut().decode(r)).await
    }

    /// A data frame without data, if nothing else is to be sent.
    pub(crate) fn keep_alive(&self) {
        let early = !self.is_sender() && self.receiving.borrow().as_ref().is_none_or(|rx| rx.entries.get() == 0);
        if self.agreed.get().is_some() && !early {
            self.outbox.borrow_mut().keep_alive();
        }
    }

    /// Whether a role can be handed more of the data that is there; if not, messages behind it are handled at once.
    pub(crate) fn can_read_on(&self) -> bool {
        !self.inbox.borrow().data().is_empty() && self.movement_step().is_none()
    }

    // ---- what the roles ask about the session ----

    /// ` (in MODULE)`, in a daemon.
    pub(crate) fn in_module(&self) -> Vec<u8> {
        match &self.config.module {
            Some(module) => [b" (in ".as_slice(), &module.name, b")"].concat(),
            None => Vec::new(),
        }
    }

    /// Whether a daemon's own rules hide a name. `base` is the directory that it is beneath, as the client gave it: the rules
    /// are those of the module, wherever in it a transfer begins.
    pub(crate) fn daemon_hides(&self, base: &[u8], path: &[u8], is_dir: bool) -> bool {
        if self.daemon_rules.is_empty() || path == b"." {
            return false;
        }
        let base = trim_slashes(base);
        let path = super::removal::join(base.strip_prefix(b"./").unwrap_or(base), trim_slashes(path));
        let verdict = self.daemon_rules.check(&Subject::new(&path, is_dir), Check::RECEIVER, &PerDir::new());
        verdict.is_excluded()
    }

    /// Whether a daemon's rules hide a path that a client named, or a directory on the way to it. Everything about it is as if
    /// it were not there.
    pub(crate) fn daemon_hides_way(&self, path: &[u8]) -> bool {
        let path = crate::flist::verify::clean(trim_slashes(path));
        let ends = (0..path.len()).filter(|&at| path[at] == b'/').chain([path.len()]);
        ends.filter(|&end| end > 0).any(|end| self.daemon_hides(b"", &path[..end], true))
            || self.daemon_hides(b"", &path, false)
    }

    /// `ignore nonreadable`: whether a file is left out because this process can't read it.
    pub(crate) fn ignores(&self, meta: &Meta) -> bool {
        let config = &self.config;
        let wanted = config.module.as_ref().is_some_and(|module| module.ignore_nonreadable);
        if !wanted || config.root || meta.mode & super::decide::TYPE == super::decide::SYMLINK {
            return false;
        }
        let bit = if meta.uid == config.ids.0 {
            0o400
        } else if meta.gid == config.ids.1 || config.groups.contains(&meta.gid) {
            0o040
        } else {
            0o004
        };
        meta.mode & bit == 0
    }

    /// What changes the modes of a list on this side: a client's `--chmod`, or what a daemon's module says. The receiving half
    /// of a local copy gets modes that are changed already.
    pub(crate) fn chmod(&self) -> Option<&Chmod> {
        let config = &self.config;
        if self.is_server() { config.module_chmod.as_ref() } else { config.options.chmod.as_ref() }
    }

    /// Whether symlink targets are disarmed where they are stored. A local copy has but one side to do it: the sender, which takes
    /// the mark off.
    pub(crate) fn munges(&self) -> bool {
        (self.config.options.munge_links && (!self.is_local() || self.is_sender()))
            || self.config.module.as_ref().is_some_and(|module| module.munge_symlinks)
    }

    /// What a module does not allow at all (spec 5.4.6).
    pub(crate) fn check_module(&self) -> Result<(), Error> {
        let Some(module) = &self.config.module else { return Ok(()) };
        if !self.is_sender() && module.read_only {
            return Err(Error::usage("ERROR: module is read only"));
        }
        if self.is_sender() && module.write_only {
            return Err(Error::usage("ERROR: module is write only"));
        }
        if self.is_sender() && module.read_only && self.config.options.remove_source != RemoveSource::Keep {
            return Err(Error::usage("ERROR: --remove-source-files cannot be used with a read-only module"));
        }
        Ok(())
    }

    /// A daemon's timeout holds for both ends, if it is the lower one.
    pub(crate) fn announce_timeout(&self) {
        let Some(module) = &self.config.module else { return };
        let own = self.timeout_s.get();
        if module.timeout > 0 && (own == 0 || module.timeout < own) {
            self.timeout_s.set(module.timeout);
        }
        let timeout = self.timeout_s.get();
        if timeout > 0 && self.protocol() >= 31 {
            self.outbox.borrow_mut().message(Tag::IoTimeout, &timeout.to_le_bytes());
        }
    }

    /// The format of transfer log lines, if there is a log.
    pub(crate) fn log_format(&self) -> Option<&[u8]> {
        match &self.config.module {
            Some(module) => module.log_format.as_deref().filter(|format| !format.is_empty()),
            None => {
                let o = &self.config.options;
                o.log_file.as_ref()?;
                let format = o.log_file_format.as_deref().unwrap_or(report::FORMAT_ITEMIZED);
                Some(format).filter(|format| !format.is_empty())
            }
        }
    }

    /// Entries behind this one, as progress counts them.
    ///
    /// With incremental recursion each list takes one index more than it has entries: the one in front of it.
    pub(crate) fn entries_left(&self, ndx: i32, list: usize) -> u64 {
        let gaps = if self.agreed().inc { list as u64 + 1 } else { 0 };
        let reached = (ndx.max(0) as u64).saturating_sub(gaps) + 1;
        self.reached.set(self.reached.get().max(reached));
        self.stats.borrow().files.total().saturating_sub(reached)
    }

    /// Seconds since 1970.
    pub(crate) fn unix_now(&self) -> i64 {
        self.config.unix_time + (self.elapsed_ms() / 1000) as i64
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.now_ms.get().saturating_sub(self.started_ms.get())
    }

    pub(crate) fn note_start(&self) {
        self.started_ms.set(self.now_ms.get());
    }

    /// Bytes sent and received so far.
    fn traffic(&self) -> (u64, u64) {
        let outbox = self.outbox.borrow();
        (outbox.written_total() - self.counted_out.get(), self.inbox.borrow().received_total() - self.counted_in.get())
    }

    /// An item begins: what moves from here on is its own.
    pub(crate) fn item_begins(&self) {
        self.item_start.set(self.item_traffic());
    }

    /// Bytes of the data streams so far, with those that a local copy saves.
    fn item_traffic(&self) -> (u64, u64) {
        let sent = self.outbox.borrow().data_total() + self.stats.borrow().virtual_sent;
        (sent, self.inbox.borrow().consumed_total())
    }

    /// Bytes sent and received for the item.
    pub(crate) fn item_bytes(&self) -> (u64, u64) {
        let (start, now) = (self.item_start.get(), self.item_traffic());
        (now.0.saturating_sub(start.0), now.1.saturating_sub(start.1))
    }

    /// The counts of the connection become those of the statistics.
    pub(crate) fn settle_totals(&self) {
        self.outbox.borrow_mut().flush();
        let (sent, received) = self.traffic();
        let mut stats = self.stats.borrow_mut();
        stats.sent = sent;
        stats.received = received;
    }

    /// Forgets what the roles had asked for.
    pub(crate) fn drop_work(&self) {
        self.asks.borrow_mut().queue.clear();
        self.data.clear();
    }

    // ---- asks ----

    /// Asks the host and waits for the answer.
    pub(crate) async fn ask(&self, ask: Ask) -> Reply {
        let id = self.asks.borrow_mut().open(ask);
        core::future::poll_fn(|cx| {
            let mut asks = self.asks.borrow_mut();
            let slot = &mut asks.slots[id as usize];
            match core::mem::replace(slot, Slot::Free) {
                Slot::Answered(reply) => {
                    asks.free.push(id);
                    Poll::Ready(reply)
                }
                _ => {
                    *slot = Slot::Waiting(Some(cx.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub(crate) fn next_ask(&self) -> Option<(AskId, Ask)> {
        self.asks.borrow_mut().queue.pop_front()
    }

    /// Whether answers are outstanding.
    pub(crate) fn awaits_replies(&self) -> bool {
        let asks = self.asks.borrow();
        asks.slots.iter().any(|slot| matches!(slot, Slot::Waiting(_)))
    }

    pub(crate) fn answer(&self, id: AskId, reply: Reply) {
        let mut asks = self.asks.borrow_mut();
        let Some(slot) = asks.slots.get_mut(id.0 as usize) else { return };
        if let Slot::Waiting(waker) = slot {
            let waker = waker.take();
            *slot = Slot::Answered(reply);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    pub(crate) async fn unit(&self, ask: Ask) -> HostResult<()> {
        match self.ask(ask).await {
            Reply::Unit(result) => result,
            _ => Err(wrong_kind()),
        }
    }

    pub(crate) async fn stat(&self, ask: Ask) -> HostResult<Meta> {
        match self.ask(ask).await {
            Reply::Stat(result) => result,
            _ => Err(wrong_kind()),
        }
    }

    pub(crate) async fn root(&self, ask: Ask) -> HostResult<RootId> {
        match self.ask(ask).await {
            Reply::Root(result) => result,
            _ => Err(wrong_kind()),
        }
    }

    pub(crate) async fn bytes(&self, ask: Ask) -> HostResult<Vec<u8>> {
        match self.ask(ask).await {
            Reply::Bytes(result) => result,
            _ => Err(wrong_kind()),
        }
    }

    pub(crate) async fn opened(&self, ask: Ask) -> HostResult<(FileId, Meta)> {
        match self.ask(ask).await {
            Reply::Opened(result) => result,
            _ => Err(wrong_kind()),
        }
    }
}

impl Asks {
    fn open(&mut self, ask: Ask) -> u32 {
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.slots.push(Slot::Free);
                (self.slots.len() - 1) as u32
            }
        };
        self.slots[id as usize] = Slot::Waiting(None);
        self.queue.push_back((AskId(id), ask));
        id
    }
}

/// What stands for an answer of another kind than the ask names: a mistake of the host, reported like a failed call.
pub(crate) fn wrong_kind() -> Errno {
    Errno { code: 22, text: "the host gave an answer of the wrong kind".into() }
}

/// How roles hold the context.
pub(crate) type Shared = Rc<Context>;

fn trim_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}
