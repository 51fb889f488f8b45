//! An agent goes: by itself, or because somebody sends it away.

use domain::agent::{Agent, StateReason};
use domain::task::LostReason;
use domain::{AgentId, Principal, Scope, StoreError};

use super::{AgentChange, TRIES, unheard};
use crate::{Control, ControlError, require};

impl Control {
    /// The agent says good-bye; what it still holds goes to others.
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such agent; when it is another key's, offline, or was replaced.
    pub async fn leave(
        &self,
        caller: &Principal,
        id: AgentId,
        epoch: u64,
    ) -> Result<AgentChange, ControlError> {
        for _ in 0..TRIES {
            let agent = self.own_agent(caller, id).await?;
            agent.check(epoch).map_err(unheard)?;
            match self
                .send_off(agent, StateReason::Left, LostReason::AgentLeft)
                .await
            {
                Err(ControlError::Stale) => {}
                done => return done,
            }
        }
        Err(ControlError::Stale)
    }

    /// A person sends the agent away at once; what it holds goes to others.
    ///
    /// # Errors
    /// Without `agents:write`; when there is no such agent.
    pub async fn remove_agent(&self, caller: &Principal, id: AgentId) -> Result<AgentChange, ControlError> {
        require(caller, Scope::AgentsWrite)?;
        for _ in 0..TRIES {
            let agent = self.storage.agents.get(caller.tenant_id, id).await?;
            match self
                .send_off(agent, StateReason::Removed, LostReason::AgentLost)
                .await
            {
                Err(ControlError::Stale) => {}
                done => return done,
            }
        }
        Err(ControlError::Stale)
    }

    /// The agent is to finish what it has: it is given nothing more, and its heartbeats answer `draining`.
    ///
    /// # Errors
    /// Without `agents:write`; when there is no such agent.
    pub async fn drain_agent(&self, caller: &Principal, id: AgentId) -> Result<Agent, ControlError> {
        require(caller, Scope::AgentsWrite)?;
        for _ in 0..TRIES {
            let mut agent = self.storage.agents.get(caller.tenant_id, id).await?;
            let before = agent.clone();
            agent.drain(self.now());
            agent.version += 1;
            let saved = self
                .storage
                .agents
                .save(agent.tenant_id, &agent, &before, &[], true);
            match saved.await {
                Ok(()) => return Ok(agent),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Stale)
    }

    async fn send_off(
        &self,
        mut agent: Agent,
        reason: StateReason,
        why: LostReason,
    ) -> Result<AgentChange, ControlError> {
        let before = agent.clone();
        agent.leave(reason, self.now());
        agent.version += 1;
        let lost = self.taken_from(agent.tenant_id, agent.id, why).await?;
        self.storage
            .agents
            .save(agent.tenant_id, &agent, &before, &lost, true)
            .await?;
        Ok(AgentChange { agent, lost })
    }
}
