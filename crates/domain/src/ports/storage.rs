//! The storage port. Every call is one transaction, and every call of a tenant's data takes the tenant first.
//!
//! Calls that change what the edge's catalogue holds (tenants, keys, providers, tools) write their numbered
//! [`Change`]s in the same transaction. Calls that cause a job write the job and its outbox row in the same
//! transaction. Calls under "across tenants" are for the relay, the sweeper, the watch and retention, which run
//! under a role of their own.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::audit::AuditRecord;
use crate::catalogue::{Change, Entity};
use crate::credential::SealedCredential;
use crate::error::StoreError;
use crate::id::{JobId, KeyId, ProviderId, TenantId};
use crate::job::{AttemptEnd, Job, JobKind, JobState, Priority, Resolution};
use crate::key::ApiKey;
use crate::page::{Page, PageRequest};
use crate::provider::{Health, Provider, Skipped};
use crate::tenant::{Organization, Tenant};
use crate::tool::Tool;

type Result<T> = std::result::Result<T, StoreError>;

/// The whole of storage, as rest-api holds it.
#[derive(Clone)]
pub struct Storage {
    /// Organizations and tenants.
    pub tenants: Arc<dyn Tenants>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Providers, their tools and credentials.
    pub providers: Arc<dyn Providers>,
    /// Jobs and their outbox.
    pub jobs: Arc<dyn Jobs>,
    /// Audit records.
    pub audit: Arc<dyn Audit>,
    /// The numbered changes of the catalogue.
    pub changes: Arc<dyn Changes>,
    /// Answers kept for `Idempotency-Key`.
    pub idempotency: Arc<dyn Idempotency>,
    /// The database itself.
    pub database: Arc<dyn Database>,
}

/// The database itself.
#[async_trait]
pub trait Database: Send + Sync {
    /// Whether it answers.
    async fn ping(&self) -> Result<()>;
    /// Connections open, and of these in use.
    fn pool(&self) -> (u32, u32);
    /// Closes every connection, waiting for those in use.
    async fn close(&self);
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
    /// Audit records of calls that ended before this instant go.
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
    /// Stored answers.
    pub answers: u64,
}

/// Organizations and tenants.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// Creates both, unless the installation has a tenant already; answers whether it did. The first start.
    async fn bootstrap(&self, organization: &Organization, tenant: &Tenant, admin: &ApiKey) -> Result<bool>;
    /// Creates a tenant with its first admin key in an organization that exists.
    async fn create(&self, tenant: &Tenant, admin: &ApiKey) -> Result<()>;
    /// One tenant.
    async fn get(&self, tenant: TenantId) -> Result<Tenant>;
    /// The tenants of the organization that owns `tenant`, by name.
    async fn siblings(&self, tenant: TenantId, page: PageRequest) -> Result<Page<Tenant>>;
    /// Across tenants: every tenant id.
    async fn all_ids(&self) -> Result<Vec<TenantId>>;
}

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Stores a new key. Conflict on `name` when the tenant has a live one of that name.
    async fn create(&self, tenant: TenantId, key: &ApiKey) -> Result<()>;
    /// One key.
    async fn get(&self, tenant: TenantId, id: KeyId) -> Result<ApiKey>;
    /// The tenant's keys, newest first.
    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<ApiKey>>;
    /// Marks the key revoked; doing it again changes nothing.
    async fn revoke(&self, tenant: TenantId, id: KeyId, at: DateTime<Utc>) -> Result<ApiKey>;
    /// Stores `new` and lets `old` run out at `old_expires_at`, in one transaction.
    async fn rotate(
        &self,
        tenant: TenantId,
        old: KeyId,
        old_expires_at: DateTime<Utc>,
        new: &ApiKey,
    ) -> Result<()>;
    /// Across tenants: the key with this prefix. Authentication begins here, before a tenant is known.
    async fn by_prefix(&self, prefix: &str) -> Result<Option<ApiKey>>;
    /// Records when keys were last accepted. Writes no change: the edge does not need it.
    async fn touch(&self, tenant: TenantId, uses: &[(KeyId, DateTime<Utc>)]) -> Result<()>;
    /// Across tenants: how many keys are neither revoked nor expired at `now`.
    async fn count_active(&self, now: DateTime<Utc>) -> Result<u64>;
}

/// A provider as it is imported or refreshed: the row, its tools, and what was left out.
#[derive(Debug, Clone)]
pub struct Import {
    /// The provider.
    pub provider: Provider,
    /// All its tools. Ids of tools whose names stay are kept by the adapter.
    pub tools: Vec<Tool>,
    /// Operations that are no tools.
    pub skipped: Vec<Skipped>,
    /// The description as it was read, for refreshes and for people.
    pub description: String,
    /// Where it came from, none when it was handed over.
    pub description_url: Option<String>,
}

