//! Tasks, their histories, and who was chosen for them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::Result;
use crate::id::{AgentId, DecisionId, TaskId, TenantId};
use crate::page::{Page, PageRequest};
use crate::task::{Decision, Task, TaskEvent, TaskState};

/// Which tasks a list shows.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only in this state.
    pub state: Option<TaskState>,
    /// Only of this sort.
    pub kind: Option<String>,
    /// Only this agent's.
    pub assignee: Option<AgentId>,
    /// Only parts of this task.
    pub parent: Option<TaskId>,
}

/// What [`Tasks::create`] did.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// The task is stored.
    New,
    /// There is a task with this idempotency key already: this one.
    Existing(Box<Task>),
}

/// A task that has moved, with what it leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskChange {
    /// The task as it is now; its `version` is one above the stored one.
    pub task: Task,
    /// What happened.
    pub events: Vec<TaskEvent>,
    /// Who was chosen, when somebody was looked for.
    pub decision: Option<Decision>,
    /// Whether it is given to its assignee by this: the agent must be able to take it at that moment.
    pub assigns: bool,
}

/// The tasks of one sort that nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTasks {
    /// What sort of work they are.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// When the oldest was created.
    pub oldest: DateTime<Utc>,
}

/// Tasks, their histories, and who was chosen for them.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Stores a new task with its first events and, when it is given to an agent at once, the choice; one transaction.
    /// Conflict on `assignee` when that agent cannot take it any more.
    async fn create(&self, tenant: TenantId, change: &TaskChange) -> Result<Created>;
    /// Stores tasks that have moved, all or none. [`StoreError::Stale`](crate::StoreError::Stale) when one of them has moved
    /// otherwise meanwhile; conflict on `assignee` as for [`Tasks::create`].
    async fn save(&self, tenant: TenantId, changes: &[TaskChange]) -> Result<()>;
    /// Stores those of these tasks that have not moved otherwise meanwhile, and whose assignee, where one is given them, can
    /// take them. Answers for each whether it is stored.
    async fn save_each(&self, tenant: TenantId, changes: &[TaskChange]) -> Result<Vec<bool>>;
    /// One task.
    async fn get(&self, tenant: TenantId, id: TaskId) -> Result<Task>;
    /// The task that was created under this idempotency key.
    async fn by_idempotency_key(&self, tenant: TenantId, key: &str) -> Result<Option<Task>>;
    /// The tenant's tasks, newest first.
    async fn list(&self, tenant: TenantId, filter: &TaskFilter, page: PageRequest) -> Result<Page<Task>>;
    /// The task and everything below it that is not finished, at most `limit`, parents first.
    async fn open_tree(&self, tenant: TenantId, id: TaskId, limit: u32) -> Result<Vec<Task>>;
    /// How many parts of this task are in each state.
    async fn parts(&self, tenant: TenantId, parent: TaskId) -> Result<Vec<(TaskState, u64)>>;
    /// What happened to it, in order.
    async fn history(&self, tenant: TenantId, id: TaskId) -> Result<Vec<TaskEvent>>;
    /// Who was chosen for it and why, in order.
    async fn decisions(&self, tenant: TenantId, id: TaskId) -> Result<Vec<Decision>>;
    /// Choices of the tenant since then, newest first; only those made before `before`, if there is one.
    async fn decisions_since(
        &self,
        tenant: TenantId,
        since: DateTime<Utc>,
        before: Option<DecisionId>,
        limit: u32,
    ) -> Result<Vec<Decision>>;
    /// What happened to each of these tasks, in order.
    async fn histories(&self, tenant: TenantId, ids: &[TaskId]) -> Result<Vec<(TaskId, TaskEvent)>>;
    /// The tasks that these agents hold, the most urgent and oldest first.
    async fn held_by(&self, tenant: TenantId, agents: &[AgentId]) -> Result<Vec<Task>>;
    /// Across tenants: tasks about which something is to be done at `now`, the most urgent and oldest first.
    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Task>>;
    /// The tenant's tasks for which somebody is looked for, the most urgent and oldest first, due or not; those that come after
    /// `last`.
    async fn pending(&self, tenant: TenantId, last: Option<&Task>, limit: u32) -> Result<Vec<Task>>;
    /// Across tenants: the tasks that nobody has, by their sort; sorts without any are missing.
    async fn waiting(&self) -> Result<Vec<WaitingTasks>>;
    /// Rises whenever a task may have moved; waiters look again.
    fn moved(&self) -> watch::Receiver<u64>;
}
