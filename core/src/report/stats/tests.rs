//! Summaries that stock rsync 3.5.0 printed.

use super::super::number::Level;
use super::*;
use alloc::string::String;

fn style(level: u32) -> SummaryStyle {
    SummaryStyle { level, counts_created: true, counts_deleted: true, ..SummaryStyle::default() }
}

fn check(stats: &Stats, style: &SummaryStyle, expect: &str) {
    assert_eq!(String::from_utf8_lossy(&stats.summary(style)), expect);
}

#[test]
fn table_of_a_stock_session() {
    let stats = Stats {
        files: KindCounts { files: 3, dirs: 1, ..KindCounts::default() },
        created: KindCounts { files: 3, ..KindCounts::default() },
        deleted: KindCounts { files: 7, dirs: 1, links: 1, devices: 2, specials: 2 },
        transferred_files: 3,
        total_size: 2,
        transferred_size: 2,
        literal: 2,
        list_build_ms: 1,
        sent: 228,
        received: 166,
        ..Stats::default()
    };
    let expect = "
Number of files: 4 (reg: 3, dir: 1)
Number of created files: 3 (reg: 3)
Number of deleted files: 13 (reg: 7, dir: 1, link: 1, dev: 2, special: 2)
Number of regular files transferred: 3
Total file size: 2 bytes
Total transferred file size: 2 bytes
Literal data: 2 bytes
Matched data: 0 bytes
File list size: 0
File list generation time: 0.001 seconds
File list transfer time: 0.000 seconds
Total bytes sent: 228
Total bytes received: 166

sent 228 bytes  received 166 bytes  788.00 bytes/sec
total size is 2  speedup is 0.01
";
    check(&stats, &style(2), expect);
}

#[test]
fn old_protocols_count_less() {
    let stats = Stats { sent: 58, received: 19, ..Stats::default() };
    let old = SummaryStyle { level: 2, ..SummaryStyle::default() };
    let text = String::from_utf8(stats.summary(&old)).expect("ASCII");
    assert!(text.starts_with("\nNumber of files: 0\nNumber of regular files transferred: 0\n"), "{text}");
    assert!(!text.contains("seconds"));
    assert!(
        text.ends_with("\n\nsent 58 bytes  received 19 bytes  154.00 bytes/sec\ntotal size is 0  speedup is 0.00\n")
    );
}

#[test]
fn two_lines_at_every_level_of_numbers() {
    let stats = Stats { total_size: 1_234_585, sent: 329, received: 60, ..Stats::default() };
    let at = |count| SummaryStyle {
        numbers: Numbers::default().at(Level::from_count(count)),
        ending: Ending::DryRun,
        ..style(1)
    };
    let line = "\nsent 329 bytes  received 60 bytes  778.00 bytes/sec\n";
    check(&stats, &at(0), &[line, "total size is 1234585  speedup is 3173.74 (DRY RUN)\n"].concat());
    check(&stats, &at(1), &[line, "total size is 1,234,585  speedup is 3,173.74 (DRY RUN)\n"].concat());
    check(&stats, &at(2), &[line, "total size is 1.23M  speedup is 3,173.74 (DRY RUN)\n"].concat());
    check(&stats, &style(0), "");
    let batch = SummaryStyle { ending: Ending::BatchOnly, ..style(1) };
    let stats = Stats { sent: 317, received: 201, ..stats };
    let expect = "\nsent 317 bytes  received 201 bytes  1,036.00 bytes/sec\ntotal size is 1,234,585  speedup is 2,383.37 (BATCH ONLY)\n";
    check(&stats, &batch, expect);
}

#[test]
fn rates_count_whole_seconds() {
    let stats = Stats { sent: 1000, ..Stats::default() };
    let after = |elapsed_ms| {
        let text = stats.summary(&SummaryStyle { elapsed_ms, ..style(1) });
        String::from_utf8(text).expect("ASCII")
    };
    assert!(after(999).contains("  2,000.00 bytes/sec"));
    assert!(after(1000).contains("  666.67 bytes/sec"));
}

#[test]
fn the_peers_counts_take_precedence() {
    let stats =
        Stats { sent: 1, received: 2, peer_read: Some(43), peer_written: Some(98), total_size: 12, ..Stats::default() };
    assert_eq!(stats.log_summary(), b"sent 43 bytes  received 98 bytes  total size 12");
    let local = Stats { sent: 40, virtual_sent: 60, ..Stats::default() };
    assert_eq!(local.log_summary(), b"sent 100 bytes  received 0 bytes  total size 0");
}

#[test]
fn kinds() {
    let mut counts = KindCounts::default();
    for mode in [0o100644, 0o040755, 0o120777, 0o020600, 0o060600, 0o010600, 0o140600] {
        counts.add(mode);
    }
    assert_eq!(counts.wire_order(), [1, 1, 1, 2, 2]);
    assert_eq!(KindCounts::from_wire_order([1, 1, 1, 2, 2]), counts);
    let many = KindCounts { files: 1200, dirs: 34, ..KindCounts::default() };
    let units = Numbers::default().at(Level::Thousands);
    assert_eq!(many.text(units), b"1,234 (reg: 1,200, dir: 34)");
    let overflow = KindCounts { files: u64::MAX, dirs: 1, ..KindCounts::default() };
    assert_eq!(overflow.total(), u64::MAX);
}

#[test]
fn searches() {
    let stats = Stats { literal: 5, ..Stats::default() };
    assert_eq!(stats.search_summary(), b"total: matches=0  hash_hits=0  false_alarms=0 data=5");
}
