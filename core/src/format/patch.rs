//! Applying a delta.

use super::small::{Small, little};
use super::{CHECK_BYTES, DELTA_MAGIC, Format, FormatError, VERSION, algorithm_of, librsync};
use crate::checksum::{Algorithm, Digest};

/// Bytes of the longest number in a delta of our own format.
const NUMBER_BYTES_MAX: usize = 10;

/// What the caller knows and allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchLimits {
    /// The length of the basis.
    pub basis_bytes: u64,
    /// The longest new file that is welcome.
    pub output_max: u64,
}

/// What comes next in the new file.
#[derive(Debug, PartialEq, Eq)]
pub enum PatchStep<'a> {
    /// Nothing without more of the delta.
    More,
    /// Write these bytes.
    Write(&'a [u8]),
    /// Read `len` bytes of the basis at `from`, write them, and hand them to [`Patcher::copied`], in order, in pieces of
    /// any size, before the next step.
    Copy {
        /// Where in the basis.
        from: u64,
        /// How many bytes.
        len: u64,
    },
    /// The new file is complete and verified, as far as the format allows.
    Done,
}

/// Applies a delta that arrives in pieces. Nothing of it is kept: literals are lent from the caller's own piece.
///
/// What was written is to be thrown away unless [`Patcher::finish`] says that all is well.
#[derive(Debug)]
pub struct Patcher {
    state: State,
    small: Small,
    limits: PatchLimits,
    format: Format,
    algorithm: Algorithm,
    check: Option<Digest>,
    /// The command of the literal that is being read, and how long that is: the check has it behind the literal.
    held: ([u8; NUMBER_BYTES_MAX], usize),
    digest: Option<Digest>,
    read_bytes: u64,
    output_bytes: u64,
    copied_to: u64,
    owed: u64,
    is_wrong: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Magic,
    Head,
    Basis,
    /// A number of our own format, so far, with so many bits.
    Command(u64, u32),
    /// The place of a copy of this length.
    Place(u64, u64, u32),
    LibrsyncCommand,
    LibrsyncLiteral(usize),
    LibrsyncCopy(usize, usize),
    Literal(u64),
    Output,
    Check,
    Done,
}

impl Patcher {
    /// Begins to apply a delta.
    pub fn new(limits: PatchLimits) -> Patcher {
        Patcher {
            state: State::Magic,
            small: Small::new(),
            limits,
            format: Format::Syncline,
            algorithm: Algorithm::None,
            check: Some(Digest::list(Algorithm::Xxh3)),
            held: ([0; NUMBER_BYTES_MAX], 0),
            digest: None,
            read_bytes: 0,
            output_bytes: 0,
            copied_to: 0,
            owed: 0,
            is_wrong: false,
        }
    }

