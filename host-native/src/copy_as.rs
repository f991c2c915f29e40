//! `--copy-as`: another user for this side of the transfer, assumed once the connection stands (spec 3.8.10).

use syncline_core::session::Config;
use syncline_core::{Error, Exit};

use crate::daemon::{names, sys};
use crate::time;

/// Becomes the user that `--copy-as` names, if it names one, and takes note of what that means for the session.
pub fn assume(config: &mut Config, role: &str) -> Result<(), Error> {
    let Some(spec) = config.options.copy_as.clone() else { return Ok(()) };
    let mut parts = spec.splitn(2, |&byte| byte == b':');
    let (user, group) = (parts.next().unwrap_or_default(), parts.next());
    let invalid = |what: &str, name: &[u8]| Error::usage([b"Invalid copy-as ", what.as_bytes(), b": ", name].concat());
    let by_name = names::user_by_name(user);
    let uid = by_name.as_ref().map(|user| user.uid).or_else(|| number(user)).ok_or_else(|| invalid("user", user))?;
    let entry = by_name.or_else(|| names::user_by_id(uid));
    let gid = match group {
        Some(name) => names::group_by_name(name).or_else(|| number(name)).ok_or_else(|| invalid("group", name))?,
        None => entry.as_ref().map_or(uid, |user| user.gid),
    };
    let failed = |call: &str, error: &std::io::Error| {
        let errno = crate::errno::of_io(error);
        let text = format!("rsync: [{role}] {call} failed: {} ({})", errno.text, errno.code);
        Error::host(Exit::SYNTAX, text)
    };
    sys::setgid(gid).map_err(|error| failed("setgid", &error))?;
    sys::setgroups(&[gid]).map_err(|error| failed("setgroups", &error))?;
    if let (None, Some(entry)) = (group, &entry)
        && let Some(groups) = names::groups_of(entry)
    {
        sys::setgroups(&groups).map_err(|error| failed("initgroups", &error))?;
    }
    sys::setuid(uid).map_err(|error| failed("setuid", &error))?;
    config.root = uid == 0;
    config.ids = (uid, gid);
    config.groups = time::groups();
    Ok(())
}

fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten()
}
