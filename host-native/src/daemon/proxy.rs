//! The PROXY header that a load balancer puts in front of a connection, in its two versions (spec 5.7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is known of a header after some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// More bytes are needed.
    More,
    /// Complete: its length in bytes, and the client's address unless that of the socket counts.
    Complete(usize, Option<Vec<u8>>),
    /// No header: the connection is closed without a word.
    Bad,
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const TEXT_BYTES_MAX: usize = 107;
const PAYLOAD_BYTES_MAX: usize = 216;

/// Looks at the bytes received so far.
pub fn parse(bytes: &[u8]) -> Header {
    let same = bytes.iter().zip(SIGNATURE).take_while(|(ours, theirs)| ours == theirs).count();
    match same {
        12 => binary(bytes),
        same if same == bytes.len() => Header::More,
        _ => text(bytes),
    }
}

fn text(bytes: &[u8]) -> Header {
    let start = &bytes[..bytes.len().min(6)];
    if !b"PROXY ".starts_with(start) {
        return Header::Bad;
    }
    let Some(end) = bytes.iter().take(TEXT_BYTES_MAX).position(|&byte| byte == b'\n') else {
        return if bytes.len() < TEXT_BYTES_MAX { Header::More } else { Header::Bad };
    };
    let Some(line) = bytes[6..].get(..end.saturating_sub(7)).filter(|_| bytes.get(end.wrapping_sub(1)) == Some(&b'\r'))
    else {
        return Header::Bad;
    };
    if line.starts_with(b"UNKNOWN") {
        return Header::Complete(end + 1, None);
    }
    match source(line) {
        Some(address) => Header::Complete(end + 1, Some(address)),
        None => Header::Bad,
    }
}

/// The source address of `TCP4 SRC DST SPORT DPORT`, as it was written.
fn source(line: &[u8]) -> Option<Vec<u8>> {
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    let [family, from, to, from_port, to_port] = words[..] else {
        return None;
    };
    let valid = |address: &str| match family {
        "TCP4" => address.parse::<Ipv4Addr>().is_ok(),
        "TCP6" => address.parse::<Ipv6Addr>().is_ok(),
        _ => false,
    };
    let port = |text: &str| text.parse::<u16>().is_ok_and(|port| port != 0);
    (valid(from) && valid(to) && port(from_port) && port(to_port)).then(|| from.as_bytes().to_vec())
}

fn binary(bytes: &[u8]) -> Header {
    let Some(&[command, family, high, low]) = bytes.get(12..16) else {
        return Header::More;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 || command & 15 > 1 || length > PAYLOAD_BYTES_MAX {
        return Header::Bad;
    }
    let Some(payload) = bytes.get(16..16 + length) else {
        return Header::More;
    };
    let address: Option<IpAddr> = match (command & 15, family) {
        (1, 0x11) => match (payload.len(), payload.first_chunk::<4>()) {
            (12, Some(source)) => Some(Ipv4Addr::from(*source).into()),
            _ => return Header::Bad,
        },
        (1, 0x21) => match (payload.len(), payload.first_chunk::<16>()) {
            (36, Some(source)) => Some(Ipv6Addr::from(*source).into()),
            _ => return Header::Bad,
        },
        _ => None,
    };
    let address = address.map(|address| address.to_canonical().to_string().into_bytes());
    Header::Complete(16 + length, address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expect: Header) {
        let whole = [bytes, b"@RSYNCD: 32.0 md5\n"].concat();
        assert_eq!(parse(&whole), expect);
        if let Header::Complete(length, _) = expect {
            assert_eq!(length, bytes.len());
            for part in 0..length {
                assert_eq!(parse(&bytes[..part]), Header::More, "{part}");
            }
        }
    }

    #[test]
    fn text_headers() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 873\r\n";
        check(line, Header::Complete(line.len(), Some(b"192.0.2.1".to_vec())));
        let line = b"PROXY TCP6 2001:db8::1 ::1 5000 873\r\n";
        check(line, Header::Complete(line.len(), Some(b"2001:db8::1".to_vec())));
        check(b"PROXY UNKNOWN\r\n", Header::Complete(15, None));
        check(b"PROXY TCP4 192.0.2.1 192.0.2.2 0 873\r\n", Header::Bad);
        check(b"PROXY TCP4 ::1 192.0.2.2 1 873\r\n", Header::Bad);
        check(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 873\n", Header::Bad);
        check(b"\n", Header::Bad);
        check(b"PROXY \n", Header::Bad);
        check(b"", Header::Bad);
        check(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat(), Header::Bad);
    }

    #[test]
    fn binary_headers() {
        let header = |rest: &[u8]| [SIGNATURE.as_slice(), rest].concat();
        let v4 = header(b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x34\x03\x69");
        check(&v4, Header::Complete(28, Some(b"192.0.2.1".to_vec())));
        let v6 = header(&[b"\x21\x21\x00\x24".as_slice(), &[0; 15], &[1], &[0; 20]].concat());
        check(&v6, Header::Complete(52, Some(b"::1".to_vec())));
        check(&header(b"\x20\x00\x00\x00"), Header::Complete(16, None));
        check(&header(b"\x21\x31\x00\x02xx"), Header::Complete(18, None));
        check(&header(b"\x31\x11\x00\x0cxxxxxxxxxxxx"), Header::Bad);
        check(&header(b"\x22\x11\x00\x0cxxxxxxxxxxxx"), Header::Bad);
        check(&header(b"\x21\x11\x00\x0dxxxxxxxxxxxxx"), Header::Bad);
        check(&header(b"\x21\x00\x00\xd9"), Header::Bad);
    }
}
