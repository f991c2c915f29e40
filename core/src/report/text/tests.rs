//! Lines that stock rsync 3.5.0 printed.

use super::*;
use alloc::string::String;

const ENOENT: SystemError<'_> = SystemError { text: "No such file or directory", code: 2 };
const EACCES: SystemError<'_> = SystemError { text: "Permission denied", code: 13 };

fn check(text: impl AsRef<[u8]>, expect: &str) {
    assert_eq!(String::from_utf8_lossy(text.as_ref()), expect);
}

fn client(directory: &str) -> Shown<'_> {
    Shown { directory: directory.as_bytes(), module: None }
}

#[test]
fn paths() {
    check(client("/home/me").quote(b"nonex"), "\"/home/me/nonex\"");
    check(client("/home/me").quote(b"/nonex"), "\"/nonex\"");
    check(client("/").quote(b"nonex"), "\"/nonex\"");
    check(client("/home/me").quote(b"./sub/./nonex"), "\"/home/me/./sub/./nonex\"");
    let daemon = |directory| Shown { directory, module: Some(b"mod") };
    check(daemon(b"").quote(b"nonex"), "\"nonex\" (in mod)");
    check(daemon(b"/").quote(b"nonex"), "\"/nonex\" (in mod)");
    check(daemon(b"/sub").quote(b"nonex"), "\"/sub/nonex\" (in mod)");
}

/// `link_stat` failures of stock rsync in `/tmp/w/in`: the argument's directory, and the path in the message.
#[test]
fn directories_are_clean_once_entered() {
    let check = |directory: &str, expect: &str| {
        let entered = entered(b"/tmp/w/in", directory.as_bytes());
        assert_eq!(String::from_utf8_lossy(&full_path(&entered, b"nonex")), expect, "{directory}");
    };
    for here in ["", ".", "./", ".//", "sub/..", "./sub/./..", "link/.."] {
        check(here, "/tmp/w/in/nonex");
    }
    for sub in ["sub", "sub/.", "./sub", "sub//", "../in//sub"] {
        check(sub, "/tmp/w/in/sub/nonex");
    }
    check("..", "/tmp/w/nonex");
    check("../../../..", "/nonex");
    check("/", "/nonex");
    check("/tmp//w/", "/tmp/w/nonex");
    check("/tmp/./w/.", "/tmp/w/nonex");
    check("/tmp/w/..", "/tmp/nonex");
    check("...", "/tmp/w/in/.../nonex");
}

#[test]
fn entering_in_a_module() {
    assert_eq!(entered(b"", b""), b"");
    assert_eq!(entered(b"", b"."), b"");
    assert_eq!(entered(b"", b"sub"), b"/sub");
    assert_eq!(entered(b"/", b""), b"/");
    assert_eq!(entered(b"/", b"./sub/"), b"/sub");
}

/// What stock rsync did not enter stands as the user wrote it.
#[test]
fn paths_that_were_not_entered_are_raw() {
    for (path, expect) in [
        ("nonex/..", "/tmp/w/nonex/.."),
        ("./w/nodir/x", "/tmp/w/./w/nodir/x"),
        ("w//nodir/x", "/tmp/w/w//nodir/x"),
        ("/tmp//nonex", "/tmp//nonex"),
    ] {
        check(full_path(b"/tmp/w", path.as_bytes()), expect);
    }
}

proptest::proptest! {
    #[test]
    fn entering_is_idempotent(directory in "(/[ab.]{0,3}){0,4}", path in "[ab./]{0,12}") {
        let once = entered(directory.as_bytes(), path.as_bytes());
        proptest::prop_assert_eq!(&entered(&once, b"."), &once);
        let absolute = if once.is_empty() { b"".to_vec() } else { entered(b"/elsewhere", &once) };
        proptest::prop_assert_eq!(&absolute, &once);
        let shown = String::from_utf8_lossy(&once).into_owned() + "/";
        proptest::prop_assert!(!["//x", "/./", "/../"].iter().any(|bad| shown.contains(bad)), "{}", shown);
    }
}

