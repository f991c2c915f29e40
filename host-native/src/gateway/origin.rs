//! Who asks: a page that may, or a program that must show a token.
//!
//! A browser names the page's origin in each WebSocket handshake, and no page can make it lie. A program can say anything, so
//! it gets in by a token only. The gateway's own pages are those whose origin is what the browser takes the gateway's address
//! to be: scheme and `Host`. But a name that an attacker owns can be made to point here (DNS rebinding), and then his
//! page's origin is such an address. So a `Host` counts only if it can't be his: an IP address, `localhost`, this machine's
//! name, or one that the operator has named.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, HeaderName, ORIGIN};

use super::refusal::Refusal;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A page of an allowed origin.
    Page(String),
    /// No browser.
    Program,
}

/// Which pages may connect.
pub struct Origins {
    /// Exactly these, if there are any.
    allowed: Vec<String>,
    /// Names of this machine.
    own_names: Vec<String>,
}

impl Origins {
    /// Pages of these origins, or the gateway's own ones. The error tells what is wrong with an origin.
    pub fn new(words: &[String]) -> Result<Origins, String> {
        let allowed: Vec<String> = words.iter().map(|word| origin(word)).collect::<Result<_, _>>()?;
        let mut own_names: Vec<String> =
            allowed.iter().map(|origin| host_of(after_scheme(origin)).to_owned()).collect();
        let system = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
        own_names.extend(["localhost".to_owned(), format!("{system}.local"), system]);
        Ok(Origins { allowed, own_names })
    }

    /// Judges a request by its headers; `secure` says that it came by TLS.
    pub fn judge(&self, headers: &HeaderMap, secure: bool) -> Result<Caller, Refusal> {
        let Some(origin) = only(headers, &ORIGIN).map_err(|()| Refusal::Origin)? else {
            return Ok(Caller::Program);
        };
        let is_allowed = match self.allowed.as_slice() {
            [] => {
                let host = self.host(headers)?;
                let scheme = if secure { "https" } else { "http" };
                origin == format!("{scheme}://{host}")
            }
            allowed => allowed.iter().any(|allowed| allowed == origin),
        };
        if is_allowed { Ok(Caller::Page(origin.to_owned())) } else { Err(Refusal::Origin) }
    }

    /// The `Host` of a request, in lower case, if nobody else can own that name.
    pub fn host(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let host = only(headers, &HOST).ok().flatten().ok_or(Refusal::Host)?.to_ascii_lowercase();
        let name = host_of(&host);
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_own = bare.parse::<IpAddr>().is_ok()
            || name.ends_with(".localhost")
            || self.own_names.iter().any(|own| !own.is_empty() && own == name);
        if is_own { Ok(host) } else { Err(Refusal::Host) }
    }
}

/// The value of a header that stands there at most once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        _ => Err(()),
    }
}

/// An origin as browsers write it, or what is wrong with this one.
fn origin(word: &str) -> Result<String, String> {
    let text = word.strip_suffix('/').unwrap_or(word).to_ascii_lowercase();
    let known = text.starts_with("http://") || text.starts_with("https://");
    let rest = after_scheme(&text);
    let plain = !rest.is_empty() && !rest.contains(|c: char| c == '/' || c == '?' || c == '#' || c == '@' || c <= ' ');
    if !known || !plain {
        return Err(format!("\"{word}\" is not an origin: it should look like https://files.example.org"));
    }
    let port = if text.starts_with("https:") { ":443" } else { ":80" };
    // Browsers leave the usual port out.
    Ok(text.strip_suffix(port).unwrap_or(&text).to_owned())
}

fn after_scheme(origin: &str) -> &str {
    origin.split_once("://").map_or("", |(_, rest)| rest)
}

/// The host in `host:port`; brackets of IPv6 stay.
fn host_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(origins: &[&str], origin: Option<&str>, host: &str, secure: bool) -> Result<Caller, Refusal> {
        let words: Vec<String> = origins.iter().map(|&word| word.to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        Origins::new(&words).unwrap().judge(&headers, secure)
    }

    #[test]
    fn own_pages() {
        for (origin, host, secure) in [
            ("http://127.0.0.1:8730", "127.0.0.1:8730", false),
            ("http://localhost:8730", "LOCALHOST:8730", false),
            ("https://[::1]:8730", "[::1]:8730", true),
            ("http://nas.localhost", "nas.localhost", false),
        ] {
            assert_eq!(judge(&[], Some(origin), host, secure), Ok(Caller::Page(origin.to_owned())), "{origin}");
        }
        assert_eq!(judge(&[], None, "anything", false), Ok(Caller::Program));
    }

    #[test]
    fn foreign_pages() {
        for (origin, host, secure, expect) in [
            ("http://evil.example", "127.0.0.1:8730", false, Refusal::Origin),
            ("null", "127.0.0.1:8730", false, Refusal::Origin),
            ("", "127.0.0.1:8730", false, Refusal::Origin),
            ("http://127.0.0.1", "127.0.0.1:8730", false, Refusal::Origin),
            ("http://127.0.0.1:87301", "127.0.0.1:8730", false, Refusal::Origin),
            ("http://127.0.0.1:8730.evil.example", "127.0.0.1:8730", false, Refusal::Origin),
            ("https://127.0.0.1:8730", "127.0.0.1:8730", false, Refusal::Origin),
            ("http://127.0.0.1:8730", "127.0.0.1:8730", true, Refusal::Origin),
            ("http://evil.example:8730", "evil.example:8730", false, Refusal::Host),
            ("http://localhost.evil.example", "localhost.evil.example", false, Refusal::Host),
        ] {
            assert_eq!(judge(&[], Some(origin), host, secure), Err(expect), "{origin}");
        }
    }

    #[test]
    fn named_origins() {
        let named = ["https://files.example.org:443/", "http://a.example:81"];
        let good = "https://files.example.org";
        assert_eq!(judge(&named, Some(good), "whatever", false), Ok(Caller::Page(good.to_owned())));
        assert!(judge(&named, Some("http://a.example:81"), "whatever", false).is_ok());
        for bad in [
            "http://files.example.org",
            "https://files.example.org.evil",
            "https://files.example.org:444",
            "http://127.0.0.1",
        ] {
            assert_eq!(judge(&named, Some(bad), "127.0.0.1", false), Err(Refusal::Origin), "{bad}");
        }
        for word in ["files.example.org", "https://", "ftp://x", "https://x/y", "https://u@x", "*"] {
            assert!(Origins::new(&[word.to_owned()]).is_err(), "{word}");
        }
    }

    #[test]
    fn twice_is_none() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, "127.0.0.1".parse().unwrap());
        headers.append(ORIGIN, "http://127.0.0.1".parse().unwrap());
        headers.append(ORIGIN, "http://evil.example".parse().unwrap());
        assert_eq!(Origins::new(&[]).unwrap().judge(&headers, false), Err(Refusal::Origin));
    }
}
