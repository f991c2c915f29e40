//! What the guides have their readers type, and what goes wrong for them. A script runs with `sh` in the client's directory,
//! which holds `src`, the password file `rsync.password` and some that are no good; it may use
//!
//! - `rsync`: the client under test; `show`: prints the last exit code;
//! - `$PORT`, `$SERVER`: the daemon's port and the directory with its modules; `$DEAD`: a port where nobody listens.

/// One case.
pub struct Case {
    pub name: &'static str,
    pub script: &'static str,
    /// The exit code of the last command.
    pub code: i32,
    /// What must be among the lines printed, so that the case shows what its name says.
    pub says: &'static [&'static str],
    /// What must be among the lines of the daemon's log, without date and process.
    pub logs: &'static [&'static str],
}

const fn case(name: &'static str, script: &'static str, code: i32, says: &'static [&'static str]) -> Case {
    Case { name, script, code, says, logs: &[] }
}

impl Case {
    const fn logs(self, logs: &'static [&'static str]) -> Self {
        Self { logs, ..self }
    }
}

/// Who owns what arrived. What `fake super` stores beside a file is compared with all other attributes.
const WALK: &[Case] = &[
    case(
        "push with a password file",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=rsync.password
         stat -c '%U:%G %A %n' $SERVER/backup/hosts $SERVER/backup/sub/deep; show",
        0,
        &["sub/deep/file", "total size is 91  speedup is N", "www:www -rw-r----- SERVER/backup/hosts"],
    )
    .logs(&[
        "connect from localhost (127.0.0.1)",
        "rsync allowed access on module backup from localhost (127.0.0.1)",
        "rsync to backup/ from rsync_backup@localhost (127.0.0.1)",
    ]),
    case(
        "push with the variable",
        "export RSYNC_PASSWORD=123456
         rsync -avz src/ rsync://rsync_backup@127.0.0.1:$PORT/data; show
         stat -c '%U:%G %n' $SERVER/data/hosts; show",
        0,
        &["hosts", "www:www SERVER/data/hosts"],
    ),
    case(
        "push one file",
        "rsync -avz src/hosts rsync_backup@127.0.0.1::backup --port=$PORT --password-file=rsync.password; show",
        0,
        &["hosts"],
    ),
    case(
        "push below the module",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup/10.0.0.7/ --port=$PORT --password-file=rsync.password; show",
        0,
        &["created directory 10.0.0.7"],
    ),
    case(
        "push again",
        "export RSYNC_PASSWORD=123456
         rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT >/dev/null; show
         echo more >>src/hosts
         rsync -avzi --stats src/ rsync_backup@127.0.0.1::backup --port=$PORT; show",
        0,
        &["<f.st...... hosts", "Number of regular files transferred: 1"],
    ),
    case(
        "pull with a password file",
        "rsync -az src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=rsync.password
         rsync -avz rsync_backup@127.0.0.1::backup dst --port=$PORT --password-file=rsync.password; show
         stat -c '%u:%g %A %n' dst/hosts dst/run dst/link; show",
        0,
        &["receiving incremental file list", "sub/deep/file", "0:0 -rw-r----- dst/hosts", "7:8 -rwsr-xr-x dst/run"],
    )
    .logs(&["rsync on backup/ from rsync_backup@localhost (127.0.0.1)", "building file list"]),
    case(
        "pull with the variable",
        "export RSYNC_PASSWORD=123456
         rsync -az src/ rsync_backup@127.0.0.1::data --port=$PORT
         rsync -avz rsync://rsync_backup@127.0.0.1:$PORT/data/sub dst; show",
        0,
        &["sub/deep/file"],
    ),
    case(
        "the variable before the file",
        "export RSYNC_PASSWORD=wrong
         rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=rsync.password; show",
        0,
        &["hosts"],
    ),
    case(
        "a password on standard input",
        "echo 123456 | rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=-; show",
        0,
        &["hosts"],
    ),
    case(
        "a password typed",
        "{ sleep 1; echo 123456; } | script -qefc \"$R -a src/ rsync_backup@127.0.0.1::backup --port=$PORT\" /dev/null
         show; ls $SERVER/backup",
        0,
        &["Password: ", "hosts"],
    ),
    case(
        "mirror with delete",
        "export RSYNC_PASSWORD=123456
         rsync -az src/ rsync_backup@127.0.0.1::backup --port=$PORT; rm -r src/sub
         rsync -avz --delete src/ rsync_backup@127.0.0.1::backup --port=$PORT; show
         mkdir -m 755 empty; touch -d @1000000000 empty; rsync -avz --delete empty/ rsync_backup@127.0.0.1::backup --port=$PORT; show; ls -A $SERVER/backup",
        0,
        &["deleting sub/deep/file", "deleting hosts"],
    ),
    case(
        "exclude",
        "export RSYNC_PASSWORD=123456; echo '*.log' >list; touch src/a.log src/b.tmp
         rsync -avz --exclude=b.tmp --exclude-from=list src/ rsync_backup@127.0.0.1::backup --port=$PORT; show
         rsync -avz --exclude={hosts,run} rsync_backup@127.0.0.1::backup dst --port=$PORT; show",
        0,
        &["hosts"],
    ),
    case(
        "limits and progress",
        "export RSYNC_PASSWORD=123456
         rsync -avzP --bwlimit=1m src/ rsync_backup@127.0.0.1::backup --port=$PORT; show",
        0,
        &["sub/deep/file"],
    ),
    case(
        "two modules and their list",
        "export RSYNC_PASSWORD=123456
         rsync rsync_backup@127.0.0.1:: --port=$PORT; show
         rsync rsync_backup@127.0.0.1::backup --port=$PORT | sed 's/ .* / /'; show",
        0,
        &["seen           \tfor all to see"],
    ),
];

