//! Reading tokens.

use super::encode::no_zstd;
use super::{
    BLOCK_MAX, FLAG_DATA, FLAG_END, FLAG_KIND, FLAG_REL, FLAG_RUN_LONG, FLAG_RUN_REL, FLAG_VALUE, Token, TokenFormat,
};
use crate::limits::LITERAL_BYTES;
use crate::wire::compress::deflate::{Inflater, inflate_error};
use crate::wire::compress::{Codecs, Compressor, Progress, ZstdDecoder, lz4};
use crate::wire::{Inbox, Reader, Stop};
use crate::{Error, Exit};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The receiver's half of the token stream, for all files of a session, one after the other.
pub struct TokenDecoder {
    codec: Codec,
    /// Plain: bytes of the literal that are still to come. Compressed: bytes of the record.
    left: usize,
    /// Whether the last output filled the buffer, so that more may come without input.
    more: bool,
    /// Whether records came since the last token.
    unsynced: bool,
    /// The last block of a token: what relative ones count from.
    last: u32,
    /// Part of an lz4 record that came in pieces.
    record: Vec<u8>,
}

enum Codec {
    Plain,
    Deflate(Box<Inflater>),
    Lz4,
    Zstd(Box<dyn ZstdDecoder>),
}

impl TokenDecoder {
    /// A decoder for this format. Fails if it needs a codec that the host does not have.
    pub fn new(format: &TokenFormat, codecs: &Codecs) -> Result<TokenDecoder, Error> {
        let codec = match format.compressor {
            _ if format.is_plain() => Codec::Plain,
            Compressor::None => Codec::Plain,
            Compressor::Zlib | Compressor::Zlibx => Codec::Deflate(Box::new(Inflater::new(format.history()))),
            Compressor::Lz4 => Codec::Lz4,
            Compressor::Zstd => Codec::Zstd((codecs.zstd.ok_or_else(no_zstd)?.decoder)()?),
        };
        Ok(TokenDecoder { codec, left: 0, more: false, unsynced: false, last: 0, record: Vec::new() })
    }

    /// Whether the owner must hand the data of each block to [`TokenDecoder::matched`].
    pub fn needs_matched(&self) -> bool {
        matches!(&self.codec, Codec::Deflate(inflater) if inflater.wants_history())
    }

    /// The data of one block of the last [`Token::Block`], whole; each of a run in turn.
    pub fn matched(&mut self, block: &[u8]) -> Result<(), Error> {
        match &mut self.codec {
            Codec::Deflate(inflater) => inflater.insert(block),
            _ => Ok(()),
        }
    }

