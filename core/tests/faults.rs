//! Every request to the host fails once: whatever it was, no session panics or hangs, what the destination holds is old or
//! new and never in between, and an incomplete copy is not called a success.

#[path = "memory/cases.rs"]
mod cases;
mod memory;
#[path = "memory/scenario.rs"]
mod scenario;

use memory::host::Host;
use memory::setup::{Transfer, Way};
use memory::tree::{DIRECTORY, Inode, REGULAR, Snapshot, Tree};
use memory::wire::Pace;
use proptest::prelude::*;

/// Errors that hosts give: access denied, disk full, and the one that many paths treat as harmless.
const CODES: [i32; 3] = [13, 28, 2];

fn trees() -> (Tree, Tree) {
    let (mut source, mut dest) = (Tree::default(), Tree::default());
    let mut rng = memory::Rng::new(3);
    let big = rng.bytes(50_000);
    source.add_file("src/big", &big, 3_000);
    source.add_file("src/new", b"brand new\n", 2_000);
    source.add_file("src/dir/inner", b"inside", 4_000);
    source.add_file("src/dir/deep/deeper", &rng.bytes(40_000), 5_000);
    source.add("src/link", Inode { mode: 0o120777, data: b"new".to_vec(), ..Default::default() });
    source.add("src/fifo", Inode { mode: 0o010644, ..Default::default() });
    dest.add_dir("dst");
    let old = [&big[..20_000], b"something else", &big[21_000..]].concat();
    dest.add_file("dst/big", &old, 100);
    dest.add_file("dst/dir/inner", b"inside", 4_500);
    dest.add_file("dst/dir/extra", b"not at the source", 9);
    dest.add_file("dst/gone/away", b"not at the source", 9);
    // Other types: each is removed or replaced before the new one is complete.
    source.add("src/was-file", Inode { mode: 0o120777, data: b"new".to_vec(), ..Default::default() });
    source.add_dir("src/was-link");
    dest.add_file("dst/was-file", b"a file", 9);
    dest.add("dst/was-link", Inode { mode: 0o120777, data: b"old".to_vec(), ..Default::default() });
    dest.add("dst/link", Inode { mode: 0o120777, data: b"old".to_vec(), ..Default::default() });
    (source, dest)
}

fn transfer(way: Way, options: &str, trees: (Tree, Tree)) -> Transfer {
    Transfer::new(way, options, "src/", "dst", (Host::new(trees.0), Host::new(trees.1)))
}

/// What is wrong with a destination after a failure: contents that are neither old nor new.
fn mixed(dest: &Snapshot, old: &Snapshot, new: &Snapshot, backup: bool) -> Vec<String> {
    let fits = |path: &String| {
        let original = path.strip_suffix('~').filter(|_| backup).unwrap_or(path);
        let known = [old.get(original), new.get(original)];
        known.into_iter().flatten().any(|file| file.data == dest[path].data)
    };
    // What is kept in a partial directory is incomplete by its nature.
    let partial = |path: &str| path.contains(".part/") || path.contains(".~tmp~/");
    let files = dest.iter().filter(|(path, file)| file.is(REGULAR) && !partial(path)).map(|(path, _)| path);
    files.filter(|path| !fits(path)).map(|path| format!("{path} is neither old nor new")).collect()
}

/// Paths that differ. With backups the times of directories are left alone.
fn differences(dest: &Snapshot, wanted: &Snapshot, backup: bool) -> Vec<String> {
    let paths: std::collections::BTreeSet<&String> = dest.keys().chain(wanted.keys()).collect();
    let plain = |files: &Snapshot, path: &String| {
        let file = files.get(path)?.clone();
        Some(if backup && file.is(DIRECTORY) { Inode { mtime: (0, 0), ..file } } else { file })
    };
    paths
        .into_iter()
        .filter(|path| plain(dest, path) != plain(wanted, path))
        .map(|path| format!("{path} differs"))
        .collect()
}

/// What both sides had, and is gone.
fn lost(dest: &Snapshot, old: &Snapshot, new: &Snapshot) -> Vec<String> {
    // A directory can't take a name atomically.
    let both =
        old.keys().filter(|path| new.get(*path).is_some_and(|file| !file.is(DIRECTORY) || old[*path].is(DIRECTORY)));
    both.filter(|path| !dest.contains_key(*path)).map(|path| format!("{path} is gone")).collect()
}

