//! Reading a signature of either format.

use super::small::{Small, little};
use super::{
    BasisId, CHECK_BYTES, Format, FormatError, GROUP_ENTRIES, SIGNATURE_MAGIC, VERSION, algorithm_of, librsync,
};
use crate::checksum::{Algorithm, Digest, DigestValue, Strong, WeakSum};
use crate::delta::{Signature, SumHead};

/// What a search holds per block, beside the strong sum.
const BLOCK_MEMORY_BYTES: u64 = 32;
/// Blocks that the window of a search has room for.
const WINDOW_BLOCKS: u64 = 4;
/// Most blocks that a signature may have.
const BLOCKS_MAX: u32 = i32::MAX as u32;

/// A signature in memory.
#[derive(Clone, Debug)]
pub struct BasisSignature {
    /// The kind of file it was.
    pub format: Format,
    /// The sums.
    pub signature: Signature,
    /// How the strong sums are made.
    pub strong: Strong,
    /// How the weak sums are made.
    pub weak: WeakSum,
    /// Which basis it was; librsync's format doesn't say.
    pub basis: Option<BasisId>,
}

impl BasisSignature {
    /// The most memory that a copy of it and a search with it take.
    pub fn search_bytes(&self) -> u64 {
        let sums = self.signature.weak.len() as u64 * 64 + self.signature.strong.len() as u64;
        sums + u64::from(self.signature.head.block_bytes) * WINDOW_BLOCKS
    }
}

/// Reads a signature that arrives in pieces.
#[derive(Debug)]
pub struct SignatureReader {
    state: State,
    small: Small,
    memory_max: u64,
    read_bytes: u64,
    check: Option<Digest>,
    loaded: BasisSignature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Magic,
    Head,
    LibrsyncHead,
    LibrsyncEntry,
    Group,
    /// This many entries are left of the group.
    Entries(usize),
    Basis,
    Check,
    Done,
}

impl SignatureReader {
    /// A reader that takes no more than `memory_max` bytes, and refuses signatures whose search would need more.
    pub fn new(memory_max: u64) -> SignatureReader {
        SignatureReader {
            state: State::Magic,
            small: Small::new(),
            memory_max,
            read_bytes: 0,
            check: Some(Digest::list(Algorithm::Xxh3)),
            loaded: BasisSignature {
                format: Format::Syncline,
                signature: Signature::without_sums(SumHead::NULL),
                strong: Strong { algorithm: Algorithm::Xxh128, seed: 0, seed_first: true },
                weak: WeakSum::Rsync,
                basis: None,
            },
        }
    }

