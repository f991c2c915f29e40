//! Lines that stock rsync 3.5.0 printed, and what their formats were.

use super::*;
use alloc::string::String;
use proptest::prelude::*;

const DIGEST: [u8; 16] =
    [0x18, 0x38, 0x52, 0x5e, 0xaa, 0xcf, 0x79, 0xc7, 0x7f, 0x3e, 0x1b, 0x07, 0xad, 0xc1, 0xe9, 0xb5];

fn utc(unix: i64) -> LocalTime {
    LocalTime::at(unix, 0)
}

fn info(name: &'static [u8], mode: u32, flags: ItemFlags) -> ItemInfo<'static> {
    ItemInfo {
        operation: Operation::Send,
        view: ItemView::new(flags, mode),
        name,
        source_prefix: b"s",
        size: 5,
        mtime: 1_577_934_245,
        uid: 0,
        gid: Some(0),
        target: None,
        xname: None,
        digest: Some(&DIGEST),
        digest_bytes: 16,
        digest_reversed: true,
        data_bytes: 48,
        other_bytes: 16,
        daemon: None,
        pid: 18316,
        now: 1_795_578_038,
        numbers: Numbers::default(),
        local_time: utc,
    }
}

fn file() -> ItemInfo<'static> {
    info(b"hl", 0o104644, ItemFlags::TRANSFER | ItemFlags::IS_NEW)
}

fn check(format: &str, info: &ItemInfo<'_>, expect: &str) {
    let line = expand(format.as_bytes(), info);
    assert_eq!(String::from_utf8_lossy(&line), expect, "{format}");
}

#[test]
fn every_letter_in_a_client() {
    let format = "[%%][%a][%h][%b][%B][%c][%C][%f][%G][%U][%i][%l][%L][%m][%P][%u][%M][%n][%o][%z][%";
    let expect = "[%][%a][%h][48][rwSr--r--][16][b5e9c1ad071b3e7fc779cfaa5e523818][s/hl][0][0][>f+++++++++][5][][][%P][%u]\
                  [2020/01/02-03:04:05][hl][send][%z][%";
    check(format, &file(), expect);
    check("%t|%p|", &file(), "2026/11/25 03:40:38|18316|");
}

#[test]
fn every_letter_in_a_daemon() {
    let daemon = DaemonInfo { address: b"127.0.0.1", host: b"localhost", module: b"mod", path: b"/tmp/s", user: b"" };
    let item = ItemInfo { daemon: Some(daemon), source_prefix: b"", ..info(b".", 0o040755, ItemFlags::LOCAL_CHANGE) };
    let expect = "send|localhost|127.0.0.1|mod||/tmp/s|.|./|5|       mod|          | /tmp/s|localhost   |";
    check("%o|%h|%a|%m|%u|%P|%f|%n|%l|%10m|%-10u|%7P|%-12h|", &item, expect);
    check("%10m|%-10u|", &file(), "          |%-10u|");
    let text = expand(FORMAT_DAEMON, &ItemInfo { daemon: Some(daemon), ..file() });
    assert_eq!(text, b"send localhost [127.0.0.1] mod () s/hl 5");
}

#[test]
fn widths_and_levels() {
    let item = ItemInfo { size: 1_234_567, ..file() };
    let format =
        "%12l|%-12l|%'l|%''l|%'''l|%''''l|%'12l|%12'l|%-'12l|%'-12'l|%012l|%5%|%-l|%--5l|%5-l|%''''''''2l|%5o|%1o";
    let expect = "     1234567|1234567     |1,234,567|1.23M|1.18M|1.18M|   1,234,567|   1,234,567|%-'12l|1.23M       |     \
                  1234567|    %|1234567|%--5l|%5-l|1.18M| send|send";
    check(format, &item, expect);
    check(
        "%20n|%-4n|%1n|%15i|%-15i|%12B|%5z|%'z",
        &item,
        "                  hl|hl  |hl|    >f+++++++++|>f+++++++++    |   rwSr--r--|%5z|%'z",
    );
    for format in ["%4095n", "%4096n", "%18446744073709551621n"] {
        assert_eq!(expand(format.as_bytes(), &item).len(), PATH_BYTES_MAX, "{format}");
    }
    assert!(expand(b"%4095n", &item).ends_with(b"  hl"));
    assert!(expand(b"%4096n", &item).ends_with(b"  h"), "the field is full before the value ends");
}

