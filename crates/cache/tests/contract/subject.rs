//! A cache under test.

use std::{sync::Arc, time::Duration};

use cache::{CacheOptions, MemoryCache, RedisCache};
use domain::ports::Cache;
use test_support::eventually;

/// How long anything that should happen may take.
pub const SOON: Duration = Duration::from_secs(10);
/// A time to live that a test does not see the end of.
pub const LONG: Duration = Duration::from_secs(60);
/// One that it does.
pub const SHORT: Duration = Duration::from_millis(200);

pub enum Subject {
    InProcess(MemoryCache),
    Redis { url: String, options: CacheOptions },
}

impl Subject {
    pub fn in_process() -> Self {
        Self::InProcess(MemoryCache::new(&CacheOptions::default(), None))
    }

    pub async fn redis() -> Self {
        // A test machine under load must not make a slow answer look like a missing one.
        let options = CacheOptions {
            prefix: test_support::fresh_redis_prefix(),
            timeout: SOON,
            ..CacheOptions::default()
        };
        Self::Redis {
            url: test_support::redis_url().await.unwrap(),
            options,
        }
    }

    /// A participant: another process with Redis, another handle in this process.
    pub fn cache(&self) -> Arc<dyn Cache> {
        match self {
            Self::InProcess(shared) => Arc::new(shared.clone()),
            Self::Redis { url, options } => Arc::new(RedisCache::new(url, options).unwrap()),
        }
    }
}

/// Waits until the value under `key` is gone.
pub async fn gone(cache: &Arc<dyn Cache>, key: &str) {
    eventually(SOON, || async {
        cache.get(key).await.is_ok_and(|value| value.is_none())
    })
    .await
    .unwrap();
}

/// Waits until everything that was given [`SHORT`] before this call has expired.
pub async fn a_short_time(cache: &Arc<dyn Cache>) {
    cache.set("clock:short", b"", SHORT).await.unwrap();
    gone(cache, "clock:short").await;
}
