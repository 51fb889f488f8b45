//! The database itself: whether it answers, how busy it is, what it forgets.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::StoreError;
use domain::ports::storage::{Database, Pruned, Retention};

use super::store::Store;
use crate::column::signed;

/// The number up to which changes go: all but the newest $1, and none that was made at or after $2.
const PRUNE_TO: &str = "
    SELECT MAX(number)
      FROM changes
     WHERE number <= (SELECT number FROM change_counter) - $1
       AND number < COALESCE((SELECT MIN(number) FROM changes WHERE changed_at >= $2), number + 1)";

const NOTE_PRUNED: &str = "UPDATE change_counter SET pruned = $1 WHERE pruned < $1";

const PRUNE_CHANGES: &str = "DELETE FROM changes WHERE number <= $1";

const PRUNE_JOBS: &str = "DELETE FROM jobs WHERE state IN ('done', 'failed') AND updated_at < $1";

const PRUNE_AUDIT: &str = "DELETE FROM audit_records WHERE ended_at < $1";

/// As old as audit records; what fires still is kept.
const PRUNE_ALERTS: &str = "DELETE FROM alerts WHERE ended_at < $1";

const PRUNE_TASKS: &str = "DELETE FROM tasks WHERE finished_at < $1";

const PRUNE_AGENTS: &str = "DELETE FROM agents WHERE state = 'offline' AND changed_at < $1";

/// As long after their end as events are kept.
const PRUNE_MESSAGES: &str = "DELETE FROM messages WHERE expires_at < $1";

/// The newest note of a back-up is what its age is read from.
const PRUNE_BACKUPS: &str =
    "DELETE FROM backups WHERE made_at < $1 AND made_at < (SELECT MAX(made_at) FROM backups)";

const LAST_BACKUP: &str = "SELECT MAX(made_at) FROM backups";

const PRUNE_ANSWERS: &str = "DELETE FROM answers WHERE created_at < $1";

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
        let changes = self.prune_changes(retention);
        let changes = self.call("prune", "changes", changes).await?;
        let events = self.prune_events(retention.events_before);
        let events = self.call("prune", "events", events).await?;
        let mut pruned = Pruned {
            changes,
            events,
            ..Pruned::default()
        };
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
            let delete = async {
                let mut unit = self.write_across().await?;
                let done = sqlx::query(statement).bind(before).execute(unit.conn()).await?;
                unit.commit().await?;
                Ok(done.rows_affected())
            };
            *count = self.call("prune", table, delete).await?;
        }
        Ok(pruned)
    }
}

impl Store {
    async fn prune_changes(&self, retention: &Retention) -> Result<u64, crate::fault::Fault> {
        let mut unit = self.write_across().await?;
        let up_to: Option<i64> = sqlx::query_scalar(PRUNE_TO)
            .bind(signed(retention.changes_kept))
            .bind(retention.changes_before)
            .fetch_one(unit.conn())
            .await?;
        let Some(up_to) = up_to else { return Ok(0) };
        let gone = sqlx::query(PRUNE_CHANGES)
            .bind(up_to)
            .execute(unit.conn())
            .await?;
        sqlx::query(NOTE_PRUNED).bind(up_to).execute(unit.conn()).await?;
        unit.commit().await?;
        Ok(gone.rows_affected())
    }
}
