//! Finds agents by what they can do.

use std::collections::BTreeMap;

use domain::agent::{Agent, AgentType, Capability};
use domain::{Principal, Scope, TenantId, Verb};

use crate::{Control, ControlError, require};

/// The most agents that are answered.
const MAX_FOUND: usize = 200;

/// Which agents are looked for; all that is said must hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// It can do this, at least in this version.
    pub capability: Option<Capability>,
    /// It is of this type.
    pub agent_type: Option<AgentType>,
    /// It runs here.
    pub region: Option<String>,
    /// It has these labels.
    pub labels: BTreeMap<String, String>,
    /// It is of this tenant of the organization; the caller's own when absent.
    pub tenant: Option<TenantId>,
}

impl Wanted {
    fn fits(&self, agent: &Agent) -> bool {
        self.capability.as_ref().is_none_or(|wanted| agent.can(wanted))
            && self.agent_type.is_none_or(|wanted| agent.agent_type == wanted)
            && self.region.as_ref().is_none_or(|wanted| agent.region == *wanted)
            && self
                .labels
                .iter()
                .all(|(name, value)| agent.labels.get(name) == Some(value))
    }
}

impl Control {
    /// The agents that are here and fit, the least busy first, at most 200.
    ///
    /// # Errors
    /// Without `agents:read`; when the border of the other tenant is closed.
    pub async fn discover_agents(
        &self,
        caller: &Principal,
        wanted: &Wanted,
    ) -> Result<Vec<Agent>, ControlError> {
        require(caller, Scope::AgentsRead)?;
        let tenant = self.reach(caller, wanted.tenant, Verb::Discover).await?;
        self.fitting(tenant, wanted).await
    }

    /// The agents of a tenant that are here and fit, the least busy first.
    pub(crate) async fn fitting(
        &self,
        tenant: TenantId,
        wanted: &Wanted,
    ) -> Result<Vec<Agent>, ControlError> {
        let mut found = self.storage.agents.present(tenant).await?;
        found.retain(|agent| wanted.fits(agent));
        found.sort_by(|one, other| one.workload.total_cmp(&other.workload));
        found.truncate(MAX_FOUND);
        Ok(found)
    }
}
