//! What one session remembers besides the transport's own state. In the stateless era it lives for one request.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still part of the older eras"
)]

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rmcp::model::LoggingLevel;
use telemetry::metrics::{GaugeGuard, Histogram};
use tokio::time::Instant;

use super::listeners::Listening;
use super::metrics::EngineMetrics;

/// The memory of one session.
#[derive(Default)]
pub struct SessionState {
    asked: Mutex<Asked>,
    counted: OnceLock<Counted>,
    listening: OnceLock<Listening>,
}

#[derive(Default)]
struct Asked {
    level: Option<LoggingLevel>,
    resources: BTreeSet<String>,
}

/// Counts the session for as long as it lives.
struct Counted {
    since: Instant,
    duration: Histogram,
    _active: GaugeGuard,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.duration.record(self.since.elapsed().as_secs_f64());
    }
}

impl SessionState {
    /// Counts this as an open session until it is dropped. Counting it again changes nothing.
    pub(crate) fn count(&self, metrics: &EngineMetrics, version: &str) {
        self.counted.get_or_init(|| Counted {
            since: Instant::now(),
            duration: metrics.session_duration.with([version]),
            _active: metrics.sessions.with([version]).hold(),
        });
    }

    /// Keeps the session among those who hear of changes until it is dropped.
    pub(crate) fn listen(&self, listening: Listening) {
        // A client that says twice that it is initialized listens once: the second guard ends at once.
        let _ = self.listening.set(listening);
    }

    /// The least level of log messages that the client wants; `info` until it says otherwise.
    pub(crate) fn log_level(&self) -> LoggingLevel {
        self.asked().level.unwrap_or(LoggingLevel::Info)
    }

    pub(crate) fn set_log_level(&self, level: LoggingLevel) {
        self.asked().level = Some(level);
    }

    pub(crate) fn subscribe(&self, uri: String) {
        self.asked().resources.insert(uri);
    }

    pub(crate) fn unsubscribe(&self, uri: &str) {
        self.asked().resources.remove(uri);
    }

    /// Whether the client asked to be told of changes of this resource.
    pub(crate) fn is_subscribed(&self, uri: &str) -> bool {
        self.asked().resources.contains(uri)
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
