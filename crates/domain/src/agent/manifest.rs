//! What an organization allows of its agents.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Agent, AgentType};
use crate::id::TenantId;

/// One kind of agent that a tenant allows. A tenant without manifests allows every agent; with the first one it allows
/// those that fit one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// The type that these agents are.
    pub agent_type: AgentType,
    /// Names of the capabilities that they may offer; any when empty.
    pub capabilities: Vec<String>,
    /// The models that may be behind them; any when empty.
    pub models: Vec<String>,
    /// How many tasks each may take at once.
    pub max_capacity: u32,
    /// How many of them may be here at once.
    pub max_instances: u32,
    /// When it was made or last changed.
    pub updated_at: DateTime<Utc>,
}

/// Why an agent does not fit a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misfit {
    /// Another type.
    #[error("its agents are of type {}", .0.as_str())]
    Type(AgentType),
    /// A capability that is not allowed.
    #[error("it does not allow the capability {0}")]
    Capability(String),
    /// A model that is not allowed.
    #[error("it does not allow the model {0:?}")]
    Model(String),
    /// Too many tasks at once.
    #[error("it allows {0} tasks at once")]
    Capacity(u32),
    /// Too many agents.
    #[error("it allows {0} agents at once, and they are here")]
    Instances(u32),
}

impl Manifest {
    /// Whether it allows this agent beside `others` that are here under it.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn allows(&self, agent: &Agent, others: u32) -> Result<(), Misfit> {
        if agent.agent_type != self.agent_type {
            return Err(Misfit::Type(self.agent_type));
        }
        let names = &self.capabilities;
        let foreign = |name: &&str| !names.is_empty() && !names.iter().any(|allowed| allowed == name);
        if let Some(name) = agent
            .capabilities
            .iter()
            .map(|own| own.name.as_str())
            .find(foreign)
        {
            return Err(Misfit::Capability(name.to_owned()));
        }
        if !self.models.is_empty() && !self.models.contains(&agent.model) {
            return Err(Misfit::Model(agent.model.clone()));
        }
        if agent.capacity > self.max_capacity {
            return Err(Misfit::Capacity(self.max_capacity));
        }
        if others >= self.max_instances {
            return Err(Misfit::Instances(self.max_instances));
        }
        Ok(())
    }
}
