//! What agents and tasks leave in metrics, spans and the log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use control::agents::AgentChange;
use domain::agent::{AgentHealth, AgentState, StateReason};
use domain::ports::storage::{TaskChange, WaitingTasks};
use domain::task::{EventKind, LostReason, TaskState};
use domain::{Agent, Task, TenantId};
use tracing::{Span, field};

use crate::metrics::{AgentMetrics, AssignmentMetrics, CostMetrics, TaskMetrics};

/// The span of one move of a task, by the contract's attributes.
pub(super) fn span(name: &'static str) -> Span {
    tracing::info_span!(
        "task",
        otel.name = name,
        task.id = field::Empty,
        task.r#type = field::Empty,
        task.routing_strategy = field::Empty,
        task.priority = field::Empty,
        task.priority_level = field::Empty,
        task.processing_time_ms = field::Empty,
        task.estimated_cost_usd = field::Empty,
        task.actual_cost_usd = field::Empty,
        cost.model = field::Empty,
        cost.input_tokens = field::Empty,
        cost.output_tokens = field::Empty,
        cost.total_usd = field::Empty,
        agent.id = field::Empty,
        agent.r#type = field::Empty,
        tenant.id = field::Empty,
    )
}

/// What is known once the task is read.
pub(super) fn fill_in(span: &Span, task: &Task) {
    span.record("task.id", field::display(task.id));
    span.record("task.type", task.kind.as_str());
    span.record("task.routing_strategy", task.strategy.as_str());
    span.record("task.priority", task.priority.as_str());
    span.record("task.priority_level", task.priority as i64);
    span.record("tenant.id", field::display(task.tenant_id));
    if let Some(took) = task.took() {
        span.record("task.processing_time_ms", took * 1_000.0);
    }
    if task.spent_usd > 0.0 {
        span.record("task.actual_cost_usd", task.spent_usd);
    }
    if !task.billed.is_empty() {
        let usage = task.billed.usage;
        span.record("cost.model", task.billed.model.as_str());
        span.record("cost.input_tokens", usage.input_tokens);
        span.record("cost.output_tokens", usage.output_tokens);
        span.record("cost.total_usd", task.billed.usd);
    }
    if let Some(holder) = &task.assignee {
        span.record("agent.id", field::display(holder.id));
        span.record("agent.type", holder.agent_type.as_str());
    }
}

/// What the agent that was chosen will probably cost.
pub(super) fn foreseen(span: &Span, change: &TaskChange) {
    let decision = change.decision.as_ref();
    let told = decision.and_then(|decision| {
        let chosen = decision.chosen?.to_string();
        let eligible = decision.explanation.get("eligible")?.as_array()?;
        let winner = eligible.iter().find(|one| one["agent"] == chosen.as_str())?;
        winner["cost_usd"].as_f64()
    });
    if let Some(usd) = told.filter(|usd| *usd > 0.0) {
        span.record("task.estimated_cost_usd", usd);
    }
}

/// Counts what attempts that ended with this have taken.
pub(super) fn costs(metrics: &CostMetrics, change: &TaskChange) {
    let tenant = change.task.tenant_id.to_string();
    for bill in change.events.iter().filter_map(|event| event.bill.as_ref()) {
        let (tenant, model) = (tenant.as_str(), bill.model.as_str());
        metrics.usd.with([tenant, model]).add(bill.usd);
        let tokens = [
            ("input", bill.usage.input_tokens),
            ("output", bill.usage.output_tokens),
        ];
        for (direction, count) in tokens {
            metrics.tokens.with([tenant, model, direction]).increment(count);
        }
    }
}

/// Counts a move, and writes the one closing line of a task that is finished by it.
pub(super) fn task(agents: &AgentMetrics, assignments: &AssignmentMetrics, change: &TaskChange) {
    let task = &change.task;
    let (kind, priority, strategy) = (task.kind.as_str(), task.priority.as_str(), task.strategy.as_str());
    for event in &change.events {
        if event.kind == EventKind::Assigned {
            assignments.created.with([kind, priority, strategy]).increment(1);
        }
        tracing::debug!(
            event = "task_moved",
            task_id = %task.id,
            task_type = kind,
            what = event.kind.as_str(),
            state = event.state.as_str(),
            agent = event.who,
            fence = event.fence,
            detail = event.detail,
            "task {} {}",
            task.id,
            event.kind.as_str()
        );
    }
    let finished = task.finished_at.is_some()
        && change
            .events
            .last()
            .is_some_and(|last| last.kind != EventKind::LateAnswer);
    if finished {
        close(agents, assignments, task);
    }
}

