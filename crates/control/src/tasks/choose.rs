//! Chooses an agent for a task.

use chrono::{DateTime, Utc};
use domain::ports::storage::TaskChange;
use domain::{DecisionId, StoreError, Task, TenantId};

use super::scene::{Scene, Scenes};
use crate::{Control, ControlError};

/// How often another agent is chosen because the first was taken meanwhile.
const TRIES: u32 = 8;
/// Tasks that are looked at when a place is free.
const WAITING: u32 = 100;

impl Control {
    /// Gives a pending task to an agent, or says why nobody can have it. Nothing is saved.
    pub(super) fn choose(&self, scene: &mut Scene, task: &Task) -> TaskChange {
        let now = self.now();
        let mut task = task.clone();
        let drawn = (DecisionId(self.ids.fresh()), self.draw());
        let (decision, why) = scene.decide(&task, &self.rules.routing, drawn, now);
        if let Some(agent) = decision.chosen.and_then(|id| scene.agent(id)) {
            let event = task.assign(agent, now);
            scene.gave(agent.id, now);
            return TaskChange {
                task,
                events: vec![event],
                decision: Some(decision),
                assigns: true,
            };
        }
        // A choice that comes out as the one before is not kept again.
        let event = task.wait(why, now);
        TaskChange {
            decision: event.as_ref().map(|_| decision),
            events: event.into_iter().collect(),
            task,
            assigns: false,
        }
    }

    /// Looks for an agent and saves what came of it. None when somebody else moved the task meanwhile.
    pub(super) async fn place(
        &self,
        scenes: &mut Scenes,
        task: &Task,
    ) -> Result<Option<TaskChange>, ControlError> {
        for _ in 0..TRIES {
            let scene = self.scene_of(scenes, task.tenant_id).await?;
            let change = self.choose(scene, task);
            match self.try_to_save(change).await? {
                Placed::Done(change) => return Ok(Some(*change)),
                Placed::Moved => return Ok(None),
                Placed::Taken => drop(scenes.remove(&task.tenant_id)),
            }
        }
        Ok(None)
    }

    async fn try_to_save(&self, mut change: TaskChange) -> Result<Placed, ControlError> {
        change.task.version += 1;
        let tenant = change.task.tenant_id;
        match self
            .storage
            .tasks
            .save(tenant, std::slice::from_ref(&change))
            .await
        {
            Ok(()) => Ok(Placed::Done(Box::new(change))),
            Err(StoreError::Stale) => Ok(Placed::Moved),
            Err(StoreError::Conflict {
                field: "assignee", ..
            }) => Ok(Placed::Taken),
            Err(error) => Err(error.into()),
        }
    }

    fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A place is free: gives at most `places` tasks that wait for one to agents, the most urgent first. Answers those.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn place_waiting(
        &self,
        tenant: TenantId,
        places: u32,
    ) -> Result<Vec<TaskChange>, ControlError> {
        let waiting = self.storage.tasks.pending(tenant, WAITING).await?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut scene = self.scene(tenant).await?;
        let mut placed = Vec::new();
        for task in waiting.iter().filter(|task| may_be_placed(task, now)) {
            if placed.len() >= places as usize {
                break;
            }
            let change = self.choose(&mut scene, task);
            if !change.assigns {
                continue;
            }
            match self.try_to_save(change).await? {
                Placed::Done(change) => placed.push(*change),
                Placed::Moved | Placed::Taken => scene = self.scene(tenant).await?,
            }
        }
        Ok(placed)
    }
}

enum Placed {
    Done(Box<TaskChange>),
    /// The task was moved by somebody else.
    Moved,
    /// The agent was given something else.
    Taken,
}

/// Not while it waits for its next try.
fn may_be_placed(task: &Task, now: DateTime<Utc>) -> bool {
    task.waiting_for.is_some() || task.due_at.is_some_and(|at| at <= now)
}
