//! The other replicas, for those who can reach them.

use futures::future::BoxFuture;
use serde_json::Value;

use crate::logs::LevelChange;

/// Reaches every replica of every service.
pub trait Fleet: Send + Sync {
    /// Changes the log level of all, or asks for it: who answered what, and who did not.
    fn log_level(&self, change: Option<LevelChange>) -> BoxFuture<'_, Value>;
}
