//! What one session remembers besides the transport's own state. In the stateless era it lives for one request.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still part of the older eras"
)]

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rmcp::model::LoggingLevel;
use telemetry::metrics::{GaugeGuard, Histogram};
use tokio::time::Instant;

use super::listeners::Listening;
use super::metrics::EngineMetrics;
use crate::session::{SharedWishes, Wishes};

/// The memory of one session.
#[derive(Default)]
pub struct SessionState {
    /// What the client asked for, as this replica knows it.
    known: Mutex<Wishes>,
    /// The same as all replicas know it.
    shared: OnceLock<SharedWishes>,
    counted: OnceLock<Counted>,
    listening: OnceLock<Listening>,
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

    /// Shares what the client asks for with the other replicas from here on.
    pub(crate) fn share(&self, wishes: &SharedWishes) {
        let _ = self.shared.set(wishes.clone());
    }

    /// The least level of log messages that the client wants; `info` until it says otherwise.
    pub(crate) async fn log_level(&self) -> LoggingLevel {
        self.wishes().await.level.unwrap_or(LoggingLevel::Info)
    }

    pub(crate) async fn set_log_level(&self, level: LoggingLevel) {
        self.change(|wishes| wishes.level = Some(level)).await;
    }

    /// Whether there was room for one more among `most`.
    pub(crate) async fn subscribe(&self, uri: String, most: usize) -> bool {
        let resources = self.wishes().await.resources;
        if resources.len() >= most && !resources.contains(&uri) {
            return false;
        }
        self.change(|wishes| wishes.resources.extend([uri.clone()])).await;
        true
    }

    pub(crate) async fn unsubscribe(&self, uri: &str) {
        self.change(|wishes| wishes.resources.retain(|of| of != uri))
            .await;
    }

    /// Whether the client asked to be told of changes of this resource.
    pub(crate) async fn is_subscribed(&self, uri: &str) -> bool {
        self.wishes().await.resources.contains(uri)
    }

    /// What the client asked for at whatever replica; what it asked for here while the cache is away.
    async fn wishes(&self) -> Wishes {
        let shared = match self.shared.get() {
            Some(shared) => shared.read().await,
            None => None,
        };
        match shared {
            Some(wishes) => {
                self.known().clone_from(&wishes);
                wishes
            }
            None => self.known().clone(),
        }
    }

    async fn change(&self, change: impl Fn(&mut Wishes)) {
        change(&mut self.known());
        if let Some(shared) = self.shared.get() {
            shared.change(change).await;
        }
    }

    fn known(&self) -> MutexGuard<'_, Wishes> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
