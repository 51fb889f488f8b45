//! Tells the log that the collector does not take a signal, and that it does again.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::Dispatch;

/// A collector that is away is told of at once and then so often, not at every export.
const AGAIN: Duration = Duration::from_secs(300);

/// Whose log it is: the exporters start before there is one.
pub(super) type Voice = Arc<OnceLock<Dispatch>>;

/// What one signal's way to the collector has to say.
#[derive(Clone, Debug)]
pub(super) struct Report(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    signal: &'static str,
    /// Host and port: the rest of an address may hold a password.
    collector: String,
    voice: Voice,
    trouble: Mutex<Option<Trouble>>,
}

/// Exports fail.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Instant,
    told: Instant,
    exports: u64,
}

impl Report {
    pub(super) fn new(signal: &'static str, endpoint: &str, voice: Voice) -> Self {
        let address = endpoint.parse::<http::Uri>().unwrap_or_default();
        let host = address.host().unwrap_or_default();
        let port = address.port().map(|port| format!(":{port}"));
        Self(Arc::new(Inner {
            signal,
            collector: format!("{host}{}", port.unwrap_or_default()),
            voice,
            trouble: Mutex::default(),
        }))
    }

    /// An export failed.
    pub(super) fn failed(&self, error: &str) {
        if let Some(exports) = self.count(Instant::now()) {
            let (signal, collector) = (self.0.signal, &self.0.collector);
            self.say(|| {
                tracing::warn!(
                    event = "telemetry_export_failed",
                    signal,
                    collector,
                    exports,
                    error,
                    "the collector does not take the {signal}: what is not sent is dropped and counted"
                );
            });
        }
    }

    /// The collector answered.
    pub(super) fn worked(&self) {
        let over = self.trouble().take();
        if let Some(trouble) = over {
            let downtime_seconds = trouble.since.elapsed().as_secs_f64();
            let (signal, exports) = (self.0.signal, trouble.exports);
            self.say(|| {
                tracing::info!(
                    event = "telemetry_export_recovered",
                    signal,
                    collector = self.0.collector,
                    exports,
                    downtime_seconds,
                    "the collector takes the {signal} again"
                );
            });
        }
    }

    /// Counts a failed export; answers how many there were, when it is time to say so.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut trouble = self.trouble();
        let is_first = trouble.is_none();
        let trouble = trouble.get_or_insert(Trouble {
            since: now,
            told: now,
            exports: 0,
        });
        trouble.exports += 1;
        let is_due = is_first || now.duration_since(trouble.told) >= AGAIN;
        if is_due {
            trouble.told = now;
        }
        is_due.then_some(trouble.exports)
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: impl FnOnce()) {
        if let Some(voice) = self.0.voice.get() {
            tracing::dispatcher::with_default(voice, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_stays_away_is_told_of_once_and_then_every_five_minutes() {
        let report = Report::new("traces", "http://user:secret@collector:4317/x", Voice::default());
        assert_eq!(report.0.collector, "collector:4317");
        let now = Instant::now();
        let told = (0..=600).map(|second| report.count(now + Duration::from_secs(second)));
        assert_eq!(told.flatten().collect::<Vec<_>>(), [1, 301, 601]);
    }
}
