//! The cache in this process: bounded in bytes, gone with the process.

mod buckets;
mod channels;
mod entry;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    limit::{Bucket, Taken},
    ports::{Cache, cache::CacheError},
};
use futures::stream::BoxStream;
use moka::{
    notification::RemovalCause,
    ops::compute::Op,
    policy::EvictionPolicy,
    sync::{Cache as Store, CacheBuilder},
};

use self::{
    buckets::Buckets,
    channels::Channels,
    entry::{Entry, Expires, List, Value},
};
use crate::{CacheMetrics, CacheOptions, metrics::cache_of};

/// A cache that lives in this process. Clones share it.
#[derive(Clone)]
pub struct MemoryCache {
    store: Store<String, Entry>,
    channels: Arc<Channels>,
    buckets: Arc<Buckets>,
    metrics: Option<CacheMetrics>,
}

impl MemoryCache {
    /// An empty cache; with `metrics`, its size and evictions are counted.
    #[must_use]
    pub fn new(options: &CacheOptions, metrics: Option<CacheMetrics>) -> Self {
        let gone = metrics.clone();
        let store = CacheBuilder::new(options.memory_bytes)
            .weigher(|key: &String, entry: &Entry| entry.bytes(key))
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Expires)
            .eviction_listener(move |key, entry: Entry, cause| {
                count_removal(gone.as_ref(), &key, &entry, cause)
            })
            .build();
        Self {
            store,
            channels: Arc::default(),
            buckets: Arc::default(),
            metrics,
        }
    }

    /// Does with the key what `decide` says of its value, with no other change in between.
    fn compute(&self, key: &str, decide: impl FnOnce(Option<Entry>) -> Op<Entry>) {
        self.store.entry_by_ref(key).and_compute_with(|old| {
            let op = decide(old.map(moka::Entry::into_value));
            if let Op::Put(entry) = &op {
                self.count_arrival(key, entry);
            }
            op
        });
    }

    fn count_arrival(&self, key: &str, entry: &Entry) {
        if let Some(metrics) = &self.metrics {
            metrics
                .size
                .with([cache_of(key)])
                .increment(entry.bytes(key).into());
        }
    }
}

fn count_removal(metrics: Option<&CacheMetrics>, key: &str, entry: &Entry, cause: RemovalCause) {
    let Some(metrics) = metrics else { return };
    metrics
        .size
        .with([cache_of(key)])
        .decrement(entry.bytes(key).into());
    if cause == RemovalCause::Size {
        metrics.evictions.with([cache_of(key)]).increment(1);
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.store
            .get(key)
            .map(|entry| entry.value.bytes().map(<[u8]>::to_vec))
            .transpose()
    }

    async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        self.compute(key, |_| Op::Put(Entry::new(Value::of(value), ttl)));
        Ok(())
    }

    async fn set_if_absent(&self, key: &str, value: &[u8], ttl: Duration) -> Result<bool, CacheError> {
        let mut set = false;
        self.compute(key, |old| {
            set = old.is_none();
            if set {
                Op::Put(Entry::new(Value::of(value), ttl))
            } else {
                Op::Nop
            }
        });
        Ok(set)
    }

    async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, CacheError> {
        let mut there = false;
        self.compute(key, |old| {
            there = old.is_some();
            old.map_or(Op::Nop, |entry| Op::Put(Entry::new(entry.value, ttl)))
        });
        Ok(there)
    }

    async fn remove(&self, key: &str) -> Result<bool, CacheError> {
        let mut there = false;
        self.compute(key, |old| {
            there = old.is_some();
            if there { Op::Remove } else { Op::Nop }
        });
        Ok(there)
    }

    async fn append(&self, key: &str, value: &[u8], max: usize, ttl: Duration) -> Result<u64, CacheError> {
        let mut appended = Ok(0);
        self.compute(key, |old| {
            match old.map_or(Ok(Arc::default()), |entry| entry.value.list()) {
                Ok(list) => {
                    let list = List::with(&list, value, max);
                    appended = Ok(list.last());
                    Op::Put(Entry::new(Value::List(Arc::new(list)), ttl))
                }
                Err(error) => {
                    appended = Err(error);
                    Op::Nop
                }
            }
        });
        appended
    }

    async fn entries(&self, key: &str, after: u64) -> Result<Vec<(u64, Vec<u8>)>, CacheError> {
        match self.store.get(key) {
            Some(entry) => Ok(entry.value.list()?.after(after)),
            None => Ok(Vec::new()),
        }
    }

    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, CacheError> {
        Ok(self.buckets.take(buckets))
    }

    async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), CacheError> {
        self.channels.publish(channel, message);
        Ok(())
    }

    async fn listen(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>, CacheError> {
        Ok(Channels::listen(&self.channels, channel))
    }

    async fn ping(&self) -> Result<(), CacheError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
