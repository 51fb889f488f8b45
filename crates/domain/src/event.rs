//! What happens in a tenant: one log, numbered, for whoever follows it. An event says that something happened and to what, in
//! a few words; inputs, results, bodies and secrets are in none.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentState, StateReason};
use crate::id::{AgentId, MessageId, TaskId, TenantId};
use crate::message::DeliveryState;
use crate::task::{Task, TaskEvent};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The tenant that it happened in.
    pub tenant_id: TenantId,
    /// Its place in the tenant's log, from 1, without gaps; 0 until it is given one.
    #[serde(default)]
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What, `noun.verb`: for example `task.completed`.
    pub kind: String,
    /// The agent that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The task that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The message that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The agent's labels, or those that the task asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// More, in a few words.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

impl Event {
    /// What happened to an agent, if anybody may want to know: that it registered, and each change of its state.
    #[must_use]
    pub fn of_agent(agent: &Agent, before: Option<&Agent>) -> Option<Self> {
        let moved = before.is_none_or(|before| (before.state, before.epoch) != (agent.state, agent.epoch));
        let kind = match (agent.state, agent.reason) {
            _ if !moved => return None,
            (AgentState::Pending, _) => "agent.registered",
            (AgentState::Offline, StateReason::HeartbeatLost) => "agent.lost",
            (AgentState::Offline, _) => "agent.left",
            _ => "agent.state",
        };
        let data = json!({
            "name": agent.name, "type": agent.agent_type.as_str(), "state": agent.state.as_str(),
            "reason": agent.reason.as_str(), "epoch": agent.epoch,
        });
        Some(Self {
            agent_id: Some(agent.id),
            labels: agent.labels.clone(),
            ..Self::new(agent.tenant_id, kind, agent.changed_at, data)
        })
    }

    /// One line of a task's history.
    #[must_use]
    pub fn of_task(task: &Task, line: &TaskEvent) -> Self {
        let kind = format!("task.{}", line.kind.as_str());
        let mut data = json!({
            "type": task.kind, "priority": task.priority.as_str(), "state": line.state.as_str(), "fence": line.fence,
        });
        if let Some(who) = &line.who {
            data["who"] = json!(who);
        }
        Self {
            agent_id: line.agent_id,
            task_id: Some(task.id),
            labels: task.needs.labels.clone(),
            ..Self::new(task.tenant_id, &kind, line.at, data)
        }
    }

    /// What became of a message at one of its receivers.
    #[must_use]
    pub fn of_delivery(
        tenant: TenantId,
        message: MessageId,
        agent: (AgentId, &str),
        state: DeliveryState,
        at: DateTime<Utc>,
    ) -> Self {
        let kind = match state {
            DeliveryState::Waiting => "message.sent",
            DeliveryState::Delivered => "message.delivered",
            DeliveryState::Acknowledged => "message.acknowledged",
            DeliveryState::Expired => "message.expired",
        };
        Self {
            agent_id: Some(agent.0),
            message_id: Some(message),
            ..Self::new(tenant, kind, at, json!({ "to": agent.1 }))
        }
    }

    fn new(tenant_id: TenantId, kind: &str, at: DateTime<Utc>, data: Value) -> Self {
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        Self {
            tenant_id,
            number: 0,
            at,
            kind: kind.to_owned(),
            agent_id: None,
            task_id: None,
            message_id: None,
            labels: BTreeMap::new(),
            data,
        }
    }
}

/// Which events somebody wants; all that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Of one of these kinds: `task.completed`, or `task.*` for all of a noun; any when empty.
    pub kinds: Vec<String>,
    /// About this task.
    pub task: Option<TaskId>,
    /// About this agent.
    pub agent: Option<AgentId>,
    /// With these labels.
    pub labels: BTreeMap<String, String>,
}

impl Interest {
    /// Whether `kind` can be asked for: `noun.verb`, `noun.*` or `*`.
    #[must_use]
    pub fn is_kind(kind: &str) -> bool {
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        kind == "*"
            || kind
                .split_once('.')
                .is_some_and(|(noun, verb)| kind.len() <= 64 && word(noun) && (verb == "*" || word(verb)))
    }

    /// Whether it wants this event.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let is = |kind: &String| match kind.strip_suffix('*') {
            Some(prefix) => event.kind.starts_with(prefix),
            None => event.kind == *kind,
        };
        (self.kinds.is_empty() || self.kinds.iter().any(is))
            && self.task.is_none_or(|task| event.task_id == Some(task))
            && self.agent.is_none_or(|agent| event.agent_id == Some(agent))
            && self
                .labels
                .iter()
                .all(|(name, value)| event.labels.get(name) == Some(value))
    }
}
