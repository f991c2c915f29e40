//! Tokens: each opens one session, soon or never. They are random, kept nowhere but here, and gone when they are used.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};

/// How many may wait to be used.
const WAITING_MAX: usize = 10_000;
const RANDOM_BYTES: usize = 32;

/// The tokens that wait to be used, with the time until which they can be.
pub struct Tokens {
    lifetime: Duration,
    waiting: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    /// None yet.
    pub fn new(lifetime: Duration) -> Tokens {
        Tokens { lifetime, waiting: Mutex::default() }
    }

    /// How long a token can be used.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A new one; `None` when too many wait already, or there is no randomness to be had.
    pub fn issue(&self) -> Option<String> {
        let mut random = [0; RANDOM_BYTES];
        let got = getrandom(&mut random, GetRandomFlags::empty());
        if got != Ok(RANDOM_BYTES) {
            return None;
        }
        let token = random.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            waiting.retain(|_, until| *until > now);
        }
        if waiting.len() >= WAITING_MAX {
            return None;
        }
        waiting.insert(token.clone(), now + self.lifetime);
        Some(token)
    }

    /// Uses a token up; whether it was good.
    pub fn redeem(&self, token: &str) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(token).is_some_and(|until| until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_and_soon() {
        let tokens = Tokens::new(Duration::from_secs(60));
        let (one, two) = (tokens.issue().unwrap(), tokens.issue().unwrap());
        assert_ne!(one, two);
        assert!(!tokens.redeem("") && !tokens.redeem(&one[1..]));
        assert!(tokens.redeem(&one) && !tokens.redeem(&one) && tokens.redeem(&two));
        let tokens = Tokens::new(Duration::from_millis(1));
        let late = tokens.issue().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert!(!tokens.redeem(&late));
    }

    #[test]
    fn bounded() {
        let tokens = Tokens::new(Duration::from_secs(60));
        let issued = (0..WAITING_MAX + 5).filter(|_| tokens.issue().is_some()).count();
        assert_eq!(issued, WAITING_MAX);
        let tokens = Tokens::new(Duration::from_nanos(1));
        assert!((0..WAITING_MAX + 5).all(|_| tokens.issue().is_some()), "old ones make room");
    }
}
