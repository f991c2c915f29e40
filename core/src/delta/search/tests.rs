//! The search against what it has to be: a stream that rebuilds the file, with the matches that are there.

use super::*;
use crate::checksum::Algorithm;
use crate::delta::{PlanOptions, Signer};
use proptest::prelude::*;

const STRONG: Strong = Strong { algorithm: Algorithm::Xxh128, seed: 12345, seed_first: true };

#[derive(Debug, PartialEq)]
enum Token {
    Literal(Vec<u8>),
    Block(u32),
}

fn sign(basis: &[u8], block: u32) -> Signature {
    let plan = PlanOptions { block_bytes: Some(block), block_max: 131_072, digest_bytes: 16, redo: true };
    let head = SumHead::for_basis(basis.len() as u64, &plan).unwrap();
    let (mut signer, mut sums) = (Signer::new(head, STRONG), Vec::new());
    for piece in basis.chunks(97) {
        signer.update(piece, &mut sums);
    }
    let mut signature = Signature::new(head);
    signature.push(&sums);
    assert_eq!(signature.weak.len(), head.count as usize);
    signature
}

fn run(basis: &[u8], block: u32, file: &[u8], in_place: bool, piece: usize) -> (Vec<Token>, Counters, DigestValue) {
    let digest = Some(Digest::whole_file(STRONG.algorithm, 0));
    let options = SearchOptions { updating_in_place: in_place, digest, skip: 0 };
    let mut search = Search::new(sign(basis, block), STRONG, options);
    let (mut tokens, mut rest) = (Vec::new(), file);
    loop {
        match search.next() {
            Found::Literal(bytes) => match tokens.last_mut() {
                Some(Token::Literal(last)) => last.extend_from_slice(bytes),
                _ => tokens.push(Token::Literal(bytes.to_vec())),
            },
            Found::Block { index, bytes } => {
                let from = index as usize * block as usize;
                assert_eq!(bytes, &basis[from..(from + block as usize).min(basis.len())]);
                tokens.push(Token::Block(index));
            }
            Found::End => return (tokens, search.counters(), search.take_digest()),
            Found::More if rest.is_empty() => search.end(),
            Found::More => {
                let space = search.space(piece);
                let n = space.len().min(rest.len());
                assert!(n > 0, "no room although more is wanted");
                space[..n].copy_from_slice(&rest[..n]);
                search.filled(n);
                rest = &rest[n..];
            }
        }
    }
}

fn digest(file: &[u8]) -> DigestValue {
    let mut digest = Digest::whole_file(STRONG.algorithm, 0);
    digest.update(file);
    digest.finish()
}

/// The session of spec 3.13.2.
#[test]
fn small_delta() {
    let basis = b"0123456789abcdefABCDEFGHIJKLMNOPghijklmnopqrstuvQRSTUVWXYZ!?.,:;tail42";
    let file = b"0123456789abcdefABCDEFGHIJKLMNOP<new ABCDEFGHIJKL>QRSTUVWXYZ!?.,:;tail42";
    let (tokens, counters, sum) = run(basis, 16, file, false, 1000);
    let new = Token::Literal(b"<new ABCDEFGHIJKL>".to_vec());
    assert_eq!(tokens, [Token::Block(0), Token::Block(1), new, Token::Block(3), Token::Block(4)]);
    assert_eq!((counters.matches, counters.literal), (4, 18));
    assert_eq!(sum, digest(file));
}

/// Spec 3.6.3: blocks 0 1 4 2 3 5 in place.
#[test]
fn in_place_blocks_that_were_overwritten_are_literals() {
    let basis: Vec<u8> =
        (0..6u8).flat_map(|k| (0..16u8).map(move |i| k.wrapping_mul(37) ^ i.wrapping_mul(11))).collect();
    let block = |k: usize| &basis[k * 16..k * 16 + 16];
    let file = [0, 1, 4, 2, 3, 5].map(block).concat();
    let (tokens, ..) = run(&basis, 16, &file, true, 1000);
    let lost = Token::Literal([block(2), block(3)].concat());
    assert_eq!(tokens, [Token::Block(0), Token::Block(1), Token::Block(4), lost, Token::Block(5)]);
    let (tokens, ..) = run(&basis, 16, &file, false, 1000);
    assert_eq!(tokens, [0, 1, 4, 2, 3, 5].map(Token::Block));
}

#[test]
fn equal_blocks_run_on() {
    let basis = vec![0u8; 16 * 1000];
    let (tokens, ..) = run(&basis, 16, &basis, false, 100_000);
    assert_eq!(tokens, (0..1000).map(Token::Block).collect::<Vec<_>>());
}

/// Every position has a weak sum of the basis, none a strong one: the work must stay linear.
#[test]
fn hostile_sums_cost_no_more_than_the_budget() {
    let block = 131_072u32;
    let mut basis = vec![0u8; block as usize];
    // Same weak sum as zeros: +1 -2 +1 keeps both halves 0.
    basis[10] = 1;
    basis[11] = 0xfe;
    basis[12] = 1;
    let file = vec![0u8; 6 << 20];
    let (tokens, counters, _) = run(&basis, block, &file, false, 1 << 20);
    assert_eq!(tokens.len(), 1);
    let hashed = counters.false_alarms * u64::from(block);
    assert!(hashed <= BUDGET_START + (file.len() as u64) * BUDGET_PER_BYTE, "{hashed}");
}

proptest! {
    #[test]
    fn rebuilds_any_file(
        basis in proptest::collection::vec(0u8..3, 0..400),
        edits in proptest::collection::vec((any::<usize>(), any::<u8>(), 0usize..3), 0..6),
        block in 1u32..40,
        in_place in any::<bool>(),
        piece in 1usize..500,
    ) {
        let mut file = basis.clone();
        for (at, byte, kind) in edits {
            let at = at % (file.len() + 1);
            match kind {
                0 => file.insert(at, byte),
                1 if at < file.len() => { file.remove(at); }
                _ if at < file.len() => file[at] = byte,
                _ => {}
            }
        }
        let (tokens, counters, sum) = run(&basis, block, &file, in_place, piece);
        let mut image = basis.clone();
        let mut out: Vec<u8> = Vec::new();
        for token in &tokens {
            match token {
                Token::Literal(bytes) => out.extend_from_slice(bytes),
                Token::Block(index) => {
                    let from = *index as usize * block as usize;
                    let to = (from + block as usize).min(basis.len());
                    // In place, the basis is what is left of it.
                    let source = if in_place { &image } else { &basis };
                    let bytes = source[from..to].to_vec();
                    out.extend_from_slice(&bytes);
                }
            }
            if in_place {
                let n = out.len().min(image.len());
                image[..n].copy_from_slice(&out[..n]);
            }
        }
        prop_assert_eq!(&out, &file);
        prop_assert_eq!(sum, digest(&file));
        let literal: usize = tokens.iter().map(|t| if let Token::Literal(b) = t { b.len() } else { 0 }).sum();
        prop_assert_eq!(literal as u64, counters.literal);
    }

    /// An unchanged stretch of three blocks is always found.
    #[test]
    fn finds_what_moved(
        basis in proptest::collection::vec(any::<u8>(), 200..2000),
        front in proptest::collection::vec(any::<u8>(), 0..50),
        block in 8u32..60,
        piece in 1usize..3000,
    ) {
        let file = [&front[..], &basis].concat();
        let (tokens, ..) = run(&basis, block, &file, false, piece);
        let blocks = tokens.iter().filter(|t| matches!(t, Token::Block(_))).count();
        prop_assert_eq!(blocks, basis.len().div_ceil(block as usize));
    }
}
