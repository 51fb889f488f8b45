//! The agents of a tenant at one moment, as `routing` wants to see them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::agent::{AgentHealth, AgentState};
use domain::ports::storage::Known;
use domain::task::{Decision, Delegation, Price, Strategy};
use domain::{Agent, AgentId, DecisionId, Task, TenantId};
use routing::{Health, Name, Need, Settings, Snapshot, State, Version};
use serde_json::Value;

use crate::{Control, ControlError};

/// How many others are kept of those who could have taken a task, and of those who could not; the counts are whole.
const MAX_TOLD: usize = 50;

/// The agents of a tenant at one moment.
pub(super) struct Scene {
    known: Vec<Agent>,
    snapshot: Snapshot,
}

/// What models cost, by name.
type Prices = BTreeMap<String, Price>;

impl Control {
    /// The scene of a tenant.
    pub(super) async fn scene(&self, tenant: TenantId) -> Result<Scene, ControlError> {
        let known = self.storage.agents.known(tenant).await?;
        Ok(Scene::of(known, &self.rules.prices, self.now()))
    }
}

impl Scene {
    fn of(known: Vec<Known>, prices: &Prices, now: DateTime<Utc>) -> Self {
        let agents = known.iter().map(|known| routed(known, prices)).collect();
        let taken_at = millis(now);
        Self {
            known: known.into_iter().map(|known| known.agent).collect(),
            snapshot: Snapshot {
                number: taken_at,
                taken_at,
                agents,
            },
        }
    }

    pub(super) fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.known.iter().find(|agent| agent.id == id)
    }

    /// Whether any agent has a place free.
    pub(super) fn has_room(&self) -> bool {
        let agents = self.known.iter().zip(&self.snapshot.agents);
        agents.into_iter().any(|(agent, seen)| agent.may_take(seen.open))
    }

    /// The agent was given one more task.
    pub(super) fn gave(&mut self, id: AgentId, now: DateTime<Utc>) {
        if let Some(agent) = self.snapshot.agents.iter_mut().find(|agent| agent.id == id.0) {
            agent.open += 1;
            agent.last_chosen = millis(now);
        }
    }

    /// Whom the task is given to, with the reasons; and in words why nobody, where it is nobody.
    pub(super) fn decide(
        &self,
        task: &Task,
        settings: &Settings,
        (id, entropy): (DecisionId, u64),
        now: DateTime<Utc>,
    ) -> (Decision, String) {
        let told = self.choose(task, settings, entropy);
        let why = why(&told, self.snapshot.agents.len());
        let decision = Decision {
            id,
            tenant_id: task.tenant_id,
            task_id: task.id,
            at: now,
            strategy: followed(&told),
            chosen: told.chosen.map(AgentId),
            explanation: explanation(told),
        };
        (decision, why)
    }

    /// First without those who lost or failed it before; then with them, where nobody else can take it. A named agent goes
    /// before all others, or instead of them.
    fn choose(&self, task: &Task, settings: &Settings, entropy: u64) -> routing::Decision {
        let name = match task.delegation {
            Delegation::LoadBalance => Name::LeastLoaded,
            _ => name(task.strategy),
        };
        let refused: BTreeSet<_> = task.refused_by.iter().map(|id| id.0).collect();
        let without = |not_to: &BTreeSet<_>| asked(task, not_to.clone());
        if matches!(task.delegation, Delegation::Manual | Delegation::Failover) {
            let named = Snapshot {
                agents: self.named(task),
                ..self.snapshot
            };
            let told = routing::decide(name, &named, &without(&refused), settings, entropy);
            if told.chosen.is_some() || task.delegation == Delegation::Manual {
                return told;
            }
        }
        let avoided = refused
            .iter()
            .copied()
            .chain(task.avoid.iter().map(|id| id.0))
            .collect();
        let told = routing::decide(name, &self.snapshot, &without(&avoided), settings, entropy);
        if told.chosen.is_some() || task.avoid.is_empty() {
            return told;
        }
        routing::decide(name, &self.snapshot, &without(&refused), settings, entropy)
    }

    fn named(&self, task: &Task) -> Vec<routing::Agent> {
        let named = |agent: &&routing::Agent| task.named.is_some_and(|id| id.0 == agent.id);
        self.snapshot.agents.iter().filter(named).cloned().collect()
    }
}

