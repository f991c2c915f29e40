//! Meters of stock rsync 3.5.0, replayed: readings at the times at which it printed (give or take a millisecond, as they
//! were taken at the other end of a pipe), and what it printed.

use super::super::number::Level;
use super::*;
use alloc::string::String;
use proptest::prelude::*;

/// The files of a recorded push, in order.
const SIZES: [u64; 5] = [9_000_000, 300, 0, 40_000, 2_500_000];

fn text(line: Option<Vec<u8>>) -> String {
    line.map_or_else(String::new, |line| String::from_utf8(line).expect("ASCII"))
}

/// A reading of the `file`-th file of [`SIZES`], counted from 0.
fn reading(now_ms: u64, file: usize, at: u64, last: bool) -> ProgressUpdate {
    ProgressUpdate {
        now_ms,
        at,
        size: SIZES[file],
        last,
        transferred: file as u32 + 1,
        done_before: SIZES[..file].iter().sum(),
        total_size: SIZES.iter().sum(),
        left: 4 - file as u64,
        total: 6,
        list_complete: true,
    }
}

#[test]
fn a_push_file_by_file() {
    let mut meter = Progress::new(Scope::File, Numbers::default());
    let mut check = |ms, file, at, last, expect: &str| {
        assert_eq!(text(meter.update(&reading(ms, file, at, last))), expect, "at {ms}");
    };
    check(9, 0, 32_768, false, "\r         32,768   0%    0.00kB/s    0:00:00  ");
    check(1008, 0, 1_600_000, false, "");
    check(1074, 0, 1_671_168, false, "\r      1,671,168  18%    1.47MB/s    0:00:04  ");
    check(2141, 0, 3_309_568, false, "\r      3,309,568  36%    1.47MB/s    0:00:03  ");
    check(3207, 0, 4_947_968, false, "\r      4,947,968  54%    1.47MB/s    0:00:02  ");
    check(4274, 0, 6_586_368, false, "\r      6,586,368  73%    1.47MB/s    0:00:01  ");
    check(5340, 0, 8_224_768, false, "\r      8,224,768  91%    1.47MB/s    0:00:00  ");
    check(5767, 0, 9_000_000, true, "\r      9,000,000 100%    1.49MB/s    0:00:05 (xfr#1, to-chk=4/6)\n");
    check(5767, 1, 300, false, "\r            300 100%    0.69kB/s    0:00:00  ");
    check(5767, 1, 300, true, "\r            300 100%    0.69kB/s    0:00:00 (xfr#2, to-chk=3/6)\n");
    check(5767, 2, 0, true, "\r              0 100%    0.00kB/s    0:00:00 (xfr#3, to-chk=2/6)\n");
    check(5767, 3, 32_768, false, "\r         32,768  81%   74.94kB/s    0:00:00  ");
    check(5767, 3, 40_000, true, "\r         40,000 100%   91.48kB/s    0:00:00 (xfr#4, to-chk=1/6)\n");
    check(5892, 4, 32_768, false, "\r         32,768   1%   57.97kB/s    0:00:42  ");
    check(6425, 4, 851_968, false, "\r        851,968  34%  766.82kB/s    0:00:02  ");
    check(7491, 4, 2_490_368, false, "\r      2,490,368  99%    1.10MB/s    0:00:00  ");
    check(7492, 4, 2_500_000, true, "\r      2,500,000 100%    1.11MB/s    0:00:02 (xfr#5, to-chk=0/6)\n");
    assert_eq!(meter.finish(), None);
}

