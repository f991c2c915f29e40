//! Requests to the host that are under way, and their answers.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::{Poll, Waker};

use super::Context;
use crate::session::ask::{Ask, AskId, Errno, FileId, HostResult, Meta, Reply, RootId};

#[derive(Default)]
pub(super) struct Asks {
    pub(super) queue: VecDeque<(AskId, Ask)>,
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<u32>,
}

pub(super) enum Slot {
    Free,
    Waiting(Option<Waker>),
    Answered(Reply),
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

impl Context {
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

    /// Asks for something that may be made under a temporary name first. The name comes with an answer that tells of
    /// failures, if they are about it.
    pub(crate) async fn make(&self, ask: Ask) -> (Option<Vec<u8>>, Reply) {
        match self.ask(ask).await {
            Reply::OfTemp(temp, reply) => (Some(temp), *reply),
            reply => (None, reply),
        }
    }

    pub(crate) fn has_asks(&self) -> bool {
        !self.asks.borrow().queue.is_empty()
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
        self.make_unit(ask).await.map_err(|(_, errno)| errno)
    }

    /// As `make`, where the answer is no more than done or why not.
    pub(crate) async fn make_unit(&self, ask: Ask) -> Result<(), (Option<Vec<u8>>, Errno)> {
        match self.make(ask).await {
            (temp, Reply::Unit(result)) => result.map_err(|errno| (temp, errno)),
            _ => Err((None, wrong_kind())),
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
