//! The storage port. Every call is one transaction, and every call of a tenant's data takes the tenant first.
//!
//! Calls that change what the edge's catalogue holds (tenants, keys, limits, providers, tools) write their numbered
//! [`Change`](crate::Change)s in the same transaction. Calls that cause a job write the job and its outbox row in the same
//! transaction. Calls under "across tenants" are for the relay, the sweeper, the watch and retention, which run
//! under a role of their own.

mod agents;
mod alerts;
mod assignments;
mod audit;
mod changes;
mod database;
mod events;
mod idempotency;
mod jobs;
mod keys;
mod limits;
mod messages;
mod providers;
mod seals;
mod tasks;
mod tenants;
mod users;

use std::sync::Arc;

use crate::error::StoreError;

pub use agents::{AgentFilter, Agents, Known, Learned};
pub use alerts::{AlertFilter, Alerts};
pub use assignments::Assignments;
pub use audit::{Audit, AuditFilter};
pub use changes::Changes;
pub use database::{Database, Pruned, Retention};
pub use events::{Events, LogBounds, Woken};
pub use idempotency::{Expired, Idempotency, StoredAnswer};
pub use jobs::{Claim, Ending, Enqueued, JobFilter, Jobs, OutboxEntry, QueueStats, Swept};
pub use keys::Keys;
pub use limits::Limits;
pub use messages::{Messages, Sent};
pub use providers::{Description, Import, Providers, ToolDiff};
pub use seals::{Seal, SealPlace, Seals};
pub use tasks::{Created, TaskChange, TaskFilter, Tasks, WaitingTasks};
pub use tenants::Tenants;
pub use users::Users;

type Result<T> = std::result::Result<T, StoreError>;

/// The whole of storage, as rest-api holds it.
#[derive(Clone)]
pub struct Storage {
    /// Organizations and tenants.
    pub tenants: Arc<dyn Tenants>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Users.
    pub users: Arc<dyn Users>,
    /// Rate limits.
    pub limits: Arc<dyn Limits>,
    /// Providers, their tools and credentials.
    pub providers: Arc<dyn Providers>,
    /// Jobs and their outbox.
    pub jobs: Arc<dyn Jobs>,
    /// Audit records.
    pub audit: Arc<dyn Audit>,
    /// Alerts.
    pub alerts: Arc<dyn Alerts>,
    /// Agents and what is allowed of them.
    pub agents: Arc<dyn Agents>,
    /// Tasks, their histories, and who was chosen for them.
    pub tasks: Arc<dyn Tasks>,
    /// Tasks that were given to somebody by name.
    pub assignments: Arc<dyn Assignments>,
    /// The log of what happens.
    pub events: Arc<dyn Events>,
    /// Messages between agents.
    pub messages: Arc<dyn Messages>,
    /// The numbered changes of the catalogue.
    pub changes: Arc<dyn Changes>,
    /// Answers kept for `Idempotency-Key`.
    pub idempotency: Arc<dyn Idempotency>,
    /// Sealed secrets, wherever they are stored.
    pub seals: Arc<dyn Seals>,
    /// The database itself.
    pub database: Arc<dyn Database>,
}
