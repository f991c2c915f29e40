//! Lists from a peer and from the environment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::wire::Reader;
use syncline_core::wire::negotiate::{Name, Offer, Side, decode_list, failure};

const NAMES: &[Name] =
    &[Name { name: "xxh64", alias: Some("xxhash") }, Name::new("md5"), Name::new("md4"), Name::new("none")];

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |&byte| byte == 0);
    let (environment, wire) = (parts.next(), parts.next().unwrap_or_default());
    let client = Offer::new(NAMES, environment, Side::Client);
    let server = Offer::new(NAMES, environment, Side::Server);
    let agreed = client.choose(&server.text());
    assert_eq!(agreed, server.choose(&client.text()));
    if let Ok(list) = decode_list(&mut Reader::new(wire)) {
        for offer in [&client, &server] {
            if let Some(name) = offer.choose(list) {
                assert!(offer.admits(name.as_bytes()));
            } else {
                failure("checksum", offer, list);
            }
        }
    }
});
