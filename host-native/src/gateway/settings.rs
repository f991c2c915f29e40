//! What the gateway is told to do: words of the command line or of a configuration file, checked.

use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;

use super::args::{self, LimitWords, Web};
use super::dial::{Header, Route};
use super::origin::Origins;
use super::page::Page;
use super::tls;

/// A daemon that clients may reach.
#[derive(Debug)]
pub struct Target {
    /// As it stands in `/ws/NAME`.
    pub name: String,
    /// As the page shows it.
    pub title: String,
    /// How it is reached.
    pub route: Route,
}

/// Everything but where to listen.
pub struct Settings {
    /// The table in which a client's word is looked up.
    pub targets: Vec<Target>,
    /// Which pages may connect.
    pub origins: Origins,
    /// What programs can get tokens by.
    pub secrets: Vec<Vec<u8>>,
    /// With TLS, or without.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whose word about a client's address is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// What is served.
    pub page: Page,
    /// Whether others than this machine may read the metrics.
    pub open_metrics: bool,
    /// Bounds.
    pub limits: LimitWords,
}

const PORT: u16 = 873;

impl Settings {
    /// Reads the files that the words name. The error says what is wrong with a word or a file.
    pub fn new(web: &Web, limits: LimitWords, targets: Vec<Target>) -> Result<Settings, String> {
        Ok(Settings {
            targets,
            origins: Origins::new(&web.origins)?,
            secrets: web.token_file.as_deref().map(secrets).transpose()?.unwrap_or_default(),
            tls: match (&web.certificate, &web.key) {
                (Some(certificate), Some(key)) => Some(tls::server(certificate, key)?),
                _ => None,
            },
            trusted_proxies: web.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            page: Page::new(web.page.as_deref())?,
            open_metrics: web.metrics,
            limits,
        })
    }
}

/// The targets of a command line.
pub fn targets(args: &args::Gateway) -> Result<Vec<Target>, String> {
    let mut targets: Vec<Target> = Vec::new();
    for word in &args.targets {
        let (name, url) =
            word.split_once('=').ok_or_else(|| format!("--target {word}: NAME=rsync://HOST is needed"))?;
        if !is_name(name) {
            return Err(format!("--target {word}: a name consists of letters, digits, '.', '_' and '-'"));
        }
        if targets.iter().any(|target| target.name == name) {
            return Err(format!("--target {word}: there is a target \"{name}\" already"));
        }
        let (host, port) = host_and_port(url).ok_or_else(|| {
            format!("--target {word}: \"{url}\" is not of the form rsync://HOST[:PORT] (modules are chosen by clients)")
        })?;
        let route = Route::Socket { host, port, header: Header::None };
        targets.push(Target { name: name.to_owned(), title: name.to_owned(), route });
    }
    for word in &args.titles {
        let (name, title) = word.split_once('=').ok_or_else(|| format!("--title {word}: NAME=TEXT is needed"))?;
        title.clone_into(&mut find(&mut targets, name, "--title")?.title);
    }
    for word in &args.proxied {
        let (name, version) = word.split_once('=').unwrap_or((word, "v2"));
        let target = find(&mut targets, name, "--proxy-protocol")?;
        if let Route::Socket { header, .. } = &mut target.route {
            *header = match version {
                "v1" => Header::Text,
                "v2" => Header::Binary,
                _ => return Err(format!("--proxy-protocol {word}: the versions are v1 and v2")),
            };
        }
    }
    Ok(targets)
}

fn find<'a>(targets: &'a mut [Target], name: &str, option: &str) -> Result<&'a mut Target, String> {
    let found = targets.iter_mut().find(|target| target.name == name);
    found.ok_or_else(|| format!("{option}: there is no target \"{name}\""))
}

/// Names are plain, so that none of them has two spellings in a URL.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != ".."
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("rsync://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|&port| port != 0))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    (!host.is_empty() && host.bytes().all(plain)).then(|| (host.to_owned(), port))
}

/// The addresses of `HOST:PORT`.
pub fn addresses(word: &str) -> Result<Vec<SocketAddr>, String> {
    let found = word.to_socket_addrs().map_err(|error| format!("can't listen on {word}: {error}"))?;
    Ok(found.collect())
}

fn secrets(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let shown = path.display();
    let failed = |error| format!("can't read the token file {shown}: {error}");
    let text = fs::read(path).map_err(failed)?;
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o007 != 0 {
        return Err(format!("the token file {shown} is open to all users; chmod o= it"));
    }
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let secrets: Vec<Vec<u8>> =
        lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(<[u8]>::to_vec).collect();
    match secrets.iter().map(Vec::len).min() {
        None => Err(format!("the token file {shown} holds no secret")),
        Some(0..16) => Err(format!("a secret in the token file {shown} has less than 16 characters")),
        Some(_) => Ok(secrets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn parse(words: &[&str]) -> Result<Vec<Target>, String> {
        targets(&args::Gateway::try_parse_from([&["gateway"], words].concat()).map_err(|error| error.to_string())?)
    }

    #[test]
    fn hosts() {
        for (url, expect) in [
            ("rsync://nas", Some(("nas", 873))),
            ("rsync://nas:1873/", Some(("nas", 1873))),
            ("rsync://192.0.2.1:1", Some(("192.0.2.1", 1))),
            ("rsync://[::1]", Some(("::1", 873))),
            ("rsync://[::1]:874", Some(("::1", 874))),
            ("rsync://nas/module", None),
            ("rsync://user@nas", None),
            ("rsync://nas:0", None),
            ("rsync://nas:65536", None),
            ("rsync://", None),
            ("http://nas", None),
            ("nas", None),
        ] {
            let expect = expect.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(host_and_port(url), expect, "{url}");
        }
    }

    #[test]
    fn tables() {
        let one = "--target=nas=rsync://nas";
        let found = parse(&[one, "--title=nas=The = box", "--proxy-protocol=nas=v1"]).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].title.as_str()), ("nas", "The = box"));
        let Route::Socket { header: Header::Text, .. } = found[0].route else { panic!("{:?}", found[0]) };
        for bad in [
            vec![],
            vec!["--target=rsync://nas"],
            vec!["--target=..=rsync://nas"],
            vec!["--target=a/b=rsync://nas"],
            vec!["--target==rsync://nas"],
            vec!["--target=a=rsync://nas/mod"],
            vec![one, one],
            vec![one, "--title=box=x"],
            vec![one, "--proxy-protocol=nas=v3"],
            vec![one, "--cert=x"],
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn token_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets");
        let read = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            secrets(&path)
        };
        assert_eq!(read("# x\n 0123456789abcdef \n\n", 0o600), Ok(vec![b"0123456789abcdef".to_vec()]));
        assert!(read("0123456789abcdef\n", 0o604).unwrap_err().contains("open to all users"));
        assert!(read("# nothing\n", 0o600).unwrap_err().contains("holds no secret"));
        assert!(read("short\n", 0o600).unwrap_err().contains("less than 16"));
        assert!(secrets(&dir.path().join("none")).unwrap_err().contains("can't read"));
    }
}
