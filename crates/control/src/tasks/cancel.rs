//! Calls a task off, with everything below it.

use domain::ports::storage::TaskChange;
use domain::{Principal, Scope, StoreError, TaskId};

use crate::agents::TRIES;
use crate::{Control, ControlError, require};

/// The most tasks that are called off at once.
const MAX_TREE: u32 = 10_000;

impl Control {
    /// Calls off a task and what is below it, in one transaction. Answers those that were open, the task itself first.
    ///
    /// # Errors
    /// Without `tasks:write`; when there is no such task; when it is finished.
    pub async fn cancel_task(
        &self,
        caller: &Principal,
        id: TaskId,
        why: Option<String>,
    ) -> Result<Vec<TaskChange>, ControlError> {
        require(caller, Scope::TasksWrite)?;
        let tenant = caller.tenant_id;
        if why.as_ref().is_some_and(|why| !crate::error::fits(why, 1_000)) {
            return Err(ControlError::invalid("reason", "at most 1000 characters"));
        }
        for _ in 0..TRIES {
            let root = self.storage.tasks.get(tenant, id).await?;
            if root.state.is_final() {
                return Err(super::change::refused(domain::task::Refusal::Finished(
                    root.state,
                )));
            }
            let tree = self.storage.tasks.open_tree(tenant, id, MAX_TREE).await?;
            let now = self.now();
            let cancelled = tree.into_iter().filter_map(|mut task| {
                let events = task.cancel(&caller.name, why.clone(), now).ok()?;
                task.version += 1;
                Some(TaskChange {
                    task,
                    events,
                    decision: None,
                    assigns: false,
                })
            });
            let cancelled: Vec<_> = cancelled.collect();
            match self.storage.tasks.save(tenant, &cancelled).await {
                Ok(()) => return Ok(cancelled),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Stale)
    }
}
