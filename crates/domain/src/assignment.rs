//! Assignments: tasks that are given to somebody by name, a user or an agent, who is told of it by a job. An agent does it as
//! a [`crate::Task`] like any other; a user says when it is done.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AgentId, AssignmentId, KeyId, TaskId, TenantId, UserId};
use crate::job::Priority;

/// Whom it was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// A user.
    User(UserId),
    /// An agent.
    Agent(AgentId),
}

impl Recipient {
    /// `user` or `agent`: the attribute `notification.recipient_type`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Agent(_) => "agent",
        }
    }
}

/// A task that was given to somebody by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Identifier.
    pub id: AssignmentId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// The name of whom it was given to.
    pub assignee: String,
    /// Who that is.
    pub recipient: Recipient,
    /// As which task an agent does it, once it was told.
    pub task_id: Option<TaskId>,
    /// Who gave it: the name of a key or a user.
    pub creator: String,
    /// The creator's key.
    pub created_by: Option<KeyId>,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// When the assignee was told.
    pub notified_at: Option<DateTime<Utc>>,
    /// When a user said that it is done.
    pub done_at: Option<DateTime<Utc>>,
}

/// The payload of [`crate::JobKind::Notification`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationPayload {
    /// What there is to tell of.
    pub assignment_id: AssignmentId,
    /// `user` or `agent`.
    pub recipient_type: String,
}
