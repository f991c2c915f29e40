use super::*;
use crate::checksum::{Algorithm, weak};
use crate::delta::{PlanOptions, Signer, SumHead};
use crate::limits::BLOCK_BYTES_MAX;
use proptest::prelude::*;

const XXH128: Strong = Strong { algorithm: Algorithm::Xxh128, seed: 12345, seed_first: true };
const MOVE_BASIS: &[u8] = include_bytes!("golden/move.basis");
const REDO_BASIS: &[u8] = include_bytes!("golden/redo.basis");

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Block(u32),
    Literal(Vec<u8>),
}
use Token::Block;

/// How a test runs a search, and what comes out.
struct Run {
    tokens: Vec<Token>,
    tally: Tally,
    digest: Option<DigestValue>,
}

/// Feeds `source` in `piece`s, and joins literals that follow each other.
fn run(mut search: Search, source: &[u8], piece: usize) -> Run {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = source;
    loop {
        match search.next() {
            Found::Literal(bytes) => {
                assert!(!bytes.is_empty() && bytes.len() <= LITERAL_BYTES);
                match tokens.last_mut() {
                    Some(Token::Literal(literal)) => literal.extend_from_slice(bytes),
                    _ => tokens.push(Token::Literal(bytes.to_vec())),
                }
            }
            Found::Block(block) => tokens.push(Block(block)),
            Found::More if rest.is_empty() => search.end(),
            Found::More => {
                let room = search.space(piece.min(rest.len()));
                assert!(!room.is_empty(), "there is always room when more is wanted");
                let (now, later) = rest.split_at(room.len());
                room.copy_from_slice(now);
                search.filled(now.len());
                rest = later;
            }
            Found::End => {
                return Run { tokens, tally: search.tally(), digest: search.take_digest() };
            }
        }
    }
}

fn sign(head: SumHead, strong: Strong, basis: &[u8]) -> Signature {
    let (mut wire, mut signature) = (Vec::new(), Signature::new(head, u64::MAX, "sender").unwrap());
    Signer::new(head, strong).push(basis, &mut wire);
    signature.push(&wire);
    assert!(signature.is_complete());
    signature
}

fn plan(basis: &[u8], block_bytes: Option<u32>, redo: bool, digest_bytes: usize) -> SumHead {
    let options = PlanOptions { block_bytes, block_max: BLOCK_BYTES_MAX, digest_bytes, redo };
    SumHead::for_basis(basis.len() as u64, &options).unwrap()
}

fn whole(strong: Strong) -> SearchOptions {
    SearchOptions { digest: Some(Digest::whole_file(strong.algorithm, strong.seed)), ..SearchOptions::default() }
}

/// The pseudo-random file of the recorded sessions.
fn lcg_basis() -> Vec<u8> {
    let mut x = 1u64;
    (0..3300)
        .map(|_| {
            x = (x * 1_103_515_245 + 12345) % (1 << 31);
            (x >> 16) as u8
        })
        .collect()
}

fn lcg_source() -> Vec<u8> {
    let basis = lcg_basis();
    [b"INSERTED! ", &basis[..1400], &basis[1500..2800], b"<changed>", &basis[2800..3300]].concat()
}

fn moved(order: [usize; 6]) -> Vec<u8> {
    order.iter().flat_map(|&block| MOVE_BASIS[block * 700..][..700].iter().copied()).collect()
}

/// Checks tokens and digest against a recorded stock sender, in pieces of several sizes.
fn check(basis: &[u8], head: SumHead, strong: Strong, in_place: bool, source: &[u8], tokens: &[Token], digest: &str) {
    for piece in [1, 7, 699, 700, 701, 4096, 1 << 20] {
        let options = SearchOptions { updating_in_place: in_place, ..whole(strong) };
        let run = run(Search::new(sign(head, strong, basis), strong, options), source, piece);
        assert_eq!(run.tokens, tokens, "{strong:?} piece {piece}");
        assert_eq!(alloc::format!("{:?}", run.digest.unwrap()), digest);
        assert_eq!(run.tally.literal_bytes + run.tally.matched_bytes, source.len() as u64);
    }
}

