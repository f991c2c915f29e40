//! `--stop-after` and `--stop-at`: when a transfer ends even if it is not finished (spec 4.3.2).
//!
//! `core` has no clock: [`Stop::resolve`] takes the local time and gives local time back; the host knows the zone.

use super::env::leading_number;
use crate::Error;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// When to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// So many minutes after the start.
    After(i64),
    /// At a time of the local clock.
    At {
        /// As typed, for messages.
        text: Vec<u8>,
        /// What of it was given.
        when: When,
    },
}

/// The parts that a `--stop-at` gives; missing ones take the nearest future match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
}

/// A moment of the local clock. A day beyond the end of its month counts on into the next, as `mktime` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct LocalTime {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
}

impl Stop {
    /// The value of `--stop-after`: minutes, trailing junk ignored.
    pub fn after(text: &[u8]) -> Result<Stop, Error> {
        // As stock's int holds it.
        match leading_number(text) as i32 {
            minutes if minutes > 0 => Ok(Stop::After(minutes.into())),
            _ => Err(refuse(b"rsync: invalid --stop-after value: ", text)),
        }
    }

    /// The value of `--stop-at`.
    pub fn at(text: &[u8]) -> Result<Stop, Error> {
        let when = When::parse(text).ok_or_else(|| refuse(b"rsync: invalid --stop-at format: ", text))?;
        Ok(Stop::At { text: text.to_vec(), when })
    }

    /// Seconds from `now`, `second` seconds into its minute, to the end.
    pub fn seconds_from(&self, now: LocalTime, second: u8) -> Result<u64, Error> {
        let seconds = match (self, self.resolve(now)?) {
            (Stop::At { .. }, Some(end)) => (end.minutes() - now.minutes()).saturating_mul(60) - i64::from(second),
            (Stop::After(minutes), _) => minutes.saturating_mul(60),
            _ => 0,
        };
        Ok(seconds.max(0) as u64)
    }

    /// The moment of a `--stop-at`, given the time now; `None` for `--stop-after`, which needs no calendar.
    pub fn resolve(&self, now: LocalTime) -> Result<Option<LocalTime>, Error> {
        match self {
            Stop::After(_) => Ok(None),
            Stop::At { text, when } => match when.next(now) {
                Some(time) => Ok(Some(time)),
                None => Err(refuse(b"rsync: --stop-at time is not in the future: ", text)),
            },
        }
    }
}

fn refuse(message: &[u8], value: &[u8]) -> Error {
    Error::usage([message, value].concat())
}

