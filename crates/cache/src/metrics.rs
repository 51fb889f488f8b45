//! What is measured around either adapter.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{
    limit::{Bucket, Taken},
    ports::{
        Cache,
        cache::{CacheError, ServerFigures},
    },
};
use futures::stream::BoxStream;

mod server;

pub use server::{ServerGauges, ServerMetrics};

telemetry::metrics! {
    /// The cache's metrics. The label `cache` is the first word of the key.
    pub struct CacheMetrics {
        /// Reads that found a value.
        hits: counter "cache_hits_total" [cache],
        /// Reads that found nothing.
        misses: counter "cache_misses_total" [cache],
        /// Entries that the in-process cache gave up before their time because it was full.
        evictions: counter "cache_evictions_total" [cache],
        /// Bytes of keys and values that the in-process cache holds.
        size: gauge "cache_size_bytes" [cache],
        /// Seconds an operation of the cache took, by operation and outcome (ok, error).
        duration: histogram "cache_operation_duration_seconds" [operation, outcome] buckets LATENCY,
    }
}

/// The first word of a key: which of the product's caches it belongs to.
pub(crate) fn cache_of(key: &str) -> &str {
    key.split(':').next().unwrap_or(key)
}

/// `cache`, measured.
pub(crate) fn measured(cache: impl Cache + 'static, metrics: CacheMetrics, slow: Duration) -> Arc<dyn Cache> {
    Arc::new(Measured { cache, metrics, slow })
}

struct Measured<C> {
    cache: C,
    metrics: CacheMetrics,
    slow: Duration,
}

impl<C> Measured<C> {
    async fn timed<T>(
        &self,
        operation: &str,
        work: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let begun = Instant::now();
        let result = work.await;
        let outcome = if result.is_ok() { "ok" } else { "error" };
        let took = begun.elapsed();
        self.metrics
            .duration
            .with([operation, outcome])
            .record(took.as_secs_f64());
        if took >= self.slow {
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                event = "slow_cache_operation",
                operation,
                duration_ms,
                outcome,
                "slow cache operation {operation}"
            );
        }
        result
    }
}

#[async_trait]
impl<C: Cache> Cache for Measured<C> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let value = self.timed("get", self.cache.get(key)).await?;
        let counter = if value.is_some() {
            &self.metrics.hits
        } else {
            &self.metrics.misses
        };
        counter.with([cache_of(key)]).increment(1);
        tracing::debug!(
            event = "cache_lookup",
            cache_key = key,
            cache_hit = value.is_some(),
            "looked up in the cache"
        );
        Ok(value)
    }

    async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        self.timed("set", self.cache.set(key, value, ttl)).await
    }

    async fn set_if_absent(&self, key: &str, value: &[u8], ttl: Duration) -> Result<bool, CacheError> {
        self.timed("set_if_absent", self.cache.set_if_absent(key, value, ttl))
            .await
    }

    async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, CacheError> {
        self.timed("expire", self.cache.expire(key, ttl)).await
    }

    async fn remove(&self, key: &str) -> Result<bool, CacheError> {
        self.timed("remove", self.cache.remove(key)).await
    }

    async fn append(&self, key: &str, value: &[u8], max: usize, ttl: Duration) -> Result<u64, CacheError> {
        self.timed("append", self.cache.append(key, value, max, ttl))
            .await
    }

    async fn entries(&self, key: &str, after: u64) -> Result<Vec<(u64, Vec<u8>)>, CacheError> {
        self.timed("entries", self.cache.entries(key, after)).await
    }

    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, CacheError> {
        self.timed("take", self.cache.take(buckets)).await
    }

    async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), CacheError> {
        self.timed("publish", self.cache.publish(channel, message)).await
    }

    async fn listen(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>, CacheError> {
        self.timed("listen", self.cache.listen(channel)).await
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.timed("ping", self.cache.ping()).await
    }

    async fn server_figures(&self) -> Result<Option<ServerFigures>, CacheError> {
        self.timed("server_figures", self.cache.server_figures()).await
    }
}
