//! What the token targets share: a decoder fed in one piece and in small ones must say the same.

use syncline_core::wire::{Codecs, Compressor, Inbox, Token, TokenDecoder, TokenFormat};
use syncline_core::Error;

/// Most output that is looked at: a few bytes may decompress to very much.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Literal bytes, blocks and ends, with literals that follow each other joined.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Block(u32, u32),
    End,
}

fn read(bytes: &[u8], chunk: usize, format: &TokenFormat, codecs: &Codecs) -> (Vec<Part>, Option<Error>) {
    let mut decoder = TokenDecoder::new(format, codecs).unwrap();
    let mut inbox = Inbox::new();
    let (mut parts, mut sent, mut size) = (Vec::new(), 0, 0);
    while size < FILE_BYTES_MAX {
        match decoder.poll(&mut inbox) {
            Ok(Some(Token::Literal(bytes))) => {
                assert!(!bytes.is_empty());
                size += bytes.len();
                match parts.last_mut() {
                    Some(Part::Literal(literal)) => literal.extend_from_slice(bytes),
                    _ => parts.push(Part::Literal(bytes.to_vec())),
                }
            }
            Ok(Some(Token::Block { first, count })) => {
                assert!(count > 0);
                size += 16;
                parts.push(Part::Block(first, count));
                if decoder.needs_matched() {
                    let block: Vec<u8> = (0..first % 70_000).map(|i| (i ^ first) as u8).collect();
                    size += block.len();
                    decoder.matched(&block).unwrap();
                }
            }
            Ok(Some(Token::End)) => parts.push(Part::End),
            Ok(None) => {
                let n = inbox.receive(&bytes[sent..bytes.len().min(sent + chunk)]);
                if n == 0 {
                    break;
                }
                sent += n;
            }
            Err(error) => return (parts, Some(error)),
        }
    }
    (parts, None)
}

/// Runs one input.
pub fn run(input: &[u8], compressor: Compressor, codecs: &Codecs) {
    let [chunk, bytes @ ..] = input else { return };
    let protocol = 30 + u32::from(chunk & 1);
    let format = TokenFormat { compressor, protocol, ..TokenFormat::PLAIN };
    let (whole, error) = read(bytes, bytes.len().max(1), &format, codecs);
    let (pieces, other) = read(bytes, usize::from(*chunk) + 1, &format, codecs);
    // Up to an error, decompressors give what they have at once: the broken end may differ.
    if error.is_none() && other.is_none() && whole.len() == pieces.len() {
        let complete = |parts: &[Part]| parts.last() == Some(&Part::End);
        assert!(!complete(&whole) || !complete(&pieces) || whole == pieces);
    }
    assert_eq!(error.map(|error| error.exit), other.map(|error| error.exit));
}
