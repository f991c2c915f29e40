//! Whom a worker becomes: `uid`, `gid`, and the `daemon ...` parameters (spec 5.9.1, 5.9.2).

use super::expand::Env;
use super::log::{Log, strerror};
use super::params::{P, nobody_group};
use super::values::Values;
use super::{End, lists, names, sys};

/// The user and groups of a module, resolved before the chroot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user to become.
    pub uid: Option<u32>,
    /// The groups, the primary one first.
    pub gids: Vec<u32>,
}

/// Why an identity can't be had: the text after `@ERROR: `, and the line for the log.
pub type Refused = (Vec<u8>, Vec<u8>);

impl Identity {
    /// Resolves the values of `uid` and `gid`. `root` says whether the process may change its identity at all.
    pub fn resolve(uid: &[u8], gid: &[u8], root: bool) -> Result<Identity, Refused> {
        let uid = match uid {
            b"" if root => Some(user_id(b"nobody")?),
            b"" => None,
            name => Some(user_id(name)?),
        };
        let mut gids = Vec::new();
        for (at, item) in lists::comma_aware(gid).into_iter().enumerate() {
            match item {
                b"*" if at == 0 => gids = all_groups(uid.unwrap_or_else(sys::euid))?,
                item => gids.push(group_id(item)?),
            }
        }
        if gids.is_empty() && root {
            gids.push(group_id(nobody_group().as_bytes())?);
        }
        Ok(Identity { uid, gids })
    }

    /// Becomes it. The error is as in [`Refused`].
    pub fn assume(&self) -> Result<(), Refused> {
        let refused = |call: &str, number: &str, error: std::io::Error| -> Refused {
            let log = format!("rsync: [Receiver] {call}{number} failed: {}", strerror(&error));
            (format!("{call} failed").into_bytes(), log.into_bytes())
        };
        if let Some(&gid) = self.gids.first() {
            sys::setgid(gid).map_err(|error| refused("setgid", &format!(" {gid}"), error))?;
            sys::setgroups(&self.gids).map_err(|error| refused("setgroups", "", error))?;
        }
        if let Some(uid) = self.uid {
            sys::setuid(uid).map_err(|error| refused("setuid", &format!(" {uid}"), error))?;
        }
        Ok(())
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten()
}

fn user_id(name: &[u8]) -> Result<u32, Refused> {
    let found = number(name).or_else(|| names::user_by_name(name).map(|user| user.uid));
    found.ok_or_else(|| ([b"invalid uid ", name].concat(), [b"Invalid uid ", name].concat()))
}

fn group_id(name: &[u8]) -> Result<u32, Refused> {
    let found = number(name).or_else(|| names::group_by_name(name));
    found.ok_or_else(|| ([b"invalid gid ", name].concat(), [b"Invalid gid ", name].concat()))
}

fn all_groups(uid: u32) -> Result<Vec<u32>, Refused> {
    let refused = |call: &str| (format!("{call} failed").into_bytes(), format!("{call} failed").into_bytes());
    let user = names::user_by_id(uid).ok_or_else(|| refused("getpwuid"))?;
    names::groups_of(&user).ok_or_else(|| refused("getgrouplist"))
}

/// Applies `daemon chroot`, `daemon gid` and `daemon uid`: before the greeting, so the client is told nothing.
pub fn confine_daemon(global: &Values, env: &Env, log: &Log) -> Result<(), End> {
    let text = |id| global.text(id, env).map_err(|error| End::error(log, &error));
    let fail = |line: String| {
        log.warn(line);
        End::Close
    };
    let root = text(P::DaemonChroot)?;
    if !root.is_empty() {
        log.open();
        let done = sys::chroot(&root).and_then(|()| std::env::set_current_dir("/"));
        let shown = String::from_utf8_lossy(&root);
        done.map_err(|error| {
            fail(format!("rsync: [Receiver] daemon chroot(\"{shown}\") failed: {}", strerror(&error)))
        })?;
    }
    let name = text(P::DaemonGid)?;
    if !name.is_empty() {
        let shown = String::from_utf8_lossy(&name);
        let gid = group_id(&name).map_err(|_| fail(format!("Invalid daemon gid: {shown}")))?;
        let done = sys::setgid(gid);
        done.map_err(|_| fail(format!("Unable to set group to daemon gid {gid}")))?;
    }
    let name = text(P::DaemonUid)?;
    if !name.is_empty() {
        let shown = String::from_utf8_lossy(&name);
        let uid = user_id(&name).map_err(|_| fail(format!("Invalid daemon uid: {shown}")))?;
        let done = sys::setuid(uid);
        done.map_err(|_| fail(format!("Unable to set user to daemon uid {uid}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let resolve = |uid: &str, gid: &str, root| Identity::resolve(uid.as_bytes(), gid.as_bytes(), root);
        let identity = |uid, gids: &[u32]| Ok(Identity { uid, gids: gids.to_vec() });
        assert_eq!(resolve("", "", false), identity(None, &[]));
        assert_eq!(resolve("root", "0, 7", true), identity(Some(0), &[0, 7]));
        assert_eq!(resolve("12", "5 6", false), identity(Some(12), &[5, 6]));
        assert_eq!(resolve("0", "*", true).unwrap().gids.first(), Some(&0));
        let (client, log) = resolve("no such user", "", true).unwrap_err();
        assert_eq!(
            (client.as_slice(), log.as_slice()),
            (b"invalid uid no such user".as_slice(), b"Invalid uid no such user".as_slice())
        );
        assert_eq!(resolve("0", "0 *", true).unwrap_err().0, b"invalid gid *");
        assert_eq!(resolve("4000000000", "*", true).unwrap_err().0, b"getpwuid failed");
        assert_eq!(resolve("", "", true).unwrap().uid, names::user_by_name(b"nobody").map(|user| user.uid));
    }
}
