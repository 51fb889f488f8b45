//! What can be set.

use std::time::Duration;

/// Settings of a limiter.
#[derive(Debug, Clone, PartialEq)]
pub struct LimiterOptions {
    /// How long a call waits for the shared buckets before it takes from this replica's own.
    pub timeout: Duration,
    /// How long the shared buckets are left alone after they failed.
    pub rest: Duration,
    /// The share of a burst at which a limit is said to be near.
    pub warn_at: f64,
    /// How often the same bucket may say so.
    pub warn_every: Duration,
}

impl Default for LimiterOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(100),
            rest: Duration::from_secs(1),
            warn_at: 0.9,
            warn_every: Duration::from_mins(1),
        }
    }
}
