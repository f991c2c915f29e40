//! Sessions with peers that speak older protocols.

use super::{Row, row};
use crate::setup::stale;

pub const ROWS: &[Row] = &[
    row("protocol push 27 i", stale, "remote -aHi --delete-after --stats --protocol=27 src/ host:$PWD/dst"),
    row("protocol pull 27 z", stale, "remote -az --stats --protocol=27 host:$PWD/src/ dst"),
    row("protocol push 27 delayed", stale, "remote -av --delay-updates --protocol=27 src/ host:$PWD/dst"),
    row("protocol pull 27 in place", stale, "remote -av --inplace --no-W --protocol=27 host:$PWD/src/ dst"),
    row("protocol push 27 remove", stale, "remote -a --remove-source-files --protocol=27 src/ host:$PWD/dst"),
    row(
        "protocol push 27 hard links",
        stale,
        "ln src/a src/h; ln src/a src/sub/h; touch -d @1600000000 src src/sub; remote -aHv --protocol=27 src/ host:$PWD/dst",
    ),
    row(
        "protocol pull 27 other basis",
        stale,
        "mkdir ref; echo 'bravo bravi' >ref/b; rm -r dst; remote -av --no-W --copy-dest=$PWD/ref --protocol=27 host:$PWD/src/ dst",
    ),
    row(
        "protocol pull 27 files from",
        stale,
        "printf 'a\\nsub/c\\n' >list; remote -av --files-from=list --protocol=27 host:$PWD/src/ dst",
    ),
    row(
        "protocol push 27 out format",
        stale,
        "remote -av --delete --out-format='%i %n %l' --protocol=27 src/ host:$PWD/dst",
    ),
    row("protocol push 27 max delete", stale, "remote -av --delete --max-delete=1 --protocol=27 src/ host:$PWD/dst"),
    row("protocol push 28 i", stale, "remote -aHi --delete-after --stats --protocol=28 src/ host:$PWD/dst"),
    row("protocol pull 28 z", stale, "remote -az --stats --protocol=28 host:$PWD/src/ dst"),
    row("protocol push 28 delayed", stale, "remote -av --delay-updates --protocol=28 src/ host:$PWD/dst"),
    row("protocol pull 28 in place", stale, "remote -av --inplace --no-W --protocol=28 host:$PWD/src/ dst"),
    row("protocol push 28 remove", stale, "remote -a --remove-source-files --protocol=28 src/ host:$PWD/dst"),
    row(
        "protocol push 28 hard links",
        stale,
        "ln src/a src/h; ln src/a src/sub/h; touch -d @1600000000 src src/sub; remote -aHv --protocol=28 src/ host:$PWD/dst",
    ),
    row(
        "protocol pull 28 other basis",
        stale,
        "mkdir ref; echo 'bravo bravi' >ref/b; rm -r dst; remote -av --no-W --copy-dest=$PWD/ref --protocol=28 host:$PWD/src/ dst",
    ),
    row(
        "protocol pull 28 files from",
        stale,
        "printf 'a\\nsub/c\\n' >list; remote -av --files-from=list --protocol=28 host:$PWD/src/ dst",
    ),
    row(
        "protocol push 28 out format",
        stale,
        "remote -av --delete --out-format='%i %n %l' --protocol=28 src/ host:$PWD/dst",
    ),
    row("protocol push 28 max delete", stale, "remote -av --delete --max-delete=1 --protocol=28 src/ host:$PWD/dst"),
    // Which of the processes comes to print what follows is chance.
    row(
        "protocol too old for acls",
        stale,
        "remote -aA --protocol=29 src/ host:$PWD/dst 2>&1 | grep requires | sort -u",
    ),
    row(
        "protocol too old for cvs rules",
        stale,
        "r -a --delete -f-C --protocol=29 src/ dst 2>&1 | grep modern; remote -a --delete -f-C --protocol=29 src/ host:$PWD/dst 2>&1 | grep modern; r -ai --delete --protocol=29 -f-C src/ dst",
    ),
    row(
        "protocol too old for xattrs",
        stale,
        "remote -aX --protocol=28 src/ host:$PWD/dst 2>&1 | grep requires | sort -u",
    ),
    row(
        "protocol too old for fuzzy",
        stale,
        "remote -ay --protocol=28 src/ host:$PWD/dst 2>&1 | grep requires | sort -u",
    ),
    row("protocol too old for prune", stale, "r -am --protocol=28 src/ dst 2>&1 | grep requires | sort -u"),
    row(
        "protocol too old for link dest in place",
        stale,
        "r -a --inplace --link-dest=/tmp --protocol=28 src/ dst 2>&1 | grep requires | sort -u",
    ),
    row(
        "protocol too old for two copy dest",
        stale,
        "r -a --copy-dest=/usr --copy-dest=/tmp --protocol=28 src/ dst 2>&1 | grep requires | sort -u",
    ),
    row("protocol 19 remote", stale, "remote -a --protocol=19 host:$PWD/src/ dst 2>&1 | grep Client"),
];
