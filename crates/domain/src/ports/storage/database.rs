//! The database itself.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;

/// The database itself.
#[async_trait]
pub trait Database: Send + Sync {
    /// Whether it answers.
    async fn ping(&self) -> Result<()>;
    /// Connections open, and of these in use.
    fn pool(&self) -> (u32, u32);
    /// Closes every connection, waiting for those in use.
    async fn close(&self);
    /// When the newest back-up that is noted was begun.
    async fn last_backup(&self) -> Result<Option<DateTime<Utc>>>;
    /// Across tenants: removes what is older than it has to be kept. Jobs in doubt stay until a person resolves them.
    async fn prune(&self, retention: &Retention) -> Result<Pruned>;
}

/// What [`Database::prune`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Catalogue changes: at least this many of the newest, and ...
    pub changes_kept: u64,
    /// ... all that were made at or after this instant (by the database's clock).
    pub changes_before: DateTime<Utc>,
    /// Jobs that are done or failed and moved last before this instant go.
    pub jobs_before: DateTime<Utc>,
    /// Tasks that were finished before this instant go, with their histories and assignments; assignments that were done
    /// by then; and agents that are offline since.
    pub tasks_before: DateTime<Utc>,
    /// What happened before this instant goes, and messages that were over by then.
    pub events_before: DateTime<Utc>,
    /// Audit records of calls that ended before this instant go, and notes of back-ups but the newest.
    pub audit_before: DateTime<Utc>,
    /// Stored answers of calls that began before this instant go.
    pub answers_before: DateTime<Utc>,
}

/// How many rows [`Database::prune`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Catalogue changes.
    pub changes: u64,
    /// Jobs.
    pub jobs: u64,
    /// Audit records.
    pub audit_records: u64,
    /// Alerts that are over.
    pub alerts: u64,
    /// Tasks that are finished.
    pub tasks: u64,
    /// Assignments that are done.
    pub assignments: u64,
    /// Agents that are offline.
    pub agents: u64,
    /// What happened.
    pub events: u64,
    /// Messages that are over.
    pub messages: u64,
    /// Notes of back-ups.
    pub backups: u64,
    /// Stored answers.
    pub answers: u64,
}
