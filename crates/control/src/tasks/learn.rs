//! Learns from how a task ended at an agent.

use std::collections::BTreeMap;

use domain::ports::storage::{Learned, TaskChange};
use domain::{AgentId, StoreError, TenantId};
use routing::{Experience, Outcome};

use super::scene::millis;
use crate::agents::TRIES;
use crate::{Control, ControlError};

/// Sorts of tasks that are remembered of one agent; those that came first stay.
const MAX_KINDS: usize = 100;

/// How a task of some sort ended at an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The agent.
    pub agent: (TenantId, AgentId),
    /// The sort of task.
    kind: String,
    outcome: Outcome,
}

impl Lesson {
    /// What a task that has moved teaches.
    pub fn of(change: &TaskChange) -> impl Iterator<Item = Self> {
        let task = &change.task;
        change.events.iter().filter_map(|event| {
            let (agent, succeeded, seconds) = event.lesson()?;
            let ended_at = millis(event.at);
            Some(Self {
                agent: (task.tenant_id, agent),
                kind: task.kind.clone(),
                outcome: Outcome {
                    succeeded,
                    seconds,
                    ended_at,
                },
            })
        })
    }
}

impl Control {
    /// Keeps what tasks have taught of their agent, all of them at once.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn learn(
        &self,
        (tenant, agent): (TenantId, AgentId),
        lessons: &[Lesson],
    ) -> Result<(), ControlError> {
        let agents = &self.storage.agents;
        for _ in 0..TRIES {
            let before = match agents.learned(tenant, agent).await {
                Err(StoreError::NotFound) => return Ok(()),
                learned => learned?,
            };
            let mut experience: BTreeMap<String, Experience> =
                serde_json::from_value(before.experience).unwrap_or_default();
            for Lesson { kind, outcome, .. } in lessons {
                if experience.len() >= MAX_KINDS && !experience.contains_key(kind) {
                    continue;
                }
                let of_kind = experience.entry(kind.clone()).or_default();
                *of_kind = of_kind.after(*outcome, self.rules.routing.half_life_seconds);
            }
            let learned = Learned {
                number: before.number + 1,
                experience: serde_json::to_value(experience).map_err(ControlError::internal)?,
            };
            match agents.learn(tenant, agent, &learned).await {
                Err(StoreError::Stale) => {}
                done => return Ok(done?),
            }
        }
        Err(ControlError::Stale)
    }
}
