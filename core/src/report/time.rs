//! Dates in texts. The host knows the time zone; this module only writes what it is told.

use alloc::format;
use alloc::vec::Vec;

/// A moment on the local calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Year of the common era.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

/// Turns seconds since 1970 into local time.
pub type Clock<'a> = &'a dyn Fn(i64) -> LocalTime;

impl LocalTime {
    /// The calendar date of `unix` seconds since 1970, at `offset` seconds east of Greenwich.
    pub fn at(unix: i64, offset: i32) -> LocalTime {
        let local = i128::from(unix) + i128::from(offset);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400) as u32);
        let (year, month, day) = civil(days);
        LocalTime {
            year,
            month,
            day,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
        }
    }

    /// `YYYY/MM/DD HH:MM:SS`, with `between` in the middle: a blank, or `-` in `%M`.
    pub fn text(&self, between: char) -> Vec<u8> {
        let LocalTime { year, month, day, hour, minute, second } = self;
        format!("{year:04}/{month:02}/{day:02}{between}{hour:02}:{minute:02}:{second:02}").into_bytes()
    }
}

/// Year, month and day of a day number counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day comes last and month lengths follow one linear formula.
fn civil(days: i128) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u8;
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    (year as i64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        let check = |unix, offset, expect: &str| {
            assert_eq!(LocalTime::at(unix, offset).text(' '), expect.as_bytes(), "{unix}");
        };
        check(0, 0, "1970/01/01 00:00:00");
        check(-1, 0, "1969/12/31 23:59:59");
        check(951_782_400, 0, "2000/02/29 00:00:00");
        check(1_577_934_245, 0, "2020/01/02 03:04:05");
        check(1_577_934_245, -14_400, "2020/01/01 23:04:05");
        check(4_102_444_800, 3600, "2100/01/01 01:00:00");
        check(253_402_300_800, 0, "10000/01/01 00:00:00");
        assert_eq!(LocalTime::at(0, 0).text('-'), b"1970/01/01-00:00:00");
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        assert_eq!(LocalTime::at(i64::MAX, i32::MAX).year, 292_277_026_664);
        assert!(LocalTime::at(i64::MIN, i32::MIN).year < -292_277_020_000);
    }

    proptest! {
        #[test]
        fn days_follow_each_other(day in -1_000_000i64..5_000_000) {
            let today = LocalTime::at(day * 86_400, 0);
            let tomorrow = LocalTime::at((day + 1) * 86_400, 0);
            let same_month = tomorrow.day == today.day + 1 && tomorrow.month == today.month;
            let next_month = tomorrow.day == 1 && tomorrow.month == today.month % 12 + 1 && today.day >= 28;
            prop_assert!(same_month || next_month, "{:?} {:?}", today, tomorrow);
        }
    }
}
