//! Lines of `--list-only` (spec 2.17, 3.11.8, 4.14), and modes as `ls -l` shows them.

use alloc::vec::Vec;

use super::number::{Level, Numbers};
use super::time::LocalTime;

/// Columns of a date and the blank before it.
const TIME_COLUMNS: usize = 20;

/// One entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Type and permission bits; 0 for an argument that is missing (`--delete-missing-args`).
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// The column of access times (`-U`), and the time if this entry has one: directories have not.
    pub atime: Option<Option<i64>>,
    /// The same for creation times (`-N`).
    pub crtime: Option<Option<i64>>,
    /// The name, without trailing slash.
    pub name: &'a [u8],
    /// Where a symlink points, with `-l`.
    pub target: Option<&'a [u8]>,
    /// The style of sizes.
    pub numbers: Numbers,
    /// The time zone.
    pub local_time: fn(i64) -> LocalTime,
}

/// `PERMS SIZE DATE TIME[ ATIME][ CRTIME] NAME[ -> TARGET]`, without newline.
pub fn listing_line(entry: &Listed<'_>) -> Vec<u8> {
    let size_columns = if entry.numbers.level == Level::Plain { 11 } else { 14 };
    let mut line = Vec::with_capacity(64 + entry.name.len());
    if entry.mode == 0 {
        let extra = usize::from(entry.atime.is_some()) + usize::from(entry.crtime.is_some());
        line.extend_from_slice(b"*missing");
        line.resize(11 + size_columns + TIME_COLUMNS * (1 + extra), b' ');
    } else {
        line.extend_from_slice(&mode_text(entry.mode));
        line.push(b' ');
        let size = entry.numbers.count(entry.size);
        line.resize(line.len() + size_columns.saturating_sub(size.len()), b' ');
        line.extend_from_slice(&size);
        for time in [Some(Some(entry.mtime)), entry.atime, entry.crtime].into_iter().flatten() {
            put_time(&mut line, time.map(entry.local_time));
        }
    }
    line.push(b' ');
    line.extend_from_slice(entry.name);
    if let Some(target) = entry.target {
        line.extend_from_slice(b" -> ");
        line.extend_from_slice(target);
    }
    line
}

fn put_time(line: &mut Vec<u8>, time: Option<LocalTime>) {
    match time {
        Some(time) => {
            line.push(b' ');
            line.extend_from_slice(&time.text(' '));
        }
        None => line.resize(line.len() + TIME_COLUMNS, b' '),
    }
}

/// Ten characters: the type, and three times `rwx`, with `s`, `S`, `t` and `T` where the special bits are set.
pub fn mode_text(mode: u32) -> [u8; 10] {
    let mut text = *b"?rwxrwxrwx";
    text[0] = match mode & 0o170000 {
        0o100000 => b'-',
        0o040000 => b'd',
        0o120000 => b'l',
        0o060000 => b'b',
        0o020000 => b'c',
        0o140000 => b's',
        0o010000 => b'p',
        _ => b'?',
    };
    for (index, letter) in text[1..].iter_mut().enumerate() {
        if mode & (0o400 >> index) == 0 {
            *letter = b'-';
        }
    }
    for (at, bit, with_x, without_x) in [(3, 0o4000, b's', b'S'), (6, 0o2000, b's', b'S'), (9, 0o1000, b't', b'T')] {
        if mode & bit != 0 {
            text[at] = if text[at] == b'x' { with_x } else { without_x };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn entry(mode: u32, size: u64, name: &[u8]) -> Listed<'_> {
        Listed {
            mode,
            size,
            mtime: 1_577_934_245,
            atime: None,
            crtime: None,
            name,
            target: None,
            numbers: Numbers::default(),
            local_time: |unix| LocalTime::at(unix, 0),
        }
    }

    fn check(entry: Listed<'_>, expect: &str) {
        assert_eq!(String::from_utf8(listing_line(&entry)).as_deref(), Ok(expect));
    }

    #[test]
    fn lines_of_stock_listings() {
        check(entry(0o104644, 5, b"a"), "-rwSr--r--              5 2020/01/02 03:04:05 a");
        check(entry(0o060644, 0, b"b"), "brw-r--r--              0 2020/01/02 03:04:05 b");
        check(entry(0o100644, 1_234_567, b"big"), "-rw-r--r--      1,234,567 2020/01/02 03:04:05 big");
        check(entry(0o010644, 0, b"p"), "prw-r--r--              0 2020/01/02 03:04:05 p");
        check(entry(0o140755, 0, b"sock"), "srwxr-xr-x              0 2020/01/02 03:04:05 sock");
        check(entry(0o107777, 2, b"d/f"), "-rwsrwsrwt              2 2020/01/02 03:04:05 d/f");
        let link = Listed { target: Some(b"target"), ..entry(0o120777, 6, b"l") };
        check(link, "lrwxrwxrwx              6 2020/01/02 03:04:05 l -> target");
    }

    #[test]
    fn sizes_follow_the_level() {
        let at = |level| Listed { numbers: Numbers::default().at(level), ..entry(0o100644, 1_234_567, b"big") };
        check(at(Level::Plain), "-rw-r--r--     1234567 2020/01/02 03:04:05 big");
        check(at(Level::Thousands), "-rw-r--r--          1.23M 2020/01/02 03:04:05 big");
        check(at(Level::Binary), "-rw-r--r--          1.18M 2020/01/02 03:04:05 big");
        let huge = entry(0o100600, 9_223_372_036_854_771_711, b"huge");
        check(huge, "-rw------- 9,223,372,036,854,771,711 2020/01/02 03:04:05 huge");
    }

    #[test]
    fn more_times() {
        let file = Listed { atime: Some(Some(0)), ..entry(0o100644, 5, b"a") };
        check(file, "-rw-r--r--              5 2020/01/02 03:04:05 1970/01/01 00:00:00 a");
        let dir = Listed { atime: Some(None), ..entry(0o040755, 4096, b"d") };
        check(dir, "drwxr-xr-x          4,096 2020/01/02 03:04:05                     d");
    }

    #[test]
    fn missing_arguments_keep_the_name_column() {
        let missing = Listed { atime: Some(None), ..entry(0, 0, b"nonex") };
        check(missing, "*missing                                                          nonex");
        let columns = |entry: &Listed<'_>| listing_line(entry).iter().rposition(|&byte| byte == b' ');
        for level in [Level::Plain, Level::Grouped] {
            let numbers = Numbers::default().at(level);
            let there = Listed { numbers, ..entry(0o100644, 0, b"x") };
            assert_eq!(columns(&Listed { numbers, ..entry(0, 0, b"x") }), columns(&there));
        }
    }

    #[test]
    fn modes() {
        let check = |mode, expect: &str| assert_eq!(mode_text(mode), expect.as_bytes());
        check(0o041644, "drw-r--r-T");
        check(0o102644, "-rw-r-Sr--");
        check(0o102755, "-rwxr-sr-x");
        check(0o020000, "c---------");
        check(0o000777, "?rwxrwxrwx");
    }
}
