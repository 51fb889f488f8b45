//! A cache that nobody can reach.

use std::time::Duration;

use async_trait::async_trait;
use domain::limit::{Bucket, Taken};
use domain::ports::{Cache, cache::CacheError};
use futures::stream::BoxStream;

pub struct Lost;

fn lost<T>() -> Result<T, CacheError> {
    Err(CacheError("connection refused".to_owned()))
}

#[async_trait]
impl Cache for Lost {
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, CacheError> {
        lost()
    }

    async fn set(&self, _: &str, _: &[u8], _: Duration) -> Result<(), CacheError> {
        lost()
    }

    async fn set_if_absent(&self, _: &str, _: &[u8], _: Duration) -> Result<bool, CacheError> {
        lost()
    }

    async fn expire(&self, _: &str, _: Duration) -> Result<bool, CacheError> {
        lost()
    }

    async fn remove(&self, _: &str) -> Result<bool, CacheError> {
        lost()
    }

    async fn append(&self, _: &str, _: &[u8], _: usize, _: Duration) -> Result<u64, CacheError> {
        lost()
    }

    async fn entries(&self, _: &str, _: u64) -> Result<Vec<(u64, Vec<u8>)>, CacheError> {
        lost()
    }

    async fn take(&self, _: &[Bucket]) -> Result<Taken, CacheError> {
        lost()
    }

    async fn publish(&self, _: &str, _: &[u8]) -> Result<(), CacheError> {
        lost()
    }

    async fn listen(&self, _: &str) -> Result<BoxStream<'static, Vec<u8>>, CacheError> {
        lost()
    }

    async fn ping(&self) -> Result<(), CacheError> {
        lost()
    }
}
