//! Writing beside the work: a thread writes what is finished while the next is read and digested.
//!
//! ```text
//!   work ── full pieces ──► thread ──► output
//!     ▲                       │
//!     └──── empty pieces ◄────┘               a few pieces go round, and no more are made
//! ```

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::place::{Failure, Output, PIECE_BYTES};

/// Pieces that go round.
const PIECES: usize = 4;

/// What the work puts its results into, in order.
pub struct Behind {
    piece: Vec<u8>,
    len: usize,
    full: Sender<(Vec<u8>, usize)>,
    empty: Receiver<Vec<u8>>,
}

/// The thread has ended, since the output can't be written; why, [`write_behind`] returns itself.
const ENDED: &str = "the thread that writes has ended";

/// Does the work, and returns when everything is written that it put; if something fails, what failed first at the output.
pub fn write_behind(output: &mut Output, work: impl FnOnce(&mut Behind) -> Result<(), Failure>) -> Result<(), Failure> {
    let (full, written) = channel::<(Vec<u8>, usize)>();
    let (emptied, empty) = channel();
    for _ in 1..PIECES {
        // The receiver is here.
        let _ = emptied.send(vec![0; PIECE_BYTES]);
    }
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for (piece, len) in written {
                output.write(&piece[..len])?;
                // Nobody waits for the last ones.
                let _ = emptied.send(piece);
            }
            Ok(())
        });
        let mut behind = Behind { piece: vec![0; PIECE_BYTES], len: 0, full, empty };
        let worked = work(&mut behind).and_then(|()| behind.pass_on());
        // So the thread hears of the end.
        drop(behind);
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written.and(worked)
    })
}

impl Behind {
    /// Appends these bytes.
    pub fn put(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let room = &mut self.piece[self.len..];
            let (now, rest) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            bytes = rest;
            self.grow(now.len())?;
        }
        Ok(())
    }

    /// Appends up to `len` bytes that `fill` puts into the room it is lent, all of it; how many.
    pub fn put_by(&mut self, len: u64, fill: impl FnOnce(&mut [u8]) -> Result<(), Failure>) -> Result<usize, Failure> {
        let room = &mut self.piece[self.len..];
        let now = usize::try_from(len).unwrap_or(usize::MAX).min(room.len());
        fill(&mut room[..now])?;
        self.grow(now)?;
        Ok(now)
    }

    fn grow(&mut self, len: usize) -> Result<(), Failure> {
        self.len += len;
        if self.len < self.piece.len() { Ok(()) } else { self.pass_on() }
    }

    fn pass_on(&mut self) -> Result<(), Failure> {
        let ended =
            || Failure::Io { doing: "can't write", name: "the output".into(), error: std::io::Error::other(ENDED) };
        let empty = self.empty.recv().map_err(|_| ended())?;
        let full = std::mem::replace(&mut self.piece, empty);
        self.full.send((full, std::mem::take(&mut self.len))).map_err(|_| ended())
    }
}
