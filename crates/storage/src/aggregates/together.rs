//! Many attempts of one tenant in one transaction: claimed together, ended together.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::job::{AttemptEnd, Ended};
use domain::ports::storage::{Claim, Ending};
use domain::{Job, JobId, JobState, StoreError, TenantId};
use sqlx::QueryBuilder;

use super::outbox::push_ids;
use super::unit::Unit;
use super::{Db, bulk, dialect};
use crate::column::{Document, Word};
use crate::fault::Fault;
use crate::rows::job::{JobRow, StoredJob, job_columns};
use crate::transition;

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
        let rows = bulk::claim(self.conn(), tenant, attempts, owner, now, until).await?;
        let jobs = rows.into_iter().map(Job::from);
        let mut taken: HashMap<(JobId, u32), Job> = jobs.map(|job| ((job.id, job.attempt), job)).collect();
        let answer = |asked| match taken.remove(asked) {
            Some(job) => Claim::Granted(Box::new(job)),
            None => Claim::Superseded,
        };
        Ok(attempts.iter().map(answer).collect())
    }

    /// One answer for each, in their order; those that are refused change nothing, and do not keep the others from it.
    ///
    /// What is done as expected ends by one statement. Whatever else there is, read first and decided on, comes after it.
    pub(super) async fn end_many(
        &mut self,
        tenant: TenantId,
        endings: Vec<Ending>,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Ended, StoreError>>, Fault> {
        let mut answers: Vec<_> = self.finish_many(tenant, &endings, owner, now).await?;
        let others: Vec<Ending> = endings
            .into_iter()
            .zip(&answers)
            .filter_map(|(ending, answer)| answer.is_none().then_some(ending))
            .collect();
        let mut decided = self.decide_many(tenant, others, owner, now).await?.into_iter();
        let answered = answers
            .drain(..)
            .map(|answer| answer.map(Ok).or_else(|| decided.next()))
            .map(|answer| answer.unwrap_or(Err(StoreError::NotFound)));
        Ok(answered.collect())
    }

    /// Ends the attempts that are done and whose lease still holds. None for any other.
    async fn finish_many(
        &mut self,
        tenant: TenantId,
        endings: &[Ending],
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<Ended>>, Fault> {
        let mut seen = HashSet::new();
        let first = endings.iter().map(|ending| seen.insert(ending.job_id));
        let first: Vec<bool> = first.collect();
        let done = endings
            .iter()
            .zip(&first)
            .filter_map(|(ending, first)| match &ending.end {
                AttemptEnd::Done(result) if *first => Some((ending.job_id, ending.attempt, result)),
                _ => None,
            });
        let done: Vec<_> = done.collect();
        if done.is_empty() {
            return Ok(vec![None; endings.len()]);
        }
        let mut finished: HashSet<JobId> = bulk::finish(self.conn(), tenant, &done, owner, now)
            .await?
            .into_iter()
            .collect();
        if !finished.is_empty() {
            self.jobs_moved();
        }
        // Of two ends of one job the first is the one that was told.
        let answer = |ending: &Ending| {
            let done = matches!(ending.end, AttemptEnd::Done(_)) && finished.remove(&ending.job_id);
            done.then_some(Ended {
                state: JobState::Done,
                error: None,
            })
        };
        Ok(endings.iter().map(answer).collect())
    }

    /// Ends attempts as the domain decides from what is stored.
    async fn decide_many(
        &mut self,
        tenant: TenantId,
        endings: Vec<Ending>,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Ended, StoreError>>, Fault> {
        if endings.is_empty() {
            return Ok(Vec::new());
        }
        let mut stored = self.lock_many(tenant, &endings).await?;
        let mut moved = Vec::new();
        let mut answers = Vec::with_capacity(endings.len());
        for Ending { job_id, attempt, end } in endings {
            answers.push(match stored.get_mut(&job_id) {
                Some(stored) => transition::end(stored, attempt, owner, end, now).map(|is_new| {
                    if is_new {
                        moved.push(job_id);
                    }
                    Ended {
                        state: stored.job.state,
                        error: stored.job.error.clone(),
                    }
                }),
                None => Err(StoreError::NotFound),
            });
        }
        let moved: Vec<&StoredJob> = moved.iter().filter_map(|id| stored.get(id)).collect();
        self.move_many(tenant, &moved).await?;
        Ok(answers)
    }

    /// Locked in the order of their ids, so that two of these never wait for each other.
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