#[test]
fn recorded_small() {
    let basis = b"0123456789abcdefABCDEFGHIJKLMNOPghijklmnopqrstuvQRSTUVWXYZ!?.,:;tail42";
    let source = b"0123456789abcdefABCDEFGHIJKLMNOP<new ABCDEFGHIJKL>QRSTUVWXYZ!?.,:;tail42";
    let tokens = [Block(0), Block(1), Token::Literal(b"<new ABCDEFGHIJKL>".to_vec()), Block(3), Block(4)];
    let head = plan(basis, Some(16), false, 16);
    check(basis, head, XXH128, false, source, &tokens, "6a0220a36dbcd1a28a1eb9f911f7351c");
    let old = Strong { algorithm: Algorithm::Md4Old, ..XXH128 };
    check(basis, head, old, false, source, &tokens, "142cc109849e373d95175001d80c328d");
}

#[test]
fn recorded_with_every_algorithm() {
    let (basis, source) = (lcg_basis(), lcg_source());
    let literal = |at: usize, len: usize| Token::Literal(source[at..at + len].to_vec());
    let tokens = [literal(0, 10), Block(0), Block(1), literal(1410, 600), Block(3), literal(2710, 9), Block(4)];
    for (algorithm, seed, seed_first, digest) in [
        (Algorithm::Xxh128, 12345, true, "36f9e531f8d207a717a7d8356453d5d3"),
        (Algorithm::Xxh128, -7, true, "36f9e531f8d207a717a7d8356453d5d3"),
        (Algorithm::Xxh3, 12345, true, "36f9e531f8d207a7"),
        (Algorithm::Xxh64, 12345, true, "a679b2e1fcc0e663"),
        (Algorithm::Md5, 12345, true, "d6cf05ef6b169f68cec8d6c14bf6acbe"),
        (Algorithm::Md5, 12345, false, "d6cf05ef6b169f68cec8d6c14bf6acbe"),
        (Algorithm::Md4, 12345, true, "4253ac2010a5195fe27fdcac4508d048"),
        (Algorithm::Sha1, 12345, true, "cdba58e9e6226375c776a8674bb20c9817edbe59"),
    ] {
        let head = plan(&basis, None, false, algorithm.digest_bytes());
        let strong = Strong { algorithm, seed, seed_first };
        check(&basis, head, strong, false, &source, &tokens, digest);
    }
}

#[test]
fn recorded_move_and_in_place() {
    let source = moved([0, 1, 4, 2, 3, 5]);
    let head = plan(MOVE_BASIS, None, false, 16);
    let digest = "8cb7aea045d6f19d46c92383c751f45a";
    let tokens = [0, 1, 4, 2, 3, 5].map(Block);
    check(MOVE_BASIS, head, XXH128, false, &source, &tokens, digest);
    let overwritten = Token::Literal(source[2100..3500].to_vec());
    check(MOVE_BASIS, head, XXH128, true, &source, &[Block(0), Block(1), Block(4), overwritten, Block(5)], digest);
}

/// Two blocks with equal weak sums and equal first bytes of the strong sum: the short sums mistake one for the other.
#[test]
fn recorded_false_match_and_its_redo() {
    let mut source = REDO_BASIS.to_vec();
    (source[116], source[159], source[202]) = (50, 20, 48);
    let digest = "466f2955404eb77e19a145f0885b8dc2";
    check(REDO_BASIS, plan(REDO_BASIS, None, false, 16), XXH128, false, &source, &[0, 1].map(Block), digest);
    let first = Token::Literal(source[..700].to_vec());
    check(REDO_BASIS, plan(REDO_BASIS, None, true, 16), XXH128, false, &source, &[first, Block(1)], digest);
}

