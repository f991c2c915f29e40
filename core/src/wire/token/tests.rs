//! Golden streams of stock rsync, and encoders against decoders.

use super::*;
use crate::limits::COMPRESSED_BYTES_MAX;
use crate::wire::compress::{Codecs, Progress, ZstdDecoder, ZstdEncoder, ZstdFactory};
use crate::wire::frame::{Tag, header};
use crate::wire::inbox::Inbox;
use crate::{Error, Exit};
use alloc::boxed::Box;
use alloc::vec;
use proptest::prelude::*;

const SMALL: &[u8] = include_bytes!("../testdata/small.src");
const SMALL_BASIS: &[u8] = include_bytes!("../testdata/small.basis");
const TEXT: &[u8] = include_bytes!("../testdata/text.src");
const TEXT_BASIS: &[u8] = include_bytes!("../testdata/text.basis");

fn format(compressor: Compressor) -> TokenFormat {
    TokenFormat { compressor, ..TokenFormat::PLAIN }
}

/// A stand-in for zstd: input waits for a flush, then comes out with its length before it.
#[derive(Default)]
struct Hoard(Vec<u8>);

impl ZstdEncoder for Hoard {
    fn compress(&mut self, input: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.extend_from_slice(input);
        if flush {
            out.extend_from_slice(&(self.0.len() as u32).to_le_bytes());
            out.append(&mut self.0);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Unhoard {
    head: Vec<u8>,
    left: usize,
}

impl ZstdDecoder for Unhoard {
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Error> {
        let mut consumed = 0;
        while self.left == 0 && consumed < input.len() {
            self.head.push(input[consumed]);
            consumed += 1;
            if let Ok(length) = <[u8; 4]>::try_from(&*self.head) {
                self.left = u32::from_le_bytes(length) as usize;
                self.head.clear();
            }
        }
        let produced = self.left.min(input.len() - consumed).min(output.len());
        output[..produced].copy_from_slice(&input[consumed..consumed + produced]);
        self.left -= produced;
        Ok(Progress { consumed: consumed + produced, produced })
    }
}

fn codecs() -> Codecs {
    Codecs {
        zstd: Some(ZstdFactory {
            encoder: |_| Ok(Box::new(Hoard::default())),
            decoder: || Ok(Box::new(Unhoard::default())),
        }),
    }
}

/// Bytes that do not compress.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    core::iter::repeat_with(step).take(length).collect()
}

/// What a file is made of.
#[derive(Clone, Debug)]
enum Piece {
    Literal(Vec<u8>),
    Block(u32),
}

fn block_of(basis: &[u8], size: usize, index: u32) -> &[u8] {
    let rest = &basis[index as usize * size..];
    &rest[..rest.len().min(size)]
}

fn encode(encoder: &mut TokenEncoder, pieces: &[Piece], basis: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(bytes) => encoder.literal(bytes, &mut out).unwrap(),
            Piece::Block(index) => {
                encoder.block(*index, &mut out).unwrap();
                if encoder.needs_matched() {
                    encoder.matched(block_of(basis, size, *index)).unwrap();
                }
            }
        }
    }
    encoder.end(&mut out).unwrap();
    out
}

/// Reads one file from the inbox; the tokens come from `feed`, which receives more or says that there is none.
fn rebuild(
    decoder: &mut TokenDecoder,
    inbox: &mut Inbox,
    basis: &[u8],
    size: usize,
    mut feed: impl FnMut(&mut Inbox) -> bool,
) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    loop {
        match decoder.poll(inbox)? {
            Some(Token::Literal(bytes)) => {
                assert!(!bytes.is_empty());
                file.extend_from_slice(bytes);
            }
            Some(Token::Block { first, count }) => {
                for index in first..first + count {
                    let block = block_of(basis, size, index);
                    file.extend_from_slice(block);
                    if decoder.needs_matched() {
                        decoder.matched(block)?;
                    }
                }
            }
            Some(Token::End) => return Ok(file),
            None => assert!(feed(inbox), "the stream ends early"),
        }
    }
}

