//! The parameters of the configuration file, one row each (spec 5.3).

use super::names;

/// The type of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// Yes, no or unset.
    TriBool,
    /// A decimal number.
    Integer,
    /// Any text.
    Text,
    /// A text without slashes at its end.
    Path,
    /// A command for the shell: what peers can influence is quoted when it is expanded.
    Shell,
    /// A syslog facility.
    Facility,
}

/// A value as it stands in the configuration. Texts are expanded when they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Bool`] and [`Kind::TriBool`]; `None` is unset.
    Bool(Option<bool>),
    /// Of [`Kind::Integer`] and [`Kind::Facility`].
    Integer(i64),
    /// Of the others.
    Text(Vec<u8>),
    /// Of the others, where it comes from no configuration file: a percent sign in it is one.
    Exact(Vec<u8>),
}

/// Where a parameter may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only in the global section.
    Global,
    /// In modules, and in the global section as their default.
    Module,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Which one.
    pub id: P,
    /// As it is written in a configuration file.
    pub name: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// Its type.
    pub kind: Kind,
    /// Its value when it isn't set, as it would be written.
    pub default: &'static str,
    /// Whether the daemon acts on it. One that it doesn't act on is reported in the log when a module sets it.
    pub built: bool,
}

macro_rules! params {
    ($($id:ident $name:literal $scope:ident $kind:ident $default:literal $built:literal;)*) => {
        /// The name of a parameter in this program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum P {
            $(#[doc = concat!("`", $name, "`")] $id,)*
        }

        /// All parameters, in the order of [`P`].
        pub const PARAMS: &[Param] = &[
            $(Param {
                id: P::$id,
                name: $name,
                scope: Scope::$scope,
                kind: Kind::$kind,
                default: $default,
                built: $built,
            },)*
        ];
    };
}