    /// Goes on with `piece`, and moves its front behind what was taken.
    pub fn step<'a>(&mut self, piece: &mut &'a [u8]) -> Result<PatchStep<'a>, FormatError> {
        if self.owed > 0 {
            return Err(FormatError::Usage { what: "the bytes of a copy are owed before the next step" });
        }
        loop {
            let (before, state) = (*piece, self.state);
            let step = self.read(piece)?;
            let taken = &before[..before.len() - piece.len()];
            self.read_bytes += taken.len() as u64;
            self.add_to_check(state, taken);
            match step {
                Some(PatchStep::Write(bytes)) => {
                    if let Some(digest) = &mut self.digest {
                        digest.update(bytes);
                    }
                    return Ok(PatchStep::Write(bytes));
                }
                Some(step) => return Ok(step),
                None => {}
            }
        }
    }

    /// Adds what was read in a state to the check.
    fn add_to_check(&mut self, state: State, taken: &[u8]) {
        let Some(check) = self.check.as_mut().filter(|_| state != State::Check) else { return };
        let (held, len) = &mut self.held;
        let is_over = if let State::Command(..) = state {
            let now = taken.len().min(held.len() - *len);
            held[*len..*len + now].copy_from_slice(&taken[..now]);
            *len += now;
            !matches!(self.state, State::Command(..) | State::Literal(_))
        } else {
            check.update(taken);
            !matches!(self.state, State::Literal(_))
        };
        if is_over {
            check.update(&held[..core::mem::take(len)]);
        }
    }

    /// Takes bytes of the basis that a copy asked for.
    pub fn copied(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let rest = self.owed.checked_sub(bytes.len() as u64);
        self.owed = rest.ok_or(FormatError::Usage { what: "more bytes were copied than asked for" })?;
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(())
    }

    /// The length of the new file so far.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// The delta is at its end: whether the new file is what it shall be.
    pub fn finish(&self) -> Result<(), FormatError> {
        if self.state == State::Done && self.owed == 0 {
            return Ok(());
        }
        Err(FormatError::Truncated { wanted: "delta", bytes: self.read_bytes })
    }

    /// Reads one field; `None` if there is nothing for the caller to do.
    fn read<'a>(&mut self, piece: &mut &'a [u8]) -> Result<Option<PatchStep<'a>>, FormatError> {
        let more = Ok(Some(PatchStep::More));
        match self.state {
            State::Magic => {
                let Some(bytes) = self.small.fill(piece, 4) else { return more };
                let mut found = [0; 4];
                found.copy_from_slice(bytes);
                self.take_magic(found)?;
            }
            State::Head => {
                let Some(bytes) = self.small.fill(piece, 12) else { return more };
                let mut head = [0; 12];
                head.copy_from_slice(bytes);
                self.take_head(head)?;
            }
            State::Basis => {
                // Who wants to be sure before anything is written compares this digest; here the new file's decides.
                let Some(_) = self.small.fill(piece, self.algorithm.digest_bytes()) else { return more };
                self.state = State::Command(0, 0);
            }
            State::Command(so_far, bits) => match take_number(piece, so_far, bits)? {
                Number::More(so_far, bits) => {
                    self.state = State::Command(so_far, bits);
                    return more;
                }
                Number::Whole(0) => self.state = State::Output,
                Number::Whole(command) if command & 1 == 0 => self.begin_literal(command >> 1)?,
                Number::Whole(command) => self.state = State::Place(command >> 1, 0, 0),
            },
            State::Place(len, so_far, bits) => match take_number(piece, so_far, bits)? {
                Number::More(so_far, bits) => {
                    self.state = State::Place(len, so_far, bits);
                    return more;
                }
                Number::Whole(number) => {
                    let distance = (number >> 1) as i64 ^ -((number & 1) as i64);
                    self.state = State::Command(0, 0);
                    return self.copy(self.copied_to.wrapping_add_signed(distance), len).map(Some);
                }
            },
            State::LibrsyncCommand => {
                let Some(bytes) = self.small.fill(piece, 1) else { return more };
                let command = librsync::command(bytes[0]);
                match command.ok_or(FormatError::Malformed { what: "an unknown command in the delta" })? {
                    librsync::Command::End => self.state = State::Done,
                    librsync::Command::Short(len) => self.begin_literal(len)?,
                    librsync::Command::Literal(width) => self.state = State::LibrsyncLiteral(width),
                    librsync::Command::Copy(wide, long) => self.state = State::LibrsyncCopy(wide, long),
                }
            }
            State::LibrsyncLiteral(width) => {
                let Some(bytes) = self.small.fill(piece, width) else { return more };
                let len = librsync::number(bytes);
                self.begin_literal(len)?;
            }
            State::LibrsyncCopy(wide, long) => {
                let Some(bytes) = self.small.fill(piece, wide + long) else { return more };
                let (from, len) = bytes.split_at(wide);
                let (from, len) = (librsync::number(from), librsync::number(len));
                self.state = State::LibrsyncCommand;
                return self.copy(from, len).map(Some);
            }
            State::Literal(left) => {
                if piece.is_empty() {
                    return more;
                }
                let (now, rest) = piece.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(piece.len()));
                *piece = rest;
                self.literal_left(left - now.len() as u64);
                return Ok(Some(PatchStep::Write(now)));
            }
            State::Output => {
                let Some(bytes) = self.small.fill(piece, 8 + self.algorithm.digest_bytes()) else { return more };
                let (len, wanted) = bytes.split_at(8);
                let digest = self.digest.take().map(Digest::finish);
                self.is_wrong =
                    little(len) != self.output_bytes || digest.is_none_or(|digest| digest.as_bytes() != wanted);
                self.state = State::Check;
            }
            State::Check => {
                let Some(bytes) = self.small.fill(piece, CHECK_BYTES) else { return more };
                let check = self.check.take().map(Digest::finish);
                if check.is_none_or(|check| check.as_bytes() != bytes) {
                    return Err(FormatError::Damaged { what: "delta" });
                }
                if self.is_wrong {
                    return Err(FormatError::WrongBasis { wanted: None, found: None });
                }
                self.state = State::Done;
            }
            State::Done if piece.is_empty() => return Ok(Some(PatchStep::Done)),
            State::Done => return Err(FormatError::Malformed { what: "something follows the delta's end" }),
        }
        Ok(None)
    }

    fn take_magic(&mut self, found: [u8; 4]) -> Result<(), FormatError> {
        if found == DELTA_MAGIC {
            self.state = State::Head;
        } else if u32::from_be_bytes(found) == librsync::DELTA_MAGIC {
            self.format = Format::Librsync;
            self.check = None;
            self.state = State::LibrsyncCommand;
        } else {
            return Err(FormatError::WrongMagic { wanted: "delta", found });
        }
        Ok(())
    }

    fn take_head(&mut self, head: [u8; 12]) -> Result<(), FormatError> {
        let [version, number, zero, zero2, bytes @ ..] = head;
        if version != VERSION {
            return Err(FormatError::UnknownVersion { version });
        }
        self.algorithm = algorithm_of(number)?;
        if (zero, zero2) != (0, 0) {
            return Err(FormatError::Malformed { what: "a byte of the delta's head that must be 0 is not" });
        }
        let (wanted, found) = (little(&bytes), self.limits.basis_bytes);
        if wanted != found {
            return Err(FormatError::WrongBasis { wanted: Some(wanted), found: Some(found) });
        }
        self.digest = Some(Digest::list(self.algorithm));
        self.state = State::Basis;
        Ok(())
    }

    fn begin_literal(&mut self, len: u64) -> Result<(), FormatError> {
        self.grow(len)?;
        self.literal_left(len);
        Ok(())
    }

    fn literal_left(&mut self, left: u64) {
        self.state = match self.format {
            _ if left > 0 => State::Literal(left),
            Format::Syncline => State::Command(0, 0),
            Format::Librsync => State::LibrsyncCommand,
        };
    }

    fn copy(&mut self, from: u64, len: u64) -> Result<PatchStep<'static>, FormatError> {
        let found = self.limits.basis_bytes;
        let end = from.checked_add(len);
        match (end, self.format) {
            (Some(end), _) if end <= found && len > 0 => {}
            (Some(end), Format::Librsync) if len > 0 => {
                return Err(FormatError::WrongBasis { wanted: Some(end), found: Some(found) });
            }
            _ => return Err(FormatError::Malformed { what: "a copy that lies outside the basis" }),
        }
        self.grow(len)?;
        self.copied_to = from + len;
        self.owed = len;
        Ok(PatchStep::Copy { from, len })
    }

    fn grow(&mut self, len: u64) -> Result<(), FormatError> {
        let bytes = self.output_bytes.checked_add(len).filter(|&bytes| bytes <= self.limits.output_max);
        self.output_bytes = bytes.ok_or(FormatError::Output { max: self.limits.output_max })?;
        Ok(())
    }
}

enum Number {
    More(u64, u32),
    Whole(u64),
}

/// Goes on with a number of which `bits` bits are there.
fn take_number(piece: &mut &[u8], mut so_far: u64, mut bits: u32) -> Result<Number, FormatError> {
    while let Some((&byte, rest)) = piece.split_first() {
        *piece = rest;
        let part = u64::from(byte & 0x7f);
        if bits >= 64 || part << bits >> bits != part {
            return Err(FormatError::Malformed { what: "a number in the delta that has more than 64 bits" });
        }
        so_far |= part << bits;
        bits += 7;
        if byte & 0x80 == 0 {
            return Ok(Number::Whole(so_far));
        }
    }
    Ok(Number::More(so_far, bits))
}
