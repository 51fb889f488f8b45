//! A row of `assignments`.

use chrono::{DateTime, Utc};
use domain::assignment::{Assignment, Recipient};
use domain::{AgentId, AssignmentId, KeyId, Priority, TaskId, TenantId, UserId};
use uuid::Uuid;

use crate::column::Word;

macro_rules! assignment_columns {
    () => {
        "id, tenant_id, title, description, priority, assignee, user_id, agent_id, task_id, creator, created_by, \
         created_at, notified_at, done_at"
    };
}
pub(crate) use assignment_columns;

/// A row of `assignments`.
#[derive(sqlx::FromRow)]
pub struct AssignmentRow {
    id: Uuid,
    tenant_id: Uuid,
    title: String,
    description: String,
    priority: Word<Priority>,
    assignee: String,
    user_id: Option<Uuid>,
    agent_id: Option<Uuid>,
    task_id: Option<Uuid>,
    creator: String,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    notified_at: Option<DateTime<Utc>>,
    done_at: Option<DateTime<Utc>>,
}

impl From<AssignmentRow> for Assignment {
    fn from(row: AssignmentRow) -> Self {
        let recipient = match row.agent_id {
            Some(id) => Recipient::Agent(AgentId(id)),
            None => Recipient::User(UserId(row.user_id.unwrap_or_default())),
        };
        Self {
            id: AssignmentId(row.id),
            tenant_id: TenantId(row.tenant_id),
            title: row.title,
            description: row.description,
            priority: row.priority.0,
            assignee: row.assignee,
            recipient,
            task_id: row.task_id.map(TaskId),
            creator: row.creator,
            created_by: row.created_by.map(KeyId),
            created_at: row.created_at,
            notified_at: row.notified_at,
            done_at: row.done_at,
        }
    }
}