params! {
    Address           "address"              Global Text     ""     true;
    DaemonChroot      "daemon chroot"        Global Text     ""     true;
    DaemonGid         "daemon gid"           Global Text     ""     true;
    DaemonUid         "daemon uid"           Global Text     ""     true;
    ListenBacklog     "listen backlog"       Global Integer  "5"    true;
    MotdFile          "motd file"            Global Text     ""     true;
    PidFile           "pid file"             Global Text     ""     true;
    Port              "port"                 Global Integer  "0"    true;
    ProxyProtocol     "proxy protocol"       Global Bool     "no"   true;
    ProxyHosts        "proxy protocol hosts" Global Text     ""     true;
    SocketOptions     "socket options"       Global Text     ""     true;
    WebAddress        "web address"          Global Text     ""     true;
    WebCertificate    "web certificate"      Global Text     ""     true;
    WebConnections    "web connections"      Global Text     ""     true;
    WebEach           "web connections per address" Global Text "" true;
    WebFailedLogins   "web failed logins"    Global Text     ""     true;
    WebGreeting       "web greeting timeout" Global Text     ""     true;
    WebHandshake      "web handshake timeout" Global Text    ""     true;
    WebIdle           "web idle timeout"     Global Text     ""     true;
    WebKey            "web key"              Global Text     ""     true;
    WebMessageBytes   "web message bytes"    Global Text     ""     true;
    WebMetrics        "web metrics"          Global Bool     "no"   true;
    WebOrigins        "web origins"          Global Text     ""     true;
    WebProxies        "web trusted proxies"  Global Text     ""     true;
    WebRate           "web sessions per minute" Global Text  ""     true;
    WebTokenFile      "web token file"       Global Text     ""     true;
    WebTokenLifetime  "web token lifetime"   Global Text     ""     true;
    AuthDigest        "auth digest"          Module Text     ""     true;
    AuthUsers         "auth users"           Module Text     ""     true;
    Charset           "charset"              Module Text     ""     true;
    Comment           "comment"              Module Text     ""     true;
    DontCompress      "dont compress"        Module Text     ""     true;
    EarlyExec         "early exec"           Module Shell    ""     true;
    Exclude           "exclude"              Module Text     ""     true;
    ExcludeFrom       "exclude from"         Module Text     ""     true;
    FakeSuper         "fake super"           Module Bool     "no"   true;
    Filter            "filter"               Module Text     ""     true;
    ForwardLookup     "forward lookup"       Module Bool     "yes"  true;
    Gid               "gid"                  Module Text     ""     true;
    HostsAllow        "hosts allow"          Module Text     ""     true;
    HostsDeny         "hosts deny"           Module Text     ""     true;
    IgnoreErrors      "ignore errors"        Module Bool     "no"   true;
    IgnoreNonreadable "ignore nonreadable"   Module Bool     "no"   true;
    Include           "include"              Module Text     ""     true;
    IncludeFrom       "include from"         Module Text     ""     true;
    IncomingChmod     "incoming chmod"       Module Text     ""     true;
    InsecureLinks     "insecure links"       Module Bool     "no"   false;
    List              "list"                 Module Bool     "yes"  true;
    LockFile          "lock file"            Module Text     "/var/run/rsyncd.lock" true;
    LogFile           "log file"             Module Text     ""     true;
    LogFormat         "log format"           Module Text     "%o %h [%a] %m (%u) %f %l" true;
    MaxConnections    "max connections"      Module Integer  "0"    true;
    MaxVerbosity      "max verbosity"        Module Integer  "1"    true;
    MungeSymlinks     "munge symlinks"       Module TriBool  "unset" true;
    Name              "name"                 Module Text     ""     true;
    NameConverter     "name converter"       Module Shell    ""     false;
    NumericIds        "numeric ids"          Module TriBool  "unset" true;
    OpenNoatime       "open noatime"         Module TriBool  "unset" false;
    OutgoingChmod     "outgoing chmod"       Module Text     ""     true;
    Path              "path"                 Module Path     ""     true;
    PostXferExec      "post-xfer exec"       Module Shell    ""     true;
    PreXferExec       "pre-xfer exec"        Module Shell    ""     true;
    ReadOnly          "read only"            Module Bool     "yes"  true;
    RefuseOptions     "refuse options"       Module Text     ""     true;
    ReverseLookup     "reverse lookup"       Module Bool     "yes"  true;
    SecretsFile       "secrets file"         Module Text     ""     true;
    StrictModes       "strict modes"         Module Bool     "yes"  true;
    SyslogFacility    "syslog facility"      Module Facility "daemon" true;
    SyslogTag         "syslog tag"           Module Text     "rsyncd" true;
    TempDir           "temp dir"             Module Path     ""     true;
    Timeout           "timeout"              Module Integer  "0"    true;
    TransferLogging   "transfer logging"     Module Bool     "no"   true;
    Uid               "uid"                  Module Text     ""     true;
    UseChroot         "use chroot"           Module TriBool  "unset" true;
    WriteOnly         "write only"           Module Bool     "no"   true;
}

/// Finds a parameter; white space and case don't count.
pub fn find(name: &[u8]) -> Option<&'static Param> {
    PARAMS.iter().find(|param| same_name(param.name.as_bytes(), name))
}

/// Whether two names are the same but for white space and case.
pub fn same_name(one: &[u8], other: &[u8]) -> bool {
    let plain = |name: &[u8]| -> Vec<u8> {
        let solid = name.iter().filter(|byte| !is_space(**byte));
        solid.map(u8::to_ascii_lowercase).collect()
    };
    plain(one) == plain(other)
}

/// White space as C has it.
pub fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

impl Param {
    /// The value of a text; `None` if it has no meaning, so that the old value stays.
    pub fn parse(&self, text: &[u8]) -> Option<Value> {
        match self.kind {
            Kind::Bool => boolean(text).map(|on| Value::Bool(Some(on))),
            Kind::TriBool if text.eq_ignore_ascii_case(b"unset") || text == b"-1" => Some(Value::Bool(None)),
            Kind::TriBool => boolean(text).map(|on| Value::Bool(Some(on))),
            Kind::Integer => Some(Value::Integer(integer(text))),
            Kind::Facility => facility(text).map(|code| Value::Integer(code.into())),
            Kind::Path => {
                let mut path = text;
                while let [rest @ .., b'/'] = path
                    && !rest.is_empty()
                {
                    path = rest;
                }
                Some(Value::Text(path.to_vec()))
            }
            Kind::Text | Kind::Shell => Some(Value::Text(text.to_vec())),
        }
    }

