//! Zstd for file data (spec 3.7.4), from the C library: one context for each direction of a session.

use syncline_core::wire::compress::{Progress, ZstdDecoder, ZstdEncoder, ZstdFactory, ZstdSettings};
use syncline_core::{Error, Exit};
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, get_error_name, max_c_level, min_c_level};

/// What the engine is given.
pub const ZSTD: ZstdFactory = ZstdFactory { encoder, decoder };

/// Window of the highest level, which a decoder has to accept.
const WINDOW_LOG_MAX: u32 = 27;
/// Room for one step of the compressor.
const STEP_BYTES: usize = 32 * 1024;

struct Encoder(CCtx<'static>);

fn encoder(settings: ZstdSettings) -> Result<Box<dyn ZstdEncoder>, Error> {
    let mut context = CCtx::try_create().ok_or_else(no_memory)?;
    let level = settings.level.clamp(min_c_level(), max_c_level());
    context.set_parameter(CParameter::CompressionLevel(level)).map_err(host_error)?;
    if settings.threads > 0 {
        // A library built without threads refuses; it then compresses in this one.
        let _ = context.set_parameter(CParameter::NbWorkers(settings.threads));
    }
    Ok(Box::new(Encoder(context)))
}

impl ZstdEncoder for Encoder {
    fn compress(&mut self, input: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let directive = if flush { ZSTD_EndDirective::ZSTD_e_flush } else { ZSTD_EndDirective::ZSTD_e_continue };
        let mut input = InBuffer::around(input);
        loop {
            let filled = out.len();
            out.resize(filled + STEP_BYTES, 0);
            let mut output = OutBuffer::around(&mut out[filled..]);
            let status = self.0.compress_stream2(&mut output, &mut input, directive);
            let produced = output.pos();
            out.truncate(filled + produced);
            let left = status.map_err(host_error)?;
            let taken = input.pos() == input.src.len();
            if taken && (!flush || left == 0) {
                return Ok(());
            }
        }
    }
}

struct Decoder(DCtx<'static>);

fn decoder() -> Result<Box<dyn ZstdDecoder>, Error> {
    let mut context = DCtx::try_create().ok_or_else(no_memory)?;
    context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(host_error)?;
    Ok(Box::new(Decoder(context)))
}

impl ZstdDecoder for Decoder {
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Error> {
        let mut input = InBuffer::around(input);
        let mut output = OutBuffer::around(output);
        self.0.decompress_stream(&mut output, &mut input).map_err(|code| {
            let text = format!("ZSTD_decompressStream returned {}", get_error_name(code));
            Error::peer(Exit::STREAM, text)
        })?;
        Ok(Progress { consumed: input.pos(), produced: output.pos() })
    }
}

fn no_memory() -> Error {
    Error::host(Exit::MALLOC, "zstd: out of memory")
}

fn host_error(code: usize) -> Error {
    Error::host(Exit::STREAM, format!("ZSTD_compressStream returned {}", get_error_name(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_core::wire::{Codecs, Compressor, Inbox, Token, TokenDecoder, TokenEncoder, TokenFormat};

    const CODECS: Codecs = Codecs { zstd: Some(ZSTD) };
    const SMALL: &[u8] = include_bytes!("../../core/src/wire/testdata/small.src");
    const SMALL_BASIS: &[u8] = include_bytes!("../../core/src/wire/testdata/small.basis");
    const TEXT: &[u8] = include_bytes!("../../core/src/wire/testdata/text.src");
    const TEXT_BASIS: &[u8] = include_bytes!("../../core/src/wire/testdata/text.basis");

    fn format(level: Option<i32>) -> TokenFormat {
        TokenFormat { compressor: Compressor::Zstd, level, ..TokenFormat::PLAIN }
    }

    /// Reads tokens up to the end of a file.
    fn rebuild(decoder: &mut TokenDecoder, inbox: &mut Inbox, basis: &[u8], size: usize) -> Vec<u8> {
        let mut file = Vec::new();
        loop {
            match decoder.poll(inbox).unwrap().expect("all was received") {
                Token::Literal(bytes) => file.extend_from_slice(bytes),
                Token::Block { first, count } => {
                    let to = basis.len().min((first + count) as usize * size);
                    file.extend_from_slice(&basis[first as usize * size..to]);
                }
                Token::End => return file,
            }
        }
    }

    /// The files in a capture of stock rsync 3.5.0: handshake, list, then items with their digests.
    fn replay(capture: &[u8], list_bytes: usize, files: usize, basis: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut inbox = Inbox::new();
        inbox.receive(capture);
        inbox.consume(4 + 1 + 30);
        inbox.set_framed(true);
        inbox.consume(list_bytes);
        let mut decoder = TokenDecoder::new(&format(None), &CODECS).unwrap();
        let mut file = || {
            inbox.consume(1 + 2 + 16);
            let file = rebuild(&mut decoder, &mut inbox, basis, size);
            inbox.consume(16);
            file
        };
        (0..files).map(|_| file()).collect()
    }

    #[test]
    fn captures() {
        let capture = include_bytes!("../../core/src/wire/testdata/small-zstd.c2s");
        assert_eq!(replay(capture, 16, 1, SMALL_BASIS, 16), [SMALL]);
        let capture = include_bytes!("../../core/src/wire/testdata/text-zstd.c2s");
        assert_eq!(replay(capture, 16, 1, TEXT_BASIS, 700), [TEXT]);
        // The second file goes on with the frame of the first.
        let capture = include_bytes!("../../core/src/wire/testdata/two-zstd.c2s");
        let first = [&b"first file: "[..], &[b'A'; 24], b"\n"].concat();
        assert_eq!(replay(capture, 34, 2, &[], 1), [first.clone(), [b"second file: ", &*first].concat()]);
    }

    #[test]
    fn a_small_stream_is_exact() {
        let mut encoder = TokenEncoder::new(&format(None), &CODECS).unwrap();
        let mut out = Vec::new();
        encoder.block(0, &mut out).unwrap();
        encoder.block(1, &mut out).unwrap();
        encoder.literal(b"<new ABCDEFGHIJKL>", &mut out).unwrap();
        encoder.block(3, &mut out).unwrap();
        encoder.block(4, &mut out).unwrap();
        encoder.end(&mut out).unwrap();
        let head = b"\xc0\x01\x00\x40\x1b\x28\xb5\x2f\xfd\x00\x58\x90\x00\x00";
        assert_eq!(out, [head, &b"<new ABCDEFGHIJKL>"[..], b"\xc2\x01\x00\x00"].concat());
    }

    #[test]
    fn every_level_survives_the_session() {
        let noise: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 11) as u8).collect();
        for level in [None, Some(0), Some(-5), Some(19), Some(22), Some(1000)] {
            let mut encoder = TokenEncoder::new(&format(level), &CODECS).unwrap();
            let mut decoder = TokenDecoder::new(&format(level), &CODECS).unwrap();
            for piece in [&noise[..], TEXT, b"x", &noise[..70_000], TEXT] {
                let mut wire = Vec::new();
                encoder.literal(piece, &mut wire).unwrap();
                encoder.end(&mut wire).unwrap();
                let mut inbox = Inbox::new();
                assert_eq!(inbox.receive(&wire), wire.len());
                assert_eq!(rebuild(&mut decoder, &mut inbox, &[], 1), piece, "{level:?}");
            }
        }
    }

    #[test]
    fn garbage_is_the_peers_fault() {
        let mut decoder = TokenDecoder::new(&format(None), &CODECS).unwrap();
        let mut inbox = Inbox::new();
        inbox.receive(b"\x40\x08notzstd!");
        assert_eq!(decoder.poll(&mut inbox).unwrap_err().exit, Exit::STREAM);
    }
}
