//! Registers an agent: a new one, or the next instance of one that is known.

use std::collections::BTreeMap;

use domain::agent::{Agent, AgentHealth, AgentState, AgentType, Capability, StateReason};
use domain::task::LostReason;
use domain::{AgentId, Manifest, Principal, Scope, StoreError};

use super::{AgentChange, TRIES};
use crate::error::{Check, fits};
use crate::{Control, ControlError, require};

/// What an agent says of itself when it registers.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// What it calls itself.
    pub name: String,
    /// What it is.
    pub agent_type: AgentType,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The model behind it.
    pub model: String,
    /// Where it runs.
    pub region: String,
    /// What else it says of itself.
    pub labels: BTreeMap<String, String>,
    /// How many tasks it takes at once.
    pub capacity: u32,
    /// How long it may be silent; the setting's when absent.
    pub heartbeat_seconds: Option<u32>,
    /// The manifest that it means; the first that fits when absent.
    pub manifest: Option<String>,
}

const MAX_TEXT: usize = 128;
const MAX_CAPABILITIES: usize = 64;
const MAX_LABELS: usize = 32;
pub(super) const MAX_CAPACITY: u32 = 1_000;

impl Control {
    /// Registers an agent. The instance before it, if it is still there, is replaced and loses its tasks.
    ///
    /// # Errors
    /// Without `agents:connect`; fields that are not as expected; when no manifest allows it; when the name is another
    /// key's.
    pub async fn register_agent(
        &self,
        caller: &Principal,
        new: NewAgent,
    ) -> Result<AgentChange, ControlError> {
        require(caller, Scope::AgentsConnect)?;
        check(&new)?;
        for _ in 0..TRIES {
            match self.try_to_register(caller, &new).await {
                Err(ControlError::Stale | ControlError::Conflict { field: "name", .. }) => {}
                done => return done,
            }
        }
        Err(ControlError::Stale)
    }

    async fn try_to_register(&self, caller: &Principal, new: &NewAgent) -> Result<AgentChange, ControlError> {
        let tenant = caller.tenant_id;
        let known = match self.storage.agents.by_name(tenant, &new.name).await {
            Ok(agent) => Some(agent),
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        if known.as_ref().is_some_and(|known| known.owner != caller.name) {
            return Err(ControlError::invalid("name", "a name that is not another key's"));
        }
        let mut agent = self.agent(caller, new, known.as_ref());
        agent.manifest = self.manifest_for(&agent, new.manifest.as_deref()).await?;
        let Some(known) = known else {
            self.storage.agents.add(tenant, &agent).await?;
            return Ok(AgentChange {
                agent,
                lost: Vec::new(),
            });
        };
        let lost = self
            .taken_from(tenant, known.id, LostReason::AgentReplaced)
            .await?;
        self.storage
            .agents
            .save(tenant, &agent, &known, &lost, !lost.is_empty())
            .await?;
        Ok(AgentChange { agent, lost })
    }

    fn agent(&self, caller: &Principal, new: &NewAgent, known: Option<&Agent>) -> Agent {
        let now = self.now();
        Agent {
            id: known.map_or_else(|| AgentId(self.ids.fresh()), |known| known.id),
            tenant_id: caller.tenant_id,
            name: new.name.clone(),
            owner: caller.name.clone(),
            manifest: None,
            agent_type: new.agent_type,
            capabilities: new.capabilities.clone(),
            model: new.model.clone(),
            region: new.region.clone(),
            labels: new.labels.clone(),
            capacity: new.capacity,
            workload: 0.0,
            health: AgentHealth::Unknown,
            state: AgentState::Pending,
            reason: StateReason::Registered,
            epoch: known.map_or(1, |known| known.epoch + 1),
            heartbeat_seconds: new.heartbeat_seconds.unwrap_or(self.rules.heartbeat_seconds),
            heard_at: now,
            lost_at: None,
            registered_at: now,
            changed_at: now,
            version: known.map_or(1, |known| known.version + 1),
        }
    }

    async fn manifest_for(&self, agent: &Agent, named: Option<&str>) -> Result<Option<String>, ControlError> {
        let manifests = self.storage.agents.manifests(agent.tenant_id).await?;
        if manifests.is_empty() && named.is_none() {
            return Ok(None);
        }
        let present = self.storage.agents.present(agent.tenant_id).await?;
        let others = |manifest: &Manifest| {
            let same =
                |other: &&Agent| other.id != agent.id && other.manifest.as_ref() == Some(&manifest.name);
            u32::try_from(present.iter().filter(same).count()).unwrap_or(u32::MAX)
        };
        let mut misfits = Vec::new();
        let meant = |manifest: &&Manifest| named.is_none_or(|name| name == manifest.name);
        for manifest in manifests.iter().filter(meant) {
            match manifest.allows(agent, others(manifest)) {
                Ok(()) => return Ok(Some(manifest.name.clone())),
                Err(misfit) => misfits.push(format!("{}: {misfit}", manifest.name)),
            }
        }
        let expected = match (misfits.is_empty(), named) {
            (true, Some(_)) => "the name of a manifest".to_owned(),
            _ => format!("an agent that a manifest allows; {}", misfits.join("; ")),
        };
        Err(ControlError::invalid("manifest", expected))
    }
}

fn check(new: &NewAgent) -> Result<(), ControlError> {
    let mut check = Check::default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    check.that(
        (1..=64).contains(&new.name.len()) && new.name.bytes().all(plain),
        "name",
        "1 to 64 of letters, digits, `-`, `_` and `.`",
    );
    let short = |text: &str| fits(text, MAX_TEXT);
    check.that(
        short(&new.model),
        "model",
        format!("at most {MAX_TEXT} characters"),
    );
    check.that(
        short(&new.region),
        "region",
        format!("at most {MAX_TEXT} characters"),
    );
    check.that(
        new.capabilities.len() <= MAX_CAPABILITIES,
        "capabilities",
        format!("at most {MAX_CAPABILITIES}"),
    );
    let labels = new
        .labels
        .iter()
        .all(|(name, value)| !name.is_empty() && short(name) && short(value));
    check.that(
        labels && new.labels.len() <= MAX_LABELS,
        "labels",
        format!("at most {MAX_LABELS}, names and values of at most {MAX_TEXT} characters"),
    );
    check.that(
        (1..=MAX_CAPACITY).contains(&new.capacity),
        "capacity",
        format!("1 to {MAX_CAPACITY}"),
    );
    check.that(
        new.heartbeat_seconds
            .is_none_or(|seconds| (2..=600).contains(&seconds)),
        "heartbeat_seconds",
        "2 to 600",
    );
    check.finish()
}
