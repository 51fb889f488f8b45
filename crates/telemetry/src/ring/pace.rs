//! How many new traces a second are kept where nothing else decides it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const SECOND: u64 = 1_000_000_000;
/// A burst may use so many seconds' worth at once: a person's clicks are never cut, a load test is.
const BURST_SECONDS: u64 = 10;

/// A leaky bucket in one word (GCRA): the cost under load is one clock and one load.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    /// Nanoseconds between two traces; none are kept when it is 0.
    interval: u64,
    /// Up to when the bucket is used up, in nanoseconds since `began`.
    used_until: AtomicU64,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            began: Instant::now(),
            interval: SECOND.checked_div(u64::from(per_second)).unwrap_or(0),
            used_until: AtomicU64::new(0),
        }
    }

    pub(super) fn picks(&self) -> bool {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.picks_at(now)
    }

    fn picks_at(&self, now: u64) -> bool {
        if self.interval == 0 {
            return false;
        }
        let taken = self.used_until.fetch_update(Relaxed, Relaxed, |used| {
            (used <= now.saturating_add(BURST_SECONDS * SECOND)).then(|| used.max(now) + self.interval)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_kept_whole_and_a_flood_at_the_rate() {
        let pace = Pace::new(100);
        let burst = (0..5_000).filter(|_| pace.picks_at(SECOND)).count();
        assert!((1_000..=1_001).contains(&burst), "{burst}");
        let flood = (0..10_000_u64)
            .filter(|n| pace.picks_at(SECOND + n * SECOND / 1_000))
            .count();
        assert!((950..=1_050).contains(&flood), "{flood} in ten seconds");
    }

    #[test]
    fn a_rate_of_nought_keeps_nothing() {
        assert!(!Pace::new(0).picks());
    }
}