/// What a refresh changed, by tool name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ToolDiff {
    /// New tools.
    pub added: Vec<String>,
    /// Tools whose definition changed.
    pub changed: Vec<String>,
    /// Tools that are gone.
    pub removed: Vec<String>,
}

/// What a provider's row holds besides the provider.
#[derive(Debug, Clone)]
pub struct Description {
    /// The text.
    pub text: String,
    /// Where it came from, none when it was handed over.
    pub url: Option<String>,
    /// Operations that are no tools.
    pub skipped: Vec<Skipped>,
}

/// Providers, their tools and credentials.
#[async_trait]
pub trait Providers: Send + Sync {
    /// Stores a new provider, or a refreshed one, with all its tools; only what differs gets a change number.
    /// A new one: Conflict on `name` when the tenant has that name. `credential` replaces the stored one when given.
    /// One that was removed: [`StoreError::NotFound`]. What a person changed since `import.provider` was read stays.
    async fn import(
        &self,
        tenant: TenantId,
        import: &Import,
        credential: Option<&SealedCredential>,
    ) -> Result<ToolDiff>;
    /// One provider.
    async fn get(&self, tenant: TenantId, id: ProviderId) -> Result<Provider>;
    /// One provider by its name.
    async fn by_name(&self, tenant: TenantId, name: &str) -> Result<Provider>;
    /// The tenant's providers, by name.
    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<Provider>>;
    /// The description that it was read from.
    async fn description(&self, tenant: TenantId, id: ProviderId) -> Result<Description>;
    /// Replaces the row (not its tools). [`StoreError::Stale`] unless the stored version is `expected`.
    async fn update(&self, tenant: TenantId, provider: &Provider, expected: i64) -> Result<Provider>;
    /// Removes it with its tools and credential. [`StoreError::Stale`] unless `expected` is none or the version.
    async fn remove(&self, tenant: TenantId, id: ProviderId, expected: Option<i64>) -> Result<()>;
    /// Records a health check; a change is written only when the state differs.
    async fn record_health(&self, tenant: TenantId, id: ProviderId, health: Health) -> Result<()>;
    /// The sealed credential.
    async fn credential(&self, tenant: TenantId, id: ProviderId) -> Result<Option<SealedCredential>>;
    /// One tool by its name.
    async fn tool(&self, tenant: TenantId, name: &str) -> Result<Tool>;
    /// The tenant's tools, by name; of one provider when given.
    async fn tools(
        &self,
        tenant: TenantId,
        provider: Option<ProviderId>,
        page: PageRequest,
    ) -> Result<Page<Tool>>;
}

/// What [`Jobs::enqueue`] did.
#[derive(Debug, Clone, PartialEq)]
pub enum Enqueued {
    /// The job is stored.
    New,
    /// The tenant has a job with this idempotency key already: this one.
    Existing(Box<Job>),
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this kind.
    pub kind: Option<JobKind>,
}

/// One message that the relay must publish.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// The outbox row.
    pub id: i64,
    /// The job's tenant.
    pub tenant_id: TenantId,
    /// The job.
    pub job_id: JobId,
    /// The job's kind.
    pub kind: JobKind,
    /// The number that the next claim must carry.
    pub attempt: u32,
    /// The job's class.
    pub priority: Priority,
    /// W3C trace context of whoever asked for the job.
    pub trace: std::collections::BTreeMap<String, String>,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The caller holds the lease; the job as it stands now.
    Granted(Box<Job>),
    /// Nothing to do: the job has moved on, is final, is held, or is gone. The message can be acknowledged.
    Superseded,
}

/// What the sweeper did, counted by job kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Pending jobs whose message was lost: put into the outbox again.
    pub republished: Vec<JobKind>,
    /// Running jobs whose lease ran out and that wait for another attempt.
    pub retried: Vec<JobKind>,
    /// Running jobs whose lease ran out and that failed for good.
    pub failed: Vec<JobKind>,
    /// Writes that were cut off.
    pub in_doubt: Vec<JobKind>,
}

/// What waits in one class, for the gauges.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueStats {
    /// The class.
    pub priority: Priority,
    /// Pending jobs that are due.
    pub depth: u64,
    /// Age of the oldest of them in seconds, 0 when there is none.
    pub oldest_age_seconds: f64,
    /// Outbox rows not yet published.
    pub outbox_pending: u64,
}

