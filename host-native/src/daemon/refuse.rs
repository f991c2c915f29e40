//! `refuse options`: which rows of the option table clients may not use (spec 5.11).

use super::{lists, wild};

/// A row of the option table, as far as refusing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The long name without dashes; empty if there is none.
    pub long: &'a [u8],
    /// The letter.
    pub short: Option<u8>,
    /// Rows of the same number are names for one thing.
    pub alias: u32,
    /// The program was built without it.
    pub missing: bool,
}

/// Rows that start as refused.
const REFUSED_AT_FIRST: &[&str] = &["copy-devices", "write-devices"];
/// Rows that no wildcard touches.
const EXACT_ONLY: &[&str] = &[
    "rsh",
    "from0",
    "secluded-args",
    "dry-run",
    "iconv",
    "no-iconv",
    "checksum-seed",
    "copy-devices",
    "write-devices",
    "log-format",
    "sender",
    "server",
];
/// Rows that are refused whatever the list says.
const ALWAYS: &[&str] =
    &["log-file", "log-file-format", "insecure-links", "daemon", "config", "dparam", "detach", "no-detach"];
const ARCHIVE: &[u8] = b"[ardlptgoD]";

/// Whether the rows are refused, in their order. Items that name nothing are a line in `notes` each.
pub fn refused(list: &[u8], charset: bool, rows: &[Row<'_>], notes: &mut Vec<Vec<u8>>) -> Vec<bool> {
    let is = |row: &Row<'_>, names: &[&str]| names.iter().any(|name| name.as_bytes() == row.long);
    let mut refused: Vec<bool> = rows.iter().map(|row| is(row, REFUSED_AT_FIRST)).collect();
    for item in lists::split(list, b" ") {
        let (item, refuse) = match item {
            [b'!', item @ ..] => (item, false),
            item => (item, true),
        };
        let item = if matches!(item, b"a" | b"archive") { ARCHIVE } else { item };
        let touched = touched(item, rows);
        if !touched.contains(&true) {
            notes.push([b"No match for refuse-options string \"", item, b"\""].concat());
        }
        let hit = refused.iter_mut().zip(touched).filter(|(_, touched)| *touched);
        hit.for_each(|(row, _)| *row = refuse);
    }
    for (row, refused) in rows.iter().zip(&mut refused) {
        *refused |= row.missing || is(row, ALWAYS) || (row.long == b"iconv" && !charset);
    }
    refused
}

/// The rows that an item names.
fn touched(item: &[u8], rows: &[Row<'_>]) -> Vec<bool> {
    if wild::is_wild(item) {
        let exact = |row: &Row<'_>| EXACT_ONLY.iter().any(|name| name.as_bytes() == row.long);
        let letter = |row: &Row<'_>| row.short.is_some_and(|short| wild::matches(item, &[short]));
        let matches = |row: &Row<'_>| (!row.long.is_empty() && wild::matches(item, row.long)) || letter(row);
        return rows.iter().map(|row| !exact(row) && matches(row)).collect();
    }
    let named = rows.iter().find(|row| {
        (!item.is_empty() && row.long == item)
            || matches!((item, row.short), ([letter], Some(short)) if *letter == short)
    });
    let alias = named.map(|row| row.alias);
    rows.iter().map(|row| Some(row.alias) == alias).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &[(&str, Option<u8>, u32)] = &[
        ("archive", Some(b'a'), 0),
        ("recursive", Some(b'r'), 1),
        ("dirs", Some(b'd'), 2),
        ("delete", None, 3),
        ("delete-during", None, 4),
        ("del", None, 4),
        ("checksum", Some(b'c'), 5),
        ("verbose", Some(b'v'), 6),
        ("dry-run", Some(b'n'), 7),
        ("iconv", None, 8),
        ("write-devices", None, 9),
        ("log-file", None, 10),
        ("crtimes", Some(b'N'), 11),
        ("", Some(b'D'), 12),
    ];

    fn rows() -> Vec<Row<'static>> {
        let row = |&(long, short, alias): &(&'static str, _, _)| Row {
            long: long.as_bytes(),
            short,
            alias,
            missing: long == "crtimes",
        };
        ROWS.iter().map(row).collect()
    }

    #[track_caller]
    fn check(list: &str, expect: &[&str], notes: &[&str]) {
        let always = ["iconv", "write-devices", "log-file", "crtimes"];
        let mut found = Vec::new();
        let flags = refused(list.as_bytes(), false, &rows(), &mut found);
        let names = ROWS.iter().zip(&flags).filter(|(_, refused)| **refused).map(|(row, _)| row.0);
        let names: Vec<&str> = names.filter(|name| !always.contains(name)).collect();
        assert_eq!(names, expect, "{list}");
        let found: Vec<_> = found.iter().map(|note| String::from_utf8_lossy(note)).collect();
        assert_eq!(found, notes, "{list}");
    }

    #[test]
    fn lists() {
        check("", &[], &[]);
        check("c delete", &["delete", "checksum"], &[]);
        check("del", &["delete-during", "del"], &[]);
        check("delete*", &["delete", "delete-during"], &[]);
        check("a", &["archive", "recursive", "dirs", ""], &[]);
        check("* !a !v", &["delete", "delete-during", "del", "checksum"], &[]);
        check("dry-run", &["dry-run"], &[]);
        check("c !checksum", &[], &[]);
        check(
            "bogus\tx !z",
            &[],
            &["No match for refuse-options string \"bogus\tx\"", "No match for refuse-options string \"z\""],
        );
    }

    #[test]
    fn what_the_list_can_not_change() {
        let flag = |list: &str, charset, name: &str| {
            let flags = refused(list.as_bytes(), charset, &rows(), &mut Vec::new());
            flags[ROWS.iter().position(|row| row.0 == name).unwrap()]
        };
        assert!(flag("!iconv !log-file !crtimes", false, "iconv"));
        assert!(!flag("", true, "iconv"));
        assert!(flag("!log-file", false, "log-file"));
        assert!(flag("!crtimes", false, "crtimes"));
        assert!(flag("", false, "write-devices"));
        assert!(!flag("!write-devices", false, "write-devices"));
        assert!(flag("!*", false, "write-devices"), "no wildcard touches it");
    }
}
