//! Writing a signature.

use super::outlet::Outlet;
use super::{Format, FormatError, GROUP_ENTRIES, SIGNATURE_MAGIC, VERSION, librsync, number_of};
use crate::checksum::{Algorithm, BLOCKS_AT_ONCE, DIGEST_BYTES_MAX, Digest, Md4Many, Strong, WeakSum};
use alloc::vec::Vec;

/// Bytes of a block when the length of the basis is not known.
const BLOCK_BYTES_UNKNOWN: u32 = 2048;
const BLOCK_BYTES_MIN: u64 = 256;
const BLOCK_BYTES_MAX: u64 = 1 << 17;

/// How a basis is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureOptions {
    /// The kind of file.
    pub format: Format,
    /// The algorithm of the strong sums, and of the digests in our own format.
    pub algorithm: Algorithm,
    /// The weak sum: [`WeakSum::Rsync`] in our own format, one of the others in librsync's.
    pub weak: WeakSum,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// Bytes of the strong sums; `None` for all there are.
    pub strong_bytes: Option<u8>,
    /// Seed of the strong sums; 0 in librsync's format.
    pub seed: i32,
}

impl SignatureOptions {
    /// What suits most: our own format with xxh128, or what `rdiff` writes unasked (Rabin-Karp, BLAKE2); blocks of the
    /// recommended length for a basis of `basis_bytes`.
    pub fn new(format: Format, basis_bytes: Option<u64>) -> SignatureOptions {
        SignatureOptions {
            format,
            algorithm: if format == Format::Syncline { Algorithm::Xxh128 } else { Algorithm::Blake2 },
            weak: super::default_weak(format),
            block_bytes: recommended_block_bytes(basis_bytes),
            strong_bytes: None,
            seed: 0,
        }
    }
}

/// About the square root of the length of the basis, a multiple of 64, so that a signature and the literals that one changed
/// byte costs grow alike.
pub fn recommended_block_bytes(basis_bytes: Option<u64>) -> u32 {
    let Some(bytes) = basis_bytes else { return BLOCK_BYTES_UNKNOWN };
    (bytes.isqrt() & !63).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX) as u32
}

/// Signs a basis that arrives in pieces.
///
/// ```
/// use syncline_core::format::{Format, SignatureOptions, SignatureWriter};
///
/// let mut writer = SignatureWriter::new(SignatureOptions::new(Format::Syncline, Some(11)))?;
/// writer.push(b"hello ");
/// writer.push(b"world");
/// writer.finish();
/// let signature = writer.output().to_vec();
/// writer.consume(signature.len());
/// # Ok::<(), syncline_core::format::FormatError>(())
/// ```
#[derive(Debug)]
pub struct SignatureWriter {
    sums: BlockSums,
    digest: Option<(Digest, Digest)>,
    straddling: Vec<u8>,
    group: Vec<u8>,
    basis_bytes: u64,
    out: Outlet,
    is_finished: bool,
}

impl SignatureWriter {
    /// Begins a signature.
    pub fn new(options: SignatureOptions) -> Result<SignatureWriter, FormatError> {
        SignatureWriter::with_md4(options, None)
    }

    /// Begins a signature, with an MD4 of several blocks that the host chose.
    pub fn with_md4(options: SignatureOptions, md4: Option<Md4Many>) -> Result<SignatureWriter, FormatError> {
        let longest = options.algorithm.digest_bytes();
        let strong_bytes = options.strong_bytes.map_or(longest, usize::from);
        if options.block_bytes == 0 {
            return Err(FormatError::Usage { what: "blocks must have a length" });
        }
        if strong_bytes == 0 || strong_bytes > longest {
            return Err(FormatError::Usage { what: "strong sums can't have that length with this algorithm" });
        }
        let strong = Strong { algorithm: options.algorithm, seed: options.seed, seed_first: true };
        let mut writer = SignatureWriter {
            sums: BlockSums { options, strong, strong_bytes, md4 },
            digest: None,
            straddling: Vec::new(),
            group: Vec::new(),
            basis_bytes: 0,
            out: Outlet::default(),
            is_finished: false,
        };
        writer.write_head()?;
        Ok(writer)
    }

    /// What makes the sums of blocks; for hosts that make them on several threads.
    pub fn sums(&self) -> BlockSums {
        self.sums
    }

    /// What is written so far and not consumed.
    pub fn output(&self) -> &[u8] {
        self.out.ready()
    }

    /// `len` bytes of the output were taken.
    pub fn consume(&mut self, len: usize) {
        self.out.consume(len);
    }

    /// Takes the next piece of the basis. A block that lies inside it is summed in place, so pieces should be much longer
    /// than a block.
    pub fn push(&mut self, mut piece: &[u8]) {
        if let Some((digest, _)) = &mut self.digest {
            digest.update(piece);
        }
        self.basis_bytes += piece.len() as u64;
        let block_bytes = self.sums.options.block_bytes as usize;
        if !self.straddling.is_empty() {
            let (now, rest) = piece.split_at(piece.len().min(block_bytes - self.straddling.len()));
            self.straddling.extend_from_slice(now);
            piece = rest;
            if self.straddling.len() < block_bytes {
                return;
            }
            self.sign_straddling();
        }
        while piece.len() >= block_bytes {
            let sums = self.sums;
            piece = sums.some(piece, |block, sum| self.put_sums(block, sum));
        }
        self.straddling.extend_from_slice(piece);
    }

