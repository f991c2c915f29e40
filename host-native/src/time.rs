//! What the engine may not know by itself: the time, the local time zone, the umask and the groups of this process.
//!
//! `unsafe` stands here for `localtime_r`, which no crate of ours wraps, and for what a child does before it runs its program.

use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::Mode;
use rustix::time::{ClockId, clock_gettime};

static STARTED_WITH: AtomicU32 = AtomicU32::new(0o022);

/// Milliseconds on a clock that never goes back.
pub fn monotonic_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Seconds since 1970.
pub fn unix_seconds() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    }
}

/// Seconds that local time was ahead of UTC at a moment, or 0 if it can't be told.
pub fn local_offset(unix_seconds: i64) -> i32 {
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, and `tm` is plain data for which all zeros is a value.
    let found = unsafe { !libc::localtime_r(&unix_seconds, parts.as_mut_ptr()).is_null() };
    // SAFETY: zeroed above, so initialised whether or not the call filled it in.
    let parts = unsafe { parts.assume_init() };
    if found { i32::try_from(parts.tm_gmtoff).unwrap_or(0) } else { 0 }
}

/// The umask this process was started with. From now on it is 0: modes are computed by the engine, exactly.
pub fn umask_and_clear() -> u32 {
    let umask = rustix::process::umask(Mode::empty()).bits();
    STARTED_WITH.store(umask, Ordering::Relaxed);
    umask
}

/// Gives a child process the umask that this one was started with: what it makes is its own affair.
pub fn restore_umask(command: &mut Command) {
    let umask = Mode::from_raw_mode(STARTED_WITH.load(Ordering::Relaxed));
    // SAFETY: between fork and exec the closure makes one system call, and touches no memory but its own copy of the umask.
    unsafe {
        command.pre_exec(move || {
            rustix::process::umask(umask);
            Ok(())
        });
    }
}

/// The groups this process is in, the effective one among them.
pub fn groups() -> Vec<u32> {
    let mut groups: Vec<u32> =
        rustix::process::getgroups().unwrap_or_default().iter().map(|group| group.as_raw()).collect();
    let effective = rustix::process::getegid().as_raw();
    if !groups.contains(&effective) {
        groups.push(effective);
    }
    groups
}

/// Local time of a moment.
pub fn local_time(unix_seconds: i64) -> syncline_core::report::LocalTime {
    syncline_core::report::LocalTime::at(unix_seconds, local_offset(unix_seconds))
}

/// The effective group.
pub fn egid() -> u32 {
    rustix::process::getegid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance() {
        let before = monotonic_ms();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(monotonic_ms() >= before + 4);
        assert!(unix_seconds() > 1_700_000_000);
    }

    #[test]
    fn offsets_are_whole_minutes_of_less_than_a_day() {
        let offset = local_offset(1_700_000_000);
        assert!(offset % 60 == 0 && offset.abs() < 86_400, "{offset}");
    }

    #[test]
    fn the_effective_group_is_among_the_groups() {
        assert!(groups().contains(&rustix::process::getegid().as_raw()));
    }
}
