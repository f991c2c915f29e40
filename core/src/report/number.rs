//! Numbers as rsync prints them: plain, grouped, or with a unit letter (spec 3.11.6, 4.10.6).
//!
//! One [`Numbers`] is made from the options and handed to everything that prints a number.

use alloc::format;
use alloc::vec::Vec;

/// How large numbers are written: `--human-readable`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `--no-h`: plain digits.
    Plain,
    /// The default: groups of three digits.
    #[default]
    Grouped,
    /// `-h`: units of 1000.
    Thousands,
    /// `-hh`: units of 1024.
    Binary,
}

impl Level {
    /// The level that this many `-h` on top of the default give; `0` is `--no-h`, the default is `1`.
    pub fn from_count(count: u32) -> Level {
        match count {
            0 => Level::Plain,
            1 => Level::Grouped,
            2 => Level::Thousands,
            _ => Level::Binary,
        }
    }

    /// Size of one unit step, where the level has units.
    fn unit(self) -> Option<f64> {
        match self {
            Level::Plain | Level::Grouped => None,
            Level::Thousands => Some(1000.0),
            Level::Binary => Some(1024.0),
        }
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The level.
    pub level: Level,
    /// The locale writes `1,5` for one and a half, and so `.` between groups.
    pub decimal_comma: bool,
}

impl Numbers {
    /// Plain digits: for texts that no option changes.
    pub const PLAIN: Numbers = Numbers { level: Level::Plain, decimal_comma: false };

    /// The same locale at another level.
    pub fn at(self, level: Level) -> Numbers {
        Numbers { level, ..self }
    }

    /// The same without unit letters: counts of files, and the speedup.
    pub fn without_units(self) -> Numbers {
        self.at(self.level.min(Level::Grouped))
    }

    /// A whole number.
    pub fn integer(self, number: i64) -> Vec<u8> {
        match self.level {
            Level::Plain => format!("{number}").into_bytes(),
            _ => self.scaled(number as f64).unwrap_or_else(|| self.grouped(number)),
        }
    }

    /// A count, which is never negative.
    pub fn count(self, number: u64) -> Vec<u8> {
        self.integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A number with `places` decimals.
    ///
    /// From 1000 on, grouping takes the integer part and the decimals of the fraction apart, as rsync does: 2499.998 is
    /// `2,499.00` with two places, though 999.998 is `1000.00`.
    pub fn decimal(self, number: f64, places: usize) -> Vec<u8> {
        let small = number.abs() < 1000.0 || !number.is_finite();
        if self.level == Level::Plain {
            return self.fixed(number, places);
        }
        if let Some(text) = self.scaled(number) {
            return text;
        }
        if small {
            return self.fixed(number, places);
        }
        let whole = number as i64;
        let mut text = self.grouped(whole);
        let fraction = self.fixed((number - whole as f64).abs(), places);
        text.extend(fraction.iter().skip_while(|&&byte| byte.is_ascii_digit()));
        text
    }

    /// A number with `places` decimals and no grouping, in the locale's notation.
    pub fn fixed(self, number: f64, places: usize) -> Vec<u8> {
        let mut text = format!("{number:.places$}").into_bytes();
        if self.decimal_comma {
            text.iter_mut().filter(|byte| **byte == b'.').for_each(|byte| *byte = b',');
        }
        text
    }

    /// The number with a unit letter, if the level has units and the number reaches one.
    fn scaled(self, number: f64) -> Option<Vec<u8>> {
        let unit = self.level.unit()?;
        if number.abs() < unit || !number.is_finite() {
            return None;
        }
        let mut value = number;
        let mut letter = b' ';
        for next in *b"KMGTP" {
            if value.abs() < unit {
                break;
            }
            value /= unit;
            letter = next;
        }
        let mut text = self.fixed(value, 2);
        text.push(letter);
        Some(text)
    }

    /// Digits in groups of three.
    fn grouped(self, number: i64) -> Vec<u8> {
        let separator = if self.decimal_comma { b'.' } else { b',' };
        let digits = format!("{}", number.unsigned_abs());
        let mut text = Vec::with_capacity(27);
        if number < 0 {
            text.push(b'-');
        }
        for (index, byte) in digits.bytes().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                text.push(separator);
            }
            text.push(byte);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("numbers are ASCII")
    }

