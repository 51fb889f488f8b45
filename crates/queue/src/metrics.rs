//! How long the queue's operations take, measured around either adapter.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use domain::ports::{Delivery, Queue, QueueError, QueueMessage};
use futures::stream::BoxStream;

use crate::span::error_type;

telemetry::metrics! {
    /// What this crate measures.
    pub struct QueueMetrics {
        /// Seconds an operation of the queue took, by operation (publish: the whole batch until the broker has confirmed it; subscribe, dead_letters, replay, ping) and outcome (ok, refused, unavailable).
        duration: histogram "queue_operation_duration_seconds" [operation, outcome] buckets LATENCY,
    }
}

/// `queue`, measured.
pub(crate) fn measured(queue: impl Queue + 'static, metrics: QueueMetrics) -> Arc<dyn Queue> {
    Arc::new(Measured { queue, metrics })
}

struct Measured<Q> {
    queue: Q,
    metrics: QueueMetrics,
}

impl<Q> Measured<Q> {
    fn record(&self, operation: &str, begun: Instant, error: Option<&QueueError>) {
        let outcome = error.map_or("ok", error_type);
        self.metrics
            .duration
            .with([operation, outcome])
            .record(begun.elapsed().as_secs_f64());
    }
}

#[async_trait]
impl<Q: Queue> Queue for Measured<Q> {
    async fn publish(&self, messages: &[QueueMessage]) -> Vec<Result<(), QueueError>> {
        let begun = Instant::now();
        let results = self.queue.publish(messages).await;
        self.record(
            "publish",
            begun,
            results.iter().find_map(|result| result.as_ref().err()),
        );
        results
    }

    async fn subscribe(&self, prefetch: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        let begun = Instant::now();
        let result = self.queue.subscribe(prefetch).await;
        self.record("subscribe", begun, result.as_ref().err());
        result
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        let begun = Instant::now();
        let result = self.queue.dead_letters(limit).await;
        self.record("dead_letters", begun, result.as_ref().err());
        result
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<usize, QueueError> {
        let begun = Instant::now();
        let result = self.queue.replay_dead_letters(limit).await;
        self.record("replay", begun, result.as_ref().err());
        result
    }

    async fn ping(&self) -> Result<(), QueueError> {
        let begun = Instant::now();
        let result = self.queue.ping().await;
        self.record("ping", begun, result.as_ref().err());
        result
    }

    async fn close(&self) {
        self.queue.close().await;
    }
}
