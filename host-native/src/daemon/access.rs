//! Which hosts may use a module (spec 5.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{lists, wild};

/// The peer of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name, or `UNKNOWN` or `UNDETERMINED`.
    pub host: Vec<u8>,
    /// Its numeric address.
    pub address: Vec<u8>,
}

/// What access decisions need to know of the world.
pub trait Names {
    /// The IPv4 addresses of a host, or `None` if its name does not resolve.
    fn addresses(&self, host: &[u8]) -> Option<Vec<IpAddr>>;
    /// Whether a host is in a netgroup.
    fn in_netgroup(&self, group: &[u8], host: &[u8]) -> bool;
    /// A line for the log.
    fn log(&self, text: String);
}

/// What is configured.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// `hosts allow`
    pub allow: &'a [u8],
    /// `hosts deny`
    pub deny: &'a [u8],
    /// `forward lookup`: host names in the lists are resolved.
    pub forward_lookup: bool,
}

/// Whether the peer may come in. Its host becomes the name that matched, if it was not known.
pub fn allowed(peer: &mut Peer, rules: Rules<'_>, names: &dyn Names) -> bool {
    let allow = tokens(rules.allow);
    let deny = tokens(rules.deny);
    let mut check = Check { peer, names, forward_lookup: rules.forward_lookup, unresolved_matches: false };
    if !allow.is_empty() {
        if check.any(&allow) {
            return true;
        }
        if deny.is_empty() {
            return false;
        }
    }
    // A name that can't be resolved might be the peer's: it is kept out.
    check.unresolved_matches = true;
    !check.any(&deny)
}

/// Whether an address is in a list without host names, as that of the trusted proxies.
pub fn listed(address: &[u8], list: &[u8], names: &dyn Names) -> bool {
    let mut peer = Peer { host: b"UNDETERMINED".to_vec(), address: address.to_vec() };
    let mut check = Check { peer: &mut peer, names, forward_lookup: false, unresolved_matches: false };
    check.any(&tokens(list))
}

fn tokens(list: &[u8]) -> Vec<Vec<u8>> {
    let tokens = lists::split(list, b" ,\t");
    tokens.iter().map(|token| token.to_ascii_lowercase()).collect()
}

struct Check<'a> {
    peer: &'a mut Peer,
    names: &'a dyn Names,
    forward_lookup: bool,
    unresolved_matches: bool,
}

impl Check<'_> {
    fn any(&mut self, tokens: &[Vec<u8>]) -> bool {
        tokens.iter().any(|token| self.host(token) || self.address(token))
    }

    fn host(&mut self, token: &[u8]) -> bool {
        if let [b'@', group @ ..] = token {
            return self.names.in_netgroup(group, &self.peer.host);
        }
        if wild::matches_any_case(token, &self.peer.host) {
            return true;
        }
        let numeric = token.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !self.forward_lookup || numeric || token.iter().any(|byte| b":/*?[".contains(byte)) {
            return false;
        }
        let Some(addresses) = self.names.addresses(token) else {
            return self.unresolved_matches;
        };
        let found = address(&self.peer.address).is_some_and(|(peer, _)| addresses.contains(&peer));
        if found && self.peer.host == b"UNDETERMINED" {
            self.peer.host = token.to_vec();
        }
        found
    }

    fn address(&self, token: &[u8]) -> bool {
        let (network, mask) = match token.iter().position(|&byte| byte == b'/') {
            Some(at) => (&token[..at], Some(&token[at + 1..])),
            None => (token, None),
        };
        // Only what looks like an address is worth a complaint.
        let looks_numeric =
            network.contains(&b':') || network.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !looks_numeric {
            return false;
        }
        let shown = String::from_utf8_lossy(token);
        let Some((network, scope)) = address(network) else {
            let reason = "Name or service not known";
            self.names.log(format!("error matching address {shown}: {reason}"));
            return false;
        };
        let Some((peer, peer_scope)) = address(&self.peer.address) else {
            return false;
        };
        if peer.is_ipv4() != network.is_ipv4() || (scope.is_some() && scope != peer_scope) {
            return false;
        }
        let Some(mask) = mask else {
            return peer == network;
        };
        match mask_bits(mask, network.is_ipv4()) {
            Some(mask) => bits(peer) & mask == bits(network) & mask,
            None => {
                self.names.log(format!("malformed mask in {shown}"));
                false
            }
        }
    }
}

/// An address in numbers, and the scope after a percent sign.
fn address(text: &[u8]) -> Option<(IpAddr, Option<&[u8]>)> {
    let (text, scope) = match text.iter().position(|&byte| byte == b'%') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let text = std::str::from_utf8(text).ok()?;
    Some((text.parse().ok().or_else(|| short(text))?, scope))
}

/// An IPv4 address as the system's resolver takes it too: of up to four numbers the last fills what is left, and a leading
/// zero makes a number octal.
fn short(text: &str) -> Option<IpAddr> {
    let number = |part: &str| match part.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        Some(octal) => u32::from_str_radix(octal, 8).ok(),
        None => part.parse().ok(),
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (&last, first) = parts.split_last().filter(|_| parts.len() <= 4)?;
    let room = 32 - 8 * first.len() as u32;
    let fits = first.iter().all(|part| *part < 256) && last.checked_shr(room).unwrap_or(0) == 0;
    let high = first.iter().enumerate().fold(0, |bits, (at, part)| bits | part << (24 - 8 * at));
    fits.then(|| Ipv4Addr::from(high | last).into())
}

/// The address as a number, at the top of 128 bits.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

