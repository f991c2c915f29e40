//! Listings.

use super::{Row, row};
use crate::setup::{basic, empty, kinds, odd};

pub const ROWS: &[Row] = &[
    row("list implied", basic, "r src/"),
    row("list dir by name", basic, "r src"),
    row("list recursive", basic, "r -r src/"),
    row("list archive", basic, "r -a src/"),
    row("list file", basic, "r src/a"),
    row("list only", basic, "r --list-only src/ dst"),
    row("list only recursive", basic, "r -r --list-only src/ dst"),
    row("list human", basic, "r -hh src/"),
    row("list no human", basic, "r --no-h src/"),
    row("list v", basic, "r -v src/"),
    row("list checksum", basic, "r -c src/"),
    row("list kinds", kinds, "r -a src/"),
    row("list kinds no links", kinds, "r src/"),
    row("list odd", odd, "r -a src/"),
    row("list odd 8", odd, "r -a8 src/"),
    row("list excluded", basic, "r -r --exclude=deep src/"),
    row("list missing", basic, "r src/nowhere"),
    row("list atimes", basic, "r -U src/a | cut -c1-60"),
    row("list remote", basic, "remote host:$PWD/src/"),
    row("list remote recursive", basic, "remote -r host:$PWD/src/"),
    row("list remote home", basic, "remote host:rows/$ROW/src/a"),
    row("list modules", empty, "r rsync://localhost:$PORT/"),
    row("list modules colons", empty, "r --port=$PORT localhost::"),
    row("list module", empty, "r rsync://localhost:$PORT/pub/"),
    row("list module recursive", empty, "r -r rsync://localhost:$PORT/pub/"),
    row("list module dir", empty, "r rsync://localhost:$PORT/pub/sub/"),
    row("list module file", empty, "r rsync://localhost:$PORT/pub/hello.txt"),
    row("list module missing", empty, "r rsync://localhost:$PORT/pub/nowhere").loose(),
    row("list module filtered", empty, "r rsync://localhost:$PORT/filtered/"),
];
