//! The cache port: what replicas of the edge share. Losing it loses no work.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use thiserror::Error;

use crate::limit::{Bucket, Taken};

/// The cache cannot be reached; the caller goes on with what it has itself.
#[derive(Debug, Error)]
#[error("the cache is not available: {0}")]
pub struct CacheError(pub String);

type Result<T> = std::result::Result<T, CacheError>;

/// What the server behind a cache says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerFigures {
    /// Commands a second, as it counted them last.
    pub operations_per_second: u64,
    /// Bytes that it holds.
    pub used_memory: u64,
    /// Clients that are connected.
    pub connected_clients: u64,
    /// Of these, those that wait in a blocking command.
    pub blocked_clients: u64,
}

/// A shared cache. Keys are `:`-separated words; the adapter adds the installation's prefix.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value, if it is there and not expired.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>>;
    /// Stores a value that is gone after `ttl`.
    async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<()>;
    /// Stores it only if nothing is there; answers whether it did.
    async fn set_if_absent(&self, key: &str, value: &[u8], ttl: Duration) -> Result<bool>;
    /// Prolongs it; answers whether it was there.
    async fn expire(&self, key: &str, ttl: Duration) -> Result<bool>;
    /// Removes it; answers whether it was there.
    async fn remove(&self, key: &str) -> Result<bool>;
    /// Appends to a list that holds at most `max` newest entries and is gone after `ttl`; answers the entry's number,
    /// from 1, rising by 1.
    async fn append(&self, key: &str, value: &[u8], max: usize, ttl: Duration) -> Result<u64>;
    /// Entries of such a list with numbers above `after`, oldest first, each with its number.
    async fn entries(&self, key: &str, after: u64) -> Result<Vec<(u64, Vec<u8>)>>;
    /// Takes a token from each of these buckets, or none from any. Buckets are told apart by their keys; time is the
    /// cache's own.
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken>;
    /// Tells everybody who listens to `channel`.
    async fn publish(&self, channel: &str, message: &[u8]) -> Result<()>;
    /// Listens to `channel`. The stream ends when the connection does.
    async fn listen(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>>;
    /// Whether it answers.
    async fn ping(&self) -> Result<()>;
    /// The server's own figures; none where the cache is in this process.
    async fn server_figures(&self) -> Result<Option<ServerFigures>> {
        Ok(None)
    }
}
