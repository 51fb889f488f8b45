//! Tasks: stored when they are created and when they move, with what happened and who was chosen. Lists are in
//! `task_lists.rs`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::agent::AgentState;
use domain::ports::storage::{Created, TaskChange, TaskFilter, Tasks, WaitingTasks};
use domain::task::{Decision, TaskEvent, TaskState};
use domain::{Agent, AgentId, DecisionId, Event, Page, PageRequest, StoreError, Task, TaskId, TenantId};
use sqlx::QueryBuilder;
use tokio::sync::watch;

use super::store::{Store, same_tenant};
use super::unit::Unit;
use super::{BATCH, Db, FEW};
use crate::column::{Document, Word};
use crate::fault::Fault;

const CREATE: &str = "
    INSERT INTO tasks (id, tenant_id, kind, state, urgency, assignee, parent_id, due_at, idempotency_key, version,
                       finished_at, document)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (tenant_id, idempotency_key) DO NOTHING";

const SAVE: &str = "
    UPDATE tasks
       SET state = $3, assignee = $4, due_at = $5, version = $6, finished_at = $7, document = $8
     WHERE tenant_id = $1 AND id = $2 AND version = $6 - 1";

const HELD: &str = "
    SELECT COUNT(*)
      FROM tasks
     WHERE tenant_id = $1 AND assignee = $2 AND state IN ('assigned', 'accepted', 'in_progress') AND id <> $3";

/// Locks the agent that a task is given to.
const CHOSEN: &str = "UPDATE agents SET chosen_at = $3 WHERE tenant_id = $1 AND id = $2 RETURNING document";

const NOTE: &str = "INSERT INTO task_events (tenant_id, task_id, number, document) ";

const DECIDE: &str = "INSERT INTO routing_decisions (id, tenant_id, task_id, decided_at, document) ";