/// Replays a capture: handshake, list, then items with their digests.
fn replay(
    capture: &[u8],
    list_bytes: usize,
    chunk: usize,
    compressor: Compressor,
    basis: &[u8],
    size: usize,
) -> Vec<Vec<u8>> {
    const HANDSHAKE: usize = 4 + 1 + 30;
    const ITEM: usize = 1 + 2 + 16;
    const DIGEST: usize = 16;
    let mut inbox = Inbox::new();
    let mut sent = HANDSHAKE;
    inbox.receive(&capture[..HANDSHAKE]);
    inbox.consume(HANDSHAKE);
    inbox.set_framed(true);
    let mut feed = |inbox: &mut Inbox| {
        let n = inbox.receive(&capture[sent..capture.len().min(sent + chunk)]);
        sent += n;
        n > 0
    };
    let mut decoder = TokenDecoder::new(&format(compressor), &codecs()).unwrap();
    let mut files = Vec::new();
    let mut skip = list_bytes;
    loop {
        skip += ITEM;
        while inbox.data().len() < skip {
            if !inbox.extend() && !feed(&mut inbox) {
                // The digest of the last file, and four marks.
                assert!(inbox.data().len() == DIGEST + 4 && inbox.data().ends_with(&[0; 4]));
                return files;
            }
        }
        inbox.consume(skip);
        files.push(rebuild(&mut decoder, &mut inbox, basis, size, &mut feed).unwrap());
        skip = DIGEST;
    }
}

#[test]
fn captures_rebuild_the_file() {
    let small = [
        (&include_bytes!("../testdata/small-zlib.c2s")[..], Compressor::Zlib),
        (include_bytes!("../testdata/small-zlibx.c2s"), Compressor::Zlibx),
        (include_bytes!("../testdata/small-lz4.c2s"), Compressor::Lz4),
    ];
    let text = [
        (&include_bytes!("../testdata/text-zlib.c2s")[..], Compressor::Zlib),
        (include_bytes!("../testdata/text-zlibx.c2s"), Compressor::Zlibx),
        (include_bytes!("../testdata/text-lz4.c2s"), Compressor::Lz4),
    ];
    for chunk in [1, 7, 100, 10_000] {
        for (capture, compressor) in small {
            assert_eq!(replay(capture, 16, chunk, compressor, SMALL_BASIS, 16), [SMALL], "{compressor:?}");
        }
        for (capture, compressor) in text {
            assert_eq!(replay(capture, 16, chunk, compressor, TEXT_BASIS, 700), [TEXT], "{compressor:?}");
        }
        let two = replay(include_bytes!("../testdata/two-zlib.c2s"), 34, chunk, Compressor::Zlib, &[], 1);
        let first = [&b"first file: "[..], &[b'A'; 24], b"\n"].concat();
        assert_eq!(two, [first.clone(), [b"second file: ", &*first].concat()]);
    }
}

fn small_pieces() -> Vec<Piece> {
    let new = Piece::Literal(b"<new ABCDEFGHIJKL>".to_vec());
    vec![Piece::Block(0), Piece::Block(1), new, Piece::Block(3), Piece::Block(4)]
}

/// Spec 3.7.7.
#[test]
fn small_streams_are_exact() {
    let literal = b"<new ABCDEFGHIJKL>";
    let plain = [
        b"\xff\xff\xff\xff\xfe\xff\xff\xff\x12\0\0\0".as_slice(),
        literal,
        b"\xfc\xff\xff\xff\xfb\xff\xff\xff\0\0\0\0",
    ]
    .concat();
    let zlib = b"\xc0\x01\x00\x40\x0a\xb2\xc9\x4b\x2d\x57\x40\x16\xb4\x03\x00\xc2\x01\x00\x00";
    let zlibx = [
        b"\xc0\x01\x00\x40\x14\xb2\xc9\x4b\x2d\x57\x70\x74\x72\x76\x71\x75\x73\xf7\xf0\xf4\xf2\xf6\xb1\x03\x00"
            .as_slice(),
        b"\xc2\x01\x00\x00",
    ]
    .concat();
    let lz4 = [b"\xc0\x01\x00\x40\x14\xf0\x03".as_slice(), literal, b"\xc2\x01\x00\x00"].concat();
    for (compressor, expect) in
        [(Compressor::None, &*plain), (Compressor::Zlib, zlib), (Compressor::Zlibx, &*zlibx), (Compressor::Lz4, &*lz4)]
    {
        let mut encoder = TokenEncoder::new(&format(compressor), &codecs()).unwrap();
        for _file in 0..2 {
            assert_eq!(encode(&mut encoder, &small_pieces(), SMALL_BASIS, 16), expect, "{compressor:?}");
        }
    }
}

