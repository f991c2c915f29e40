//! Threads for digests and for removing files, so that a session goes on meanwhile. Copies stay with the session's own
//! thread: for small files, handing them over costs more system time than the second thread gains.
//!
//! For digests each thread has a file system of its own over the same open roots. What the session's own file system removes
//! or renames makes kept directories of the others stale, so they are told to open them anew. What is to be removed is found
//! by the session's own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use syncline_core::session::{Ask, AskId, Reply};

use crate::fs::{Doomed, Fs};

/// Answers that a busy thread keeps back.
const REPLIES: usize = 16;
/// Threads at most.
const THREADS_MAX: usize = 4;

enum Job {
    /// The roots have changed, or directories were removed: go on with this file system.
    Renew(Box<Fs>),
    Do(AskId, Ask),
    Remove(AskId, Doomed),
}

/// What the threads have done.
struct Done {
    replies: Mutex<Vec<(AskId, Reply)>>,
    /// Readable while there are replies.
    event: OwnedFd,
}

/// Some threads, started when they are first needed.
pub struct Pool {
    done: Arc<Done>,
    threads: Vec<(Sender<Job>, JoinHandle<()>, u64)>,
    /// Jobs that each thread has not answered.
    loads: Arc<[AtomicU64; THREADS_MAX]>,
    /// Threads that are worth having here.
    count: usize,
    outstanding: usize,
    /// Of these, removals.
    removals: usize,
}

impl Pool {
    /// No thread yet. `None` if this machine has one processor only, or the system gives no event.
    pub fn new() -> Option<Pool> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        (count > 1).then(|| Pool {
            done: Arc::new(Done { replies: Mutex::default(), event }),
            threads: Vec::new(),
            loads: Arc::default(),
            count: count.min(THREADS_MAX),
            outstanding: 0,
            removals: 0,
        })
    }

    /// Whether an ask is worth a thread: a digest, and a removal among others. `more`: another ask comes next.
    pub fn takes(&self, ask: &Ask, more: bool) -> bool {
        match ask {
            Ask::Digest { .. } => true,
            Ask::Unlink { .. } => more || self.is_removing(),
            _ => false,
        }
    }

    /// Gives an ask to the least busy thread; or the answer, where there is nothing left to do, or no thread to do it.
    pub fn submit(&mut self, id: AskId, ask: Ask, fs: &mut Fs) -> Option<Reply> {
        if self.threads.len() < self.count && self.outstanding >= self.threads.len() {
            self.start(fs);
        }
        let load = |at: &usize| self.loads[*at].load(Ordering::Relaxed);
        let Some(at) = (0..self.threads.len()).min_by_key(load) else { return Some(fs.execute(ask)) };
        let job = match ask {
            Ask::Unlink { at } => match fs.doomed(&at) {
                Ok(doomed) => {
                    self.removals += 1;
                    Job::Remove(id, doomed)
                }
                Err(errno) => return Some(Reply::Unit(Err(errno))),
            },
            ask => Job::Do(id, ask),
        };
        let (jobs, _, version) = &mut self.threads[at];
        if *version != fs.version() {
            *version = fs.version();
            let _ = jobs.send(Job::Renew(Box::new(fs.fork())));
        }
        self.loads[at].fetch_add(1, Ordering::Relaxed);
        self.outstanding += 1;
        let _ = jobs.send(job);
        None
    }

    /// Starts another thread, if the system gives one.
    fn start(&mut self, fs: &Fs) {
        let (sender, receiver) = channel();
        let (done, loads, at) = (self.done.clone(), self.loads.clone(), self.threads.len());
        let own = fs.fork();
        let thread = std::thread::Builder::new().spawn(move || work(&receiver, own, &done, &loads[at]));
        self.threads.extend(thread.map(|thread| (sender, thread, fs.version())));
    }

    /// Answers that have come.
    pub fn collect(&mut self) -> Vec<(AskId, Reply)> {
        let mut count = [0; 8];
        let replies = match self.done.replies.lock() {
            Ok(mut replies) => {
                let _ = rustix::io::read(&self.done.event, &mut count);
                std::mem::take(&mut *replies)
            }
            Err(_) => Vec::new(),
        };
        self.outstanding = self.outstanding.saturating_sub(replies.len());
        let removals = replies.iter().filter(|(_, reply)| matches!(reply, Reply::Unit(_))).count();
        self.removals = self.removals.saturating_sub(removals);
        replies
    }

    /// Whether files are being removed. An ask that comes after them has to find them gone, and the times of their directories
    /// changed.
    pub fn is_removing(&self) -> bool {
        self.removals > 0
    }

    /// Sleeps until there are answers.
    pub fn wait(&self) {
        let mut fds = [PollFd::new(&self.done.event, PollFlags::IN)];
        // A signal is noticed by whoever asks for it; the answers come all the same.
        let _ = poll(&mut fds, None);
    }

    /// Whether answers are still to come.
    pub fn is_busy(&self) -> bool {
        self.outstanding > 0
    }

    /// Becomes readable when answers have come.
    pub fn event(&self) -> BorrowedFd<'_> {
        self.done.event.as_fd()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (jobs, thread, _) in self.threads.drain(..) {
            drop(jobs);
            let _ = thread.join();
        }
    }
}

fn work(jobs: &Receiver<Job>, mut fs: Fs, done: &Done, load: &AtomicU64) {
    let mut replies = Vec::new();
    loop {
        // The session is woken for many answers at once, or when there is nothing else to do.
        let job = match jobs.try_recv() {
            Ok(job) if replies.len() < REPLIES => job,
            found => {
                done.hand_over(&mut replies);
                match found.or_else(|_| jobs.recv()) {
                    Ok(job) => job,
                    Err(_) => return,
                }
            }
        };
        let reply = match job {
            Job::Renew(other) => {
                fs = *other;
                continue;
            }
            Job::Do(id, ask) => (id, fs.execute(ask)),
            Job::Remove(id, doomed) => (id, Reply::Unit(doomed.unlink())),
        };
        replies.push(reply);
        load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Done {
    fn hand_over(&self, fresh: &mut Vec<(AskId, Reply)>) {
        if fresh.is_empty() {
            return;
        }
        if let Ok(mut replies) = self.replies.lock() {
            let wakes = replies.is_empty();
            replies.append(fresh);
            if wakes {
                let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
            }
        }
    }
}
