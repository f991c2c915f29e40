//! Two sessions, run against each other in memory: every protocol, both directions, any pace.

#[path = "memory/cases.rs"]
mod cases;
mod memory;
#[path = "memory/scenario.rs"]
mod scenario;

use memory::host::Host;
use memory::setup::{Transfer, Way};
use memory::tree::{Inode, Snapshot, Tree};
use memory::wire::Pace;
use proptest::prelude::*;
use scenario::Wishes;

const WAYS: [Way; 2] = [Way::Push, Way::Pull];

/// A source with some of everything, and a destination with old versions.
fn small() -> (Tree, Tree) {
    let (mut source, mut dest) = (Tree::default(), Tree::default());
    let mut rng = memory::Rng::new(7);
    let big = rng.bytes(100_000);
    source.add_file("src/empty", b"", 1_000);
    source.add_file("src/new", b"brand new\n", 2_000);
    source.add_file("src/big", &big, 3_000);
    source.add_file("src/dir/inner", b"inside", 4_000);
    source.add_file("src/dir/deep/deeper", b"far down", 5_000);
    dest.add_dir("dst");
    let mut old = big[..60_000].to_vec();
    old.extend_from_slice(b"something else in between");
    old.extend_from_slice(&big[61_000..]);
    dest.add_file("dst/big", &old, 100);
    dest.add_file("dst/dir/inner", b"inside", 4_000);
    dest.add_file("dst/extra", b"not at the source", 9);
    (source, dest)
}

fn hosts(trees: (Tree, Tree)) -> (Host, Host) {
    (Host::new(trees.0), Host::new(trees.1))
}

#[test]
fn a_small_tree() {
    for way in WAYS {
        for protocol in 29..=32 {
            let options = format!("-a --delete --protocol={protocol}");
            let done = Transfer::new(way, &options, "src/", "dst", hosts(small())).run(&Pace::FAST);
            assert_eq!(done.exits(), (0, 0), "{way:?} {options}\n{}", done.shown());
            assert_eq!(done.sender().host.open_files(), 0);
            let (source, dest) = done.into_trees();
            assert_eq!(dest.snapshot("dst"), source.snapshot("src"), "{way:?} {options}");
        }
    }
}

/// How a case is run.
#[derive(Clone, Debug)]
struct Case {
    way: Way,
    options: String,
    pace: Pace,
    /// The sender lets extra entries be deleted.
    deletes: bool,
    checksum: bool,
    append: bool,
}

fn pace() -> impl Strategy<Value = Pace> {
    let piece_max = prop_oneof![Just(1usize), Just(7), Just(4096), Just(1 << 20)];
    let capacity = prop_oneof![Just(64usize), Just(4096), Just(1 << 16), Just(1 << 22)];
    (any::<u64>(), piece_max, capacity, any::<bool>()).prop_map(|(seed, piece_max, capacity, late_answers)| Pace {
        seed,
        piece_max,
        capacity,
        late_answers,
    })
}

fn case() -> impl Strategy<Value = Case> {
    let way = prop_oneof![Just(Way::Push), Just(Way::Pull)];
    let recursion = prop_oneof![Just(""), Just("--no-inc-recursive")];
    let compress = prop_oneof![3 => Just(""), 1 => Just("-z"), 1 => Just("-zz"), 1 => Just("--compress-choice=lz4")];
    let update = prop_oneof![
        4 => Just(""), 1 => Just("--checksum"), 1 => Just("--inplace"), 1 => Just("--whole-file"),
        1 => Just("--append-verify"), 1 => Just("--delay-updates"), 1 => Just("--partial-dir=.part"),
        1 => Just("--block-size=501"), 1 => Just("--checksum --inplace"), 1 => Just("--backup --suffix=.old"),
        1 => Just("-I"), 1 => Just("--fsync -vv --itemize-changes --stats"),
    ];
    let delete = prop_oneof![
        3 => Just(""), 2 => Just("--delete"), 1 => Just("--delete-before"), 1 => Just("--delete-during"),
        1 => Just("--delete-delay"), 1 => Just("--delete-after"),
    ];
    (way, 29..=32u32, recursion, compress, update, delete, pace()).prop_map(
        |(way, protocol, recursion, compress, update, delete, pace)| Case {
            way,
            // lz4 has no name in protocols without a negotiation, but it may be chosen.
            options: format!("-a --protocol={protocol} {recursion} {compress} {update} {delete}"),
            pace,
            deletes: !delete.is_empty(),
            checksum: update.contains("--checksum"),
            append: update.contains("--append"),
        },
    )
}

proptest! {
    #![proptest_config(cases::cases(256))]

    #[test]
    fn any_tree_in_any_way(case in case(), entries in scenario::entries(40)) {
        any_tree(&case, &entries);
    }
}

fn any_tree(case: &Case, entries: &[scenario::Planned]) {
    let modern = !case.options.contains("protocol=29") && !case.options.contains("protocol=30");
    let backs_up = case.options.contains("--backup");
    let wishes = Wishes {
        other_types: case.deletes && !backs_up,
        extras: case.deletes && !backs_up,
        specials: true,
        nanoseconds: modern,
    };
    let trees = scenario::trees(entries, wishes);
    let source_before = trees.0.snapshot("src");
    let done = Transfer::new(case.way, &case.options, "src/", "dst", hosts(trees)).run(&case.pace);
    assert_eq!(done.exits(), (0, 0), "{}", done.shown());
    assert_eq!((done.sender().host.open_files(), done.receiver().host.open_files()), (0, 0));
    let (source, dest) = done.into_trees();
    assert_eq!(source.snapshot("src"), source_before, "the source changed");
    assert_same(case, &dest.snapshot("dst"), &source_before);

    // Without backups, which are extra entries themselves, a second run finds nothing to do.
    let before = dest.snapshot("dst");
    let again = Transfer::new(case.way, &case.options, "src/", "dst", hosts((source, dest))).run(&case.pace);
    assert_eq!(again.exits(), (0, 0), "{}", again.shown());
    if !case.options.contains("-I") && !backs_up {
        assert_eq!(again.receiver().host.counts.creates, 0, "{}", again.shown());
        assert_eq!(again.receiver().host.counts.changes, 0, "{}", again.shown());
        assert_eq!(again.into_trees().1.snapshot("dst"), before);
    }
}

/// The destination is what the source is, as far as the options go.
fn assert_same(case: &Case, dest: &Snapshot, source: &Snapshot) {
    for (path, wanted) in source {
        let Some(found) = dest.get(path) else { panic!("{path} is missing at the destination") };
        // Backups beside the files change the times of directories, so these are left alone.
        let keeps_time = !(case.options.contains("--backup") && wanted.is(memory::tree::DIRECTORY));
        let found = if keeps_time { found.clone() } else { Inode { mtime: wanted.mtime, ..found.clone() } };
        if case.append && found.is(memory::tree::REGULAR) {
            // What is as long already is not looked at.
            continue;
        }
        assert!(
            found.data == wanted.data,
            "{path}: contents differ, {} and {} bytes",
            found.data.len(),
            wanted.data.len()
        );
        let plain = |inode: &Inode| Inode { data: Vec::new(), ..inode.clone() };
        assert_eq!(plain(&found), plain(wanted), "{path}");
    }
    if case.deletes && !case.options.contains("--backup") {
        for path in dest.keys() {
            assert!(source.contains_key(path), "{path} was not deleted");
        }
    }
    let _ = case.checksum;
}