#[test]
fn failed_calls() {
    let failed = |role, call, name: &str, error, expect: &str| {
        check(path_failed(role, call, &client("/tmp").quote(name.as_bytes()), error), expect);
    };
    use PathCall as C;
    failed(
        "sender",
        C::LinkStat,
        "x",
        ENOENT,
        "rsync: [sender] link_stat \"/tmp/x\" failed: No such file or directory (2)",
    );
    failed("sender", C::ChangeDir, "x", EACCES, "rsync: [sender] change_dir \"/tmp/x\" failed: Permission denied (13)");
    failed("sender", C::OpenDir, "x", EACCES, "rsync: [sender] opendir \"/tmp/x\" failed: Permission denied (13)");
    failed(
        "sender",
        C::OpenSource,
        "y",
        EACCES,
        "rsync: [sender] send_files failed to open \"/tmp/y\": Permission denied (13)",
    );
    failed(
        "generator",
        C::MakeDir,
        "ro/d",
        EACCES,
        "rsync: [generator] recv_generator: mkdir \"/tmp/ro/d\" failed: Permission denied (13)",
    );
    failed(
        "receiver",
        C::MakeTemp,
        "ro/.target.05OGU3",
        EACCES,
        "rsync: [receiver] mkstemp \"/tmp/ro/.target.05OGU3\" failed: Permission denied (13)",
    );
    let not_permitted = SystemError { text: "Operation not permitted", code: 1 };
    failed(
        "generator",
        C::ModifyPermissions,
        "ro/.",
        not_permitted,
        "rsync: [generator] failed to modify permissions on \"/tmp/ro/.\": Operation not permitted (1)",
    );
    failed(
        "Receiver",
        C::ChangeDirDestination,
        "t4/d",
        ENOENT,
        "rsync: [Receiver] change_dir#3 \"/tmp/t4/d\" failed: No such file or directory (2)",
    );
    let up = Shown { directory: b"", module: Some(b"up") };
    check(
        path_failed("Receiver", C::MakeDestination, &up.quote(b"sub"), EACCES),
        "rsync: [Receiver] mkdir \"sub\" (in up) failed: Permission denied (13)",
    );
}

#[test]
fn failed_calls_on_two_paths() {
    let (a, b) = (client("/d").quote(b"a"), client("/d").quote(b"b"));
    check(
        rename_failed("receiver", &a, &b, false, EACCES),
        "rsync: [receiver] rename \"/d/a\" -> \"/d/b\": Permission denied (13)",
    );
    check(
        rename_failed("generator", &a, &b, true, EACCES),
        "rsync: [generator] rename \"/d/a\" -> \"/d/b\" failed: Permission denied (13)",
    );
    check(
        copy_failed("receiver", &a, &b, EACCES),
        "rsync: [receiver] copy \"/d/a\" -> \"/d/b\": Permission denied (13)",
    );
    check(
        symlink_failed("generator", &a, b"t", EACCES),
        "rsync: [generator] symlink \"/d/a\" -> \"t\" failed: Permission denied (13)",
    );
    check(
        link_failed("generator", &a, b"b", EACCES),
        "rsync: [generator] link \"/d/a\" => b failed: Permission denied (13)",
    );
    check(
        delete_failed("generator", "rmdir", b"d", EACCES),
        "rsync: [generator] delete_file: rmdir(d) failed: Permission denied (13)",
    );
}

#[test]
fn last_lines() {
    let place = Place { file: "main.rs", line: 12 };
    check(
        exit_line(Exit::PARTIAL, place, "sender", "3.5.0"),
        "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.rs(12) [sender=3.5.0]",
    );
    check(
        exit_line(Exit::VANISHED, place, "sender", "3.5.0"),
        "rsync warning: some files vanished before they could be transferred (code 24) at main.rs(12) [sender=3.5.0]",
    );
    check(
        exit_line(Exit(255), place, "sender", "3.5.0"),
        "rsync error: unexplained error (code 255) at main.rs(12) [sender=3.5.0]",
    );
}

