//! Agents: allowed by people, registered by themselves, missed by the sweeper.

mod discover;
mod heartbeat;
mod leave;
mod manifests;
mod register;
mod silent;

use domain::agent::{Agent, Unheard};
use domain::ports::storage::{AgentFilter, TaskChange};
use domain::task::LostReason;
use domain::{AgentId, Page, PageRequest, Principal, Scope, TenantId};

pub use discover::Wanted;
pub use manifests::NewManifest;
pub use register::NewAgent;

use crate::{Control, ControlError, require};

/// How often a change is decided anew because somebody else was quicker.
pub(crate) const TRIES: u32 = 8;

/// An agent that has moved, and the tasks that it has lost by that.
#[derive(Debug, Clone)]
pub struct AgentChange {
    /// The agent as it is now.
    pub agent: Agent,
    /// What it has lost.
    pub lost: Vec<TaskChange>,
}

impl Control {
    /// One agent.
    ///
    /// # Errors
    /// Without `agents:read`; when there is no such agent.
    pub async fn get_agent(&self, caller: &Principal, id: AgentId) -> Result<Agent, ControlError> {
        require(caller, Scope::AgentsRead)?;
        Ok(self.storage.agents.get(caller.tenant_id, id).await?)
    }

    /// The tenant's agents, the last registered first.
    ///
    /// # Errors
    /// Without `agents:read`.
    pub async fn list_agents(
        &self,
        caller: &Principal,
        filter: &AgentFilter,
        page: PageRequest,
    ) -> Result<Page<Agent>, ControlError> {
        require(caller, Scope::AgentsRead)?;
        Ok(self.storage.agents.list(caller.tenant_id, filter, page).await?)
    }

    /// The agent for which the caller speaks.
    pub(crate) async fn own_agent(&self, caller: &Principal, id: AgentId) -> Result<Agent, ControlError> {
        require(caller, Scope::AgentsConnect)?;
        let agent = self.storage.agents.get(caller.tenant_id, id).await?;
        if agent.owner == caller.name {
            Ok(agent)
        } else {
            Err(ControlError::Conflict {
                field: "agent_id",
                message: "this agent is another key's".to_owned(),
            })
        }
    }

    /// The tasks that an agent holds, taken from it.
    pub(crate) async fn taken_from(
        &self,
        tenant: TenantId,
        agent: AgentId,
        why: LostReason,
    ) -> Result<Vec<TaskChange>, ControlError> {
        let now = self.now();
        let mut held = self.storage.tasks.held_by(tenant, &[agent]).await?;
        held.sort_by_key(|task| task.id);
        let taken = held.into_iter().filter_map(|mut task| {
            let event = task.release(why, now)?;
            task.version += 1;
            Some(TaskChange {
                task,
                events: vec![event],
                decision: None,
                assigns: false,
            })
        });
        Ok(taken.collect())
    }
}

pub(crate) fn unheard(error: Unheard) -> ControlError {
    ControlError::Conflict {
        field: "epoch",
        message: error.to_string(),
    }
}
