//! Tasks, their histories and their reasons, for people and agents.

use std::time::Duration;

use domain::ports::storage::TaskFilter;
use domain::task::{Decision, TaskEvent, TaskState};
use domain::{AgentId, Page, PageRequest, Principal, Scope, Task, TaskId, TenantId, Verb};

use crate::jobs::MAX_WAIT;
use crate::messages::woken_before;
use crate::{Control, ControlError, require};

/// A task with all that is known of it.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The task.
    pub task: Task,
    /// What happened to it.
    pub history: Vec<TaskEvent>,
    /// How many parts it has in each state.
    pub parts: Vec<(TaskState, u64)>,
}

/// What an agent holds.
#[derive(Debug, Clone)]
pub struct Offers {
    /// The tasks that it was given and has not answered.
    pub offered: Vec<Task>,
    /// Those that it has accepted.
    pub working: Vec<Task>,
}

impl Control {
    /// One task with its history; waits up to `wait` for its end. Of another tenant's tasks the caller sees those that it gave
    /// to it.
    ///
    /// # Errors
    /// Without `tasks:read`; when there is no such task; when the border of the other tenant is closed.
    pub async fn get_task(
        &self,
        caller: &Principal,
        of: Option<TenantId>,
        id: TaskId,
        wait: Duration,
    ) -> Result<Explained, ControlError> {
        require(caller, Scope::TasksRead)?;
        let over = self.over(caller, of, Verb::Assign).await?;
        let tenant = over.tenant_id;
        let deadline = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        let mut moved = self.storage.tasks.moved();
        let task = loop {
            moved.mark_unchanged();
            let task = self.storage.tasks.get(tenant, id).await?;
            if tenant != caller.tenant_id && task.creator != over.name {
                return Err(ControlError::NotFound);
            }
            let ended = task.state.is_final() || wait.is_zero();
            if ended || !changed_before(&mut moved, deadline).await {
                break task;
            }
        };
        Ok(Explained {
            task,
            history: self.storage.tasks.history(tenant, id).await?,
            parts: self.storage.tasks.parts(tenant, id).await?,
        })
    }

    /// The tenant's tasks, newest first.
    ///
    /// # Errors
    /// Without `tasks:read`.
    pub async fn list_tasks(
        &self,
        caller: &Principal,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, ControlError> {
        require(caller, Scope::TasksRead)?;
        Ok(self.storage.tasks.list(caller.tenant_id, filter, page).await?)
    }

    /// Who was chosen for a task and why, in order.
    ///
    /// # Errors
    /// Without `tasks:read`; when there is no such task.
    pub async fn explain_task(
        &self,
        caller: &Principal,
        id: TaskId,
    ) -> Result<(Task, Vec<Decision>), ControlError> {
        require(caller, Scope::TasksRead)?;
        let task = self.storage.tasks.get(caller.tenant_id, id).await?;
        let decisions = self.storage.tasks.decisions(caller.tenant_id, id).await?;
        Ok((task, decisions))
    }

    /// What an agent holds; waits up to `wait` for something that it has not answered.
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such agent; when it is another key's.
    pub async fn agent_offers(
        &self,
        caller: &Principal,
        agent: AgentId,
        wait: Duration,
    ) -> Result<Offers, ControlError> {
        self.own_agent(caller, agent).await?;
        let deadline = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        let of = (caller.tenant_id, agent);
        let mut woken = self.storage.events.woken();
        loop {
            let held = self.storage.tasks.held_by(caller.tenant_id, &[agent]).await?;
            let (offered, working): (Vec<_>, Vec<_>) = held
                .into_iter()
                .partition(|task| task.state == TaskState::Assigned);
            let offers = Offers { offered, working };
            let over = !offers.offered.is_empty() || wait.is_zero();
            if over || !woken_before(&mut woken, of, deadline).await {
                return Ok(offers);
            }
        }
    }
}

/// Whether something moved before the deadline; not when storage is closing.
async fn changed_before(
    moved: &mut tokio::sync::watch::Receiver<u64>,
    deadline: tokio::time::Instant,
) -> bool {
    matches!(
        tokio::time::timeout_at(deadline, moved.changed()).await,
        Ok(Ok(()))
    )
}
