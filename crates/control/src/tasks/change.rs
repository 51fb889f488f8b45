//! Changes a task: read, decide, save; decided anew where somebody else was quicker.

use domain::ports::storage::TaskChange;
use domain::task::{Refusal, TaskEvent};
use domain::{StoreError, Task, TaskId, TenantId};

use crate::agents::TRIES;
use crate::{Control, ControlError};

impl Control {
    /// Lets `decide` move the task and saves it; what changes nothing is not saved.
    pub(super) async fn change_task(
        &self,
        tenant: TenantId,
        id: TaskId,
        decide: impl Fn(&mut Task) -> Result<Vec<TaskEvent>, ControlError>,
    ) -> Result<TaskChange, ControlError> {
        let before = self.storage.tasks.get(tenant, id).await?;
        self.change_from(before, decide).await
    }

    /// The same with a task that was read a moment ago.
    pub(super) async fn change_from(
        &self,
        mut before: Task,
        decide: impl Fn(&mut Task) -> Result<Vec<TaskEvent>, ControlError>,
    ) -> Result<TaskChange, ControlError> {
        let (tenant, id) = (before.tenant_id, before.id);
        for _ in 0..TRIES {
            let mut task = before.clone();
            let events = decide(&mut task)?;
            let mut change = TaskChange {
                task,
                events,
                decision: None,
                assigns: false,
            };
            if change.task == before {
                return Ok(change);
            }
            change.task.version += 1;
            match self
                .storage
                .tasks
                .save(tenant, std::slice::from_ref(&change))
                .await
            {
                Ok(()) => return Ok(change),
                Err(StoreError::Stale) => before = self.storage.tasks.get(tenant, id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Stale)
    }
}

pub(super) fn refused(refusal: Refusal) -> ControlError {
    let field = match refusal {
        Refusal::Reassigned { .. } => "fence",
        Refusal::Finished(_) | Refusal::OutOfTurn { .. } => "state",
    };
    ControlError::Conflict {
        field,
        message: refusal.to_string(),
    }
}
