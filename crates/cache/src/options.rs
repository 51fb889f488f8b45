//! What can be set.

use std::{path::PathBuf, time::Duration};

/// Settings of a cache. All participants of one installation use the same `prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// Begins every key and channel in Redis, so that installations can share one.
    pub prefix: String,
    /// PEM file with the authorities to trust in place of the system's. Each connection reads it anew.
    pub authorities: Option<PathBuf>,
    /// How long any operation may take, connecting included: a tool call waits for it.
    pub timeout: Duration,
    /// An operation that takes this long is logged by its name.
    pub slow: Duration,
    /// Most connections to Redis, without those that listen: one for each listener.
    pub connections: usize,
    /// Most bytes of keys and values that the in-process cache holds; what was not used for longest gives way.
    pub memory_bytes: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            prefix: "devmesh:".into(),
            authorities: None,
            timeout: Duration::from_millis(500),
            slow: Duration::from_millis(100),
            connections: 16,
            memory_bytes: 64 * 1024 * 1024,
        }
    }
}
