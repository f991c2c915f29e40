//! Writing a delta.

use super::outlet::Outlet;
use super::read::BasisSignature;
use super::{DELTA_MAGIC, Format, FormatError, VERSION, librsync, number_of};
use crate::checksum::{Algorithm, Digest, Md4Many};
use crate::delta::{Found, ScanFn, Search, SearchOptions, SumHead, Tally, scan_for};
use alloc::vec::Vec;

/// What is held of a literal: when it is this long it is closed, or let go of where its command can be put in later.
const LITERAL_BYTES_HELD: usize = 1 << 20;
/// Bytes of the command of such a literal, and of any that is let go of.
const LITERAL_ROOM: usize = 5;
/// What a command of so many bytes can say in both formats.
const LITERAL_BYTES_MAX: u64 = u32::MAX as u64;

/// How a delta is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeltaOptions {
    /// The kind of file.
    pub format: Format,
    /// A scan of the host's that is faster than the portable one, for the weak sum of the signature.
    pub scan: Option<ScanFn>,
    /// MD4 of several blocks, if the host has one that is faster than the portable one.
    pub md4: Option<Md4Many>,
    /// The output can be written to where it was written already, as a file can, and [`DeltaWriter::correction`] is asked for
    /// what to overwrite. So long literals have one command each, where otherwise every mebibyte has one of five bytes.
    pub corrects: bool,
}

/// Bytes of the output that were not known yet when they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Where they stand, from the first byte of the output on.
    pub at: u64,
    /// What to write there.
    pub bytes: [u8; LITERAL_ROOM],
}

