//! Who may log in: the rules of `auth users`, and the secrets file (spec 5.8).

use std::io::{BufRead, BufReader};

use rustix::fs::{Mode, OFlags, fstat};

use super::log::Log;
use super::{lists, names, sys, wild};
use crate::trusted;

/// What an `auth users` rule makes of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// `:ro` or `:rw`: overrides `read only` of the module.
    pub read_only: Option<bool>,
    /// The group whose rule matched: its password counts too.
    pub group: Option<Vec<u8>>,
}

/// Finds the first rule whose pattern matches. `groups` gives the names of a system user's groups, `None` if there is no
/// such user. The error is the reason for the log.
pub fn admit(
    rules: &[u8],
    user: &[u8],
    groups: impl FnOnce() -> Option<Vec<Vec<u8>>>,
) -> Result<Admitted, &'static str> {
    let mut groups = Some(groups);
    let mut group_names = None;
    for rule in lists::comma_aware(rules) {
        let (pattern, option) = match rule.iter().position(|&byte| byte == b':') {
            Some(at) => (&rule[..at], &rule[at + 1..]),
            None => (rule, &rule[rule.len()..]),
        };
        let group = if let [b'@', pattern @ ..] = pattern {
            if let Some(find) = groups.take() {
                group_names = find();
            }
            let mut names = group_names.iter().flatten();
            match names.find(|name| wild::matches(pattern, name)) {
                Some(group) => Some(group.clone()),
                None => continue,
            }
        } else if wild::matches(pattern, user) {
            None
        } else {
            continue;
        };
        let is = |word: &[u8]| option.len() >= word.len() && option[..word.len()].eq_ignore_ascii_case(word);
        if is(b"deny") {
            return Err("denied by rule");
        }
        let read_only = if is(b"ro") { Some(true) } else { is(b"rw").then_some(false) };
        return Ok(Admitted { read_only, group });
    }
    Err("no matching rule")
}

/// The names of a system user's groups.
pub fn groups_of(user: &[u8]) -> Option<Vec<Vec<u8>>> {
    let gids = names::groups_of(&names::user_by_name(user)?)?;
    Some(gids.into_iter().filter_map(names::group_name).collect())
}

/// Longer lines of the secrets file are split.
const LINE_BYTES_MAX: usize = 1023;

/// Looks for a password that `verifies`: on the first line of the user, or of the group that let it in. The error is the
/// reason for the log.
pub fn check_secret(
    file: &[u8],
    strict: bool,
    user: &[u8],
    group: Option<&[u8]>,
    log: &Log,
    verifies: impl Fn(&[u8]) -> bool,
) -> Result<(), &'static str> {
    if file.is_empty() {
        return Err("no secrets file");
    }
    let Ok(opened) = trusted::open(file, OFlags::RDONLY, Mode::empty()) else {
        return Err("no secrets file");
    };
    let stat = fstat(&opened).map_err(|_| "no secrets file")?;
    if strict && let Some(complaint) = complaint(stat.st_mode, stat.st_uid, sys::euid()) {
        log.warn(complaint);
        return Err("ignoring secrets file");
    }
    if user.first() == Some(&b'#') {
        return Err("invalid username");
    }
    let group = group.map(|group| [b"@", group].concat());
    let mut wanted: Vec<&[u8]> = vec![user];
    wanted.extend(group.as_deref());
    search(BufReader::new(std::fs::File::from(opened)), wanted, verifies)
}

fn search(
    mut file: impl BufRead,
    mut wanted: Vec<&[u8]>,
    verifies: impl Fn(&[u8]) -> bool,
) -> Result<(), &'static str> {
    let mut reason = "secret not found";
    let mut line = Vec::new();
    while !wanted.is_empty() && read_line(&mut file, &mut line) {
        let owner = wanted.iter().position(|name| line.strip_prefix(*name).is_some_and(|rest| rest.starts_with(b":")));
        if let Some(at) = owner {
            let name = wanted.remove(at);
            if verifies(&line[name.len() + 1..]) {
                return Ok(());
            }
            reason = "password mismatch";
        }
    }
    Err(reason)
}

/// The next line without its end; whether there was one.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> bool {
    line.clear();
    let mut any = false;
    while line.len() < LINE_BYTES_MAX {
        let Ok(&[byte, ..]) = file.fill_buf() else {
            break;
        };
        file.consume(1);
        any = true;
        match byte {
            b'\n' => break,
            b'\r' => {}
            byte => line.push(byte),
        }
    }
    any
}

/// What is wrong with the permissions of a secrets file.
fn complaint(mode: u32, owner: u32, euid: u32) -> Option<&'static str> {
    if mode & 0o6 != 0 {
        return Some("secrets file must not be other-accessible (see strict modes option)");
    }
    (euid == 0 && owner != 0).then_some("secrets file must be owned by root when running as root (see strict modes)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let groups = || Some(vec![b"users".to_vec(), b"domain staff".to_vec()]);
        let admitted = |read_only, group: Option<&str>| Ok(Admitted { read_only, group: group.map(Into::into) });
        for (rules, user, expect) in [
            ("joe, jim", "jim", admitted(None, None)),
            ("joe:ro", "joe", admitted(Some(true), None)),
            ("j*:RW", "joe", admitted(Some(false), None)),
            ("joe:deny *", "joe", Err("denied by rule")),
            ("joe:deny *", "jim", admitted(None, None)),
            ("joe", "Joe", Err("no matching rule")),
            ("@users:ro", "joe", admitted(Some(true), Some("users"))),
            (",@domain *:rw,x", "joe", admitted(Some(false), Some("domain staff"))),
            ("@wheel joe", "joe", admitted(None, None)),
            ("joe:whatever", "joe", admitted(None, None)),
        ] {
            assert_eq!(admit(rules.as_bytes(), user.as_bytes(), groups), expect, "{rules} {user}");
        }
        assert_eq!(admit(b"@*", b"stranger", || None), Err("no matching rule"));
    }

    #[test]
    fn secrets() {
        let file = "#x:y\njoe:first\r\n@g:group:pass\njoe:second\nlong";
        for (wanted, password, expect) in [
            (vec!["joe"], "first", Ok(())),
            (vec!["joe"], "second", Err("password mismatch")),
            (vec!["joe", "@g"], "group:pass", Ok(())),
            (vec!["joe"], "group:pass", Err("password mismatch")),
            (vec!["jo"], "e:first", Err("secret not found")),
        ] {
            let wanted = wanted.iter().map(|name| name.as_bytes()).collect();
            let found = search(file.as_bytes(), wanted, |secret| secret == password.as_bytes());
            assert_eq!(found, expect, "{password}");
        }
    }

    #[test]
    fn strict_modes() {
        assert_eq!(complaint(0o100640, 0, 0), None);
        assert_eq!(complaint(0o100660, 5, 5), None);
        assert!(complaint(0o100644, 0, 0).is_some_and(|text| text.contains("other-accessible")));
        assert!(complaint(0o100602, 5, 5).is_some());
        assert!(complaint(0o100600, 5, 0).is_some_and(|text| text.contains("owned by root")));
    }
}
