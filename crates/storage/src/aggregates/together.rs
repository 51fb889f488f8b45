//! Many attempts of one tenant in one transaction: claimed together, ended together. Jobs are locked in the order of their
//! ids, so that two such transactions never wait for each other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ports::storage::{Claim, Ending};
use domain::{Job, JobId, JobState, StoreError, TenantId};
use sqlx::QueryBuilder;

use super::outbox::push_ids;
use super::unit::Unit;
use super::{Db, dialect};
use crate::column::{Document, Word};
use crate::fault::Fault;
use crate::rows::job::{JobRow, StoredJob, job_columns};
use crate::transition;

const DUE: &str = "
    WITH due AS MATERIALIZED (
         SELECT id AS due_id
           FROM jobs
          WHERE state = 'pending' AND tenant_id = ";

const TAKE: &str = ")
    UPDATE jobs
       SET state = 'running', attempt = attempt + 1, effect_begun = FALSE, ended_by = NULL, lease_owner = ";

const TAKEN: &str = concat!(
    "
       AND id IN (SELECT due_id FROM due)
    RETURNING ",
    job_columns!()
);

const LOCK: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE tenant_id = "
);

const MOVED: &str = "
    WITH moved (id, state, max_attempts, run_at, result, error, ended_by, updated_at) AS (";

/// The number of the attempt stays: only a claim or a person changes it.
const MOVE: &str = ")
    UPDATE jobs
       SET state = moved.state, max_attempts = moved.max_attempts, run_at = moved.run_at,
           lease_owner = NULL, lease_until = NULL, effect_begun = CASE moved.state WHEN 'pending' THEN FALSE ELSE effect_begun END,
           result = moved.result, error = moved.error, ended_by = moved.ended_by, updated_at = moved.updated_at,
           published_at = NULL
      FROM moved
     WHERE jobs.id = moved.id AND jobs.tenant_id = ";

const UNPOST: &str = "DELETE FROM outbox WHERE job_id IN (";

impl Unit {
    /// One answer for each, in their order. Of two for the same attempt the first gets it.
    pub(super) async fn claim_many(
        &mut self,
        tenant: TenantId,
        attempts: &[(JobId, u32)],
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Claim>, Fault> {
        let mut claim = QueryBuilder::<Db>::new(DUE);
        claim.push_bind(tenant.0).push(" AND run_at <= ").push_bind(now);
        claim.push(" AND (id, attempt + 1) IN (");
        claim.push_values(attempts, |mut row, (id, number)| {
            row.push_bind(id.0).push_bind(i64::from(*number));
        });
        claim.push(")").push(dialect::IN_ORDER).push(TAKE);
        claim
            .push_bind(owner.to_owned())
            .push(", lease_until = ")
            .push_bind(until);
        claim.push(", updated_at = ").push_bind(now);
        claim.push(" WHERE tenant_id = ").push_bind(tenant.0).push(TAKEN);
        let rows: Vec<JobRow> = claim
            .build_query_as()
            .persistent(false)
            .fetch_all(self.conn())
            .await?;
        let jobs = rows.into_iter().map(Job::from);
        let mut taken: HashMap<(JobId, u32), Job> = jobs.map(|job| ((job.id, job.attempt), job)).collect();
        // The messages have arrived, whether or not the broker's confirmations have.
        self.unpost_many(taken.keys().map(|(id, _)| *id)).await?;
        let answer = |asked| match taken.remove(asked) {
            Some(job) => Claim::Granted(Box::new(job)),
            None => Claim::Superseded,
        };
        Ok(attempts.iter().map(answer).collect())
    }

    /// One answer for each, in their order; those that are refused change nothing, and do not keep the others from it.
    pub(super) async fn end_many(
        &mut self,
        tenant: TenantId,
        endings: Vec<Ending>,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Job, StoreError>>, Fault> {
        let mut stored = self.lock_many(tenant, &endings).await?;
        let mut moved = Vec::new();
        let mut answers = Vec::with_capacity(endings.len());
        for Ending { job_id, attempt, end } in endings {
            let ended = match stored.get_mut(&job_id) {
                Some(stored) => transition::end(stored, attempt, owner, end, now),
                None => Err(StoreError::NotFound),
            };
            if matches!(ended, Ok(true)) {
                moved.push(job_id);
            }
            answers.push(ended.map(|_| job_id));
        }
        let moved: Vec<&StoredJob> = moved.iter().filter_map(|id| stored.get(id)).collect();
        self.move_many(tenant, &moved).await?;
        let job = |id: JobId| stored.get(&id).map(|stored| stored.job.clone());
        let answer =
            |ended: Result<JobId, StoreError>| ended.and_then(|id| job(id).ok_or(StoreError::NotFound));
        Ok(answers.into_iter().map(answer).collect())
    }

    async fn lock_many(
        &mut self,
        tenant: TenantId,
        endings: &[Ending],
    ) -> Result<HashMap<JobId, StoredJob>, Fault> {
        let mut lock = QueryBuilder::<Db>::new(LOCK);
        lock.push_bind(tenant.0).push(" AND id IN (");
        push_ids(&mut lock, endings.iter().map(|ending| ending.job_id.0));
        lock.push(")").push(dialect::IN_ORDER);
        let rows: Vec<JobRow> = lock
            .build_query_as()
            .persistent(false)
            .fetch_all(self.conn())
            .await?;
        let stored = rows.into_iter().map(StoredJob::from);
        Ok(stored.map(|stored| (stored.job.id, stored)).collect())
    }

    /// Stores where locked jobs went when their attempts ended, and what follows from it.
    async fn move_many(&mut self, tenant: TenantId, moved: &[&StoredJob]) -> Result<(), Fault> {
        if moved.is_empty() {
            return Ok(());
        }
        let mut update = QueryBuilder::<Db>::new(MOVED);
        update.push_values(moved, |mut row, StoredJob { job, ended_by }| {
            row.push_bind(job.id.0)
                .push_bind(Word(job.state))
                .push_bind(i64::from(job.max_attempts))
                .push_bind(job.run_at)
                .push_bind(job.result.clone().map(Document))
                .push_bind(job.error.clone().map(Document))
                .push_bind(ended_by.clone())
                .push_bind(job.updated_at);
        });
        update.push(MOVE).push_bind(tenant.0);
        update.build().persistent(false).execute(self.conn()).await?;
        self.unpost_many(moved.iter().map(|stored| stored.job.id)).await?;
        for StoredJob { job, .. } in moved {
            if job.state == JobState::Pending {
                self.post(job, job.run_at).await?;
            }
            self.follow(job, job.updated_at).await?;
        }
        self.jobs_moved();
        Ok(())
    }

    async fn unpost_many(&mut self, jobs: impl ExactSizeIterator<Item = JobId>) -> Result<(), Fault> {
        if jobs.len() == 0 {
            return Ok(());
        }
        let mut unpost = QueryBuilder::<Db>::new(UNPOST);
        push_ids(&mut unpost, jobs.map(|id| id.0));
        let unpost = unpost.push(")").build().persistent(false);
        unpost.execute(self.conn()).await?;
        Ok(())
    }
}
