//! What happened to a task.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Bill, TaskState};
use crate::id::AgentId;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody asked for it.
    Created,
    /// Nobody could be given it.
    Waiting,
    /// An agent was given it.
    Assigned,
    /// The agent took it.
    Accepted,
    /// The agent will not do it.
    Rejected,
    /// The agent has begun.
    Started,
    /// The agent did it.
    Completed,
    /// The agent could not do it.
    Failed,
    /// It was taken from its agent: lost, silent, or not answered.
    Released,
    /// A person decided anew who is to do it.
    Delegated,
    /// It was called off.
    Cancelled,
    /// Its deadline passed.
    TimedOut,
    /// An agent that had lost it answered all the same, and was refused.
    LateAnswer,
}

impl EventKind {
    /// Whether it ends an agent's work.
    #[must_use]
    pub fn ends_work(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Released | Self::Cancelled | Self::TimedOut
        )
    }

    /// The text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Released => "released",
            Self::Delegated => "delegated",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::LateAnswer => "late_answer",
        }
    }
}

impl TaskEvent {
    /// What it teaches of its agent: whether it succeeded, and after how many seconds. Nothing where the agent had not
    /// begun, or was not the one to end it.
    #[must_use]
    pub fn lesson(&self) -> Option<(AgentId, bool, f64)> {
        let ends = matches!(
            self.kind,
            EventKind::Completed | EventKind::Failed | EventKind::Released
        );
        let (agent, worked) = self.agent_id.zip(self.worked).filter(|_| ends)?;
        Some((agent, self.kind == EventKind::Completed, worked))
    }
}

/// One line of a task's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// Its place in the history, from 1, without gaps.
    pub number: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: EventKind,
    /// The task's state since.
    pub state: TaskState,
    /// Whom it is about, or who said it: an agent's name, or that of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The assignment that it is about; 0 before the first.
    pub fence: u64,
    /// Seconds that the agent had worked on it, where this ends its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked: Option<f64>,
    /// What the agent's work on it took, where this ends it and the agent has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// More, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
