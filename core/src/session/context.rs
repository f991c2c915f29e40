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
use super::step::{Config, Notice, Role, Side, Transport};
use super::task::{Event, Work};
use crate::report::stats::Stats;
use crate::wire::{Inbox, NdxCoder, Outbox, Reader, Stop};
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
    /// An error was reported that makes the exit code 23.
    pub(crate) transfer_error: Cell<bool>,
    /// The peer ended the session with this exit code.
    pub(crate) peer_exit: Cell<Option<Exit>>,
    /// The goodbye began: errors no longer travel.
    pub(crate) goodbye: Cell<bool>,
    pub(crate) stats: RefCell<Stats>,
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
        let timeout = config.options.timeout;
        Context {
            config,
            inbox: RefCell::default(),
            outbox: RefCell::default(),
            ndx_in: RefCell::default(),
            ndx_out: RefCell::default(),
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
            transfer_error: Cell::new(false),
            peer_exit: Cell::new(None),
            goodbye: Cell::new(false),
            stats: RefCell::default(),
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
    }

    // ---- the connection ----

    /// Decodes one item of the data stream, waiting until all of it is there. `decode` starts over with more bytes each
    /// time, so it must not change anything before it succeeds.
    pub(crate) async fn item<T>(&self, mut decode: impl FnMut(&mut Reader<'_>) -> Result<T, Stop>) -> Result<T, Error> {
        let attempt = || {
            let mut inbox = self.inbox.borrow_mut();
            let (result, used) = {
                let mut reader = Reader::new(inbox.data());
                let result = decode(&mut reader);
                (result, reader.position())
            };
            match result {
                Ok(value) => {
                    inbox.consume(used);
                    Some(Ok(value))
                }
                Err(Stop::Bad(error)) => Some(Err(error)),
                Err(Stop::Short) => {
                    drop(inbox);
                    self.end_of_input().map(Err)
                }
            }
        };
        self.input.until(attempt).await
    }

    /// The error to report when no more data can come, if that is so.
    pub(crate) fn end_of_input(&self) -> Option<Error> {
        let inbox = self.inbox.borrow();
        if let Some(error) = inbox.error() {
            return Some(error.clone());
        }
        inbox.is_ended().then(|| {
            let role = self.role_name();
            let text = alloc::format!(
                "rsync: connection unexpectedly closed ({} bytes received so far) [{role}]",
                inbox.received_total()
            );
            Error::peer(Exit::STREAM, text)
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

    pub(crate) async fn read_ndx(&self) -> Result<i32, Error> {
        self.item(|r| self.ndx_in.borrow_mut().decode(r)).await
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