fn fail_everything(options: &str, in_place: bool) {
    let mut problems = Vec::new();
    for way in [Way::Push, Way::Pull] {
        let whole = transfer(way, options, trees()).run(&Pace::FAST);
        let requests = [whole.sender().host.counts.requests, whole.receiver().host.counts.requests];
        let (source, dest) = whole.into_trees();
        let (old, new, wanted) = (trees().1.snapshot("dst"), source.snapshot("src"), dest.snapshot("dst"));
        let backup = options.contains("--backup");
        assert!(backup || wanted == new, "{options}");
        for (side, requests) in requests.into_iter().enumerate() {
            for (n, code) in (1..=requests).flat_map(|n| CODES.map(|code| (n, code))) {
                let (done, request) = fail_one(way, options, side, n, code);
                let exits = done.exits();
                let shown = done.shown();
                let dest = done.into_trees().1.snapshot("dst");
                let mut wrong = if in_place { Vec::new() } else { mixed(&dest, &old, &new, backup) };
                if (side, code) != (0, 2) {
                    // What the sender does not find is to be deleted, but nothing else.
                    wrong.extend(lost(&dest, &old, &new));
                }
                if exits == (0, 0) && !is_harmless(&request, code) {
                    wrong.extend(differences(&dest, &wanted, backup));
                }
                if !wrong.is_empty() {
                    problems.push(format!("{way:?} {options}: error {code} of {request}\n{wrong:?}\n{shown}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

/// A run in which the `n`-th request of one side fails, 0 for the sender's, and what that request was.
fn fail_one(way: Way, options: &str, side: usize, n: usize, code: i32) -> (Transfer, String) {
    let mut failing = transfer(way, options, trees());
    let pair = &mut failing.pair;
    let end = if (side == 0) == (way == Way::Push) { &mut pair.client } else { &mut pair.server };
    end.host.fail = Some((n, code));
    let done = failing.run(&Pace::FAST);
    let end = if side == 0 { done.sender() } else { done.receiver() };
    let request = end.host.failed.clone().expect("a request that was made before is made again");
    (done, request)
}

/// Requests whose failure changes nothing that was asked for, or that say that there is nothing (any more).
fn is_harmless(request: &str, code: i32) -> bool {
    // A source that is gone before it is looked at is not there; one that vanishes later is reported.
    let looks = ["Stat", "List", "Unlink", "Rmdir", "Rename"].iter().any(|call| request.starts_with(call));
    // A directory for delayed updates that stays behind does no harm.
    let tidies = request.starts_with("Rmdir") && request.contains(".~tmp~");
    (code == 2 && looks) || tidies || request.starts_with("Close")
}

#[test]
fn a_plain_copy() {
    fail_everything("-a --delete", false);
}

#[test]
fn without_incremental_recursion_and_compressed() {
    fail_everything("-az --no-inc-recursive --delete-before --checksum", false);
}

#[test]
fn with_deletions_after_the_transfer() {
    fail_everything("-a --delete-delay --delay-updates", false);
    fail_everything("-a --delete-after --protocol=29", false);
}

#[test]
fn with_partial_files_and_backups() {
    fail_everything("-a --delete --partial-dir=.part", false);
    fail_everything("-a --backup", false);
}

#[test]
fn in_place() {
    fail_everything("-a --delete --inplace", true);
}

proptest! {
    #![proptest_config(cases::cases(128))]

    /// Any tree, any pace, any request of either side: nothing hangs, and every file is old or new.
    #[test]
    fn any_failure(
        entries in scenario::entries(20),
        (push, protocol, options) in (any::<bool>(), 29..=32u32, 0..OPTIONS.len()),
        (side, n, code) in (0..2usize, 1..400usize, prop::sample::select(CODES.as_slice())),
        (seed, piece_max, late_answers) in (any::<u64>(), 1..5000usize, any::<bool>()),
    ) {
        let wishes = scenario::Wishes { other_types: true, extras: true, specials: true, nanoseconds: false };
        let options = format!("-a --protocol={protocol} {}", OPTIONS[options]);
        let way = if push { Way::Push } else { Way::Pull };
        let (source, dest) = scenario::trees(&entries, wishes);
        let (old, new) = (dest.snapshot("dst"), source.snapshot("src"));
        let mut failing = transfer(way, &options, (source, dest));
        let end = if (side == 0) == push { &mut failing.pair.client } else { &mut failing.pair.server };
        end.host.fail = Some((n, code));
        let done = failing.run(&Pace { seed, piece_max, capacity: 4096, late_answers });
        let end = if side == 0 { done.sender() } else { done.receiver() };
        let request = end.host.failed.clone();
        let exits = done.exits();
        let shown = done.shown();
        let dest = done.into_trees().1.snapshot("dst");
        let what = format!("{way:?} {options}: error {code} of {request:?}\n{shown}");
        let wrong = mixed(&dest, &old, &new, false);
        prop_assert!(wrong.is_empty(), "{}\n{:?}", what, wrong);
        match &request {
            None => prop_assert_eq!(exits, (0, 0), "{}", what),
            Some(request) if exits == (0, 0) && !is_harmless(request, code) => {
                let wrong = differences(&dest, &new, false);
                prop_assert!(wrong.is_empty(), "{}\n{:?}", what, wrong);
            }
            Some(_) => {}
        }
    }
}

const OPTIONS: [&str; 8] = [
    "--delete",
    "--delete-before -z",
    "--delete-delay --delay-updates",
    "--delete-after --checksum",
    "--delete --whole-file --fsync",
    "--delete --no-inc-recursive --partial-dir=.part",
    "--delete -zz --block-size=600",
    "--delete -I",
];