#[test]
fn a_push_as_a_whole() {
    let mut meter = Progress::new(Scope::Transfer, Numbers::default());
    let mut check = |ms, file, at, last, expect: &str| {
        assert_eq!(text(meter.update(&reading(ms, file, at, last))), expect, "at {ms}");
    };
    check(9, 0, 32_768, false, "\r         32,768   0%    0.00kB/s    0:00:00  ");
    check(1074, 0, 1_671_168, false, "\r      1,671,168  14%    1.47MB/s    0:00:06  ");
    check(2140, 0, 3_309_568, false, "\r      3,309,568  28%    1.47MB/s    0:00:05  ");
    check(3206, 0, 4_947_968, false, "\r      4,947,968  42%    1.47MB/s    0:00:04  ");
    check(4273, 0, 6_586_368, false, "\r      6,586,368  57%    1.47MB/s    0:00:03  ");
    check(5339, 0, 8_224_768, false, "\r      8,224,768  71%    1.47MB/s    0:00:02  ");
    check(5766, 0, 9_000_000, true, "\r      9,000,000  77%    1.49MB/s    0:00:05 (xfr#1, to-chk=4/6)");
    check(5766, 1, 300, false, "");
    check(5766, 1, 300, true, "\r      9,000,300  77%    1.49MB/s    0:00:05 (xfr#2, to-chk=3/6)");
    check(5766, 2, 0, true, "\r      9,000,300  77%    1.49MB/s    0:00:05 (xfr#3, to-chk=2/6)");
    check(5767, 3, 40_000, true, "\r      9,040,300  78%    1.49MB/s    0:00:05 (xfr#4, to-chk=1/6)");
    check(6425, 4, 851_968, false, "\r      9,892,268  85%    1.47MB/s    0:00:01  ");
    check(7491, 4, 2_490_368, false, "\r     11,530,668  99%    1.47MB/s    0:00:00  ");
    check(7491, 4, 2_500_000, true, "\r     11,540,300 100%    1.47MB/s    0:00:07 (xfr#5, to-chk=0/6)");
    assert_eq!(text(meter.finish()), "\n");
    assert_eq!(meter.finish(), None);
}

/// A pull over a line whose speed changed every second.
#[test]
fn rates_are_those_of_the_last_readings() {
    let mut meter = Progress::new(Scope::File, Numbers::default());
    let readings: [(u64, u64, &str); 8] = [
        (114, 0, "   0%    0.00kB/s    0:00:00  "),
        (1132, 1_933_312, "  16%    1.81MB/s    0:00:05  "),
        (2175, 2_916_352, "  24%    1.35MB/s    0:00:06  "),
        (3253, 3_407_872, "  28%    1.04MB/s    0:00:08  "),
        (4262, 3_735_552, "  31%  879.46kB/s    0:00:09  "),
        (5490, 4_587_520, "  38%  594.77kB/s    0:00:12  "),
        (6493, 5_341_184, "  44%  548.40kB/s    0:00:12  "),
        (7521, 6_619_136, "  55%  734.77kB/s    0:00:07  "),
    ];
    for (now_ms, at, expect) in readings {
        let update = ProgressUpdate { now_ms, at, size: 12_000_000, ..ProgressUpdate::default() };
        let line = text(meter.update(&update));
        assert_eq!(line.get(16..), Some(expect), "at {now_ms}");
    }
}

#[test]
fn a_pause_between_files_starts_the_clock_anew() {
    let after = |pause| {
        let mut meter = Progress::new(Scope::File, Numbers::default());
        meter.update(&reading(0, 1, 300, false));
        meter.update(&reading(0, 1, 300, true));
        meter.update(&reading(pause, 3, 0, false));
        text(meter.update(&reading(pause + 1, 3, 40_000, true)))
    };
    assert!(after(1302).contains("   29.98kB/s    0:00:01 (xfr#4"), "{}", after(1302));
    assert!(after(1499).contains("   26.04kB/s"), "{}", after(1499));
    assert!(after(1500).contains("  38.15MB/s    0:00:00"), "{}", after(1500));
}

