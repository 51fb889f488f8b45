//! Waits between tries: doubled each time, with a random share.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The waits between the tries of one thing.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self::seeded(first, most, RandomState::new().hash_one(0))
    }

    fn seeded(first: Duration, most: Duration, seed: u64) -> Self {
        Self {
            first,
            most,
            tries: 0,
            random: seed | 1,
        }
    }

    /// The next wait: half of it is certain, half random.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.tries.min(16)).unwrap_or(u32::MAX);
        self.tries = self.tries.saturating_add(1);
        let whole = self.first.saturating_mul(factor).min(self.most);
        whole / 2 + whole.mul_f64(self.share() / 2.0)
    }

    /// It went well: the next wait is the first one again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    /// 0 to 1 (xorshift: it only has to differ from agent to agent).
    fn share(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from((self.random >> 32) as u32) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_most_differ_between_agents_and_begin_anew_after_success() {
        let waits = |seed| {
            let mut backoff = Backoff::seeded(Duration::from_millis(200), Duration::from_secs(10), seed);
            (0..12).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        let (one, other) = (waits(1), waits(0x9e37_79b9_7f4a_7c15));
        assert_ne!(one, other);
        for (tries, wait) in one.iter().enumerate() {
            let whole = Duration::from_millis(200 << tries.min(10)).min(Duration::from_secs(10));
            assert!(*wait >= whole / 2 && *wait <= whole, "{tries}: {wait:?}");
        }
        let mut backoff = Backoff::seeded(Duration::from_millis(200), Duration::from_secs(10), 1);
        for _ in 0..5 {
            let _ = backoff.next();
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(200));
    }
}