    /// Takes the next piece of the file.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), FormatError> {
        self.read_bytes += piece.len() as u64;
        loop {
            let (before, state) = (piece, self.state);
            let went_on = self.read(&mut piece)?;
            if state != State::Check
                && let Some(check) = &mut self.check
            {
                check.update(&before[..before.len() - piece.len()]);
            }
            if !went_on {
                return Ok(());
            }
        }
    }

    /// The file is at its end: the signature.
    pub fn finish(mut self) -> Result<BasisSignature, FormatError> {
        let is_whole = match self.state {
            State::Done => true,
            State::LibrsyncEntry => self.entries_are_whole(),
            _ => false,
        };
        if !is_whole {
            return Err(FormatError::Truncated { wanted: "signature", bytes: self.read_bytes });
        }
        self.loaded.signature.head.count = self.loaded.signature.weak.len() as u32;
        Ok(self.loaded)
    }

    /// librsync's entries go on to the end of the file.
    fn entries_are_whole(&self) -> bool {
        let entry_bytes = self.loaded.signature.head.entry_bytes() as u64;
        (self.read_bytes - 12).is_multiple_of(entry_bytes)
    }

    /// Reads one field; false if it isn't complete.
    fn read(&mut self, piece: &mut &[u8]) -> Result<bool, FormatError> {
        match self.state {
            State::Magic => {
                let Some(bytes) = self.small.fill(piece, 4) else { return Ok(false) };
                let mut found = [0; 4];
                found.copy_from_slice(bytes);
                self.take_magic(found)?;
            }
            State::Head => {
                let Some(bytes) = self.small.fill(piece, 12) else { return Ok(false) };
                let mut head = [0; 12];
                head.copy_from_slice(bytes);
                self.take_head(head)?;
                self.state = State::Group;
            }
            State::LibrsyncHead => {
                let Some(bytes) = self.small.fill(piece, 8) else { return Ok(false) };
                let (block, strong) = (librsync::number(&bytes[..4]), librsync::number(&bytes[4..]));
                self.take_lengths(block, strong)?;
                self.state = State::LibrsyncEntry;
            }
            State::LibrsyncEntry => {
                if piece.is_empty() || !self.take_entry(piece)? {
                    return Ok(false);
                }
            }
            State::Group => {
                let Some(bytes) = self.small.fill(piece, 2) else { return Ok(false) };
                let entries = little(bytes) as usize;
                if entries > GROUP_ENTRIES {
                    let (value, max) = (entries as u64, GROUP_ENTRIES as u64);
                    return Err(FormatError::Absurd { what: "the length of a group of sums", value, max });
                }
                self.state = if entries == 0 { State::Basis } else { State::Entries(entries) };
            }
            State::Entries(left) => {
                if !self.take_entry(piece)? {
                    return Ok(false);
                }
                self.state = if left == 1 { State::Group } else { State::Entries(left - 1) };
            }
            State::Basis => {
                let digest_bytes = self.loaded.strong.algorithm.digest_bytes();
                let Some(bytes) = self.small.fill(piece, 8 + digest_bytes) else { return Ok(false) };
                let (len, digest) = bytes.split_at(8);
                let basis = BasisId { bytes: little(len), digest: DigestValue::from_bytes(digest) };
                self.take_basis(basis)?;
                self.state = State::Check;
            }
            State::Check => {
                let Some(bytes) = self.small.fill(piece, CHECK_BYTES) else { return Ok(false) };
                let check = self.check.take().map(Digest::finish);
                if check.is_none_or(|check| check.as_bytes() != bytes) {
                    return Err(FormatError::Damaged { what: "signature" });
                }
                self.state = State::Done;
            }
            State::Done if piece.is_empty() => return Ok(false),
            State::Done => return Err(FormatError::Malformed { what: "something follows the signature's end" }),
        }
        Ok(true)
    }

    fn take_magic(&mut self, found: [u8; 4]) -> Result<(), FormatError> {
        if found == SIGNATURE_MAGIC {
            self.state = State::Head;
            return Ok(());
        }
        let Some((weak, algorithm)) = librsync::sums_of(u32::from_be_bytes(found)) else {
            return Err(FormatError::WrongMagic { wanted: "signature", found });
        };
        self.check = None;
        self.loaded.format = Format::Librsync;
        self.loaded.weak = weak;
        self.loaded.strong.algorithm = algorithm;
        self.state = State::LibrsyncHead;
        Ok(())
    }

    fn take_head(&mut self, head: [u8; 12]) -> Result<(), FormatError> {
        let [version, number, strong, zero, rest @ ..] = head;
        if version != VERSION {
            return Err(FormatError::UnknownVersion { version });
        }
        self.loaded.strong.algorithm = algorithm_of(number)?;
        if zero != 0 {
            return Err(FormatError::Malformed { what: "a byte of the signature's head that must be 0 is not" });
        }
        self.loaded.strong.seed = little(&rest[4..]) as u32 as i32;
        self.take_lengths(little(&rest[..4]), u64::from(strong))
    }

    fn take_lengths(&mut self, block: u64, strong: u64) -> Result<(), FormatError> {
        let longest = self.loaded.strong.algorithm.digest_bytes() as u64;
        if strong == 0 || strong > longest {
            return Err(FormatError::Absurd { what: "the length of a strong sum", value: strong, max: longest });
        }
        let max = (self.memory_max / WINDOW_BLOCKS).min(u64::from(BLOCKS_MAX));
        if block == 0 || block > max {
            return Err(FormatError::Absurd { what: "the length of a block", value: block, max });
        }
        let head = SumHead { count: 0, block_bytes: block as u32, strong_bytes: strong as u32, remainder: 0 };
        self.loaded.signature = Signature::without_sums(head);
        Ok(())
    }

    fn take_entry(&mut self, piece: &mut &[u8]) -> Result<bool, FormatError> {
        let signature = &mut self.loaded.signature;
        let Some(entry) = self.small.fill(piece, signature.head.entry_bytes()) else { return Ok(false) };
        let (weak, strong) = entry.split_at(4);
        let weak =
            if self.loaded.format == Format::Syncline { little(weak) as u32 } else { librsync::number(weak) as u32 };
        signature.weak.push(weak);
        signature.strong.extend_from_slice(strong);
        let block = BLOCK_MEMORY_BYTES + u64::from(signature.head.strong_bytes);
        let window = WINDOW_BLOCKS * u64::from(signature.head.block_bytes);
        let needed = signature.weak.len() as u64 * block + window;
        if needed > self.memory_max || signature.weak.len() as u64 > u64::from(BLOCKS_MAX) {
            return Err(FormatError::Memory { needed, max: self.memory_max });
        }
        Ok(true)
    }

    fn take_basis(&mut self, basis: BasisId) -> Result<(), FormatError> {
        let head = &mut self.loaded.signature.head;
        let block_bytes = u64::from(head.block_bytes);
        if basis.bytes.div_ceil(block_bytes) != self.loaded.signature.weak.len() as u64 {
            return Err(FormatError::Malformed { what: "the length of the basis does not fit the number of blocks" });
        }
        head.remainder = (basis.bytes % block_bytes) as u32;
        self.loaded.basis = Some(basis);
        Ok(())
    }
}
