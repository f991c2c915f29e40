//! Sums of a basis: however they arrive in pieces, and whatever file is searched with them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_core::checksum::{Algorithm, Strong};
use syncline_core::delta::{Found, Search, SearchOptions, Signature, SumHead};

fuzz_target!(|input: &[u8]| {
    let [piece, strong, block, count, sums @ ..] = input else { return };
    let head = SumHead {
        count: u32::from(*count),
        block_bytes: 1 + u32::from(*block),
        strong_bytes: 1 + u32::from(strong % 16),
        remainder: u32::from(strong / 16) % (1 + u32::from(*block)),
    };
    let take = |piece: usize| {
        let Ok(mut signature) = Signature::new(head, 1 << 20, "Sender") else { return None };
        let mut rest = sums;
        while !rest.is_empty() && !signature.is_complete() {
            let taken = signature.push(&rest[..rest.len().min(piece)]);
            assert!(taken > 0);
            rest = &rest[taken..];
        }
        Some((signature, rest))
    };
    let (Some((whole, rest)), Some((pieces, _))) = (take(usize::MAX), take(1 + usize::from(*piece))) else { return };
    assert_eq!((&whole.weak, &whole.strong), (&pieces.weak, &pieces.strong));
    if !whole.is_complete() {
        return;
    }
    // The sums themselves are as good a file as any.
    let algorithm = Strong { algorithm: Algorithm::Md5, seed: 1, seed_first: true };
    let mut search = Search::new(whole, algorithm, SearchOptions::default());
    let (mut file, mut given) = (rest, 0);
    loop {
        match search.next() {
            Found::Literal(bytes) => given += bytes.len(),
            Found::Block(number) => given += head.block_len(number) as usize,
            Found::More if file.is_empty() => search.end(),
            Found::More => {
                let space = search.space(file.len());
                let n = space.len().min(file.len());
                space[..n].copy_from_slice(&file[..n]);
                search.filled(n);
                file = &file[n..];
            }
            Found::End => break,
        }
    }
    assert_eq!(given, rest.len());
});
