//! Weak sums, block sums and whole-file digests of every row of the algorithm table.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use syncline_benches::random;
use syncline_core::checksum::{ALGORITHMS, Algorithm, DIGEST_BYTES_MAX, Digest, Strong, weak};

fn weak_sums(c: &mut Criterion) {
    let mut group = c.benchmark_group("weak");
    for len in [700, 4096, 131_072] {
        let block = random(len, 1);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |b| b.iter(|| weak(black_box(&block))));
    }
}

fn block_sums(c: &mut Criterion) {
    let mut group = c.benchmark_group("block");
    for len in [700, 131_072] {
        let block = random(len, 1);
        group.throughput(Throughput::Bytes(len as u64));
        for row in ALGORITHMS.iter().filter(|row| row.algorithm != Algorithm::None) {
            let strong = Strong { algorithm: row.algorithm, seed: 12345, seed_first: true };
            let mut out = [0; DIGEST_BYTES_MAX];
            group.bench_function(BenchmarkId::new(row.name, len), |b| {
                b.iter(|| strong.block(black_box(&block), &mut out))
            });
        }
    }
}

fn whole_files(c: &mut Criterion) {
    let mut group = c.benchmark_group("file");
    let data = random(1 << 20, 1);
    group.throughput(Throughput::Bytes(data.len() as u64));
    for row in ALGORITHMS.iter().filter(|row| row.algorithm != Algorithm::None) {
        group.bench_function(row.name, |b| {
            b.iter(|| {
                let mut digest = Digest::whole_file(row.algorithm, 12345);
                data.chunks(32 * 1024).for_each(|piece| digest.update(black_box(piece)));
                digest.finish()
            });
        });
    }
}

criterion_group!(benches, weak_sums, block_sums, whole_files);
criterion_main!(benches);