fn blocks_encoded(indexes: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut encoder = TokenEncoder::new(&format(Compressor::Zlibx), &codecs()).unwrap();
    let pieces: Vec<Piece> = indexes.into_iter().map(Piece::Block).collect();
    encode(&mut encoder, &pieces, &[], 0)
}

#[test]
fn runs() {
    assert_eq!(blocks_encoded([63]), b"\xbf\0");
    assert_eq!(blocks_encoded([64]), b"\x20\x40\0\0\0\0");
    assert_eq!(blocks_encoded([5, 5, 4]), b"\x85\x80\x20\x04\0\0\0\0");
    assert_eq!(blocks_encoded([100, 101, 102]), b"\x21\x64\0\0\0\x02\0\0");
    // 65536 blocks to a run, and the next one begins one further on.
    assert_eq!(blocks_encoded(0..65538), b"\xc0\xff\xff\xc1\x01\0\0");
}

fn decode_error(compressor: Compressor, bytes: &[u8]) -> Error {
    let mut decoder = TokenDecoder::new(&format(compressor), &codecs()).unwrap();
    let (mut scratch, mut at) = (Vec::new(), 0);
    loop {
        match decoder.next(&bytes[at..], &mut scratch) {
            Ok((consumed, Some(_))) => at += consumed,
            Ok((_, None)) => panic!("no error in {bytes:02x?}"),
            Err(error) => return error,
        }
    }
}

#[test]
fn bad_tokens_are_refused() {
    let bad_number = Error::peer(Exit::PROTOCOL, "invalid token number in compressed stream");
    for bytes in [
        &b"\xc0\0\0"[..],
        b"\x21\x05\0\0\0\0\0",
        b"\x20\xff\xff\xff\xff",
        b"\x20\xff\xff\xff\x7f",
        b"\x21\xfe\xff\xff\x7f\x01\0",
        b"\x20\xfe\xff\xff\x7f\x81",
    ] {
        for compressor in [Compressor::Zlib, Compressor::Lz4, Compressor::Zstd] {
            assert_eq!(decode_error(compressor, bytes), bad_number);
        }
    }
    assert_eq!(decode_error(Compressor::Zlib, b"\x40\0").exit, Exit::STREAM);
    assert_eq!(decode_error(Compressor::Lz4, b"\x40\0\x40\x01\x10").exit, Exit::STREAM);
    assert_eq!(decode_error(Compressor::Zlibx, b"\x40\x02\xff\xff").exit, Exit::STREAM);
}

#[test]
fn an_empty_lz4_record_is_no_end() {
    let mut decoder = TokenDecoder::new(&format(Compressor::Lz4), &codecs()).unwrap();
    let mut inbox = Inbox::new();
    inbox.receive(b"\x40\x01\x00\x40\x02\x10x\x00");
    assert_eq!(decoder.poll(&mut inbox), Ok(Some(Token::Literal(b"x"))));
    assert_eq!(decoder.poll(&mut inbox), Ok(Some(Token::End)));
}

#[test]
fn level_zero_is_plain_for_zlib_only() {
    for (compressor, plain) in [(Compressor::Zlib, true), (Compressor::Zlibx, true), (Compressor::Lz4, false)] {
        let format = TokenFormat { level: Some(0), ..format(compressor) };
        assert_eq!(format.is_plain(), plain);
        assert_eq!(TokenEncoder::new(&format, &codecs()).unwrap().is_plain(), plain);
    }
}

#[test]
fn zstd_needs_a_host() {
    let format = format(Compressor::Zstd);
    let error = TokenEncoder::new(&format, &Codecs::default()).err().unwrap();
    assert_eq!(error.exit, Exit::UNSUPPORTED);
    assert!(TokenDecoder::new(&format, &Codecs::default()).is_err());
}

