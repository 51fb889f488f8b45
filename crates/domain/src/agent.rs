//! Agents: what an organization allows (manifests), and who is here (registrations). No rule reads a clock.

mod capability;
mod manifest;
mod state;

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

pub use capability::{Capability, Malformed, Version};
pub use manifest::{Manifest, Misfit};
pub use state::{AgentState, StateReason};

use crate::id::{AgentId, TenantId};

/// What an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentType {
    /// Sits in an editor.
    Ide,
    /// Sits in a chat.
    Slack,
    /// Watches systems.
    Monitoring,
    /// Builds and deploys.
    Cicd,
    /// Anything else.
    Custom,
}

impl AgentType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Ide, Self::Slack, Self::Monitoring, Self::Cicd, Self::Custom];

    /// The text form and the `agent_type` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ide => "ide",
            Self::Slack => "slack",
            Self::Monitoring => "monitoring",
            Self::Cicd => "cicd",
            Self::Custom => "custom",
        }
    }
}

/// What an agent says of its own health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentHealth {
    /// It works.
    Healthy,
    /// It works, but not well: it is given tasks only where nobody else can take them.
    Degraded,
    /// It does not work: it is given no tasks.
    Unhealthy,
    /// It has not said yet.
    #[default]
    Unknown,
}

impl AgentHealth {
    /// Every word.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Unhealthy, Self::Unknown];

    /// The text form and the `status` label of `mcp_agent_health_status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// A live instance. One name is one agent in its tenant; registering it again begins another epoch of the same agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Identifier; it stays over registrations.
    pub id: AgentId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What it calls itself, unique in the tenant.
    pub name: String,
    /// The name of the key that registered it; only that key speaks for it.
    pub owner: String,
    /// The manifest that allows it; none in a tenant without manifests.
    pub manifest: Option<String>,
    /// What it is.
    pub agent_type: AgentType,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The model behind it; empty when it has none or does not say.
    pub model: String,
    /// Where it runs; empty when it does not say.
    pub region: String,
    /// What else it says of itself, for discovery.
    pub labels: BTreeMap<String, String>,
    /// How many tasks it takes at once.
    pub capacity: u32,
    /// How busy it is, 0 to 1, by its own word.
    pub workload: f64,
    /// Its health, by its own word.
    pub health: AgentHealth,
    /// Where it stands.
    pub state: AgentState,
    /// Why it stands there.
    pub reason: StateReason,
    /// Number of this registration, from 1. It fences: what an older instance says counts no more.
    pub epoch: u64,
    /// It counts as lost when it is silent for this long, in seconds.
    pub heartbeat_seconds: u32,
    /// When it was last heard.
    pub heard_at: DateTime<Utc>,
    /// It counts as lost from then on, unless it is heard before: its connection broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<DateTime<Utc>>,
    /// When this registration began.
    pub registered_at: DateTime<Utc>,
    /// When its state last changed.
    pub changed_at: DateTime<Utc>,
    /// Number of the row's version: who changes it says which one it read.
    pub version: i64,
}

/// What an agent says regularly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heartbeat {
    /// How busy it is, 0 to 1.
    pub workload: f64,
    /// Its health.
    pub health: AgentHealth,
}

/// Why an agent is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// It is offline: it has to register again.
    #[error("the agent is offline: register again")]
    Offline,
    /// A later instance has taken its place.
    #[error("another instance has registered as this agent since")]
    Replaced,
}

impl Agent {
    /// Takes in what the agent says of itself.
    ///
    /// # Errors
    /// When it is offline, or another instance has taken its place.
    pub fn hear(&mut self, epoch: u64, said: Heartbeat, now: DateTime<Utc>) -> Result<(), Unheard> {
        self.check(epoch)?;
        self.heard_at = now;
        self.lost_at = None;
        self.workload = said.workload;
        self.health = said.health;
        let (state, reason) = match said.health {
            _ if self.state == AgentState::Draining => return Ok(()),
            AgentHealth::Degraded | AgentHealth::Unhealthy => {
                (AgentState::Degraded, StateReason::HealthReported)
            }
            _ if said.workload > 0.0 => (AgentState::Active, StateReason::AtWork),
            _ => (AgentState::Ready, StateReason::Heard),
        };
        if state == AgentState::Active && self.state == AgentState::Pending {
            self.go(AgentState::Ready, StateReason::Heard, now);
        }
        self.go(state, reason, now);
        Ok(())
    }

