//! What time makes of tasks.

use domain::ports::storage::TaskChange;
use domain::task::Due;
use domain::{StoreError, Task};

use super::scene::Scenes;
use crate::{Control, ControlError};

impl Control {
    /// Moves tasks that are due, across tenants: gives those that wait to agents, takes those that were not answered from
    /// theirs, ends those whose deadline has passed. Answers those that have moved.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn move_due_tasks(&self, limit: u32) -> Result<Vec<TaskChange>, ControlError> {
        let mut moved = Vec::new();
        let mut scenes = Scenes::default();
        for task in self.storage.tasks.due(self.now(), limit).await? {
            moved.extend(self.move_due(&mut scenes, task).await?);
        }
        Ok(moved)
    }

    async fn move_due(&self, scenes: &mut Scenes, mut task: Task) -> Result<Vec<TaskChange>, ControlError> {
        let (due, events) = task.due(self.now());
        let mut moved = Vec::new();
        if due == Due::Moved {
            task.version += 1;
            let change = TaskChange {
                task,
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
                Ok(()) => {}
                // Somebody else has moved it meanwhile.
                Err(StoreError::Stale) => return Ok(moved),
                Err(error) => return Err(error.into()),
            }
            task = change.task.clone();
            moved.push(change);
        }
        if task.state == domain::task::TaskState::Pending {
            moved.extend(self.place(scenes, &task).await?);
        }
        Ok(moved)
    }
}
