//! Who may go on: the buckets of a call, shared through the cache, or this replica's own while it is away.

mod default_limit;
mod metrics;
mod options;
mod seen;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::{Duration, Instant},
};

use domain::{
    limit::{Bucket, Limit, Subject, Taken},
    ports::Cache,
};
use telemetry::Telemetry;
use tokio::time::timeout;

use self::seen::Seen;
use crate::{CacheOptions, MemoryCache};

pub use default_limit::DefaultLimit;
pub use metrics::LimitMetrics;
pub use options::LimiterOptions;

/// A limit that is used up.
#[derive(Debug, Clone, PartialEq)]
pub struct Exceeded {
    /// Whose limit it is.
    pub subject: Subject,
    /// The limit.
    pub limit: Limit,
    /// When there is a token again.
    pub retry_after: Duration,
}

impl Exceeded {
    /// Whole seconds to wait, at least 1: what `Retry-After` can say (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after_seconds(&self) -> u64 {
        (self.retry_after.as_secs_f64().ceil() as u64).max(1)
    }
}

/// Takes tokens.
pub struct Limiter {
    shared: Arc<dyn Cache>,
    /// This replica's own buckets.
    own: MemoryCache,
    options: LimiterOptions,
    metrics: LimitMetrics,
    seen: Seen,
    /// Whether the last call had to do without the shared buckets.
    alone: AtomicBool,
    /// The cache is not asked before.
    resting_until: Mutex<Option<Instant>>,
}

impl Limiter {
    /// A limiter whose buckets are in `shared`.
    #[must_use]
    pub fn new(shared: Arc<dyn Cache>, options: LimiterOptions, telemetry: &Telemetry) -> Self {
        let metrics = LimitMetrics::new(telemetry);
        Self {
            shared,
            own: MemoryCache::new(&CacheOptions::default(), None),
            seen: Seen::new(options.clone(), metrics.clone()),
            options,
            metrics,
            alone: AtomicBool::new(false),
            resting_until: Mutex::default(),
        }
    }

    /// Takes a token from each bucket, or none from any. No bucket, no round trip.
    ///
    /// # Errors
    /// When a bucket has none: the one that has to be waited for longest.
    pub async fn take(&self, buckets: &[Bucket]) -> Result<(), Exceeded> {
        if buckets.is_empty() {
            return Ok(());
        }
        let Some(taken) = self.taken(buckets).await else {
            return Ok(());
        };
        let now = Instant::now();
        for (bucket, used) in buckets.iter().zip(&taken.used) {
            self.seen.note(bucket, *used, taken.refused.is_none(), now);
        }
        let refused = taken
            .refused
            .and_then(|(place, wait)| Some((buckets.get(place)?, wait)));
        let Some((bucket, retry_after)) = refused else {
            return Ok(());
        };
        self.metrics.count(bucket);
        Err(Exceeded {
            subject: bucket.subject.clone(),
            limit: bucket.limit,
            retry_after,
        })
    }

    /// Shows what was seen since it was last shown. Called every few seconds.
    pub fn show(&self) {
        self.seen.show(Instant::now());
    }

    async fn taken(&self, buckets: &[Bucket]) -> Option<Taken> {
        match self.taken_together(buckets).await {
            Ok(taken) => {
                self.change(false, "");
                Some(taken)
            }
            Err(why) => {
                self.change(true, &why);
                // In this process nothing can fail.
                self.own.take(buckets).await.ok()
            }
        }
    }

    async fn taken_together(&self, buckets: &[Bucket]) -> Result<Taken, String> {
        let resting = *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.is_some_and(|until| until > Instant::now()) {
            return Err("it failed a moment ago".to_owned());
        }
        let failed = match timeout(self.options.timeout, self.shared.take(buckets)).await {
            Ok(Ok(taken)) => return Ok(taken),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let until = Instant::now() + self.options.rest;
        *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        Err(failed)
    }

    /// Tells once when the shared buckets are lost, and once when they are back.
    fn change(&self, alone: bool, why: &str) {
        if self.alone.load(Ordering::Relaxed) == alone || self.alone.swap(alone, Ordering::Relaxed) == alone {
            return;
        }
        self.metrics.alone.set(f64::from(u8::from(alone)));
        if alone {
            tracing::warn!(
                event = "rate_limits_local",
                error = why,
                "rate limits are this replica's own until the cache is back"
            );
        } else {
            tracing::info!(event = "rate_limits_shared", "rate limits are shared again");
        }
    }
}
