//! Chooses an agent for a task.

use chrono::{DateTime, Utc};
use domain::ports::storage::TaskChange;
use domain::{DecisionId, StoreError, Task, TenantId};

use super::scene::Scene;
use crate::{Control, ControlError};

/// How often another agent is chosen because the first was taken meanwhile.
const TRIES: u32 = 8;
/// Tasks that are looked at when places are free, and given to agents in one transaction.
const WAITING: u32 = 100;
/// So many more than there are places are read at first: some may ask for what no agent can do.
const MORE: usize = 4;

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
    pub(super) async fn place(&self, task: &Task) -> Result<Option<TaskChange>, ControlError> {
        for _ in 0..TRIES {
            let mut scene = self.scene(task.tenant_id).await?;
            let change = self.choose(&mut scene, task);
            match self.try_to_save(change).await? {
                Placed::Done(change) => return Ok(Some(*change)),
                Placed::Moved => return Ok(None),
                Placed::Taken => {}
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

    /// Places are free: gives at most so many tasks that wait for one to agents, the most urgent first. Answers those.
    ///
    /// Of those that somebody else moves at the same moment it lets go, and looks for others.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn place_waiting(
        &self,
        tenant: TenantId,
        places: u32,
    ) -> Result<Vec<TaskChange>, ControlError> {
        let (places, mut placed) = (places as usize, Vec::new());
        for _ in 0..TRIES {
            let chosen = self.choose_waiting(tenant, places - placed.len()).await?;
            let (count, is_whole_page) = (chosen.len(), chosen.len() == WAITING as usize);
            let saved = self.save_each(tenant, chosen).await?;
            let all_saved = saved.len() == count;
            placed.extend(saved);
            if placed.len() >= places || (all_saved && !is_whole_page) {
                break;
            }
        }
        Ok(placed)
    }

    /// Agents for at most `places` of those that wait. Nothing is saved.
    async fn choose_waiting(&self, tenant: TenantId, places: usize) -> Result<Vec<TaskChange>, ControlError> {
        let mut scene = self.scene(tenant).await?;
        let (now, mut chosen) = (self.now(), Vec::new());
        let first = u32::try_from(places + MORE).unwrap_or(WAITING).min(WAITING);
        let mut last = None;
        for limit in [first, WAITING - first] {
            if !scene.has_room() || limit == 0 {
                break;
            }
            let waiting = self.storage.tasks.pending(tenant, last.as_ref(), limit).await?;
            for task in waiting.iter().filter(|task| may_be_placed(task, now)) {
                if chosen.len() == places || !scene.has_room() {
                    return Ok(chosen);
                }
                let change = self.choose(&mut scene, task);
                if change.assigns {
                    chosen.push(change);
                }
            }
            if waiting.len() < limit as usize {
                break;
            }
            last = waiting.into_iter().next_back();
        }
        Ok(chosen)
    }

    /// Saves those that nobody else has moved, to agents that can still take them. Answers those.
    pub(super) async fn save_each(
        &self,
        tenant: TenantId,
        mut changes: Vec<TaskChange>,
    ) -> Result<Vec<TaskChange>, ControlError> {
        if changes.is_empty() {
            return Ok(changes);
        }
        for change in &mut changes {
            change.task.version += 1;
        }
        let saved = self.storage.tasks.save_each(tenant, &changes).await?;
        let saved = changes.into_iter().zip(saved);
        Ok(saved
            .filter_map(|(change, saved)| saved.then_some(change))
            .collect())
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
