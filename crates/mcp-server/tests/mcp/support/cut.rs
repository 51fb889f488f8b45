//! One replica's way to a cache that others share; a replica that is cut off is to them as one that was killed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::limit::{Bucket, Taken};
use domain::ports::{Cache, cache::CacheError};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub struct Cut {
    shared: Arc<dyn Cache>,
    cut: CancellationToken,
}

impl Cut {
    pub fn new(shared: Arc<dyn Cache>) -> Self {
        Self {
            shared,
            cut: CancellationToken::new(),
        }
    }

    pub fn cut(&self) {
        self.cut.cancel();
    }

    fn way(&self) -> Result<&Arc<dyn Cache>, CacheError> {
        if self.cut.is_cancelled() {
            return Err(CacheError("connection refused".to_owned()));
        }
        Ok(&self.shared)
    }
}

#[async_trait]
impl Cache for Cut {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.way()?.get(key).await
    }

    async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        self.way()?.set(key, value, ttl).await
    }

    async fn set_if_absent(&self, key: &str, value: &[u8], ttl: Duration) -> Result<bool, CacheError> {
        self.way()?.set_if_absent(key, value, ttl).await
    }

    async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, CacheError> {
        self.way()?.expire(key, ttl).await
    }

    async fn remove(&self, key: &str) -> Result<bool, CacheError> {
        self.way()?.remove(key).await
    }

    async fn append(&self, key: &str, value: &[u8], max: usize, ttl: Duration) -> Result<u64, CacheError> {
        self.way()?.append(key, value, max, ttl).await
    }

    async fn entries(&self, key: &str, after: u64) -> Result<Vec<(u64, Vec<u8>)>, CacheError> {
        self.way()?.entries(key, after).await
    }

    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, CacheError> {
        self.way()?.take(buckets).await
    }

    async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), CacheError> {
        self.way()?.publish(channel, message).await
    }

    async fn listen(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>, CacheError> {
        let heard = self.way()?.listen(channel).await?;
        Ok(heard.take_until(self.cut.clone().cancelled_owned()).boxed())
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.way()?.ping().await
    }
}
