//! Integers and strings: what decodes, encodes again to a value that decodes the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::wire::Reader;
use syncline_core::wire::item::{put_longint, put_varint, put_varlong, put_vstring};

fuzz_target!(|input: &[u8]| {
    let [choice, bytes @ ..] = input else { return };
    let mut reader = Reader::new(bytes);
    let mut again = Vec::new();
    for turn in 0..64 {
        again.clear();
        match (choice.wrapping_add(turn)) % 6 {
            0 => {
                let Ok(value) = reader.varint() else { return };
                put_varint(&mut again, value);
                assert_eq!(Reader::new(&again).varint(), Ok(value));
            }
            min @ 3..=4 => {
                let Ok(value) = reader.varlong(usize::from(min)) else { return };
                put_varlong(&mut again, value, usize::from(min));
                assert_eq!(Reader::new(&again).varlong(usize::from(min)), Ok(value));
            }
            1 => {
                let Ok(value) = reader.longint() else { return };
                put_longint(&mut again, value);
                assert_eq!(Reader::new(&again).longint(), Ok(value));
            }
            2 => {
                let Ok(value) = reader.vstring(300) else { return };
                put_vstring(&mut again, value).unwrap();
                assert_eq!(Reader::new(&again).vstring(300), Ok(value));
            }
            _ => {
                if reader.varlong(usize::from(*choice)).is_err() {
                    return;
                }
            }
        }
    }
});
