//! Lists of socket options, as in `socket options` and `--sockopts` (spec 5.1.7).

use std::os::fd::BorrowedFd;

use super::log::strerror;
use super::params::integer;
use super::{lists, sys};

enum Kind {
    /// An integer or a switch; 1 when no value is given.
    Number(i32, i32),
    /// A time, given in seconds.
    Time(i32),
    /// A fixed value; none may be given.
    Fixed(i32, i32, i32),
}

const OPTIONS: &[(&str, Kind)] = &[
    ("SO_KEEPALIVE", Kind::Number(libc::SOL_SOCKET, libc::SO_KEEPALIVE)),
    ("SO_REUSEADDR", Kind::Number(libc::SOL_SOCKET, libc::SO_REUSEADDR)),
    ("SO_BROADCAST", Kind::Number(libc::SOL_SOCKET, libc::SO_BROADCAST)),
    ("TCP_NODELAY", Kind::Number(libc::IPPROTO_TCP, libc::TCP_NODELAY)),
    ("SO_SNDBUF", Kind::Number(libc::SOL_SOCKET, libc::SO_SNDBUF)),
    ("SO_RCVBUF", Kind::Number(libc::SOL_SOCKET, libc::SO_RCVBUF)),
    ("SO_SNDLOWAT", Kind::Number(libc::SOL_SOCKET, libc::SO_SNDLOWAT)),
    ("SO_RCVLOWAT", Kind::Number(libc::SOL_SOCKET, libc::SO_RCVLOWAT)),
    ("SO_SNDTIMEO", Kind::Time(libc::SO_SNDTIMEO)),
    ("SO_RCVTIMEO", Kind::Time(libc::SO_RCVTIMEO)),
    ("IPTOS_LOWDELAY", Kind::Fixed(libc::IPPROTO_IP, libc::IP_TOS, 0x10)),
    ("IPTOS_THROUGHPUT", Kind::Fixed(libc::IPPROTO_IP, libc::IP_TOS, 0x08)),
];

/// Sets all options of a list. Complaints are not fatal; each is a line for the log.
pub fn apply(socket: BorrowedFd<'_>, list: &[u8], complaints: &mut Vec<String>) {
    for item in lists::split(list, b" \t,") {
        let (name, value) = match item.iter().position(|&byte| byte == b'=') {
            Some(at) => (&item[..at], Some(&item[at + 1..])),
            None => (item, None),
        };
        let shown = String::from_utf8_lossy(name);
        let Some((_, kind)) = OPTIONS.iter().find(|(known, _)| known.as_bytes() == name) else {
            complaints.push(format!("Unknown socket option {shown}"));
            continue;
        };
        let number = value.map_or(1, |value| integer(value) as i32);
        let done = match *kind {
            Kind::Fixed(..) if value.is_some() => {
                complaints.push(format!("syntax error -- {shown} does not take a value"));
                continue;
            }
            Kind::Fixed(level, option, number) => sys::set_socket_option(socket, level, option, number),
            Kind::Number(level, option) => sys::set_socket_option(socket, level, option, number),
            Kind::Time(option) => sys::set_socket_time(socket, option, number),
        };
        if let Err(error) = done {
            complaints.push(format!("rsync: [Receiver] failed to set socket option {shown}: {}", strerror(&error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn lists_are_applied() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut complaints = Vec::new();
        apply(socket.as_fd(), b"SO_KEEPALIVE,TCP_NODELAY=1\tFOO IPTOS_LOWDELAY=3 SO_RCVTIMEO=5", &mut complaints);
        assert_eq!(complaints, ["Unknown socket option FOO", "syntax error -- IPTOS_LOWDELAY does not take a value"]);
        assert!(rustix::net::sockopt::socket_keepalive(&socket).unwrap());
        assert!(rustix::net::sockopt::tcp_nodelay(&socket).unwrap());
    }
}