/// A mask given as a number of bits or as an address.
fn mask_bits(mask: &[u8], v4: bool) -> Option<u128> {
    let mask = std::str::from_utf8(mask).ok()?;
    if !mask.is_empty() && mask.bytes().all(|byte| byte.is_ascii_digit()) {
        let count: u32 = mask.parse().ok()?;
        let max = if v4 { 32 } else { 128 };
        // A shift by all 128 bits is not a shift in Rust.
        return (count <= max).then(|| u128::MAX.checked_shl(128 - count).unwrap_or(0));
    }
    match v4 {
        true => mask.parse::<Ipv4Addr>().ok().map(|mask| bits(mask.into())),
        false => mask.parse::<Ipv6Addr>().ok().map(|mask| bits(mask.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[derive(Default)]
    struct World {
        log: RefCell<Vec<String>>,
    }

    impl Names for World {
        fn addresses(&self, host: &[u8]) -> Option<Vec<IpAddr>> {
            (host == b"known.org").then(|| vec!["192.0.2.7".parse().unwrap()])
        }
        fn in_netgroup(&self, group: &[u8], host: &[u8]) -> bool {
            group == b"friends" && host == b"joe.org"
        }
        fn log(&self, text: String) {
            self.log.borrow_mut().push(text);
        }
    }

    fn is_allowed(host: &str, address: &str, allow: &str, deny: &str) -> bool {
        let mut peer = Peer { host: host.into(), address: address.into() };
        let rules = Rules { allow: allow.as_bytes(), deny: deny.as_bytes(), forward_lookup: true };
        allowed(&mut peer, rules, &World::default())
    }

    #[test]
    fn decision() {
        for (allow, deny, expect) in [
            ("", "", true),
            ("192.0.2.7", "", true),
            ("10.0.0.1", "", false),
            ("192.0.2.7", "*", true),
            ("10.0.0.1", "*", false),
            ("10.0.0.1", "10.0.0.2", true),
            ("", "192.0.2.7", false),
            ("", "10.0.0.1", true),
        ] {
            assert_eq!(is_allowed("UNDETERMINED", "192.0.2.7", allow, deny), expect, "{allow:?} {deny:?}");
        }
    }

    #[test]
    fn tokens_match() {
        for (token, host, address, expect) in [
            ("192.0.2.0/24", "h", "192.0.2.7", true),
            ("192.0.2.0/25", "h", "192.0.2.200", false),
            ("0.0.0.0/0", "h", "1.2.3.4", true),
            ("0.0.0.0/0", "h", "::1", false),
            ("10.0.0.0/255.0.0.0", "h", "10.9.9.9", true),
            ("10.0.0.0/255.0.0.0", "h", "11.9.9.9", false),
            ("::1", "h", "::1", true),
            ("2001:db8::/32", "h", "2001:db8:1::1", true),
            ("2001:db8::/32", "h", "2001:db9::1", false),
            ("fe80::/ffff:ffff:ffff:ffff::", "h", "fe80::1", true),
            ("fe80::1%eth0", "h", "fe80::1%eth0", true),
            ("fe80::1%eth0", "h", "fe80::1%eth1", false),
            ("192.0.2.7/33", "h", "192.0.2.7", false),
            ("300.1.1.1", "h", "192.0.2.7", false),
            ("127.1", "h", "127.0.0.1", true),
            ("192.519", "h", "192.0.2.7", true),
            ("3221225991", "h", "192.0.2.7", true),
            ("0300.0.2.7", "h", "192.0.2.7", true),
            ("192.0.2.0.7", "h", "192.0.2.7", false),
            ("192.0.2.256", "h", "192.0.2.7", false),
            ("127.16777216", "h", "127.0.0.1", false),
            ("*.Example.org", "www.EXAMPLE.org", "192.0.2.7", true),
            ("*", "UNKNOWN", "192.0.2.7", true),
            ("@friends", "joe.org", "192.0.2.7", true),
            ("@friends", "jim.org", "192.0.2.7", false),
            ("known.org", "UNDETERMINED", "192.0.2.7", true),
            ("known.org", "UNDETERMINED", "192.0.2.8", false),
            ("unknown.org", "UNDETERMINED", "192.0.2.7", false),
        ] {
            assert_eq!(is_allowed(host, address, token, ""), expect, "{token} {host} {address}");
        }
    }

    #[test]
    fn unresolvable_names_are_denied() {
        assert!(!is_allowed("UNDETERMINED", "192.0.2.7", "", "unknown.org"));
        assert!(is_allowed("UNDETERMINED", "192.0.2.7", "", "known.org/8"));
    }

    #[test]
    fn a_name_that_matched_is_shown() {
        let mut peer = Peer { host: b"UNDETERMINED".to_vec(), address: b"192.0.2.7".to_vec() };
        let rules = Rules { allow: b"known.org", deny: b"", forward_lookup: true };
        assert!(allowed(&mut peer, rules, &World::default()));
        assert_eq!(peer.host, b"known.org");
    }

    #[test]
    fn bad_tokens_are_logged() {
        let world = World::default();
        let rules = Rules { allow: b"", deny: b"1.2.3.4/99 1.2.3.4.5", forward_lookup: false };
        allowed(&mut Peer { host: b"h".to_vec(), address: b"1.2.3.4".to_vec() }, rules, &world);
        let log = world.log.borrow();
        assert_eq!(log[0], "malformed mask in 1.2.3.4/99");
        assert!(log[1].starts_with("error matching address 1.2.3.4.5: "));
    }
}