    /// The most memory that a piece of `len` bytes can newly take, if containers grow by what they need.
    pub fn needs(&self, len: usize) -> u64 {
        let blocks = len as u64 / u64::from(self.sums.options.block_bytes) + 1;
        let straddling = (len as u64).min(u64::from(self.sums.options.block_bytes));
        straddling + 2 * blocks * self.sums.entry_bytes() as u64
    }

    /// The basis is at its end.
    pub fn finish(&mut self) {
        if core::mem::replace(&mut self.is_finished, true) {
            return;
        }
        if !self.straddling.is_empty() {
            self.sign_straddling();
        }
        if self.sums.options.format == Format::Librsync {
            return;
        }
        self.close_group();
        self.put(&[0, 0]);
        self.put(&self.basis_bytes.to_le_bytes());
        if let Some((digest, mut check)) = self.digest.take() {
            let digest = digest.finish();
            check.update(digest.as_bytes());
            self.out.bytes().extend_from_slice(digest.as_bytes());
            self.out.bytes().extend_from_slice(check.finish().as_bytes());
        }
    }

    fn write_head(&mut self) -> Result<(), FormatError> {
        let BlockSums { options, strong_bytes, .. } = self.sums;
        if options.format == Format::Librsync {
            let magic = librsync::magic_of(options.weak, options.algorithm).filter(|_| options.seed == 0);
            let magic =
                magic.ok_or(FormatError::Usage { what: "librsync's format has md4 and blake2, and no seed" })?;
            for number in [magic, options.block_bytes, strong_bytes as u32] {
                self.out.bytes().extend_from_slice(&number.to_be_bytes());
            }
            return Ok(());
        }
        let number = number_of(options.algorithm).filter(|_| options.weak == WeakSum::Rsync);
        let number = number.ok_or(FormatError::Usage { what: "this format has no such algorithm" })?;
        self.digest = Some((Digest::list(options.algorithm), Digest::list(Algorithm::Xxh3)));
        self.put(&SIGNATURE_MAGIC);
        self.put(&[VERSION, number, strong_bytes as u8, 0]);
        self.put(&options.block_bytes.to_le_bytes());
        self.put(&options.seed.to_le_bytes());
        Ok(())
    }

    fn sign_straddling(&mut self) {
        let mut block = core::mem::take(&mut self.straddling);
        let sums = self.sums;
        sums.some(&block, |block, sum| self.put_sums(block, sum));
        block.clear();
        self.straddling = block;
    }

    fn put_sums(&mut self, block: &[u8], sum: &[u8; DIGEST_BYTES_MAX]) {
        if self.sums.options.format == Format::Librsync {
            return self.sums.put(block, sum, self.out.bytes());
        }
        self.sums.put(block, sum, &mut self.group);
        if self.group.len() >= GROUP_ENTRIES * self.sums.entry_bytes() {
            self.close_group();
        }
    }

    fn close_group(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let mut group = core::mem::take(&mut self.group);
        let entries = (group.len() / self.sums.entry_bytes()) as u16;
        self.put(&entries.to_le_bytes());
        self.put(&group);
        group.clear();
        self.group = group;
    }

    /// Appends what the check covers.
    fn put(&mut self, bytes: &[u8]) {
        if let Some((_, check)) = &mut self.digest {
            check.update(bytes);
        }
        self.out.bytes().extend_from_slice(bytes);
    }
}

/// Makes the sums of blocks.
///
/// A signature of librsync's format is its head, which a [`SignatureWriter`] writes at once, and then these for all blocks; so
/// they can be made on several threads. Our own format has a digest of the whole basis besides, which can't.
#[derive(Clone, Copy, Debug)]
pub struct BlockSums {
    options: SignatureOptions,
    strong: Strong,
    strong_bytes: usize,
    md4: Option<Md4Many>,
}

impl BlockSums {
    /// Appends the sums of all blocks of `data` to `out`. Only the last block of the basis may be shorter than the others, so all
    /// pieces but the last must be multiples of a block.
    pub fn of(&self, mut data: &[u8], out: &mut Vec<u8>) {
        while !data.is_empty() {
            data = self.some(data, |block, sum| self.put(block, sum, out));
        }
    }

    /// Sums some blocks at the front of `data`, and gives back what is behind them. A block may only be short if it is alone.
    fn some<'a>(&self, data: &'a [u8], mut each: impl FnMut(&[u8], &[u8; DIGEST_BYTES_MAX])) -> &'a [u8] {
        let block_bytes = (self.options.block_bytes as usize).min(data.len());
        let mut sums = [[0; DIGEST_BYTES_MAX]; BLOCKS_AT_ONCE];
        let count = self.strong.blocks(data, block_bytes, self.md4, &mut sums);
        let (now, rest) = data.split_at(count * block_bytes);
        now.chunks_exact(block_bytes).zip(&sums).for_each(|(block, sum)| each(block, sum));
        rest
    }

    fn put(&self, block: &[u8], sum: &[u8; DIGEST_BYTES_MAX], out: &mut Vec<u8>) {
        let weak = self.options.weak.of(block);
        let weak = if self.options.format == Format::Librsync { weak.to_be_bytes() } else { weak.to_le_bytes() };
        out.extend_from_slice(&weak);
        out.extend_from_slice(&sum[..self.strong_bytes]);
    }

    fn entry_bytes(&self) -> usize {
        4 + self.strong_bytes
    }
}
