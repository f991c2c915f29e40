//! A tiny executor: the roles of a session are `async` functions, and this steps them.
//!
//! A task runs when something that it waits for happened (bytes came, room came, an ask was answered, another task moved)
//! and at no other time. Nothing here blocks, and there is no thread.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use crate::Error;

/// A role, or a piece of work that a role left to run beside it.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    work: Work,
    ready: Arc<Ready>,
    waker: Waker,
}

/// The tasks of one session.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
}

impl Executor {
    pub(crate) fn spawn(&mut self, work: Work) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        let waker = Waker::from(ready.clone());
        let task = Some(Task { work, ready, waker });
        match self.free.pop() {
            Some(slot) => self.tasks[slot] = task,
            None => self.tasks.push(task),
        }
    }

    /// Steps every task that is ready once. Returns whether any was.
    pub(crate) fn step(&mut self) -> Result<bool, Error> {
        let mut any = false;
        for slot in 0..self.tasks.len() {
            let Some(task) = &mut self.tasks[slot] else { continue };
            if !task.ready.0.swap(false, Ordering::Relaxed) {
                continue;
            }
            any = true;
            if let Poll::Ready(result) = task.work.as_mut().poll(&mut Context::from_waker(&task.waker)) {
                self.tasks[slot] = None;
                self.free.push(slot);
                result?;
            }
        }
        Ok(any)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.len() == self.free.len()
    }

    /// Drops every task: what they waited for no longer matters.
    pub(crate) fn clear(&mut self) {
        self.tasks.clear();
        self.free.clear();
    }
}

/// Waits for all of them at once; what they give, in their order.
pub(crate) async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<Option<Pin<Box<F>>>> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut given: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    core::future::poll_fn(|cx| {
        for (slot, given) in waiting.iter_mut().zip(&mut given) {
            if let Some(future) = slot
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *given = Some(value);
                *slot = None;
            }
        }
        if waiting.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    given.into_iter().flatten().collect()
}

/// Tasks that wait for one kind of event.
#[derive(Default)]
pub(crate) struct Event {
    waiting: RefCell<Vec<Waker>>,
}

impl Event {
    /// Wakes everyone who waits.
    pub(crate) fn notify(&self) {
        for waker in self.waiting.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    fn register(&self, cx: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|w| w.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
    }

    /// Waits until `check` yields a value, looking again after each notification.
    pub(crate) async fn until<T>(&self, mut check: impl FnMut() -> Option<T>) -> T {
        core::future::poll_fn(|cx| match check() {
            Some(value) => Poll::Ready(value),
            None => {
                self.register(cx);
                Poll::Pending
            }
        })
        .await
    }
}