    /// The next token at the front of the inbox, which it consumes; `None` if more has to arrive.
    pub fn poll<'a>(&mut self, inbox: &'a mut Inbox) -> Result<Option<Token<'a>>, Error> {
        /// A token without its borrow, so that the inbox can move on before the bytes are lent.
        enum Found {
            Literal(usize),
            Other(Token<'static>),
        }
        loop {
            let (data, scratch) = inbox.data_and_scratch();
            let (consumed, token) = self.next(data, scratch)?;
            let found = match token {
                Some(Token::Literal(bytes)) => Found::Literal(bytes.len()),
                Some(Token::Block { first, count }) => Found::Other(Token::Block { first, count }),
                Some(Token::End) => Found::Other(Token::End),
                None => {
                    inbox.consume(consumed);
                    // Consuming may have joined the next frame already.
                    if consumed > 0 || inbox.extend() {
                        continue;
                    }
                    return Ok(None);
                }
            };
            let plain = matches!(self.codec, Codec::Plain);
            return Ok(Some(match found {
                Found::Literal(length) if plain => Token::Literal(&inbox.take(consumed)[consumed - length..]),
                Found::Literal(length) => {
                    inbox.consume(consumed);
                    Token::Literal(&inbox.scratch()[..length])
                }
                Found::Other(token) => {
                    inbox.consume(consumed);
                    token
                }
            }));
        }
    }

    /// Takes from `data` up to the next token: how many bytes were used, and the token, if there was enough for one. A plain
    /// literal is lent from `data`, of which it is the end of the used part; others are decompressed into `scratch`.
    pub fn next<'a>(&mut self, data: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<(usize, Option<Token<'a>>), Error> {
        match self.codec {
            Codec::Plain => Ok(self.next_plain(data)),
            _ => {
                if scratch.len() < lz4::OUTPUT_BYTES_MAX {
                    scratch.resize(lz4::OUTPUT_BYTES_MAX, 0);
                }
                self.next_compressed(data, scratch)
            }
        }
    }

    fn next_plain<'a>(&mut self, data: &'a [u8]) -> (usize, Option<Token<'a>>) {
        let mut at = 0;
        if self.left == 0 {
            let Some(int) = data.first_chunk() else {
                return (0, None);
            };
            at = int.len();
            match i32::from_le_bytes(*int) {
                0 => return (at, Some(Token::End)),
                length @ 1.. => self.left = length as usize,
                // -(index + 1) in two's complement.
                block => {
                    return (at, Some(Token::Block { first: !block as u32, count: 1 }));
                }
            }
        }
        let literal = &data[at..data.len().min(at + self.left)];
        self.left -= literal.len();
        let token = if literal.is_empty() { None } else { Some(Token::Literal(literal)) };
        (at + literal.len(), token)
    }

    fn next_compressed<'a>(
        &mut self,
        data: &'a [u8],
        scratch: &'a mut [u8],
    ) -> Result<(usize, Option<Token<'a>>), Error> {
        let mut at = 0;
        loop {
            let rest = &data[at..];
            if self.left > 0 || self.more {
                let input = &rest[..rest.len().min(self.left)];
                if input.is_empty() && !self.more {
                    return Ok((at, None));
                }
                let Progress { consumed, produced } = self.decompress(input, scratch)?;
                if consumed == 0 && produced == 0 && !input.is_empty() {
                    return Err(Error::peer(Exit::STREAM, "decompressor lost sync!"));
                }
                at += consumed;
                self.left -= consumed;
                if produced > 0 {
                    return Ok((at, Some(Token::Literal(&scratch[..produced]))));
                }
                continue;
            }
            let mut reader = Reader::new(rest);
            match self.flag(&mut reader) {
                Ok(token) => {
                    at += reader.position();
                    if token.is_some() {
                        return Ok((at, token));
                    }
                }
                Err(Stop::Short) => return Ok((at, None)),
                Err(Stop::Bad(error)) => return Err(error),
            }
        }
    }

    /// Reads a flag and what belongs to it: a token, or the head of a record.
    fn flag(&mut self, reader: &mut Reader<'_>) -> Result<Option<Token<'static>>, Stop> {
        let flag = reader.u8()?;
        if flag & FLAG_KIND == FLAG_DATA {
            let length = usize::from(flag & FLAG_VALUE) << 8 | usize::from(reader.u8()?);
            if length == 0 && matches!(self.codec, Codec::Deflate(_)) {
                return Err(inflate_error(-5, 0).into());
            }
            self.left = length;
            self.unsynced = true;
            return Ok(None);
        }
        if core::mem::take(&mut self.unsynced)
            && let Codec::Deflate(inflater) = &mut self.codec
        {
            inflater.sync()?;
        }
        if flag == FLAG_END {
            self.last = 0;
            if let Codec::Deflate(inflater) = &mut self.codec {
                inflater.reset();
            }
            return Ok(Some(Token::End));
        }
        self.blocks(flag, reader).map(Some)
    }

    fn blocks(&mut self, flag: u8, reader: &mut Reader<'_>) -> Result<Token<'static>, Stop> {
        let first = match flag & FLAG_KIND {
            FLAG_REL | FLAG_RUN_REL => self.last.saturating_add(u32::from(flag & FLAG_VALUE)),
            // A negative number becomes too large a one.
            _ => reader.i32()? as u32,
        };
        let is_run = match flag & FLAG_KIND {
            FLAG_RUN_REL => true,
            FLAG_REL => false,
            // Stock looks at nothing but the lowest bit of the long forms.
            _ => flag & 1 == FLAG_RUN_LONG & 1,
        };
        let more = if is_run { u32::from(reader.u16()?) } else { 0 };
        let last = first.saturating_add(more);
        if (is_run && more == 0) || last > BLOCK_MAX {
            return Err(Error::peer(Exit::PROTOCOL, "invalid token number in compressed stream").into());
        }
        self.last = last;
        Ok(Token::Block { first, count: more + 1 })
    }

    fn decompress(&mut self, input: &[u8], scratch: &mut [u8]) -> Result<Progress, Error> {
        let output = match self.codec {
            Codec::Lz4 => &mut scratch[..lz4::OUTPUT_BYTES_MAX],
            _ => &mut scratch[..LITERAL_BYTES],
        };
        let progress = match &mut self.codec {
            Codec::Plain => Progress { consumed: 0, produced: 0 },
            Codec::Deflate(inflater) => inflater.decompress(input, output)?,
            Codec::Zstd(decoder) => decoder.decompress(input, output)?,
            Codec::Lz4 => return self.unpack(input, output),
        };
        let produced = progress.produced.min(output.len());
        self.more = produced == output.len();
        Ok(Progress { consumed: progress.consumed.min(input.len()), produced })
    }

    /// Lz4 needs the whole record at once.
    fn unpack(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Error> {
        let complete = input.len() == self.left;
        let produced = if complete && self.record.is_empty() {
            lz4::unpack(input, output)?
        } else {
            self.record.extend_from_slice(input);
            if complete { lz4::unpack(&self.record, output)? } else { 0 }
        };
        if complete {
            self.record.clear();
        }
        Ok(Progress { consumed: input.len(), produced })
    }
}
