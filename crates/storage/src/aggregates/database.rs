//! The database itself: whether it answers, how busy it is, what it forgets.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::StoreError;
use domain::ports::storage::{Database, Pruned, Retention};

use super::events::PRUNE_EVENTS;
use super::store::Store;
use crate::column::signed;
use crate::fault::Fault;

/// The number up to which changes go: all but the newest $1, and none that was made at or after $2.
const PRUNE_TO: &str = "
    SELECT MAX(number)
      FROM changes
     WHERE number <= (SELECT number FROM change_counter) - $1
       AND number < COALESCE((SELECT MIN(number) FROM changes WHERE changed_at >= $2), number + 1)";

const NOTE_PRUNED: &str = "UPDATE change_counter SET pruned = $1 WHERE pruned < $1";

/// Most rows of a table that go in one transaction: whoever needs one of them waits no longer than that takes.
const BATCH: u32 = 1_000;

/// A statement that removes `$1` rows of those that fit.
macro_rules! prune {
    ($table:literal by $key:literal where $fits:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $fits,
            " LIMIT $1)"
        )
    };
}

/// What was noted as gone.
const PRUNE_CHANGES: &str =
    prune!("changes" by "number" where "number <= (SELECT pruned FROM change_counter)");

const PRUNE_JOBS: &str = prune!("jobs" by "id" where "state IN ('done', 'failed') AND updated_at < $2");

const PRUNE_AUDIT: &str = prune!("audit_records" by "id" where "ended_at < $2");

/// As old as audit records; what fires still is kept.
const PRUNE_ALERTS: &str = prune!("alerts" by "id" where "ended_at < $2");

const PRUNE_TASKS: &str = prune!("tasks" by "id" where "finished_at < $2");

/// Those that were done, and those whose task is gone; what is still to be done stays.
const PRUNE_ASSIGNMENTS: &str = prune!("assignments" by "id" where "done_at < $2
    OR created_at < $2 AND task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.id = assignments.task_id)");

const PRUNE_AGENTS: &str = prune!("agents" by "id" where "state = 'offline' AND changed_at < $2");

/// As long after their end as events are kept.
const PRUNE_MESSAGES: &str = prune!("messages" by "tenant_id, id" where "expires_at < $2");

/// The newest note of a back-up is what its age is read from.
const PRUNE_BACKUPS: &str =
    prune!("backups" by "made_at" where "made_at < $2 AND made_at < (SELECT MAX(made_at) FROM backups)");

const PRUNE_ANSWERS: &str = prune!("answers" by "tenant_id, idempotency_key" where "created_at < $2");

const LAST_BACKUP: &str = "SELECT MAX(made_at) FROM backups";

#[async_trait]
impl Database for Store {
    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ping", "none", async { Ok(self.pools.ping().await?) })
            .await
    }

    fn pool(&self) -> (u32, u32) {
        let usage = self.pools.usage();
        self.meter.pool(usage);
        usage
    }

    async fn close(&self) {
        self.pools.close().await;
        self.meter.pool(self.pools.usage());
    }

    async fn last_backup(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.call("last", "backups", async {
            let mut unit = self.read_across().await?;
            Ok(sqlx::query_scalar(LAST_BACKUP).fetch_one(unit.conn()).await?)
        })
        .await
    }

    async fn prune(&self, retention: &Retention) -> Result<Pruned, StoreError> {
        // First that they are gone, then they go: nobody who follows passes over one of them.
        let changes = self.changes_are_gone(retention);
        self.call("prune", "change_counter", changes).await?;
        let events = self.events_are_gone(retention.events_before);
        self.call("prune", "event_heads", events).await?;
        let mut pruned = Pruned::default();
        for (table, statement, count) in [
            ("changes", PRUNE_CHANGES, &mut pruned.changes),
            ("events", PRUNE_EVENTS, &mut pruned.events),
        ] {
            *count = self.prune_table(table, statement, None).await?;
        }
        for (table, statement, before, count) in [
            ("jobs", PRUNE_JOBS, retention.jobs_before, &mut pruned.jobs),
            (
                "audit_records",
                PRUNE_AUDIT,
                retention.audit_before,
                &mut pruned.audit_records,
            ),
            ("tasks", PRUNE_TASKS, retention.tasks_before, &mut pruned.tasks),
            (
                "assignments",
                PRUNE_ASSIGNMENTS,
                retention.tasks_before,
                &mut pruned.assignments,
            ),
            (
                "messages",
                PRUNE_MESSAGES,
                retention.events_before,
                &mut pruned.messages,
            ),
            ("agents", PRUNE_AGENTS, retention.tasks_before, &mut pruned.agents),
            ("alerts", PRUNE_ALERTS, retention.audit_before, &mut pruned.alerts),
            (
                "backups",
                PRUNE_BACKUPS,
                retention.audit_before,
                &mut pruned.backups,
            ),
            (
                "answers",
                PRUNE_ANSWERS,
                retention.answers_before,
                &mut pruned.answers,
            ),
        ] {
            *count = self.prune_table(table, statement, Some(before)).await?;
        }
        Ok(pruned)
    }
}

impl Store {
    /// Batch after batch, until nothing fits any more. Answers how many rows went.
    async fn prune_table(
        &self,
        table: &'static str,
        statement: &'static str,
        before: Option<DateTime<Utc>>,
    ) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let delete = self.prune_batch(statement, before);
            let gone = self.call("prune", table, delete).await?;
            all += gone;
            if gone < u64::from(BATCH) {
                return Ok(all);
            }
        }
    }

    async fn prune_batch(
        &self,
        statement: &'static str,
        before: Option<DateTime<Utc>>,
    ) -> Result<u64, Fault> {
        let mut unit = self.write_across().await?;
        let mut delete = sqlx::query(statement).bind(i64::from(BATCH));
        if let Some(before) = before {
            delete = delete.bind(before);
        }
        let done = delete.execute(unit.conn()).await?;
        unit.commit().await?;
        Ok(done.rows_affected())
    }

    async fn changes_are_gone(&self, retention: &Retention) -> Result<(), Fault> {
        let mut unit = self.write_across().await?;
        let up_to: Option<i64> = sqlx::query_scalar(PRUNE_TO)
            .bind(signed(retention.changes_kept))
            .bind(retention.changes_before)
            .fetch_one(unit.conn())
            .await?;
        let Some(up_to) = up_to else { return Ok(()) };
        sqlx::query(NOTE_PRUNED).bind(up_to).execute(unit.conn()).await?;
        unit.commit().await
    }
}
