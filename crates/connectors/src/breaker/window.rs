//! What came of the calls of the last while, in ten steps.

use std::time::{Duration, Instant};

use domain::breaker::BreakerLimits;

use super::Verdict;

/// How finely the window slides.
const STEPS: usize = 10;

/// Counts of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Tally {
    /// Whether so many of the calls were bad that the breaker opens.
    pub(super) fn trips(self, limits: &BreakerLimits) -> bool {
        let reaches = |bad: u32, percent: u32| {
            bad > 0 && u64::from(bad) * 100 >= u64::from(percent) * u64::from(self.calls)
        };
        self.calls >= limits.minimum_calls
            && (reaches(self.failed, limits.failure_percent) || reaches(self.slow, limits.slow_percent))
    }
}

/// A sliding window of tallies: a step that is as old as the window is forgotten whole.
pub(super) struct Window {
    step: Duration,
    /// The first record; steps are counted from it.
    begun: Option<Instant>,
    /// On the heap: a breaker that is not closed has none.
    steps: Box<[(u64, Tally); STEPS]>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            step: (length / 10).max(Duration::from_millis(1)),
            begun: None,
            steps: Box::new([(0, Tally::default()); STEPS]),
        }
    }

    pub(super) fn record(&mut self, verdict: Verdict, now: Instant) {
        let number = self.number(now);
        let slot = usize::try_from(number % STEPS as u64).unwrap_or_default();
        let (held, tally) = &mut self.steps[slot];
        if *held != number {
            (*held, *tally) = (number, Tally::default());
        }
        tally.calls = tally.calls.saturating_add(1);
        match verdict {
            Verdict::Failed => tally.failed = tally.failed.saturating_add(1),
            Verdict::Slow => tally.slow = tally.slow.saturating_add(1),
            Verdict::Good | Verdict::Void => {}
        }
    }

    pub(super) fn total(&mut self, now: Instant) -> Tally {
        let number = self.number(now);
        let oldest = (number + 1).saturating_sub(STEPS as u64);
        let recent = self
            .steps
            .iter()
            .filter(|(held, _)| (oldest..=number).contains(held));
        recent.fold(Tally::default(), |sum, (_, tally)| Tally {
            calls: sum.calls.saturating_add(tally.calls),
            failed: sum.failed.saturating_add(tally.failed),
            slow: sum.slow.saturating_add(tally.slow),
        })
    }

    fn number(&mut self, now: Instant) -> u64 {
        let begun = *self.begun.get_or_insert(now);
        let steps = now.saturating_duration_since(begun).as_nanos() / self.step.as_nanos();
        u64::try_from(steps).unwrap_or(u64::MAX)
    }
}
