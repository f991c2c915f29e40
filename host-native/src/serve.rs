//! `syncline serve DIR…`: folders shared for as long as the command runs, with browsers and with rsync.

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::daemon::share::{self, Addresses, Share};
use crate::engine::ENGINE;
use crate::gateway::args::{LimitWords, Web};
use crate::gateway::told;

/// Shares folders until it is interrupted: in a browser, and as modules of an rsync daemon.
///
/// Nothing has to be configured. Ports are chosen by the system, and only this machine can connect, unless --listen says
/// otherwise. Clients can read, and with --writable also write; there are no passwords.
#[derive(Debug, Parser)]
#[command(name = "syncline serve", max_term_width = 100)]
struct Serve {
    /// Folders to share, each under its own name
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,
    /// Let clients change what is in the folders
    #[arg(long)]
    writable: bool,
    /// The address to listen on; 0.0.0.0 or :: for all of this machine
    #[arg(long, visible_alias = "address", value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The port for rsync; any that is free without this option
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// The port for browsers; any that is free without this option
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    web_port: u16,
    #[command(flatten)]
    web: Web,
    #[command(flatten)]
    limits: LimitWords,
}

/// Runs `syncline serve` with these words after it; returns the exit code.
pub fn run(words: Vec<OsString>) -> i32 {
    let words = [vec![OsString::from("syncline serve")], words].concat();
    let serve = match Serve::try_parse_from(words) {
        Ok(serve) => serve,
        Err(error) => return told(&error),
    };
    match serve.start() {
        Ok(status) => status,
        Err(text) => {
            eprintln!("syncline serve: {text}");
            1
        }
    }
}

impl Serve {
    fn start(self) -> Result<i32, String> {
        let dirs = self.dirs.iter().map(|dir| folder(dir)).collect::<Result<Vec<PathBuf>, String>>()?;
        let modules: Vec<(String, PathBuf)> = names(&dirs).into_iter().zip(dirs).collect();
        let scheme = if self.web.certificate.is_some() { "https" } else { "http" };
        let share = Share {
            modules: modules.clone(),
            writable: self.writable,
            address: self.listen,
            port: self.port,
            web_port: self.web_port,
            web: self.web,
            limits: self.limits,
        };
        share::run(share, ENGINE, |addresses| tell(&modules, self.writable, scheme, addresses))
    }
}

/// The whole path of a folder.
fn folder(dir: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let path = dir.canonicalize().map_err(failed)?;
    // To look into it now is better than to fail when the first client comes.
    std::fs::read_dir(&path).map_err(failed)?;
    Ok(path)
}

/// A module's name for each folder: its last component, as far as that can stand in a URL without any quoting.
fn names(dirs: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for dir in dirs {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+@-".contains(byte);
        let last = dir.file_name().map_or(b"root".as_slice(), OsStrExt::as_bytes);
        let last: String = last.iter().map(|byte| if plain(byte) { char::from(*byte) } else { '_' }).collect();
        let mut name = last.clone();
        let mut number = 1;
        while names.contains(&name) {
            number += 1;
            name = format!("{last}-{number}");
        }
        names.push(name);
    }
    names
}

fn tell(modules: &[(String, PathBuf)], writable: bool, scheme: &str, addresses: &Addresses) {
    let mut text = format!("Sharing, {}:\n", if writable { "for reading and writing" } else { "for reading only" });
    let width = modules.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, dir) in modules {
        text.push_str(&format!("  {name:width$}  {}\n", dir.display()));
    }
    text.push_str(&format!("\nIn a browser:\n  {scheme}://{}/\n\nWith rsync:\n", reachable(addresses.web)));
    for (name, _) in modules {
        let url = format!("rsync://{}/{name}/", reachable(addresses.daemon));
        text.push_str(&format!("  rsync -av {url} {name}/\n"));
        if writable {
            text.push_str(&format!("  rsync -av {name}/ {url}\n"));
        }
    }
    text.push_str("\nCtrl-C ends it.\n");
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An address as others would write it: that of all interfaces is none, so this machine's name stands for it.
fn reachable(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    format!("{}:{}", rustix::system::uname().nodename().to_string_lossy(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Serve::command().debug_assert();
        assert!(Serve::try_parse_from(["serve"]).is_err());
        let serve = Serve::try_parse_from(["serve", "--address=::1", "a"]).unwrap();
        assert!(serve.listen.is_loopback() && !serve.writable);
    }

    #[test]
    fn names_are_plain_and_differ() {
        let dirs = ["/home/my photos", "/", "/a/b", "/c/b", "/c/b-2", "/x/#[1]%"].map(PathBuf::from);
        assert_eq!(names(&dirs), ["my_photos", "root", "b", "b-2", "b-2-2", "__1__"]);
    }
}
