//! `[USER@]HOST:PATH`, `[USER@]HOST::MODULE/PATH` and `rsync://` (spec 4.1.2).

use super::plan::Kind;

/// A remote argument, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec<'a> {
    /// Everything before the last `@`.
    pub user: Option<&'a [u8]>,
    /// Without brackets; may be empty.
    pub host: &'a [u8],
    /// Of a URL; 0 is the default.
    pub port: u32,
    /// Shell or daemon.
    pub kind: Kind,
    /// Path, or module and path.
    pub path: &'a [u8],
    /// `[USER@]HOST` as typed, which further arguments are compared with.
    pub host_text: &'a [u8],
}

/// `None` for a local argument.
pub fn parse(arg: &[u8]) -> Option<HostSpec<'_>> {
    url(arg).or_else(|| remote(arg))
}

/// `rsync://[USER@]HOST[:PORT][/PATH]`
fn url(arg: &[u8]) -> Option<HostSpec<'_>> {
    const SCHEME: &[u8] = b"rsync://";
    let (scheme, text) = arg.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let (user, host, end) = user_and_host(text)?;
    let (mut port, mut rest) = (0u32, text.get(end..)?);
    if let Some(digits) = rest.strip_prefix(b":") {
        let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        for digit in digits.get(..count)? {
            port = port.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
        }
        rest = digits.get(count..)?;
    }
    let path = match rest {
        [] => rest,
        [b'/', path @ ..] => path,
        _ => return None,
    };
    Some(HostSpec { user, host, port, kind: Kind::Daemon, path, host_text: text.get(..end)? })
}

/// `[USER@][HOST]:PATH` or `[USER@][HOST]::MODPATH`
fn remote(arg: &[u8]) -> Option<HostSpec<'_>> {
    let (user, host, end) = user_and_host(arg)?;
    let path = arg.get(end..)?.strip_prefix(b":")?;
    let (kind, path) = match path.strip_prefix(b":") {
        Some(path) => (Kind::Daemon, path),
        None => (Kind::Shell, path),
    };
    Some(HostSpec { user, host, port: 0, kind, path, host_text: arg.get(..end)? })
}

/// User, host, and where the host's text ends.
type UserAndHost<'a> = (Option<&'a [u8]>, &'a [u8], usize);

fn user_and_host(text: &[u8]) -> Option<UserAndHost<'_>> {
    let mut user = None;
    let mut start = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'[' if at == start => {
                let inside = text.get(at + 1..)?;
                let length = inside.iter().position(|b| matches!(b, b']' | b'/'))?;
                let end = at + 1 + length + 1;
                let closed = inside.get(length) == Some(&b']') && length > 0;
                let followed = matches!(text.get(end), None | Some(b'/' | b':'));
                return (closed && followed).then_some((user, inside.get(..length)?, end));
            }
            b'[' => return None,
            b'@' => {
                user = text.get(..at);
                start = at + 1;
            }
            b'/' | b':' => break,
            _ => {}
        }
        at += 1;
    }
    Some((user, text.get(start..at)?, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn show(arg: &str) -> Option<String> {
        let s = parse(arg.as_bytes())?;
        let lossy = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let user = s.user.map_or(String::from("-"), lossy);
        let kind = if s.kind == Kind::Shell { "shell" } else { "daemon" };
        Some(alloc::format!("{user} {} {} {kind} {}", lossy(s.host), s.port, lossy(s.path)))
    }

    #[test]
    fn arguments_are_taken_apart() {
        for (arg, expect) in [
            ("h:p", Some("- h 0 shell p")),
            ("u@h:p", Some("u h 0 shell p")),
            ("a@b@h:p", Some("a@b h 0 shell p")),
            ("@h:p", Some(" h 0 shell p")),
            ("u@:p", Some("u  0 shell p")),
            (":p", Some("-  0 shell p")),
            ("a:b:c", Some("- a 0 shell b:c")),
            ("a:b@h:x", Some("- a 0 shell b@h:x")),
            ("h:", Some("- h 0 shell ")),
            ("h::m/p", Some("- h 0 daemon m/p")),
            ("h:::c", Some("- h 0 daemon :c")),
            ("::m", Some("-  0 daemon m")),
            ("[::1]:x", Some("- ::1 0 shell x")),
            ("u@[fe80::1%eth0]::m", Some("u fe80::1%eth0 0 daemon m")),
            ("rsync://h", Some("- h 0 daemon ")),
            ("rsync://", Some("-  0 daemon ")),
            ("RSYNC://u@h:99/m/p", Some("u h 99 daemon m/p")),
            ("rsync://u@v@h/m", Some("u@v h 0 daemon m")),
            ("rsync://[::1]:5/m", Some("- ::1 5 daemon m")),
            ("rsync://h:/m", Some("- h 0 daemon m")),
            ("rsync://h//x", Some("- h 0 daemon /x")),
            ("rsync://h:99x/", Some("- rsync 0 shell //h:99x/")),
            ("rsync://[::1/m", Some("- rsync 0 shell //[::1/m")),
            ("rsync://a:b@h:5/m", Some("- rsync 0 shell //a:b@h:5/m")),
            ("a", None),
            ("", None),
            ("./a:b", None),
            ("x/a:b", None),
            ("u@x/a:b", None),
            ("[::1:x", None),
            ("[]:x", None),
            ("[::1]x:y", None),
            ("a[::1]:y", None),
            ("u@[::1]/x:y", None),
            ("[a/b]:c", None),
        ] {
            assert_eq!(show(arg).as_deref(), expect, "{arg}");
        }
    }
}
