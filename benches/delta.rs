//! Signing, searching and patching, on data that is kind and data that is not.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use syncline_benches::simd::{best_scan, portable_scan};
use syncline_benches::{one_inserted, random, scattered_edits, text};
use syncline_core::checksum::{Algorithm, Digest, Strong, weak};
use syncline_core::delta::{Found, Patch, PlanOptions, ScanFn, Search, SearchOptions, Signature, Signer, SumHead};
use syncline_core::limits::BLOCK_BYTES_MAX;

const LEN: usize = 16 << 20;
const PIECE: usize = 256 * 1024;
const XXH128: Strong = Strong { algorithm: Algorithm::Xxh128, seed: 12345, seed_first: true };

fn plan(len: usize) -> SumHead {
    let options = PlanOptions { block_bytes: None, block_max: BLOCK_BYTES_MAX, digest_bytes: 16, redo: false };
    SumHead::for_basis(len as u64, &options).expect("benchmark files are short")
}

fn wire_signature(head: SumHead, strong: Strong, basis: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(head.count as usize * head.entry_bytes());
    let mut signer = Signer::new(head, strong);
    basis.chunks(PIECE).for_each(|piece| signer.push(piece, &mut wire));
    wire
}

fn signature(basis: &[u8]) -> Signature {
    let head = plan(basis.len());
    let mut signature = Signature::without_sums(head);
    signature.push(&wire_signature(head, XXH128, basis));
    signature
}

/// Blocks that all have the weak sum of every offset of a constant file, and each another strong sum.
fn hostile_signature(source: &[u8]) -> Signature {
    let mut head = plan(source.len());
    head.strong_bytes = 4;
    let mut signature = Signature::without_sums(head);
    signature.weak = vec![weak(&source[..head.block_bytes as usize]); head.count as usize];
    signature.strong = (0..head.count).flat_map(u32::to_le_bytes).collect();
    signature
}

/// Runs a whole search and returns the bytes found literal.
fn search(signature: &Signature, source: &[u8], scan: ScanFn, digest: bool) -> u64 {
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

fn signing(c: &mut Criterion) {
    let mut group = c.benchmark_group("signature");
    group.sample_size(10);
    let basis = random(LEN, 1);
    group.throughput(Throughput::Bytes(LEN as u64));
    for algorithm in [Algorithm::Xxh128, Algorithm::Md5, Algorithm::Md4] {
        let strong = Strong { algorithm, ..XXH128 };
        group.bench_function(algorithm.name(), |b| b.iter(|| wire_signature(plan(LEN), strong, black_box(&basis))));
    }
}

fn searching(c: &mut Criterion) {
    let basis = random(LEN, 1);
    let signed = signature(&basis);
    let zeros = vec![0; LEN];
    let ones = vec![1; LEN];
    let prose = text(LEN, 3);
    let cases: [(&str, Signature, Vec<u8>); 8] = [
        ("identical", signed.clone(), basis.clone()),
        ("scattered", signed.clone(), scattered_edits(&basis, 64 * 1024)),
        ("dense edits", signed.clone(), scattered_edits(&basis, 8 * 1024)),
        ("inserted", signed.clone(), one_inserted(&basis, 1000)),
        ("nothing", signed.clone(), random(LEN, 2)),
        ("text", signature(&prose), text(LEN, 4)),
        ("zeros", signature(&zeros), zeros),
        ("hostile", hostile_signature(&ones), ones),
    ];
    let mut group = c.benchmark_group("search");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(LEN as u64));
    for (name, signature, source) in &cases {
        for (how, scan) in [("portable", portable_scan as ScanFn), ("best", best_scan())] {
            group.bench_function(BenchmarkId::new(*name, how), |b| {
                b.iter(|| search(signature, black_box(source), scan, false))
            });
        }
        group.bench_function(BenchmarkId::new(*name, "best, with digest"), |b| {
            b.iter(|| search(signature, black_box(source), best_scan(), true));
        });
    }
}

fn patching(c: &mut Criterion) {
    let basis = random(LEN, 1);
    let head = plan(LEN);
    let mut group = c.benchmark_group("patch");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(LEN as u64));
    group.bench_function("all blocks", |b| {
        let mut output = vec![0; LEN];
        b.iter(|| {
            let mut patch = Patch::new(head, Digest::whole_file(Algorithm::Xxh128, 12345));
            for block in 0..head.count {
                let copy = patch.block(block).expect("block of the head");
                let (from, at, len) = (copy.from as usize, copy.at as usize, copy.len as usize);
                output[at..at + len].copy_from_slice(&basis[from..from + len]);
                patch.copied(&output[at..at + len]);
            }
            patch.finish()
        });
    });
}

criterion_group!(benches, signing, searching, patching);
criterion_main!(benches);
