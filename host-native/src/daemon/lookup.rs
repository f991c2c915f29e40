//! The names and addresses of peers (spec 5.6.1).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use super::access::{Names, Peer};
use super::log::Log;
use super::names::{self, Family};

/// The name when nobody has asked for it.
pub const UNDETERMINED: &[u8] = b"UNDETERMINED";
const UNKNOWN: &[u8] = b"UNKNOWN";

/// Asks the system, and writes into the log.
pub struct System<'a> {
    /// Where complaints go.
    pub log: &'a Log,
}

impl Names for System<'_> {
    fn addresses(&self, host: &[u8]) -> Option<Vec<IpAddr>> {
        let found = names::resolve(Some(host), 0, Family::V4).ok()?;
        Some(found.iter().map(SocketAddr::ip).collect())
    }

    fn in_netgroup(&self, group: &[u8], host: &[u8]) -> bool {
        names::in_netgroup(group, host)
    }

    fn log(&self, text: String) {
        self.log.warn(text);
    }
}

/// The numeric address of a connected socket's peer; `None` if it has none.
pub fn socket_address(socket: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let peer = rustix::net::getpeername(socket.as_fd()).ok()??;
    SocketAddr::try_from(peer).ok().map(numeric)
}

/// How an address is written: one that is mapped from IPv4 as IPv4, an IPv6 scope kept.
pub fn numeric(address: SocketAddr) -> Vec<u8> {
    let scope = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("%{}", v6.scope_id()),
        _ => String::new(),
    };
    format!("{}{scope}", address.ip().to_canonical()).into_bytes()
}

/// The name of an address, if that name leads back to the address.
pub fn host_name(address: &[u8], log: &Log) -> Vec<u8> {
    let text = String::from_utf8_lossy(address).into_owned();
    let Ok(ip) = text.split('%').next().unwrap_or("").parse::<IpAddr>() else {
        log.warn(format!("malformed address {text}: Name or service not known"));
        return UNKNOWN.to_vec();
    };
    let name = match names::reverse(ip) {
        Ok(name) => name,
        Err(reason) => {
            log.warn(format!("name lookup failed for {text}: {reason}"));
            return UNKNOWN.to_vec();
        }
    };
    let shown = String::from_utf8_lossy(&name);
    match names::resolve(Some(&name), 0, Family::Any) {
        Ok(found) if found.iter().any(|found| found.ip().to_canonical() == ip) => name,
        Ok(_) => {
            log.warn(format!("{text} is not a known address for \"{shown}\": spoofed address?"));
            UNKNOWN.to_vec()
        }
        Err(reason) => {
            log.warn(format!("forward name lookup for {shown} failed: {reason}"));
            UNKNOWN.to_vec()
        }
    }
}

/// The peer of a daemon behind a remote shell, as the shell's environment tells; `None` if that doesn't make sense.
pub fn shell_peer(value: impl Fn(&str) -> Option<String>) -> Option<Peer> {
    let variables = ["REMOTE_HOST", "SSH_CONNECTION", "SSH_CLIENT", "SSH2_CLIENT"];
    let Some(found) = variables.into_iter().find_map(value) else {
        return Some(Peer { host: UNKNOWN.to_vec(), address: b"0.0.0.0".to_vec() });
    };
    let word = found.split(' ').next().unwrap_or("");
    let ip: IpAddr = word.split('%').next().unwrap_or("").parse().ok()?;
    let mapped = ip.to_canonical() != ip;
    let address = if mapped { ip.to_canonical().to_string() } else { word.to_owned() };
    Some(Peer { host: UNDETERMINED.to_vec(), address: address.into_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, expect) in [
            ("1.2.3.4:5", "1.2.3.4"),
            ("[::ffff:1.2.3.4]:5", "1.2.3.4"),
            ("[::1]:5", "::1"),
            ("[fe80::1%3]:5", "fe80::1%3"),
        ] {
            assert_eq!(numeric(address.parse().unwrap()), expect.as_bytes());
        }
    }

    #[test]
    fn environment_of_a_remote_shell() {
        let peer = |name: &'static str, text: &'static str| {
            shell_peer(move |asked| (asked == name).then(|| text.to_owned())).map(|peer| peer.address)
        };
        assert_eq!(peer("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22"), Some(b"192.0.2.1".to_vec()));
        assert_eq!(peer("REMOTE_HOST", "::ffff:192.0.2.1"), Some(b"192.0.2.1".to_vec()));
        assert_eq!(peer("REMOTE_HOST", "example.org"), None);
        assert_eq!(peer("OTHER", "x"), Some(b"0.0.0.0".to_vec()));
    }
}
