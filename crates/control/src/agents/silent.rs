//! Misses agents that are silent.

use domain::agent::Agent;
use domain::task::LostReason;

use super::{AgentChange, TRIES};
use crate::{Control, ControlError};

impl Control {
    /// Looks at agents that were silent for too long, across tenants: they are late, or lost with what they hold. Answers
    /// those that have moved.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn miss_agents(&self, limit: u32) -> Result<Vec<AgentChange>, ControlError> {
        let mut moved = Vec::new();
        for agent in self.storage.agents.silent(self.now(), limit).await? {
            moved.extend(self.miss(agent).await?);
        }
        Ok(moved)
    }

    async fn miss(&self, mut agent: Agent) -> Result<Option<AgentChange>, ControlError> {
        let (tenant, id) = (agent.tenant_id, agent.id);
        for _ in 0..TRIES {
            let before = agent.clone();
            let gone = agent.miss(self.now());
            if agent == before {
                return Ok(None);
            }
            agent.version += 1;
            let lost = if gone {
                self.taken_from(tenant, id, LostReason::AgentLost).await?
            } else {
                Vec::new()
            };
            match self
                .storage
                .agents
                .save(tenant, &agent, &before, &lost, gone)
                .await
            {
                Ok(()) => return Ok(Some(AgentChange { agent, lost })),
                // It was heard, or one of its tasks has moved: look again.
                Err(domain::StoreError::Stale) => agent = self.storage.agents.get(tenant, id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}
