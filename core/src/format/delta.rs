//! Writing a delta.

use super::outlet::Outlet;
use super::read::BasisSignature;
use super::{DELTA_MAGIC, Format, FormatError, VERSION, librsync, number_of};
use crate::checksum::{Algorithm, Digest};
use crate::delta::{Found, ScanFn, Search, SearchOptions, SumHead, Tally, scan_for};
use alloc::vec::Vec;

/// A literal is closed when it is this long, so that memory stays bounded.
const LITERAL_BYTES_MAX: usize = 1 << 20;
/// Longest command of a literal of that length.
const LITERAL_ROOM: usize = 5;

/// How a delta is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeltaOptions {
    /// The kind of file.
    pub format: Format,
    /// A scan of the host's that is faster than the portable one, for the weak sum of the signature.
    pub scan: Option<ScanFn>,
}

/// Finds what a new file, that arrives in pieces, has in common with a basis.
///
/// After each piece take the output: it is about as long as what is new.
#[derive(Debug)]
pub struct DeltaWriter {
    search: Search,
    head: SumHead,
    commands: Commands,
    is_finished: bool,
}

impl DeltaWriter {
    /// Begins a delta against a signature. A signature of librsync's format doesn't say which basis it is of, so that there
    /// can only be a delta of that format.
    pub fn new(basis: BasisSignature, options: DeltaOptions) -> Result<DeltaWriter, FormatError> {
        let BasisSignature { signature, strong, weak, basis, .. } = basis;
        let head = signature.head;
        let mut commands = Commands { format: options.format, ..Commands::default() };
        let search_options = SearchOptions {
            digest: (options.format == Format::Syncline).then(|| Digest::list(strong.algorithm)),
            weak,
            last_is_unknown: basis.is_none(),
            wants_runs: true,
            ..SearchOptions::default()
        };
        if options.format == Format::Librsync {
            commands.put(&librsync::DELTA_MAGIC.to_be_bytes());
        } else {
            let Some(id) = basis else {
                let what =
                    "a signature of librsync's format does not say which basis it is of: ask for a librsync delta";
                return Err(FormatError::Usage { what });
            };
            let number = number_of(strong.algorithm);
            let number = number.ok_or(FormatError::Usage { what: "this format has no such algorithm" })?;
            commands.check = Some(Digest::list(Algorithm::Xxh3));
            commands.put(&DELTA_MAGIC);
            commands.put(&[VERSION, number, 0, 0]);
            commands.put(&id.bytes.to_le_bytes());
            commands.put(id.digest.as_bytes());
        }
        let scan = options.scan.unwrap_or_else(|| scan_for(weak));
        let search = Search::with_scan(signature, strong, search_options, scan);
        Ok(DeltaWriter { search, head, commands, is_finished: false })
    }

    /// What is written so far and not consumed.
    pub fn output(&self) -> &[u8] {
        self.commands.out.ready()
    }

    /// `len` bytes of the output were taken.
    pub fn consume(&mut self, len: usize) {
        self.commands.out.consume(len);
    }

    /// What was found so far.
    pub fn tally(&self) -> Tally {
        self.search.tally()
    }

    /// Takes the next piece of the new file.
    pub fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let space = self.search.space(piece.len());
            let (now, rest) = piece.split_at(space.len().min(piece.len()));
            space[..now.len()].copy_from_slice(now);
            let len = now.len();
            self.search.filled(len);
            piece = rest;
            self.run();
        }
    }

    /// Room for the next piece, for callers that can read right into it: say with [`DeltaWriter::filled`] how much.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        self.search.space(want)
    }

    /// `len` bytes were put into what [`DeltaWriter::space`] lent.
    pub fn filled(&mut self, len: usize) {
        self.search.filled(len);
        self.run();
    }

    /// The new file is at its end.
    pub fn finish(&mut self) {
        if core::mem::replace(&mut self.is_finished, true) {
            return;
        }
        self.search.end();
        self.run();
        self.commands.end();
        let Some(digest) = self.search.take_digest() else { return };
        let tally = self.search.tally();
        self.commands.put(&(tally.literal_bytes + tally.matched_bytes).to_le_bytes());
        self.commands.put(digest.as_bytes());
        if let Some(check) = self.commands.check.take() {
            self.commands.put(check.finish().as_bytes());
        }
    }

    fn run(&mut self) {
        loop {
            match self.search.next() {
                Found::Literal(bytes) => self.commands.literal(bytes),
                Found::Block(block) => {
                    let from = self.head.block_offset(block);
                    let len = self.search.block_data(block).len() as u64;
                    self.commands.copy(from, len);
                }
                Found::More | Found::End => return,
            }
        }
    }
}

/// Commands in the making: a literal that may grow, or a copy that may.
#[derive(Debug, Default)]
struct Commands {
    format: Format,
    out: Outlet,
    check: Option<Digest>,
    copy: Option<(u64, u64)>,
    /// Where the copy before ended.
    copied_to: u64,
}

impl Commands {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(check) = &mut self.check {
            check.update(bytes);
        }
        self.out.bytes().extend_from_slice(bytes);
    }

    fn literal(&mut self, bytes: &[u8]) {
        self.close_copy();
        if self.out.grow(LITERAL_ROOM, bytes) >= LITERAL_BYTES_MAX {
            self.close_literal();
        }
    }

    fn copy(&mut self, from: u64, len: u64) {
        self.close_literal();
        match &mut self.copy {
            Some((start, so_far)) if *start + *so_far == from => *so_far += len,
            _ => {
                self.close_copy();
                self.copy = Some((from, len));
            }
        }
    }

    fn end(&mut self) {
        self.close_copy();
        self.close_literal();
        self.put(&[0]);
    }

    fn close_literal(&mut self) {
        let closed = match self.format {
            Format::Syncline => self.out.close(|len, out| put_number(len << 1, out)),
            Format::Librsync => self.out.close(librsync::put_literal),
        };
        if let Some(check) = &mut self.check {
            check.update(closed);
        }
    }

    fn close_copy(&mut self) {
        let Some((from, len)) = self.copy.take() else { return };
        let mut command = Vec::new();
        match self.format {
            Format::Syncline => {
                put_number(len << 1 | 1, &mut command);
                let distance = from.wrapping_sub(self.copied_to) as i64;
                put_number((distance << 1 ^ distance >> 63) as u64, &mut command);
                self.copied_to = from + len;
            }
            Format::Librsync => librsync::put_copy(from, len, &mut command),
        }
        self.put(&command);
    }
}

/// Seven bits a byte, the lowest first; all but the last byte have the top bit.
fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
