//! Writing tokens.

use super::{
    BLOCK_MAX, FLAG_DATA, FLAG_END, FLAG_LONG, FLAG_REL, FLAG_RUN_LONG, FLAG_RUN_REL, FLAG_VALUE, RUN_BLOCKS_MAX, Sink,
    TokenFormat,
};
use crate::limits::{COMPRESSED_BYTES_MAX, LITERAL_BYTES};
use crate::wire::compress::deflate::Deflater;
use crate::wire::compress::lz4::{INPUT_BYTES_MAX, Lz4Packer};
use crate::wire::compress::{Codecs, Compressor, ZstdEncoder};
use crate::{Error, Exit, Fault};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The sender's half of the token stream, for all files of a session, one after the other.
pub struct TokenEncoder {
    codec: Codec,
    run: Option<Run>,
    /// The last block written: what relative tokens count from.
    last: u32,
    /// Whether literals have entered the codec since its last flush.
    unflushed: bool,
    /// Compressed bytes (lz4: literals) that do not fill a record yet.
    buffer: Vec<u8>,
}

enum Codec {
    Plain,
    Deflate(Box<Deflater>),
    Lz4(Lz4Packer),
    Zstd(Box<dyn ZstdEncoder>),
}

#[derive(Clone, Copy)]
struct Run {
    first: u32,
    count: u32,
}

impl TokenEncoder {
    /// An encoder for this format. Fails if it needs a codec that the host does not have.
    pub fn new(format: &TokenFormat, codecs: &Codecs) -> Result<TokenEncoder, Error> {
        let codec = match format.compressor {
            _ if format.is_plain() => Codec::Plain,
            Compressor::None => Codec::Plain,
            Compressor::Zlib | Compressor::Zlibx => {
                Codec::Deflate(Box::new(Deflater::new(format.deflate_level(), format.history())))
            }
            Compressor::Lz4 => Codec::Lz4(Lz4Packer::default()),
            Compressor::Zstd => {
                let factory = codecs.zstd.ok_or_else(no_zstd)?;
                Codec::Zstd((factory.encoder)(format.zstd_settings())?)
            }
        };
        Ok(TokenEncoder { codec, run: None, last: 0, unflushed: false, buffer: Vec::new() })
    }

    /// Whether [`TokenEncoder::plain_literal`] can be used.
    pub fn is_plain(&self) -> bool {
        matches!(self.codec, Codec::Plain)
    }

    /// Whether the owner must hand the data of each block to [`TokenEncoder::matched`].
    pub fn needs_matched(&self) -> bool {
        matches!(&self.codec, Codec::Deflate(deflater) if deflater.wants_history())
    }

    /// In the plain format: announces a literal of `len` bytes (1 to [`LITERAL_BYTES`]) that the owner then writes itself.
    pub fn plain_literal(&mut self, len: u32, out: &mut impl Sink) {
        out.put(&len.to_le_bytes());
    }

