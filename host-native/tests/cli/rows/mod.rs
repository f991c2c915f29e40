//! The tables of rows. A script runs with `sh` in the row's directory; it may use
//!
//! - `r ARGS`: the program; `remote ARGS`: the same with the stand-in for a remote shell, and itself at the other end;
//!   `nobody ARGS`: the program as a user without privileges;
//! - `show`: prints the exit code of the last command, where a script has several;
//! - `$PORT`: a daemon of the same program; `$ROW`: the name of the row's directory in the daemon's module `rows`;
//! - `$DEAD $GARBAGE $CLOSING`: ports where no daemon is; `$BASE/rsh-*`: remote shells that misbehave;
//! - `$R`, `$RSH`, `$CONF`: the program, the remote shell, the daemon's configuration.

mod daemon;
mod environment;
mod listing;
mod local;
mod logs;
pub mod open;
mod options;
mod protocols;
mod random;
mod remote;
mod special;
mod usage;

use crate::mask::Order;
use crate::support::maker::Maker;

/// How outputs are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// Line by line.
    Exact,
    /// As exact, but for the lines in which processes tell of a broken connection.
    Loose,
    /// Both print something, or both do not.
    Presence,
}

/// One comparison.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub setup: fn(&mut Maker),
    pub script: &'static str,
    pub judge: Judge,
    /// Whether standard output has no fixed order.
    pub sorted: bool,
    /// Whether it can only be run by root.
    pub root: bool,
    /// Codes of which stock itself ends with one or the other; empty where there is but one.
    pub codes: &'static [i32],
}

/// An exact row.
const fn row(name: &'static str, setup: fn(&mut Maker), script: &'static str) -> Row {
    Row { name, setup, script, judge: Judge::Exact, sorted: false, root: false, codes: &[] }
}

impl Row {
    /// The order in which its standard output is compared.
    pub fn order(&self) -> Order {
        if self.sorted { Order::Any } else { Order::Lanes }
    }

    /// The script, for a report.
    pub fn shown(&self) -> String {
        self.script.trim().replace('\n', "\n  ")
    }

    const fn loose(self) -> Self {
        Self { judge: Judge::Loose, ..self }
    }

    const fn presence(self) -> Self {
        Self { judge: Judge::Presence, ..self }
    }

    const fn sorted(self) -> Self {
        Self { sorted: true, ..self }
    }

    const fn codes(self, codes: &'static [i32]) -> Self {
        Self { codes, ..self }
    }

    const fn root(self) -> Self {
        Self { root: true, ..self }
    }
}

/// All tables.
pub fn all() -> Vec<Row> {
    let tables = [
        usage::ROWS,
        local::ROWS,
        listing::ROWS,
        logs::ROWS,
        remote::ROWS,
        protocols::ROWS,
        special::ROWS,
        daemon::ROWS,
        environment::ROWS,
    ];
    [tables.concat(), options::rows(), random::rows()].concat()
}
