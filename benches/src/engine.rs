//! Signing and searching as hosts do it. The same code is measured natively and in WebAssembly.

use std::hint::black_box;
use syncline_core::checksum::{Algorithm, Digest, Strong};
use syncline_core::delta::{Found, PlanOptions, ScanFn, Search, SearchOptions, Signature, Signer, SumHead};
use syncline_core::limits::BLOCK_BYTES_MAX;

use crate::data::{random, scattered_edits};

/// Bytes handed over at a time.
const PIECE: usize = 256 * 1024;
/// What two of ours agree upon.
pub const XXH128: Strong = Strong { algorithm: Algorithm::Xxh128, seed: 12345, seed_first: true };
/// What is measured in more than one place, by name.
pub const CASES: [&str; 5] = [
    "signature, xxh128",
    "signature, md5",
    "search, nothing changed",
    "search, an edit in 64 KiB",
    "search, all is new",
];

/// The blocks of a basis of `len` bytes.
pub fn plan(len: usize) -> SumHead {
    let options = PlanOptions { block_bytes: None, block_max: BLOCK_BYTES_MAX, digest_bytes: 16, redo: false };
    SumHead::for_basis(len as u64, &options).expect("benchmark files are short")
}

/// A signature as it travels.
pub fn wire_signature(head: SumHead, strong: Strong, basis: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(head.count as usize * head.entry_bytes());
    let mut signer = Signer::new(head, strong);
    basis.chunks(PIECE).for_each(|piece| signer.push(piece, &mut wire));
    wire
}

/// A signature as it is searched with.
pub fn signature(basis: &[u8]) -> Signature {
    let head = plan(basis.len());
    let mut signature = Signature::without_sums(head);
    signature.push(&wire_signature(head, XXH128, basis));
    signature
}

/// Runs a whole search and returns the bytes found literal.
pub fn search(signature: &Signature, source: &[u8], scan: ScanFn, digest: bool) -> u64 {
    let digest = digest.then(|| Digest::whole_file(Algorithm::Xxh128, 12345));
    let options = SearchOptions { digest, ..SearchOptions::default() };
    let mut search = Search::with_scan(signature.clone(), XXH128, options, scan);
    let mut rest = source;
    loop {
        match search.next() {
            Found::More if rest.is_empty() => search.end(),
            Found::More => {
                let room = search.space(PIECE.min(rest.len()));
                let (now, later) = rest.split_at(room.len());
                room.copy_from_slice(now);
                rest = later;
                let len = now.len();
                search.filled(len);
            }
            Found::End => break,
            token => {
                black_box(token);
            }
        }
    }
    black_box(search.take_digest());
    search.tally().literal_bytes
}

/// The data of [`CASES`], ready to be run.
pub struct Cases {
    basis: Vec<u8>,
    edited: Vec<u8>,
    other: Vec<u8>,
    signature: Signature,
    scan: ScanFn,
}

impl Cases {
    /// With files of `len` bytes.
    pub fn new(len: usize, scan: ScanFn) -> Cases {
        let basis = random(len, 1);
        let edited = scattered_edits(&basis, 64 * 1024);
        Cases { edited, other: random(len, 2), signature: signature(&basis), basis, scan }
    }

    /// Runs one; returns a number that shows that it was done right: bytes of sums, or bytes that were not found.
    pub fn run(&self, case: usize) -> u64 {
        let sign = |algorithm| {
            let wire = wire_signature(plan(self.basis.len()), Strong { algorithm, ..XXH128 }, &self.basis);
            black_box(wire).len() as u64
        };
        // A session always has the file's digest with it.
        let find = |source| search(&self.signature, source, self.scan, true);
        match case {
            0 => sign(Algorithm::Xxh128),
            1 => sign(Algorithm::Md5),
            2 => find(&self.basis),
            3 => find(&self.edited),
            _ => find(&self.other),
        }
    }
}
