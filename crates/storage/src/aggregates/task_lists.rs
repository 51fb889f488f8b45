//! Tasks as they are looked for.

use chrono::{DateTime, Utc};
use domain::ports::storage::{TaskFilter, WaitingTasks};
use domain::task::{Decision, TaskEvent, TaskState};
use domain::{AgentId, DecisionId, Page, PageRequest, Task, TaskId, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::outbox::push_ids;
use super::store::Store;
use super::unit::Unit;
use super::{BATCH, Db, dialect};
use crate::column::{Document, Word, unsigned};
use crate::cursor;
use crate::fault::Fault;

const GET: &str = "SELECT document FROM tasks WHERE tenant_id = $1 AND id = $2";

const BY_KEY: &str = "SELECT document FROM tasks WHERE tenant_id = $1 AND idempotency_key = $2";

const LIST: &str = "
    SELECT document
      FROM tasks
     WHERE tenant_id = $1
       AND ($2 IS NULL OR id < $2)
       AND ($3 IS NULL OR state = $3)
       AND ($4 IS NULL OR kind = $4)
       AND ($5 IS NULL OR assignee = $5)
       AND ($6 IS NULL OR parent_id = $6)
     ORDER BY id DESC
     LIMIT $7";

/// Ids are given in the order of creation, and a part is created after what it is a part of.
const OPEN_TREE: &str = "
    WITH RECURSIVE tree (id) AS (
        SELECT id FROM tasks WHERE tenant_id = $1 AND id = $2
        UNION
        SELECT tasks.id
          FROM tasks
          JOIN tree ON tasks.parent_id = tree.id
         WHERE tasks.tenant_id = $1
    )
    SELECT document
      FROM tasks
     WHERE tenant_id = $1 AND id IN (SELECT id FROM tree) AND finished_at IS NULL
     ORDER BY id
     LIMIT $3";

const PARTS: &str = "
    SELECT state, COUNT(*)
      FROM tasks
     WHERE tenant_id = $1 AND parent_id = $2
     GROUP BY state
     ORDER BY state";

const EVENTS: &str = "SELECT document FROM task_events WHERE tenant_id = $1 AND task_id = $2 ORDER BY number";

const DECISIONS: &str =
    "SELECT document FROM routing_decisions WHERE tenant_id = $1 AND task_id = $2 ORDER BY id";

const RECENT_DECISIONS: &str = "
    SELECT document
      FROM routing_decisions
     WHERE tenant_id = $1 AND decided_at >= $2
       AND ($3 IS NULL OR id < $3)
     ORDER BY id DESC
     LIMIT $4";

const DUE: &str = "SELECT document FROM tasks WHERE due_at <= $1 ORDER BY urgency DESC, due_at LIMIT $2";

const PENDING: &str = "
    SELECT document
      FROM tasks
     WHERE tenant_id = $1 AND state = 'pending' AND urgency <= $2 AND (urgency < $2 OR id > $3)
     ORDER BY urgency DESC, id
     LIMIT $4";

impl Store {
    pub(super) async fn task(&self, tenant: TenantId, id: TaskId) -> Result<Task, Fault> {
        let mut unit = self.read(tenant).await?;
        let row: Document<Task> = sqlx::query_scalar(GET)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_one(unit.conn())
            .await?;
        Ok(row.0)
    }

    pub(super) async fn list_tasks(
        &self,
        tenant: TenantId,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, Fault> {
        let after = cursor::after_id(&page)?;
        let mut unit = self.read(tenant).await?;
        let rows = sqlx::query_scalar(LIST)
            .bind(tenant.0)
            .bind(after)
            .bind(filter.state.map(Word))
            .bind(filter.kind.as_deref())
            .bind(filter.assignee.map(|id| id.0))
            .bind(filter.parent.map(|id| id.0))
            .bind(cursor::rows_to_read(&page))
            .fetch_all(unit.conn());
        Ok(cursor::page(all(rows.await?), &page, |task: &Task| task.id))
    }

    pub(super) async fn open_tasks_below(
        &self,
        tenant: TenantId,
        id: TaskId,
        limit: u32,
    ) -> Result<Vec<Task>, Fault> {
        let mut unit = self.read(tenant).await?;
        let rows = sqlx::query_scalar(OPEN_TREE)
            .bind(tenant.0)
            .bind(id.0)
            .bind(i64::from(limit))
            .fetch_all(unit.conn());
        Ok(all(rows.await?))
    }

    pub(super) async fn count_parts(
        &self,
        tenant: TenantId,
        parent: TaskId,
    ) -> Result<Vec<(TaskState, u64)>, Fault> {
        let mut unit = self.read(tenant).await?;
        let rows: Vec<(Word<TaskState>, i64)> = sqlx::query_as(PARTS)
            .bind(tenant.0)
            .bind(parent.0)
            .fetch_all(unit.conn())
            .await?;
        let count = |(state, count): (Word<TaskState>, i64)| (state.0, unsigned(count));
        Ok(rows.into_iter().map(count).collect())
    }

    pub(super) async fn task_events(&self, tenant: TenantId, id: TaskId) -> Result<Vec<TaskEvent>, Fault> {
        let mut unit = self.read(tenant).await?;
        let rows = sqlx::query_scalar(EVENTS)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_all(unit.conn());
        Ok(all(rows.await?))
    }

    pub(super) async fn task_decisions(&self, tenant: TenantId, id: TaskId) -> Result<Vec<Decision>, Fault> {
        let mut unit = self.read(tenant).await?;
        let rows = sqlx::query_scalar(DECISIONS)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_all(unit.conn());
        Ok(all(rows.await?))
    }

    pub(super) async fn recent_decisions(
        &self,
        tenant: TenantId,
        since: DateTime<Utc>,
        before: Option<DecisionId>,
        limit: u32,
    ) -> Result<Vec<Decision>, Fault> {
        let mut unit = self.read(tenant).await?;
        let rows = sqlx::query_scalar(RECENT_DECISIONS)
            .bind(tenant.0)
            .bind(since)
            .bind(before.map(|id| id.0))
            .bind(i64::from(limit))
            .fetch_all(unit.conn());
        Ok(all(rows.await?))
    }

    pub(super) async fn events_of_tasks(
        &self,
        tenant: TenantId,
        ids: &[TaskId],
    ) -> Result<Vec<(TaskId, TaskEvent)>, Fault> {
        let mut unit = self.read(tenant).await?;
        let mut events = Vec::new();
        for batch in ids.chunks(BATCH) {
            let mut query =
                QueryBuilder::<Db>::new("SELECT task_id, document FROM task_events WHERE tenant_id = ");
            query.push_bind(tenant.0);
            query.push(" AND task_id IN (");
            push_ids(&mut query, batch.iter().map(|id| id.0));
            query.push(") ORDER BY task_id, number");
            let rows: Vec<(Uuid, Document<TaskEvent>)> =
                query.build_query_as().fetch_all(unit.conn()).await?;
            events.extend(rows.into_iter().map(|(task, event)| (TaskId(task), event.0)));
        }
        Ok(events)
    }

    pub(super) async fn tasks_held_by(
        &self,
        tenant: TenantId,
        agents: &[AgentId],
    ) -> Result<Vec<Task>, Fault> {
        let mut unit = self.read(tenant).await?;
        let mut held: Vec<Task> = Vec::new();
        for batch in agents.chunks(BATCH) {
            let mut query = QueryBuilder::<Db>::new("SELECT document FROM tasks WHERE tenant_id = ");
            query.push_bind(tenant.0);
            query.push(" AND state IN ('assigned', 'accepted', 'in_progress') AND assignee IN (");
            push_ids(&mut query, batch.iter().map(|id| id.0));
            query.push(") ORDER BY urgency DESC, id");
            let rows = query.build_query_scalar().fetch_all(unit.conn()).await?;
            held.extend(all(rows));
        }
        Ok(held)
    }

    pub(super) async fn due_tasks(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Task>, Fault> {
        let mut unit = self.read_across().await?;
        let rows = sqlx::query_scalar(DUE)
            .bind(now)
            .bind(i64::from(limit))
            .fetch_all(unit.conn());
        Ok(all(rows.await?))
    }

    pub(super) async fn pending_tasks(
        &self,
        tenant: TenantId,
        last: Option<&Task>,
        limit: u32,
    ) -> Result<Vec<Task>, Fault> {
        let (urgency, id) = last.map_or((i64::MAX, Uuid::nil()), |last| (last.priority as i64, last.id.0));
        let mut unit = self.read(tenant).await?;
        let rows = sqlx::query_scalar(PENDING)
            .bind(tenant.0)
            .bind(urgency)
            .bind(id)
            .bind(i64::from(limit))
            .fetch_all(unit.conn());
        Ok(all(rows.await?))
    }

    pub(super) async fn waiting_tasks(&self) -> Result<Vec<WaitingTasks>, Fault> {
        let mut unit = self.read_across().await?;
        let rows: Vec<(String, i64, Uuid)> = sqlx::query_as(dialect::WAITING_TASKS)
            .fetch_all(unit.conn())
            .await?;
        let of_kind = |(kind, count, oldest): (String, i64, Uuid)| {
            Some(WaitingTasks {
                kind,
                count: unsigned(count),
                oldest: created_at(oldest)?,
            })
        };
        Ok(rows.into_iter().filter_map(of_kind).collect())
    }
}

/// Ids are given in the order of creation, and say when.
fn created_at(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

impl Unit {
    pub(super) async fn task_by_key(&mut self, tenant: TenantId, key: &str) -> Result<Option<Task>, Fault> {
        let row: Option<Document<Task>> = sqlx::query_scalar(BY_KEY)
            .bind(tenant.0)
            .bind(key)
            .fetch_optional(self.conn())
            .await?;
        Ok(row.map(|row| row.0))
    }
}

fn all<T>(rows: Vec<Document<T>>) -> Vec<T> {
    rows.into_iter().map(|row| row.0).collect()
}