/// Jobs and their outbox.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Stores a new job and its outbox row. A job that is stored already (same id or same idempotency key) stays as it is.
    async fn enqueue(&self, tenant: TenantId, job: &Job) -> Result<Enqueued>;
    /// One job.
    async fn get(&self, tenant: TenantId, id: JobId) -> Result<Job>;
    /// The tenant's jobs, newest first.
    async fn list(&self, tenant: TenantId, filter: JobFilter, page: PageRequest) -> Result<Page<Job>>;
    /// Takes the lease of attempt number `attempt` (the stored number + 1) if the job is pending and due.
    async fn claim(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Claim>;
    /// Extends the lease. [`StoreError::Stale`] when it is not the caller's any more.
    async fn renew(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<()>;
    /// Notes that from now on the attempt may have had its effect. [`StoreError::Stale`] when the lease is lost.
    async fn begin_effect(&self, tenant: TenantId, id: JobId, attempt: u32, owner: &str) -> Result<()>;
    /// Ends the attempt as [`Job::after`] decides; a job that runs again gets its outbox row in the same transaction.
    /// [`StoreError::Stale`] when the lease is lost. Doing it again with the same end changes nothing.
    async fn end_attempt(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        end: AttemptEnd,
        now: DateTime<Utc>,
    ) -> Result<Job>;
    /// Gives a claimed job back untouched (a worker that stops): pending again with the same attempts left. The number is
    /// used up, since it fences; one more attempt is allowed instead. Conflict on `state` when a write may have begun.
    async fn release(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<()>;
    /// Cancels a pending job: failed with `cancelled`. Conflict on `state` when it is not pending.
    async fn cancel(&self, tenant: TenantId, id: JobId, now: DateTime<Utc>) -> Result<Job>;
    /// Runs a failed job again from its first attempt. Conflict on `state` when it has not failed.
    async fn retry(&self, tenant: TenantId, id: JobId, now: DateTime<Utc>) -> Result<Job>;
    /// Closes a job in doubt. Conflict on `state` when it is not in doubt.
    async fn resolve(
        &self,
        tenant: TenantId,
        id: JobId,
        resolution: Resolution,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Job>;
    /// Across tenants: outbox rows whose job is due, most urgent and oldest first. They stay until [`Jobs::published`].
    /// Rows handed to one relay are not handed to another for `hold`.
    async fn outbox_due(
        &self,
        now: DateTime<Utc>,
        hold: chrono::Duration,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>>;
    /// Across tenants: the broker has confirmed these; the rows go.
    async fn published(&self, ids: &[i64], now: DateTime<Utc>) -> Result<()>;
    /// Across tenants: moves jobs whose lease ran out, and publishes again what was published before
    /// `lost_before` and never claimed.
    async fn sweep(&self, now: DateTime<Utc>, lost_before: DateTime<Utc>, limit: u32) -> Result<Swept>;
    /// Across tenants: what waits, one row a class.
    async fn stats(&self, now: DateTime<Utc>) -> Result<Vec<QueueStats>>;
    /// Across tenants: how many jobs are in doubt, by kind.
    async fn in_doubt(&self) -> Result<Vec<(JobKind, u64)>>;
    /// Rises whenever a job may have become due or final; waiters look again.
    fn moved(&self) -> watch::Receiver<u64>;
}

/// Which audit records a list shows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this tool.
    pub tool: Option<String>,
    /// Only of this key.
    pub key_id: Option<KeyId>,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Only of this trace.
    pub trace_id: Option<String>,
    /// Only at or after this instant.
    pub since: Option<DateTime<Utc>>,
}

/// Audit records.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Stores records of any tenants; one whose id is stored already is dropped. Answers how many were new.
    async fn append(&self, records: &[AuditRecord]) -> Result<u64>;
    /// The tenant's records, newest first.
    async fn list(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>>;
}

/// The numbered changes of the catalogue.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Across tenants: identifies this database's numbering; a watcher that knows another one starts afresh.
    async fn epoch(&self) -> Result<String>;
    /// Across tenants: the newest number, 0 when there is none.
    async fn head(&self) -> Result<i64>;
    /// Across tenants: everything the catalogue holds, tenants first, then keys, providers, tools; in pages.
    async fn snapshot(&self, after: Option<String>, limit: u32) -> Result<(Vec<Entity>, Option<String>)>;
    /// Across tenants: changes after `number`, oldest first. None when retention has removed some of them.
    async fn since(&self, number: i64, limit: u32) -> Result<Option<Vec<Change>>>;
    /// Rises whenever there may be new changes.
    fn moved(&self) -> watch::Receiver<u64>;
}

/// A stored answer to a creating call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// SHA-256 of method, path and body: the same key with another request is refused.
    pub fingerprint: String,
    /// HTTP status; none while the first call is still running.
    pub status: Option<u16>,
    /// The body.
    pub body: Vec<u8>,
}

/// Answers kept for `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Takes the key for a new call, or answers what is stored under it. Keys older than `expired_before` are free.
    async fn begin(
        &self,
        tenant: TenantId,
        key: &str,
        fingerprint: &str,
        now: DateTime<Utc>,
        expired_before: DateTime<Utc>,
    ) -> Result<Option<StoredAnswer>>;
    /// Stores the answer.
    async fn finish(&self, tenant: TenantId, key: &str, status: u16, body: &[u8]) -> Result<()>;
    /// Gives the key back: the call failed before it had an effect.
    async fn abandon(&self, tenant: TenantId, key: &str) -> Result<()>;
}
