//! How many messages one connection may send; how many keys are asked for.

use domain::limit::Rate;
use tokio::time::Instant;

/// A bucket that fills at a rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
    /// Refusals since the last message that was taken.
    refused: u32,
}

/// What the bucket says to a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Taken {
    /// Take it.
    Yes,
    /// Refuse it; after so many seconds there is room.
    No(f64),
    /// It was told too often: whoever sends this does not listen.
    Never,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, burst: u32, now: Instant) -> Self {
        Self {
            per_second: rate.per_second(),
            burst: burst.into(),
            tokens: burst.into(),
            at: now,
            refused: 0,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Taken {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.refused = 0;
            return Taken::Yes;
        }
        self.refused += 1;
        if f64::from(self.refused) > self.burst.max(10.0) {
            return Taken::Never;
        }
        Taken::No((1.0 - self.tokens) / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_rate_and_who_does_not_listen_is_given_up() {
        let begin = Instant::now();
        let mut bucket = Bucket::new("10/s".parse().unwrap(), 2, begin);
        assert_eq!([bucket.take(begin), bucket.take(begin)], [Taken::Yes; 2]);
        assert_eq!(bucket.take(begin), Taken::No(0.1));
        assert_eq!(bucket.take(begin + Duration::from_millis(100)), Taken::Yes);
        for _ in 0..10 {
            assert!(matches!(bucket.take(begin), Taken::No(_)));
        }
        assert_eq!(bucket.take(begin), Taken::Never);
    }
}
