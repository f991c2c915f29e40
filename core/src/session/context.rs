//! What the roles of one session share: the connection, the open asks, the data plane, what was agreed, and what was counted.
//!
//! Everything stands behind cells, and no borrow lives across an `await`: a role looks, decides, and lets go.

mod asks;
mod module;

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};
use core::future::Future;

use super::agreed::Agreed;
use super::dataplane::DataPlane;
use super::receiving::Rx;
use super::step::{Config, Notice, Role, Side, Transport};
use super::task::{Event, Work};
use crate::filter::FilterList;
use crate::options::Info;
use crate::report::{self, Numbers, Progress, Scope, Stats};
use crate::wire::{Inbox, NdxCoder, Outbox, Reader, Stop};
use crate::{Error, Exit};
use asks::Asks;
pub(crate) use asks::wrong_kind;

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
    /// A daemon's session that ends without reading any more.
    pub(crate) leaves: Cell<bool>,
    /// The list of a daemon's client that was read before the session began.
    pub(crate) served_names: RefCell<Option<Vec<u8>>>,
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

impl Context {
    pub(crate) fn new(config: Config) -> Context {
        let timeout = config.options.timeout.max(0) as u32;
        let scope = if config.options.levels.info(Info::Progress) > 1 { Scope::Transfer } else { Scope::File };
        let level = report::Level::from_count(config.options.human_readable);
        let meter = Progress::new(scope, Numbers { level, ..Numbers::default() });
        let rules = config.module.as_ref().map(|module| super::filters::daemon(&module.filters));
        let leaves = config.refused.is_some() && config.role == Role::Sender;
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
            leaves: Cell::new(leaves),
            served_names: RefCell::default(),
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

    /// Whether this is a daemon's sender that says why it can't serve at all, and is gone: it sends no exit code.
    pub(crate) fn leaves_without_code(&self) -> bool {
        self.leaves.get() && self.is_sender()
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
}

/// How roles hold the context.
pub(crate) type Shared = Rc<Context>;