/// Counts tasks that were taken from their agents; of a sort that was given to one, from 0 on, so that the first is seen as an
/// increase.
pub(super) fn released(tasks: &TaskMetrics, change: &TaskChange) {
    let kind = change.task.kind.as_str();
    if change
        .events
        .iter()
        .any(|event| event.kind == EventKind::Assigned)
    {
        for why in LostReason::ALL {
            tasks.released.with([kind, why.label()]).increment(0);
        }
    }
    let events = change.events.iter();
    for event in events.filter(|event| event.kind == EventKind::Released) {
        let detail = event.detail.as_deref();
        let reason = LostReason::ALL
            .into_iter()
            .find(|why| Some(why.as_str()) == detail);
        let reason = reason.map_or("other", LostReason::label);
        tasks.released.with([kind, reason]).increment(1);
    }
}

fn close(agents: &AgentMetrics, assignments: &AssignmentMetrics, task: &Task) {
    let (kind, priority, strategy) = (task.kind.as_str(), task.priority.as_str(), task.strategy.as_str());
    let status = task.state.as_str();
    let took = task.took().unwrap_or_default();
    let worked = task.finished_at.and_then(|end| task.worked(end));
    assignments
        .completed
        .with([kind, priority, strategy, status])
        .increment(1);
    assignments
        .duration
        .with([kind, priority])
        .record_in(&Span::current(), took);
    if let Some(holder) = &task.assignee {
        let (id, agent_type) = (holder.id.to_string(), holder.agent_type.as_str());
        agents
            .completed
            .with([id.as_str(), agent_type, kind, status])
            .increment(1);
        if let Some(worked) = worked {
            agents.duration.with([agent_type, kind]).record(worked);
        }
    }
    macro_rules! closing {
        ($level:ident, $event:literal) => {
            tracing::$level!(
                event = $event,
                task_id = %task.id,
                task_type = kind,
                tenant_id = %task.tenant_id,
                user_id = task.creator,
                priority,
                strategy,
                outcome = status,
                agent = task.assignee.as_ref().map(|holder| holder.name.as_str()),
                attempts = task.attempt,
                assignments = task.fence,
                error_type = task.error.as_ref().map(|error| error.kind.as_str()),
                worked = worked,
                cost_usd = task.spent_usd,
                duration = took,
                duration_ms = (took * 1_000.0) as u64,
                "task {} {status}",
                task.id
            )
        };
    }
    if task.state == TaskState::Completed {
        closing!(info, "task_completed");
    } else {
        closing!(warn, "task_failed");
    }
}

/// Says that an agent came, went or is missed.
pub(super) fn agent(metrics: &AgentMetrics, change: &AgentChange) {
    let agent = &change.agent;
    let (agent_type, reason) = (agent.agent_type.as_str(), agent.reason.as_str());
    let lost = change.lost.len();
    match (agent.state, agent.reason) {
        (AgentState::Pending, _) => tracing::info!(
            event = "agent_registered",
            agent_id = %agent.id,
            agent = agent.name,
            agent_type,
            model = agent.model,
            epoch = agent.epoch,
            tasks_released = lost,
            "agent {} registered",
            agent.name
        ),
        (AgentState::Degraded, StateReason::HeartbeatLate)
        | (AgentState::Offline, StateReason::HeartbeatLost) => {
            metrics.unhealthy.with([agent_type, reason]).increment(1);
            tracing::warn!(
                event = "agent_missed",
                agent_id = %agent.id,
                agent = agent.name,
                agent_type,
                state = agent.state.as_str(),
                reason,
                tasks_released = lost,
                "agent {} is {}: {reason}",
                agent.name,
                agent.state.as_str()
            );
        }
        (AgentState::Offline, _) => tracing::info!(
            event = "agent_left",
            agent_id = %agent.id,
            agent = agent.name,
            agent_type,
            reason,
            tasks_released = lost,
            "agent {} has left: {reason}",
            agent.name
        ),
        _ => {}
    }
}

