//! A whole session whose peer keeps to a real transfer up to some byte, and says anything behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory::alone::{PARTS, check_confined, play, recorded};
use std::cell::RefCell;
use std::collections::BTreeMap;

#[path = "../../tests/memory/mod.rs"]
mod memory;

const OPTIONS: [&str; 7] = [
    "-a --delete",
    "-a --delete-after --checksum",
    "-az --compress-choice=zlibx --no-inc-recursive",
    "-a --protocol=29 --delete",
    "-a --delete --inplace --exclude=*.o",
    "-a --append-verify",
    "-a --partial-dir=.part --delay-updates",
];

thread_local! {
    static RECORDED: RefCell<BTreeMap<u8, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

fuzz_target!(|input: &[u8]| {
    let [choice, low, high, bytes @ ..] = input else { return };
    let (part, options) = (PARTS[usize::from(*choice) % 4], OPTIONS[usize::from(*choice) / 4 % OPTIONS.len()]);
    let keep = usize::from(u16::from_le_bytes([*low, *high]));
    let stream = RECORDED.with_borrow_mut(|known| {
        let real = known.entry(choice % 28).or_insert_with(|| recorded(part, options));
        [&real[..keep.min(real.len())], bytes].concat()
    });
    let end = play(part, options, &stream, 1 << 20);
    check_confined(part, &end);
});
