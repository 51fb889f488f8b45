//! The ports: what the product needs of storage, queue and cache. Every one has two adapters under one contract suite.

pub mod cache;
pub mod queue;
pub mod storage;

pub use cache::Cache;
pub use queue::{Delivery, Queue, QueueError, QueueMessage};
pub use storage::Storage;