#[async_trait]
impl Tasks for Store {
    async fn create(&self, tenant: TenantId, change: &TaskChange) -> Result<Created, StoreError> {
        self.call("create", "tasks", async {
            let task = &change.task;
            same_tenant(tenant, task.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let created = sqlx::query(CREATE)
                .bind(task.id.0)
                .bind(tenant.0)
                .bind(&task.kind)
                .bind(Word(task.state))
                .bind(task.priority as i64)
                .bind(task.holder().map(|id| id.0))
                .bind(task.parent_id.map(|id| id.0))
                .bind(task.due_at)
                .bind(&task.idempotency_key)
                .bind(task.version)
                .bind(task.finished_at)
                .bind(Document(task))
                .execute(unit.conn())
                .await?;
            if created.rows_affected() == 0 {
                let key = task.idempotency_key.as_deref().unwrap_or_default();
                let existing = unit.task_by_key(tenant, key).await?;
                let existing =
                    existing.ok_or_else(|| StoreError::internal("a task is neither new nor there"))?;
                return Ok(Created::Existing(Box::new(existing)));
            }
            unit.note(&[change]).await?;
            unit.tasks_moved();
            if change.assigns {
                // Last, since whoever gives this agent a task waits from here on. Nobody else knows of the task.
                unit.tell_happened().await?;
                unit.take_place(tenant, task).await?;
            }
            unit.commit().await?;
            Ok(Created::New)
        })
        .await
    }

    async fn save(&self, tenant: TenantId, changes: &[TaskChange]) -> Result<(), StoreError> {
        self.call("save", "tasks", async {
            let mut unit = self.write(tenant).await?;
            unit.save_tasks(tenant, changes).await?;
            unit.commit().await
        })
        .await
    }

    async fn save_each(&self, tenant: TenantId, changes: &[TaskChange]) -> Result<Vec<bool>, StoreError> {
        self.call("save_each", "tasks", async {
            let mut unit = self.write_keyed(tenant).await?;
            let saved = unit.save_each_task(tenant, changes).await?;
            unit.commit().await?;
            Ok(saved)
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: TaskId) -> Result<Task, StoreError> {
        self.call("get", "tasks", self.task(tenant, id)).await
    }

    async fn by_idempotency_key(&self, tenant: TenantId, key: &str) -> Result<Option<Task>, StoreError> {
        self.call("by_idempotency_key", "tasks", async {
            self.read(tenant).await?.task_by_key(tenant, key).await
        })
        .await
    }

    async fn list(
        &self,
        tenant: TenantId,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, StoreError> {
        self.call("list", "tasks", self.list_tasks(tenant, filter, page))
            .await
    }

    async fn open_tree(&self, tenant: TenantId, id: TaskId, limit: u32) -> Result<Vec<Task>, StoreError> {
        self.call("open_tree", "tasks", self.open_tasks_below(tenant, id, limit))
            .await
    }

    async fn parts(&self, tenant: TenantId, parent: TaskId) -> Result<Vec<(TaskState, u64)>, StoreError> {
        self.call("parts", "tasks", self.count_parts(tenant, parent))
            .await
    }

    async fn history(&self, tenant: TenantId, id: TaskId) -> Result<Vec<TaskEvent>, StoreError> {
        self.call("history", "task_events", self.task_events(tenant, id))
            .await
    }

    async fn decisions(&self, tenant: TenantId, id: TaskId) -> Result<Vec<Decision>, StoreError> {
        self.call("decisions", "routing_decisions", self.task_decisions(tenant, id))
            .await
    }

    async fn decisions_since(
        &self,
        tenant: TenantId,
        since: DateTime<Utc>,
        before: Option<DecisionId>,
        limit: u32,
    ) -> Result<Vec<Decision>, StoreError> {
        let read = self.recent_decisions(tenant, since, before, limit);
        self.call("decisions_since", "routing_decisions", read).await
    }

    async fn histories(
        &self,
        tenant: TenantId,
        ids: &[TaskId],
    ) -> Result<Vec<(TaskId, TaskEvent)>, StoreError> {
        self.call("histories", "task_events", self.events_of_tasks(tenant, ids))
            .await
    }

    async fn held_by(&self, tenant: TenantId, agents: &[AgentId]) -> Result<Vec<Task>, StoreError> {
        self.call("held_by", "tasks", self.tasks_held_by(tenant, agents))
            .await
    }

    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Task>, StoreError> {
        self.call("due", "tasks", self.due_tasks(now, limit)).await
    }

    async fn pending(
        &self,
        tenant: TenantId,
        last: Option<&Task>,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        self.call("pending", "tasks", self.pending_tasks(tenant, last, limit))
            .await
    }

    async fn waiting(&self) -> Result<Vec<WaitingTasks>, StoreError> {
        self.call("waiting", "tasks", self.waiting_tasks()).await
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.signals.tasks()
    }
}

impl Unit {
    /// Stores tasks that have moved. Agents are locked before tasks, everywhere.
    pub(super) async fn save_tasks(&mut self, tenant: TenantId, changes: &[TaskChange]) -> Result<(), Fault> {
        for change in changes {
            same_tenant(tenant, change.task.tenant_id)?;
        }
        for change in changes.iter().filter(|change| change.assigns) {
            self.take_place(tenant, &change.task).await?;
        }
        for change in changes {
            self.save_task(&change.task).await?;
            self.tasks_moved();
        }
        let changes: Vec<_> = changes.iter().collect();
        self.note(&changes).await
    }

    async fn save_task(&mut self, task: &Task) -> Result<(), Fault> {
        let saved = sqlx::query(SAVE)
            .bind(task.tenant_id.0)
            .bind(task.id.0)
            .bind(Word(task.state))
            .bind(task.holder().map(|id| id.0))
            .bind(task.due_at)
            .bind(task.version)
            .bind(task.finished_at)
            .bind(Document(task))
            .execute(self.conn())
            .await?;
        if saved.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Stale.into())
        }
    }

    /// Locks the agent that a task is given to: it must be here and have a place free, at this moment, beside this task.
    async fn take_place(&mut self, tenant: TenantId, task: &Task) -> Result<(), Fault> {
        let Some(id) = task.holder() else {
            return Err(StoreError::internal("a task without an assignee is given to nobody").into());
        };
        let agent: Option<Document<Agent>> = sqlx::query_scalar(CHOSEN)
            .bind(tenant.0)
            .bind(id.0)
            .bind(task.updated_at.timestamp_millis())
            .fetch_optional(self.conn())
            .await?;
        let held: i64 = sqlx::query_scalar(HELD)
            .bind(tenant.0)
            .bind(id.0)
            .bind(task.id.0)
            .fetch_one(self.conn())
            .await?;
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        if !agent.is_some_and(|agent| agent.0.may_take(held)) {
            return Err(StoreError::conflict("assignee", "this agent cannot take a task now").into());
        }
        Ok(())
    }

    /// An agent that is gone, or begins anew, holds nothing: what it was given after its tasks were read is to be taken from
    /// it too. Whoever gives it one locks it first, so that either sees the other.
    pub(super) async fn nothing_is_left(&mut self, agent: &Agent) -> Result<(), Fault> {
        if !matches!(agent.state, AgentState::Offline | AgentState::Pending) {
            return Ok(());
        }
        let held: i64 = sqlx::query_scalar(HELD)
            .bind(agent.tenant_id.0)
            .bind(agent.id.0)
            .bind(uuid::Uuid::nil())
            .fetch_one(self.conn())
            .await?;
        if held > 0 {
            Err(StoreError::Stale.into())
        } else {
            Ok(())
        }
    }

    /// What is left behind by tasks that have moved: their events, and who was chosen.
    pub(super) async fn note(&mut self, changes: &[&TaskChange]) -> Result<(), Fault> {
        let events: Vec<_> = changes
            .iter()
            .flat_map(|change| change.events.iter().map(|event| (&change.task, event)))
            .collect();
        for batch in events.chunks(BATCH) {
            let mut note = QueryBuilder::<Db>::new(NOTE);
            note.push_values(batch, |mut row, (task, event)| {
                row.push_bind(task.tenant_id.0)
                    .push_bind(task.id.0)
                    .push_bind(i64::from(event.number))
                    .push_bind(Document(*event));
            });
            note.build()
                .persistent(batch.len() <= FEW)
                .execute(self.conn())
                .await?;
        }
        for (task, event) in events {
            self.happened(Event::of_task(task, event));
            if let Some(agent) = event.agent_id {
                self.woke(task.tenant_id, agent);
            }
        }
        for task in changes.iter().map(|change| &change.task) {
            if let Some(agent) = task.holder() {
                self.woke(task.tenant_id, agent);
            }
        }
        let decisions: Vec<_> = changes
            .iter()
            .filter_map(|change| change.decision.as_ref())
            .collect();
        for batch in decisions.chunks(BATCH) {
            let mut decide = QueryBuilder::<Db>::new(DECIDE);
            decide.push_values(batch, |mut row, decision| {
                row.push_bind(decision.id.0)
                    .push_bind(decision.tenant_id.0)
                    .push_bind(decision.task_id.0)
                    .push_bind(decision.at)
                    .push_bind(Document(*decision));
            });
            decide
                .build()
                .persistent(batch.len() <= FEW)
                .execute(self.conn())
                .await?;
        }
        Ok(())
    }
}