const FAILURES: &[Case] = &[
    case(
        "wrong password",
        "RSYNC_PASSWORD=wrong rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT; show",
        5,
        &["@ERROR: auth failed on module backup"],
    )
    .logs(&["auth failed on module backup from localhost (127.0.0.1) for rsync_backup: password mismatch"]),
    case(
        "wrong password in the file",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=wrong.password; show",
        5,
        &["@ERROR: auth failed on module backup"],
    ),
    case(
        "wrong password for a pull",
        "RSYNC_PASSWORD=wrong rsync -avz rsync_backup@127.0.0.1::backup dst --port=$PORT; show",
        5,
        &["@ERROR: auth failed on module backup"],
    ),
    case(
        "unknown user",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backups@127.0.0.1::backup --port=$PORT; show",
        5,
        &["@ERROR: auth failed on module backup"],
    )
    .logs(&["auth failed on module backup from localhost (127.0.0.1) for rsync_backups: no matching rule"]),
    case(
        "password file with the user's name in it",
        "cp $SERVER/rsync.passwd p; rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=p; show",
        5,
        &["@ERROR: auth failed on module backup"],
    ),
    case(
        "secrets file that others can read",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::shown --port=$PORT; show",
        5,
        &["@ERROR: auth failed on module shown"],
    )
    .logs(&["secrets file must not be other-accessible (see strict modes option)"]),
    case(
        "secrets file missing",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::lost --port=$PORT; show",
        5,
        &["@ERROR: auth failed on module lost"],
    ),
    case(
        "password file that others can read",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=shown.password; show",
        1,
        &["ERROR: password file must not be other-accessible"],
    ),
    case(
        "password file of another user",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=foreign.password; show",
        1,
        &["ERROR: password file must be owned by root when running as root"],
    ),
    case(
        "password file missing",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$PORT --password-file=nowhere; show",
        1,
        &["rsync: [sender] could not open password file nowhere: No such file or directory (2)"],
    ),
    case(
        "unknown module",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::backups --port=$PORT; show",
        5,
        &["@ERROR: Unknown module 'backups'"],
    )
    .logs(&["unknown module 'backups' tried from localhost (127.0.0.1)"]),
    case(
        "path that begins with a slash",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::/backup --port=$PORT; show",
        5,
        &["ERROR: The remote path must start with a module name not a /"],
    ),
    case(
        "chdir failed",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::missing --port=$PORT; show",
        5,
        &["@ERROR: chdir failed"],
    ),
    case(
        "directory closed to www",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::closed --port=$PORT; show",
        3,
        &[r#"rsync: [Receiver] ERROR: cannot stat destination "." (in closed): Permission denied (13)"#],
    ),
    case(
        "invalid uid",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::nouser --port=$PORT; show",
        5,
        &["@ERROR: invalid uid nosuchuser"],
    )
    .logs(&["Invalid uid nosuchuser"]),
    case(
        "invalid gid",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::nogroup --port=$PORT; show",
        5,
        &["@ERROR: invalid gid nosuchgroup"],
    ),
    case(
        "mkstemp permission denied",
        "RSYNC_PASSWORD=123456 rsync -avz src/hosts rsync_backup@127.0.0.1::rooted --port=$PORT; show",
        23,
        &[r#"rsync: [receiver] mkstemp ".hosts.XXXXXX" (in rooted) failed: Permission denied (13)"#],
    ),
    case(
        "mkdir permission denied",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::rooted/new/ --port=$PORT; show",
        11,
        &[r#"rsync: [Receiver] mkdir "new" (in rooted) failed: Permission denied (13)"#],
    ),
    case(
        "read only",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::locked --port=$PORT; show",
        1,
        &["ERROR: module is read only"],
    ),
    case(
        "host not allowed",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::refused --port=$PORT; show",
        5,
        // What is not listed is not told of either.
        &["@ERROR: Unknown module 'refused'"],
    )
    .logs(&["rsync denied on module refused from localhost (127.0.0.1)"]),
    case(
        "too many connections",
        "RSYNC_PASSWORD=123456 rsync -avz src/ rsync_backup@127.0.0.1::few --port=$PORT; show",
        5,
        &["@ERROR: max connections (-1) reached -- try again later"],
    ),
    case(
        "nothing at the source",
        "RSYNC_PASSWORD=123456 rsync -avz nowhere rsync_backup@127.0.0.1::backup --port=$PORT; show",
        23,
        &[r#"rsync: [sender] link_stat "CLIENT/nowhere" failed: No such file or directory (2)"#],
    ),
    case(
        "nothing in the module",
        "RSYNC_PASSWORD=123456 rsync -avz rsync_backup@127.0.0.1::backup/nowhere dst --port=$PORT; show",
        23,
        &[r#"rsync: [sender] link_stat "nowhere" (in backup) failed: No such file or directory (2)"#],
    ),
    case(
        "connection refused",
        "rsync -avz src/ rsync_backup@127.0.0.1::backup --port=$DEAD --password-file=rsync.password; show",
        10,
        &["rsync: [sender] failed to connect to 127.0.0.1 (127.0.0.1): Connection refused (111)"],
    ),
    // A network of its own, in which a route says that there is no way.
    case(
        "no route",
        "unshare -n sh -c 'ip link set lo up; ip route add unreachable 192.0.2.0/24
         $R -avz src/ rsync_backup@192.0.2.41::backup --password-file=rsync.password'; show",
        10,
        &["rsync: [sender] failed to connect to 192.0.2.41 (192.0.2.41): No route to host (113)"],
    ),
    case(
        "no network",
        "unshare -n $R -avz src/ rsync_backup@192.0.2.41::backup --password-file=rsync.password; show",
        10,
        &["rsync: [sender] failed to connect to 192.0.2.41 (192.0.2.41): Network is unreachable (101)"],
    ),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Case> {
    WALK.iter().chain(FAILURES)
}
