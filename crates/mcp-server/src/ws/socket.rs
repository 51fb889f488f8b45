//! One WebSocket: what waits to be sent over it, how it ends, and what is counted of it. Its reader, its writer and
//! whoever has something to say share it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use frames::wire::{Ready, Writer};
use frames::{Class, Form, Pushed, SendQueue, Version};
use telemetry::metrics::GaugeGuard;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::config::{WebSocketConfig, bytes};
use super::end::End;
use super::metrics::WebSocketMetrics;

/// Of whom it is not known which type of agent it is.
pub(super) const NO_AGENT: &str = "none";

/// What is sent.
pub(super) enum Outgoing {
    /// A message, and its number; 0 for none.
    Message(u64, Ready),
    /// The answer to a ping frame of the binary form.
    Pong(Bytes),
}

/// A WebSocket.
pub(crate) struct Socket {
    pub(super) version: Version,
    pub(super) config: Arc<WebSocketConfig>,
    pub(super) metrics: Arc<WebSocketMetrics>,
    /// Cancelled when it has to end.
    pub(super) ended: CancellationToken,
    pub(super) wake: Notify,
    pub(super) traffic: Traffic,
    queue: Mutex<SendQueue<Outgoing>>,
    end: OnceLock<End>,
    form: OnceLock<Form>,
    pings: Mutex<Pings>,
    active: Mutex<Option<GaugeGuard>>,
    _version: GaugeGuard,
}

/// Messages and bytes, in both directions.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) received: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) dropped: AtomicU64,
}

struct Pings {
    /// The ping that waits for its pong.
    number: u64,
    sent: Option<Instant>,
    heard: Instant,
    latency: Option<Duration>,
}

impl Socket {
    pub(super) fn new(
        version: Version,
        config: Arc<WebSocketConfig>,
        metrics: Arc<WebSocketMetrics>,
    ) -> Self {
        let queue = SendQueue::new(config.send_queue, bytes(config.send_queue_bytes));
        let label = version.as_str();
        metrics.connections.with([label, "established"]).increment(1);
        Self {
            version,
            ended: CancellationToken::new(),
            wake: Notify::new(),
            traffic: Traffic::default(),
            queue: Mutex::new(queue),
            end: OnceLock::new(),
            form: OnceLock::new(),
            pings: Mutex::new(Pings {
                number: 0,
                sent: None,
                heard: Instant::now(),
                latency: None,
            }),
            active: Mutex::new(Some(metrics.active.with([label, NO_AGENT]).hold())),
            _version: metrics.versions.with([label]).hold(),
            config,
            metrics,
        }
    }

    /// Queues a message. A client that does not read fast enough misses what may be missed, then its connection.
    pub(super) fn push(&self, class: Class, outgoing: Outgoing) {
        let size = match &outgoing {
            Outgoing::Message(_, ready) => ready.json.len(),
            Outgoing::Pong(bytes) => bytes.len(),
        };
        let pushed = lock(&self.queue).push(class, size, outgoing);
        let dropped = match pushed {
            Pushed::Queued { dropped } => dropped,
            Pushed::Dropped => 1,
            Pushed::Overflow => {
                self.end(End::TOO_SLOW);
                0
            }
        };
        if dropped > 0 {
            let dropped = dropped as u64;
            self.traffic.dropped.fetch_add(dropped, Ordering::Relaxed);
            self.metrics.errors.with(["dropped"]).increment(dropped);
        }
        self.wake.notify_one();
    }

    /// How many messages wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).len()
    }

    pub(super) fn next(&self) -> Option<Outgoing> {
        lock(&self.queue).pop()
    }

    /// Ends it; the first reason stays.
    pub(crate) fn end(&self, end: End) {
        let _ = self.end.set(end);
        self.ended.cancel();
    }

    /// Why it ended.
    pub(super) fn why(&self) -> End {
        self.end.get().cloned().unwrap_or(End::LOST)
    }

    /// The form of its client's first message is the form of everything that the client is sent.
    pub(super) fn speaks(&self, form: Form) {
        let _ = self.form.set(form);
    }

    pub(super) fn form(&self) -> Form {
        self.form.get().copied().unwrap_or(Form::Text)
    }

    pub(super) fn writer(&self) -> Writer {
        Writer {
            form: self.form(),
            compress_from: bytes(self.config.compress_from),
        }
    }

    /// The bytes of the next ping; none when the client has answered none for too long.
    pub(super) fn ping(&self, now: Instant) -> Option<[u8; 8]> {
        let mut pings = lock(&self.pings);
        if now.duration_since(pings.heard) > self.config.pong_timeout.get() {
            return None;
        }
        pings.number += 1;
        pings.sent = Some(now);
        Some(pings.number.to_be_bytes())
    }

    /// Takes a pong. One that answers no ping shows that the client is there, and no more.
    pub(super) fn pong(&self, bytes: &[u8], now: Instant) {
        let mut pings = lock(&self.pings);
        pings.heard = now;
        if bytes == pings.number.to_be_bytes()
            && let Some(sent) = pings.sent.take()
        {
            let latency = now.duration_since(sent);
            pings.latency = Some(latency);
            self.metrics.ping_latency.record(latency.as_secs_f64());
        }
    }

    /// How long the last ping took.
    pub(super) fn latency(&self) -> Option<Duration> {
        lock(&self.pings).latency
    }

    /// Counts it among the connections of agents of this type.
    pub(super) fn count_as(&self, agent_type: &str) {
        let guard = self
            .metrics
            .active
            .with([self.version.as_str(), agent_type])
            .hold();
        *lock(&self.active) = Some(guard);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
