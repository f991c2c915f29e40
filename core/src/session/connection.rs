//! The host's side of a session: bytes that come and go, and answers to what was asked.

use super::say::Class;
use super::{AskId, Errno, HostResult, Reply, Session, show};
use crate::{Error, Exit};

impl Session {
    /// Answers an ask.
    pub fn answer(&mut self, id: AskId, reply: Reply) {
        self.cx.answer(id, reply);
    }

    /// Carries out [`super::Step::Read`]: `read` fills the space that it is lent and returns how much it read, 0 at the end of the
    /// file.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> HostResult<usize>) {
        self.cx.fill(read);
    }

    /// Carries out [`super::Step::Write`]: `write` takes all of the bytes that it is lent.
    pub fn lend(&mut self, write: impl FnOnce(&[u8])) {
        self.cx.lend(write);
    }

    /// [`super::Step::Copy`] was carried out.
    pub fn copied(&mut self) {
        self.cx.copied();
    }

    /// Writing an output failed (disk full): the session ends with rsync's message.
    pub fn write_failed(&mut self, path: &[u8], error: Errno) {
        let what = show::quoted(&self.cx, b"write failed on ", path, b"");
        self.cx.say_errno(Class::Error, "receiver", &what, &error);
        self.failed_as = Some("receiver");
        self.fail(Error::host(Exit::FILE_IO, alloc::vec::Vec::new()));
    }

    /// Bytes from the peer: `read` puts some into the space and returns how many. The space is empty while the session
    /// can't take more.
    pub fn input(&mut self, read: impl FnOnce(&mut [u8]) -> usize) {
        let mut inbox = self.cx.inbox.borrow_mut();
        let n = read(inbox.space(64 * 1024));
        inbox.filled(n);
        drop(inbox);
        if n > 0 {
            self.last_traffic_ms = self.cx.now_ms.get();
            self.cx.input.notify();
        }
    }

    /// Whether the session has room for more input.
    pub fn wants_input(&self) -> bool {
        let mut inbox = self.cx.inbox.borrow_mut();
        !self.cx.leaves.get() && !inbox.is_ended() && !inbox.space(64 * 1024).is_empty()
    }

    /// The peer closed its direction.
    pub fn input_end(&mut self) {
        self.cx.inbox.borrow_mut().end();
        self.cx.input.notify();
    }

    /// Bytes for the peer: `write` sends some and returns how many.
    pub fn output(&mut self, write: impl FnOnce(&[u8]) -> usize) {
        let mut outbox = self.cx.outbox.borrow_mut();
        let n = write(outbox.pending());
        outbox.sent(n);
        drop(outbox);
        if n > 0 {
            self.last_traffic_ms = self.cx.now_ms.get();
            self.last_output_ms = self.last_traffic_ms;
            self.cx.room.notify();
        }
    }

    /// How much output can be sent right now; a busy host sends when it is much, and always before it waits.
    pub fn output_len(&self) -> usize {
        self.cx.outbox.borrow().pending().len()
    }

    /// Whether more asks are ready to be taken: the next polls give them.
    pub fn has_asks(&self) -> bool {
        self.cx.has_asks()
    }

    /// Makes all output so far ready to be sent, be it ever so little: for a host that has worked for a while without waiting,
    /// so that its peer can work too.
    pub fn flush_output(&mut self) {
        self.cx.outbox.borrow_mut().flush();
    }

    /// The peer no longer takes output: what would be sent is dropped. Its last words may still be read.
    pub fn output_broken(&mut self) {
        self.cx.output_broken.set(true);
        let pending = self.cx.outbox.borrow().pending().len();
        self.cx.outbox.borrow_mut().sent(pending);
        self.cx.room.notify();
    }
}
