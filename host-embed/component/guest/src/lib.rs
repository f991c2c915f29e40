//! The engine as a component: the world that `wit/engine.wit` describes, over the same code as the C ABI.
//!
//! Resources are shared, so that what changes lies in cells.

use std::cell::RefCell;

use syncline_core::Exit;
use syncline_core::checksum::{Algorithm, Digest};
use syncline_core::format::{self, DeltaOptions, FormatError, PatchLimits, PatchStep};
use syncline_core::session::{Errno, Reply};
use syncline_embed::document::{decode, encode};
use syncline_embed::memory::{self, Counting};
use syncline_embed::session::Embedded;
use syncline_embed::simd::best_scan_for;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a session takes by itself: buffers for both directions, and the first list.
const SESSION_BYTES: u64 = 8 << 20;

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ path: "../wit", world: "engine" });
}

use bindings::exports::syncline::engine::files::{self, Error, Fault, Range, Step};
use bindings::exports::syncline::engine::{memory as memory_world, sessions};

struct Component;
bindings::export!(Component with_types_in bindings);

impl files::Guest for Component {
    type Checksum = Checksum;
    type SignatureWriter = SignatureWriter;
    type SignatureReader = SignatureReader;
    type Signature = Signature;
    type DeltaWriter = DeltaWriter;
    type Patcher = Patcher;
}

impl memory_world::Guest for Component {
    fn set_limit(bytes: u64) {
        memory::set_limit(bytes);
    }

    fn used() -> u64 {
        memory::used()
    }
}

/// Refuses what the memory limit doesn't allow.
fn allow(bytes: u64) -> Result<(), FormatError> {
    if memory::allows(bytes) { Ok(()) } else { Err(FormatError::Memory { needed: bytes, max: memory::left() }) }
}

impl sessions::Guest for Component {
    type Session = Session;
}

impl From<FormatError> for Error {
    fn from(error: FormatError) -> Error {
        let fault = match error {
            FormatError::WrongMagic { .. } => Fault::WrongMagic,
            FormatError::UnknownVersion { .. } => Fault::UnknownVersion,
            FormatError::UnknownAlgorithm { .. } => Fault::UnknownAlgorithm,
            FormatError::Truncated { .. } => Fault::Truncated,
            FormatError::Absurd { .. } => Fault::Absurd,
            FormatError::Malformed { .. } => Fault::Malformed,
            FormatError::Damaged { .. } => Fault::Damaged,
            FormatError::WrongBasis { .. } => Fault::WrongBasis,
            FormatError::Memory { .. } => Fault::Memory,
            FormatError::Output { .. } => Fault::Output,
            FormatError::Usage { .. } => Fault::Usage,
        };
        Error { fault, text: error.to_string() }
    }
}

fn kind(format: files::Format) -> format::Format {
    match format {
        files::Format::Syncline => format::Format::Syncline,
        files::Format::Librsync => format::Format::Librsync,
    }
}

fn algorithm(algorithm: files::Algorithm) -> Algorithm {
    match algorithm {
        files::Algorithm::Xxh128 => Algorithm::Xxh128,
        files::Algorithm::Xxh3 => Algorithm::Xxh3,
        files::Algorithm::Xxh64 => Algorithm::Xxh64,
        files::Algorithm::Md5 => Algorithm::Md5,
        files::Algorithm::Md4 => Algorithm::Md4,
        files::Algorithm::Sha1 => Algorithm::Sha1,
        files::Algorithm::Blake2 => Algorithm::Blake2,
    }
}

struct Checksum(RefCell<Digest>);

impl files::GuestChecksum for Checksum {
    fn new(number: files::Algorithm) -> Checksum {
        Checksum(RefCell::new(Digest::list(algorithm(number))))
    }

    fn push(&self, bytes: Vec<u8>) {
        self.0.borrow_mut().update(&bytes);
    }

    fn value(&self) -> Vec<u8> {
        self.0.borrow().clone().finish().as_bytes().to_vec()
    }
}

struct SignatureWriter(RefCell<format::SignatureWriter>);

impl SignatureWriter {
    fn take(&self) -> Vec<u8> {
        let mut writer = self.0.borrow_mut();
        let output = writer.output().to_vec();
        writer.consume(output.len());
        output
    }
}

impl files::GuestSignatureWriter for SignatureWriter {
    fn open(options: files::SignatureOptions) -> Result<files::SignatureWriter, Error> {
        let defaults = format::SignatureOptions::new(kind(options.format), options.basis_bytes);
        let options = format::SignatureOptions {
            algorithm: options.algorithm.map_or(defaults.algorithm, algorithm),
            block_bytes: options.block_bytes.unwrap_or(defaults.block_bytes),
            strong_bytes: options.strong_bytes,
            ..defaults
        };
        allow(u64::from(options.block_bytes))?;
        let writer = format::SignatureWriter::new(options)?;
        Ok(files::SignatureWriter::new(SignatureWriter(RefCell::new(writer))))
    }

    fn push(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        allow(2 * self.0.borrow().needs(bytes.len()))?;
        self.0.borrow_mut().push(&bytes);
        Ok(self.take())
    }

    fn finish(&self) -> Vec<u8> {
        self.0.borrow_mut().finish();
        self.take()
    }
}

struct SignatureReader(RefCell<format::SignatureReader>);

impl files::GuestSignatureReader for SignatureReader {
    fn new(memory_max: u64) -> SignatureReader {
        SignatureReader(RefCell::new(format::SignatureReader::new(memory_max)))
    }

    fn push(&self, bytes: Vec<u8>) -> Result<(), Error> {
        allow(2 * bytes.len() as u64)?;
        Ok(self.0.borrow_mut().push(&bytes)?)
    }

