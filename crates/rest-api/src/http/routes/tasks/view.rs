//! Tasks as the API shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use control::tasks::Explained;
use domain::task::{Decision, Delegation, Strategy, Task, TaskEvent, TaskState};
use domain::{AgentId, DecisionId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::routes::jobs::PriorityName;
use crate::http::routes::keys::mirrored;

mirrored! {
    /// Where a task stands.
    TaskStateName of TaskState {
        Pending = "pending",
        Assigned = "assigned",
        Accepted = "accepted",
        Rejected = "rejected",
        InProgress = "in_progress",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
        Timeout = "timeout",
    }
}

mirrored! {
    /// How an agent is chosen.
    StrategyName of Strategy {
        RoundRobin = "round_robin",
        LeastLoaded = "least_loaded",
        CapabilityMatch = "capability_match",
        PerformanceBased = "performance_based",
        CostOptimized = "cost_optimized",
        Auto = "auto",
    }
}

mirrored! {
    /// Who decides which agent it is: a person (`manual`: nobody else), the strategy (`automatic`), the agent that is named
    /// and then the strategy (`failover`), or whoever has the least to do (`load_balance`).
    DelegationName of Delegation {
        Manual = "manual",
        Automatic = "automatic",
        Failover = "failover",
        LoadBalance = "load_balance",
    }
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: TaskId,
    /// What sort of work it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// For a person, in a line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What the agent is given.
    #[schema(value_type = Object)]
    pub input: Value,
    /// What it must be able to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_capabilities: Vec<String>,
    /// How urgent it is.
    pub priority: PriorityName,
    /// How an agent is chosen.
    pub strategy: StrategyName,
    /// Who decides which agent it is.
    pub delegation: DelegationName,
    /// Where it stands.
    pub state: TaskStateName,
    /// Who has it, or had it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// That agent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Number of the assignment: an agent's answers name it.
    pub fence: u64,
    /// How often an agent accepted it.
    pub attempt: u32,
    /// How often it may be tried.
    pub max_attempts: u32,
    /// How long an agent that has accepted it may be silent about it.
    pub silence_seconds: u32,
    /// The most that it may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// What it has cost so far, by the tokens that its agents told of and the price list.
    pub cost_usd: f64,
    /// Why nobody has it, while nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why nothing came of it, or why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskErrorView>,
    /// The task that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub parent_id: Option<TaskId>,
    /// Who created it: the name of the key.
    pub creator: String,
    /// W3C trace context of whoever created it.
    pub trace: BTreeMap<String, String>,
    /// When it is over, whatever its state.
    pub deadline: DateTime<Utc>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// When it was finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

/// How far a task is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressView {
    /// 0 to 100.
    pub percent: f64,
    /// For a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why a task did not come to a result.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskErrorView {
    /// The agent's word, or one of `attempts_exhausted`, `cancelled`, `deadline`.
    pub kind: String,
    /// For a person.
    pub message: String,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        let progress = task.progress.map(|progress| ProgressView {
            percent: progress.percent,
            message: progress.message,
        });
        let error = task.error.map(|error| TaskErrorView {
            kind: error.kind,
            message: error.message,
        });
        Self {
            id: task.id,
            kind: task.kind,
            title: task.title,
            input: task.input,
            needs_capabilities: task.needs.capabilities.iter().map(ToString::to_string).collect(),
            priority: task.priority.into(),
            strategy: task.strategy.into(),
            delegation: task.delegation.into(),
            state: task.state.into(),
            agent_id: task.assignee.as_ref().map(|holder| holder.id),
            agent: task.assignee.map(|holder| holder.name),
            fence: task.fence,
            attempt: task.attempt,
            max_attempts: task.patience.max_attempts,
            silence_seconds: task.patience.silence_seconds,
            budget_usd: task.budget_usd,
            cost_usd: task.spent_usd,
            waiting_for: task.waiting_for,
            progress,
            result: task.result,
            error,
            parent_id: task.parent_id,
            creator: task.creator,
            trace: task.trace,
            deadline: task.deadline,
            created_at: task.created_at,
            updated_at: task.updated_at,
            finished_at: task.finished_at,
        }
    }
}

/// One line of a task's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Its place, from 1.
    pub number: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub what: String,
    /// The task's state since.
    pub state: TaskStateName,
    /// The agent it is about, or the key that asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// The assignment that it is about; 0 before the first.
    pub fence: u64,
    /// Seconds that the agent had worked on it, where this ends its work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worked: Option<f64>,
    /// More, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<TaskEvent> for EventView {
    fn from(event: TaskEvent) -> Self {
        Self {
            number: event.number,
            at: event.at,
            what: event.kind.as_str().to_owned(),
            state: event.state.into(),
            who: event.who,
            agent_id: event.agent_id,
            fence: event.fence,
            worked: event.worked,
            detail: event.detail,
        }
    }
}

/// A task with its history.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedTask {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// What happened to it, in order.
    pub history: Vec<EventView>,
    /// How many parts it has in each state.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, u64>,
}

impl From<Explained> for ExplainedTask {
    fn from(explained: Explained) -> Self {
        let part = |(state, count): (TaskState, u64)| (state.as_str().to_owned(), count);
        Self {
            task: explained.task.into(),
            history: explained.history.into_iter().map(Into::into).collect(),
            parts: explained.parts.into_iter().map(part).collect(),
        }
    }
}

/// One choice of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: DecisionId,
    /// When.
    pub at: DateTime<Utc>,
    /// The strategy that chose.
    pub strategy: StrategyName,
    /// Whom; absent when nobody could take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub chosen: Option<AgentId>,
    /// Who was eligible with which scores, and who was left out and why.
    #[schema(value_type = Object)]
    pub explanation: Value,
}

/// Who was chosen for a task and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionsView {
    /// In order.
    pub items: Vec<DecisionView>,
}

impl From<Vec<Decision>> for DecisionsView {
    fn from(decisions: Vec<Decision>) -> Self {
        let view = |decision: Decision| DecisionView {
            id: decision.id,
            at: decision.at,
            strategy: decision.strategy.into(),
            chosen: decision.chosen,
            explanation: decision.explanation,
        };
        Self {
            items: decisions.into_iter().map(view).collect(),
        }
    }
}
