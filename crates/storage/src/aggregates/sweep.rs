//! What was lost: leases of workers that are gone, and messages that the broker has no more. And what waits, in numbers.

use chrono::{DateTime, Utc};
use domain::ports::storage::{QueueStats, Swept};
use domain::{Job, JobKind, JobState, Priority};

use super::dialect;
use super::store::Store;
use super::unit::Unit;
use crate::column::{Word, unsigned};
use crate::fault::Fault;
use crate::rows::job::{JobRow, StoredJob};
use crate::transition;

const NOT_PUBLISHED: &str = "UPDATE jobs SET published_at = NULL WHERE tenant_id = $1 AND id = $2";

const WAITING: &str = "
    SELECT priority, COUNT(*), MIN(run_at)
      FROM jobs
     WHERE state = 'pending' AND run_at <= $1
     GROUP BY priority";

const UNPUBLISHED: &str = "SELECT priority, COUNT(*) FROM outbox GROUP BY priority";

const IN_DOUBT: &str = "
    SELECT kind, COUNT(*)
      FROM jobs
     WHERE state = 'in_doubt'
     GROUP BY kind
     ORDER BY kind";

impl Store {
    pub(super) async fn sweep_jobs(
        &self,
        now: DateTime<Utc>,
        lost_before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Swept, Fault> {
        let mut unit = self.write_across().await?;
        let mut swept = Swept::default();
        unit.sweep_leases(now, limit, &mut swept).await?;
        unit.sweep_messages(now, lost_before, limit, &mut swept).await?;
        unit.commit().await?;
        Ok(swept)
    }

    pub(super) async fn queue_stats(&self, now: DateTime<Utc>) -> Result<Vec<QueueStats>, Fault> {
        let mut unit = self.read_across().await?;
        let waiting: Vec<(Word<Priority>, i64, DateTime<Utc>)> =
            sqlx::query_as(WAITING).bind(now).fetch_all(unit.conn()).await?;
        let unpublished: Vec<(Word<Priority>, i64)> =
            sqlx::query_as(UNPUBLISHED).fetch_all(unit.conn()).await?;
        let stats = Priority::ALL.map(|priority| {
            let due = waiting.iter().find(|(class, ..)| class.0 == priority);
            let rows = unpublished.iter().find(|(class, _)| class.0 == priority);
            let age = due.map_or(0.0, |(_, _, oldest)| (now - *oldest).as_seconds_f64());
            QueueStats {
                priority,
                depth: due.map_or(0, |(_, count, _)| unsigned(*count)),
                oldest_age_seconds: age,
                outbox_pending: rows.map_or(0, |(_, count)| unsigned(*count)),
            }
        });
        Ok(stats.into())
    }

    pub(super) async fn count_in_doubt(&self) -> Result<Vec<(JobKind, u64)>, Fault> {
        let mut unit = self.read_across().await?;
        let rows: Vec<(Word<JobKind>, i64)> = sqlx::query_as(IN_DOUBT).fetch_all(unit.conn()).await?;
        Ok(rows
            .into_iter()
            .map(|(kind, count)| (kind.0, unsigned(count)))
            .collect())
    }
}

impl Unit {
    async fn sweep_leases(&mut self, now: DateTime<Utc>, limit: u32, swept: &mut Swept) -> Result<(), Fault> {
        let rows: Vec<JobRow> = sqlx::query_as(dialect::LAPSED_JOBS)
            .bind(now)
            .bind(i64::from(limit))
            .fetch_all(self.conn())
            .await?;
        for mut stored in rows.into_iter().map(StoredJob::from) {
            let next = stored.job.after_lost_lease(now);
            transition::go(&mut stored.job, next, now);
            self.move_job(&stored).await?;
            self.follow(&stored.job, now).await?;
            let count = match stored.job.state {
                JobState::Pending => &mut swept.retried,
                JobState::InDoubt => &mut swept.in_doubt,
                _ => &mut swept.failed,
            };
            count.push(stored.job.kind);
        }
        Ok(())
    }

    async fn sweep_messages(
        &mut self,
        now: DateTime<Utc>,
        lost_before: DateTime<Utc>,
        limit: u32,
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        let rows: Vec<JobRow> = sqlx::query_as(dialect::LOST_JOBS)
            .bind(now)
            .bind(lost_before)
            .bind(i64::from(limit))
            .fetch_all(self.conn())
            .await?;
        for job in rows.into_iter().map(Job::from) {
            sqlx::query(NOT_PUBLISHED)
                .bind(job.tenant_id.0)
                .bind(job.id.0)
                .execute(self.conn())
                .await?;
            self.post(&job, now).await?;
            swept.republished.push(job.kind);
        }
        Ok(())
    }
}
