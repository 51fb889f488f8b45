//! Jobs: asking for one, looking at them, and what people do with them. Attempts are in `attempts.rs`, the messages in
//! `outbox.rs`, what was lost in `sweep.rs`.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::job::{AttemptEnd, Ended, Resolution};
use domain::ports::storage::{Claim, Ending, Enqueued, JobFilter, Jobs, OutboxEntry, QueueStats, Swept};
use domain::{Job, JobId, JobKind, JobState, Page, PageRequest, StoreError, TenantId};
use tokio::sync::watch;

use super::dialect;
use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::{Document, Word};
use crate::cursor;
use crate::fault::Fault;
use crate::rows::job::{JobRow, StoredJob, job_columns};
use crate::transition;

const INSERT: &str = concat!(
    "INSERT INTO jobs (",
    job_columns!(),
    ")
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, NULL)
     ON CONFLICT DO NOTHING"
);

const EXISTING: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE tenant_id = $1
        AND (id = $2 OR idempotency_key = $3)"
);

const GET: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE tenant_id = $1 AND id = $2"
);

const LIST: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE tenant_id = $1
        AND ($2 IS NULL OR state = $2)
        AND ($3 IS NULL OR kind = $3)
        AND ($4 IS NULL OR id < $4)
      ORDER BY id DESC
      LIMIT $5"
);

/// A job that moves gives its last message up; whether it needs another one is said apart.
const MOVE: &str = "
    UPDATE jobs
       SET state = $3, attempt = $4, max_attempts = $5, run_at = $6,
           lease_owner = $7, lease_until = $8, effect_begun = $9,
           result = $10, error = $11, ended_by = $12, updated_at = $13,
           published_at = NULL
     WHERE tenant_id = $1 AND id = $2";

