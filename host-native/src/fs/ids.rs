//! Names of users and groups, and the other way round, each looked up once.
//!
//! The system's own functions are asked rather than `/etc/passwd`, since users may live in a directory service. They are
//! only to be had through `libc`, hence the `unsafe`, which stands nowhere else for this.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

/// Largest record that is read; the C library asks for more space by ERANGE.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Names that are remembered. They come from a peer, who must not be able to fill the memory with them.
const REMEMBERED_MAX: usize = 1 << 16;

/// What was looked up so far.
#[derive(Debug, Default)]
pub struct Ids {
    user_names: HashMap<u32, Option<Vec<u8>>>,
    group_names: HashMap<u32, Option<Vec<u8>>>,
    users: HashMap<Vec<u8>, Option<u32>>,
    groups: HashMap<Vec<u8>, Option<u32>>,
}

impl Ids {
    /// The name of a user.
    pub fn user_name(&mut self, uid: u32) -> Option<Vec<u8>> {
        bounded(&mut self.user_names).entry(uid).or_insert_with(|| user_name(uid)).clone()
    }

    /// The name of a group.
    pub fn group_name(&mut self, gid: u32) -> Option<Vec<u8>> {
        bounded(&mut self.group_names).entry(gid).or_insert_with(|| group_name(gid)).clone()
    }

    /// The id of a user.
    pub fn user(&mut self, name: Vec<u8>) -> Option<u32> {
        *bounded(&mut self.users).entry(name).or_insert_with_key(|name| user(name))
    }

    /// The id of a group.
    pub fn group(&mut self, name: Vec<u8>) -> Option<u32> {
        *bounded(&mut self.groups).entry(name).or_insert_with_key(|name| group(name))
    }
}

fn bounded<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= REMEMBERED_MAX {
        map.clear();
    }
    map
}

/// Runs a lookup of the `get…_r` kind with more and more space for its strings, and gives what `take` makes of the record.
///
/// `call` gets the record, the space and its length, and the pointer that is set when something was found.
fn look_up<R, T>(
    mut call: impl FnMut(*mut R, *mut c_char, usize, *mut *mut R) -> c_int,
    take: impl FnOnce(&R) -> T,
) -> Option<T> {
    let mut space: Vec<c_char> = vec![0; 1024];
    loop {
        let mut record = MaybeUninit::<R>::uninit();
        let mut found = ptr::null_mut();
        let code = call(record.as_mut_ptr(), space.as_mut_ptr(), space.len(), &mut found);
        match code {
            libc::EINTR => {}
            libc::ERANGE if space.len() < RECORD_BYTES_MAX => space.resize(space.len() * 4, 0),
            0 if !found.is_null() => {
                // SAFETY: the call says that it filled in the record, which `found` points to; `space` is still alive.
                return Some(take(unsafe { &*found }));
            }
            _ => return None,
        }
    }
}

fn user_name(uid: u32) -> Option<Vec<u8>> {
    look_up(
        // SAFETY: `look_up` passes valid pointers and the length of the space.
        |record, space, len, found| unsafe { libc::getpwuid_r(uid, record, space, len, found) },
        // SAFETY: the record is filled in, so its name is a C string in the space.
        |record: &libc::passwd| unsafe { CStr::from_ptr(record.pw_name) }.to_bytes().to_vec(),
    )
}

fn group_name(gid: u32) -> Option<Vec<u8>> {
    look_up(
        // SAFETY: as in `user_name`.
        |record, space, len, found| unsafe { libc::getgrgid_r(gid, record, space, len, found) },
        // SAFETY: as in `user_name`.
        |record: &libc::group| unsafe { CStr::from_ptr(record.gr_name) }.to_bytes().to_vec(),
    )
}

fn user(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    look_up(
        // SAFETY: as in `user_name`; the name is a C string that outlives the call.
        |record, space, len, found| unsafe { libc::getpwnam_r(name.as_ptr(), record, space, len, found) },
        |record: &libc::passwd| record.pw_uid,
    )
}

fn group(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    look_up(
        // SAFETY: as in `user`.
        |record, space, len, found| unsafe { libc::getgrnam_r(name.as_ptr(), record, space, len, found) },
        |record: &libc::group| record.gr_gid,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_both_ways_and_nobody_else_is_invented() {
        let mut ids = Ids::default();
        for _ in 0..2 {
            assert_eq!(ids.user_name(0), Some(b"root".to_vec()));
            assert_eq!(ids.user(b"root".to_vec()), Some(0));
            assert_eq!(ids.group_name(0), Some(b"root".to_vec()));
            assert_eq!(ids.group(b"root".to_vec()), Some(0));
            assert_eq!(ids.user_name(3_999_999_999), None);
            assert_eq!(ids.user(b"no such user".to_vec()), None);
            assert_eq!(ids.group(b"nul\0inside".to_vec()), None);
        }
    }
}