fn routed(known: &Known, prices: &Prices) -> routing::Agent {
    let agent = &known.agent;
    let mut labels = agent.labels.clone();
    if !agent.region.is_empty() {
        labels.insert("region".to_owned(), agent.region.clone());
    }
    let capability = |own: &domain::agent::Capability| (own.name.clone(), version(own.version));
    routing::Agent {
        id: agent.id.0,
        agent_type: agent.agent_type.as_str().to_owned(),
        state: state(agent.state),
        health: health(agent.health),
        capabilities: agent.capabilities.iter().map(capability).collect(),
        labels,
        usd_per_1k_tokens: prices.get(&agent.model).map_or(0.0, Price::foreseen),
        workload: agent.workload,
        open: known.held,
        capacity: agent.capacity,
        backlog: 0,
        last_chosen: known.chosen_at,
        experience: serde_json::from_value(known.experience.clone()).unwrap_or_default(),
    }
}

fn asked(task: &Task, not_to: BTreeSet<uuid::Uuid>) -> routing::Task {
    let needs = &task.needs;
    let need = |wanted: &domain::agent::Capability| Need {
        capability: wanted.name.clone(),
        minimum: Some(version(wanted.version)),
    };
    let mut labels = needs.labels.clone();
    if let Some(region) = &needs.region {
        labels.insert("region".to_owned(), region.clone());
    }
    routing::Task {
        task_type: task.kind.clone(),
        needs: needs.capabilities.iter().map(need).collect(),
        wishes: needs.wishes.iter().map(need).collect(),
        agent_type: needs.agent_type.map(|wanted| wanted.as_str().to_owned()),
        labels,
        preferred_labels: BTreeMap::new(),
        priority: task.priority as u8,
        deadline: task.deadline_named.then(|| millis(task.deadline)),
        expected_tokens: (task.expected_tokens > 0).then_some(task.expected_tokens),
        budget_usd: task.budget_usd,
        not_to,
    }
}

fn why(told: &routing::Decision, present: usize) -> String {
    if present == 0 {
        return "no agent is here".to_owned();
    }
    let reasons = told.left_out_count.iter();
    let reasons: Vec<_> = reasons
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if reasons.is_empty() {
        return "the agent that was named is not here".to_owned();
    }
    reasons.join("; ")
}

fn explanation(told: routing::Decision) -> Value {
    serde_json::to_value(told.condensed(MAX_TOLD)).unwrap_or_default()
}

fn followed(told: &routing::Decision) -> Strategy {
    match told.followed.parse() {
        Ok(Name::RoundRobin) => Strategy::RoundRobin,
        Ok(Name::LeastLoaded) => Strategy::LeastLoaded,
        Ok(Name::CapabilityMatch) => Strategy::CapabilityMatch,
        Ok(Name::PerformanceBased) => Strategy::PerformanceBased,
        Ok(Name::CostOptimized) => Strategy::CostOptimized,
        Ok(Name::Auto) | Err(_) => Strategy::Auto,
    }
}

fn name(strategy: Strategy) -> Name {
    match strategy {
        Strategy::RoundRobin => Name::RoundRobin,
        Strategy::LeastLoaded => Name::LeastLoaded,
        Strategy::CapabilityMatch => Name::CapabilityMatch,
        Strategy::PerformanceBased => Name::PerformanceBased,
        Strategy::CostOptimized => Name::CostOptimized,
        Strategy::Auto => Name::Auto,
    }
}

fn state(state: AgentState) -> State {
    match state {
        AgentState::Pending => State::Pending,
        AgentState::Ready => State::Ready,
        AgentState::Active => State::Active,
        AgentState::Degraded => State::Degraded,
        AgentState::Draining => State::Draining,
        AgentState::Offline => State::Offline,
    }
}

fn health(health: AgentHealth) -> Health {
    match health {
        AgentHealth::Healthy => Health::Healthy,
        AgentHealth::Degraded => Health::Degraded,
        AgentHealth::Unhealthy => Health::Unhealthy,
        AgentHealth::Unknown => Health::Unknown,
    }
}

fn version(version: domain::agent::Version) -> Version {
    Version([version.0, version.1, version.2])
}

pub(super) fn millis(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}