    /// The value when it isn't set.
    pub fn default_value(&self) -> Value {
        self.parse(self.default.as_bytes()).unwrap_or(Value::Bool(None))
    }
}

fn boolean(text: &[u8]) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    match () {
        () if is("yes") || is("true") || is("1") => Some(true),
        () if is("no") || is("false") || is("0") => Some(false),
        () => None,
    }
}

/// The decimal number at the start of a text; 0 if there is none.
pub fn integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.fold(0i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    let value = value.min(i32::MAX.into());
    if negative { -value } else { value }
}

const FACILITIES: &[(&str, i32)] = &[
    ("auth", libc::LOG_AUTH),
    ("authpriv", libc::LOG_AUTHPRIV),
    ("cron", libc::LOG_CRON),
    ("daemon", libc::LOG_DAEMON),
    ("ftp", libc::LOG_FTP),
    ("kern", libc::LOG_KERN),
    ("lpr", libc::LOG_LPR),
    ("mail", libc::LOG_MAIL),
    ("news", libc::LOG_NEWS),
    ("security", libc::LOG_AUTH),
    ("syslog", libc::LOG_SYSLOG),
    ("user", libc::LOG_USER),
    ("uucp", libc::LOG_UUCP),
    ("local0", libc::LOG_LOCAL0),
    ("local1", libc::LOG_LOCAL1),
    ("local2", libc::LOG_LOCAL2),
    ("local3", libc::LOG_LOCAL3),
    ("local4", libc::LOG_LOCAL4),
    ("local5", libc::LOG_LOCAL5),
    ("local6", libc::LOG_LOCAL6),
    ("local7", libc::LOG_LOCAL7),
];

fn facility(text: &[u8]) -> Option<i32> {
    if text.first().is_some_and(u8::is_ascii_digit) {
        return i32::try_from(integer(text)).ok().filter(|&code| code > 0);
    }
    let named = FACILITIES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|&(_, code)| code)
}

/// What the worker calls the group of nobody: it differs between systems.
pub fn nobody_group() -> &'static str {
    let known = |name: &&str| names::group_by_name(name.as_bytes()).is_some();
    ["nogroup", "nobody"].into_iter().find(known).unwrap_or("nobody")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_order() {
        for (at, param) in PARAMS.iter().enumerate() {
            assert_eq!(param.id as usize, at, "{}", param.name);
            assert!(
                param.kind == Kind::Text || param.kind == Kind::Path || param.parse(param.default.as_bytes()).is_some()
            );
        }
    }

    #[test]
    fn names_are_loose() {
        for name in ["log file", "logfile", "LOG  FILE", "Log\tFile"] {
            assert_eq!(find(name.as_bytes()).map(|param| param.id), Some(P::LogFile), "{name}");
        }
        assert!(find(b"log_file").is_none());
        assert!(find(b"pre_xfer exec").is_none());
    }

    #[test]
    fn values() {
        let parse = |name: &str, text: &str| find(name.as_bytes()).unwrap().parse(text.as_bytes());
        assert_eq!(parse("read only", "FALSE"), Some(Value::Bool(Some(false))));
        assert_eq!(parse("read only", "unset"), None);
        assert_eq!(parse("use chroot", "unset"), Some(Value::Bool(None)));
        assert_eq!(parse("use chroot", "1"), Some(Value::Bool(Some(true))));
        assert_eq!(parse("port", "873x"), Some(Value::Integer(873)));
        assert_eq!(parse("max connections", "-2"), Some(Value::Integer(-2)));
        assert_eq!(parse("port", "abc"), Some(Value::Integer(0)));
        assert_eq!(parse("path", "/a/b//"), Some(Value::Text(b"/a/b".to_vec())));
        assert_eq!(parse("path", "//"), Some(Value::Text(b"/".to_vec())));
        assert_eq!(parse("syslog facility", "local3"), Some(Value::Integer(libc::LOG_LOCAL3.into())));
        assert_eq!(parse("syslog facility", "nonsense"), None);
    }
}
