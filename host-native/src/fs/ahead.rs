//! `-c` between two folders of this machine: while the sending half digests a large file, what is at its place in the
//! destination is digested on another thread, since that will be asked for next.
//!
//! Only a digest is kept, under what tells that the file is still the same: a file that was changed since is digested again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, statat};
use syncline_core::checksum::{Algorithm, Digest, DigestValue};
use syncline_core::session::{At, RootId};

use super::look::{REGULAR, TYPE};
use super::read::{READ, digest_whole};
use super::roots::Roots;

/// Smaller files are not worth a word to another thread.
const BYTES_MIN: u64 = 1 << 20;

/// Shared by the two halves of a local copy.
#[derive(Clone)]
pub struct Ahead {
    half: Half,
    shared: Arc<Closing>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Sending,
    Receiving,
}

/// Which file, and in which state of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    file: (u64, u64),
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
    algorithm: Algorithm,
}

struct Wish {
    path: Vec<u8>,
    size: u64,
    algorithm: Algorithm,
}

#[derive(Default)]
struct State {
    wishes: VecDeque<Wish>,
    busy_with: Option<Identity>,
    done: HashMap<Identity, DigestValue>,
    /// What was asked for before it was begun: not worth doing any more.
    late: HashSet<Identity>,
    started: bool,
    closed: bool,
}

struct Shared {
    dest: Vec<u8>,
    state: Mutex<State>,
    changed: Condvar,
}

/// Ends the thread with the last of those who could want something of it.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Ahead {
    /// For the sending and the receiving half of a copy to `dest`. `None` if this machine has one processor only.
    pub fn pair(dest: &[u8]) -> Option<(Ahead, Ahead)> {
        let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        several.then(|| {
            let shared = Shared { dest: dest.to_vec(), state: Mutex::default(), changed: Condvar::new() };
            let shared = Arc::new(Closing(Arc::new(shared)));
            let half = |half| Ahead { half, shared: shared.clone() };
            (half(Half::Sending), half(Half::Receiving))
        })
    }

    /// What is known of a file with this `stat`, which is at `path` beneath its root. Called before it is digested.
    pub fn digest(&self, path: &[u8], stat: &Stat, algorithm: Algorithm) -> Option<DigestValue> {
        let size = stat.st_size.max(0) as u64;
        if size < BYTES_MIN {
            return None;
        }
        match self.half {
            Half::Sending => {
                self.shared.0.wish(Wish { path: path.to_vec(), size, algorithm });
                None
            }
            Half::Receiving => self.shared.0.take(Identity::of(stat, algorithm)),
        }
    }
}

impl Identity {
    fn of(stat: &Stat, algorithm: Algorithm) -> Identity {
        Identity {
            file: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
            algorithm,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(self: &Arc<Shared>, wish: Wish) {
        let mut state = self.lock();
        state.wishes.push_back(wish);
        if !state.started {
            state.started = true;
            let own = self.clone();
            std::thread::spawn(move || own.work());
        }
        drop(state);
        self.changed.notify_all();
    }

    /// What was found out about a file, or is just being.
    fn take(&self, identity: Identity) -> Option<DigestValue> {
        let mut state = self.lock();
        while state.busy_with == Some(identity) {
            state = self.wait(state);
        }
        let found = state.done.remove(&identity);
        if found.is_none() && !state.wishes.is_empty() {
            state.late.insert(identity);
        }
        found
    }

    fn work(&self) {
        let (mut roots, mut root) = (Roots::default(), None);
        let mut state = self.lock();
        loop {
            let Some(wish) = state.wishes.pop_front() else {
                if state.closed {
                    return;
                }
                state = self.wait(state);
                continue;
            };
            drop(state);
            let found = self.fulfil(&mut roots, &mut root, &wish);
            state = self.lock();
            state.busy_with = None;
            if let Some((identity, value)) = found {
                state.done.insert(identity, value);
            }
            self.changed.notify_all();
            if state.closed {
                return;
            }
        }
    }

    /// `None` wherever there is nothing to gain: the receiving half meets the same trouble itself, and tells of it.
    fn fulfil(&self, roots: &mut Roots, root: &mut Option<RootId>, wish: &Wish) -> Option<(Identity, DigestValue)> {
        let root = match root {
            Some(root) => *root,
            None => *root.insert(roots.open_root(&self.dest).ok()?),
        };
        let spot = roots.spot(&At { root, path: wish.path.clone() }).ok()?;
        let found = statat(&*spot.dir, spot.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if found.st_mode & TYPE != REGULAR || found.st_size as u64 != wish.size {
            return None;
        }
        let file = openat(&*spot.dir, spot.name.as_slice(), READ | OFlags::NOFOLLOW, Mode::empty()).ok()?;
        let stat = || fstat(&file).ok().map(|stat| Identity::of(&stat, wish.algorithm));
        let identity = stat()?;
        {
            let mut state = self.lock();
            if state.late.remove(&identity) || state.closed {
                return None;
            }
            state.busy_with = Some(identity);
        }
        let value = digest_whole(&file, Digest::list(wish.algorithm)).ok()?;
        (stat()? == identity).then_some((identity, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::stat;
    use std::fs;

    #[test]
    fn what_was_begun_is_taken_once_and_only_unchanged() {
        let folder = std::env::temp_dir().join(format!("syncline-ahead-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file");
        let contents = vec![7; BYTES_MIN as usize + 1];
        fs::write(&path, &contents).unwrap();
        let Some((sending, receiving)) = Ahead::pair(folder.as_os_str().as_encoded_bytes()) else { return };
        let algorithm = Algorithm::Md5;
        let begin = || {
            assert_eq!(sending.digest(b"file", &stat(&path).unwrap(), algorithm), None);
            let shared = &receiving.shared.0;
            let mut state = shared.lock();
            while state.done.is_empty() {
                state = shared.wait(state);
            }
        };
        let take = || receiving.digest(b"file", &stat(&path).unwrap(), algorithm);
        let mut digest = Digest::list(algorithm);
        digest.update(&contents);
        begin();
        assert_eq!(take(), Some(digest.finish()));
        assert_eq!(take(), None);
        begin();
        fs::write(&path, vec![8; contents.len()]).unwrap();
        assert_eq!(take(), None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_not_there_is_no_trouble() {
        let Some((sending, receiving)) = Ahead::pair(b"/nonexistent") else { return };
        let mut found = stat("/").unwrap();
        found.st_size = BYTES_MIN as i64;
        assert_eq!(sending.digest(b"file", &found, Algorithm::Md5), None);
        assert_eq!(receiving.digest(b"file", &found, Algorithm::Md5), None);
    }
}
