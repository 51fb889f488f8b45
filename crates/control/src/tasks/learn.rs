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

impl Control {
    /// Keeps what a task that has moved teaches of its agent.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn learn(&self, change: &TaskChange) -> Result<(), ControlError> {
        for event in &change.events {
            if let Some((agent, succeeded, seconds)) = event.lesson() {
                let outcome = Outcome {
                    succeeded,
                    seconds,
                    ended_at: millis(event.at),
                };
                self.learn_of(change.task.tenant_id, agent, &change.task.kind, outcome)
                    .await?;
            }
        }
        Ok(())
    }

    async fn learn_of(
        &self,
        tenant: TenantId,
        agent: AgentId,
        kind: &str,
        outcome: Outcome,
    ) -> Result<(), ControlError> {
        let agents = &self.storage.agents;
        for _ in 0..TRIES {
            let before = match agents.learned(tenant, agent).await {
                Err(StoreError::NotFound) => return Ok(()),
                learned => learned?,
            };
            let mut experience: BTreeMap<String, Experience> =
                serde_json::from_value(before.experience).unwrap_or_default();
            if experience.len() >= MAX_KINDS && !experience.contains_key(kind) {
                return Ok(());
            }
            let of_kind = experience.entry(kind.to_owned()).or_default();
            *of_kind = of_kind.after(outcome, self.rules.routing.half_life_seconds);
            let learned = Learned {
                number: before.number + 1,
                experience: serde_json::to_value(experience).map_err(ControlError::internal)?,
            };
            match agents.learn(tenant, agent, &learned).await {
                Err(StoreError::Stale) => {}
                done => return Ok(done?),
            }
        }
        Ok(())
    }
}