    fn finish(reader: files::SignatureReader) -> Result<files::Signature, Error> {
        let reader = reader.into_inner::<SignatureReader>().0.into_inner();
        Ok(files::Signature::new(Signature(reader.finish()?)))
    }
}

struct Signature(format::BasisSignature);

impl files::GuestSignature for Signature {
    fn block_bytes(&self) -> u32 {
        self.0.signature.head.block_bytes
    }

    fn blocks(&self) -> u32 {
        self.0.signature.head.count
    }

    fn basis_bytes(&self) -> Option<u64> {
        self.0.basis.map(|basis| basis.bytes)
    }
}

struct DeltaWriter(RefCell<format::DeltaWriter>);

impl DeltaWriter {
    fn take(&self) -> Vec<u8> {
        let mut writer = self.0.borrow_mut();
        let output = writer.output().to_vec();
        writer.consume(output.len());
        output
    }
}

impl files::GuestDeltaWriter for DeltaWriter {
    fn open(signature: files::SignatureBorrow<'_>, format: files::Format) -> Result<files::DeltaWriter, Error> {
        let signature = &signature.get::<Signature>().0;
        let scan = Some(best_scan_for(signature.weak));
        let options = DeltaOptions { format: kind(format), scan, ..DeltaOptions::default() };
        allow(signature.search_bytes())?;
        let writer = format::DeltaWriter::new(signature.clone(), options)?;
        Ok(files::DeltaWriter::new(DeltaWriter(RefCell::new(writer))))
    }

    fn push(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        allow(3 * bytes.len() as u64)?;
        self.0.borrow_mut().push(&bytes);
        Ok(self.take())
    }

    fn finish(&self) -> Vec<u8> {
        self.0.borrow_mut().finish();
        self.take()
    }
}

/// A patcher, the piece of the delta at hand, and how much of it was used.
struct Patcher(RefCell<(format::Patcher, Vec<u8>, usize)>);

impl files::GuestPatcher for Patcher {
    fn new(basis_bytes: u64, output_max: u64) -> Patcher {
        let patcher = format::Patcher::new(PatchLimits { basis_bytes, output_max });
        Patcher(RefCell::new((patcher, Vec::new(), 0)))
    }

    fn push(&self, bytes: Vec<u8>) -> Result<(), Error> {
        let (_, piece, used) = &mut *self.0.borrow_mut();
        if *used < piece.len() {
            return Err(FormatError::Usage { what: "the piece before is not used up" }.into());
        }
        (*piece, *used) = (bytes, 0);
        Ok(())
    }

    fn step(&self) -> Result<Step, Error> {
        let (patcher, piece, used) = &mut *self.0.borrow_mut();
        let mut rest = &piece[*used..];
        let step = match patcher.step(&mut rest)? {
            PatchStep::More => Step::More,
            PatchStep::Write(bytes) => Step::Write(bytes.to_vec()),
            PatchStep::Copy { from, len } => Step::Copy(Range { from, len }),
            PatchStep::Done => Step::Done,
        };
        *used = piece.len() - rest.len();
        Ok(step)
    }

    fn copied(&self, bytes: Vec<u8>) -> Result<(), Error> {
        Ok(self.0.borrow_mut().0.copied(&bytes)?)
    }

    fn finish(&self) -> Result<(), Error> {
        Ok(self.0.borrow().0.finish()?)
    }
}

struct Session(RefCell<Embedded>);

impl sessions::GuestSession for Session {
    fn open(start: Vec<u8>) -> Result<sessions::Session, String> {
        if !memory::allows(SESSION_BYTES) {
            return Err("the memory limit forbids it".into());
        }
        let start = decode(&start).ok_or("the document is not of this version, or malformed")?;
        let session = Embedded::open(start).map_err(|error| error.text_lossy())?;
        Ok(sessions::Session::new(Session(RefCell::new(session))))
    }

    fn tick(&self, now_ms: u64) {
        self.0.borrow_mut().tick(now_ms);
    }

    fn next(&self) -> Vec<u8> {
        encode(&self.0.borrow_mut().next_event())
    }

    fn data(&self) -> Vec<u8> {
        self.0.borrow().data().to_vec()
    }

    fn feed(&self, bytes: Vec<u8>) -> u32 {
        self.0.borrow_mut().feed(&bytes) as u32
    }

    fn feed_end(&self) {
        self.0.borrow_mut().feed_end();
    }

    fn output(&self) -> Vec<u8> {
        let mut session = self.0.borrow_mut();
        let output = session.output().to_vec();
        session.consume(output.len());
        output
    }

    fn output_broken(&self) {
        self.0.borrow_mut().output_broken();
    }

    fn answer(&self, id: u32, reply: Vec<u8>) -> bool {
        let may = memory::allows(4 * reply.len() as u64);
        may && decode::<Reply>(&reply).is_some_and(|reply| self.0.borrow_mut().answer(id, reply))
    }

    fn fill(&self, bytes: Vec<u8>) -> bool {
        self.0.borrow_mut().fill(Ok(&bytes))
    }

    fn fill_failed(&self, error: Vec<u8>) -> bool {
        decode::<Errno>(&error).is_some_and(|error| self.0.borrow_mut().fill(Err(error)))
    }

    fn copied(&self) {
        self.0.borrow_mut().copied();
    }

    fn write_failed(&self, path: Vec<u8>, error: Vec<u8>) -> bool {
        let error = decode::<Errno>(&error);
        error.map(|error| self.0.borrow_mut().write_failed(&path, error)).is_some()
    }

    fn password(&self, password: Vec<u8>) -> bool {
        self.0.borrow_mut().password(&password)
    }

    fn abort(&self, exit: i32, text: Vec<u8>) {
        self.0.borrow_mut().abort(Exit(exit), &text);
    }
}
