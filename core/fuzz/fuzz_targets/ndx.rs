//! Indexes: a decoded sequence encodes to one that decodes the same, and a short read changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::wire::{NdxCoder, Reader};

fuzz_target!(|bytes: &[u8]| {
    for protocol in [29, 32] {
        let mut decoder = NdxCoder::new(protocol);
        let (mut encoder, mut checker) = (decoder.clone(), decoder.clone());
        let mut reader = Reader::new(bytes);
        loop {
            let before = decoder.clone();
            let Ok(ndx) = decoder.decode(&mut reader) else {
                assert_eq!(decoder, before);
                break;
            };
            if ndx == i32::MIN {
                break;
            }
            let mut again = Vec::new();
            encoder.encode(ndx, &mut again);
            assert_eq!(checker.decode(&mut Reader::new(&again)), Ok(ndx));
        }
    }
});