#[async_trait]
impl Jobs for Store {
    async fn enqueue(&self, tenant: TenantId, job: &Job) -> Result<Enqueued, StoreError> {
        self.call("enqueue", "jobs", async {
            same_tenant(tenant, job.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let enqueued = unit.enqueue(job).await?;
            unit.commit().await?;
            Ok(enqueued)
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: JobId) -> Result<Job, StoreError> {
        self.call("get", "jobs", async {
            self.read(tenant).await?.job(tenant, id).await
        })
        .await
    }

    async fn list(
        &self,
        tenant: TenantId,
        filter: JobFilter,
        page: PageRequest,
    ) -> Result<Page<Job>, StoreError> {
        self.call("list", "jobs", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<JobRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(filter.state.map(Word))
                .bind(filter.kind.map(Word))
                .bind(after)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let jobs: Vec<Job> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(jobs, &page, |job| job.id))
        })
        .await
    }

    async fn claim(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Claim, StoreError> {
        self.call("claim", "jobs", async {
            let mut unit = self.write(tenant).await?;
            let claim = unit.claim(tenant, id, attempt, owner, now, until).await?;
            unit.commit().await?;
            Ok(claim)
        })
        .await
    }

    async fn claim_many(
        &self,
        tenant: TenantId,
        attempts: &[(JobId, u32)],
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Claim>, StoreError> {
        self.call("claim_many", "jobs", async {
            let mut unit = self.write_keyed(tenant).await?;
            let claims = unit.claim_many(tenant, attempts, owner, now, until).await?;
            unit.commit().await?;
            Ok(claims)
        })
        .await
    }

    async fn renew(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.call("renew", "jobs", async {
            let mut unit = self.write(tenant).await?;
            unit.renew(tenant, id, attempt, owner, until).await?;
            unit.commit().await
        })
        .await
    }

    async fn begin_effect(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
    ) -> Result<(), StoreError> {
        self.call("begin_effect", "jobs", async {
            let mut unit = self.write(tenant).await?;
            unit.begin_effect(tenant, id, attempt, owner).await?;
            unit.commit().await
        })
        .await
    }

    async fn end_attempt(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        end: AttemptEnd,
        now: DateTime<Utc>,
    ) -> Result<Job, StoreError> {
        self.step("end_attempt", tenant, id, |stored| {
            transition::end(stored, attempt, owner, end, now)
        })
        .await
    }

    async fn end_many(
        &self,
        tenant: TenantId,
        endings: Vec<Ending>,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Ended, StoreError>>, StoreError> {
        self.call("end_many", "jobs", async {
            let mut unit = self.write_keyed(tenant).await?;
            let ended = unit.end_many(tenant, endings, owner, now).await?;
            unit.commit().await?;
            Ok(ended)
        })
        .await
    }

    async fn release(
        &self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let release =
            |stored: &mut StoredJob| transition::release(stored, attempt, owner, now).map(|()| true);
        self.step("release", tenant, id, release).await.map(|_| ())
    }

    async fn cancel(&self, tenant: TenantId, id: JobId, now: DateTime<Utc>) -> Result<Job, StoreError> {
        let cancel = |stored: &mut StoredJob| transition::cancel(&mut stored.job, now).map(|()| true);
        self.step("cancel", tenant, id, cancel).await
    }

    async fn retry(&self, tenant: TenantId, id: JobId, now: DateTime<Utc>) -> Result<Job, StoreError> {
        let retry = |stored: &mut StoredJob| transition::retry(&mut stored.job, now).map(|()| true);
        self.step("retry", tenant, id, retry).await
    }

    async fn resolve(
        &self,
        tenant: TenantId,
        id: JobId,
        resolution: Resolution,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Job, StoreError> {
        let resolve =
            |stored: &mut StoredJob| transition::resolve(&mut stored.job, resolution, by, now).map(|()| true);
        self.step("resolve", tenant, id, resolve).await
    }

    async fn outbox_due(
        &self,
        now: DateTime<Utc>,
        hold: Duration,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        self.call("outbox_due", "outbox", self.hold_outbox(now, now + hold, limit))
            .await
    }

    async fn published(&self, ids: &[i64], now: DateTime<Utc>) -> Result<(), StoreError> {
        self.call("published", "outbox", self.forget_published(ids, now))
            .await
    }

    async fn sweep(
        &self,
        now: DateTime<Utc>,
        lost_before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Swept, StoreError> {
        self.call("sweep", "jobs", self.sweep_jobs(now, lost_before, limit))
            .await
    }

    async fn stats(&self, now: DateTime<Utc>) -> Result<Vec<QueueStats>, StoreError> {
        self.call("stats", "jobs", self.queue_stats(now)).await
    }

    async fn in_doubt(&self) -> Result<Vec<(JobKind, u64)>, StoreError> {
        self.call("in_doubt", "jobs", self.count_in_doubt()).await
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.signals.jobs()
    }

    fn posted(&self) -> watch::Receiver<u64> {
        self.signals.outbox()
    }
}

impl Store {
    /// Locks a job, lets `decide` move it, and stores it where it did (`true`).
    async fn step(
        &self,
        operation: &'static str,
        tenant: TenantId,
        id: JobId,
        decide: impl FnOnce(&mut StoredJob) -> Result<bool, StoreError> + Send,
    ) -> Result<Job, StoreError> {
        self.call(operation, "jobs", async {
            let mut unit = self.write(tenant).await?;
            let row: JobRow = sqlx::query_as(dialect::LOCK_JOB)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            let mut stored = StoredJob::from(row);
            if decide(&mut stored)? {
                unit.move_job(&stored).await?;
                unit.follow(&stored.job, stored.job.updated_at).await?;
                unit.commit().await?;
            }
            Ok(stored.job)
        })
        .await
    }
}

impl Unit {
    pub(super) async fn enqueue(&mut self, job: &Job) -> Result<Enqueued, Fault> {
        let inserted = sqlx::query(INSERT)
            .bind(job.id.0)
            .bind(job.tenant_id.0)
            .bind(Word(job.kind))
            .bind(Document(&job.payload))
            .bind(Word(job.effect))
            .bind(Word(job.priority))
            .bind(Word(job.state))
            .bind(i64::from(job.attempt))
            .bind(i64::from(job.max_attempts))
            .bind(job.run_at)
            .bind(&job.lease_owner)
            .bind(job.lease_until)
            .bind(job.effect_begun)
            .bind(job.result.as_ref().map(Document))
            .bind(job.error.as_ref().map(Document))
            .bind(Document(&job.trace))
            .bind(&job.idempotency_key)
            .bind(job.requested_by.map(|id| id.0))
            .bind(job.created_at)
            .bind(job.updated_at)
            .execute(self.conn())
            .await?;
        if inserted.rows_affected() == 1 {
            self.post(job, job.run_at).await?;
            return Ok(Enqueued::New);
        }
        let row: JobRow = sqlx::query_as(EXISTING)
            .bind(job.tenant_id.0)
            .bind(job.id.0)
            .bind(&job.idempotency_key)
            .fetch_one(self.conn())
            .await?;
        Ok(Enqueued::Existing(Box::new(row.into())))
    }

    pub(super) async fn job(&mut self, tenant: TenantId, id: JobId) -> Result<Job, Fault> {
        let row: JobRow = sqlx::query_as(GET)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_one(self.conn())
            .await?;
        Ok(row.into())
    }

    /// Stores where a locked job went: pending with a message, or at rest without one.
    pub(super) async fn move_job(&mut self, stored: &StoredJob) -> Result<(), Fault> {
        let StoredJob { job, ended_by } = stored;
        sqlx::query(MOVE)
            .bind(job.tenant_id.0)
            .bind(job.id.0)
            .bind(Word(job.state))
            .bind(i64::from(job.attempt))
            .bind(i64::from(job.max_attempts))
            .bind(job.run_at)
            .bind(&job.lease_owner)
            .bind(job.lease_until)
            .bind(job.effect_begun)
            .bind(job.result.as_ref().map(Document))
            .bind(job.error.as_ref().map(Document))
            .bind(ended_by)
            .bind(job.updated_at)
            .execute(self.conn())
            .await?;
        self.unpost(job.id).await?;
        if job.state == JobState::Pending {
            self.post(job, job.run_at).await?;
        }
        self.jobs_moved();
        Ok(())
    }
}