impl When {
    /// `[date] [("T"|"t") time]` or `time`.
    fn parse(text: &[u8]) -> Option<When> {
        let split = text.iter().position(|b| b.eq_ignore_ascii_case(&b't'));
        let (date, time) = match split {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?),
            None if text.contains(&b':') => (&b""[..], text),
            None => (text, &b""[..]),
        };
        let mut when = When::default();
        if !date.is_empty() {
            when.take_date(date)?;
        } else if time.is_empty() {
            return None;
        }
        if !time.is_empty() {
            // The hour may be missing only if nothing was written in front of the colon at all.
            when.take_time(time, split.is_none())?;
        }
        Some(when)
    }

    /// `[[YEAR sep] MONTH sep] DAY`, `sep` being `-` or `/`.
    fn take_date(&mut self, text: &[u8]) -> Option<()> {
        let mut parts = text.rsplit(|b| matches!(b, b'-' | b'/'));
        self.day = Some(number(parts.next()?, 1, 31)?);
        self.month = parts.next().map(|part| number(part, 1, 12).ok_or(())).transpose().ok()?;
        self.year = parts.next().map(|part| number(part, 0, i64::MAX).ok_or(())).transpose().ok()?;
        // Without a year the day must exist in some year.
        let exists = match (self.month, self.day, self.year) {
            (Some(month), Some(day), None) => day <= month_days(4, month),
            _ => true,
        };
        (parts.next().is_none() && exists).then_some(())
    }

    /// `[HOUR] ":" MINUTE`
    fn take_time(&mut self, text: &[u8], hour_optional: bool) -> Option<()> {
        let colon = text.iter().position(|&b| b == b':')?;
        let (hour, minute) = (text.get(..colon)?, text.get(colon + 1..)?);
        self.hour = if hour.is_empty() && hour_optional { None } else { Some(number(hour, 0, 23)?) };
        self.minute = Some(number(minute, 0, 59)?);
        Some(())
    }

    /// The first match after `now`.
    fn next(&self, now: LocalTime) -> Option<LocalTime> {
        let (hour, minute) = (self.hour.unwrap_or(0), self.minute.unwrap_or(0));
        let later = |time: &LocalTime| time.minutes().cmp(&now.minutes()) == Ordering::Greater;
        let at = |year, month, day| LocalTime { year, month, day, hour, minute };
        match (self.year, self.month, self.day) {
            (Some(year), Some(month), Some(day)) => {
                // Two digits mean the next such year.
                let raise = if year < 100 && now.year > year { (now.year - year + 99) / 100 * 100 } else { 0 };
                Some(at(year + raise, month, day)).filter(later)
            }
            // Eight years always hold a leap year, twelve even around a skipped one.
            (_, Some(month), Some(day)) => (now.year..now.year + 12)
                .filter(|&year| day <= month_days(year, month))
                .map(|year| at(year, month, day))
                .find(later),
            (_, _, Some(day)) => (now.month - 1..now.month + 3)
                .map(|months| (now.year + months / 12, months % 12 + 1))
                .filter(|&(year, month)| day <= month_days(year, month))
                .map(|(year, month)| at(year, month, day))
                .find(later),
            _ => {
                let step = if self.hour.is_some() { (24, 0) } else { (1, now.hour) };
                let today = LocalTime { hour: hour + step.1, minute, ..now };
                Some(if later(&today) { today } else { today.plus_hours(step.0) })
            }
        }
    }
}

impl LocalTime {
    /// Minutes since some fixed day; only differences mean anything.
    fn minutes(&self) -> i64 {
        // The year starts in March here, so that the leap day is the last one.
        let months = self.year.saturating_mul(12).saturating_add(self.month - 3);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
        let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = year.saturating_mul(365).saturating_add(leaps + (month * 153 + 2) / 5 + self.day);
        days.saturating_mul(1440).saturating_add(self.hour * 60 + self.minute)
    }

    fn plus_hours(mut self, hours: i64) -> LocalTime {
        self.hour += hours;
        if self.hour >= 24 {
            self.hour -= 24;
            self.day += 1;
            if self.day > month_days(self.year, self.month) {
                self.day = 1;
                self.month += 1;
            }
            if self.month > 12 {
                self.month = 1;
                self.year += 1;
            }
        }
        self
    }
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Digits only, and in range.
fn number(text: &[u8], min: i64, max: i64) -> Option<i64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = text.iter().fold(0i64, |n, d| n.saturating_mul(10).saturating_add(i64::from(d - b'0')));
    // No calendar needs more, and arithmetic stays far from overflow.
    Some(value.min(1_000_000_000)).filter(|v| (min..=max).contains(v))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    const NOW: LocalTime = LocalTime { year: 2026, month: 11, day: 25, hour: 13, minute: 30 };

    fn resolve(text: &str, now: LocalTime) -> Result<String, String> {
        let stop = Stop::at(text.as_bytes()).map_err(|e| e.text_lossy())?;
        let t = stop.resolve(now).map_err(|e| e.text_lossy())?.expect("a --stop-at has a time");
        Ok(format!("{}-{}-{} {}:{:02}", t.year, t.month, t.day, t.hour, t.minute))
    }

