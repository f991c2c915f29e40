//! The filter list of a client, and names checked against it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::filter::Builder;
use syncline_core::filter::codec::{Transit, accept, read_rule};
use syncline_core::wire::Reader;

fuzz_target!(|input: &[u8]| {
    let [form, bytes @ ..] = input else { return };
    let on = |bit: u8| form >> bit & 1 == 1;
    let transit = Transit {
        protocol: 27 + u32::from(form & 7).min(5),
        push: on(3),
        delete_excluded: on(4),
        deletes: on(5),
        prune: on(6),
    };
    let mut reader = Reader::new(bytes);
    let mut builder = Builder::new();
    while let Ok(Some(rule)) = read_rule(&mut reader) {
        if accept(&transit, &mut builder, rule).is_err() {
            return;
        }
    }
    while let Ok(Some(_)) = builder.run() {
        if builder.supply(Ok(b"- *.o\n+ /dir/**/x\n:e .rules\n".to_vec())).is_err() {
            return;
        }
    }
});
