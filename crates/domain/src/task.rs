//! Tasks: work that an agent is given. How one moves is in `task/moves.rs` and `task/answers.rs`; every move leaves an event, and the events are
//! the task's history. No rule reads a clock.

mod answers;
mod bill;
mod event;
mod moves;
mod state;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use answers::{Refusal, Word};
pub use bill::{Bill, Price, Usage};
pub use event::{EventKind, TaskEvent};
pub use moves::{Due, LostReason};
pub use state::TaskState;

use crate::agent::{AgentType, Capability};
use crate::id::{AgentId, DecisionId, KeyId, TaskId, TenantId};
use crate::job::Priority;

/// How an agent is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Whoever's turn it is.
    RoundRobin,
    /// Whoever has the least to do.
    LeastLoaded,
    /// Whoever's capabilities fit best.
    CapabilityMatch,
    /// Whoever did such tasks best.
    PerformanceBased,
    /// Whoever does it for the least money within its deadline.
    CostOptimized,
    /// As the task says by what it asks for.
    #[default]
    Auto,
}

impl Strategy {
    /// The text form and the `strategy` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastLoaded => "least_loaded",
            Self::CapabilityMatch => "capability_match",
            Self::PerformanceBased => "performance_based",
            Self::CostOptimized => "cost_optimized",
            Self::Auto => "auto",
        }
    }
}

/// Who decides which agent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delegation {
    /// A person has named the agent; nobody else is given the task.
    Manual,
    /// The strategy.
    #[default]
    Automatic,
    /// The agent that was named, and the strategy where that one cannot or will not.
    Failover,
    /// Whoever has the least to do, whatever the strategy.
    LoadBalance,
}

/// What a task asks of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// What it must be able to do, and from which version on.
    pub capabilities: Vec<Capability>,
    /// What would be good for it to be able to do.
    pub wishes: Vec<Capability>,
    /// The type that it must be.
    pub agent_type: Option<AgentType>,
    /// Where it must run.
    pub region: Option<String>,
    /// Labels that it must have.
    pub labels: BTreeMap<String, String>,
}

/// What a task may cost in time and tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// An agent that was given the task must accept it within this time, in seconds.
    pub accept_seconds: u32,
    /// An agent that has accepted it must be heard about it at least this often, in seconds.
    pub silence_seconds: u32,
    /// How often it may be tried.
    pub max_attempts: u32,
}

/// How far an agent says that it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 to 100.
    pub percent: f64,
    /// For a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why a task did not come to a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskError {
    /// The agent's word, or one of `attempts_exhausted`, `cancelled`, `deadline`, `over_budget`.
    pub kind: String,
    /// For a person.
    pub message: String,
}

/// The agent that has a task, as far as a task that outlives it must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignee {
    /// The agent.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub agent_type: AgentType,
    /// The name of the key that speaks for it.
    pub owner: String,
}

/// One piece of work for an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Identifier.
    pub id: TaskId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What sort of work it is, for example `code_review`: agents are judged by it, and it is the `task_type` label.
    pub kind: String,
    /// For a person, in a line.
    pub title: String,
    /// What the agent is given.
    pub input: Value,
    /// What it asks of an agent.
    pub needs: Needs,
    /// How urgent it is.
    pub priority: Priority,
    /// How an agent is chosen.
    pub strategy: Strategy,
    /// Who decides which one.
    pub delegation: Delegation,
    /// The agent that was named, for [`Delegation::Manual`] and [`Delegation::Failover`].
    pub named: Option<AgentId>,
    /// Tokens that it probably takes, for its price; 0 where nobody said.
    pub expected_tokens: u64,
    /// The most that it may cost.
    pub budget_usd: Option<f64>,
    /// What it has cost so far, in all attempts.
    #[serde(default)]
    pub spent_usd: f64,
    /// What the current attempt has taken, by its agent's word; the last one's once it is finished.
    #[serde(default)]
    pub billed: Bill,
    /// Where it stands.
    pub state: TaskState,
    /// Who has it; who had it, once it is finished.
    pub assignee: Option<Assignee>,
    /// Number of the assignment, from 1; 0 before the first. It fences: an answer with another number is too late.
    pub fence: u64,
    /// Number of the attempt. An agent that refuses uses none up.
    pub attempt: u32,
    /// Agents that refused it: they are not asked again.
    pub refused_by: Vec<AgentId>,
    /// Agents that lost it or failed: others go first.
    pub avoid: Vec<AgentId>,
    /// What it may cost in time and tries.
    pub patience: Patience,
    /// When it is over, whatever its state.
    pub deadline: DateTime<Utc>,
    /// Whether whoever created it named that deadline.
    pub deadline_named: bool,
    /// When something is to be done about it; never once it is finished.
    pub due_at: Option<DateTime<Utc>>,
    /// Why nobody has it, while nobody does.
    pub waiting_for: Option<String>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What came of it.
    pub result: Option<Value>,
    /// Why nothing came of it, or why the last attempt failed.
    pub error: Option<TaskError>,
    /// The task that it is a part of.
    pub parent_id: Option<TaskId>,
    /// How many tasks are above it.
    pub depth: u32,
    /// Who created it.
    pub created_by: Option<KeyId>,
    /// The creator's name.
    pub creator: String,
    /// The creator's idempotency key.
    pub idempotency_key: Option<String>,
    /// SHA-256 of what was asked for, to tell a repetition from another request with the same key.
    pub fingerprint: String,
    /// W3C trace context of whoever created it.
    pub trace: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was given to its assignee.
    pub assigned_at: Option<DateTime<Utc>>,
    /// When its assignee accepted it.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was finished.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// How many events it has.
    pub events: u32,
    /// How many late answers were refused.
    pub late_answers: u32,
    /// Number of the row's version: who changes it says which one it read.
    pub version: i64,
}

/// One choice of an agent, with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Identifier.
    pub id: DecisionId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The task.
    pub task_id: TaskId,
    /// When.
    pub at: DateTime<Utc>,
    /// The strategy that chose.
    pub strategy: Strategy,
    /// Whom; none when nobody was eligible.
    pub chosen: Option<AgentId>,
    /// Who was eligible with which scores, and who was left out and why.
    pub explanation: Value,
}
