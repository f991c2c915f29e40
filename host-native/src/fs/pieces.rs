//! A large file copied within a file system that lives in memory, by two threads at once.
//!
//! There, making the pages of the new file costs more than filling them, and writes to one file wait for each other. Pages
//! can also be made through a mapping, which waits for nobody: so one thread lets the kernel copy pieces while another makes
//! the pages of other pieces through mappings, and has the source read into them. No byte of a mapping is touched by this
//! program itself, so a file that somebody cuts short meanwhile is an error of a system call, never a fault.

use std::ffi::c_void;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ptr, slice, thread};

use rustix::fs::{FsWord, copy_file_range, fstatfs, ftruncate};
use rustix::io::{Errno as Code, pread};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::sink::retry;

/// Smaller files are copied before a thread has started.
const BYTES_MIN: u64 = 32 << 20;
/// What a thread takes at once; a multiple of every page size there is.
const PIECE_BYTES: u64 = 4 << 20;
/// Pages that are made, and then filled while they are still in the cache.
const STEP_BYTES: usize = 256 << 10;
/// What `statfs` says of such file systems.
const TMPFS: FsWord = 0x0102_1994;

/// Copies the first `size` bytes of `source` to the empty file `output`. Returns how many bytes from the start are there for
/// certain, which is also the length of the output: 0 if this is no case for it, and less than `size` if something failed,
/// which copying by other means will find again.
pub fn copy(source: &impl AsFd, output: &impl AsFd, size: u64) -> u64 {
    let (source, output) = (source.as_fd(), output.as_fd());
    let is_worth_it = size >= BYTES_MIN && thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let in_memory = |fd| fstatfs(fd).is_ok_and(|found| found.f_type == TMPFS);
    if !is_worth_it || !in_memory(output) || !in_memory(source) || ftruncate(output, size).is_err() {
        return 0;
    }
    let pieces = Pieces { size, next: AtomicU64::new(0), failed: AtomicU64::new(size) };
    thread::scope(|scope| {
        let fill = || pieces.each(|at, len| fill_mapped(source, output, at, len));
        // Without another thread this one does it all.
        let _ = thread::Builder::new().spawn_scoped(scope, fill);
        pieces.each(|at, len| copy_written(source, output, at, len));
    });
    let done = pieces.failed.into_inner();
    if done < size && ftruncate(output, done).is_err() {
        return 0;
    }
    done
}

/// Which pieces are taken, and where the first is that failed.
struct Pieces {
    size: u64,
    next: AtomicU64,
    failed: AtomicU64,
}

impl Pieces {
    fn each(&self, fill: impl Fn(u64, usize) -> Result<(), Code>) {
        while self.failed.load(Ordering::Relaxed) == self.size {
            let at = self.next.fetch_add(PIECE_BYTES, Ordering::Relaxed);
            if at >= self.size {
                return;
            }
            let len = PIECE_BYTES.min(self.size - at) as usize;
            if fill(at, len).is_err() {
                self.failed.fetch_min(at, Ordering::Relaxed);
            }
        }
    }
}

fn copy_written(source: BorrowedFd<'_>, output: BorrowedFd<'_>, at: u64, len: usize) -> Result<(), Code> {
    let (mut from, mut to, end) = (at, at, at + len as u64);
    while from < end {
        let left = (end - from) as usize;
        if retry(|| copy_file_range(source, Some(&mut from), output, Some(&mut to), left))? == 0 {
            return Err(Code::NODATA);
        }
    }
    Ok(())
}

fn fill_mapped(source: BorrowedFd<'_>, output: BorrowedFd<'_>, at: u64, len: usize) -> Result<(), Code> {
    let window = Window::new(output, at, len)?;
    for step in (0..len).step_by(STEP_BYTES) {
        window.fill(source, at, step, STEP_BYTES.min(len - step))?;
    }
    Ok(())
}

/// A part of the output, mapped.
struct Window {
    start: *mut c_void,
    len: usize,
}

impl Window {
    fn new(output: BorrowedFd<'_>, at: u64, len: usize) -> Result<Window, Code> {
        // SAFETY: a new mapping where the system finds room for it; nothing of ours is there.
        let start =
            unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, output, at)? };
        Ok(Window { start, len })
    }

    /// Makes the pages of one step and reads the source, whose byte `at` belongs at the start of the window, into them.
    fn fill(&self, source: BorrowedFd<'_>, at: u64, step: usize, len: usize) -> Result<(), Code> {
        let (mut done, end) = (step, step + len);
        // SAFETY: within the window, and advice changes nothing of what is there.
        unsafe { madvise(self.start.byte_add(step), len, Advice::LinuxPopulateWrite)? };
        while done < end {
            // SAFETY: within the window, mapped for as long as it lives, lent to nobody else, and without initial values that
            // anything relies on: only the kernel writes there, and checks each page itself.
            let room: &mut [std::mem::MaybeUninit<u8>] =
                unsafe { slice::from_raw_parts_mut(self.start.byte_add(done).cast(), end - done) };
            match retry(|| pread(source, &mut *room, at + done as u64).map(|(read, _)| read.len()))? {
                0 => return Err(Code::NODATA),
                count => done += count,
            }
        }
        Ok(())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nothing borrowed from it is left. It can't fail for what is mapped.
        let _ = unsafe { munmap(self.start, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::path::Path;

    #[test]
    fn what_is_there_is_equal_and_a_short_source_is_told() {
        let folder = Path::new("/dev/shm").join(format!("syncline-pieces-{}", std::process::id()));
        if fs::create_dir(&folder).is_err() {
            return; // without such a file system there is nothing to test
        }
        let size = BYTES_MIN + PIECE_BYTES / 2 + 12_345;
        let data: Vec<u8> = (0..size / 8).flat_map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
        fs::write(folder.join("from"), &data).unwrap();
        let source = File::open(folder.join("from")).unwrap();
        for (wanted, whole) in [(data.len() as u64, true), (data.len() as u64 + 3 * PIECE_BYTES, false)] {
            let output =
                File::options().read(true).write(true).create(true).truncate(true).open(folder.join("to")).unwrap();
            let done = copy(&source, &output, wanted);
            assert_eq!(done, output.metadata().unwrap().len());
            assert_eq!(done == wanted, whole);
            assert!(fs::read(folder.join("to")).unwrap() == data[..done as usize]);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
