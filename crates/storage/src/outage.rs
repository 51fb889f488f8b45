//! The lines of a database that cannot be used: seldom, however many calls fail.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long calls fail, with none that succeeds between them, before that is an outage. Shorter ones are a connection that
/// was cut, which the next call mends.
const OUTAGE: Duration = Duration::from_secs(2);
/// How often an outage that goes on is told.
const AGAIN: Duration = Duration::from_secs(30);

/// What is known of the database's last failures.
#[derive(Default)]
pub(crate) struct Outage {
    /// Failures since a call succeeded.
    failures: AtomicU64,
    times: Mutex<Option<Times>>,
}

#[derive(Clone, Copy)]
struct Times {
    since: Instant,
    told: Option<Instant>,
}

impl Outage {
    /// A call failed for want of the database.
    pub(crate) fn failed(&self, reason: &str) {
        let attempt = self.failures.fetch_add(1, Relaxed) + 1;
        // The first, and then ever more seldom: every call of every request fails during an outage.
        if attempt.is_power_of_two() {
            tracing::error!(
                event = "database_connection_failed",
                error = reason,
                retry_attempt = attempt,
                max_retries = 0,
                "the database cannot be used: {reason}"
            );
        }
        if let Some(downtime) = self.to_tell(Instant::now()) {
            tracing::error!(
                critical = true,
                event = "service_unavailable",
                reason = "database_unreachable",
                downtime_seconds = downtime.as_secs_f64(),
                "the database has been away for {} s",
                downtime.as_secs()
            );
        }
    }

    /// A call was answered.
    pub(crate) fn answered(&self) {
        if self.failures.load(Relaxed) == 0 {
            return;
        }
        self.failures.store(0, Relaxed);
        let over = self.lock().take();
        if let Some(times) = over.filter(|times| times.told.is_some()) {
            tracing::warn!(
                event = "service_available",
                reason = "database_unreachable",
                downtime_seconds = times.since.elapsed().as_secs_f64(),
                "the database is back"
            );
        }
    }

    /// How long the outage has lasted, when it is time to say so.
    fn to_tell(&self, now: Instant) -> Option<Duration> {
        let mut times = self.lock();
        let times = times.get_or_insert(Times {
            since: now,
            told: None,
        });
        let lasted = now - times.since;
        let is_due = lasted >= OUTAGE && times.told.is_none_or(|told| now - told >= AGAIN);
        is_due.then(|| {
            times.told = Some(now);
            lasted
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Times>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_lasts_and_then_seldom() {
        let (outage, start) = (Outage::default(), Instant::now());
        let told = |after: u64| {
            outage
                .to_tell(start + Duration::from_secs(after))
                .map(|it| it.as_secs())
        };
        let seen: Vec<_> = [0, 1, 2, 3, 31, 32, 40, 62].into_iter().map(told).collect();
        assert_eq!(seen, [None, None, Some(2), None, None, Some(32), None, Some(62)]);
        outage.failures.store(1, Relaxed);
        outage.answered();
        assert_eq!(
            outage.to_tell(start + Duration::from_secs(70)),
            None,
            "a new one begins"
        );
    }
}
