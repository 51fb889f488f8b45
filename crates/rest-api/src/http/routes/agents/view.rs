//! Agents as the API shows and takes them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use control::agents::NewAgent;
use domain::AgentId;
use domain::agent::{Agent, AgentHealth, AgentState, AgentType, Capability};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::http::routes::keys::mirrored;

mirrored! {
    /// What an agent is.
    AgentTypeName of AgentType {
        Ide = "ide",
        Slack = "slack",
        Monitoring = "monitoring",
        Cicd = "cicd",
        Custom = "custom",
    }
}

mirrored! {
    /// Where an agent stands.
    AgentStateName of AgentState {
        Pending = "pending",
        Ready = "ready",
        Active = "active",
        Degraded = "degraded",
        Draining = "draining",
        Offline = "offline",
    }
}

mirrored! {
    /// How an agent is, by its own word.
    AgentHealthName of AgentHealth {
        Healthy = "healthy",
        Degraded = "degraded",
        Unhealthy = "unhealthy",
        Unknown = "unknown",
    }
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentView {
    /// Identifier; it stays over registrations.
    #[schema(value_type = uuid::Uuid)]
    pub id: AgentId,
    /// What it calls itself.
    pub name: String,
    /// The name of the key that speaks for it.
    pub owner: String,
    /// The manifest that allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub agent_type: AgentTypeName,
    /// What it can do, `NAME` or `NAME@1.2.3`.
    pub capabilities: Vec<String>,
    /// The model behind it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Where it runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// What else it says of itself.
    pub labels: BTreeMap<String, String>,
    /// How many tasks it takes at once.
    pub capacity: u32,
    /// How busy it is, 0 to 1, by its own word.
    pub workload: f64,
    /// How it is, by its own word.
    pub health: AgentHealthName,
    /// Where it stands.
    pub state: AgentStateName,
    /// Why it stands there.
    pub reason: String,
    /// Number of this registration; heartbeats name it.
    pub epoch: u64,
    /// It counts as lost when it is silent for this long.
    pub heartbeat_seconds: u32,
    /// When it was last heard.
    pub heard_at: DateTime<Utc>,
    /// When this registration began.
    pub registered_at: DateTime<Utc>,
}

impl From<Agent> for AgentView {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id,
            name: agent.name,
            owner: agent.owner,
            manifest: agent.manifest,
            agent_type: agent.agent_type.into(),
            capabilities: agent.capabilities.iter().map(ToString::to_string).collect(),
            model: agent.model,
            region: agent.region,
            labels: agent.labels,
            capacity: agent.capacity,
            workload: agent.workload,
            health: agent.health.into(),
            state: agent.state.into(),
            reason: agent.reason.as_str().to_owned(),
            epoch: agent.epoch,
            heartbeat_seconds: agent.heartbeat_seconds,
            heard_at: agent.heard_at,
            registered_at: agent.registered_at,
        }
    }
}

/// Who fits.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentsFound {
    /// The agents, the least busy first.
    pub items: Vec<AgentView>,
}

impl From<Vec<Agent>> for AgentsFound {
    fn from(agents: Vec<Agent>) -> Self {
        Self {
            items: agents.into_iter().map(Into::into).collect(),
        }
    }
}

/// What an agent says of itself when it registers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// What it calls itself: one name is one agent in the tenant.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    pub name: String,
    /// What it is.
    #[serde(rename = "type", default = "custom")]
    pub agent_type: AgentTypeName,
    /// What it can do, `NAME` or `NAME@1.2.3`.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub capabilities: Vec<String>,
    /// The model behind it.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub model: String,
    /// Where it runs.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub region: String,
    /// What else it says of itself.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How many tasks it takes at once.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000)]
    pub capacity: u32,
    /// How long it may be silent; `agents.heartbeat` when absent.
    #[serde(default)]
    #[schema(minimum = 2, maximum = 600)]
    pub heartbeat_seconds: Option<u32>,
    /// The manifest that it means; the first that fits when absent.
    #[serde(default)]
    pub manifest: Option<String>,
}

fn custom() -> AgentTypeName {
    AgentTypeName::Custom
}

fn one() -> u32 {
    1
}

impl RegisterRequest {
    /// As the verb wants it.
    ///
    /// # Errors
    /// When a capability is none.
    pub fn read(self) -> Result<NewAgent, Problem> {
        Ok(NewAgent {
            capabilities: capabilities("capabilities", &self.capabilities)?,
            name: self.name,
            agent_type: self.agent_type.into(),
            model: self.model,
            region: self.region,
            labels: self.labels,
            capacity: self.capacity,
            heartbeat_seconds: self.heartbeat_seconds,
            manifest: self.manifest,
        })
    }
}

/// Capabilities from their texts.
pub(crate) fn capabilities(field: &str, texts: &[String]) -> Result<Vec<Capability>, Problem> {
    let read = |(place, text): (usize, &String)| {
        text.parse().map_err(|error: domain::agent::Malformed| {
            let field = format!("{field}[{place}]");
            Problem::field(StatusCode::UNPROCESSABLE_ENTITY, field, error.to_string())
        })
    };
    texts.iter().enumerate().map(read).collect()
}