    /// Whether the instance of this epoch is the one that counts.
    ///
    /// # Errors
    /// See [`Unheard`].
    pub fn check(&self, epoch: u64) -> Result<(), Unheard> {
        if epoch != self.epoch {
            return Err(Unheard::Replaced);
        }
        if self.state == AgentState::Offline {
            return Err(Unheard::Offline);
        }
        Ok(())
    }

    /// When its silence is to be looked at next; never while it is offline.
    #[must_use]
    pub fn check_at(&self) -> Option<DateTime<Utc>> {
        let patience = self.patience();
        let silent = match (self.state, self.reason) {
            (AgentState::Offline, _) => return None,
            (AgentState::Degraded, StateReason::HeartbeatLate)
            | (AgentState::Draining | AgentState::Pending, _) => self.heard_at + patience,
            _ => self.heard_at + patience / 2,
        };
        Some(self.lost_at.map_or(silent, |lost| lost.min(silent)))
    }

    /// Its connection broke over which it was last heard at `heard`: it has `grace` to be heard elsewhere. Answers whether
    /// that changes anything: it does not when it was heard since.
    pub fn cut_off(&mut self, heard: DateTime<Utc>, grace: Duration, now: DateTime<Utc>) -> bool {
        let counts = self.state != AgentState::Offline && self.heard_at <= heard && self.lost_at.is_none();
        if counts {
            self.lost_at = Some(now + grace);
        }
        counts
    }

    /// What its silence makes of it: late at half of its patience, lost at the end. Answers whether it is lost.
    pub fn miss(&mut self, now: DateTime<Utc>) -> bool {
        if self.state == AgentState::Offline {
            return false;
        }
        if self.lost_at.is_some_and(|lost| lost <= now) {
            self.go(AgentState::Offline, StateReason::HeartbeatLost, now);
            return true;
        }
        let silence = now - self.heard_at;
        if silence >= self.patience() {
            self.go(AgentState::Offline, StateReason::HeartbeatLost, now);
            return true;
        }
        // One that takes tasks; also one that is degraded already, which is late from now on.
        if silence >= self.patience() / 2 && self.state.takes_tasks() {
            self.go(AgentState::Degraded, StateReason::HeartbeatLate, now);
        }
        false
    }

    /// Takes no more tasks, and goes when it has none left.
    pub fn drain(&mut self, now: DateTime<Utc>) {
        self.go(AgentState::Draining, StateReason::DrainAsked, now);
    }

    /// Goes.
    pub fn leave(&mut self, reason: StateReason, now: DateTime<Utc>) {
        self.go(AgentState::Offline, reason, now);
    }

    /// Whether it may be given a task while it holds `open` of them.
    #[must_use]
    pub fn may_take(&self, open: u32) -> bool {
        self.state.takes_tasks() && self.health != AgentHealth::Unhealthy && open < self.capacity
    }

    /// Whether it can do this, at least in this version.
    #[must_use]
    pub fn can(&self, wanted: &Capability) -> bool {
        self.capabilities.iter().any(|own| own.satisfies(wanted))
    }

    /// Moves where the table allows it; where it does not, nothing happens.
    fn go(&mut self, state: AgentState, reason: StateReason, now: DateTime<Utc>) {
        if self.state == state {
            self.reason = reason;
        } else if self.state.may_become(state) {
            (self.state, self.reason, self.changed_at) = (state, reason, now);
        }
    }

    fn patience(&self) -> Duration {
        Duration::seconds(i64::from(self.heartbeat_seconds))
    }
}