/// The series that the gauges of agents show, so that those of agents that are gone can be taken off.
#[derive(Debug, Default)]
pub struct Shown {
    agents: BTreeSet<String>,
    registered: BTreeSet<[String; 3]>,
    capabilities: BTreeSet<[String; 2]>,
    tenants: BTreeSet<String>,
    waiting: BTreeSet<String>,
}

impl Shown {
    /// Sets every gauge from those who are here.
    pub(super) fn show(&mut self, metrics: &AgentMetrics, agents: &[Agent], manifests: &[(TenantId, u64)]) {
        self.show_workloads(metrics, agents);
        self.show_counts(metrics, agents);
        let mut of_tenants: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for agent in agents {
            of_tenants.entry(agent.tenant_id.to_string()).or_default().0 += 1;
        }
        for (tenant, count) in manifests {
            of_tenants.entry(tenant.to_string()).or_default().1 = *count;
        }
        for (tenant, (agents, manifests)) in &of_tenants {
            metrics.of_tenant.with([tenant]).set(*agents as f64);
            metrics.manifests.with([tenant]).set(*manifests as f64);
        }
        let now: BTreeSet<String> = of_tenants.into_keys().collect();
        for gone in self.tenants.difference(&now) {
            metrics.of_tenant.remove([gone]);
            metrics.manifests.remove([gone]);
        }
        self.tenants = now;
    }

    /// Sets the gauges of tasks that wait.
    pub(super) fn show_waiting(
        &mut self,
        metrics: &TaskMetrics,
        waiting: &[WaitingTasks],
        now: DateTime<Utc>,
    ) {
        let mut kinds = BTreeSet::new();
        for of_kind in waiting {
            let labels = [of_kind.kind.as_str()];
            let age = (now - of_kind.oldest).as_seconds_f64().max(0.0);
            metrics.waiting.with(labels).set(of_kind.count as f64);
            metrics.oldest.with(labels).set(age);
            kinds.insert(of_kind.kind.clone());
        }
        for gone in self.waiting.difference(&kinds) {
            metrics.waiting.remove([gone]);
            metrics.oldest.remove([gone]);
        }
        self.waiting = kinds;
    }

    fn show_workloads(&mut self, metrics: &AgentMetrics, agents: &[Agent]) {
        let mut now = BTreeSet::new();
        for agent in agents {
            let id = agent.id.to_string();
            let labels = [id.as_str(), agent.agent_type.as_str()];
            metrics.workload.with(labels).set(agent.workload * 100.0);
            now.insert(id);
        }
        for gone in self.agents.difference(&now) {
            metrics.workload.remove_where("agent_id", gone);
            metrics.completed.remove_where("agent_id", gone);
        }
        self.agents = now;
    }

    fn show_counts(&mut self, metrics: &AgentMetrics, agents: &[Agent]) {
        let mut registered: BTreeMap<[String; 3], u64> = BTreeMap::new();
        let mut capabilities: BTreeMap<[String; 2], u64> = BTreeMap::new();
        for agent in agents {
            let agent_type = agent.agent_type.as_str().to_owned();
            let key = [
                agent_type.clone(),
                agent.model.clone(),
                agent.state.as_str().to_owned(),
            ];
            *registered.entry(key).or_default() += 1;
            for capability in &agent.capabilities {
                let key = [capability.name.clone(), agent_type.clone()];
                *capabilities.entry(key).or_default() += 1;
            }
        }
        for agent_type in domain::agent::AgentType::ALL {
            let word = agent_type.as_str();
            let of_type = || agents.iter().filter(|agent| agent.agent_type == agent_type);
            metrics.active.with([word]).set(of_type().count() as f64);
            for health in AgentHealth::ALL {
                let count = of_type().filter(|agent| agent.health == health).count();
                metrics.health.with([word, health.as_str()]).set(count as f64);
            }
        }
        for (labels, count) in &registered {
            metrics.registered.with(labels.each_ref()).set(*count as f64);
        }
        for (labels, count) in &capabilities {
            metrics.capabilities.with(labels.each_ref()).set(*count as f64);
        }
        let registered: BTreeSet<_> = registered.into_keys().collect();
        let capabilities: BTreeSet<_> = capabilities.into_keys().collect();
        for gone in self.registered.difference(&registered) {
            metrics.registered.remove(gone.each_ref());
        }
        for gone in self.capabilities.difference(&capabilities) {
            metrics.capabilities.remove(gone.each_ref());
        }
        (self.registered, self.capabilities) = (registered, capabilities);
    }
}
