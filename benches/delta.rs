//! Signing, searching and patching, on data that is kind and data that is not.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use syncline_benches::engine::{XXH128, plan, search, signature, wire_signature};
use syncline_benches::simd::{best_scan, portable_scan};
use syncline_benches::{one_inserted, random, scattered_edits, text};
use syncline_core::checksum::{Algorithm, Digest, Strong, weak};
use syncline_core::delta::{Patch, ScanFn, Signature};

const LEN: usize = 16 << 20;

/// Blocks that all have the weak sum of every offset of a constant file, and each another strong sum.
fn hostile_signature(source: &[u8]) -> Signature {
    let mut head = plan(source.len());
    head.strong_bytes = 4;
    let mut signature = Signature::without_sums(head);
    signature.weak = vec![weak(&source[..head.block_bytes as usize]); head.count as usize];
    signature.strong = (0..head.count).flat_map(u32::to_le_bytes).collect();
    signature
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