#[test]
fn recorded_append() {
    let source = lcg_source();
    let head = plan(&source[..2000], None, false, 16);
    let tail = [Token::Literal(source[2000..].to_vec())];
    for piece in [1, 300, 1 << 20] {
        let verify = SearchOptions { skip: 2000, ..whole(XXH128) };
        let run_whole = run(Search::new(Signature::without_sums(head), XXH128, verify), &source, piece);
        assert_eq!(run_whole.tokens, tail);
        assert_eq!(alloc::format!("{:?}", run_whole.digest.unwrap()), "36f9e531f8d207a717a7d8356453d5d3");
        let run_tail = run(Search::new(Signature::without_sums(head), XXH128, whole(XXH128)), &source[2000..], piece);
        assert_eq!(run_tail.tokens, tail);
        assert_eq!(alloc::format!("{:?}", run_tail.digest.unwrap()), "17fb9468089ac8e8338a51f52482b413");
    }
}

#[test]
fn without_a_basis_everything_is_literal() {
    let source: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
    let run_all =
        run(Search::new(Signature::without_sums(SumHead::NULL), XXH128, SearchOptions::default()), &source, 50_000);
    assert_eq!(run_all.tokens, [Token::Literal(source)]);
    assert_eq!(run_all.digest, None);
    let empty = run(Search::new(Signature::without_sums(SumHead::NULL), XXH128, whole(XXH128)), b"", 1);
    assert_eq!(empty.tokens, []);
    assert_eq!(alloc::format!("{:?}", empty.digest.unwrap()), "7f498d4624c30160d8984701d306aa99");
}

#[test]
fn equal_blocks_continue_the_last_match() {
    let (x, y) = ([b'x'; 16], *b"0123456789abcdef");
    let basis = [x, y, x, y, x, y].concat();
    let head = plan(&basis, Some(16), false, 16);
    let tokens =
        |source: &[u8]| run(Search::new(sign(head, XXH128, &basis), XXH128, whole(XXH128)), source, 1000).tokens;
    assert_eq!(
        tokens(&[y, x, y].concat()),
        [Block(5), Block(4), Block(5)],
        "the last of equal blocks, then what follows it"
    );
    assert_eq!(tokens(&basis[16..]), [5, 4, 5, 4, 5].map(Block));
}

#[test]
fn zeros_in_place_are_realigned() {
    let mut basis = alloc::vec![0u8; 64];
    basis[..16].copy_from_slice(b"0123456789abcdef");
    let mut source = b"new".to_vec();
    source.resize(64, 0);
    let head = plan(&basis, Some(16), false, 16);
    for piece in [1, 5, 64] {
        let options = SearchOptions { updating_in_place: true, ..whole(XXH128) };
        let tokens = run(Search::new(sign(head, XXH128, &basis), XXH128, options), &source, piece).tokens;
        assert_eq!(tokens, [Token::Literal(source[..16].to_vec()), Block(1), Block(2), Block(3)], "piece {piece}");
    }
}

/// Every offset has the weak sum of some block and the strong sum of none. Without [`Credit`] this would sum 64 KiB two
/// million times, which takes a minute.
#[test]
fn false_alarms_do_not_make_it_quadratic() {
    let block_bytes = 64 * 1024;
    let source = alloc::vec![1u8; 2 << 20];
    let head = SumHead { count: 2000, block_bytes: block_bytes as u32, strong_bytes: 16, remainder: 0 };
    let mut signature = Signature::without_sums(head);
    signature.weak = alloc::vec![weak(&source[..block_bytes]); 2000];
    signature.strong = (0..2000 * 16u32).map(|i| (i / 16 % 251) as u8).collect();
    let run = run(Search::new(signature, XXH128, whole(XXH128)), &source, 1 << 20);
    assert_eq!(run.tally.matches, 0);
    let summed = run.tally.false_alarms * block_bytes as u64;
    assert!(run.tally.false_alarms > 10, "it does try");
    assert!(summed < 16 * source.len() as u64 + (32 << 20), "{summed} bytes summed in vain");
}