/// A dry run only ends phases: everything is done in no time, which counts as a millisecond.
#[test]
fn units_of_rates() {
    let sizes: [(u64, &str); 11] = [
        (0, "\r              0 100%    0.00kB/s"),
        (1, "\r              1 100%    0.98kB/s"),
        (1_048, "\r          1,048 100% 1023.44kB/s"),
        (1_049, "\r          1,049 100%    1.00MB/s"),
        (10_000, "\r         10,000 100%    9.54MB/s"),
        (1_073_741, "\r      1,073,741 100% 1024.00MB/s"),
        (1_073_742, "\r      1,073,742 100%    1.00GB/s"),
        (107_374_182, "\r    107,374,182 100%  100.00GB/s"),
        (10_737_418_240, "\r 10,737,418,240 100% 10000.00GB/s"),
        (1_073_741_824_000, "\r1,073,741,824,000 100% 1000000.00GB/s"),
        (1_152_921_504_606_846_975, "\r1,152,921,504,606,846,975 100% 1073741824000.00GB/s"),
    ];
    for (size, expect) in sizes {
        let update = ProgressUpdate {
            now_ms: 7,
            at: size,
            size,
            last: true,
            transferred: 1,
            done_before: 0,
            total_size: size,
            left: 0,
            total: 1,
            list_complete: true,
        };
        let line = text(Progress::new(Scope::Transfer, Numbers::default()).update(&update));
        assert_eq!(line, [expect, "    0:00:00 (xfr#1, to-chk=0/1)"].concat());
    }
}

#[test]
fn levels_of_numbers() {
    let line = |numbers| text(Progress::new(Scope::File, numbers).update(&reading(0, 0, 32_768, false)));
    let at = |level| Numbers::default().at(level);
    assert_eq!(line(at(Level::Plain)), "\r          32768   0%    0.00kB/s    0:00:00  ");
    assert_eq!(line(at(Level::Thousands)), "\r         32.77K   0%    0.00kB/s    0:00:00  ");
    let comma = Numbers { decimal_comma: true, ..Numbers::default() };
    assert_eq!(line(comma), "\r         32.768   0%    0,00kB/s    0:00:00  ");
}

#[test]
fn endings_cover_the_one_before() {
    let mut meter = Progress::new(Scope::Transfer, Numbers::default());
    let mut end = |transferred, left, list_complete| {
        let update =
            ProgressUpdate { last: true, transferred, left, total: 241, list_complete, ..ProgressUpdate::default() };
        text(meter.update(&update)).split_off(45)
    };
    assert_eq!(end(207, 10, true), "(xfr#207, to-chk=10/241)");
    assert_eq!(end(208, 8, true), "(xfr#208, to-chk=8/241) ");
    assert_eq!(end(209, 7, true), "(xfr#209, to-chk=7/241)");
    assert_eq!(end(210, 1000, false), "(xfr#210, ir-chk=1000/241)");
}

#[test]
fn other_lines_start_on_a_new_one() {
    let mut meter = Progress::new(Scope::File, Numbers::default());
    assert_eq!(meter.interrupt(), None);
    meter.update(&reading(0, 0, 32_768, false));
    assert_eq!(meter.interrupt(), Some(&b"\n"[..]));
    assert_eq!(meter.interrupt(), None);
    meter.update(&reading(0, 0, 9_000_000, true));
    assert_eq!(meter.interrupt(), None);
}

#[test]
fn times_that_nobody_can_tell() {
    assert_eq!(clock(-1.0), "  ??:??:??");
    assert_eq!(clock(f64::NAN), "  ??:??:??");
    assert_eq!(clock(9999.0 * 3600.0), "9999:00:00");
    assert_eq!(clock(9999.0 * 3600.0 + 1.0), "  ??:??:??");
    assert_eq!(clock(3599.9), "   0:59:59");
}

proptest! {
    #[test]
    fn any_readings_give_one_line_each(
        readings in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>()), 1..40),
        whole: bool,
    ) {
        let scope = if whole { Scope::Transfer } else { Scope::File };
        let mut meter = Progress::new(scope, Numbers::default());
        for (now_ms, at, size, last) in readings {
            let update = ProgressUpdate { now_ms, at, size, last, total_size: size, done_before: at, ..ProgressUpdate::default() };
            let line = text(meter.update(&update));
            prop_assert!(!last || !line.is_empty());
            prop_assert!(line.len() < 160);
            prop_assert_eq!(line.matches('\n').count(), usize::from(last && !whole));
        }
    }
}