#[test]
fn lists() {
    check(files_so_far(0), " 0 files...\r");
    check(files_to_consider(1), "1 file to consider");
    check(files_to_consider(6), "6 files to consider");
    check(created_directories(1, b"a/b/c/d"), "created directory a/b/c/d");
    check(created_directories(3, b"a/b/c"), "created 3 directories for a/b/c");
    check(skipping_directory(b"."), "skipping directory .");
    check(copying_unsafe_symlink(b"s/abs", b"/etc/passwd"), "copying unsafe symlink \"s/abs\" -> \"/etc/passwd\"");
    check(removing_duplicate(b"a", 3), "removing duplicate name a from file list (3)");
    check(delta_transmission(false), "delta-transmission disabled for local transfer or --whole-file");
}

#[test]
fn items() {
    check(is_uptodate(b"s/a"), "s/a is uptodate");
    check(deleting(b"k/m/"), "deleting k/m/");
    check(cannot_delete_non_empty(b"k"), "cannot delete non-empty directory: k");
    check(deletions_stopped(1), "Deletions stopped due to --max-delete limit (1 skipped)");
    check(skipping_non_regular(b"l"), "skipping non-regular file \"l\"");
    check(ignoring_unsafe_symlink(b"s/rel", b"../../x"), "ignoring unsafe symlink \"s/rel\" -> \"../../x\"");
    check(not_creating(true, b"s"), "not creating new directory \"s\"");
    check(exists(b"s/a", None), "s/a exists");
    check(exists(b"s/a", Some(Existing::Attributes)), "s/a exists (attr change)");
    check(is_newer(b"s/big"), "s/big is newer");
    check(over_max_size(b"s/a"), "s/a is over max-size");
    check(under_min_size(b"s/a"), "s/a is under min-size");
    check(backed_up(b"s/abs", b"s/abs~"), "backed up s/abs to s/abs~");
    check(backup_dir_is(b"bk", true), "(new) backup_dir is bk");
}

#[test]
fn faults() {
    check(no_referent(&client("/tmp").quote(b"s/rel")), "symlink has no referent: \"/tmp/s/rel\"");
    check(file_vanished(&client("/tmp").quote(b"a")), "file has vanished: \"/tmp/a\"");
    check(
        failed_verification(b"a", Fate::Discarded, true),
        "WARNING: a failed verification -- update discarded (will try again).",
    );
    check(failed_verification(b"a", Fate::Retained, false), "ERROR: a failed verification -- update retained.");
    check(
        failed_verification(b"a", Fate::PutIntoPartialDir, false),
        "ERROR: a failed verification -- update put into partial-dir.",
    );
    check(could_not_make_way(Newcomer::RegularFile, false, b"a"), "could not make way for new regular file: a");
    check(could_not_make_way(Newcomer::Symlink, true, b"a"), "could not make way for backup symlink: a");
    check(
        connection_closed(427_592, "receiver"),
        "rsync: connection unexpectedly closed (427592 bytes received so far) [receiver]",
    );
    let reset = SystemError { text: "Connection reset by peer", code: 104 };
    check(read_error("Receiver", reset), "rsync: [Receiver] read error: Connection reset by peer (104)");
    check(io_timeout("receiver", 60), "[receiver] io timeout after 60 seconds -- exiting");
    check(no_partial_dir(b"a", true), "Unable to create partial-dir for a -- discarding completed file.");
    check(
        over_max_alloc("receiver", "1G", Place { file: "list.rs", line: 3 }),
        "[receiver] exceeded --max-alloc=1G setting (file=list.rs, line=3)",
    );
}