#[test]
fn links() {
    let symlink = ItemInfo { target: Some(b"target"), ..info(b"l", 0o120777, ItemFlags::LOCAL_CHANGE) };
    check("%L|%10L|%-10L|", &symlink, " -> target| ->     target| -> target    |");
    let hard =
        ItemInfo { xname: Some(b"hl"), ..info(b"a", 0o100644, ItemFlags::LOCAL_CHANGE | ItemFlags::XNAME_FOLLOWS) };
    check("%L|%10L|%-10L|", &hard, " => hl| =>         hl| => hl        |");
    check("%L|%10L|%'L|%-L|%0L|%'-L|", &file(), "|              ||    |    |    |");
    let linked_symlink = ItemInfo { target: Some(b"tgt"), ..hard };
    check("%n%L", &linked_symlink, "a => hl");
    check("%n%L", &ItemInfo { xname: Some(b""), ..linked_symlink }, "a -> tgt");
    let fuzzy = ItemInfo { xname: Some(b"basis"), ..file() };
    check("%n%L", &fuzzy, "hl");
}

#[test]
fn digests() {
    check("%C", &ItemInfo { digest_reversed: false, ..file() }, "1838525eaacf79c77f3e1b07adc1e9b5");
    check("%C|", &ItemInfo { digest: None, ..file() }, "                                |");
    let dir = info(b"d", 0o040755, ItemFlags::REPORT_TIME);
    check("%C|", &ItemInfo { digest_bytes: 8, ..dir }, "                |");
    let known = "        b5e9c1ad071b3e7fc779cfaa5e523818|b5e9c1ad071b3e7fc779cfaa5e523818        |";
    check("%40C|%-40C|", &file(), known);
    let unknown = ItemInfo { digest: None, digest_bytes: 1, ..file() };
    check("%40C|%-40C|%'1C|", &unknown, "  |  |  |");
}

#[test]
fn ids() {
    let item = ItemInfo { gid: None, ..file() };
    check("%U|%5U|%G|%10G|%-10G|%'10U|", &item, "0|    0|DEFAULT|   DEFAULT|DEFAULT   |         0|");
    check("%'U %'G", &ItemInfo { uid: 4_294_967_294, gid: Some(1000), ..file() }, "4294967294 1000");
}

#[test]
fn only_ids_are_filled_up_with_zeros() {
    let item = ItemInfo { uid: 65534, gid: Some(65534), ..file() };
    let format = "%012p|%08U|%'08U|%-08U|%08G|%08l|%08n|%0U|%08%|%08o|";
    let expect = "000000018316|00065534|00065534|65534   |00065534|       5|      hl|65534|       %|    send|";
    check(format, &item, expect);
    check("%012G|%-012G|", &ItemInfo { gid: None, ..file() }, "     DEFAULT|DEFAULT     |");
    let wide = expand(b"%09999U", &item);
    assert_eq!((wide.len(), wide.iter().all(|&byte| byte == b'0')), (PATH_BYTES_MAX, true));
}

#[test]
fn long_names() {
    check("%f", &ItemInfo { source_prefix: b"/home/me/", ..file() }, "home/me/hl");
    check("%f %n", &ItemInfo { source_prefix: b"", ..info(b"d", 0o040755, ItemFlags::NONE) }, "d d/");
    // Arguments of stock rsync, up to the last slash, and what `%f` said of the file in it.
    for (prefix, expect) in [
        (&b"."[..], "hl"),
        (b"./", "hl"),
        (b".//./../src/", "../src/hl"),
        (b"././src", "src/hl"),
        (b"src/d/..", "src/d/../hl"),
        (b"../src/d/", "../src/d/hl"),
        (b"/tmp/./w//src/./", "tmp/w/src/hl"),
        (b"/tmp/w/../src", "tmp/w/../src/hl"),
        (b"/", "hl"),
    ] {
        check("%f", &ItemInfo { source_prefix: prefix, ..file() }, expect);
    }
    check("%f", &ItemInfo { source_prefix: b"src/.", ..info(b".", 0o040755, ItemFlags::NONE) }, "src/.");
}

