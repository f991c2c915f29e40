//! Two sessions, run against each other in memory: every protocol, both directions, any pace.

mod memory;

use memory::host::Host;
use memory::setup::{Transfer, Way};
use memory::tree::Tree;
use memory::wire::Pace;

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
