//! Through a daemon, and to things that are none.

use super::{Row, row};
use crate::setup::{basic, empty, kinds, passwords, stale};

pub const ROWS: &[Row] = &[
    row("daemon pull v", empty, "r -av rsync://localhost:$PORT/pub/ dst"),
    row("daemon pull i", stale, "r -ai --delete rsync://localhost:$PORT/rows/$ROW/src/ dst"),
    row("daemon pull stats", empty, "r -a --stats rsync://localhost:$PORT/pub/ dst"),
    row("daemon pull several", empty, "r -av --port=$PORT localhost::pub/hello.txt ::pub/sub dst"),
    row("daemon pull wildcard", empty, "r -av \"rsync://localhost:$PORT/pub/*.txt\" dst"),
    row("daemon push v", basic, "r -av src/ rsync://localhost:$PORT/rows/$ROW/dst/"),
    row("daemon push i", stale, "r -ai --delete src/ rsync://localhost:$PORT/rows/$ROW/dst/"),
    row("daemon push z", stale, "r -avz src/ rsync://localhost:$PORT/rows/$ROW/dst/"),
    row("daemon push kinds", kinds, "r -avHD src/ rsync://localhost:$PORT/rows/$ROW/dst/"),
    row("daemon push parent missing", basic, "r -a src/ rsync://localhost:$PORT/rows/$ROW/x/y/").loose(),
    row("daemon push secluded", basic, "r -avs src/ \"rsync://localhost:$PORT/rows/$ROW/a b/\""),
    row("daemon push protocol 29", stale, "r -av --delete --protocol=29 src/ rsync://localhost:$PORT/rows/$ROW/dst/"),
    row(
        "daemon v2",
        empty,
        "r -a --info=name2 rsync://localhost:$PORT/pub/ dst; r -a --info=name2 rsync://localhost:$PORT/pub/ dst",
    ),
    row("daemon source missing", empty, "r -a rsync://localhost:$PORT/pub/nowhere dst").loose(),
    row(
        "daemon source one missing",
        empty,
        "r -av rsync://localhost:$PORT/pub/nowhere ::pub/hello.txt dst; show; r -av --port=$PORT localhost::pub/nowhere ::pub/hello.txt dst",
    ),
    row(
        "daemon filtered way",
        empty,
        "r -av rsync://localhost:$PORT/filtered/sub/ dst; r -av rsync://localhost:$PORT/filtered/../filtered/ dst",
    )
    .loose(),
    row(
        "daemon push attributes",
        stale,
        "setfattr -n user.a -v 1 src/a; setfacl -m u:1:rw src/b; r -aAXi src/ rsync://localhost:$PORT/rows/$ROW/dst/",
    ),
    row(
        "daemon insecure links",
        basic,
        "mkdir m; ln -s ../src m/out; ln -s ../src/a m/file; printf 'use chroot = no\ninsecure links = yes\nmunge symlinks = no\n[m]\npath = %s/m\n' $PWD >conf; export RSYNC_CONNECT_PROG=\"$R --daemon --config=$PWD/conf\"; r -avL rsync://h/m/ d1; r -av rsync://h/m/out/ d2; rm conf",
    ),
    row(
        "daemon chroot destination",
        basic,
        "printf '[m]\npath = %s\nread only = no\nuid = 0\ngid = 0\npre-xfer exec = env | grep RSYNC_ARG | sort >%s/args\n' $PWD $PWD >conf; export RSYNC_CONNECT_PROG=\"$R --daemon --config=$PWD/conf\"; r -av src/ rsync://h/m/d1; cat args; r -av src/ rsync://h/m/sub/d2/; r -av --mkpath src/ rsync://h/m/x/y/; r -avn src/ rsync://h/m/d4; r rsync://h/m/src/a; cat args; r rsync://h/m/ | awk '{print $1, $NF}'; cat args; rm conf args",
    )
    .root()
    .loose(),
    row(
        "daemon hidden side directories",
        basic,
        "mkdir secret; printf 'use chroot = no\n[m]\npath = %s\nread only = no\nfilter = - /secret\n' $PWD >conf; export RSYNC_CONNECT_PROG=\"$R --daemon --config=$PWD/conf\"; for o in --backup-dir=/secret --temp-dir=/secret --link-dest=/secret --partial-dir=/secret; do r -rb $o src/ rsync://h/m/dst/; show; done; r -r src/ rsync://h/m/secret/; rm conf",
    )
    .loose(),
    row(
        "daemon refused timings",
        stale,
        "printf 'use chroot = no\n[m]\npath = %s\nread only = no\nrefuse options = delete-*\n' $PWD >conf; export RSYNC_CONNECT_PROG=\"$R --daemon --config=$PWD/conf\"; r -r --delete src/ rsync://h/m/dst/; rm conf",
    )
    .loose(),
    row("daemon unreadable", empty, "r -av rsync://localhost:$PORT/nobody/ dst").root(),
    row("daemon unknown module", empty, "r -a rsync://localhost:$PORT/nothing/ dst").loose(),
    row("daemon module case", empty, "r -a rsync://localhost:$PORT/PUB/ dst").loose(),
    row("daemon path without module", empty, "r -a rsync://localhost:$PORT//hello.txt dst").loose(),
    row("daemon no module", empty, "r -a rsync://localhost:$PORT dst").loose(),
    row("daemon push without module", basic, "r -a src/ rsync://localhost:$PORT/").loose(),
    row("daemon hidden", empty, "r rsync://localhost:$PORT/hidden/hello.txt"),
    row("daemon denied", empty, "r -a rsync://localhost:$PORT/denied/ dst").loose(),
    row("daemon lost path", empty, "r -a rsync://localhost:$PORT/lost/ dst").loose(),
    row("daemon full", empty, "r -a rsync://localhost:$PORT/full/ dst").loose(),
    row("daemon read only", basic, "r -a src/ rsync://localhost:$PORT/pub/"),
    row("daemon write only", basic, "r -a rsync://localhost:$PORT/wo/$ROW/src/ dst").loose(),
    row("daemon refused delete", stale, "r -a --delete src/ rsync://localhost:$PORT/refuse/$ROW/dst/"),
    row("daemon refused compress", stale, "r -az src/ rsync://localhost:$PORT/refuse/$ROW/dst/"),
    row("daemon refused list", basic, "r -avz src/ rsync://localhost:$PORT/refuse/$ROW/dst/; r -av --delete-after src/ rsync://localhost:$PORT/refuse/$ROW/dst/"),
    row("daemon refused pull", basic, "r -az rsync://localhost:$PORT/refuse/$ROW/src/ dst"),
    row("daemon nothing to send", empty, "r -a rsync://localhost:$PORT/pub/nope dst; r -av --files-from=:/nope rsync://localhost:$PORT/pub/ dst"),
    row("daemon destination fails", basic, "r -a src/ rsync://localhost:$PORT/refuse/$ROW/no/such/dir/"),
    row("daemon options fail", basic, "r -a -M--bogus src/ rsync://localhost:$PORT/refuse/$ROW/dst/; r -a -M--chmod=zz src/ rsync://localhost:$PORT/refuse/$ROW/dst/; r -a -M--bogus rsync://localhost:$PORT/pub/ dst"),
    row("daemon not refused", stale, "r -av src/ rsync://localhost:$PORT/refuse/$ROW/dst/"),
    row("daemon outside", empty, "r rsync://localhost:$PORT/pub/../../").loose(),
    row("daemon filtered", empty, "r -av rsync://localhost:$PORT/filtered/ dst"),
    row("daemon filtered asked", empty, "r -a rsync://localhost:$PORT/filtered/hello.txt dst").loose(),
    row("password right", passwords, "RSYNC_PASSWORD='open sesame' r rsync://alice@localhost:$PORT/auth/hello.txt"),
    row("password file", passwords, "r --password-file=right rsync://alice@localhost:$PORT/auth/hello.txt"),
    row("password refused", passwords, "r --password-file=wrong rsync://alice@localhost:$PORT/auth/hello.txt").loose(),
    row("password shown to all", passwords, "r --password-file=shown rsync://alice@localhost:$PORT/auth/hello.txt")
        .loose(),
    row(
        "password file missing here",
        passwords,
        "r --password-file=nowhere rsync://alice@localhost:$PORT/auth/hello.txt",
    )
    .loose(),
    row("password user unknown", passwords, "r --password-file=right rsync://mallory@localhost:$PORT/auth/hello.txt")
        .loose(),
    row("password user unlisted", passwords, "RSYNC_PASSWORD=swordfish r rsync://bob@localhost:$PORT/auth/hello.txt")
        .loose(),
    row("password without secret", passwords, "RSYNC_PASSWORD=x r rsync://carol@localhost:$PORT/auth/hello.txt")
        .loose(),
    row("password asked for", passwords, "echo 'open sesame' | r rsync://alice@localhost:$PORT/auth/hello.txt").loose(),
    row("password no user", passwords, "USER= LOGNAME=alice RSYNC_PASSWORD='open sesame' r rsync://localhost:$PORT/auth/hello.txt").loose(),
    row("password default user", passwords, "RSYNC_PASSWORD=x r rsync://localhost:$PORT/auth/hello.txt").loose(),
    row(
        "password md5",
        passwords,
        "RSYNC_PASSWORD='open sesame' r --protocol=29 rsync://alice@localhost:$PORT/auth/hello.txt",
    ),
    row("port dead", empty, "r -a rsync://127.0.0.1:$DEAD/m/ dst"),
    row("port dead push", basic, "r -a src/ rsync://127.0.0.1:$DEAD/m/"),
    row("port garbage", empty, "r -a rsync://127.0.0.1:$GARBAGE/m/ dst").loose(),
    row("port closing", empty, "r -a rsync://127.0.0.1:$CLOSING/m/ dst").loose(),
    row("host unknown", empty, "r -a rsync://no-such-host.invalid/m/ dst 2>&1 | sed 's/: [A-Z][a-z ]*$//'"),
    row("over shell list", empty, "r -e $RSH --rsync-path=\"$R --config=$CONF\" host::"),
    row("over shell pull", empty, "r -av -e $RSH --rsync-path=\"$R --config=$CONF\" host::pub/ dst"),
    row("over shell push", basic, "r -av -e $RSH --rsync-path=\"$R --config=$CONF\" src/ host::rows/$ROW/dst/"),
    row("over shell unknown", empty, "r -a -e $RSH --rsync-path=\"$R --config=$CONF\" host::nothing/ dst").loose(),
    row(
        "connect program",
        empty,
        "RSYNC_CONNECT_PROG=\"$R --config=$CONF --server --daemon .\" r rsync://host/pub/hello.txt",
    ),
    row("connect program host", empty, "RSYNC_CONNECT_PROG='echo %H' r 'rsync://a b/pub/'").loose(),
];
