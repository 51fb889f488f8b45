//! The cache: what replicas of the edge share, in Redis, or the same contract in this process.
//!
//! Losing it loses no work: every caller goes on with what it has itself. So an operation that fails does so soon, and
//! nothing here retries.
//!
//! [`connect`] chooses the adapter by URL. `tests/contract` runs one suite on both.

pub mod events;
mod limiter;
mod memory;
mod metrics;
mod options;
mod redis;

use std::sync::Arc;

use domain::ports::{Cache, cache::CacheError};
use telemetry::Telemetry;

pub use crate::redis::{RedisCache, inspect::SlowCommand};
pub use limiter::{DefaultLimit, Exceeded, LimitMetrics, Limiter, LimiterOptions};
pub use memory::MemoryCache;
pub use metrics::{CacheMetrics, ServerGauges, ServerMetrics};
pub use options::CacheOptions;

/// The cache that `url` names: `memory:`, `redis://…` or `rediss://…` (TLS).
///
/// It makes no connection yet: Redis may be away now and come later, and each operation connects when it needs to.
///
/// # Errors
/// When the URL is wrong. No error of this crate contains the URL.
pub fn connect(
    url: &str,
    options: &CacheOptions,
    telemetry: &Telemetry,
) -> Result<Arc<dyn Cache>, CacheError> {
    let metrics = CacheMetrics::new(telemetry);
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "memory" => {
            let cache = MemoryCache::new(options, Some(metrics.clone()));
            Ok(metrics::measured(cache, metrics, options.slow))
        }
        "redis" | "rediss" => Ok(metrics::measured(
            RedisCache::new(url, options)?,
            metrics,
            options.slow,
        )),
        _ => Err(CacheError(
            "the cache's URL must begin with memory:, redis:// or rediss://".into(),
        )),
    }
}

/// A cache in this process with the default options, not measured.
#[must_use]
pub fn memory() -> Arc<dyn Cache> {
    Arc::new(MemoryCache::new(&CacheOptions::default(), None))
}