/// Finds what a new file, that arrives in pieces, has in common with a basis.
///
/// After each piece take the output: it is about as long as what is new. However long the new file is, what is held of it is a
/// literal of a mebibyte at most, and the window of the search: that is a mebibyte, or four blocks if they are longer.
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
        let mut commands = Commands { format: options.format, corrects: options.corrects, ..Commands::default() };
        let search_options = SearchOptions {
            digest: (options.format == Format::Syncline).then(|| Digest::list(strong.algorithm)),
            weak,
            last_is_unknown: basis.is_none(),
            wants_runs: true,
            md4: options.md4,
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

    /// What of the output that was taken is to be overwritten, once each; `None` unless the options say that this is possible.
    /// To be asked for whenever output was taken, and after the end.
    pub fn correction(&mut self) -> Option<Correction> {
        self.commands.corrections.pop()
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
    /// Covers everything, but a literal's command behind its bytes: only then it is known.
    check: Option<Digest>,
    copy: Option<(u64, u64)>,
    /// Where the copy before ended.
    copied_to: u64,
    corrects: bool,
    /// A literal that was let go of: where its command goes, and its length so far.
    long: Option<(u64, u64)>,
    corrections: Vec<Correction>,
}

impl Commands {
    fn put(&mut self, bytes: &[u8]) {
        self.add_to_check(bytes);
        self.out.bytes().extend_from_slice(bytes);
    }

    fn add_to_check(&mut self, bytes: &[u8]) {
        if let Some(check) = &mut self.check {
            check.update(bytes);
        }
    }

    fn literal(&mut self, bytes: &[u8]) {
        self.close_copy();
        if let Some((_, len)) = &mut self.long
            && *len + bytes.len() as u64 <= LITERAL_BYTES_MAX
        {
            *len += bytes.len() as u64;
            return self.put(bytes);
        }
        self.close_long();
        // As much room as the command of a literal of that length takes, so that it need not be moved.
        let room = if self.format == Format::Syncline && !self.corrects { LITERAL_ROOM - 1 } else { LITERAL_ROOM };
        if self.out.grow(room, bytes) < LITERAL_BYTES_HELD {
            return;
        }
        if !self.corrects {
            return self.close_literal();
        }
        if let Some((at, literal)) = self.out.let_go() {
            self.long = Some((at, literal.len() as u64));
            if let Some(check) = &mut self.check {
                check.update(literal);
            }
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
        self.close_long();
        let closed = match self.format {
            Format::Syncline => self.out.close(|len, out| put_number(len << 1, out)),
            Format::Librsync => self.out.close(librsync::put_literal),
        };
        if let (Some(check), Some((command, literal))) = (&mut self.check, closed) {
            check.update(literal);
            check.update(command);
        }
    }

    fn close_long(&mut self) {
        let Some((at, len)) = self.long.take() else { return };
        let bytes = match self.format {
            Format::Syncline => long_number(len << 1),
            Format::Librsync => librsync::long_literal(len as u32),
        };
        self.add_to_check(&bytes);
        if !self.out.put_in(at, &bytes) {
            self.corrections.push(Correction { at, bytes });
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

/// A number below 2^35 in five bytes, however small it is.
fn long_number(number: u64) -> [u8; LITERAL_ROOM] {
    core::array::from_fn(|k| (number >> (7 * k)) as u8 & 0x7f | if k + 1 < LITERAL_ROOM { 0x80 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{PatchLimits, PatchStep, Patcher};

    fn commands(format: Format) -> Commands {
        let mut commands = Commands { format, corrects: true, ..Commands::default() };
        commands.put(&librsync::DELTA_MAGIC.to_be_bytes());
        commands
    }

    /// The lengths that the literals of a delta of librsync's format have.
    fn literals(mut delta: &[u8]) -> Vec<usize> {
        let mut patcher = Patcher::new(PatchLimits { basis_bytes: 0, output_max: u64::MAX });
        let mut lengths = Vec::new();
        while let Ok(PatchStep::Write(bytes)) = patcher.step(&mut delta) {
            lengths.push(bytes.len());
        }
        patcher.finish().unwrap();
        lengths
    }

    #[test]
    fn a_literal_that_gets_too_long_for_its_command_is_followed_by_another() {
        let mut commands = commands(Format::Librsync);
        commands.literal(&[1; LITERAL_BYTES_HELD]);
        commands.long = commands.long.map(|(at, _)| (at, LITERAL_BYTES_MAX - 10));
        commands.literal(&[2; 10]);
        assert!(commands.long.is_some_and(|(_, len)| len == LITERAL_BYTES_MAX));
        commands.literal(&[3; 7]);
        assert_eq!(commands.long, None);
        commands.end();
        let out = commands.out.ready();
        assert_eq!(out[4..9], [0x43, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(out[9 + LITERAL_BYTES_HELD + 10..], [7, 3, 3, 3, 3, 3, 3, 3, 0]);
    }

    #[test]
    fn commands_that_were_taken_are_corrected_and_others_put_in() {
        for taken in [0, 3, 4, 5, 8, 9, 50] {
            let mut commands = commands(Format::Librsync);
            commands.literal(&[1; LITERAL_BYTES_HELD]);
            commands.literal(&[2; 1000]);
            let mut file = commands.out.ready()[..taken].to_vec();
            commands.out.consume(taken);
            commands.end();
            file.extend_from_slice(commands.out.ready());
            let correction = commands.corrections.pop();
            assert_eq!(correction.is_some(), taken > 4, "{taken}");
            if let Some(Correction { at, bytes }) = correction {
                file[at as usize..][..bytes.len()].copy_from_slice(&bytes);
            }
            assert_eq!(literals(&file), [LITERAL_BYTES_HELD + 1000], "{taken}");
        }
    }

    #[test]
    fn long_numbers_are_numbers() {
        for number in [0, 1, 127, 128, 1 << 21, (1 << 33) - 2, (1 << 35) - 1] {
            let long = long_number(number);
            let back = long.iter().rev().fold(0, |sum, &byte| sum << 7 | u64::from(byte & 0x7f));
            assert_eq!((back, long[4] & 0x80), (number, 0));
        }
    }
}