    /// Bytes that the receiver does not have.
    pub fn literal(&mut self, bytes: &[u8], out: &mut impl Sink) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.finish_run(out);
        self.unflushed = true;
        match &mut self.codec {
            Codec::Plain => {
                for piece in bytes.chunks(LITERAL_BYTES) {
                    out.put(&(piece.len() as u32).to_le_bytes());
                    out.put(piece);
                }
            }
            Codec::Deflate(deflater) => {
                // Pieces, so that the buffer does not grow with the literal.
                for piece in bytes.chunks(LITERAL_BYTES) {
                    deflater.compress(piece, &mut self.buffer)?;
                    put_full_records(&mut self.buffer, out);
                }
            }
            Codec::Zstd(encoder) => {
                for piece in bytes.chunks(LITERAL_BYTES) {
                    encoder.compress(piece, false, &mut self.buffer)?;
                    put_full_records(&mut self.buffer, out);
                }
            }
            Codec::Lz4(packer) => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(INPUT_BYTES_MAX - self.buffer.len()));
                    self.buffer.extend_from_slice(now);
                    if self.buffer.len() == INPUT_BYTES_MAX {
                        packer.pack(&self.buffer, &mut |record| put_record(record, out))?;
                        self.buffer.clear();
                    }
                    rest = later;
                }
            }
        }
        Ok(())
    }

    /// A block that the receiver has.
    pub fn block(&mut self, index: u32, out: &mut impl Sink) -> Result<(), Error> {
        let index = index.min(BLOCK_MAX);
        if let Codec::Plain = self.codec {
            // -(index + 1) in two's complement.
            out.put(&(!index).to_le_bytes());
            return Ok(());
        }
        self.finish_literal(out)?;
        match &mut self.run {
            Some(run) if index == run.first + run.count && run.count < RUN_BLOCKS_MAX => run.count += 1,
            _ => {
                self.finish_run(out);
                self.run = Some(Run { first: index, count: 1 });
            }
        }
        Ok(())
    }

    /// The data of the block last given to [`TokenEncoder::block`], whole.
    pub fn matched(&mut self, block: &[u8]) -> Result<(), Error> {
        match &mut self.codec {
            Codec::Deflate(deflater) => deflater.insert(block),
            _ => Ok(()),
        }
    }

    /// The file is complete.
    pub fn end(&mut self, out: &mut impl Sink) -> Result<(), Error> {
        if let Codec::Plain = self.codec {
            out.put(&0u32.to_le_bytes());
            return Ok(());
        }
        self.finish_literal(out)?;
        self.finish_run(out);
        out.put(&[FLAG_END]);
        self.last = 0;
        if let Codec::Deflate(deflater) = &mut self.codec {
            deflater.reset();
        }
        Ok(())
    }

    fn finish_run(&mut self, out: &mut impl Sink) {
        let Some(Run { first, count }) = self.run.take() else {
            return;
        };
        let relative = first.checked_sub(self.last).filter(|&r| r <= u32::from(FLAG_VALUE)).map(|r| r as u8);
        match (relative, count) {
            (Some(r), 1) => out.put(&[FLAG_REL | r]),
            (Some(r), _) => out.put(&[FLAG_RUN_REL | r]),
            (None, 1) => out.put(&[FLAG_LONG]),
            (None, _) => out.put(&[FLAG_RUN_LONG]),
        }
        if relative.is_none() {
            out.put(&first.to_le_bytes());
        }
        let more = count - 1;
        if more > 0 {
            out.put(&(more as u16).to_le_bytes());
        }
        self.last = first + more;
    }

    fn finish_literal(&mut self, out: &mut impl Sink) -> Result<(), Error> {
        if !core::mem::take(&mut self.unflushed) {
            return Ok(());
        }
        match &mut self.codec {
            Codec::Plain => {}
            Codec::Deflate(deflater) => deflater.flush(&mut self.buffer)?,
            Codec::Zstd(encoder) => encoder.compress(&[], true, &mut self.buffer)?,
            Codec::Lz4(packer) => {
                packer.pack(&self.buffer, &mut |record| put_record(record, out))?;
                self.buffer.clear();
            }
        }
        put_full_records(&mut self.buffer, out);
        if !self.buffer.is_empty() {
            put_record(&self.buffer, out);
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Writes a record of 1 to [`COMPRESSED_BYTES_MAX`] bytes.
fn put_record(record: &[u8], out: &mut impl Sink) {
    let [low, high, ..] = (record.len() as u32).to_le_bytes();
    out.put(&[FLAG_DATA | high, low]);
    out.put(record);
}

/// Writes what fills records, and keeps the rest.
fn put_full_records(buffer: &mut Vec<u8>, out: &mut impl Sink) {
    let records = buffer.chunks_exact(COMPRESSED_BYTES_MAX);
    let left = records.remainder().len();
    let done = buffer.len() - left;
    records.for_each(|record| put_record(record, out));
    buffer.copy_within(done.., 0);
    buffer.truncate(left);
}

/// The error for a session that agreed on zstd with a host that has none.
pub(super) fn no_zstd() -> Error {
    Error::new(Fault::Usage, Exit::UNSUPPORTED, "zstd is not available here")
}