/// Spec 3.7.3: below protocol 31 both sides repeat the start of a long block; they must agree on it.
#[test]
fn long_blocks_below_protocol_31() {
    let basis = noise(1, 100_000);
    for from in [5_000, 80_000] {
        let literal = Piece::Literal(basis[from..from + 15_000].to_vec());
        let mut lengths = Vec::new();
        for protocol in [30, 31] {
            let format = TokenFormat { protocol, ..format(Compressor::Zlib) };
            let mut encoder = TokenEncoder::new(&format, &codecs()).unwrap();
            let wire = encode(&mut encoder, &[Piece::Block(0), literal.clone()], &basis, basis.len());
            let mut decoder = TokenDecoder::new(&format, &codecs()).unwrap();
            let mut inbox = Inbox::new();
            inbox.receive(&wire);
            let file = rebuild(&mut decoder, &mut inbox, &basis, basis.len(), |_| false).unwrap();
            assert_eq!(file, [&*basis, &basis[from..from + 15_000]].concat());
            lengths.push(wire.len());
        }
        // The start is within reach only with the error, the end only without.
        let (near, far) = if from == 5_000 { (lengths[0], lengths[1]) } else { (lengths[1], lengths[0]) };
        assert!(near < 1_000 && far > 15_000, "{lengths:?}");
    }
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        (0u32..90).prop_map(Piece::Block),
        (0u32..90).prop_map(Piece::Block),
        proptest::collection::vec(0u8..4, 0..40).prop_map(Piece::Literal),
        (any::<u32>(), 0usize..50_000).prop_map(|(seed, length)| Piece::Literal(noise(seed, length))),
    ];
    proptest::collection::vec(piece, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Two files in one session, through frames cut anywhere, with every compressor.
    #[test]
    fn files_survive(
        files in proptest::collection::vec(pieces(), 2),
        chunk in prop_oneof![1usize..40, 40usize..70_000],
        frame in prop_oneof![1usize..40, 40usize..65_000],
        level in prop_oneof![Just(None), (-1i32..12).prop_map(Some)],
        stored: bool,
    ) {
        let size = 700;
        let basis: Vec<u8> = (0..90 * size).map(|i| b"etaoin shrdlu"[i * i / 7 % 13]).collect();
        for compressor in Compressor::ALL {
            let format = TokenFormat { compressor, level, protocol: 31, stored, threads: 0 };
            let mut encoder = TokenEncoder::new(&format, &codecs()).unwrap();
            let mut wire = Vec::new();
            for file in &files {
                for piece in encode(&mut encoder, file, &basis, size).chunks(frame) {
                    wire.extend_from_slice(&header(Tag::Data, piece.len()));
                    wire.extend_from_slice(piece);
                }
            }
            let mut inbox = Inbox::new();
            inbox.set_framed(true);
            let mut sent = 0;
            let mut feed = |inbox: &mut Inbox| {
                let n = inbox.receive(&wire[sent..wire.len().min(sent + chunk)]);
                sent += n;
                n > 0
            };
            let mut decoder = TokenDecoder::new(&format, &codecs()).unwrap();
            for file in &files {
                let expect: Vec<u8> = file.iter().flat_map(|piece| match piece {
                    Piece::Literal(bytes) => bytes.clone(),
                    Piece::Block(index) => block_of(&basis, size, *index).to_vec(),
                }).collect();
                let got = rebuild(&mut decoder, &mut inbox, &basis, size, &mut feed).unwrap();
                prop_assert!(got == expect, "{compressor:?}");
            }
        }
    }

    #[test]
    fn any_bytes_end_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        for compressor in Compressor::ALL {
            let mut decoder = TokenDecoder::new(&format(compressor), &codecs()).unwrap();
            let mut inbox = Inbox::new();
            let mut parts = [&bytes[..cut.min(bytes.len())], &bytes[cut.min(bytes.len())..]].into_iter();
            loop {
                match decoder.poll(&mut inbox) {
                    Ok(Some(_)) => {}
                    Ok(None) => match parts.next() {
                        Some(part) => drop(inbox.receive(part)),
                        None => break,
                    },
                    Err(_) => break,
                }
            }
        }
    }
}

#[test]
fn records_are_bounded() {
    let noise = noise(7, 200_000);
    for compressor in [Compressor::Zlib, Compressor::Lz4, Compressor::Zstd] {
        let mut encoder = TokenEncoder::new(&format(compressor), &codecs()).unwrap();
        let wire = encode(&mut encoder, &[Piece::Literal(noise.clone())], &[], 0);
        let (mut at, mut records) = (0, 0);
        while wire[at] != FLAG_END {
            let length = usize::from(wire[at] & FLAG_VALUE) << 8 | usize::from(wire[at + 1]);
            assert_eq!(wire[at] & FLAG_KIND, FLAG_DATA);
            assert!((1..=COMPRESSED_BYTES_MAX).contains(&length));
            at += 2 + length;
            records += 1;
        }
        assert_eq!(at + 1, wire.len());
        assert!(records >= 200_000 / COMPRESSED_BYTES_MAX);
    }
}
