//! When calls of a provider that does not work are refused at once (circuit breaker).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a provider's breaker opens, and how it closes again. Counted in each process by itself.
///
/// A call fails when the upstream cannot be reached, cuts the connection, answers 5xx or no HTTP, or not in time; a
/// 4xx is an answer. What never reached the upstream, and what the caller cancelled early, counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerLimits {
    /// Whether there is one. On: agents wait for a dead upstream otherwise, each until its time-out.
    pub enabled: bool,
    /// How far back calls count, in milliseconds. 60 s: two time-outs long, so that a hanging upstream fills it.
    pub window_ms: u64,
    /// Fewest calls in the window before it may open. 20: below it a rate is chance.
    pub minimum_calls: u32,
    /// Per cent of calls that failed from which it opens. 50: half of the answers are no use.
    pub failure_percent: u32,
    /// From when on a call is slow, in milliseconds. 15 s: half of the default time-out.
    pub slow_call_ms: u64,
    /// Per cent of slow calls from which it opens. 90: slow answers are answers, so nearly all of them must be.
    pub slow_percent: u32,
    /// How long it stays open, in milliseconds. 15 s: jobs come back after that with attempts left.
    pub open_ms: u64,
    /// Calls that are let through after that, to see; all good closes it, one bad opens it again. 3: no rush.
    pub probes: u32,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            window_ms: 60_000,
            minimum_calls: 20,
            failure_percent: 50,
            slow_call_ms: 15_000,
            slow_percent: 90,
            open_ms: 15_000,
            probes: 3,
        }
    }
}

impl BreakerLimits {
    /// [`Self::window_ms`] as a duration.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }

    /// [`Self::slow_call_ms`] as a duration.
    #[must_use]
    pub fn slow_call(&self) -> Duration {
        Duration::from_millis(self.slow_call_ms)
    }

    /// [`Self::open_ms`] as a duration.
    #[must_use]
    pub fn open(&self) -> Duration {
        Duration::from_millis(self.open_ms)
    }
}
