//! Raw deflate as zlib and zlibx use it (spec 3.7.3): a sync flush before each token, less its last four bytes.
//!
//! With zlib, the data of matched blocks enters the window of both sides, so that literals can refer to it.

use super::Progress;
use crate::{Error, Exit};
use alloc::format;
use alloc::vec::Vec;
use zlib_rs::{Deflate, DeflateError, DeflateFlush, Inflate, InflateError, InflateFlush, Status};

/// Deflate without a header, in the largest window.
const WINDOW_BITS: u8 = 15;
/// How far back a reference can reach.
const WINDOW_BYTES: usize = 1 << WINDOW_BITS;
/// Stock inserts longer blocks piece by piece.
const PIECE_BYTES: usize = 0xffff;
/// What a sync flush ends in and the wire leaves out: an empty stored block without its header bits.
const FLUSH_MARKER: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// Room given to one call of the compressor.
const STEP_BYTES: usize = 16 * 1024;

/// How matched blocks enter the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Not at all: zlibx.
    Nothing,
    /// As they are.
    Blocks,
    /// The error that is part of the format below protocol 31: of a block longer than 65535 bytes, every piece is taken
    /// from its start.
    BlockStarts,
}

impl History {
    /// The bytes that are in the window after `block` was inserted, oldest first; what they push out does not matter.
    fn window_of(self, block: &[u8]) -> [&[u8]; 2] {
        let tail = |bytes: &'_ [u8], most: usize| bytes.len() - bytes.len().min(most);
        match self {
            History::Nothing => [&[], &[]],
            History::BlockStarts if block.len() > PIECE_BYTES => {
                let (full, last) = (&block[..PIECE_BYTES], &block[..block.len() % PIECE_BYTES]);
                let last = &last[tail(last, WINDOW_BYTES)..];
                [&full[tail(full, WINDOW_BYTES - last.len())..], last]
            }
            _ => [&[], &block[tail(block, WINDOW_BYTES)..]],
        }
    }
}

/// The sender's side of one file at a time.
pub struct Deflater {
    stream: Deflate,
    history: History,
}

impl Deflater {
    /// A compressor of level 1 to 9, or 0 for stored blocks.
    pub fn new(level: i32, history: History) -> Deflater {
        Deflater { stream: Deflate::new(level, false, WINDOW_BITS), history }
    }

    /// Whether [`Deflater::insert`] does anything.
    pub fn wants_history(&self) -> bool {
        self.history != History::Nothing
    }

    /// Compresses all of `input`, appending to `out` what comes out.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.run(input, DeflateFlush::NoFlush, out)
    }

    /// Brings out everything compressed so far, without the marker. To be called only after [`Deflater::compress`].
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.run(&[], DeflateFlush::SyncFlush, out)?;
        if !out.ends_with(&FLUSH_MARKER) {
            return Err(Error::host(Exit::STREAM, "deflate gave no flush marker"));
        }
        out.truncate(out.len() - FLUSH_MARKER.len());
        Ok(())
    }

    fn run(&mut self, input: &[u8], flush: DeflateFlush, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut rest = input;
        loop {
            let (filled, consumed) = (out.len(), self.stream.total_in());
            out.resize(filled + STEP_BYTES, 0);
            let produced = self.stream.total_out();
            let status = self.stream.compress(rest, &mut out[filled..], flush).map_err(compress_error)?;
            let produced = (self.stream.total_out() - produced) as usize;
            out.truncate(filled + produced);
            rest = &rest[(self.stream.total_in() - consumed) as usize..];
            // Room that is left over says that nothing more is waiting to come out.
            if produced < STEP_BYTES || status == Status::BufError {
                if rest.is_empty() {
                    return Ok(());
                }
                if status == Status::BufError {
                    return Err(Error::host(Exit::STREAM, "deflate stands still"));
                }
            }
        }
    }

    /// Adds a matched block to the history. Only after a flush, or before any literal.
    pub fn insert(&mut self, block: &[u8]) -> Result<(), Error> {
        for bytes in self.history.window_of(block).into_iter().filter(|bytes| !bytes.is_empty()) {
            self.stream.set_dictionary(bytes).map_err(compress_error)?;
        }
        Ok(())
    }

    /// Forgets everything: the next file begins.
    pub fn reset(&mut self) {
        self.stream.reset();
    }
}

fn compress_error(error: DeflateError) -> Error {
    Error::host(Exit::STREAM, format!("deflate returned {}", error as i32))
}

/// The receiver's side of one file at a time.
pub struct Inflater {
    stream: Inflate,
    history: History,
}

impl Inflater {
    /// A decompressor with an empty window.
    pub fn new(history: History) -> Inflater {
        Inflater { stream: Inflate::new(false, WINDOW_BITS), history }
    }

    /// Whether [`Inflater::insert`] does anything.
    pub fn wants_history(&self) -> bool {
        self.history != History::Nothing
    }

