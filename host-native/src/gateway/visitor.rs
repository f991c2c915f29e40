//! Who a client is: the peer of the connection, or whom a reverse proxy that we trust names.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Its address. The port is that of the connection, even if the address is not.
    pub client: SocketAddr,
    /// Where it, or its proxy, has reached us.
    pub local: SocketAddr,
    /// Whether it came by TLS, as far as we can know.
    pub secure: bool,
    /// Whether something stands between it and us, believed or not.
    pub relayed: bool,
}

impl Visitor {
    /// The peer of a connection.
    pub fn of_connection(peer: SocketAddr, local: SocketAddr, secure: bool) -> Visitor {
        let client = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Visitor { client, local, secure, relayed: false }
    }

    /// The client of a request.
    pub fn of_request(self, headers: &HeaderMap, trusted: &[IpAddr]) -> Visitor {
        let relayed =
            ["x-forwarded-for", "forwarded", "via", "x-real-ip"].iter().any(|name| headers.contains_key(*name));
        if !trusted.contains(&self.client.ip()) {
            return Visitor { relayed, ..self };
        }
        let mut visitor = Visitor { relayed: true, ..self };
        if let Some(client) = client(headers, trusted) {
            visitor.client.set_ip(client);
        }
        let scheme = headers.get_all("x-forwarded-proto").iter().next_back();
        visitor.secure = scheme.map_or(self.secure, |scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
        visitor
    }
}

/// Each proxy appends whom it was called by: so the last one whom we don't trust is the client, and what comes before is its
/// own word.
fn client(headers: &HeaderMap, trusted: &[IpAddr]) -> Option<IpAddr> {
    let values: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str()).collect::<Result<_, _>>().ok()?;
    for word in values.iter().flat_map(|value| value.split(',')).rev() {
        let address = word.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !trusted.contains(&address) {
            return Some(address);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(peer: &str, lines: &[(&'static str, &str)]) -> Visitor {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let trusted = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let peer = format!("{peer}:5000").parse().unwrap();
        Visitor::of_connection(peer, "10.0.0.9:80".parse().unwrap(), false).of_request(&headers, &trusted)
    }

    #[test]
    fn forwarded() {
        for (peer, lines, expect) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &[("x-forwarded-for", "127.0.0.1")], "192.0.2.1"),
            ("10.0.0.1", &[("x-forwarded-for", "192.0.2.7")], "192.0.2.7"),
            ("10.0.0.1", &[("x-forwarded-for", "127.0.0.1, 192.0.2.7,10.0.0.2")], "192.0.2.7"),
            ("10.0.0.1", &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            ("10.0.0.1", &[("x-forwarded-for", "192.0.2.7, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(visit(peer, lines).client.ip().to_string(), expect, "{peer} {lines:?}");
        }
        assert!(visit("10.0.0.1", &[("x-forwarded-proto", "https")]).secure);
        assert!(!visit("192.0.2.1", &[("x-forwarded-proto", "https")]).secure);
        assert!(!visit("127.0.0.1", &[]).relayed);
        assert!(visit("127.0.0.1", &[("x-forwarded-for", "192.0.2.7")]).relayed);
    }
}
