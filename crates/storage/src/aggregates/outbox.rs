//! The outbox: the message of every pending job, until the broker has it.

use chrono::{DateTime, Utc};
use domain::ports::storage::OutboxEntry;
use domain::{Job, JobId};
use sqlx::{Encode, QueryBuilder, Type};

use super::store::Store;
use super::unit::Unit;
use super::{BATCH, Db, bulk, dialect};
use crate::column::{Document, Word};
use crate::fault::Fault;
use crate::rows::job::OutboxRow;

const POST: &str = "
    INSERT INTO outbox (tenant_id, job_id, kind, attempt, priority, urgency, trace, held_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const UNPOST: &str = "DELETE FROM outbox WHERE job_id = $1";

impl Unit {
    /// Announces a pending job's next attempt, not before `due`.
    pub(super) async fn post(&mut self, job: &Job, due: DateTime<Utc>) -> Result<(), Fault> {
        sqlx::query(POST)
            .bind(job.tenant_id.0)
            .bind(job.id.0)
            .bind(Word(job.kind))
            .bind(i64::from(job.attempt) + 1)
            .bind(Word(job.priority))
            .bind(job.priority as i64)
            .bind(Document(&job.trace))
            .bind(due)
            .execute(self.conn())
            .await?;
        self.jobs_posted();
        Ok(())
    }

    /// Takes the announcement back, if it is still there.
    pub(super) async fn unpost(&mut self, job: JobId) -> Result<(), Fault> {
        sqlx::query(UNPOST).bind(job.0).execute(self.conn()).await?;
        Ok(())
    }
}

impl Store {
    pub(super) async fn hold_outbox(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, Fault> {
        let mut unit = self.write_across().await?;
        let rows: Vec<OutboxRow> = sqlx::query_as(dialect::HOLD_OUTBOX)
            .bind(now)
            .bind(until)
            .bind(i64::from(limit))
            .fetch_all(unit.conn())
            .await?;
        unit.commit().await?;
        let mut entries: Vec<OutboxEntry> = rows.into_iter().map(Into::into).collect();
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.priority), entry.id));
        Ok(entries)
    }

    pub(super) async fn forget_published(&self, ids: &[i64], now: DateTime<Utc>) -> Result<(), Fault> {
        let mut unit = self.write_keyed_across().await?;
        for batch in ids.chunks(BATCH) {
            bulk::forget(unit.conn(), batch, now).await?;
        }
        unit.commit().await
    }
}

/// A list of ids, as it stands after `IN (`.
pub(super) fn push_ids<T>(query: &mut QueryBuilder<Db>, ids: impl IntoIterator<Item = T>)
where
    T: for<'q> Encode<'q, Db> + Type<Db> + 'static,
{
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
}
