//! What the environment says, and options that other tables have no place for.

use super::{Row, row};
use crate::setup::{basic, delta, empty, filters, stale};

pub const ROWS: &[Row] = &[
    row("variable old args", basic, "RSYNC_OLD_ARGS=1 remote -av src/ host:$PWD/dst"),
    row("variable protect args", basic, "RSYNC_PROTECT_ARGS=1 remote -av src/ \"host:$PWD/d t\""),
    row("variable partial dir", delta, "RSYNC_PARTIAL_DIR=.part r -ai --partial --no-W src/ dst"),
    row("variable max alloc", basic, "RSYNC_MAX_ALLOC=64m r -av src/ dst; show; RSYNC_MAX_ALLOC=x r -av src/ dst"),
    row("variable checksum list", stale, "RSYNC_CHECKSUM_LIST='xxh64 md5' r -aci --debug=nstr src/ dst"),
    row("variable checksum unknown", stale, "RSYNC_CHECKSUM_LIST=nonsense r -aci src/ dst").loose(),
    row("variable compress list", stale, "RSYNC_COMPRESS_LIST='lz4 zlib' remote -aiz --debug=nstr src/ host:$PWD/dst"),
    row("variable compress unknown", stale, "RSYNC_COMPRESS_LIST=nonsense remote -aiz src/ host:$PWD/dst").loose(),
    row(
        "compress levels told",
        stale,
        "for o in '--zc=zlibx --zl=0' '--zc=zlib --zl=-5' '--zc=none --zl=3' '--zc=zstd --zl=99' '--zc=zlib --zl=-1'; do remote -aiz $o --debug=nstr src/ host:$PWD/dst; done",
    ),
    row("variable cvsignore", filters, "CVSIGNORE='*.c keep*' r -avC src/ dst"),
    row("variable user", empty, "USER=alice RSYNC_PASSWORD='open sesame' r rsync://localhost:$PORT/auth/hello.txt"),
    row(
        "variable logname",
        empty,
        "unset USER; LOGNAME=alice RSYNC_PASSWORD='open sesame' r rsync://localhost:$PORT/auth/hello.txt",
    ),
    row("variable port in shell", empty, "RSYNC_CONNECT_PROG='read greeting; echo no >&2; exit 3' r rsync://h/m/")
        .loose(),
    row(
        "variable shell",
        empty,
        "printf '#!/bin/sh\\necho used >&2\\nexec sh \"$@\"\\n' >sh; chmod +x sh; RSYNC_SHELL=$PWD/sh RSYNC_CONNECT_PROG=\"$R --config=$CONF --server --daemon .\" r rsync://host/pub/hello.txt",
    ),
    row("proxy not there", empty, "RSYNC_PROXY=127.0.0.1:$DEAD r rsync://localhost:$PORT/pub/"),
    row("proxy no proxy", empty, "RSYNC_PROXY=127.0.0.1:$GARBAGE r rsync://localhost:$PORT/pub/"),
    row("proxy without port", empty, "RSYNC_PROXY=localhost r rsync://localhost:$PORT/pub/"),
    row("proxy without password", empty, "RSYNC_PROXY=u@localhost:1 r rsync://localhost:$PORT/pub/"),
    row("server words refused", empty, "r --server --sender -vlogDtpre.iLsfxCIvu . /no/such </dev/null").loose(),
    row("daemon config and dparam", empty, "r --daemon --config=nowhere --dparam=port=1 --detach --no-detach; show")
        .loose(),
    row("address ipv6 for ipv4", empty, "r --ipv6 rsync://127.0.0.1:$PORT/pub/ 2>&1 | sed 's/: [A-Z].*//'"),
    row("sockopts unknown", empty, "r --sockopts=SO_NONSENSE rsync://127.0.0.1:$PORT/pub/"),
    row("contimeout", empty, "r --contimeout=5 rsync://127.0.0.1:$DEAD/pub/"),
    row("early input missing", empty, "r --early-input=nowhere rsync://127.0.0.1:$PORT/pub/").loose(),
    row("early input too long", empty, "head -c 6000 /dev/zero >big; r --early-input=big rsync://127.0.0.1:$PORT/pub/")
        .loose(),
];
