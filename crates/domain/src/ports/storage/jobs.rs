//! Jobs and their outbox.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::Result;
use crate::id::JobId;
use crate::id::TenantId;
use crate::job::AttemptEnd;
use crate::job::Ended;
use crate::job::Job;
use crate::job::JobKind;
use crate::job::JobState;
use crate::job::Priority;
use crate::job::Resolution;
use crate::page::Page;
use crate::page::PageRequest;

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

/// How one of many attempts ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// The job.
    pub job_id: JobId,
    /// The attempt's number.
    pub attempt: u32,
    /// How it ended.
    pub end: AttemptEnd,
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
    /// [`Jobs::claim`] for at most 500 jobs and attempts of one tenant in one transaction; one answer for each, in their
    /// order.
    async fn claim_many(
        &self,
        tenant: TenantId,
        attempts: &[(JobId, u32)],
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Claim>>;
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
    /// Ends the attempt as [`Job::after`] decides; a job that runs again gets its outbox row in the same transaction,
    /// a write in doubt the job of its read-back check, and what such a check found closes the write.
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
    /// [`Jobs::end_attempt`] for at most 500 attempts of one tenant in one transaction; one answer for each, in their
    /// order: one that is refused does not keep the others from ending. When the transaction fails, none has ended.
    async fn end_many(
        &self,
        tenant: TenantId,
        endings: Vec<Ending>,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Ended>>>;
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
    /// Rises whenever a job may have become due; who publishes looks again.
    fn posted(&self) -> watch::Receiver<u64>;
}
