//! What goes into logs: those of clients, of servers with `--remote-option=--log-file`, and of daemons.

use super::{Row, row};
use crate::setup::{basic, kinds, stale, synced};

/// Sets up a daemon for this row alone, with a module for the row's directory; `told` prints its log.
macro_rules! own_daemon {
    ($module:literal, $script:literal) => {
        concat!(
            "printf 'log file = %s/log\nmax verbosity = 4\nuse chroot = no\n[m]\npath = %s\n",
            $module,
            "' $PWD $PWD >conf; told() { until grep -q 'sent\\|code' log; do sleep 0.05; done; sleep 0.05; cut -d' ' -f4- log; rm log; }; ",
            "export RSYNC_CONNECT_PROG=\"$R --daemon --config=$PWD/conf\"; ",
            $script,
            "; rm conf"
        )
    };
}

pub const ROWS: &[Row] = &[
    row("log list told", basic, "r -rv --no-i-r --log-file=log src/ dst; cut -d' ' -f4- log; rm log"),
    row("log list counted", basic, "remote -r --info=flist2 --no-i-r --log-file=log src/ host:$PWD/dst; cut -d' ' -f4- log; rm log"),
    row("log list only", basic, "remote -v --list-only --log-file=log host:$PWD/src/; cut -d' ' -f4- log; rm log"),
    row("log up to date pull", synced, "remote -rtvv --log-file=log host:$PWD/src/ dst; cut -d' ' -f4- log; rm log"),
    row("log up to date push", synced, "remote -rtvv --log-file=log src/ host:$PWD/dst; cut -d' ' -f4- log; rm log"),
    row("log missing push", basic, "remote -r --log-file=log src/nope src/a host:$PWD/d; show; cut -d' ' -f4- log; rm log"),
    row("log missing push v", basic, "remote -rv --log-file=log src/nope src/a host:$PWD/d; show; cut -d' ' -f4- log; rm log"),
    row("log missing pull", basic, "remote -r --log-file=log host:$PWD/src/nope :$PWD/src/a d; show; cut -d' ' -f4- log; rm log"),
    row("log missing pull v", basic, "remote -rv --log-file=log host:$PWD/src/nope :$PWD/src/a d; show; cut -d' ' -f4- log; rm log"),
    row("log destination push", basic, "remote -r --log-file=log src/ host:$PWD/x/y/z; show; cut -d' ' -f4- log; rm log"),
    row("log unknown option", basic, "r -a --log-file=log --bogus src/ dst; show; cut -d' ' -f4- log; rm log"),
    row("log unknown rule", basic, "r -a --log-file=log -f 'x y' src/ dst; show; cut -d' ' -f4- log; rm log"),
    row("log both remote", basic, "r -a --log-file=log h:a h:b; show; cut -d' ' -f4- log; rm log"),
    row(
        "log daemon says",
        stale,
        own_daemon!(
            "uid = 0\ngid = 0\nread only = no\n",
            "r -avv src/ rsync://h/m/dst/; told; r -avvn src/ rsync://h/m/new/; told"
        ),
    )
    .root(),
    row(
        "log daemon dry run",
        stale,
        own_daemon!(
            "uid = 0\ngid = 0\nread only = no\ntransfer logging = yes\nlog format = %%i %%n\n",
            "r -an --delete src/ rsync://h/m/dst/; told; r -a src/sub/ rsync://h/m/dst/; told"
        ),
    )
    .root(),
    row(
        "log daemon backs up",
        stale,
        own_daemon!("uid = 0\ngid = 0\nread only = no\n", "r -avvb --delete src/ rsync://h/m/dst/; told"),
    )
    .sorted()
    .root(),
    row(
        "log daemon sends",
        kinds,
        own_daemon!(
            "uid = 0\ngid = 0\n",
            "r -v rsync://h/m/src/ d1; told; r -rvv --exclude=real rsync://h/m/src/ d2; told; r -r rsync://h/m/src/ x/y/z; told"
        ),
    )
    .root(),
];
