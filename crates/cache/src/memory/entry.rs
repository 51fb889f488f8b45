//! What is under a key, and for how long.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::ports::cache::CacheError;
use moka::Expiry;

/// A value and its time.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Value,
    ttl: Duration,
}

impl Entry {
    pub(super) fn new(value: Value, ttl: Duration) -> Self {
        Self { value, ttl }
    }

    /// Bytes of key and value.
    pub(super) fn bytes(&self, key: &str) -> u32 {
        let value = match &self.value {
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.entries.iter().map(|entry| entry.len()).sum(),
        };
        u32::try_from(key.len() + value).unwrap_or(u32::MAX)
    }
}

/// Each entry has a time of its own, which begins again with every write.
pub(super) struct Expires;

impl Expiry<String, Entry> for Expires {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

/// Bytes, or a list.
#[derive(Clone)]
pub(super) enum Value {
    Bytes(Arc<[u8]>),
    List(Arc<List>),
}

impl Value {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }

    pub(super) fn bytes(&self) -> Result<&[u8], CacheError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::List(_) => Err(CacheError("the key holds a list, not a value".into())),
        }
    }

    pub(super) fn list(&self) -> Result<Arc<List>, CacheError> {
        match self {
            Self::List(list) => Ok(Arc::clone(list)),
            Self::Bytes(_) => Err(CacheError("the key holds a value, not a list".into())),
        }
    }
}

/// The newest entries of a list, and how many there ever were.
#[derive(Default)]
pub(super) struct List {
    last: u64,
    entries: VecDeque<Arc<[u8]>>,
}

impl List {
    /// `old` and one more entry, with the oldest beyond `max` gone.
    pub(super) fn with(old: &Self, value: &[u8], max: usize) -> Self {
        let mut entries = old.entries.clone();
        entries.push_back(value.into());
        while entries.len() > max.max(1) {
            entries.pop_front();
        }
        Self {
            last: old.last + 1,
            entries,
        }
    }

    /// The number of the newest entry.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Entries with numbers above `after`, each with its number.
    pub(super) fn after(&self, after: u64) -> Vec<(u64, Vec<u8>)> {
        let first = self.last + 1 - self.entries.len() as u64;
        let numbered = (first..).zip(&self.entries);
        numbered
            .filter(|(number, _)| *number > after)
            .map(|(number, entry)| (number, entry.to_vec()))
            .collect()
    }
}
