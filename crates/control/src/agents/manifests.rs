//! What an organization allows of its agents.

use domain::agent::AgentType;
use domain::{Manifest, Principal, Scope, provider};

use super::register::MAX_CAPACITY;
use crate::error::Check;
use crate::{Control, ControlError, require};

const MAX_INSTANCES: u32 = 1_000_000;

/// What a manifest should say.
#[derive(Debug, Clone)]
pub struct NewManifest {
    /// Its name.
    pub name: String,
    /// The type of its agents.
    pub agent_type: AgentType,
    /// Names of the capabilities that they may offer; any when empty.
    pub capabilities: Vec<String>,
    /// The models that may be behind them; any when empty.
    pub models: Vec<String>,
    /// How many tasks each may take at once.
    pub max_capacity: u32,
    /// How many of them may be here at once.
    pub max_instances: u32,
}

impl Control {
    /// Puts a manifest in the place of the one of its name. Agents that are here are bound when they register again.
    ///
    /// # Errors
    /// Without `agents:write`; fields that are not as expected.
    pub async fn put_manifest(&self, caller: &Principal, new: NewManifest) -> Result<Manifest, ControlError> {
        require(caller, Scope::AgentsWrite)?;
        let mut check = Check::default();
        check.that(
            provider::is_valid_name(&new.name),
            "name",
            "1 to 32 of a-z, 0-9 and -, beginning with a letter",
        );
        check.that(new.capabilities.len() <= 256, "capabilities", "at most 256");
        check.that(new.models.len() <= 256, "models", "at most 256");
        check.that(
            (1..=MAX_CAPACITY).contains(&new.max_capacity),
            "max_capacity",
            format!("1 to {MAX_CAPACITY}"),
        );
        check.that(
            (1..=MAX_INSTANCES).contains(&new.max_instances),
            "max_instances",
            format!("1 to {MAX_INSTANCES}"),
        );
        check.finish()?;
        let manifest = Manifest {
            tenant_id: caller.tenant_id,
            name: new.name,
            agent_type: new.agent_type,
            capabilities: new.capabilities,
            models: new.models,
            max_capacity: new.max_capacity,
            max_instances: new.max_instances,
            updated_at: self.now(),
        };
        self.storage
            .agents
            .put_manifest(caller.tenant_id, &manifest)
            .await?;
        Ok(manifest)
    }

    /// The tenant's manifests, by name.
    ///
    /// # Errors
    /// Without `agents:read`.
    pub async fn list_manifests(&self, caller: &Principal) -> Result<Vec<Manifest>, ControlError> {
        require(caller, Scope::AgentsRead)?;
        Ok(self.storage.agents.manifests(caller.tenant_id).await?)
    }

    /// Removes a manifest.
    ///
    /// # Errors
    /// Without `agents:write`; when there is no such manifest.
    pub async fn remove_manifest(&self, caller: &Principal, name: &str) -> Result<(), ControlError> {
        require(caller, Scope::AgentsWrite)?;
        Ok(self
            .storage
            .agents
            .remove_manifest(caller.tenant_id, name)
            .await?)
    }
}