#[test]
fn deletions() {
    let gone = |mode| ItemInfo { operation: Operation::Delete, ..info(b"y", mode, ItemFlags::NONE) };
    let format = "%i|%o|%n|%f|%l|%B|%M|%U|%G|%L|%5L|%b|%C|";
    let item = ItemInfo { source_prefix: b"", data_bytes: 0, ..gone(0o040755) };
    let expect =
        "*deleting  |del.|y/|y|0|---------|1970/01/01-00:00:00|0|0||         |0|                                |";
    check(format, &item, expect);
    assert_eq!(expand_deletion(Some(b"%i %n%L"), &item), b"*deleting   y/");
    assert_eq!(expand_deletion(Some(b"%n"), &gone(0o100644)), b"deleting y");
    assert_eq!(expand_deletion(Some(b"%o-%n"), &item), b"del.-y/");
    assert_eq!(expand_deletion(None, &item), b"deleting y/");
}

#[test]
fn formats_are_searched_as_they_are_expanded() {
    assert!(has_escape(b"%-20'n %'''12i", b'i'));
    assert!(!has_escape(b"%%i", b'i'), "an escaped percent sign takes the letter with it");
    assert!(!has_escape(b"%-'12i", b'i'));
    assert!(has_escape(b"%z%i", b'i'));
    assert!(shown_after(b"%n %8b") && shown_after(b"%C") && !shown_after(b"%B %n"));
    assert!(check_format(&[b'x'; 4096]).is_ok());
    let error = check_format(&[b'x'; 4097]).expect_err("too long");
    assert_eq!(error.exit, Exit::MESSAGE_IO);
}

#[test]
fn which_items_are_shown() {
    use ItemFlags as F;
    let check = |flags: F, is_dir, xname: Option<&[u8]>, by_name, itemized, with_all| {
        let rule = |itemized, every, name_level| ShowRule { itemized, every, name_level };
        assert_eq!(is_shown(flags, is_dir, xname, &rule(false, false, 1)), by_name, "-v {flags:?}");
        assert_eq!(is_shown(flags, is_dir, xname, &rule(true, false, 0)), itemized, "-i {flags:?}");
        assert_eq!(is_shown(flags, is_dir, xname, &rule(true, true, 0)), with_all, "-ii {flags:?}");
        assert_eq!(is_shown(flags, is_dir, xname, &rule(true, false, 2)), with_all, "-i -vv {flags:?}");
    };
    let link = F::LOCAL_CHANGE | F::XNAME_FOLLOWS;
    check(F::NONE, false, None, false, false, true);
    check(F::REPORT_PERMS, false, None, false, true, true);
    check(F::REPORT_TIME, true, None, true, true, true);
    check(F::LOCAL_CHANGE | F::IS_NEW, false, None, true, true, true);
    check(F::LOCAL_CHANGE | F::REPORT_CHANGE, false, None, true, true, true);
    check(F::LOCAL_CHANGE, true, None, false, false, true);
    check(link, false, Some(b""), false, false, true);
    check(link, false, Some(b"leader"), true, true, true);
}

proptest! {
    #[test]
    fn any_format_stays_bounded(format in proptest::collection::vec(any::<u8>(), 0..200)) {
        let line = expand(&format, &file());
        prop_assert!(line.len() <= format.len() * PATH_BYTES_MAX);
    }

    #[test]
    fn text_without_percent_is_unchanged(format in "[^%]{0,40}") {
        prop_assert_eq!(expand(format.as_bytes(), &file()), format.as_bytes());
    }
}