/// What section 3.6 asks for, one byte at a time.
fn naive(signature: &Signature, strong: Strong, in_place: bool, source: &[u8]) -> Vec<Token> {
    let head = signature.head;
    let (mut tokens, mut literal, mut at) = (Vec::new(), Vec::new(), 0usize);
    let (mut wanted, mut kept) = (None, Vec::new());
    while at < source.len() {
        let usable = |block: &u32| !in_place || head.block_offset(*block) >= at as u64 || kept.contains(block);
        let matches = |block: &u32| {
            let len = head.block_len(*block) as usize;
            let is_last = len < head.block_bytes as usize;
            let Some(data) = source.get(at..at + len) else {
                return false;
            };
            let mut sum = [0; DIGEST_BYTES_MAX];
            strong.block(data, &mut sum);
            (!is_last || at + len == source.len())
                && weak(data) == signature.weak[*block as usize]
                && &sum[..head.strong_bytes as usize] == signature.strong_of(*block)
        };
        let same: Vec<u32> = (0..head.count).filter(|block| matches(block) && usable(block)).collect();
        let here = same.iter().copied().find(|&block| in_place && head.block_offset(block) == at as u64);
        let next = same.iter().copied().find(|&block| Some(block) == wanted);
        let Some(block) = here.or(next).or(same.last().copied()) else {
            literal.push(source[at]);
            at += 1;
            continue;
        };
        if !literal.is_empty() {
            tokens.push(Token::Literal(core::mem::take(&mut literal)));
        }
        if head.block_offset(block) == at as u64 {
            kept.push(block);
        }
        tokens.push(Block(block));
        wanted = Some(block + 1);
        at += head.block_len(block) as usize;
    }
    if !literal.is_empty() {
        tokens.push(Token::Literal(literal));
    }
    tokens
}

/// Files made of few different pieces, so that blocks repeat and nearly match.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"aaaaaaaa".to_vec()),
        Just(b"abababab".to_vec()),
        Just(b"the quick brown fox".to_vec()),
        Just(alloc::vec![0xff; 13]),
        proptest::collection::vec(1u8.., 0..9),
        proptest::collection::vec(1u8..4, 0..40),
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn fast_is_naive(
        basis in pieces(),
        edits in pieces(),
        cut in 0usize..200,
        block_bytes in 1u32..40,
        strong_bytes in 0u32..3,
        in_place in any::<bool>(),
        piece in 1usize..120,
    ) {
        let cut = cut.min(basis.len());
        let source = [&basis[cut..], &edits[..], &basis[..cut], &basis[cut / 2..]].concat();
        let mut head = plan(&basis, Some(block_bytes), false, 16);
        head.strong_bytes = strong_bytes.min(head.strong_bytes);
        let signature = sign(head, XXH128, &basis);
        let expect = naive(&signature, XXH128, in_place, &source);
        let options = SearchOptions { updating_in_place: in_place, ..whole(XXH128) };
        let run = run(Search::new(signature, XXH128, options), &source, piece);
        prop_assert_eq!(run.tokens, expect);
        let mut digest = Digest::whole_file(Algorithm::Xxh128, 12345);
        digest.update(&source);
        prop_assert_eq!(run.digest, Some(digest.finish()));
    }

    /// Any signature at all, as a hostile peer may send: whatever is found must be within it, and nothing is lost.
    #[test]
    fn any_signature_is_survived(
        count in 0u32..40,
        block_bytes in 1u32..20,
        remainder in 0u32..20,
        strong_bytes in 0u32..=20,
        sums in proptest::collection::vec(any::<u8>(), 0..400),
        source in pieces(),
        in_place in any::<bool>(),
    ) {
        let head = SumHead { count, block_bytes, strong_bytes, remainder: remainder.min(block_bytes) };
        let mut signature = Signature::new(head, u64::MAX, "sender").unwrap();
        signature.push(&sums);
        let options = SearchOptions { updating_in_place: in_place, ..whole(XXH128) };
        let run = run(Search::new(signature, XXH128, options), &source, 64);
        let mut len = 0;
        for token in &run.tokens {
            len += match token {
                Token::Literal(bytes) => bytes.len(),
                Block(block) => {
                    prop_assert!(*block < count);
                    head.block_len(*block) as usize
                }
            };
        }
        prop_assert_eq!(len, source.len());
    }
}
