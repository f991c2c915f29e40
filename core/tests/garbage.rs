//! A peer that talks nonsense: every role ends with an error, soon, and without much memory.

#[path = "memory/cases.rs"]
mod cases;
mod memory;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use memory::Rng;
use memory::alone::{PARTS, Part, check_confined, play, recorded, trees};
use memory::host::Host;
use memory::setup::{Transfer, Way};
use memory::wire::{Pace, Spoil};
use proptest::prelude::*;
use syncline_core::Exit;

/// Memory that a session may take at most, besides what its host holds: several megabytes for buffers, and nothing that a
/// number from the peer could make grow.
const MEMORY_MAX: usize = 24 << 20;

thread_local! {
    static USED: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// Counts what each thread holds.
struct Counting;

fn count(taken: usize, freed: usize) {
    // A thread that ends frees memory after its counters are gone.
    let _ = USED.try_with(|used| {
        used.set((used.get() + taken).saturating_sub(freed));
        MOST.set(MOST.get().max(used.get()));
    });
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const OPTIONS: [&str; 8] = [
    "-a --delete",
    "-a --delete-after --checksum",
    "-az --no-inc-recursive",
    "-a --protocol=29 --delete",
    "-a --protocol=30 -zz",
    "-a --delete --inplace --compress-choice=lz4",
    "-a --append-verify",
    "-a --partial-dir=.part --remove-source-files --delay-updates",
];

/// Plays a part and checks what must hold whatever the peer says.
fn survive(part: Part, options: &str, bytes: &[u8], piece_max: usize) -> i32 {
    let before = USED.get();
    MOST.set(before);
    let end = play(part, options, bytes, piece_max);
    let most = MOST.get() - before;
    assert!(most < MEMORY_MAX, "{part:?} {options} took {most} bytes for {} from the peer", bytes.len());
    if !options.contains("--remove-source-files") {
        check_confined(part, &end);
    }
    end.exit.map_or(-1, |exit| exit.0)
}

/// Spoils a stream a little.
fn spoil(bytes: &mut Vec<u8>, rng: &mut Rng, keep: usize) {
    let at = keep.min(bytes.len()) + rng.below(bytes.len().saturating_sub(keep) + 1);
    let n = 1 + rng.below(12);
    match rng.below(8) {
        0 => {
            bytes.truncate(at);
        }
        1 => {
            let cut = at..(at + n).min(bytes.len());
            bytes.drain(cut);
        }
        2 => {
            let new = rng.bytes(n);
            bytes.splice(at..at, new);
        }
        3 => {
            let from = rng.below(bytes.len() + 1);
            let copy = bytes[from..(from + 10 * n).min(bytes.len())].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => {
            // Numbers on the edge.
            let edge: &[&[u8]] =
                &[&[0xff; 4], &[0xff, 0xff, 0xff, 0x7f], &[0, 0, 0, 0x80], &[0; 8], &[0xfe; 9], &[0xff, 0xff]];
            let edge = edge[rng.below(edge.len())];
            let to = (at + edge.len()).min(bytes.len());
            bytes.splice(at..to, edge.iter().copied());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = match rng.below(3) {
                    0 => *byte ^ 1 << rng.below(8),
                    1 => byte.wrapping_add(1),
                    _ => rng.number() as u8,
                };
            }
        }
    }
}

#[test]
fn a_peer_that_hangs_up_anywhere() {
    for options in [OPTIONS[0], OPTIONS[3]] {
        for part in PARTS {
            let bytes = recorded(part, options);
            for end in 0..bytes.len() {
                let exit = survive(part, options, &bytes[..end], 1 << 20);
                // The very last bytes may be a goodbye that nobody waits for.
                assert!(
                    exit != 0 || bytes.len() - end < 32,
                    "{part:?} {options} is content with {end} of {}",
                    bytes.len()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(cases::cases(512))]

    #[test]
    fn spoiled_streams(
        part in prop::sample::select(PARTS.as_slice()),
        options in prop::sample::select(OPTIONS.as_slice()),
        (seed, times, keep) in (any::<u64>(), 1..6usize, prop::sample::select([0usize, 60, 200].as_slice())),
        piece_max in prop::sample::select([1usize, 100, 1 << 20].as_slice()),
    ) {
        let mut bytes = recorded(part, options);
        let mut rng = Rng::new(seed);
        (0..times).for_each(|_| spoil(&mut bytes, &mut rng, keep));
        survive(part, options, &bytes, piece_max);
    }

    #[test]
    fn noise(
        part in prop::sample::select(PARTS.as_slice()),
        options in prop::sample::select(OPTIONS.as_slice()),
        (seed, kept, len) in (any::<u64>(), 0..600usize, 0..3000usize),
    ) {
        let mut bytes = recorded(part, options);
        bytes.truncate(kept);
        bytes.extend(Rng::new(seed).bytes(len));
        survive(part, options, &bytes, 1 << 20);
    }

    /// Two live sessions, and a mistake on the way between them.
    #[test]
    fn spoiled_connections(
        push in any::<bool>(),
        options in prop::sample::select(OPTIONS.as_slice()),
        (to_server, at, lost) in (any::<bool>(), 0..4000usize, 0..6usize),
        instead in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(255)], 0..6),
        (seed, piece_max) in (any::<u64>(), 1..2000usize),
    ) {
        let way = if push { Way::Push } else { Way::Pull };
        let (source, dest) = trees();
        let before = (source.snapshot("src"), source.snapshot("outside"), dest.snapshot("outside"));
        let hosts = (Host::new(source), Host::new(dest));
        let mut transfer = Transfer::new(way, &format!("{options} --timeout=20"), "src/", "dst", hosts);
        transfer.pair.spoil = Some(Spoil { to_server, at, lost, instead });
        let done = transfer.run(&Pace { seed, piece_max, capacity: 4096, late_answers: false });
        let (source, dest) = done.into_trees();
        if !options.contains("--remove-source-files") {
            prop_assert_eq!(source.snapshot("src"), before.0);
        }
        prop_assert_eq!((source.snapshot("outside"), dest.snapshot("outside")), (before.1, before.2));
    }
}

/// The data before a message is half of an item, and what follows the message is no frame: neither is ever used.
#[test]
fn a_broken_frame_behind_a_message_in_an_item() {
    let part = Part { way: Way::Push, server: false };
    let options = "-a --delete-after --checksum";
    let mut bytes = recorded(part, options);
    let mut rng = Rng::new(2712583060645386201);
    (0..2).for_each(|_| spoil(&mut bytes, &mut rng, 60));
    survive(part, options, &bytes, 1);
}

/// A server that sends files to a client that asked for no more than a list: there is no destination that they could go to.
#[test]
fn items_for_a_client_that_only_lists() {
    let part = Part { way: Way::Pull, server: false };
    for options in ["-a", "-a --no-inc-recursive", "-a --protocol=29"] {
        let end = play(part, &format!("{options} --list-only"), &recorded(part, options), 1 << 20);
        let said = String::from_utf8_lossy(&end.err).into_owned();
        assert_eq!(end.exit, Some(Exit::PROTOCOL), "{options}: {}", end.shown());
        assert!(said.contains("got an item where only a list was asked for"), "{options}: {said}");
        assert!(String::from_utf8_lossy(&end.out).contains(" new\n"), "{options}: {}", end.shown());
        let (_, before) = trees();
        assert_eq!(end.host.tree.snapshot("dst"), before.snapshot("dst"), "{options}");
    }
}