    #[test]
    fn missing_parts_take_the_nearest_future() {
        for (text, expect) in [
            ("2030-1-2T3:4", "2030-1-2 3:04"),
            ("2030/1-2", "2030-1-2 0:00"),
            ("2030-1-2T", "2030-1-2 0:00"),
            ("30-1-1", "2030-1-1 0:00"),
            ("26-11-26", "2026-11-26 0:00"),
            ("25-11-26", "2125-11-26 0:00"),
            ("99-1-1", "2099-1-1 0:00"),
            ("12-31", "2026-12-31 0:00"),
            ("11-25", "2027-11-25 0:00"),
            ("11-25t13:31", "2026-11-25 13:31"),
            ("1-1", "2027-1-1 0:00"),
            ("2-29", "2028-2-29 0:00"),
            ("26", "2026-11-26 0:00"),
            ("25", "2026-12-25 0:00"),
            ("31", "2026-12-31 0:00"),
            ("25T14:00", "2026-11-25 14:00"),
            ("14:00", "2026-11-25 14:00"),
            ("T14:00", "2026-11-25 14:00"),
            ("12:3", "2026-11-26 12:03"),
            ("13:30", "2026-11-26 13:30"),
            (":31", "2026-11-25 13:31"),
            (":30", "2026-11-25 14:30"),
            ("2030-2-30", "2030-2-30 0:00"),
        ] {
            assert_eq!(resolve(text, NOW).as_deref(), Ok(expect), "{text}");
        }
    }

    #[test]
    fn years_and_months_carry() {
        let eve = LocalTime { year: 2026, month: 12, day: 31, hour: 23, minute: 59 };
        for (text, expect) in [(":05", "2027-1-1 0:05"), ("8:00", "2027-1-1 8:00"), ("31", "2027-1-31 0:00")] {
            assert_eq!(resolve(text, eve).as_deref(), Ok(expect), "{text}");
        }
        let january = LocalTime { year: 2027, month: 1, day: 30, hour: 0, minute: 0 };
        assert_eq!(resolve("30", january).as_deref(), Ok("2027-3-30 0:00"), "February has no 30th");
    }

    #[test]
    fn bad_times_are_refused() {
        for text in [
            "foo",
            "",
            ":",
            "1:",
            "T",
            "T:30",
            "T5",
            "0",
            "1T1",
            "4-31",
            "13-1",
            "1-32",
            "0-1",
            "1-0",
            "25:00",
            "23:60",
            "1-1T:30",
            "2030-1-1T12",
            "2030-1-1T12:",
            "2030-1-1 12:00",
            "2030-1-1-1",
            "2030-",
            "-1",
            "/1",
            "12:30:00",
            "12:30x",
        ] {
            assert_eq!(resolve(text, NOW), Err(format!("rsync: invalid --stop-at format: {text}")));
        }
        for text in ["2026-11-25", "130-1-1", "2026-11-25T13:30", "2020-1-1"] {
            assert_eq!(resolve(text, NOW), Err(format!("rsync: --stop-at time is not in the future: {text}")));
        }
    }

    #[test]
    fn minutes_are_counted_from_the_start() {
        for (text, minutes) in [("5", 5), ("5x", 5), (" 5", 5), ("010", 10)] {
            assert_eq!(Stop::after(text.as_bytes()), Ok(Stop::After(minutes)));
        }
        for text in ["0", "-1", "x", "", "0x10"] {
            let error = Stop::after(text.as_bytes()).unwrap_err();
            assert_eq!(error.text_lossy(), format!("rsync: invalid --stop-after value: {text}"));
        }
    }

    #[test]
    fn minutes_grow_by_one_day_at_a_time() {
        let mut day = LocalTime { year: 1999, month: 12, day: 31, hour: 0, minute: 0 };
        for _ in 0..1000 {
            let next = day.plus_hours(24);
            assert_eq!(next.minutes() - day.minutes(), 1440, "{day:?}");
            day = next;
        }
    }
}
