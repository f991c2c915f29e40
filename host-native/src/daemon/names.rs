//! The system's databases of users, groups and hosts. The C library has no safe interface to them; what it returns is
//! copied at once, because the next look-up overwrites it (and the daemon runs no threads).

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr;

/// A user of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: Vec<u8>,
    /// Id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
}

/// Looks a user up by name.
pub fn user_by_name(name: &[u8]) -> Option<User> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is a C string; the result is copied before anything else can overwrite it (there are no threads).
    unsafe { libc::getpwnam(name.as_ptr()).as_ref().map(user_from) }
}

/// Looks a user up by id.
pub fn user_by_id(uid: u32) -> Option<User> {
    // SAFETY: as in `user_by_name`.
    unsafe { libc::getpwuid(uid).as_ref().map(user_from) }
}

fn user_from(entry: &libc::passwd) -> User {
    // SAFETY: the system fills the name with a C string.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    User { name: name.to_bytes().to_vec(), uid: entry.pw_uid, gid: entry.pw_gid }
}

/// Looks a group up by name.
pub fn group_by_name(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is a C string; the result is copied at once.
    unsafe { libc::getgrnam(name.as_ptr()).as_ref().map(|entry| entry.gr_gid) }
}

/// The name of a group.
pub fn group_name(gid: u32) -> Option<Vec<u8>> {
    // SAFETY: the result is copied at once; the system fills the name with a C string.
    unsafe { libc::getgrgid(gid).as_ref().map(|entry| CStr::from_ptr(entry.gr_name).to_bytes().to_vec()) }
}

/// All groups of a user, the primary one first.
pub fn groups_of(user: &User) -> Option<Vec<u32>> {
    let name = CString::new(user.name.as_slice()).ok()?;
    let mut gids: Vec<libc::gid_t> = vec![0; 64];
    for _ in 0..12 {
        let mut count = gids.len() as libc::c_int;
        // SAFETY: `name` is a C string; `count` is the length of `gids`.
        let found = unsafe { libc::getgrouplist(name.as_ptr(), user.gid as _, gids.as_mut_ptr().cast(), &mut count) };
        if found >= 0 {
            gids.truncate(usize::try_from(count).unwrap_or(0));
            return Some(gids);
        }
        gids.resize(gids.len() * 2, 0);
    }
    None
}

/// Which family of addresses is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Family {
    /// Any.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// Resolves a host name, or without one the addresses to listen on; the error is what the system calls it.
pub fn resolve(host: Option<&[u8]>, port: u16, family: Family) -> Result<Vec<SocketAddr>, String> {
    let invalid = |_| String::from("Name or service not known");
    let host = host.map(CString::new).transpose().map_err(invalid)?;
    let service = CString::new(port.to_string()).map_err(invalid)?;
    // SAFETY: an all-zero addrinfo is a valid set of hints.
    let mut hints: libc::addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = libc::AI_PASSIVE;
    hints.ai_family = match family {
        Family::Any => libc::AF_UNSPEC,
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    let node = host.as_ref().map_or(ptr::null(), |host| host.as_ptr());
    let mut list = ptr::null_mut();
    // SAFETY: all pointers are valid for the call; `list` is freed below.
    let code = unsafe { libc::getaddrinfo(node, service.as_ptr(), &hints, &mut list) };
    if code != 0 {
        return Err(gai_error(code));
    }
    let mut found = Vec::new();
    let mut entry = list;
    // SAFETY: the list is as getaddrinfo made it: each entry is valid and holds an address of its family's type.
    while let Some(info) = unsafe { entry.as_ref() } {
        found.extend(unsafe { address_from(info.ai_addr) });
        entry = info.ai_next;
    }
    // SAFETY: `list` came from getaddrinfo and is used no more.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}

fn gai_error(code: libc::c_int) -> String {
    // SAFETY: gai_strerror returns a static C string for every code.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    text.to_string_lossy().into_owned()
}

/// # Safety
/// `address` is null or points to an address of the type that its family says.
unsafe fn address_from(address: *const libc::sockaddr) -> Option<SocketAddr> {
    // SAFETY: by the contract of this function.
    unsafe {
        match libc::c_int::from(address.as_ref()?.sa_family) {
            libc::AF_INET => {
                let v4 = &*address.cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let v6 = &*address.cast::<libc::sockaddr_in6>();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// The name of an address, by the domain name system; the error is what the system calls it.
pub fn reverse(ip: IpAddr) -> Result<Vec<u8>, String> {
    let mut host = [0 as libc::c_char; 1025];
    // SAFETY: all-zero socket addresses are valid; address and buffer are described by their lengths.
    let code = unsafe {
        let mut storage: libc::sockaddr_storage = MaybeUninit::zeroed().assume_init();
        let at = &raw mut storage;
        let length = match ip {
            IpAddr::V4(ip) => {
                let v4 = &mut *at.cast::<libc::sockaddr_in>();
                v4.sin_family = libc::AF_INET as libc::sa_family_t;
                v4.sin_addr.s_addr = u32::from(ip).to_be();
                size_of::<libc::sockaddr_in>()
            }
            IpAddr::V6(ip) => {
                let v6 = &mut *at.cast::<libc::sockaddr_in6>();
                v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                v6.sin6_addr.s6_addr = ip.octets();
                size_of::<libc::sockaddr_in6>()
            }
        };
        let (to, max) = (host.as_mut_ptr(), host.len() as libc::socklen_t);
        libc::getnameinfo(at.cast(), length as libc::socklen_t, to, max, ptr::null_mut(), 0, libc::NI_NAMEREQD)
    };
    if code != 0 {
        return Err(gai_error(code));
    }
    // SAFETY: getnameinfo has put a C string into `host`.
    Ok(unsafe { CStr::from_ptr(host.as_ptr()) }.to_bytes().to_vec())
}

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn innetgr(
        group: *const libc::c_char,
        host: *const libc::c_char,
        user: *const libc::c_char,
        domain: *const libc::c_char,
    ) -> libc::c_int;
}

/// Whether a host belongs to a netgroup. Systems without netgroups have no members.
#[cfg(target_env = "gnu")]
pub fn in_netgroup(group: &[u8], host: &[u8]) -> bool {
    let (Ok(group), Ok(host)) = (CString::new(group), CString::new(host)) else {
        return false;
    };
    // SAFETY: C strings, and null where anything matches.
    unsafe { innetgr(group.as_ptr(), host.as_ptr(), ptr::null(), ptr::null()) != 0 }
}

/// Whether a host belongs to a netgroup. Systems without netgroups have no members.
#[cfg(not(target_env = "gnu"))]
pub fn in_netgroup(_group: &[u8], _host: &[u8]) -> bool {
    false
}