    /// Sizes as stock rsync lists them at `--no-h`, by default, with `-h` and with `-hh`.
    const SIZES: &[(i64, &str, &str, &str)] = &[
        (0, "0", "0", "0"),
        (999, "999", "999", "999"),
        (1000, "1,000", "1.00K", "1,000"),
        (1004, "1,004", "1.00K", "1,004"),
        (1005, "1,005", "1.00K", "1,005"),
        (1023, "1,023", "1.02K", "1,023"),
        (1024, "1,024", "1.02K", "1.00K"),
        (9999, "9,999", "10.00K", "9.76K"),
        (10000, "10,000", "10.00K", "9.77K"),
        (999_994, "999,994", "999.99K", "976.56K"),
        (999_995, "999,995", "1000.00K", "976.56K"),
        (1_000_000, "1,000,000", "1.00M", "976.56K"),
        (1_048_051, "1,048,051", "1.05M", "1023.49K"),
        (1_048_575, "1,048,575", "1.05M", "1024.00K"),
        (1_048_576, "1,048,576", "1.05M", "1.00M"),
        (123_456_789, "123,456,789", "123.46M", "117.74M"),
        (999_999_999_999, "999,999,999,999", "1000.00G", "931.32G"),
        (1_099_511_627_775, "1,099,511,627,775", "1.10T", "1024.00G"),
        (1_125_899_906_842_623, "1,125,899,906,842,623", "1.13P", "1024.00T"),
        (1_152_921_504_606_846_975, "1,152,921,504,606,846,975", "1152.92P", "1024.00P"),
        (9_223_372_036_854_771_711, "9,223,372,036,854,771,711", "9223.37P", "8192.00P"),
        (-7_942_737_743_265_968_338, "-7,942,737,743,265,968,338", "-7942.74P", "-7054.57P"),
    ];

    #[test]
    fn integers_as_stock_prints_them() {
        for &(number, grouped, thousands, binary) in SIZES {
            let at = |count| text(Numbers::default().at(Level::from_count(count)).integer(number));
            assert_eq!(at(0), format!("{number}"));
            assert_eq!(at(1), grouped);
            assert_eq!(at(2), thousands);
            assert_eq!(at(3), binary);
        }
    }

    #[test]
    fn decimals_as_stock_prints_them() {
        let check = |level, number, expect: &str| {
            assert_eq!(text(Numbers::default().at(level).decimal(number, 2)), expect, "{number} {level:?}");
        };
        let speedup = 1_152_499.0 / 461.0;
        check(Level::Plain, speedup, "2500.00");
        check(Level::Grouped, speedup, "2,499.00");
        check(Level::Plain, 460_999.0 / 461.0, "1000.00");
        check(Level::Grouped, 460_999.0 / 461.0, "1000.00");
        check(Level::Grouped, 460_997.0 / 461.0, "999.99");
        check(Level::Grouped, 5_691_044.0 / 460.0, "12,371.83");
        check(Level::Thousands, 1990.0, "1.99K");
        check(Level::Binary, 1982.0, "1.94K");
        check(Level::Thousands, 778.0, "778.00");
        check(Level::Plain, 1982.0, "1982.00");
        check(Level::Grouped, 2_471_306.0, "2,471,306.00");
        check(Level::Grouped, -7_942_737_743_265_968_338.0 / 995.0, "-7,982,650,998,257,254.00");
        check(Level::Grouped, f64::INFINITY, "inf");
    }

    #[test]
    fn decimal_comma_swaps_both_marks() {
        let numbers = Numbers { decimal_comma: true, ..Numbers::default() };
        assert_eq!(text(numbers.integer(11_540_300)), "11.540.300");
        assert_eq!(text(numbers.decimal(69_941.21, 2)), "69.941,21");
        assert_eq!(text(numbers.at(Level::Thousands).integer(11_540_300)), "11,54M");
        assert_eq!(text(numbers.at(Level::Plain).decimal(69_941.21, 2)), "69941,21");
    }

    proptest! {
        #[test]
        fn grouping_only_inserts_separators(number: i64) {
            let grouped = text(Numbers::default().integer(number));
            prop_assert_eq!(grouped.replace(',', ""), format!("{number}"));
            prop_assert!(grouped.trim_start_matches('-').split(',').skip(1).all(|group| group.len() == 3));
        }

        #[test]
        fn units_stay_within_one_step(number in 1000i64..999_000_000_000_000_000) {
            let scaled = text(Numbers::default().at(Level::Thousands).integer(number));
            let value: f64 = scaled[..scaled.len() - 1].parse().expect("a number before the letter");
            prop_assert!((1.0..=1000.0).contains(&value), "{}", scaled);
        }
    }
}