    /// Decompresses from `input` into `output` until either is used up.
    pub fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Error> {
        let (consumed, produced) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, output, InflateFlush::SyncFlush);
        let code = match status {
            Ok(Status::Ok | Status::BufError) => {
                return Ok(Progress {
                    consumed: (self.stream.total_in() - consumed) as usize,
                    produced: (self.stream.total_out() - produced) as usize,
                });
            }
            // The sender must never finish its stream.
            Ok(Status::StreamEnd) => 1,
            Err(InflateError::NeedDict { .. }) => 2,
            Err(InflateError::StreamError) => -2,
            Err(InflateError::DataError) => -3,
            Err(InflateError::MemError) => -4,
        };
        Err(inflate_error(code, input.len()))
    }

    /// Takes the marker that the sender left out. Nothing may come of it.
    pub fn sync(&mut self) -> Result<(), Error> {
        let progress = self.decompress(&FLUSH_MARKER, &mut [0; 8])?;
        if progress != (Progress { consumed: FLUSH_MARKER.len(), produced: 0 }) {
            return Err(Error::peer(Exit::STREAM, "decompressor lost sync!"));
        }
        Ok(())
    }

    /// Adds a matched block to the history. Only after [`Inflater::sync`], or before any literal.
    pub fn insert(&mut self, block: &[u8]) -> Result<(), Error> {
        for bytes in self.history.window_of(block).into_iter().filter(|bytes| !bytes.is_empty()) {
            self.stream.set_dictionary(bytes).map_err(|error| {
                let text = format!("inflate returned {}", error.as_str());
                Error::host(Exit::STREAM, text)
            })?;
        }
        Ok(())
    }

    /// Forgets everything: the next file begins.
    pub fn reset(&mut self) {
        self.stream.reset(false);
    }
}

/// The error for data that is no deflate stream, with zlib's return code.
pub(crate) fn inflate_error(code: i32, bytes: usize) -> Error {
    Error::peer(Exit::STREAM, format!("inflate returned {code} ({bytes} bytes)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// The pieces as stock inserts them, one after the other.
    fn pieces(history: History, block: &[u8]) -> Vec<u8> {
        let mut inserted = Vec::new();
        let mut at = 0;
        while at < block.len() && history != History::Nothing {
            let n = (block.len() - at).min(PIECE_BYTES);
            let from = if history == History::BlockStarts { 0 } else { at };
            inserted.extend_from_slice(&block[from..from + n]);
            at += n;
        }
        inserted
    }

    #[test]
    fn windows_equal_the_pieces() {
        let block: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 13) as u8).collect();
        for history in [History::Nothing, History::Blocks, History::BlockStarts] {
            for length in [0, 1, 32768, 65535, 65536, 65535 + 32767, 65535 + 32768, 131070, 131072, 250_000] {
                let naive = pieces(history, &block[..length]);
                let kept = &naive[naive.len().saturating_sub(WINDOW_BYTES)..];
                assert_eq!(history.window_of(&block[..length]).concat(), kept, "{history:?} {length}");
            }
        }
    }

    /// Inserts the way that works with any inflate: as a stored block whose output is dropped.
    fn insert_stored(inflater: &mut Inflater, block: &[u8]) {
        let length = (block.len() as u16).to_le_bytes();
        let inverse = (!(block.len() as u16)).to_le_bytes();
        let stored = [&[0u8][..], &length, &inverse, block].concat();
        let mut dropped = vec![0; block.len() + 1];
        let progress = inflater.decompress(&stored, &mut dropped).unwrap();
        assert_eq!(progress, Progress { consumed: stored.len(), produced: block.len() });
    }

    fn inflate_all(inflater: &mut Inflater, packed: &[u8], expect: &[u8]) {
        let mut output = vec![0; expect.len() + 1];
        let progress = inflater.decompress(packed, &mut output).unwrap();
        assert_eq!(progress, Progress { consumed: packed.len(), produced: expect.len() });
        assert!(output.starts_with(expect));
        inflater.sync().unwrap();
    }

    #[test]
    fn a_finished_stream_is_refused() {
        let mut inflater = Inflater::new(History::Nothing);
        let error = inflater.decompress(&[0x03, 0x00], &mut [0; 8]).unwrap_err();
        assert_eq!((error.exit, &*error.text), (Exit::STREAM, &b"inflate returned 1 (2 bytes)"[..]));
    }

    #[test]
    fn a_missing_flush_loses_sync() {
        let mut packed = Vec::new();
        let mut deflater = Deflater::new(6, History::Nothing);
        deflater.compress(b"some literal data", &mut packed).unwrap();
        deflater.flush(&mut packed).unwrap();
        let outcomes = (1..packed.len()).map(|cut| {
            let mut inflater = Inflater::new(History::Nothing);
            inflater.decompress(&packed[..cut], &mut [0; 64]).unwrap();
            inflater.sync()
        });
        // Where the marker happens to fit the cut, there is nothing to notice.
        let noticed = outcomes.filter_map(Result::err).inspect(|error| assert_eq!(error.exit, Exit::STREAM));
        assert!(noticed.filter(|error| error.text == b"decompressor lost sync!").count() > 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Literals and blocks in turn, two files through the same state; one inflater gets dictionaries, the other
        /// stored blocks.
        #[test]
        fn history_is_the_same_on_all_sides(
            words in proptest::collection::vec(0usize..200, 1..40),
            level in 0i32..10,
        ) {
            let source: Vec<u8> = (0..60_000usize).map(|i| b"etaoin shrdlu"[i * i / 7 % 13] ^ (i / 900) as u8).collect();
            let mut deflater = Deflater::new(level, History::Blocks);
            let mut inflater = Inflater::new(History::Blocks);
            let mut other = Inflater::new(History::Blocks);
            for _file in 0..2 {
                for (turn, &word) in words.iter().enumerate() {
                    let piece = &source[word * 40..word * 40 + word * word + 1];
                    if turn % 3 == 0 {
                        deflater.insert(piece).unwrap();
                        inflater.insert(piece).unwrap();
                        insert_stored(&mut other, piece);
                    } else {
                        let mut packed = Vec::new();
                        deflater.compress(&piece[..piece.len() / 2], &mut packed).unwrap();
                        deflater.compress(&piece[piece.len() / 2..], &mut packed).unwrap();
                        deflater.flush(&mut packed).unwrap();
                        inflate_all(&mut inflater, &packed, piece);
                        inflate_all(&mut other, &packed, piece);
                    }
                }
                deflater.reset();
                inflater.reset();
                other.reset();
            }
        }
    }
}
