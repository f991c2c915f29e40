//! `--bwlimit`: how many bytes may go out now.
//!
//! A bucket that fills at the permitted rate and holds what may go out at once. Its size is that of stock rsync's writes, an
//! eighth of a second's worth, at least 512 bytes (spec 4.5): so time in which nothing was sent can't be caught up.

/// The bucket.
pub struct Throttle {
    bytes_per_second: u64,
    capacity: u64,
    /// Thousandths of a byte, so that nothing is lost to rounding.
    level: u64,
    filled_ms: u64,
}

impl Throttle {
    /// A full bucket, or none where there is no limit.
    pub fn new(bytes_per_second: u64, now_ms: u64) -> Option<Throttle> {
        let capacity = (bytes_per_second / 8).max(512);
        let level = capacity.saturating_mul(1000);
        (bytes_per_second > 0).then_some(Throttle { bytes_per_second, capacity, level, filled_ms: now_ms })
    }

    /// How much may go out now.
    pub fn allowance(&mut self, now_ms: u64) -> usize {
        let elapsed = now_ms.saturating_sub(self.filled_ms);
        let gained = self.bytes_per_second.saturating_mul(elapsed);
        self.level = self.level.saturating_add(gained).min(self.capacity.saturating_mul(1000));
        self.filled_ms = now_ms;
        usize::try_from(self.level / 1000).unwrap_or(usize::MAX)
    }

    /// So much went out.
    pub fn spend(&mut self, bytes: usize) {
        self.level = self.level.saturating_sub((bytes as u64).saturating_mul(1000));
    }

    /// When there will be a worthwhile amount: half of the bucket.
    pub fn ready_ms(&self) -> u64 {
        let missing = (self.capacity.saturating_mul(1000) / 2).saturating_sub(self.level);
        self.filled_ms.saturating_add(missing.div_ceil(self.bytes_per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept() {
        assert!(Throttle::new(0, 0).is_none());
        let mut throttle = Throttle::new(100 * 1024, 1000).unwrap();
        let (mut now, mut sent) = (1000, 0);
        while now < 11_000 {
            let n = throttle.allowance(now);
            assert!(n <= 12_800);
            throttle.spend(n);
            sent += n;
            now = throttle.ready_ms().max(now + 1);
        }
        let expected = 100 * 1024 * 10;
        assert!((expected..expected + 2 * 12_800).contains(&sent), "{sent}");
    }

    #[test]
    fn a_slow_line_moves_on() {
        let mut throttle = Throttle::new(1024, 0).unwrap();
        assert_eq!(throttle.allowance(0), 512);
        throttle.spend(512);
        assert_eq!(throttle.ready_ms(), 250);
        assert_eq!(throttle.allowance(250), 256);
    }

    #[test]
    fn rest_is_not_caught_up() {
        let mut throttle = Throttle::new(8000, 0).unwrap();
        throttle.spend(1000);
        assert_eq!(throttle.allowance(1_000_000), 1000);
    }
}
