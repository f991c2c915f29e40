//! Small files on their way between the two halves of a local copy.
//!
//! Making a file, filling it and giving it its name is what the receiving half has most to do with, and the sending half
//! has nearly nothing to do. So the sending half reads small files as it names them, and the receiving half finds their
//! contents here. What it does not find it reads itself: nothing waits for anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncline_core::session::{At, HostResult};

use super::Fs;
use super::clone::BY_HAND_BYTES_MAX;
use super::read::{self, chunk_bytes, read_next};

/// Bytes that may wait here, with the names.
const BYTES_MAX: usize = 32 << 20;

/// Shared by the two halves.
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Contents by name.
    files: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl Handover {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, size: u64) -> bool {
        self.lock().bytes + size as usize <= BYTES_MAX
    }

    fn put(&self, name: Vec<u8>, bytes: Vec<u8>) {
        let mut state = self.lock();
        state.bytes += name.len() + bytes.len();
        // A file that is asked for again takes the place of what nobody took.
        if let Some((name, bytes)) = state.files.remove_entry(&name) {
            state.bytes -= name.len() + bytes.len();
        }
        state.files.insert(name, bytes);
    }

    /// The contents of a file, if they are here.
    pub fn take(&self, root: &[u8], path: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let (name, bytes) = state.files.remove_entry(&name(root, path))?;
        state.bytes -= name.len() + bytes.len();
        Some(bytes)
    }
}

/// No path has a zero in it.
fn name(root: &[u8], path: &[u8]) -> Vec<u8> {
    [root, b"\0", path].concat()
}

impl Fs {
    /// [`syncline_core::session::Ask::ReadAhead`]: an error only if the file can't be opened. One that can't be read is found
    /// out about by the half that copies it.
    pub(super) fn read_ahead(&mut self, at: &At, root: &[u8], size: u64) -> HostResult<()> {
        let small = self.handover.as_ref().filter(|_| size <= BY_HAND_BYTES_MAX);
        let (file, _) = read::open(&mut self.roots, at, false)?;
        if let Some(handover) = small.filter(|handover| handover.has_room(size)) {
            let mut bytes = vec![0; chunk_bytes(size)];
            match read_next(&file, 0, &mut bytes, size) {
                Ok(count) if count < bytes.len() => {
                    bytes.truncate(count);
                    handover.put(name(root, &at.path), bytes);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_counted() {
        let handover = Handover::default();
        handover.put(name(b"r", b"a"), vec![1; 100]);
        handover.put(name(b"r", b"a"), vec![2; 50]);
        assert_eq!(handover.lock().bytes, 3 + 50);
        assert_eq!(handover.take(b"ra", b""), None);
        assert_eq!(handover.take(b"r", b"a"), Some(vec![2; 50]));
        assert_eq!(handover.take(b"r", b"a"), None);
        assert_eq!(handover.lock().bytes, 0);
        handover.put(name(b"r", b"large"), vec![0; BYTES_MAX - 7]);
        assert!(handover.has_room(0) && !handover.has_room(1));
    }
}
