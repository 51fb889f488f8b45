//! What time makes of tasks.

use std::collections::BTreeMap;

use domain::ports::storage::TaskChange;
use domain::task::{Due, TaskState};
use domain::{StoreError, Task};

use crate::{Control, ControlError};

impl Control {
    /// Moves tasks that are due, across tenants: gives those that wait to agents, takes those that were not answered from
    /// theirs, ends those whose deadline has passed. Answers those that have moved.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn move_due_tasks(&self, limit: u32) -> Result<Vec<TaskChange>, ControlError> {
        let (mut moved, mut pending) = (Vec::new(), BTreeMap::new());
        for task in self.storage.tasks.due(self.now(), limit).await? {
            let Some(task) = self.move_due(task, &mut moved).await? else {
                continue;
            };
            if task.state == TaskState::Pending {
                pending.entry(task.tenant_id).or_insert_with(Vec::new).push(task);
            }
        }
        for (tenant, tasks) in pending {
            let mut scene = self.scene(tenant).await?;
            let chosen = tasks.iter().map(|task| self.choose(&mut scene, task)).collect();
            moved.extend(self.save_each(tenant, chosen).await?);
        }
        Ok(moved)
    }

    /// What time makes of the task by itself. None when somebody else has moved it meanwhile.
    async fn move_due(
        &self,
        mut task: Task,
        moved: &mut Vec<TaskChange>,
    ) -> Result<Option<Task>, ControlError> {
        let (due, events) = task.due(self.now());
        if due != Due::Moved {
            return Ok(Some(task));
        }
        task.version += 1;
        let change = TaskChange {
            task: task.clone(),
            events,
            decision: None,
            assigns: false,
        };
        match self
            .storage
            .tasks
            .save(change.task.tenant_id, std::slice::from_ref(&change))
            .await
        {
            Ok(()) => {
                moved.push(change);
                Ok(Some(task))
            }
            Err(StoreError::Stale) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
